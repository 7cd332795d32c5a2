extension APIClient {
    /// Data source connections, which transfers are built on.
    public var dataSourceConnections: DataSourceConnections<Self> { DataSourceConnections(runner: runner) }
}

/// Data source connections (`/teams/{team_id}/data-source-connections` of the DTS API).
///
/// A connection must exist before a transfer is created. They need a key of scope `dwh_transfers_write`.
public struct DataSourceConnections<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Creates a connection: `POST /teams/{team_id}/data-source-connections`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - dataSourceID: the data source: 1 to 50 of `A-Z 0-9 _`, for example `ADM`.
    ///   - destinationType: the kind of destination, written alike, for example `SQL_BQ` or `DWH_SNOWFLAKE`.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `quota` and code `API_ROW_QUOTA_EXCEEDED` where the month's rows are used
    ///   up, which waiting a moment does not cure.
    public func create(
        teamID: Int,
        dataSourceID: String,
        destinationType: String,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataSourceConnection, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            for (value, name) in [(dataSourceID, "data_source_id"), (destinationType, "destination_type")] {
                try Check.text(value, name, atMost: 50)
                try Check.characters(value, name, Check.isWordCharacter, "A-Z, 0-9 and _")
            }
            return .write(
                .post,
                "/teams/\(teamID)/data-source-connections",
                body: .json([
                    "data_source_id": .string(dataSourceID), "destination_type": .string(destinationType),
                ]),
                options: options
            )
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }
}

/// One data source connection.
public struct DataSourceConnection: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `connection_id`, an upper-case UUID: to be sent back exactly as it came.
    public let id: String

    /// Reads a connection of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("connection_id")
    }

    /// Where to log in; null in this version of the API.
    public var loginURL: String? { json.text("login_url") }
    /// Where to connect; null in this version of the API.
    public var connectURL: String? { json.text("connect_url") }
}
