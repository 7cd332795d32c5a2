/// The columns of a batch, in order.
public struct Schema: Hashable, Sendable, Codable {
    /// The columns, in the order in which their cells stand in a row.
    public var columns: [Column]

    /// A schema of these columns.
    public init(_ columns: [Column]) { self.columns = columns }

    /// The position of the column named `name`; nil where there is none.
    public func index(of name: String) -> Int? { columns.firstIndex { $0.name == name } }

    /// The names, in order.
    public var names: [String] { columns.map(\.name) }
}

/// One column: the name it lands under and the type of its cells.
public struct Column: Hashable, Sendable, Codable {
    /// The name in the destination.
    public var name: String
    /// What its cells hold.
    public var type: ColumnType
    /// The API's id of the field it comes from, as requested; nil for a column a stage made.
    public var field: String?

    /// A column named `name`.
    public init(name: String, type: ColumnType, field: String? = nil) {
        self.name = name
        self.type = type
        self.field = field
    }
}
