import Foundation
import Testing

@testable import SupermetricsAPI

private func object(_ text: String) throws -> JSONObject {
    try #require(JSONValue(parsing: Array(text.utf8)).objectValue)
}

@Suite("Models")
struct ModelTests {
    /// A body as production sends it, and what is read from it.
    struct Body: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String
        var says: [String]?
        var ask: @Sendable (SupermetricsClient) async throws -> [String]

        init(
            _ name: String,
            _ text: String,
            _ says: [String]?,
            _ ask: @escaping @Sendable (SupermetricsClient) async throws -> [String]
        ) {
            (testDescription, self.text, self.says, self.ask) = (name, text, says, ask)
        }
    }

    static let login: @Sendable (SupermetricsClient) async throws -> [String] = { client in
        let login = try await client.logins.get(loginID: "dsl_1").value
        return [login.id, login.username ?? "-", login.dsName ?? "-"]
    }
    static let logins: @Sendable (SupermetricsClient) async throws -> [String] = { client in
        try await client.logins.list().value.map(\.id)
    }
    static let connectors: @Sendable (SupermetricsClient) async throws -> [String] = { client in
        try await client.connectors.list(teamID: 1).value.map(\.id)
    }
    static let backfill: @Sendable (SupermetricsClient) async throws -> [String] = { client in
        let backfill = try await client.backfills.get(teamID: 1, backfillID: 1).value
        return [
            "\(backfill.status)", "\(backfill.transferRunsTotal)", "\(backfill.transferRunsFailed)",
            "\(backfill.errorReport.count)", backfill.startTime?.text ?? "-",
        ]
    }

    static let bodies = [
        Body("enveloped", #"{"meta":{},"data":{"login_id":"a","username":"u"}}"#, ["a", "u", "-"], login),
        Body("bare", #"{"login_id":"a"}"#, ["a", "-", "-"], login),
        Body("a list of one, as older answers", #"{"data":[{"login_id":"a"}]}"#, ["a", "-", "-"], login),
        Body("wrapped twice", #"{"data":{"data":{"login_id":"a"}}}"#, ["a", "-", "-"], login),
        Body(
            "an id as a number",
            #"{"data":{"login_id":12345678901234567890}}"#,
            ["12345678901234567890", "-", "-"],
            login
        ),
        Body(
            "null where text is",
            #"{"data":{"login_id":"a","username":null,"ds_info":null}}"#,
            ["a", "-", "-"],
            login
        ),
        Body(
            "the other name of ds_info.name",
            #"{"data":{"login_id":"a","ds_info":{"ds_name":"Google Ads"}}}"#,
            ["a", "-", "Google Ads"],
            login
        ),
        Body("data is null", #"{"meta":{},"data":null}"#, nil, login),
        Body("data is empty", #"{"data":[]}"#, nil, login),
        Body("data is two", #"{"data":[{"login_id":"a"},{"login_id":"b"}]}"#, nil, login),
        Body("no id", #"{"data":{"username":"u"}}"#, nil, login),
        Body("no body", "", nil, login),
        Body("enveloped list", #"{"data":[{"login_id":"a"},{"login_id":"b"}]}"#, ["a", "b"], logins),
        Body("items", #"{"data":{"items":[{"login_id":"a"}]}}"#, ["a"], logins),
        Body("items wrapped twice", #"{"data":{"items":{"items":[{"login_id":"a"}]}}}"#, ["a"], logins),
        Body("data wrapped twice", #"{"data":{"data":[{"login_id":"a"}]}}"#, ["a"], logins),
        Body("bare list", #"[{"login_id":"a"}]"#, ["a"], logins),
        Body("null list", #"{"data":null}"#, [], logins),
        Body("null items", #"{"data":{"items":null}}"#, [], logins),
        Body("no list at all", #"{"meta":{"request_id":"r"}}"#, [], logins),
        Body("an object for a list", #"{"data":{}}"#, nil, logins),
        Body("numbers for objects", #"{"data":[1]}"#, nil, logins),
        Body("text for a list", #"{"data":"a"}"#, nil, logins),
        Body("connectors, bare", #"{"count":1,"connectors":[{"connector_identifier":"A"}]}"#, ["A"], connectors),
        Body("connectors, enveloped", #"{"data":{"connectors":[{"connector_identifier":"A"}]}}"#, ["A"], connectors),
        Body("no connectors", #"{"count":0,"connectors":null}"#, [], connectors),
        Body(
            "a backfill with the least the API sends",
            #"{"data":{"transfer_backfill_id":1,"transfer_id":2,"range_start_date":"2024-01-01","range_end_date":"2024-01-31","status":"running"}}"#,
            ["running", "31", "0", "0", "-"],
            backfill
        ),
        Body(
            "a backfill whose report is shorter than its count",
            #"{"data":{"transfer_backfill_id":"1","transfer_id":"2","range_start_date":"2024-01-01T00:00:00Z","range_end_date":"2024-01-31","status":"FAILED","start_time":"2024-02-01T00:00:00Z","transfer_runs_total":31,"transfer_runs_failed":2,"error_report":[{"transfer_run_date":"2024-01-05","error":"e"},{"error":"without a day"}]}}"#,
            ["FAILED", "31", "2", "1", "2024-02-01T00:00:00Z"],
            backfill
        ),
        Body(
            "a backfill of no calendar",
            #"{"data":{"transfer_backfill_id":1,"transfer_id":2,"range_start_date":"2024-02-30","range_end_date":"2024-03-01","status":"RUNNING"}}"#,
            nil,
            backfill
        ),
    ]

    @Test("bodies as production sends them are read, or refused without a word of their content", arguments: bodies)
    func read(body: Body) async throws {
        try await withServer({ _, _ in .json(body.text) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                guard let says = body.says else {
                    let error = try await failure { _ = try await body.ask(client) }
                    #expect(error.kind == .protocolViolation && !error.isTransient)
                    return
                }
                #expect(try await body.ask(client) == says)
            }
        }
    }

    @Test(
        "an error is an error in whatever shape and status it comes",
        arguments: [
            (200, #"{"meta":{"request_id":"r"},"error":{"code":"ACCESS_DENIED","message":"m"}}"#, .permission),
            (200, #"{"error":"LOGIN_NOT_FOUND","message":"m"}"#, .notFound),
            (201, #"{"error":{"code":"TOO_MANY_REQUESTS","message":"m"}}"#, .rateLimit),
            (
                400, #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"d","instance":"/x"}"#,
                .validation
            ),
            (401, #"{"error":"invalid_token","error_description":"d"}"#, .authentication),
            (403, "<html>no</html>", .permission), (404, "", .notFound), (409, "{}", .conflict),
            (422, #"{"error":{"code":"UNPROCESSABLE_ENTITY","message":"overlap"}}"#, .validation),
            (500, #"{"error":{"code":"LICENSE_NOT_FOUND","message":"m"}}"#, .permission),
            (502, "<html>bad gateway</html>", .server), (200, "<!doctype html><html></html>", .protocolViolation),
            (200, #"{"data":{"login_id":"#, .protocolViolation), (204, "", .protocolViolation),
        ] as [(Int, String, SupermetricsError.Kind)]
    )
    func errors(status: Int, body: String, kind: SupermetricsError.Kind) async throws {
        let isPage = body.hasPrefix("<")
        let answer = ScriptedServer.Answer.bytes(
            Array(body.utf8),
            status: status,
            [("Content-Type", isPage ? "text/html" : "application/json")]
        )
        try await withServer({ _, _ in answer }) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 1 }) { client in
                let error = try await failure { _ = try await client.logins.get(loginID: "a").value }
                #expect(error.kind == kind)
                #expect(error.statusCode == status && error.endpoint == "/ds/login/a" && error.method == "GET")
            }
        }
    }

    @Test("what nobody knows is kept, and null is told from absent")
    func unknown() throws {
        let login = try DataSourceLogin(json: object(#"{"login_id":"a","new_key":{"x":[1.50]},"expiry_time":null}"#))
        #expect(login.json["new_key"]?["x"] == [.number(JSONNumber(unchecked: "1.50"))])
        #expect(login.json["expiry_time"] == .null && login.json["revoked_time"] == nil)
        #expect(login.expiryTime == nil && login.revokedTime == nil)
    }

    @Test("words the API may add are kept, and case does not count")
    func words() {
        let paused = TransferState(rawValue: "paused")
        #expect(paused == .paused && paused.rawValue == "paused" && Set([paused, .paused]).count == 1)
        #expect(TransferState(rawValue: "ARCHIVED") != .active && "\(TransferState("ARCHIVED"))" == "ARCHIVED")
    }

    @Test(
        "a backfill's status says what it allows",
        arguments: [
            ("CREATED", true, false, false), ("SCHEDULED", true, false, false), ("RUNNING", true, false, false),
            ("FAILED", false, false, true), ("COMPLETED", false, true, true), ("CANCELLED", false, true, true),
            ("NEW", false, false, false),
        ]
    )
    func backfillStatus(word: String, isActive: Bool, isFinal: Bool, isEnded: Bool) {
        let status = BackfillStatus(rawValue: word)
        #expect(status.isActive == isActive && status.isFinal == isFinal && status.isEnded == isEnded)
        #expect(status.isCancellable == (isActive || word == "FAILED"))
    }

    @Test("progress counts runs that ended, and stays within its bounds")
    func progress() throws {
        func progress(_ counters: String) throws -> Double {
            try Backfill(
                json: object(
                    #"{"transfer_backfill_id":1,"transfer_id":2,"range_start_date":"2024-01-01","range_end_date":"2024-01-04","status":"RUNNING"\#(counters)}"#
                )
            ).progress
        }
        #expect(try progress("") == 0)
        #expect(try progress(#","transfer_runs_completed":1,"transfer_runs_failed":1"#) == 0.5)
        #expect(try progress(#","transfer_runs_total":0,"transfer_runs_completed":1"#) == 0)
        #expect(try progress(#","transfer_runs_total":1,"transfer_runs_completed":2"#) == 1)
    }

    @Test(
        "times are read in every form the API writes",
        arguments: [
            ("2025-01-01T00:00:00Z", 1_735_689_600), ("2025-01-01T02:00:00+02:00", 1_735_689_600),
            ("2025-01-01T00:00:00+0000", 1_735_689_600), ("2025-01-01T00:00:00.250Z", 1_735_689_600.25),
            ("2025-01-01 00:00:00", 1_735_689_600), ("2025-01-01", 1_735_689_600),
            ("2024-12-31T19:00:00-05:00", 1_735_689_600), ("1969-12-31T23:59:59Z", -1),
            ("2025-01-01T00:00", 1_735_689_600),
            ("soon", nil), ("2025-02-29", nil), ("2025-01-01T25:00:00Z", nil), ("2025-01-01T1:2:3Z", nil),
            ("2025-01-01T00:00:00Europe", nil), ("", nil), ("2025-01-01T", nil), ("2025-01-01T+1:+2:+3Z", nil),
        ] as [(String, Double?)]
    )
    func times(text: String, seconds: Double?) {
        #expect(APITime(text).date?.timeIntervalSince1970 == seconds)
        #expect(APITime(text).text == text)
    }

    // Foundation's calendar is Julian before October 1582, so it is asked about later days only.
    @Test("days count as calendars do", arguments: [-141_427, -1, 0, 59, 11_016, 19_782, 47_540, 2_932_896])
    func days(number: Int) throws {
        let day = CalendarDay(number: number)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        let parts = calendar.dateComponents([.year, .month, .day], from: day.start)
        #expect(day.parts.year == parts.year && day.parts.month == parts.month && day.parts.day == parts.day)
    }

    @Test("days survive being written and read", arguments: [-719_162, -141_428, -1, 0, 19_782, 2_932_896])
    func dayTexts(number: Int) {
        let day = CalendarDay(number: number)
        #expect(CalendarDay(day.description) == day)
        #expect(APITime(APITime.write(day.start)).date == day.start)
        #expect(CalendarDay(containing: day.start.addingTimeInterval(86_399.9)) == day)
        #expect(day.advanced(by: -1) < day && day.distance(to: day.advanced(by: 400)) == 400)
        #expect(CalendarDay("0001-01-01") == CalendarDay(number: -719_162))
    }

    @Test(
        "texts that are no day are none",
        arguments: ["2024-2-01", "2024-13-01", "2023-02-29", "0000-01-01", "２024-01-01", "+024-01-01"]
    )
    func noDays(text: String) {
        #expect(CalendarDay(text) == nil)
    }

    @Test("a query's parameters are typed, open and kept in order")
    func dataQuery() throws {
        var query: DataQuery = ["ds_id": "AW", "ds_accounts": "1, 2", "new": [1]]
        #expect(query.dsAccounts == ["1", "2"])
        query.dsAccounts = ["3"]
        query.settings["no_headers"] = true
        (query.maxRows, query.cacheMinutes, query.filter) = (5, 0, nil)
        #expect(
            JSONValue.object(query.parameters).description
                == #"{"ds_id":"AW","ds_accounts":["3"],"new":[1],"settings":{"no_headers":true},"max_rows":5,"cache_minutes":0}"#
        )
        query.settings = [:]
        query.maxRows = nil
        #expect(query.parameters["settings"] == nil && query.parameters["max_rows"] == nil)
    }
}
