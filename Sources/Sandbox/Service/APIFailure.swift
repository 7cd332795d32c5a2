import NIOHTTP1

/// A refusal in the API's own words (Supermetrics API: errors).
struct APIFailure: Error {
    var status: Int
    var code: String
    var message: String
    /// Seconds for the `Retry-After` header.
    var retryAfter: Int?
    /// The body shape the API documents for this failure where it is not the envelope.
    private(set) var ownShape: ErrorShape?

    init(_ status: Int, _ code: String, _ message: String, retryAfter: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    /// This failure in the shape the API documents for it, which holds unless the options choose another.
    func shaped(_ shape: ErrorShape) -> APIFailure {
        var failure = self
        failure.ownShape = shape
        return failure
    }

    /// A parameter whose value cannot be used; the message names it.
    static func invalid(_ parameter: String, _ reason: String) -> APIFailure {
        APIFailure(400, "INVALID_PARAMETER", "\(parameter): \(reason)")
    }

    /// A parameter of the wrong type or beyond its documented limit.
    static func outOfBounds(_ parameter: String, _ reason: String) -> APIFailure {
        APIFailure(400, "VALIDATION_ERROR", "\(parameter): \(reason)")
    }

    static let statusNotFound = APIFailure(
        400,
        "STATUS_NOT_FOUND",
        "No query with this schedule_id is known, or its result has expired."
    )
}

/// The body shapes in which the API reports an error; clients must read them all.
public enum ErrorShape: String, Sendable, CaseIterable {
    /// `{"meta":{…},"error":{"code","message","description"}}` with the error's status: nearly everywhere.
    case envelope
    /// RFC 9457 problem details.
    case problem
    /// `{"error":"CODE","message":"…"}`.
    case string
    /// An HTML page without any code, as gateways send.
    case html
    /// `{"error":"code","error_description":"…"}`, as OAuth does.
    case oauth
    /// The envelope under HTTP 200.
    case ok
}

extension APIFailure {
    /// The answer that carries this failure.
    func answer(shape: ErrorShape, requestID: String, style: EscapeStyle, meta: [(StaticString, String)] = []) -> Answer
    {
        let shape = shape == .envelope ? ownShape ?? shape : shape
        var answer = Answer(
            status: HTTPResponseStatus(statusCode: shape == .ok ? 200 : status),
            body: body(shape: shape, requestID: requestID, style: style, meta: meta)
        )
        if shape == .html { answer.headers.replaceOrAdd(name: "Content-Type", value: "text/html; charset=utf-8") }
        if shape == .problem {
            answer.headers.replaceOrAdd(name: "Content-Type", value: "application/problem+json")
        }
        if let retryAfter { answer.headers.add(name: "Retry-After", value: String(retryAfter)) }
        if status == 401 {
            answer.headers.add(name: "WWW-Authenticate", value: #"Bearer realm="api", error="invalid_token""#)
        }
        return answer
    }

    private func body(
        shape: ErrorShape,
        requestID: String,
        style: EscapeStyle,
        meta: [(StaticString, String)]
    ) -> [UInt8] {
        var json = JSONWriter(style: style)
        switch shape {
        case .envelope, .ok:
            json.object { json in
                json.object("meta") { json in
                    json.string("request_id", requestID)
                    for (key, value) in meta { json.string(key, value) }
                }
                json.object("error") { json in
                    json.string("code", code)
                    json.string("message", message)
                    json.string("description", message)
                }
            }
        case .problem:
            json.object { json in
                json.string("type", "about:blank")
                json.string("title", code)
                json.integer("status", status)
                json.string("detail", message)
                json.string("instance", requestID)
            }
        case .string:
            json.object { json in
                json.string("error", code)
                json.string("message", message)
            }
        case .oauth:
            json.object { json in
                json.string("error", code.lowercased())
                json.string("error_description", message)
            }
        case .html:
            let reason = HTTPResponseStatus(statusCode: status).reasonPhrase
            return Array("<html><body><h1>\(status) \(reason)</h1></body></html>\n".utf8)
        }
        return json.bytes
    }
}
