extension APIClient {
    /// The accounts that queries can read.
    public var accounts: Accounts<Self> { Accounts(runner: runner) }
}

/// The accounts of data sources (`/query/accounts`).
public struct Accounts<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists the accounts of a data source: `GET /query/accounts`.
    ///
    /// - Parameters:
    ///   - dsID: the data source, for example `AW`.
    ///   - loginUsernames: only accounts of these logins; empty for all.
    ///   - cacheMinutes: the oldest cached list that will do, 60 to 1440; nil for the API's default.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; ``AccountList/accounts`` of its value has all accounts in one list.
    public func list(
        dsID: String,
        loginUsernames: [String] = [],
        cacheMinutes: Int? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<AccountList, Client> {
        call { () throws(SupermetricsError) in
            let json = try DiscoveryQuery.json(dsID, loginUsernames, cacheMinutes)
            return .get("/query/accounts", json: json, options: options)
        } decode: { raw throws(ModelError) in
            AccountList(logins: try raw.models())
        }
    }
}

/// What asking for accounts, segments and fields has in common.
enum DiscoveryQuery {
    static func json(
        _ dsID: String,
        _ loginUsernames: [String],
        _ cacheMinutes: Int?,
        accounts: [String] = []
    ) throws(SupermetricsError) -> JSONObject {
        try Check.text(dsID, "ds_id", atMost: 50)
        for username in loginUsernames { try Check.text(username, "ds_users", atMost: 255) }
        // Unlike for queries, which take 0.
        try Check.range(cacheMinutes, "cache_minutes", 60...1440)
        var json: JSONObject = ["ds_id": .string(dsID)]
        if !accounts.isEmpty { json["ds_accounts"] = .array(accounts.map(JSONValue.string)) }
        if !loginUsernames.isEmpty { json["ds_users"] = .array(loginUsernames.map(JSONValue.string)) }
        json["cache_minutes"] = cacheMinutes.map { .number(JSONNumber($0)) }
        return json
    }
}

/// The accounts of a data source, by the login that gives access to them.
public struct AccountList: Sendable, Hashable {
    /// The logins, in the API's order.
    public let logins: [AccountLogin]

    /// All accounts in one list; an account that two logins reach is there twice.
    public var accounts: [Account] { logins.flatMap(\.accounts) }
}

/// One login and the accounts it reaches.
public struct AccountLogin: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The accounts.
    public let accounts: [Account]

    /// Reads a login of the accounts endpoint.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        var accounts: [Account] = try json.list("accounts")
        for index in accounts.indices { accounts[index].loginUsername = json.text("ds_user") }
        self.accounts = accounts
    }

    /// The login's user name, as `ds_user` takes it.
    public var username: String? { json.text("ds_user") }
    /// The login's name for people.
    public var displayName: String? { json.text("display_name") }
    /// When the list was fetched from the data source.
    public var cacheTime: APITime? { json.time("cache_time") }
}

/// One account of a data source.
public struct Account: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as `ds_accounts` takes it.
    public let id: String
    /// The user name of the login that reaches it; nil where one login was asked for.
    public internal(set) var loginUsername: String?

    /// Reads an account of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("account_id")
    }

    /// The name for people.
    public var name: String? { json.text("account_name", "name") }
    /// The group it is shown under; nil when there is none.
    public var groupName: String? { json.text("group_name", "group").flatMap { $0.isEmpty ? nil : $0 } }
}
