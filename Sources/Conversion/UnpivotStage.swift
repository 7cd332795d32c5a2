public import PipelineCore

/// `unpivot`: makes columns rows: each row becomes one row per column, with the column's name and its value.
///
/// A null makes a row too, so that nothing is lost; a `filter` behind it leaves such rows out.
/// - Schema: the columns go; behind the others come `name`, a `text`, and `value`, of the columns' type. Columns of
///   different numeric types make a `decimal`; other types must be one.
/// - Cost per row: as many cells are written as there are columns; no allocation but for the larger batch.
/// - Example: `unpivot: {columns: [desktop, mobile], name: device, value: sessions}`; where the columns are not known before
///   the query has run, `unpivot: {except: [date], name: device, value: sessions}`.
public struct UnpivotStage: Stage {
    /// Which columns become rows.
    private enum Choice: Hashable {
        case these([String])
        case allBut([String])
    }

    private let choice: Choice
    private let nameColumn: String
    private let valueColumn: String

    /// Makes rows of `columns`, their names in the column `name` and their values in the column `value`.
    public init(_ columns: [String], name: String, value: String) {
        self.init(.these(columns), name, value)
    }

    /// Makes rows of all columns but `kept`, their names in the column `name` and their values in the column `value`.
    public init(except kept: [String], name: String, value: String) {
        self.init(.allBut(kept), name, value)
    }

    private init(_ choice: Choice, _ name: String, _ value: String) {
        (self.choice, nameColumn, valueColumn) = (choice, name, value)
    }

    /// Ties the stage to columns; those it names must be there and share a type, and the new names be free.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions: [Int]
        switch choice {
        case .these(let columns): positions = try input.positions(of: columns, for: Self.name)
        case .allBut(let columns):
            let kept = try input.positions(of: columns, for: Self.name)
            positions = input.columns.indices.filter { place in
                !kept.contains(place) && !input.columns[place].name.hasPrefix(ColumnName.reservedPrefix)
            }
        }
        let columns = positions.map { input.columns[$0].name }
        let kept = input.columns.indices.filter { !positions.contains($0) }
        let names = kept.map { input.columns[$0].name } + [nameColumn, valueColumn]
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw StageError(.schema, "\(Self.name): there would be two columns '\(name)'; choose another name")
        }
        for name in [nameColumn, valueColumn] where name.isEmpty || name.hasPrefix(ColumnName.reservedPrefix) {
            throw StageError(
                .schema,
                "\(Self.name): '\(name)': a column needs a name that does not begin with '\(ColumnName.reservedPrefix)'"
            )
        }
        let types = positions.map { input.columns[$0].type }
        let type: ColumnType
        if let first = types.first, types.allSatisfy({ $0 == first }) {
            type = first
        } else if types.allSatisfy({ ExpressionType($0) == .number }) {
            type = .decimal(nil)
        } else {
            let shown = zip(columns, types).map { "\($0) \($1)" }.joined(separator: ", ")
            throw StageError(.schema, "\(Self.name): the columns have several types (\(shown)); cast them to one first")
        }
        let made = [Column(name: nameColumn, type: .text), Column(name: valueColumn, type: type)]
        return BoundUnpivot(
            output: Schema(kept.map { input.columns[$0] } + made),
            kept: kept,
            positions: positions,
            names: columns
        )
    }
}

extension UnpivotStage: NamedStage {
    static let name = "unpivot"

    init(arguments: StageArgument) throws(StageError) {
        let usage = "expected `\(Self.name): {columns: [desktop, mobile], name: device, value: sessions}`"
        guard case .map(let entries) = arguments else { throw StageError(.schema, "\(Self.name): \(usage)") }
        var (choices, name, value) = ([Choice](), String?.none, String?.none)
        for entry in entries {
            switch entry.key {
            case "columns": choices.append(.these(try entry.value.columnNames(of: Self.name)))
            case "except": choices.append(.allBut(try entry.value.columnNames(of: Self.name)))
            case "name": name = entry.value.name
            case "value": value = entry.value.name
            default:
                let hint = NearestName.hint(for: entry.key, in: ["columns", "except", "name", "value"], called: "keys")
                throw StageError(.schema, "\(Self.name): there is no key '\(entry.key)'\(hint)")
            }
        }
        guard choices.count == 1, let choice = choices.first, let name, let value else {
            throw StageError(.schema, "\(Self.name): \(usage), or `except:` in the place of `columns:`")
        }
        self.init(choice, name, value)
    }
}

private struct BoundUnpivot: TracedStage {
    let output: Schema
    let kept: [Int]
    let positions: [Int]
    let names: [String]

    var readColumns: [Int] { positions }

    func sources(of place: Int) -> [Int] { place < kept.count ? [kept[place]] : place == kept.count ? [] : positions }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        guard !positions.isEmpty || batch.rowCount == 0 else {
            throw StageError(.data, "\(UnpivotStage.name): no column is left to make rows of")
        }
        let (width, cells, rowCount) = (batch.columnCount, batch.cells, batch.rowCount)
        let nameCells = names.map { name in
            let start = batch.bytes.count
            batch.bytes += name.utf8
            return Cell(.raw, over: start..<batch.bytes.count)
        }
        let numbers = (0..<rowCount).flatMap { repeatElement(batch.rowNumber(at: $0), count: positions.count) }
        batch.cells = [Cell](capacity: rowCount * positions.count * output.columns.count) { made in
            for row in 0..<rowCount {
                for (place, name) in zip(positions, nameCells) {
                    for column in kept { made.append(cells[row * width + column]) }
                    made.append(name)
                    made.append(cells[row * width + place])
                }
            }
        }
        batch.schema = output
        batch.rowCount = rowCount * positions.count
        batch.rowNumbers = numbers
        rejects.added += batch.rowCount - rowCount
    }
}
