import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Carries out requests for all resources: rate, credential, header fields, limits, retries.
final class RequestExecutor: Sendable {
    let configuration: SupermetricsClient.Configuration
    private let http: HTTPClient
    let router: Router
    private let tokens: TokenSource
    private let rate: RateLimiter
    private let policy: RetryPolicy
    let customHeaders: HeaderFields
    let compression = CompressionPreference()
    /// Whether this client ever got an answer; until then nobody may be there, and waiting long for it tells nothing.
    private let wasAnswered = Atomic(false)
    /// Attempts to reach an address that never answered.
    private static let attemptsToReach = 3

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
    func json(_ request: APIRequest) async throws(SupermetricsError) -> RawResponse {
        try await perform(request) { (response) async throws(SupermetricsError) in
            let bytes = try await response.body.collect()
            guard !bytes.isEmpty else { return RawResponse(body: [], json: .null, head: response) }
            let value: JSONValue
            do {
                value = try JSONValue(parsing: bytes)
            } catch {
                throw response.violation("the answer is not JSON: \(error)", isTransient: true)
            }
            if let error = value["error"], !error.isNull { throw response.error(decoding: bytes) }
            return RawResponse(body: bytes, json: value, head: response)
        }
    }

    /// A request whose answer is read by the caller; what breaks while it is read is no longer retried here.
    func stream(_ request: APIRequest) async throws(SupermetricsError) -> StreamedResponse {
        try await perform(request) { response in response }
    }

    /// How long to wait before a failed exchange is tried again; nil when it should not be.
    func backoff(after error: SupermetricsError, attempt: Int) -> Duration? {
        let decision = policy.decide(error, attempt: attempt, repeatable: true, random: configuration.random())
        guard case .retry(let wait) = decision else { return nil }
        return wait
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
                let isUnreachable = error.wasNotSent && !wasAnswered.load(ordering: .relaxed)
                guard !isUnreachable || attempt < Self.attemptsToReach else { throw error }
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
            isRepeatable: request.isRepeatable,
            redactor: Redactor(secrets: [authorization.token]),
            acceptsCompression: compression.isWanted(by: destination.origin),
            compression: compression,
            now: configuration.now
        )
        let limits = limits(for: request)
        let exchange = Exchange(limits)
        exchange.start(try httpRequest(request, authorization.value, context), on: http)
        let head: HTTPResponseHead
        do {
            head = try await exchange.head(within: limits.head)
            wasAnswered.store(true, ordering: .relaxed)
        } catch {
            switch error {
            case .cancelled: throw .cancelled
            case .failed(let cause): throw context.transportError(cause, sent: exchange.wasSent)
            case .timedOut where limits.total == limits.head:
                throw limits.totalExceeded(context, sent: exchange.wasSent)
            case .timedOut: throw limits.headExceeded(context, sent: exchange.wasSent)
            }
        }
        var answered = context
        answered.status = Int(head.status.code)
        for field in head.headers { answered.headers.append(field.name, field.value) }
        let body = ResponseBody(exchange: exchange, context: answered, limits: limits)
        return try await accept(StreamedResponse(body: body, context: answered), status: Int(head.status.code))
    }

    /// Lets a success through, and makes an error of everything else.
    private func accept(
        _ response: StreamedResponse,
        status: Int
    ) async throws(SupermetricsError) -> StreamedResponse {
        switch status {
        case 200..<300: break
        case 300..<400: throw response.context.redirect()
        default:
            // The status already tells; a body that breaks off only makes it tell less.
            let bytes = (try? await response.body.collect(upTo: Self.errorBodyLimit)) ?? []
            if Task.isCancelled { throw .cancelled }
            throw response.error(decoding: bytes)
        }
        let encodings = response.headers.values("Content-Encoding").map { $0.lowercased() }
        guard encodings.isEmpty || [["gzip"], ["deflate"], ["identity"]].contains(encodings) else {
            throw response.violation("the answer has a content encoding that was not asked for", isTransient: false)
        }
        if response.headers["Content-Type"]?.lowercased().contains("html") == true {
            try await refuseWebPage(response)
        }
        return response
    }

    /// A gateway's page; what only claims to be HTML is let through.
    private func refuseWebPage(_ response: StreamedResponse) async throws(SupermetricsError) {
        guard let chunk = try await response.body.next() else { return }
        let bytes = Array(chunk.buffer.readableBytesView.prefix(Self.errorBodyLimit))
        guard bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "<") else {
            response.body.putBack(chunk)
            return
        }
        throw response.context.violation(
            "the answer is a web page, not the API's",
            body: bytes,
            isTransient: true,
            advice: "check the base URL, and that no proxy answers in the API's place"
        )
    }

    private func limits(for request: APIRequest) -> ExchangeLimits {
        func limits(total: Duration, head: Duration, idle: Duration, bytes: Int) -> ExchangeLimits {
            ExchangeLimits(
                clock: configuration.clock,
                started: Stopwatch(configuration.clock),
                total: total,
                head: min(head, total),
                idle: idle,
                maximumBytes: bytes
            )
        }
        switch request.profile {
        case .control:
            let total = request.options.timeout ?? configuration.timeout
            return limits(total: total, head: total, idle: total, bytes: configuration.controlBodyLimit)
        case .data(let serverWait):
            let total = request.options.timeout ?? configuration.requestTimeout
            let idle = configuration.idleTimeout
            let head = serverWait.map { idle + $0 } ?? total
            return limits(total: total, head: head, idle: idle, bytes: configuration.dataBodyLimit)
        }
    }

    /// The fields this client sets by itself, the credential's apart.
    func ownHeaders(for request: APIRequest, compressed: Bool) -> HeaderFields {
        var headers: HeaderFields = [
            "User-Agent": configuration.userAgent, "Accept": "application/json",
            "Accept-Encoding": compressed ? "gzip, deflate" : "identity",
        ]
        headers["Content-Type"] = request.encodedBody?.contentType
        return headers
    }

    private func httpRequest(
        _ request: APIRequest,
        _ authorization: String,
        _ context: RequestContext
    ) throws(SupermetricsError) -> HTTPClient.Request {
        let body = request.encodedBody
        var headers = ownHeaders(for: request, compressed: context.acceptsCompression)
        headers.override(with: customHeaders)
        headers.override(with: request.headers)
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

extension RequestExecutor: CustomReflectable {
    /// Without children: the HTTP library's own state leads to header fields of running requests.
    var customMirror: Mirror { Mirror(self, children: []) }
}
