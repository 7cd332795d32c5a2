import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Carries out requests for all resources: rate, credential, header fields, limits, retries.
final class RequestExecutor: Sendable {
    let configuration: SupermetricsClient.Configuration
    private let http: HTTPClient
    private let router: Router
    private let tokens: TokenSource
    private let rate: RateLimiter
    private let policy: RetryPolicy
    private let customHeaders: HeaderFields
    private let compression = CompressionPreference()

    init(_ configuration: SupermetricsClient.Configuration, http: HTTPClient) throws(SupermetricsError) {
        self.configuration = configuration
        self.http = http
        router = try configuration.router()
        tokens = TokenSource(configuration.credential)
        rate = RateLimiter(rate: configuration.requestsPerSecond, clock: configuration.clock)
        policy = RetryPolicy(
            maximumAttempts: configuration.maxAttempts,
            longestWait: configuration.longestRetryWait
        )
        var headers = configuration.customHeaders
        if headers["Authorization"] != nil {
            headers["Authorization"] = nil
            configuration.onWarning("the custom header Authorization is ignored: the credential decides it")
        }
        customHeaders = headers
    }

    /// A request and all of its answer, as JSON.
    ///
    /// - Returns: the answer, `null` for an empty body.
    func json(_ request: APIRequest) async throws(SupermetricsError) -> JSONAnswer {
        try await perform(request) { (response) async throws(SupermetricsError) in
            let bytes = try await response.body.collect()
            guard !bytes.isEmpty else { return JSONAnswer(value: .null, response: response) }
            let value: JSONValue
            do {
                value = try JSONValue(parsing: bytes)
            } catch {
                throw response.context.violation(
                    "the answer is not JSON: \(error)",
                    status: response.status,
                    headers: response.headers,
                    body: bytes,
                    isTransient: true
                )
            }
            if let error = value["error"], !error.isNull { throw response.error(decoding: bytes) }
            return JSONAnswer(value: value, response: response)
        }
    }

    /// A request whose answer is read by the caller; what breaks while it is read is no longer retried here.
    func stream(_ request: APIRequest) async throws(SupermetricsError) -> StreamedResponse {
        try await perform(request) { response in response }
    }

    private func perform<R: Sendable>(
        _ request: APIRequest,
        _ consume: (StreamedResponse) async throws(SupermetricsError) -> R
    ) async throws(SupermetricsError) -> R {
        if let name = request.options.headers.firstUnusableName() {
            throw SupermetricsError(.client, "the header \"\(name)\" cannot be sent")
        }
        var policy = policy
        policy.longestWait = request.options.longestRetryWait ?? policy.longestWait
        var authorization = Authorization(request.options, tokens: tokens)
        try await authorization.prepare()
        var attempt = 1
        while true {
            do {
                return try await consume(send(request, authorization))
            } catch {
                if error.isAuthentication, error.statusCode != nil, try await authorization.refresh() { continue }
                let decision = policy.decide(
                    error,
                    attempt: attempt,
                    repeatable: request.isRepeatable,
                    random: configuration.random()
                )
                guard case .retry(let wait) = decision, request.options.retryBudget?.take() ?? true else { throw error }
                configuration.onRetry(error, wait)
                try await configuration.clock.pause(for: wait)
                attempt += 1
                try await authorization.prepare()
            }
        }
    }

    // MARK: One attempt

    private func send(
        _ request: APIRequest,
        _ authorization: Authorization
    ) async throws(SupermetricsError) -> StreamedResponse {
        try await rate.take()
        let destination = router.destination(of: request.path)
        let context = RequestContext(
            method: request.method,
            destination: destination,
            redactor: Redactor(secrets: [authorization.token]),
            acceptsCompression: compression.isWanted(by: destination.origin),
            compression: compression,
            now: configuration.now
        )
        let exchange = Exchange()
        let limits = limits(for: request)
        exchange.start(try httpRequest(request, authorization.value, context), on: http)
        let head: HTTPResponseHead
        do {
            head = try await exchange.within(limits.head, clock: configuration.clock) {
                () async throws(Exchange.Ending) in try await exchange.head()
            }
        } catch {
            switch error {
            case .cancelled: throw .cancelled
            case .failed(let cause): throw context.transportError(cause, sent: exchange.wasSent)
            case .timedOut where limits.total == limits.head:
                throw limits.totalExceeded(context, sent: exchange.wasSent)
            case .timedOut: throw limits.headExceeded(context, sent: exchange.wasSent)
            }
        }
        var headers = HeaderFields()
        for field in head.headers { headers.append(field.name, field.value) }
        let body = ResponseBody(exchange: exchange, context: context, limits: limits)
        return try await accept(status: Int(head.status.code), headers: headers, body: body, context: context)
    }

    /// Lets a success through, and makes an error of everything else.
    private func accept(
        status: Int,
        headers: HeaderFields,
        body: ResponseBody,
        context: RequestContext
    ) async throws(SupermetricsError) -> StreamedResponse {
        switch status {
        case 200..<300: break
        case 300..<400: throw context.redirect(status: status, headers: headers)
        default:
            // The status already tells; a body that breaks off only makes it tell less.
            let bytes = (try? await body.collect(upTo: Self.errorBodyLimit)) ?? []
            if Task.isCancelled { throw .cancelled }
            throw context.apiError(status: status, headers: headers, body: bytes)
        }
        let encoding = headers.fields.filter { $0.name.lowercased() == "content-encoding" }.map {
            $0.value.lowercased()
        }
        guard encoding.isEmpty || encoding.count == 1 && ["gzip", "deflate", "identity"].contains(encoding[0]) else {
            throw context.violation(
                "the answer has a content encoding that was not asked for",
                status: status,
                headers: headers,
                isTransient: false
            )
        }
        if headers["Content-Type"]?.lowercased().contains("html") == true {
            try await refuseHTML(status, headers, body, context)
        }
        return StreamedResponse(status: status, headers: headers, body: body, context: context)
    }

    /// A gateway's page; what only claims to be HTML is let through.
    private func refuseHTML(
        _ status: Int,
        _ headers: HeaderFields,
        _ body: ResponseBody,
        _ context: RequestContext
    ) async throws(SupermetricsError) {
        guard let chunk = try await body.next() else { return }
        let bytes = Array(chunk.buffer.readableBytesView.prefix(SupermetricsError.bodyLimit * 4))
        guard bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") else {
            body.putBack(chunk)
            return
        }
        throw context.violation(
            "the answer is a web page, not the API's",
            status: status,
            headers: headers,
            body: bytes,
            isTransient: true,
            advice: "check the base URL, and that no proxy answers in the API's place"
        )
    }

    private func limits(for request: APIRequest) -> ExchangeLimits {
        let head: Duration
        let total: Duration
        switch request.profile {
        case .control:
            total = request.options.timeout ?? configuration.timeout
            head = total
        case .data(let serverWait):
            total = request.options.timeout ?? configuration.requestTimeout
            head = serverWait.map { configuration.idleTimeout + $0 } ?? total
        }
        return ExchangeLimits(
            clock: configuration.clock,
            started: Stopwatch(configuration.clock),
            total: total,
            head: min(head, total),
            idle: request.profile == .control ? total : configuration.idleTimeout,
            maximumBytes: request.profile == .control ? configuration.controlBodyLimit : configuration.dataBodyLimit
        )
    }

    private func httpRequest(
        _ request: APIRequest,
        _ authorization: String,
        _ context: RequestContext
    ) throws(SupermetricsError) -> HTTPClient.Request {
        let body = request.encodedBody
        var headers: HeaderFields = [
            "User-Agent": configuration.userAgent, "Accept": "application/json",
            "Accept-Encoding": context.acceptsCompression ? "gzip, deflate" : "identity",
        ]
        headers["Content-Type"] = body?.contentType
        headers.override(with: customHeaders)
        headers["Authorization"] = authorization
        headers.override(with: request.options.headers)
        do {
            return try HTTPClient.Request(
                url: context.destination.url + request.encodedQuery,
                method: HTTPMethod(rawValue: request.method.rawValue),
                headers: HTTPHeaders(headers.fields.map { ($0.name, $0.value) }),
                body: body.map { .byteBuffer(ByteBuffer(bytes: $0.bytes)) }
            )
        } catch {
            throw context.transportError(error, sent: false)
        }
    }

    /// How much of an error's body is read.
    private static let errorBodyLimit = 64 << 10
}

/// A small answer read whole.
struct JSONAnswer: Sendable {
    let value: JSONValue
    let response: StreamedResponse
}

extension RequestExecutor: CustomReflectable {
    /// Without children: the HTTP library's own state leads to header fields of running requests.
    var customMirror: Mirror { Mirror(self, children: []) }
}
