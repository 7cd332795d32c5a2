import Foundation
import Testing

@testable import SupermetricsAPI

private typealias Answer = ScriptedServer.Answer

/// The key goes to the configured origins, in one header field, and nowhere else.
@Suite("Credential safety")
struct CredentialSafetyTests {
    /// A call of every kind: read, write, form, query, look, pages.
    private static let calls: [@Sendable (SupermetricsClient) async throws -> Void] = [
        { _ = try await $0.logins.list().value }, { _ = try await $0.logins.revoke(loginID: "a").value },
        { _ = try await $0.loginLinks.create(dsID: "A").value }, { _ = try await $0.teams.get(teamID: 1).raw },
        { _ = try await $0.connectors.create(teamID: 1, title: "T").value },
        { _ = try await $0.backfills.cancel(teamID: 1, backfillID: 2).response },
        { _ = try await $0.queries.execute(["ds_id": "A"]).value },
        { _ = try await $0.queries.executeAndWait(["ds_id": "A"]).value },
        { for try await _ in $0.queries.pages(["ds_id": "A"]) {} },
        { _ = try await $0.queries.status(of: "s").body.next() },
    ]

    @Test("a redirect's target hears nothing, from any call", arguments: [301, 302, 303, 307, 308])
    func redirects(status: Int) async throws {
        try await withServer({ _, _ in .json("{}") }) { target in
            let location = "\(target.url)/x?api_key=\(testKey)"
            try await withServer({ _, _ in .json("{}", status: status, [("Location", location)]) }) { server in
                try await withSupermetricsClient(configuration(server)) { client in
                    for call in Self.calls {
                        let error = try await failure { try await call(client) }
                        #expect(error.kind == .protocolViolation && !shown(error).contains(testKey))
                    }
                }
                #expect(server.requests.count == Self.calls.count)
            }
            #expect(target.requests.isEmpty)
        }
    }

    @Test("links in an answer to hosts nobody configured are not followed")
    func foreignLinks() async throws {
        try await withServer({ _, _ in .json("{}") }) { foreign in
            let link = "\(foreign.url)/query/data/json?json=%7B%22api_key%22%3A%22\(testKey)%22%7D"
            @Sendable func body(_ data: String) -> String {
                """
                {"meta":{"schedule_id":"s","status_code":"SUCCESS","paginate":{"next":"\(link)","prev":"\(link)"},\
                "result":{"total_rows":2}},"links":{"status":{"href":"\(link)"}},\
                "result_info":{"results_url":"\(link)"},"data":\(data)}
                """
            }
            // A link to a third page, of which the total says that it is empty.
            try await withServer({ _, index in .json(body(index == 2 ? "[]" : #"[["x"]]"#)) }) { server in
                try await withSupermetricsClient(configuration(server)) { client in
                    var rows = 0
                    for try await page in client.queries.pages(["ds_id": "A"], rowsPerPage: 1) {
                        rows += page.rows.count
                    }
                    #expect(rows == 2)
                    #expect(try await client.queries.getResults(id: "s").value.hasMore)
                    _ = try await failure { _ = try await client.queries.executeAndWait(["ds_id": "A"]).value }
                }
                #expect(server.requests.allSatisfy { $0.values("Authorization") == ["Bearer \(testKey)"] })
                #expect(server.requests.allSatisfy { !$0.uri.contains(testKey) && !$0.text.contains(testKey) })
            }
            #expect(foreign.requests.isEmpty)
        }
    }

    @Test("an API that echoes the key gets it into no error, no retry notice and no warning")
    func echoes() async throws {
        let echo = #"{"error":{"code":"INTERNAL_SERVER_ERROR","message":"key \#(testKey)","details":["\#(testKey)"]}}"#
        let heard = Notes<String>()
        try await withServer({ _, _ in .json(echo, status: 500, [("X-Echo", testKey)]) }) { server in
            let settings = try configuration(server) {
                $0.maxAttempts = 2
                $0.customHeaders = ["Authorization": testKey, "X-Own": testKey]
                $0.onWarning = { heard.add($0) }
                $0.onRetry = { error, _ in heard.add(shown(error)) }
                $0.queryTimeout = .milliseconds(1)
            }
            try await withSupermetricsClient(settings) { client in
                for call in Self.calls {
                    let error = try await failure { try await call(client) }
                    #expect(!shown(error).contains(testKey))
                }
                let shows = shown(client).contains(testKey)
                #expect(!shows)
            }
        }
        #expect(heard.all.count > 1 && heard.all.allSatisfy { !$0.contains(testKey) })
    }

    @Test("a preview shows everything but the key and the caller's own fields, and sends nothing")
    func previews() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            let settings = try configuration(server) { $0.customHeaders = ["X-Gateway": testKey] }
            try await withSupermetricsClient(settings) { client in
                var options = RequestOptions()
                options.credential = try .oauthToken(testKey)
                options.headers = ["authorization": "Basic \(testKey)", "X-Call": testKey]
                let call = client.connectors.create(teamID: 1, title: "T", options: options)
                let preview = try call.preview
                #expect(
                    preview.description == """
                        POST \(server.url)/v1/teams/1/connector_builder/connectors
                        User-Agent: sluice/\(SupermetricsClient.version)
                        Accept: application/json
                        Accept-Encoding: identity
                        Content-Type: application/x-www-form-urlencoded
                        X-Gateway: [redacted]
                        X-Call: [redacted]
                        Authorization: [redacted]

                        title=T

                        """
                )
                #expect(!shown(preview).contains(testKey) && !shown(call).contains(testKey))
                let details = client.dataSourceDetails.get(teamID: 1, dataSourceID: "AW", smAppID: "XPLD")
                #expect(try details.preview.headers["Sm-App-Id"] == "XPLD")
                #expect(try client.queries.pages(["ds_id": "A"]).preview.method == "POST")
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a token provider is not asked for a preview")
    func previewWithoutCredential() async throws {
        var settings = SupermetricsClient.Configuration(
            credential: .tokenProvider { _ in
                Issue.record("asked")
                return "t"
            }
        )
        settings.dtsBaseURL = nil
        try await withSupermetricsClient(settings) { client in
            let preview = try client.backfills.get(teamID: 1, backfillID: 2).preview
            #expect(preview.url == "https://dts-api.supermetrics.com/v1/teams/1/backfills/2")
        }
    }

    @Test("neither a blocking client nor its answers show the key")
    func blocking() async throws {
        try await withServer({ _, _ in .json(#"{"data":[]}"#) }) { server in
            let settings = try configuration(server)
            let text = try await onPlainThread {
                try withSupermetricsBlockingClient(settings) { client in
                    let call = client.logins.list()
                    return shown(client) + shown(call) + shown(try call.response) + shown(try call.raw)
                }
            }
            let shows = text.contains(testKey)
            #expect(!shows)
        }
    }
}

/// Everything that printing, reflecting or dumping a value shows.
private func shown(_ value: some Any) -> String {
    var text = "\(value)" + String(reflecting: value)
    dump(value, to: &text)
    return text
}
