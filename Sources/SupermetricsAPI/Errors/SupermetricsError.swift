/// Everything that can go wrong between a call and its answer, in one hierarchy told apart by ``kind-swift.property``.
///
/// The text never holds a credential: every part that came from outside is searched for the secrets in use first.
public struct SupermetricsError: Error, Sendable {
    /// What sort of failure it is; switch on this, or ask ``isAuthentication`` and the like.
    public enum Kind: Sendable, Hashable {
        /// The API does not accept the credential.
        case authentication
        /// The credential is accepted and may not do this; also licences that do not cover it.
        case permission
        /// The API refuses the request as it is written.
        case validation
        /// The thing named does not exist, or no longer.
        case notFound
        /// The thing is in a state that forbids this.
        case conflict
        /// Too many requests for now; the same request works later.
        case rateLimit
        /// A quota is used up; waiting minutes does not help.
        case quota(QuotaPeriod)
        /// The query itself failed or was stopped on the server.
        case query
        /// The server failed.
        case server
        /// The API answered with an error of no known sort.
        case api
        /// The exchange broke off or never came about.
        case network
        /// Something took longer than its limit.
        case timeout
        /// The answer is not what the protocol promises: HTML, cut JSON, a redirect, a body beyond its limit.
        case protocolViolation
        /// The call was refused here, before any request was sent.
        case client
        /// The task was cancelled.
        case cancelled
    }

    /// When a used-up quota is renewed.
    public enum QuotaPeriod: Sendable, Hashable {
        case daily
        case monthly
        /// With another licence only.
        case licence
    }

    /// What sort of failure it is.
    public let kind: Kind
    /// What went wrong, in one sentence without a full stop.
    public let message: String
    /// The HTTP status of the answer; nil when there was none.
    public package(set) var statusCode: Int?
    /// The HTTP method of the request; nil when the failure belongs to none.
    public package(set) var method: String?
    /// The path of the request, never its query; nil when the failure belongs to no request.
    public package(set) var endpoint: String?
    /// The start of the answer's body, at most ``SupermetricsError/bodyLimit`` bytes; nil when there was none.
    public package(set) var responseBody: String?
    /// The API's error code, for example `TOO_MANY_REQUESTS`.
    public package(set) var code: String?
    /// What the API says beyond code and message: `description`, `details`, RFC 9457 members.
    public package(set) var details: JSONValue?
    /// The API's id of the exchange, to quote to its support.
    public package(set) var requestID: String?
    /// The value of `X-Span-Id`.
    public package(set) var spanID: String?
    /// How long the API asks to wait.
    public package(set) var retryAfter: Duration?
    /// The answer's header fields.
    public package(set) var headers = HeaderFields()
    /// Whether the same call may succeed later; decided where the error is made, never guessed from the outside.
    public package(set) var isTransient: Bool
    /// Whether the server may have acted on the request although no answer came: look before repeating a write.
    public package(set) var outcomeIsUnknown = false
    /// What the reader can do about it, in one sentence without a full stop.
    public package(set) var advice: String?

    /// The longest ``responseBody``, in bytes before truncation at a character.
    public static let bodyLimit = 2048

    package init(_ kind: Kind, _ message: String, isTransient: Bool = false, advice: String? = nil) {
        self.kind = kind
        self.message = message
        self.isTransient = isTransient
        self.advice = advice
    }

    static let cancelled = SupermetricsError(.cancelled, "the call was cancelled")
}

extension SupermetricsError {
    /// Whether a new credential is the cure: the API did not accept this one.
    public var isAuthentication: Bool { kind == .authentication }

    /// Whether the licence leaves out what was asked for, or does not reach so far back: no other key would help.
    package var isOutsideLicence: Bool { kind == .permission && code?.hasPrefix("LICENSE_") == true }

    /// Whether the request has to be written differently.
    public var isValidation: Bool { kind == .validation }

    /// Whether the API answered, with whatever error.
    public var isAPI: Bool { statusCode != nil && kind != .protocolViolation }

    /// Whether no usable answer came: the network broke, or a limit of time was reached.
    public var isNetwork: Bool { kind == .network || kind == .timeout }

    /// Whether no connection came about, so that the server knows nothing of the request.
    package var wasNotSent: Bool { isNetwork && !outcomeIsUnknown }

    /// Whether a used-up quota or licence limit is the cause: no retry within the day helps.
    public var isQuota: Bool {
        guard case .quota = kind else { return false }
        return true
    }

    /// Whether the API no longer has the asynchronous result (code `STATUS_NOT_FOUND`): the query must run again.
    public var isResultGone: Bool { code == "STATUS_NOT_FOUND" }
}

extension SupermetricsError: CustomStringConvertible {
    /// One line: what failed, on which input, why, what to do, request id.
    public var description: String {
        var text = [method, endpoint].compactMap(\.self).joined(separator: " ")
        if !text.isEmpty { text += ": " }
        if let statusCode { text += "HTTP \(statusCode)" + (code.map { " \($0)" } ?? "") + ": " }
        text += message.hasSuffix(".") ? String(message.dropLast()) : message
        if let advice { text += "; \(advice)" }
        if let requestID { text += " (request id \(requestID))" }
        return text
    }
}
