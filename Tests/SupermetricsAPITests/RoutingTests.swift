import Testing

@testable import SupermetricsAPI

@Suite("Routing")
struct RoutingTests {
    static let production = "https://api.supermetrics.com"
    static let custom = "http://localhost:8080/base"

    @Test(
        "a path goes to the base it belongs to",
        arguments: [
            (production, nil, "", "/query/data/json", "https://api.supermetrics.com/query/data/json"),
            (
                production, nil, "/enterprise/v2", "/query/status",
                "https://api.supermetrics.com/enterprise/v2/query/status"
            ),
            (production, nil, "/v2", "/ds/logins", "https://api.supermetrics.com/v2/ds/logins"),
            (production, nil, "/v2", "/teams/1/datasource/AW", "https://api.supermetrics.com/teams/1/datasource/AW"),
            (production, nil, "/v2", "/v1/teams/1", "https://api.supermetrics.com/v1/teams/1"),
            (production + "/", nil, "", "/teams/1/backfills", "https://dts-api.supermetrics.com/v1/teams/1/backfills"),
            (
                "HTTPS://API.supermetrics.com:443", nil, "", "/teams/1/transfers/2/backfills/latest",
                "https://dts-api.supermetrics.com/v1/teams/1/transfers/2/backfills/latest"
            ),
            (
                production, nil, "", "/teams/1/data-source-connections",
                "https://dts-api.supermetrics.com/v1/teams/1/data-source-connections"
            ),
            (production, nil, "", "/teams/1/transfersx", "https://api.supermetrics.com/teams/1/transfersx"),
            (production, nil, "", "/v1/teams/1/backfills", "https://api.supermetrics.com/v1/teams/1/backfills"),
            (custom, nil, "", "/teams/1/backfills", "http://localhost:8080/base/teams/1/backfills"),
            (custom, "http://localhost:9/", "", "/teams/1/backfills", "http://localhost:9/v1/teams/1/backfills"),
            (
                custom, "http://localhost:9/v1", "", "/teams/1/transfer_runs/3",
                "http://localhost:9/v1/teams/1/transfer_runs/3"
            ),
            (custom, "http://localhost:9", "/v2", "/query/fields", "http://localhost:8080/base/v2/query/fields"),
            (
                "https://dts-api.supermetrics.com/v1", nil, "", "/teams/1/backfills",
                "https://dts-api.supermetrics.com/v1/teams/1/backfills"
            ),
            ("http://[::1]:80", nil, "", "/ds/logins", "http://[::1]/ds/logins"),
        ] as [(String, String?, String, String, String)]
    )
    func destinations(base: String, dts: String?, prefix: String, path: String, url: String) throws {
        let router = try Router(baseURL: base, dtsBaseURL: dts, queryPathPrefix: prefix)
        #expect(router.destination(of: APIPath(stringLiteral: path)).url == url)
    }

    @Test("an id stays one segment, whatever it holds")
    func ids() {
        let hostile = "../../x/?a#b@evil.com"
        #expect(
            APIPath("/ds/login/\(hostile)/accounts").encoded
                == "/ds/login/..%2F..%2Fx%2F%3Fa%23b%40evil.com/accounts"
        )
        #expect(APIPath("/ds/login/\("..")").encoded == "/ds/login/%2E%2E")
        #expect(APIPath("/ds/login/\("")/accounts").encoded == "/ds/login//accounts")
        #expect(!APIPath("/teams/\("1/backfills")").isDTS)
    }

    @Test(
        "base URLs that could mislead are refused",
        arguments: [
            "", "api.supermetrics.com", "ftp://x", "https://", "https://user:pw@x", "https://x?y", "https://x#y",
            "https://x:0",
            "https://x:99999", "https://x:y", "https://a b", "https://[::1", "https://x\\y", "https://ä.com",
            "https://x%2Ey", "https://a:b:c",
        ]
    )
    func refusedBases(base: String) {
        #expect(throws: SupermetricsError.self) { try BaseURL(base) }
    }

    @Test(
        "loopback is known by its addresses",
        arguments: [
            ("http://localhost", true), ("http://127.0.0.1:1", true), ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://127.evil.com", false), ("http://127.0.0.1.evil.com", false), ("http://localhost.evil.com", false),
            ("http://10.0.0.1", false), ("http://api.supermetrics.com", false),
        ]
    )
    func loopback(base: String, isLoopback: Bool) throws {
        #expect(try BaseURL(base).origin.isLoopback == isLoopback)
        var configuration = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
        configuration.baseURL = base
        if isLoopback {
            _ = try configuration.router()
        } else {
            #expect(throws: SupermetricsError.self) { try configuration.router() }
            configuration.allowInsecureHTTP = true
            _ = try configuration.router()
        }
    }

    @Test("an unknown query path prefix is refused")
    func prefix() {
        #expect(throws: SupermetricsError.self) {
            try Router(baseURL: Self.production, dtsBaseURL: nil, queryPathPrefix: "/v3")
        }
    }
}
