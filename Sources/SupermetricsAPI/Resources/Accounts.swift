extension SupermetricsClient {
    /// The accounts that queries can read.
    public var accounts: Accounts { Accounts(executor: executor) }
}

/// The accounts endpoint.
public struct Accounts: Sendable {
    let executor: RequestExecutor

    /// Lists the accounts of a data source: `GET /query/accounts`.
    ///
    /// - Parameters:
    ///   - dsID: the data source, for example `AW`.
    ///   - loginUsernames: only accounts of these logins; empty for all.
    ///   - cacheMinutes: the oldest cached list that will do, 60 to 1440; nil for the API's default.
    ///   - options: what this call does differently from the client.
    /// - Returns: the accounts by login; none is an empty list.
    /// - Throws: ``SupermetricsError``.
    public func list(
        dsID: String,
        loginUsernames: [String] = [],
        cacheMinutes: Int? = nil,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> AccountList {
        if let cacheMinutes, !(60...1440 ~= cacheMinutes) {
            throw SupermetricsError(
                .client,
                "cache_minutes is \(cacheMinutes)",
                advice: "for accounts it is 60 to 1440, unlike for queries"
            )
        }
        var json: JSONObject = ["ds_id": .string(dsID)]
        if !loginUsernames.isEmpty { json["ds_users"] = .array(loginUsernames.map(JSONValue.string)) }
        json["cache_minutes"] = cacheMinutes.map { .number(JSONNumber($0)) }
        let answer = try await executor.json(.get("/query/accounts", json: json, options: options))
        return try answer.read { object throws(ModelError) in
            AccountList(requestID: answer.requestID, logins: try object.list("data"))
        }
    }
}

/// The accounts of a data source, by the login that gives access to them.
public struct AccountList: Sendable, Hashable {
    /// The API's id of the exchange.
    public let requestID: String?
    /// The logins, in the API's order.
    public let logins: [AccountLogin]

    /// All accounts in one list; an account that two logins reach is there twice.
    public var accounts: [Account] { logins.flatMap(\.accounts) }
}

/// One login and the accounts it reaches.
public struct AccountLogin: Sendable, Hashable, APIModel {
    /// The login's user name, as `ds_user` takes it.
    public let username: String?
    /// The login's name for people.
    public let displayName: String?
    /// When the list was fetched from the data source, in ISO 8601.
    public let cacheTime: String?
    /// The accounts.
    public let accounts: [Account]

    init(_ object: JSONObject) throws(ModelError) {
        username = object.text("ds_user")
        displayName = object.text("display_name")
        cacheTime = object.text("cache_time")
        var accounts: [Account] = try object.list("accounts")
        for index in accounts.indices { accounts[index].loginUsername = username }
        self.accounts = accounts
    }
}

/// One account of a data source.
public struct Account: Sendable, Hashable, APIModel {
    /// The id, as `ds_accounts` takes it.
    public let id: String
    /// The name for people.
    public let name: String?
    /// The group it is shown under; nil when there is none.
    public let groupName: String?
    /// The user name of the login that reaches it.
    public internal(set) var loginUsername: String?

    init(_ object: JSONObject) throws(ModelError) {
        id = try object.requiredText("account_id")
        name = object.text("account_name") ?? object.text("name")
        groupName = (object.text("group_name") ?? object.text("group")).flatMap { $0.isEmpty ? nil : $0 }
    }
}
