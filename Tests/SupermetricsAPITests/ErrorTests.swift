import Foundation
import Testing

@testable import SupermetricsAPI

@Suite("Errors")
struct ErrorTests {
    static func context(
        _ status: Int? = nil,
        _ headers: HeaderFields = [:],
        secrets: [String] = [testKey]
    ) throws -> RequestContext {
        RequestContext(
            method: .get,
            destination: try Router(baseURL: "https://api.supermetrics.com", dtsBaseURL: nil, queryPathPrefix: "")
                .destination(of: "/query/status"),
            isRepeatable: true,
            redactor: Redactor(secrets: secrets),
            acceptsCompression: true,
            compression: CompressionPreference(),
            now: { Date(timeIntervalSince1970: 784_111_777) },
            status: status,
            headers: headers
        )
    }

    static func error(
        _ status: Int,
        _ body: String,
        headers: HeaderFields = [:]
    ) throws -> SupermetricsError {
        try context(status, headers).apiError(body: Array(body.utf8))
    }

    struct Shape: Sendable, CustomTestStringConvertible {
        var body: String
        var code: String?
        var message: String
        var requestID: String?
        var testDescription: String { body }
    }

    @Test(
        "every shape of an error body is read",
        arguments: [
            Shape(
                body:
                    #"{"meta":{"request_id":"r1"},"error":{"code":"ACCESS_DENIED","message":"No","description":"Why"},"links":{}}"#,
                code: "ACCESS_DENIED",
                message: "No: Why",
                requestID: "r1"
            ),
            Shape(
                body: #"{"meta":null,"error":{"code":"X","message":"Same","description":"Same","details":[1]}}"#,
                code: "X",
                message: "Same"
            ),
            Shape(
                body:
                    #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"range_start is bad","instance":"/x"}"#,
                message: "Bad Request: range_start is bad"
            ),
            Shape(body: #"{"error":"LINK_NOT_FOUND","message":"gone"}"#, code: "LINK_NOT_FOUND", message: "gone"),
            Shape(
                body: #"{"error":"invalid_grant","error_description":"expired"}"#,
                code: "invalid_grant",
                message: "expired"
            ),
            Shape(body: #"{"error":"something went wrong"}"#, message: "something went wrong"),
            Shape(body: #"{"error":{"code":"A","message":"gone","description":""}}"#, code: "A", message: "gone"),
            Shape(
                body: #"{"code":"QUERY_ERROR","message":"inner value alone"}"#,
                code: "QUERY_ERROR",
                message: "inner value alone"
            ),
            Shape(body: "<html><body>502</body></html>", message: "the answer is a web page, not the API's"),
            Shape(body: "Bad gateway", message: "the answer says nothing readable"),
            Shape(body: "", message: "the answer has no body"),
            Shape(body: "{\"error\":{\"code\":\"X\"", message: "the answer says nothing readable"),
            Shape(body: "[1,2]", message: "the answer says nothing readable"),
            Shape(body: #"{"data":[]}"#, message: "the answer says nothing readable"),
        ]
    )
    func shapes(shape: Shape) throws {
        let error = try Self.error(500, shape.body)
        #expect(error.code == shape.code)
        #expect(error.message == shape.message)
        #expect(error.requestID == shape.requestID)
    }

    @Test(
        "the code decides, and only then the status",
        arguments: [
            (400, "STATUS_NOT_FOUND", .notFound, false), (400, "ACCOUNT_REQUIRED", .validation, false),
            (400, "NEVER_SEEN", .validation, false), (401, "ACCESS_TOKEN_EXPIRED", .authentication, false),
            (401, "", .authentication, false), (401, "OAUTH_ANYTHING", .authentication, false),
            (403, "API_KEY_DISABLED", .permission, false), (403, "LICENSE_EXPIRED", .permission, false),
            (403, "LICENSE_ROW_LIMIT_EXCEEDED", .quota(.licence), false),
            (403, "", .permission, false), (404, "", .notFound, false), (409, "", .conflict, false),
            (422, "UNPROCESSABLE_ENTITY", .validation, false), (429, "TOO_MANY_REQUESTS", .rateLimit, true),
            (429, "", .rateLimit, true), (429, "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED", .quota(.daily), false),
            (429, "API_ROW_QUOTA_EXCEEDED", .quota(.monthly), false), (500, "INTERNAL_SERVER_ERROR", .server, true),
            (500, "", .server, true), (502, "", .server, true), (503, "", .server, true), (504, "", .server, true),
            (529, "", .server, true), (501, "", .server, false),
            (500, "LICENSE_ACCESS_DATA_SOURCE", .permission, false), (500, "LICENSE_NOT_FOUND", .permission, false),
            (500, "QUERY_ACCOUNT_UNAVAILABLE", .query, false), (500, "ACCESS_DENIED", .permission, false),
            (500, "QUERY_ERROR", .server, true), (200, "INTERNAL_SERVER_ERROR", .server, true),
            (200, "API_KEY_INVALID", .authentication, false), (200, "NEVER_SEEN", .api, false), (418, "", .api, false),
            (408, "", .timeout, true), (413, "", .validation, false),
        ] as [(Int, String, SupermetricsError.Kind, Bool)]
    )
    func classification(status: Int, code: String, kind: SupermetricsError.Kind, isTransient: Bool) throws {
        let error = try Self.error(status, code.isEmpty ? "" : #"{"error":{"code":"\#(code)","message":"m"}}"#)
        #expect(error.kind == kind)
        #expect(error.isTransient == isTransient)
        #expect(error.statusCode == status)
    }

    @Test(
        "an ad platform's rate limit inside a query error waits; other texts change nothing",
        arguments: [
            (200, "QUERY_ERROR", "User request limit reached", .rateLimit),
            (500, "QUERY_ERROR", "Quota exceeded for quota metric", .rateLimit),
            (400, "QUERY_ERROR", "Rate limit hit", .rateLimit), (500, "UNKNOWN", "Too many requests", .rateLimit),
            (400, "INVALID_PARAMETER", "the rate limit field is unknown", .validation),
            (403, "ACCESS_DENIED", "throttled", .permission), (400, "UNKNOWN", "rate limit", .validation),
        ] as [(Int, String, String, SupermetricsError.Kind)]
    )
    func platformLimits(status: Int, code: String, text: String, kind: SupermetricsError.Kind) throws {
        #expect(try Self.error(status, #"{"error":{"code":"\#(code)","message":"\#(text)"}}"#).kind == kind)
    }

    @Test("the questions of the Python SDK have answers")
    func questions() throws {
        let authentication = try Self.error(401, "")
        #expect(authentication.isAuthentication && authentication.isAPI && !authentication.isValidation)
        #expect(try Self.error(422, "").isValidation)
        let network = try Self.context().transportError(CocoaError(.fileNoSuchFile), sent: false)
        #expect(network.isNetwork && !network.isAPI && network.statusCode == nil)
        #expect(try Self.error(400, #"{"error":{"code":"STATUS_NOT_FOUND","message":"m"}}"#).isResultGone)
        #expect(try Self.error(429, #"{"error":{"code":"API_ROW_QUOTA_EXCEEDED","message":"m"}}"#).isQuota)
    }

    @Test("the description says what failed, why, what to do, and the request id")
    func description() throws {
        let error = try Self.error(
            429,
            #"{"meta":{"request_id":"req-1"},"error":{"code":"TOO_MANY_REQUESTS","message":"Slow down"}}"#,
            headers: ["Retry-After": "30", "X-Span-Id": "span-1", "X-Request-Id": "header-id"]
        )
        #expect(
            "\(error)"
                == "GET /query/status: HTTP 429 TOO_MANY_REQUESTS: Slow down; try again in 30 s, or send fewer requests (request id req-1)"
        )
        #expect(error.retryAfter == .seconds(30))
        #expect(error.spanID == "span-1")
        #expect(error.endpoint == "/query/status")
        #expect(try Self.error(500, "", headers: ["x-request-ID": "header-id"]).requestID == "header-id")
    }

    @Test("a secret echoed in any form never shows")
    func redaction() throws {
        let secret = "tok/en+ab=="
        let context = try Self.context(400, ["X-Echo": secret, "X-Request-Id": secret], secrets: [secret])
        let echoes = #"\#(secret) tok%2Fen%2Bab%3D%3D tok\/en+ab== Bearer \#(secret)\u0301"#
        let body =
            #"{"meta":{"request_id":"\#(secret)"},"error":{"code":"X-\#(secret)","message":"\#(echoes)","details":{"\#(secret)":"\#(secret)"}}}"#
        let error = context.apiError(body: Array(body.utf8))
        var dumped = ""
        dump(error, to: &dumped)
        for text in [dumped, "\(error)", String(reflecting: error), error.responseBody ?? ""] {
            #expect(!text.contains("tok"), "\(text)")
        }
        #expect(error.responseBody?.contains("[redacted]") == true)
        struct Echo: Error { var text: String }
        #expect(!"\(context.transportError(Echo(text: "sent \(secret)"), sent: true))".contains("tok"))
    }

    @Test("foreign text stays on its line and within bounds")
    func lines() throws {
        let long = String(repeating: "é", count: 4000)
        let error = try Self.error(
            400,
            #"{"meta":{"request_id":"r\n2"},"error":{"code":"A\nB","message":"one\r\ntwo\u0000\u001b[31m \#(long)"}}"#
        )
        #expect(error.code == "A B" && error.requestID == "r 2")
        #expect(error.message.hasPrefix("one  two  [31m é"))
        #expect(error.message.utf8.count <= 1003 && error.message.hasSuffix("é…"))
        #expect(!"\(error)".unicodeScalars.contains { $0.value < 0x20 })
    }

    @Test("a body is kept up to its limit, cut at a character")
    func boundedBody() throws {
        let error = try Self.error(500, String(repeating: "ä€", count: 5000))
        #expect((error.responseBody?.utf8.count ?? 0) <= SupermetricsError.bodyLimit + 3)
        #expect(error.responseBody?.unicodeScalars.contains("\u{FFFD}") == false)
    }
}
