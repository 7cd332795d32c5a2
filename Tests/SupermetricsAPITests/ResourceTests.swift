import Foundation
import Testing

@testable import SupermetricsAPI

private typealias Answer = ScriptedServer.Answer

extension ScriptedServer.Request {
    /// The object in the `json` parameter.
    fileprivate var json: String? {
        URLComponents(string: uri)?.queryItems?.first { $0.name == "json" }?.value
    }
}

@Suite("Queries")
struct QueriesTests {
    @Test("a query is sent as it is, with the control keys set")
    func submission() async throws {
        let query = try #require(
            JSONValue(
                parsing: Array(
                    #"{"ds_id":"AW","my_new_key":{"x":[1.50,null]},"max_rows":5,"settings":{"timezone":"UTC"}}"#.utf8
                )
            ).objectValue
        )
        try await withServer({ _, _ in .json("{}", status: 202) }) { server in
            try await withSupermetricsClient(configuration(server) { $0.queryPathPrefix = "/enterprise/v2" }) {
                client in
                var control = QueryControl()
                control.scheduleID = "win_1-a"
                control.syncTimeout = 5
                control.offsetStart = 0
                control.offsetEnd = 99
                control.maxRows = 1_000_000
                control.cacheMinutes = 0
                control.noHeaders = true
                #expect(try await client.queries.submit(query, control: control).status == 202)
                _ = try await client.queries.submit(query)
            }
            #expect(server.requests[0].method == "POST" && server.requests[0].uri == "/enterprise/v2/query/data/json")
            #expect(server.requests[0].values("Content-Type") == ["application/json"])
            #expect(
                server.requests[0].text
                    == #"{"ds_id":"AW","my_new_key":{"x":[1.50,null]},"max_rows":1000000,"settings":{"timezone":"UTC","no_headers":true},"schedule_id":"win_1-a","sync_timeout":5,"offset_start":0,"offset_end":99,"cache_minutes":0}"#
            )
            #expect(server.requests[1].text == JSONValue.object(query).description)
        }
    }

    @Test("status, results and the SDK's poll ask by id")
    func looks() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let id = String(repeating: "f", count: 64)
                _ = try await client.queries.status(of: id, offsetStart: 0, offsetEnd: 0)
                _ = try await client.queries.status(of: "s")
                _ = try await client.queries.results(of: "s", offset: 100_000, limit: 7)
                _ = try await client.queries.poll("req")
            }
            #expect(server.requests.map(\.method) == Array(repeating: "GET", count: 4))
            #expect(
                server.requests.map(\.path) == ["/query/status", "/query/status", "/query/results", "/query/data/json"]
            )
            #expect(
                server.requests.map(\.json) == [
                    #"{"schedule_id":"\#(String(repeating: "f", count: 64))","offset_start":0,"offset_end":0}"#,
                    #"{"schedule_id":"s"}"#, #"{"schedule_id":"s","offset":100000,"limit":7}"#,
                    #"{"ds_id":"","schedule_id":"req"}"#,
                ]
            )
        }
    }

    @Test("calls that cannot be right are refused here")
    func refused() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let calls: [() async throws -> Void] = [
                    { _ = try await client.queries.submit(["ds_id": "A", "api_key": "x"]) },
                    { _ = try await client.queries.submit(["ds_id": "A"], control: .with(scheduleID: "a b")) },
                    {
                        _ = try await client.queries.submit(
                            ["ds_id": "A"],
                            control: .with(scheduleID: String(repeating: "a", count: 51))
                        )
                    },
                    { _ = try await client.queries.results(of: "s", offset: -1) },
                    { _ = try await client.queries.results(of: "s", limit: 0) },
                    { _ = try await client.queries.results(of: "s", limit: 100_001) },
                    { _ = try await client.accounts.list(dsID: "A", cacheMinutes: 59).value },
                    { _ = try await client.accounts.list(dsID: "A", cacheMinutes: 1441).value },
                    { _ = try await client.fields.list(dsID: "A", accounts: ["1"]).value },
                ]
                for call in calls {
                    let error = try await failure(call)
                    #expect(error.kind == .client)
                }
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("an error inside HTTP 200 is decoded from the bytes its reader found")
    func errorInSuccess() async throws {
        let body =
            #"{"meta":{"request_id":"r"},"error":{"code":"API_ROW_QUOTA_EXCEEDED","message":"\#(testKey) full"}}"#
        try await withServer({ _, _ in .json(body) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let response = try await client.queries.status(of: "s")
                let error = response.error(decoding: try await response.body.collect())
                #expect(error.kind == .quota(.monthly) && error.requestID == "r" && error.statusCode == 200)
                #expect(error.message == "[redacted] full")
                let inner = response.error(decoding: Array(#"{"code":"ACCESS_DENIED","message":"m"}"#.utf8))
                #expect(inner.kind == .permission)
                let violation = response.violation("the page repeats", isTransient: true)
                #expect(violation.endpoint == "/query/status" && violation.isTransient)
            }
        }
    }

    @Test("executeAndWait polls to the result, through failures that pass", arguments: ["rest", "sdk"])
    func executeAndWait(dialect: String) async throws {
        let result =
            #"{"meta":{"request_id":"r9","status_code":"\#(dialect == "rest" ? "SUCCESS" : "success")","query":{"fields":[{"id":"cost","field_id":"Cost","data_column":0}]},"paginate":{"next":null}},"data":[[1.50],[12345678901234567890]]}"#
        let answers =
            dialect == "rest"
            ? [
                Answer.json(
                    #"{"meta":{"request_id":"r1","schedule_id":"sid","status_code":"QUEUED"},"data":[]}"#,
                    status: 202
                ),
                Answer.json("", status: 503),
                Answer.json(#"{"meta":{"schedule_id":"sid","status_code":"running"},"data":[]}"#),
                Answer.json(result),
            ]
            : [
                Answer.json(#"{"meta":{"request_id":"r1","status_code":"pending"}}"#),
                Answer.json(#"{"meta":{"request_id":"r2","status_code":"pending"}}"#),
                Answer.json(result),
            ]
        let clock = TestClock(passing: .seconds(100_000))
        try await withServer({ _, index in answers[index] }) { server in
            try await withSupermetricsClient(configuration(server, clock: clock)) { client in
                let response = try await client.queries.executeAndWait(["ds_id": "AW"]).value
                #expect(response.rows.map { $0.map(\.textValue) } == [["1.50"], ["12345678901234567890"]])
                #expect(response.fields.map(\.fieldID) == ["Cost"])
            }
            #expect(server.requests[0].text == #"{"ds_id":"AW","sync_timeout":0}"#)
            let look = dialect == "rest" ? #"{"schedule_id":"sid"}"# : #"{"ds_id":"","schedule_id":"r1"}"#
            #expect(server.requests.dropFirst().allSatisfy { $0.json == look })
        }
    }

    @Test("executeAndWait honours Retry-After, and fetches a result that came without its rows, once")
    func resultApart() async throws {
        let done = #"{"meta":{"schedule_id":"sid","status_code":"SUCCESS"}}"#
        for rows in [#"{"meta":{"status_code":"SUCCESS"},"data":[["x"]]}"#, done] {
            let answers = [
                Answer.json(#"{"meta":{"schedule_id":"sid"}}"#, status: 202, [("Retry-After", "9")]), Answer.json(done),
                Answer.json(rows),
            ]
            let clock = TestClock(passing: .seconds(100_000))
            try await withServer({ _, index in answers[index] }) { server in
                try await withSupermetricsClient(configuration(server, clock: clock)) { client in
                    if rows == done {
                        let error = try await failure {
                            _ = try await client.queries.executeAndWait(["ds_id": "AW"]).value
                        }
                        #expect(error.kind == .protocolViolation)
                    } else {
                        #expect(try await client.queries.executeAndWait(["ds_id": "AW"]).value.rows == [["x"]])
                    }
                }
                #expect(server.requests.map(\.path) == ["/query/data/json", "/query/status", "/query/results"])
            }
            #expect(clock.passed == [.seconds(9)])
        }
    }

    @Test("a submission whose answer never came is looked for by the caller's own id")
    func lostSubmission() async throws {
        let done = #"{"meta":{"schedule_id":"own","status_code":"SUCCESS"},"data":[]}"#
        let script: ScriptedServer.Script = { request, _ in request.method == "POST" ? Answer([.close]) : .json(done) }
        try await withServer(script) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 1 }) { client in
                let response = try await client.queries.executeAndWait(["ds_id": "AW", "schedule_id": "own"]).value
                #expect(response.rows.isEmpty)
            }
            #expect(server.requests.map(\.path) == ["/query/data/json", "/query/status"])
        }
    }

    @Test("a result of more pages than one answer is not passed off as whole")
    func morePages() async throws {
        try await withServer({ _, _ in
            .json(#"{"meta":{"status_code":"SUCCESS","paginate":{"next":"https://evil.example/x"}},"data":[[1]]}"#)
        }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure { _ = try await client.queries.executeAndWait(["ds_id": "AW"]).value }
                #expect(error.kind == .client)
                #expect(try await client.queries.execute(["ds_id": "AW"]).value.hasMore)
                #expect(try await client.queries.getResults(id: "x").value.rows == [[1]])
            }
        }
    }
}

extension QueryControl {
    fileprivate static func with(scheduleID: String) -> QueryControl {
        var control = QueryControl()
        control.scheduleID = scheduleID
        return control
    }
}

@Suite("Discovery")
struct DiscoveryTests {
    @Test("accounts come by login and flat, however sparse the answer")
    func accounts() async throws {
        let body =
            #"{"meta":{"request_id":"r"},"data":[{"ds_user":"a@x","display_name":"A","cache_time":null,"accounts":[{"account_id":123,"account_name":"Main","group_name":""},{"account_id":"9007199254740993","account_name":null,"new":1}]},{"ds_user":"b@x","accounts":[{"account_id":"123"}]},{"ds_user":"c@x"}]}"#
        try await withServer({ _, index in index == 0 ? .json(body) : .json("{\"meta\":{}}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let call = client.accounts.list(dsID: "AW", loginUsernames: ["a@x"], cacheMinutes: 60)
                let response = try await call.response
                let list = response.value
                #expect(response.raw.requestID == "r" && list.logins.count == 3)
                #expect(list.accounts.map(\.id) == ["123", "9007199254740993", "123"])
                #expect(list.accounts.map(\.loginUsername) == ["a@x", "a@x", "b@x"])
                #expect(list.accounts.map(\.groupName) == [nil, nil, nil])
                #expect(try await client.accounts.list(dsID: "AW").value.accounts.isEmpty)
            }
            #expect(server.requests[0].json == #"{"ds_id":"AW","ds_users":["a@x"],"cache_minutes":60}"#)
            #expect(server.requests[1].json == #"{"ds_id":"AW"}"#)
        }
    }

    @Test("fields are listed")
    func fields() async throws {
        let body =
            #"{"meta":{},"data":[{"@type":"ds_metric","field_id":"Cost","field_name":"Cost","field_type":"met","data_type":"float.currency.value","group_name":"MAIN","is_filterable":true,"is_non_aggregatable":false},{"field_id":"Date"}]}"#
        try await withServer({ _, _ in .json(body) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let fields = try await client.fields.list(dsID: "AW", accounts: ["1"], loginUsernames: ["u"]).value
                #expect(fields.map(\.id) == ["Cost", "Date"])
                #expect(fields[0].isNonAggregatable == false && fields[1].isNonAggregatable == nil)
            }
            #expect(server.requests[0].json == #"{"ds_id":"AW","ds_accounts":["1"],"ds_users":["u"]}"#)
        }
    }

    @Test(
        "an answer that is not as documented is an error that shows no value",
        arguments: [
            "[1]", "7", #"{"data":{}}"#, #"{"data":[1]}"#, #"{"data":[{"accounts":[{"account_name":"SECRETNAME"}]}]}"#,
        ]
    )
    func malformed(body: String) async throws {
        try await withServer({ _, _ in .json(body) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure { _ = try await client.accounts.list(dsID: "A").value }
                #expect(error.kind == .protocolViolation && !"\(error)".contains("SECRETNAME"))
            }
        }
    }
}
