import ByteCodecs
public import PipelineCore

/// `map`: replaces values by others, from a table; values that are not in it stay.
///
/// `_other: null` makes them null, `_other: fail` bad rows, and any other `_other` is what they become. A null stays null.
/// - Schema: the column is `text` afterwards, as the table maps texts; a number is looked up by its digits.
/// - Cost per row: one look-up per column; no allocation, but for values that came with escapes.
/// - Example: `map: {device: {m: mobile, d: desktop}}`.
public struct MapStage: Stage {
    /// What becomes of a value that is not in the table.
    public enum Other: Hashable, Sendable {
        /// It stays.
        case keep
        /// It becomes null.
        case null
        /// It makes a bad row.
        case fail
        /// It becomes this.
        case value(String)
    }

    /// A column and its table.
    public struct Mapping: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// What each value becomes; nil for null.
        public var table: [String: String?]
        /// What becomes of others.
        public var other: Other

        /// Maps the values of `column`.
        public init(_ column: String, _ table: [String: String?], other: Other = .keep) {
            self.column = column
            self.table = table
            self.other = other
        }
    }

    private let mappings: [Mapping]

    /// Maps the values of columns.
    public init(_ mappings: [Mapping]) { self.mappings = mappings }

    /// Ties the stage to columns; those it names must be there.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: mappings.map(\.column), for: Self.name)
        var output = input
        for position in positions { output.columns[position].type = .text }
        let tables = zip(positions, mappings).map { ValueTable(column: $0, $1) }
        return BoundMap(output: output, tables: tables)
    }
}

extension MapStage: NamedStage {
    static let name = "map"
    private static let other = "_other"

    init(arguments: StageArgument) throws(StageError) {
        var mappings: [Mapping] = []
        for entry in try arguments.entries(of: Self.name, example: "{device: {m: mobile, d: desktop}}") {
            guard case .map(let values) = entry.value, !values.isEmpty else {
                throw StageError(
                    .schema,
                    "\(Self.name): '\(entry.key)' has no table; write `\(entry.key): {m: mobile, d: desktop}`"
                )
            }
            var mapping = Mapping(entry.key, [:])
            for value in values {
                let text = value.value.scalarText
                guard text != nil || value.value == .null else {
                    throw StageError(
                        .schema,
                        "\(Self.name): '\(entry.key)': '\(value.key)' becomes no text, number, bool or null"
                    )
                }
                if value.key == Self.other {
                    mapping.other = text.map { $0 == "fail" ? .fail : $0 == "null" ? .null : .value($0) } ?? .null
                } else {
                    mapping.table[value.key] = .some(text)
                }
            }
            mappings.append(mapping)
        }
        self.init(mappings)
    }
}

/// A table of texts that is asked for bytes, without making a text of them.
private struct ValueTable: Sendable {
    let column: Int
    let name: String
    let other: MapStage.Other
    let keys: [[UInt8]]
    let values: [ConstantCell?]
    /// Places of keys by hash, -1 where there is none; twice as many as keys and a power of two.
    private let slots: [Int32]

    init(column: Int, _ mapping: MapStage.Mapping) {
        (self.column, name, other) = (column, mapping.column, mapping.other)
        let entries = mapping.table.sorted { $0.key < $1.key }
        keys = entries.map { Array($0.key.utf8) }
        values = entries.map { $0.value.flatMap { ConstantCell($0, as: .text) } }
        var count = 4
        while count < keys.count * 2 { count *= 2 }
        var slots = [Int32](repeating: -1, count: count)
        for (index, key) in keys.enumerated() {
            var slot = Int(truncatingIfNeeded: Self.hash(key.span, 0..<key.count)) & (count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (count - 1) }
            slots[slot] = Int32(index)
        }
        self.slots = slots
    }

    /// FNV-1a; the table is the user's own, so nobody sends keys that collide.
    private static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3 }
        return hash ^ hash >> 29
    }

    /// The place of the key that stands in `range`; nil where there is none.
    func find(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var slot = Int(truncatingIfNeeded: Self.hash(bytes, range)) & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if bytes.holds(keys[index], in: range) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }
}

extension Span<UInt8> {
    fileprivate func holds(_ wanted: [UInt8], in range: Range<Int>) -> Bool {
        guard wanted.count == range.count else { return false }
        for index in wanted.indices where self[range.lowerBound + index] != wanted[index] { return false }
        return true
    }
}

private struct BoundMap: TracedStage {
    let output: Schema
    let tables: [ValueTable]

    var readColumns: [Int] { tables.map(\.column) }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        batch.schema = output
        let width = batch.columnCount
        var scratch: [UInt8] = []
        // Of rows that fail, the first column that did.
        var failed: [Int: String] = [:]
        for table in tables {
            let values = table.values.map { $0?.cell(in: &batch.bytes) ?? .null }
            var other = Cell.null
            if case .value(let text) = table.other {
                other = ConstantCell(text, as: .text)?.cell(in: &batch.bytes) ?? .null
            }
            for row in 0..<batch.rowCount {
                let index = row * width + table.column
                var cell = batch.cells[index]
                guard !cell.isNull else { continue }
                if cell.kind == .escaped { cell = cell.unescaped(&batch.bytes, &scratch) }
                if let found = table.find(batch.bytes.span, cell.range) {
                    batch.cells[index] = values[found]
                    continue
                }
                switch table.other {
                case .keep:
                    if cell.kind != .text { batch.cells[index] = Cell(.raw, offset: cell.offset, length: cell.length) }
                case .null, .value: batch.cells[index] = other
                case .fail: failed[row] = failed[row] ?? table.name
                }
            }
        }
        for (row, column) in failed.sorted(by: { $0.key < $1.key }) {
            rejects.append(
                Reject(
                    row: batch.rowNumber(at: row),
                    column: column,
                    stage: MapStage.name,
                    rule: "not a value of the table"
                )
            )
        }
        batch.removeRows(at: failed.keys.sorted())
    }
}
