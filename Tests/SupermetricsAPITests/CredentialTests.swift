import Testing

@testable import SupermetricsAPI

@Suite("Credentials")
struct CredentialTests {
    @Test(
        "what people paste becomes the bare token",
        arguments: [
            ("abc", "abc"), ("  abc\n", "abc"), ("Bearer abc", "abc"), ("bearer   abc ", "abc"),
            ("BEARER\u{20}abc", "abc"),
            ("Bearerabc", "Bearerabc"),
        ]
    )
    func accepted(text: String, token: String) throws {
        #expect(try Credential.token(from: text, named: "API key") == token)
    }

    @Test(
        "what no header can carry is refused without being shown",
        arguments: [
            "", "   ", "Bearer", "Bearer  ", "se cret", "sec\u{0}ret", "sec\nret", "sécret", "sec\u{7F}ret", "sec\tret",
        ]
    )
    func refused(text: String) async throws {
        let error = try await failure { _ = try Credential.apiKey(text) }
        #expect(error.kind == .client)
        #expect(!"\(error)".contains("ret"))
    }

    @Test("no description, mirror or dump shows the secret")
    func redacted() throws {
        var configuration = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
        configuration.customHeaders = ["X-Token": testKey]
        configuration.baseURL = "https://user:\(testKey)@host"
        var dumped = ""
        dump(configuration, to: &dumped)
        dump(configuration.credential, to: &dumped)
        dumped +=
            "\(configuration) \(configuration.credential) " + String(reflecting: configuration)
            + String(reflecting: configuration.credential)
        #expect(!dumped.contains(testKey))
    }

    @Test("no client, response, error or set of options shows the secret either")
    func redactedAtWork() async throws {
        try await withServer({ _, index in .json("{}", status: index == 0 ? 200 : 400) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                var options = RequestOptions()
                options.credential = try .apiKey(testKey)
                options.headers = ["Authorization": "Bearer \(testKey)"]
                let response = try await client.queries.status(of: "s", options: options)
                let error = try await failure { _ = try await client.accounts.list(dsID: "A").value }
                var dumped = ""
                for value in [client, options, response, response.body, error] as [Any] {
                    dump(value, to: &dumped)
                    dumped += "\(value)" + String(reflecting: value)
                }
                let shows = dumped.contains(testKey)
                #expect(!shows)
            }
        }
    }

    @Test("the key goes out as one Bearer, and per-call values win over the client's")
    func precedence() async throws {
        let warnings = Notes<String>()
        try await withServer({ _, _ in .json("{}") }) { server in
            let settings = try configuration(server) {
                $0.customHeaders = [
                    "authorization": "Basic evil", "X-Team": "client", "user-agent": "mine", "X-Both": "1",
                ]
                $0.onWarning = { warnings.add($0) }
            }
            try await withSupermetricsClient(settings) { client in
                func call(_ change: (inout RequestOptions) throws -> Void) async throws {
                    var options = RequestOptions()
                    try change(&options)
                    _ = try await client.accounts.list(dsID: "AW", options: options).value
                }
                try await call { _ in }
                try await call { $0.credential = try .oauthToken("Bearer other") }
                try await call { $0.headers = ["x-team": "call", "AUTHORIZATION": "Basic mine"] }
            }
            let sent = server.requests
            #expect(
                sent.map { $0.values("Authorization") } == [["Bearer \(testKey)"], ["Bearer other"], ["Basic mine"]]
            )
            #expect(sent.map { $0.values("X-Team") } == [["client"], ["client"], ["call"]])
            #expect(sent.allSatisfy { $0.values("User-Agent") == ["mine"] && $0.values("X-Both") == ["1"] })
            #expect(sent.allSatisfy { $0.values("Accept-Encoding") == ["identity"] })
        }
        #expect(warnings.all.count == 1)
        #expect(warnings.all.allSatisfy { $0.contains("Authorization") && !$0.contains("evil") })
    }

    @Test(
        "header fields that would break the request are refused before it is sent",
        arguments: [
            ("X-A", "a\r\nb"), ("X A", "b"), ("", "b"), ("Host", "evil.com"), ("content-length", "0"), ("X-Ä", "b"),
        ]
    )
    func badHeaders(name: String, value: String) async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            var options = RequestOptions()
            options.headers.append(name, value)
            let settings = try configuration(server)
            let call = try await failure { [options] in
                try await withSupermetricsClient(settings) {
                    _ = try await $0.accounts.list(dsID: "A", options: options).value
                }
            }
            #expect(call.kind == .client)
            let custom = try configuration(server) { $0.customHeaders.append(name, value) }
            let opening = try await failure { try await withSupermetricsClient(custom) { _ in } }
            #expect(opening.kind == .client)
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a provider is asked for every request, and once more after 401")
    func provider() async throws {
        let asked = Notes<Credential.TokenRequest>()
        let script: ScriptedServer.Script = { request, _ in
            request.values("Authorization") == ["Bearer new"] ? .json("{}") : .json("", status: 401)
        }
        try await withServer(script) { server in
            let settings = try configuration(server) {
                $0.credential = .tokenProvider { request in
                    asked.add(request)
                    return request == .refresh ? "new" : "old"
                }
            }
            try await withSupermetricsClient(settings) { client in
                _ = try await client.accounts.list(dsID: "A").value
                _ = try await client.accounts.list(dsID: "A").value
            }
            #expect(
                server.requests.map { $0.values("Authorization").joined() }
                    == ["Bearer old", "Bearer new", "Bearer old", "Bearer new"]
            )
        }
        // The second request finds the first one's refresh and asks for none of its own.
        #expect(asked.all == [.current, .refresh, .current])
    }

    @Test("a refused refresh fails for good, and so does a refused key at once")
    func refusedForGood() async throws {
        try await withServer({ _, _ in .json(#"{"error":{"code":"ACCESS_TOKEN_INVALID","message":"no"}}"#, status: 401)
        }) { server in
            let provided = try configuration(server) {
                $0.credential = .tokenProvider { $0 == .refresh ? "second-token" : "first-token" }
            }
            let error = try await failure {
                try await withSupermetricsClient(provided) { _ = try await $0.accounts.list(dsID: "A").value }
            }
            #expect(error.isAuthentication && error.code == "ACCESS_TOKEN_INVALID")
            #expect(server.requests.count == 2)
            let settings = try configuration(server)
            let fixed = try await failure {
                try await withSupermetricsClient(settings) { _ = try await $0.accounts.list(dsID: "A").value }
            }
            #expect(fixed.isAuthentication)
            #expect(server.requests.count == 3)
        }
    }

    @Test("requests refused together share one refresh")
    func sharedRefresh() async throws {
        let refreshes = Counter()
        let refused = Counter(), all = Signal()
        let script: ScriptedServer.Script = { request, _ in
            if request.values("Authorization") == ["Bearer new"] { return .json("{}") }
            if refused.add(1) == 4 { all.fire() }
            return .init([.wait(all)] + ScriptedServer.Answer.json("", status: 401).steps)
        }
        try await withServer(script) { server in
            let settings = try configuration(server) {
                $0.credential = .tokenProvider { request in
                    guard request == .refresh else { return "old" }
                    refreshes.add(1)
                    return "new"
                }
            }
            try await withSupermetricsClient(settings) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { _ = try await client.accounts.list(dsID: "A").value } }
                    try await group.waitForAll()
                }
            }
        }
        #expect(refreshes.add(0) == 1)
    }

    @Test("a provider's own error keeps its words to itself")
    func failingProvider() async throws {
        struct Leak: Error { var text = testKey }
        try await withServer({ _, _ in .json("{}") }) { server in
            let settings = try configuration(server) { $0.credential = .tokenProvider { _ in throw Leak() } }
            let error = try await failure {
                try await withSupermetricsClient(settings) { _ = try await $0.accounts.list(dsID: "A").value }
            }
            #expect(error.isAuthentication && !"\(error)".contains(testKey))
            #expect(server.requests.isEmpty)
        }
    }
}
