extension APIClient {
    /// Logins: the access to data sources that people gave.
    public var logins: Logins<Self> { Logins(runner: runner) }
}

/// Logins (`/ds/logins`, `/ds/login/{login_id}`).
public struct Logins<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Gets a login with its scopes: `GET /ds/login/{login_id}`.
    ///
    /// - Parameters:
    ///   - loginID: the login, for example `dsl_…`.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where there is none.
    public func get(loginID: String, options: RequestOptions = RequestOptions()) -> Call<DataSourceLogin, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(loginID, "login_id", atMost: 50)
            return .get("/ds/login/\(loginID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Lists the logins, without their scopes: `GET /ds/logins`.
    ///
    /// - Parameter options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(options: RequestOptions = RequestOptions()) -> Call<[DataSourceLogin], Client> {
        call { () throws(SupermetricsError) in
            .get("/ds/logins", options: options)
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }

    /// Finds a login by its user name, case included; the API has no such call, so all logins are listed.
    ///
    /// - Parameters:
    ///   - loginUsername: the user name.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where no login has that name, the first where several do.
    public func getByUsername(
        _ loginUsername: String,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataSourceLogin, Client> {
        Call(runner) { () throws(SupermetricsError) in
            try Check.text(loginUsername, "login_username", atMost: 255)
            return .get("/ds/logins", options: options)
        } perform: { (executor, request) async throws(SupermetricsError) in
            let raw = try await executor.json(request)
            let logins: [DataSourceLogin] = try raw.read { raw throws(ModelError) in try raw.models() }
            guard let login = logins.first(where: { $0.username == loginUsername }) else {
                throw SupermetricsError(
                    .notFound,
                    "none of the \(logins.count) logins has the user name \"\(loginUsername)\"",
                    advice: "list the logins; case counts"
                )
            }
            return Response(value: login, raw: raw)
        }
    }

    /// Lists accounts of a login: `GET /ds/login/{login_id}/accounts`.
    ///
    /// - Parameters:
    ///   - loginID: the login.
    ///   - offset: how many to skip, 0 to 1 000 000.
    ///   - limit: how many at most, 1 to 1000.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value says how many there are.
    public func getAccounts(
        loginID: String,
        offset: Int = 0,
        limit: Int = 100,
        options: RequestOptions = RequestOptions()
    ) -> Call<LoginAccounts, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(loginID, "login_id", atMost: 50)
            try Check.range(offset, "offset", 0...1_000_000)
            try Check.range(limit, "limit", 1...1000)
            return .get(
                "/ds/login/\(loginID)/accounts",
                query: [("offset", "\(offset)"), ("limit", "\(limit)")],
                options: options
            )
        } decode: { raw throws(ModelError) in
            LoginAccounts(accounts: try raw.models(), total: raw.json["meta"]?["paginate"]?["total"]?.intValue)
        }
    }

    /// Revokes a login: `DELETE /ds/login/{login_id}`.
    ///
    /// Queries and transfers that use it fail from then on; only a new login by the person restores access.
    /// - Parameters:
    ///   - loginID: the login.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value is whether the login was revoked.
    public func revoke(loginID: String, options: RequestOptions = RequestOptions()) -> Call<Bool, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(loginID, "login_id", atMost: 50)
            return .write(.delete, "/ds/login/\(loginID)", options: options)
        } decode: { raw throws(ModelError) in
            // HTTP 204 says it without a body.
            if raw.json.isNull { return true }
            guard let result = (raw.json["data"] ?? raw.json)["result"]?.boolValue else {
                throw ModelError(reason: "result is missing")
            }
            return result
        }
    }
}

/// One page of a login's accounts.
public struct LoginAccounts: Sendable, Hashable {
    /// The accounts of this page.
    public let accounts: [Account]
    /// Accounts there are in all; nil where the API does not say.
    public let total: Int?
}

/// One login: the access to a data source that a person gave.
public struct DataSourceLogin: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `login_id`, for example `dsl_…`.
    public let id: String

    /// Reads a login of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("login_id")
    }

    /// How the data source lets people in.
    public var loginType: String? { json.text("login_type") }
    /// The user name at the data source, as `ds_users` takes it.
    public var username: String? { json.text("username", "login_username") }
    /// The name for people.
    public var displayName: String? { json.text("display_name") }
    /// The data source's id.
    public var dsID: String? { json["ds_info"]?["ds_id"]?.textValue }
    /// The data source's name.
    public var dsName: String? { json["ds_info"]?["name"]?.textValue ?? json["ds_info"]?["ds_name"]?.textValue }
    /// Scopes every login of the source has; only where one login was asked for.
    public var defaultScopes: [String] { json.texts("default_scopes") }
    /// Scopes this login has beyond them; only where one login was asked for.
    public var additionalScopes: [String] { json.texts("additional_scopes") }
    /// When the person logged in.
    public var authTime: APITime? { json.time("auth_time") }
    /// The e-mail address of the Supermetrics user who logged in.
    public var authUserEmail: String? { json["auth_user_info"]?["email"]?.textValue }
    /// The Supermetrics user who logged in.
    public var authUserID: String? { json["auth_user_info"]?["user_id"]?.textValue }
    /// When the access ends; nil where it does not.
    public var expiryTime: APITime? { json.time("expiry_time") }
    /// When it was revoked; nil where it was not.
    public var revokedTime: APITime? { json.time("revoked_time") }
    /// Whether the access renews itself.
    public var isRefreshable: Bool? { json.bool("is_refreshable") }
    /// Whether the team shares it.
    public var isShared: Bool? { json.bool("is_shared") }
}
