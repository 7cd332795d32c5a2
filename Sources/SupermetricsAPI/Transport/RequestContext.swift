import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import Synchronization

import struct FoundationEssentials.Date

/// What every error of one exchange says about it: where it went, what came back, and which secrets must not show.
struct RequestContext: Sendable {
    let method: APIRequest.Method
    let destination: Destination
    /// Whether sending the request twice does no harm.
    let isRepeatable: Bool
    let redactor: Redactor
    /// Whether the request asked for a compressed answer.
    let acceptsCompression: Bool
    let compression: CompressionPreference
    let now: @Sendable () -> Date
    /// The answer's status and header fields, as soon as they are there.
    var status: Int?
    var headers = HeaderFields()

    var retryAfter: Duration? { RetryAfter.parse(headers["Retry-After"], now: now()) }

    /// The error the answer stands for, from its status, header fields and as much of its body as was read.
    func apiError(body: [UInt8]) -> SupermetricsError {
        let parsed = ErrorBody(body)
        let text = [parsed?.message, parsed?.details?.description].compactMap(\.self).joined(separator: " ")
        let classification = ErrorCodes.classify(code: parsed?.code, status: status ?? 0, text: text)
        var error = SupermetricsError(
            classification.kind,
            parsed?.message.map { line($0) } ?? Self.plainMessage(body),
            isTransient: classification.isTransient,
            advice: ErrorCodes.advice(for: classification.kind, code: parsed?.code, retryAfter: retryAfter)
        )
        error.outcomeIsUnknown = classification.kind == .server || classification.kind == .timeout
        error.code = parsed?.code.map { line($0, limit: 100) }
        error.details = parsed?.details.map(redactor.redact)
        error.retryAfter = retryAfter
        describe(&error, body: body)
        error.statusCode = status
        error.requestID = parsed?.requestID.map { line($0, limit: 100) } ?? error.requestID
        return error
    }

    /// A 3xx: following it would take the credential, or the caller, somewhere nobody configured.
    func redirect() -> SupermetricsError {
        let target = headers["Location"].flatMap { location in
            location.hasPrefix("/") && !location.hasPrefix("//") ? destination.origin : Origin(ofURL: location)
        }
        var error = SupermetricsError(
            .protocolViolation,
            "the server redirects to \(target.map { line("\($0)") } ?? "an unreadable place"), which is not followed",
            advice: "set the base URL to where the API really is"
        )
        describe(&error)
        error.headers["Location"] = nil
        return error
    }

    /// An answer that breaks the protocol.
    func violation(
        _ message: String,
        body: [UInt8] = [],
        isTransient: Bool,
        advice: String? = nil
    ) -> SupermetricsError {
        var error = SupermetricsError(.protocolViolation, line(message), isTransient: isTransient, advice: advice)
        error.outcomeIsUnknown = true
        describe(&error, body: body)
        return error
    }

    func timeout(_ message: String, advice: String, sent: Bool) -> SupermetricsError {
        var error = SupermetricsError(.timeout, message, isTransient: true, advice: advice)
        error.outcomeIsUnknown = sent
        describe(&error)
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
            case let cause as IOError:
                SupermetricsError(
                    .network,
                    "no connection to \(destination.origin), or it broke off (\(Self.reason(of: cause)))",
                    isTransient: true,
                    advice: "check the network and the base URL"
                )
            default:
                SupermetricsError(
                    .network,
                    "no connection to \(destination.origin), or it broke off (\(line("\(cause)", limit: 300)))",
                    isTransient: true,
                    advice: "check the network and the base URL"
                )
            }
        error.outcomeIsUnknown = sent
        describe(&error)
        return error
    }

    /// What the system says of a failed call, such as `Connection refused`.
    private static func reason(of error: IOError) -> String {
        unsafe strerror(error.errnoCode).map { unsafe String(cString: $0) } ?? "error \(error.errnoCode)"
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

    private func describe(_ error: inout SupermetricsError, body: [UInt8] = []) {
        error.method = method.rawValue
        error.endpoint = destination.path
        error.statusCode = error.isNetwork ? nil : status
        error.headers = headers.mapValues(redactor.redact)
        error.requestID = error.headers["X-Request-Id"]
        error.spanID = error.headers["X-Span-Id"]
        if error.outcomeIsUnknown, !isRepeatable {
            error.advice = "it may have been done all the same: look before sending it again"
        }
        if !body.isEmpty {
            let text = redactor.redact(String(decoding: body, as: UTF8.self))
            error.responseBody = Self.bounded(text, limit: SupermetricsError.bodyLimit)
        }
    }

    /// Foreign text as part of one line: no secret, no control character, no more than so many bytes.
    private func line(_ text: String, limit: Int = 1000) -> String {
        let scalars = redactor.redact(text).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }
        var line = String.UnicodeScalarView()
        line.append(contentsOf: scalars)
        return Self.bounded(String(line), limit: limit)
    }

    private static func plainMessage(_ body: [UInt8]) -> String {
        switch body.first(where: { $0 > 0x20 }) {
        case nil: "the answer has no body"
        case UInt8(ascii: "<"): "the answer is a web page, not the API's"
        default: "the answer says nothing readable"
        }
    }

    private static func bounded(_ text: String, limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        return String(text[..<text.utf8.index(text.startIndex, offsetBy: limit)]) + "…"
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
