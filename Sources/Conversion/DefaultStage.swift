public import PipelineCore

/// `default`: puts a value where a column is null or empty.
///
/// - Schema: none changes; a value must fit its column's type.
/// - Cost per row: one look at a cell per column; no allocation.
/// - Example: `default: {clicks: 0}`.
public struct DefaultStage: Stage {
    /// A column and the value it gets.
    public struct Default: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// The value, as text.
        public var value: String

        /// Puts `value` where `column` is null or empty.
        public init(_ column: String, _ value: String) {
            self.column = column
            self.value = value
        }
    }

    private let defaults: [Default]

    /// Puts values where columns are null or empty.
    public init(_ defaults: [Default]) { self.defaults = defaults }

    /// Ties the stage to columns; those it names must be there, and the values fit their types.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: defaults.map(\.column), for: Self.name)
        var replacements: [ConstantCell] = []
        for (position, value) in zip(positions, defaults) {
            let type = input.columns[position].type
            guard let constant = ConstantCell(value.value, as: type) else {
                throw StageError(
                    .schema,
                    "\(Self.name): the value for '\(value.column)' does not fit its type, \(type); "
                        + "cast the column first, or give another value"
                )
            }
            replacements.append(constant)
        }
        return BoundDefault(output: input, positions: positions, values: replacements)
    }
}

extension DefaultStage: NamedStage {
    static let name = "default"

    init(arguments: StageArgument) throws(StageError) {
        var defaults: [Default] = []
        for entry in try arguments.entries(of: Self.name, example: "{clicks: 0}") {
            guard let text = entry.value.scalarText else {
                throw StageError(.schema, "\(Self.name): the value for '\(entry.key)' is not a text, number or bool")
            }
            defaults.append(Default(entry.key, text))
        }
        self.init(defaults)
    }
}

/// A value that many cells hold, in the form of its column's type.
struct ConstantCell: Sendable {
    let kind: Cell.Kind
    let bytes: [UInt8]

    /// The value `text` stands for in a column of `type`; nil where it does not fit.
    init?(_ text: String, as type: ColumnType) {
        var bytes = Array(text.utf8)
        let read = Cell(.raw, offset: 0, length: bytes.count)
        guard type != .text else {
            (kind, self.bytes) = (.raw, bytes)
            return
        }
        guard let cell = try? CellConversion(0, "", to: type).convert(read, in: &bytes), !cell.isNull else {
            return nil
        }
        (kind, self.bytes) = (cell.kind, Array(bytes[cell.range]))
    }

    /// A cell that holds the value, its bytes appended.
    func cell(in bytes: inout [UInt8]) -> Cell {
        let start = bytes.count
        bytes += self.bytes
        return Cell(kind, over: start..<bytes.count)
    }
}

private struct BoundDefault: TracedStage {
    let output: Schema
    let positions: [Int]
    let values: [ConstantCell]

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        let width = batch.columnCount
        for (position, value) in zip(positions, values) {
            let filling = value.cell(in: &batch.bytes)
            var cells = batch.cells.mutableSpan
            for index in stride(from: position, to: cells.count, by: width) where cells[index].length == 0 {
                cells[index] = filling
            }
        }
    }
}
