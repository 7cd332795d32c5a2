import FoundationEssentials

/// `/ds/logins` and `/ds/login/{login_id}` (Supermetrics API: logins).
enum LoginEndpoints {
    static let routes: [Route] = [
        .strict("GET", "/ds/logins", prefixes: Route.queryPrefixes, handler: list),
        .strict("GET", "/ds/login/{login_id}", prefixes: Route.queryPrefixes, handler: get),
        .strict("DELETE", "/ds/login/{login_id}", prefixes: Route.queryPrefixes, phase: .change, handler: revoke),
        .strict(
            "GET",
            "/ds/login/{login_id}/accounts",
            prefixes: Route.queryPrefixes,
            parameters: ["offset", "limit"],
            handler: accounts
        ),
    ]

    /// Revoked logins are known by their id, but not listed.
    @Sendable private static func list(_ exchange: Exchange) async throws -> Answer {
        let logins = exchange.logins.filter { $0.revokedTime == nil }
        return exchange.enveloped(.array(logins.map { report($0, withScopes: false, exchange.options) }))
    }

    @Sendable private static func get(_ exchange: Exchange) async throws -> Answer {
        exchange.enveloped(report(try login(exchange), withScopes: true, exchange.options))
    }

    @Sendable private static func revoke(_ exchange: Exchange) async throws -> Answer {
        let login = try login(exchange)
        let isRevoked = exchange.service.withLogins { table, now in table.revoke(login.id, now: now) }
        return exchange.enveloped(["result": .bool(isRevoked)])
    }

    @Sendable private static func accounts(_ exchange: Exchange) async throws -> Answer {
        let reader = StrictReader(parameters: exchange.parameters, status: 422)
        let offset = try reader.number("offset", 0...1_000_000) ?? 0
        let limit = try reader.number("limit", 1...1000) ?? 100
        guard let login = exchange.login else { throw APIFailure.noLogin }
        let accounts = login.accounts.dropFirst(offset).prefix(limit).map { account -> JSONValue in
            [
                "@type": "ds_account", "account_id": .string(account.id), "name": .string(account.name),
                "group": .string(account.group),
            ]
        }
        return exchange.enveloped(
            .array(accounts),
            meta: [
                "paginate": [
                    "offset": .integer(offset), "limit": .integer(limit), "total": .integer(login.accounts.count),
                ]
            ]
        )
    }

    private static func login(_ exchange: Exchange) throws(APIFailure) -> DataSourceLogin {
        guard let login = exchange.login else { throw .noLogin.shaped(.string) }
        return login
    }

    private static func report(
        _ login: DataSourceLogin,
        withScopes: Bool,
        _ options: SandboxOptions
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "@type": "ds_login",
            "login_id": .string(login.id),
            "login_type": "oauth",
            "username": .string(login.username),
            "display_name": .string(login.displayName),
            "ds_info": ["@type": "ds", "ds_id": .string(login.sourceID), "name": .string(login.sourceName)],
            "auth_time": .string(DateText.iso(login.authTime)),
            "auth_user_info": .object(Team.owner.reference),
            "expiry_time": .null,
            "revoked_time": .text(login.revokedTime.map(DateText.iso)),
            "is_refreshable": true,
            "is_shared": false,
        ]
        if withScopes {
            members["default_scopes"] = ["read"]
            members["additional_scopes"] = []
        }
        return .object(members)
    }
}

extension Exchange {
    fileprivate var logins: [DataSourceLogin] {
        service.withLogins { table, _ in table.logins(Catalog(options)) }
    }

    fileprivate var login: DataSourceLogin? {
        let id = segments["login_id"]
        return logins.first { $0.id == id }
    }
}

extension APIFailure {
    fileprivate static let noLogin = APIFailure(404, "LOGIN_NOT_FOUND", "The login does not exist.")
}
