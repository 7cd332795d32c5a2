import Testing

@testable import SupermetricsAPI

private typealias Answer = ScriptedServer.Answer

@Suite("Requests")
struct ExecutorTests {
    static func error(_ code: String) -> String { #"{"error":{"code":"\#(code)","message":"m"}}"# }

    @Test("what passes is tried again with backoff, and Retry-After to the second")
    func retries() async throws {
        let answers = [
            Answer.json("", status: 503),
            Answer.json(Self.error("TOO_MANY_REQUESTS"), status: 429, [("Retry-After", "120")]),
            Answer.json("", status: 429, [("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")]),
            Answer.bytes(Array("<html>".utf8), status: 502, [("Content-Type", "text/html")]),
            Answer.json(Self.error("INTERNAL_SERVER_ERROR")),
            Answer.json(#"{"data":[]}"#),
        ]
        let clock = TestClock(passing: .seconds(100_000))
        try await withServer({ _, index in answers[index] }) { server in
            try await withSupermetricsClient(configuration(server, clock: clock)) { client in
                _ = try await client.accounts.list(dsID: "A").value
            }
            #expect(server.requests.count == answers.count)
        }
        #expect(clock.passed == [.milliseconds(250), .seconds(120), .seconds(30), .seconds(2), .seconds(4)])
    }

    @Test(
        "what does not pass is not tried again",
        arguments: [
            (400, "INVALID_PARAMETER"), (403, "ACCESS_DENIED"), (404, "NOT_FOUND"), (429, "API_ROW_QUOTA_EXCEEDED"),
            (429, "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED"), (500, "LICENSE_NOT_FOUND"), (500, "QUERY_ACCOUNT_UNAVAILABLE"),
            (500, "LICENSE_ACCESS_DATA_SOURCE"), (200, "API_KEY_INVALID"),
        ]
    )
    func final(status: Int, code: String) async throws {
        try await withServer({ _, _ in .json(Self.error(code), status: status, [("Retry-After", "1")]) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure { _ = try await client.accounts.list(dsID: "A").value }
                #expect(error.code == code && error.statusCode == status)
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test("attempts end at their number, at the shared budget, and at a wait that is too long")
    func limits() async throws {
        try await withServer({ _, _ in .json("", status: 503) }) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 5 }) { client in
                _ = try await failure { _ = try await client.accounts.list(dsID: "A").value }
                #expect(server.requests.count == 5)
                var options = RequestOptions()
                let budget = RetryBudget(retries: 6)
                options.retryBudget = budget
                for _ in 0..<3 {
                    _ = try await failure { [options] in
                        _ = try await client.accounts.list(dsID: "A", options: options).value
                    }
                }
                #expect(budget.remaining == 0)
                #expect(server.requests.count == 5 + 3 + 6)
            }
        }
        try await withServer({ _, _ in .json("", status: 429, [("Retry-After", "3601")]) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure { _ = try await client.accounts.list(dsID: "A").value }
                #expect(error.retryAfter == .seconds(3601))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(
        "a write is repeated only when it cannot have been done",
        arguments: [(429, 3), (503, 1), (500, 1), (0, 1)]
    )
    func writes(status: Int, attempts: Int) async throws {
        let answer = status == 0 ? Answer([.close]) : Answer.json("", status: status)
        try await withServer({ _, _ in answer }) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 3 }) { client in
                let error = try await failure {
                    _ = try await client.executor.json(
                        .write(.post, "/teams/\(1)/backfills", body: .json(["a": 1]), options: RequestOptions())
                    )
                }
                #expect(error.outcomeIsUnknown == (attempts == 1))
            }
            #expect(server.requests.count == attempts)
            #expect(server.requests.allSatisfy { $0.text == #"{"a":1}"# && $0.path == "/teams/1/backfills" })
        }
    }

    @Test("what breaks while it is read is backed off by the same rules")
    func backoff() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 3 }) { client in
                let passing = SupermetricsError(.network, "m", isTransient: true)
                #expect(client.backoff(after: passing, attempt: 1) == .milliseconds(250))
                #expect(client.backoff(after: passing, attempt: 2) == .milliseconds(500))
                #expect(client.backoff(after: passing, attempt: 3) == nil)
                #expect(client.backoff(after: SupermetricsError(.server, "m"), attempt: 1) == nil)
            }
        }
    }

    @Test("forms and bodies are encoded as they are declared")
    func encoding() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                _ = try await client.executor.json(
                    .write(.post, "/x", body: .form([("a b", "1&2=ä")]), options: RequestOptions())
                )
                _ = try await client.executor.json(.get("/x", json: ["q": "a b/ä\"&+"], options: RequestOptions()))
                _ = try await client.executor.json(.write(.delete, "/x", options: RequestOptions()))
            }
            #expect(server.requests[0].text == "a%20b=1%262%3D%C3%A4")
            #expect(server.requests[0].values("Content-Type") == ["application/x-www-form-urlencoded"])
            #expect(server.requests[1].uri == "/x?json=%7B%22q%22%3A%22a%20b%2F%C3%A4%5C%22%26%2B%22%7D")
            #expect(server.requests[2].method == "DELETE" && server.requests[2].body.isEmpty)
        }
    }

    @Test("an id that looks like a path reaches the server as one segment")
    func hostileID() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                _ = try await client.executor.json(.get("/ds/login/\("../a/b?c")", options: RequestOptions()))
            }
            #expect(server.requests[0].uri == "/ds/login/..%2Fa%2Fb%3Fc")
        }
    }

    @Test(
        "a redirect is not followed, to no host and no path, and the error names the origin alone",
        arguments: [301, 302, 303, 307, 308]
    )
    func redirects(status: Int) async throws {
        try await withServer({ _, _ in .json("{}") }) { target in
            let location = "\(target.url)/steal?key=\(testKey)"
            try await withServer({ _, _ in .json("", status: status, [("Location", location)]) }) { server in
                try await withSupermetricsClient(configuration(server)) { client in
                    for call in [true, false] {
                        let error = try await failure {
                            if call {
                                _ = try await client.accounts.list(dsID: "A").value
                            } else {
                                _ = try await client.queries.submit(["ds_id": "A"])
                            }
                        }
                        #expect(error.kind == .protocolViolation && !error.isTransient)
                        #expect(error.message.contains(target.url) && !"\(error)".contains("steal"))
                        #expect(error.headers["Location"] == nil)
                    }
                }
                #expect(server.requests.count == 2)
            }
            #expect(target.requests.isEmpty)
        }
    }

    @Test("the token bucket holds back requests, retries included")
    func rate() async throws {
        let clock = TestClock(passing: .seconds(100_000))
        try await withServer({ _, index in .json("{}", status: index < 2 ? 503 : 200) }) { server in
            let settings = try configuration(server, clock: clock) {
                $0.requestsPerSecond = 1
                $0.random = { 0 }
            }
            try await withSupermetricsClient(settings) { _ = try await $0.accounts.list(dsID: "A").value }
        }
        #expect(clock.now.offset == .seconds(2))
    }

    @Test(
        "settings that cannot work are refused before anything is opened",
        arguments: [
            { $0.maxAttempts = 0 }, { $0.requestsPerSecond = 0 }, { $0.requestsPerSecond = .nan },
            { $0.timeout = .zero },
            { $0.concurrentQueries = 0 }, { $0.baseURL = "nonsense" }, { $0.userAgent = "a\nb" },
            { $0.queryPathPrefix = "x" },
            { $0.baseURL = "http://example.com" },
        ] as [@Sendable (inout SupermetricsClient.Configuration) -> Void]
    )
    func badSettings(change: @Sendable (inout SupermetricsClient.Configuration) -> Void) async throws {
        var settings = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
        change(&settings)
        let error = try await failure { [settings] in
            try await withSupermetricsClient(settings) { _ in _ = Issue.record("opened") }
        }
        #expect(error.kind == .client)
    }
}
