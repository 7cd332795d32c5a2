public import PipelineCore

/// A field of a query, as far as its column depends on it.
public struct LandedField: Hashable, Sendable {
    /// The id as requested.
    public var id: String
    /// The API's `data_type`, a hint such as `string.time.date`; empty where it is not known.
    public var dataType: String
    /// Whether its `field_type` is `met`.
    public var isMetric: Bool

    /// The field requested as `id`.
    public init(id: String, dataType: String = "", isMetric: Bool = false) {
        self.id = id
        self.dataType = dataType
        self.isMetric = isMetric
    }
}

extension Schema {
    /// The columns as they land without stages: one per field, in order.
    ///
    /// - Parameters:
    ///   - fields: The fields whose cells stand in a row, in the order of the cells.
    ///   - naming: How the columns are named.
    /// - Throws: `StageError` with the code `.schema` where two fields would land in one column, or a field in none.
    public init(landing fields: [LandedField], naming: ColumnNaming = .snakeCase) throws(StageError) {
        var owners: [String: String] = [:]
        var columns: [Column] = []
        columns.reserveCapacity(fields.count)
        for field in fields {
            let name = try Schema.name(for: field.id, naming)
            if let owner = owners.updateValue(field.id, forKey: name) {
                throw Schema.collision(of: owner, with: field.id, as: name)
            }
            let type = ColumnType(dataType: field.dataType, isMetric: field.isMetric)
            columns.append(Column(name: name, type: type, field: field.id))
        }
        self.init(columns)
    }

    private static func name(for id: String, _ naming: ColumnNaming) throws(StageError) -> String {
        let name = naming == .keep ? id : ColumnName.normalized(id)
        guard let name, !name.isEmpty else {
            let cure = id.isEmpty ? "give it an id" : "write `columns: keep`, or request it under another id"
            throw StageError(.schema, "field '\(id)': no letter or digit to make a column name of; \(cure)")
        }
        guard !name.hasPrefix(ColumnName.reservedPrefix) else {
            throw StageError(
                .schema,
                "field '\(id)': names that begin with '\(ColumnName.reservedPrefix)' are sluice's own; "
                    + "leave out `columns: keep`, or request it under another id"
            )
        }
        return name
    }

    private static func collision(of first: String, with second: String, as name: String) -> StageError {
        guard first != second else {
            return StageError(.schema, "field '\(first)' is requested twice; request it once")
        }
        return StageError(
            .schema,
            "fields '\(first)' and '\(second)' would both land in the column '\(name)'; "
                + "write `columns: keep`, or request one of them under another id"
        )
    }
}
