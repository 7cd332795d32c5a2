extension SupermetricsClient {
    /// The fields that queries can ask for.
    public var fields: Fields { Fields(executor: executor) }
}

/// The fields endpoint.
public struct Fields: Sendable {
    let executor: RequestExecutor

    /// Lists the fields of a data source: `GET /query/fields`.
    ///
    /// Ids may change over time: do not keep them for long.
    /// - Parameters:
    ///   - dsID: the data source, for example `AW`.
    ///   - accounts: accounts whose custom fields are wanted too; then `loginUsernames` is needed.
    ///   - loginUsernames: the logins that reach those accounts.
    ///   - options: what this call does differently from the client.
    /// - Returns: the fields.
    /// - Throws: ``SupermetricsError``.
    public func list(
        dsID: String,
        accounts: [String] = [],
        loginUsernames: [String] = [],
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> FieldList {
        guard accounts.isEmpty || !loginUsernames.isEmpty else {
            throw SupermetricsError(.client, "fields of accounts need the logins that reach them (ds_users)")
        }
        var json: JSONObject = ["ds_id": .string(dsID)]
        if !accounts.isEmpty { json["ds_accounts"] = .array(accounts.map(JSONValue.string)) }
        if !loginUsernames.isEmpty { json["ds_users"] = .array(loginUsernames.map(JSONValue.string)) }
        let answer = try await executor.json(.get("/query/fields", json: json, options: options))
        return try answer.read { object throws(ModelError) in
            FieldList(requestID: answer.requestID, fields: try object.list("data"))
        }
    }
}

/// The fields of a data source.
public struct FieldList: Sendable, Hashable {
    /// The API's id of the exchange.
    public let requestID: String?
    /// The fields, in the API's order.
    public let fields: [Field]
}

/// One field of a data source.
public struct Field: Sendable, Hashable, APIModel {
    /// The id, as a query's `fields` takes it.
    public let id: String
    /// The name for people.
    public let name: String?
    /// `dim` for a dimension, `met` for a metric.
    public let fieldType: String?
    /// The API's type, for example `string.time.date`; a hint only.
    public let dataType: String?
    /// What it means.
    public let summary: String?
    /// The group it is shown under.
    public let groupName: String?
    /// Whether filters may use it.
    public let isFilterable: Bool?
    /// Whether it must not be summed over days or accounts; metrics only.
    public let isNonAggregatable: Bool?

    init(_ object: JSONObject) throws(ModelError) {
        id = try object.requiredText("field_id")
        name = object.text("field_name")
        fieldType = object.text("field_type")
        dataType = object.text("data_type")
        summary = object.text("description")
        groupName = object.text("group_name")
        isFilterable = object["is_filterable"]?.boolValue
        isNonAggregatable = object["is_non_aggregatable"]?.boolValue
    }
}
