extension APIClient {
    /// Teams and who is in them.
    public var teams: Teams<Self> { Teams(runner: runner) }
}

/// Teams (`/v1/teams/{team_id}`).
///
/// The API has no call that lists teams: an id comes from elsewhere.
public struct Teams<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Gets a team: `GET /v1/teams/{team_id}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func get(teamID: Int, options: RequestOptions = RequestOptions()) -> Call<Team, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            return .get("/v1/teams/\(teamID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Lists who is in a team: `GET /v1/teams/{team_id}/users`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func listUsers(teamID: Int, options: RequestOptions = RequestOptions()) -> Call<[TeamUser], Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            return .get("/v1/teams/\(teamID)/users", options: options)
        } decode: { raw throws(ModelError) in
            try raw.models("users")
        }
    }
}

/// One team.
public struct Team: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `team_id`.
    public let id: Int

    /// Reads a team of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("team_id")
    }

    /// The name for people.
    public var name: String? { json.text("name") }
    /// The id for people, for example `SM_…`.
    public var displayID: String? { json.text("display_id") }
    /// A number from 0 to 10 whose meaning the API does not document.
    public var status: Int? { json.int("status") }
    /// When it was created.
    public var createdAt: APITime? { json.time("created_at") }
}

/// One member of a team.
public struct TeamUser: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `user_id`.
    public let id: Int

    /// Reads a member of a team.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("user_id")
    }

    /// The e-mail address.
    public var email: String? { json.text("email") }
    /// The first name.
    public var firstName: String? { json.text("first_name") }
    /// The last name.
    public var lastName: String? { json.text("last_name") }
    /// What the member may do.
    public var role: TeamRole? { json.word("role") }
    /// When the member joined.
    public var createdAt: APITime? { json.time("created_at") }
}

/// What a member of a team may do.
public struct TeamRole: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A role by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// All.
    public static let admin = TeamRole(rawValue: "admin")
    /// What members may.
    public static let member = TeamRole(rawValue: "member")
}
