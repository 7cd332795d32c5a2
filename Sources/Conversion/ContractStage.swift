import ByteCodecs
public import PipelineCore

/// `contract`: holds the columns that land to types, nullability and values that were agreed on.
///
/// A column of the contract that is not there is an error of the schema; a value that breaks it makes a bad row.
/// - Schema: a column whose type is pinned has that type.
/// - Cost per row: a look at a cell per rule, a look-up per column whose values are pinned; no allocation.
/// - Example: `contract: {cost: {type: decimal, nullable: false}, device: {values: [mobile, desktop]}}`.
public struct ContractStage: Stage {
    /// What is agreed of one column.
    public struct Term: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// Its type; nil where it is free.
        public var type: ColumnType?
        /// Whether null may occur.
        public var isNullable: Bool
        /// The only values it may have besides null, as text; nil where all may occur.
        public var values: [String]?

        /// A column that is there, and whatever else is said.
        public init(_ column: String, type: ColumnType? = nil, isNullable: Bool = true, values: [String]? = nil) {
            self.column = column
            self.type = type
            self.isNullable = isNullable
            self.values = values
        }
    }

    static let name = "contract"
    private let terms: [Term]

    /// Holds columns to `terms`.
    public init(_ terms: [Term]) { self.terms = terms }

    /// Ties the contract to columns; each it names must be there, and its values be values of the column's type.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let positions = try input.positions(of: terms.map(\.column), for: Self.name)
        var output = input
        var conversions: [CellConversion] = []
        var checks: [BoundContract.Check] = []
        for (position, term) in zip(positions, terms) {
            if let type = term.type {
                output.columns[position].type = type
                conversions.append(CellConversion(position, term.column, to: type))
            }
            var allowed: Set<[UInt8]>?
            if let values = term.values {
                let type = output.columns[position].type
                var texts: Set<[UInt8]> = []
                for value in values {
                    guard let constant = ConstantCell(value, as: type) else {
                        throw StageError(
                            .schema,
                            "\(Self.name): '\(term.column)': an allowed value does not fit its type, \(type)"
                        )
                    }
                    texts.insert(type.canonical(constant.bytes))
                }
                allowed = texts
            }
            if !term.isNullable || allowed != nil {
                checks.append(
                    BoundContract.Check(
                        column: position,
                        name: term.column,
                        isNullable: term.isNullable,
                        type: output.columns[position].type,
                        values: allowed
                    )
                )
            }
        }
        let typing = BoundConversions(output: output, conversions: conversions, stage: Self.name)
        return BoundContract(output: output, typing: typing, checks: checks)
    }
}

extension ColumnType {
    /// The form in which equal values of the type are equal bytes.
    fileprivate func canonical(_ text: [UInt8]) -> [UInt8] {
        var canonical = text
        if self == .timestamp { canonical.trimFractionOfSecond() }
        guard ExpressionType(self) == .number, let number = DecimalText(text.span) else { return canonical }
        canonical.removeAll(keepingCapacity: true)
        number.appendCanonical(text.span, to: &canonical)
        return canonical
    }
}

private struct BoundContract: TracedStage {
    struct Check: Sendable {
        var column: Int
        var name: String
        var isNullable: Bool
        var type: ColumnType
        var values: Set<[UInt8]>?

        /// The rule that the cell breaks; nil where it keeps all.
        func broken(_ cell: Cell, _ bytes: Span<UInt8>, _ text: inout [UInt8]) -> String? {
            guard !cell.isNull else { return isNullable ? nil : "null, which the contract forbids" }
            guard let values else { return nil }
            text.removeAll(keepingCapacity: true)
            cell.appendText(in: bytes, to: &text)
            return values.contains(type.canonical(text)) ? nil : "not a value that the contract allows"
        }
    }

    let output: Schema
    let typing: BoundConversions
    let checks: [Check]

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        var found = Rejects()
        typing.process(&batch, rejecting: &found)
        var (gone, broken): ([Int], [Reject]) = ([], [])
        var text: [UInt8] = []
        let width = batch.columnCount
        for row in 0..<batch.rowCount where !checks.isEmpty {
            for check in checks {
                let cell = batch.cells[row * width + check.column]
                guard let rule = check.broken(cell, batch.bytes.span, &text) else { continue }
                broken.append(
                    Reject(
                        row: batch.rowNumber(at: row),
                        column: check.name,
                        stage: ContractStage.name,
                        rule: rule
                    )
                )
                gone.append(row)
                break
            }
        }
        batch.removeRows(at: gone)
        for reject in (found.rows + broken).sorted(by: { $0.row < $1.row }) { rejects.append(reject) }
    }
}
