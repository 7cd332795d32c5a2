import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import Synchronization

import struct FoundationEssentials.Date

/// What every error of one exchange says about it: where it went, and which secrets must not show.
struct RequestContext: Sendable {
    let method: APIRequest.Method
    let destination: Destination
    let redactor: Redactor
    /// Whether the request asked for a compressed answer.
    let acceptsCompression: Bool
    let compression: CompressionPreference
    let now: @Sendable () -> Date

    /// The error an answer stands for, from its status, header fields and as much of its body as was read.
    func apiError(status: Int, headers: HeaderFields, body: [UInt8]) -> SupermetricsError {
        let parsed = ErrorBody(body)
        let retryAfter = RetryAfter.parse(headers["Retry-After"], now: now())
        let text = [parsed?.message, parsed?.details?.description].compactMap(\.self).joined(separator: " ")
        let classification = ErrorCodes.classify(code: parsed?.code, status: status, text: text)
        var error = SupermetricsError(
            classification.kind,
            parsed?.message.map(redactor.redact) ?? Self.plainMessage(status: status, body: body),
            isTransient: classification.isTransient,
            advice: ErrorCodes.advice(for: classification.kind, code: parsed?.code, retryAfter: retryAfter)
        )
        error.outcomeIsUnknown = classification.kind == .server || classification.kind == .timeout
        error.code = parsed?.code.map(redactor.redact)
        error.details = parsed?.details.map(redactor.redact)
        error.retryAfter = retryAfter
        describe(&error, status: status, headers: headers, body: body)
        error.requestID = parsed?.requestID.map(redactor.redact) ?? error.requestID
        return error
    }

    /// A 3xx: following it would take the credential, or the caller, somewhere nobody configured.
    func redirect(status: Int, headers: HeaderFields) -> SupermetricsError {
        let target = headers["Location"].flatMap { location in
            location.hasPrefix("/") && !location.hasPrefix("//")
                ? destination.origin.description : Origin(ofURL: location)?.description
        }
        var error = SupermetricsError(
            .protocolViolation,
            "the server redirects to \(target.map(redactor.redact) ?? "an unreadable place"), which is not followed",
            advice: "set the base URL to where the API really is"
        )
        var shown = headers
        shown["Location"] = nil
        describe(&error, status: status, headers: shown, body: [])
        return error
    }

    /// An answer that breaks the protocol.
    func violation(
        _ message: String,
        status: Int?,
        headers: HeaderFields,
        body: [UInt8] = [],
        isTransient: Bool,
        advice: String? = nil
    ) -> SupermetricsError {
        var error = SupermetricsError(
            .protocolViolation,
            redactor.redact(message),
            isTransient: isTransient,
            advice: advice
        )
        error.outcomeIsUnknown = true
        describe(&error, status: status, headers: headers, body: body)
        return error
    }

    func timeout(_ message: String, advice: String, sent: Bool) -> SupermetricsError {
        var error = SupermetricsError(.timeout, message, isTransient: true, advice: advice)
        error.outcomeIsUnknown = sent
        describe(&error, status: nil, headers: HeaderFields(), body: [])
        return error
    }

    /// What broke an exchange off before or while its answer was read.
    func transportError(_ cause: any Error, sent: Bool) -> SupermetricsError {
        var error =
            switch cause {
            case let cause as HTTPClientError: clientError(cause)
            case is HTTPParserError:
                SupermetricsError(
                    .protocolViolation,
                    "the answer is not valid HTTP or was cut (\(cause))",
                    isTransient: true
                )
            case NIOHTTPDecompression.DecompressionError.limit:
                decompressionError("the compressed answer inflates beyond any honest ratio")
            case is NIOHTTPDecompression.DecompressionError, is NIOHTTPDecompression.ExtraDecompressionError:
                decompressionError("the compressed answer is damaged")
            default:
                SupermetricsError(
                    .network,
                    "no connection, or it broke off (\(Self.bounded(redactor.redact("\(cause)"))))",
                    isTransient: true,
                    advice: "check the network and the base URL"
                )
            }
        error.outcomeIsUnknown = sent
        describe(&error, status: nil, headers: HeaderFields(), body: [])
        return error
    }

    private func clientError(_ cause: HTTPClientError) -> SupermetricsError {
        switch cause {
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout, .httpProxyHandshakeTimeout,
            .socksHandshakeTimeout:
            SupermetricsError(
                .timeout,
                "no connection to \(destination.origin) in time",
                isTransient: true,
                advice: "check the network and the base URL"
            )
        case .alreadyShutdown:
            SupermetricsError(.client, "the client was closed", advice: "make calls inside its scope only")
        case .invalidURL, .emptyHost, .emptyScheme, .invalidHeaderFieldNames([]), .invalidHeaderFieldValues([]):
            SupermetricsError(.client, "the request cannot be sent (\(cause.shortDescription))")
        default:
            SupermetricsError(
                .network,
                "the connection broke off (\(cause.shortDescription))",
                isTransient: true
            )
        }
    }

    private func decompressionError(_ message: String) -> SupermetricsError {
        // From now on plain answers are asked for, so one more attempt can succeed.
        compression.giveUp()
        return SupermetricsError(.protocolViolation, message, isTransient: acceptsCompression)
    }

    private func describe(_ error: inout SupermetricsError, status: Int?, headers: HeaderFields, body: [UInt8]) {
        error.method = method.rawValue
        error.endpoint = destination.path
        error.statusCode = status
        error.headers = headers.mapValues(redactor.redact)
        error.requestID = error.requestID ?? error.headers["X-Request-Id"]
        error.spanID = error.headers["X-Span-Id"]
        if !body.isEmpty {
            error.responseBody = Self.bounded(
                redactor.redact(String(decoding: body, as: UTF8.self)),
                limit: SupermetricsError.bodyLimit
            )
        }
    }

    private static func plainMessage(status: Int, body: [UInt8]) -> String {
        let start = body.drop { $0 <= 0x20 }.first
        if body.isEmpty || start == nil { return "the answer has no body" }
        return start == UInt8(ascii: "<")
            ? "the answer is a web page, not the API's" : "the answer says nothing readable"
    }

    static func bounded(_ text: String, limit: Int = 300) -> String {
        guard text.utf8.count > limit else { return text }
        return String(decoding: text.utf8.prefix(limit), as: UTF8.self) + "…"
    }
}

/// Whether a client still asks for compressed answers: not once one could not be read.
final class CompressionPreference: Sendable {
    private let isWanted = Atomic(true)

    func isWanted(by origin: Origin) -> Bool {
        // Over loopback, deflating costs more than sending.
        !origin.isLoopback && isWanted.load(ordering: .relaxed)
    }

    func giveUp() {
        isWanted.store(false, ordering: .relaxed)
    }
}
