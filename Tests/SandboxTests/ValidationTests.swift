import Foundation
import Sandbox
import Testing

@Suite("Strictness and error bodies")
struct ValidationTests {
    struct Refusal: CustomTestStringConvertible, Sendable {
        var json: String
        var status = 400
        var code: String
        var names: String
        var testDescription: String { "\(code): \(names)" }
    }

    static let refusals = [
        Refusal(json: #"{"fields":"Date"}"#, code: "INVALID_PARAMETER", names: "ds_id"),
        Refusal(json: queryJSON(source: "XX"), code: "INVALID_PARAMETER", names: "'XX'"),
        Refusal(json: queryJSON(fields: #"["Date","Nonsense"]"#), code: "INVALID_PARAMETER", names: "'Nonsense'"),
        Refusal(json: queryJSON(fields: "[]"), code: "VALIDATION_ERROR", names: "fields"),
        Refusal(
            json: queryJSON(fields: "[\(Array(repeating: #""Date""#, count: 101).joined(separator: ","))]"),
            code: "VALIDATION_ERROR",
            names: "100"
        ),
        Refusal(
            json: queryJSON(fields: #"[{"id":"Date","split":"diagonal"}]"#),
            code: "INVALID_PARAMETER",
            names: "diagonal"
        ),
        Refusal(
            json: queryJSON(fields: #"[{"id":"Date","split":"column"}]"#),
            code: "INVALID_PARAMETER",
            names: "metric"
        ),
        Refusal(json: queryJSON(fields: #"["Date",["Clicks"]]"#), code: "INVALID_PARAMETER", names: "'Clicks'"),
        Refusal(json: queryJSON(accounts: #""999""#), code: "ACCOUNT_ID_INVALID", names: "'999'"),
        Refusal(json: queryJSON(accounts: "[]"), code: "ACCOUNT_REQUIRED", names: "ds_accounts"),
        Refusal(
            json: queryJSON(accounts: #"{"filter_id":"/(/"}"#),
            code: "ACCOUNT_FILTER_PATTERN_INVALID",
            names: "filter_id"
        ),
        Refusal(json: queryJSON(accounts: #"{"id":"1"}"#), code: "ACCOUNT_FILTER_INVALID", names: "filter_id"),
        Refusal(json: queryJSON(accounts: #"{"filter_id":"^zzz"}"#), code: "ACCOUNTS_INVALID", names: "filter_id"),
        Refusal(json: queryJSON(accounts: #""list.mine""#), status: 404, code: "LIST_NOT_FOUND", names: "list.mine"),
        Refusal(json: queryJSON(from: "2024-02-30"), code: "INVALID_PARAMETER", names: "'2024-02-30'"),
        Refusal(json: queryJSON(from: "soon"), code: "INVALID_PARAMETER", names: "start_date"),
        Refusal(json: queryJSON(from: "2024-01-04"), code: "INVALID_PARAMETER", names: "after end_date"),
        Refusal(
            json: queryJSON(from: "1900-01-01"),
            status: 403,
            code: "LICENSE_HISTORICAL_RANGE_EXCEEDED",
            names: "licence"
        ),
        Refusal(json: queryJSON(#""max_rows":0"#), code: "VALIDATION_ERROR", names: "max_rows"),
        Refusal(json: queryJSON(#""max_rows":1000001"#), code: "VALIDATION_ERROR", names: "max_rows"),
        Refusal(json: queryJSON(#""cache_minutes":10081"#), code: "VALIDATION_ERROR", names: "cache_minutes"),
        Refusal(json: queryJSON(#""sync_timeout":"long""#), code: "VALIDATION_ERROR", names: "sync_timeout"),
        Refusal(json: queryJSON(#""offset_start":-1"#), code: "VALIDATION_ERROR", names: "offset_start"),
        Refusal(json: queryJSON(#""offset_start":5,"offset_end":4"#), code: "INVALID_PARAMETER", names: "offset_end"),
        Refusal(json: queryJSON(#""schedule_id":"a b""#), code: "INVALID_PARAMETER", names: "schedule_id"),
        Refusal(
            json: queryJSON("\"filter\":\"\(String(repeating: "x", count: 5001))\""),
            code: "VALIDATION_ERROR",
            names: "filter"
        ),
        Refusal(json: queryJSON(#""filter":"Impressions""#), code: "INVALID_PARAMETER", names: "Impressions"),
        Refusal(json: queryJSON(#""filter":"Nope > 1""#), code: "INVALID_PARAMETER", names: "'Nope'"),
        Refusal(json: queryJSON(#""filter":"Impressions > many""#), code: "INVALID_PARAMETER", names: "'many'"),
        Refusal(json: queryJSON(#""filter":"Campaign =~ /(/""#), code: "INVALID_PARAMETER", names: "pattern"),
        Refusal(json: queryJSON(#""order_rows":"Cost sideways""#), code: "INVALID_PARAMETER", names: "sideways"),
        Refusal(
            json: queryJSON(#""settings":{"timezone":"Mars/Base"}"#),
            code: "INVALID_PARAMETER",
            names: "Mars/Base"
        ),
        Refusal(
            json: queryJSON(#""compare_type":"custom""#),
            code: "COMPARE_START_DATE_REQUIRED",
            names: "compare_start_date"
        ),
        Refusal(json: "[1,2]", code: "BAD_REQUEST", names: "body"),
        Refusal(json: "{", code: "BAD_REQUEST", names: "body"),
    ]

    @Test("A bad query is refused with a code and the name of what is bad", arguments: refusals)
    func refused(_ refusal: Refusal) async throws {
        try await withSandbox { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(refusal.json)
            #expect(answer.status == refusal.status)
            #expect(answer.errorCode == refusal.code)
            #expect(answer.errorMessage.contains(refusal.names))
            #expect(answer.requestID?.count == 32)
            #expect(answer.headers["x-request-id"] == answer.requestID)
        }
    }

    @Test("Unknown parameters are ignored unless the sandbox is told to refuse them")
    func unknownParameters() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let typo = queryJSON(#""data_range_type":"last_month""#)
            #expect(try await client.post(typo).status == 200)
            sandbox.update { $0.rejectsUnknownParameters = true }
            let answer = try await client.post(typo)
            #expect(answer.status == 400)
            #expect(answer.errorMessage.contains("data_range_type"))
            #expect(try await client.post(queryJSON()).status == 200)
        }
    }

    @Test(
        "Keys are taken from the header, with or without Bearer, or the parameter",
        arguments: [
            ("Bearer KEY", "", 200), ("bearer KEY", "", 200), ("KEY", "", 200), (nil, "&api_key=KEY", 200),
            (nil, "", 401),
            ("Bearer wrong", "", 401), ("wrong", "&api_key=KEY", 401), (nil, "&api_key=wrong", 401),
        ] as [(String?, String, Int)]
    )
    func credentials(header: String?, parameter: String, status: Int) async throws {
        var options = SandboxOptions()
        options.apiKey = "KEY"
        try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).send(
                "GET",
                "/query/accounts?ds_id=AW" + parameter,
                authorization: header
            )
            #expect(answer.status == status)
            guard status == 401 else { return }
            #expect(answer.errorCode == (header == nil && parameter.isEmpty ? "API_KEY_REQUIRED" : "API_KEY_INVALID"))
            #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
    }

    @Test("Every error shape", arguments: ErrorShape.allCases)
    func shapes(shape: ErrorShape) async throws {
        var options = SandboxOptions()
        options.errorShape = shape
        try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(queryJSON(source: "XX"))
            #expect(answer.status == (shape == .ok ? 200 : 400))
            switch shape {
            case .envelope, .ok: #expect(answer.errorCode == "INVALID_PARAMETER")
            case .problem:
                #expect(answer.json?["title"] as? String == "INVALID_PARAMETER")
                #expect(answer.headers["content-type"] == "application/problem+json")
            case .string: #expect(answer.json?["error"] as? String == "INVALID_PARAMETER")
            case .html: #expect(answer.headers["content-type"]?.hasPrefix("text/html") == true)
            case .oauth: #expect(answer.json?["error_description"] is String)
            }
        }
    }

    @Test("What is not served is 404, a wrong method 405")
    func routing() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let nothing = try await client.send("GET", "/query/nothing")
            #expect(nothing.status == 404)
            #expect(nothing.errorCode == "NOT_FOUND")
            #expect(try await client.send("GET", "/v3/query/accounts?ds_id=AW").status == 404)
            #expect(try await client.send("POST", "/query/accounts", body: "{}").status == 405)
            #expect(try await client.get("/query/data/csv", queryJSON()).errorMessage.contains("json"))
            #expect(
                try await client.get("/query/status", #"{"schedule_id":"unknown"}"#).errorCode == "STATUS_NOT_FOUND"
            )
        }
    }

    @Test("cache_minutes of accounts begins at 60, and fields of accounts need the users")
    func discovery() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let fresher = try await client.get("/query/accounts", #"{"ds_id":"AW","cache_minutes":59}"#)
            #expect(fresher.status == 400)
            #expect(try await client.get("/query/accounts", #"{"ds_id":"AW","cache_minutes":60}"#).status == 200)
            #expect(try await client.get("/query/fields", #"{"ds_id":"AW","ds_accounts":"123"}"#).status == 400)
        }
    }

    @Test("Withheld accounts cannot be listed or queried, added ones can")
    func accountOptions() async throws {
        var options = SandboxOptions()
        options.withheldAccounts = ["123"]
        options.additionalAccounts = ["AW": ["777-000-0000"]]
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let withheld = try await client.post(queryJSON(accounts: #""123""#))
            #expect(withheld.errorCode == "ACCOUNT_ID_INVALID")
            #expect(try await client.post(queryJSON(accounts: #""777-000-0000""#)).data?.count == 31)
            sandbox.update { $0.withheldAccounts = [] }
            #expect(try await client.post(queryJSON(accounts: #""123""#)).data?.count == 31)
        }
    }
}
