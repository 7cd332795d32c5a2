public import struct FoundationEssentials.Date

/// A successful answer whose body is still to be read.
public struct StreamedResponse: Sendable {
    /// The body.
    public let body: ResponseBody

    let context: RequestContext

    /// The HTTP status, 200 to 299.
    public var status: Int { context.status ?? 0 }

    /// The header fields.
    public var headers: HeaderFields { context.headers }

    /// The request's path, for messages.
    public var endpoint: String { context.destination.path }

    /// The API's id of the exchange as the header gives it; `meta.request_id` of the body is the surer one.
    public var requestID: String? { headers["X-Request-Id"] }

    /// The value of `X-Span-Id`.
    public var spanID: String? { headers["X-Span-Id"] }

    /// The server's clock when it answered.
    public var date: Date? { headers["Date"].flatMap(HTTPDate.parse) }

    /// How long the API asks to wait before the next request.
    public var retryAfter: Duration? { context.retryAfter }

    /// Requests left in this hour, where the API says so.
    public var rateLimitRemaining: Int? { headers["X-RateLimit-Remaining"].flatMap { Int($0.trimmingSpaces) } }

    /// Requests per hour, where the API says so.
    public var rateLimit: Int? { headers["X-RateLimit-Limit"].flatMap { Int($0.trimmingSpaces) } }

    /// The error that this answer's body holds although its status is a success.
    ///
    /// - Parameter bytes: the whole body.
    /// - Returns: the error, classified by its code.
    package func error(decoding bytes: [UInt8]) -> SupermetricsError {
        context.apiError(body: bytes)
    }

    /// The error that this answer's body holds although its status is a success, where it was read member by member.
    ///
    /// - Parameters:
    ///   - member: the value of `error`, as sent.
    ///   - requestID: `meta.request_id`; nil where it was not read yet.
    /// - Returns: the error, classified by its code.
    package func error(member: [UInt8], requestID: String?) -> SupermetricsError {
        let meta = requestID.map { JSONObject([.init(name: "request_id", value: .string($0))]) } ?? JSONObject()
        let head = Array(#"{"meta":"#.utf8) + JSONValue.object(meta).serialized + Array(#","error":"#.utf8)
        return context.apiError(body: head + member + [UInt8(ascii: "}")])
    }

    /// An error for an answer that is not what the protocol promises.
    ///
    /// - Parameters:
    ///   - message: what was wrong, without a row's values.
    ///   - isTransient: whether the same request may be answered properly later.
    /// - Returns: the error, with this answer's ids.
    package func violation(_ message: String, isTransient: Bool) -> SupermetricsError {
        context.violation(message, isTransient: isTransient)
    }
}
