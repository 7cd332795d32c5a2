extension APIClient {
    /// The fields that queries can ask for.
    public var fields: Fields<Self> { Fields(runner: runner) }
}

/// The fields of data sources (`/query/fields`).
public struct Fields<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists the fields of a data source: `GET /query/fields`.
    ///
    /// Ids may change over time: do not keep them for long.
    /// - Parameters:
    ///   - dsID: the data source, for example `AW`.
    ///   - accounts: accounts whose custom fields are wanted too; then `loginUsernames` is needed.
    ///   - loginUsernames: the logins that reach those accounts.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(
        dsID: String,
        accounts: [String] = [],
        loginUsernames: [String] = [],
        options: RequestOptions = RequestOptions()
    ) -> Call<[Field], Client> {
        call { () throws(SupermetricsError) in
            guard accounts.isEmpty || !loginUsernames.isEmpty else {
                throw Check.refusal("fields of accounts need the logins that reach them", "give ds_users")
            }
            let json = try DiscoveryQuery.json(dsID, loginUsernames, nil, accounts: accounts)
            return .get("/query/fields", json: json, options: options)
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }
}

/// One field of a data source.
public struct Field: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as a query's `fields` takes it.
    public let id: String

    /// Reads a field of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("field_id")
    }

    /// The name for people.
    public var name: String? { json.text("field_name") }
    /// `dim` for a dimension, `met` for a metric.
    public var fieldType: FieldType? { json.word("field_type") }
    /// The API's type, for example `string.time.date`; a hint only.
    public var dataType: String? { json.text("data_type") }
    /// What it means: `description`.
    public var summary: String? { json.text("description") }
    /// The group it is shown under.
    public var groupName: String? { json.text("group_name") }
    /// Whether filters may use it.
    public var isFilterable: Bool? { json.bool("is_filterable") }
    /// Whether it must not be summed over days or accounts; metrics only.
    public var isNonAggregatable: Bool? { json.bool("is_non_aggregatable") }
}

/// Whether a field is a dimension or a metric.
public struct FieldType: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A type by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// It says what a row is about.
    public static let dimension = FieldType(rawValue: "dim")
    /// It says how much.
    public static let metric = FieldType(rawValue: "met")
}
