extension APIClient {
    /// Connectors a team built itself.
    public var connectors: Connectors<Self> { Connectors(runner: runner) }
}

/// The connector builder (`/v1/teams/{team_id}/connector_builder/connectors`).
///
/// A connector's identifier is also the `ds_id` by which queries use it. Reading needs a key of scope
/// `cb_connectors_read`, creating `cb_connectors_write`.
public struct Connectors<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists a team's connectors: `GET /v1/teams/{team_id}/connector_builder/connectors`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - includeConfigs: whether each comes with its configuration.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(
        teamID: Int,
        includeConfigs: Bool = false,
        options: RequestOptions = RequestOptions()
    ) -> Call<[Connector], Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            return .get(
                Self.path(teamID),
                query: [("include_configs", "\(includeConfigs)")],
                options: options
            )
        } decode: { raw throws(ModelError) in
            try raw.models("connectors")
        }
    }

    /// Gets a connector with its configuration:
    /// `GET /v1/teams/{team_id}/connector_builder/connectors/{connector_identifier}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - connectorIdentifier: the connector, for example `T3S70`.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where there is none.
    public func get(
        teamID: Int,
        connectorIdentifier: String,
        options: RequestOptions = RequestOptions()
    ) -> Call<Connector, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.text(connectorIdentifier, "connector_identifier", atMost: 100)
            return .get("/v1/teams/\(teamID)/connector_builder/connectors/\(connectorIdentifier)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Creates a connector: `POST /v1/teams/{team_id}/connector_builder/connectors`, as a form.
    ///
    /// There is no draft: it can be used at once. Its configuration is the default one, or another connector's.
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - title: the name for people, 1 to 255 characters; read back as ``Connector/name``.
    ///   - description: what it is, at most 1000 characters.
    ///   - connectorIdentifier: a connector to copy the configuration of; nil for the default one.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where there is none to copy.
    public func create(
        teamID: Int,
        title: String,
        description: String? = nil,
        connectorIdentifier: String? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<Connector, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.text(title, "title", atMost: 255)
            try Check.length(description, "description", atMost: 1000)
            try Check.length(connectorIdentifier, "connector_identifier", atMost: 100)
            let fields = [
                ("title", title), ("description", description), ("connector_identifier", connectorIdentifier),
            ]
            return .write(
                .post,
                Self.path(teamID),
                body: .form(fields.compactMap { name, value in value.map { (name, $0) } }),
                options: options
            )
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    private static func path(_ teamID: Int) -> APIPath { "/v1/teams/\(teamID)/connector_builder/connectors" }
}

/// One connector a team built.
public struct Connector: APIModel {
    /// How a connector asks its source.
    public struct Configuration: APIModel {
        /// The object as the API wrote it.
        public let json: JSONObject

        /// Reads a configuration.
        public init(json: JSONObject) throws(ModelError) {
            self.json = json
        }

        /// Its version.
        public var version: String? { json.text("version") }
        /// The configuration itself, by the connector builder's JSON Schema.
        public var configurationJSON: JSONValue? { json["configuration_json"] }
        /// When this version was made.
        public var createdAt: APITime? { json.time("created_at") }
        /// When it was changed last.
        public var updatedAt: APITime? { json.time("updated_at") }
    }

    /// The object as the API wrote it.
    public let json: JSONObject
    /// `connector_identifier`; also the `ds_id` of its queries.
    public let id: String
    /// Its configuration; nil where a list leaves it out.
    public let configuration: Configuration?

    /// Reads a connector of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("connector_identifier")
        configuration = try json.model("configuration")
    }

    /// The name for people; `title` when it is written.
    public var name: String? { json.text("name", "title") }
    /// What it is: `description`.
    public var summary: String? { json.text("description") }
    /// The address of its logo.
    public var logoURL: String? { json.text("logo_url") }
    /// When it was created.
    public var createdAt: APITime? { json.time("created_at") }
    /// When it was changed last.
    public var updatedAt: APITime? { json.time("updated_at") }
}
