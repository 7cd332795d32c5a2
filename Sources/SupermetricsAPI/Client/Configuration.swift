public import struct FoundationEssentials.Date

extension SupermetricsClient {
    /// How a client reaches the API; every setting but the credential has a default.
    ///
    /// It is checked when the client is opened. Its description never holds the credential or a header's value.
    public struct Configuration: Sendable {
        /// What proves who is calling.
        public var credential: Credential
        /// The `User-Agent` field.
        public var userAgent = "sluice/\(SupermetricsClient.version)"
        /// Fields added to every request; an `Authorization` among them is dropped with a warning.
        public var customHeaders = HeaderFields()

        /// The base of the core API; a base other than production's is taken literally for every request.
        public var baseURL = Router.productionCore
        /// The base of transfers, backfills, connections and destinations; nil infers it for production's `baseURL`.
        public var dtsBaseURL: String?
        /// What precedes `/query` and `/ds` paths: nothing, `/v2` or `/enterprise/v2`.
        public var queryPathPrefix = ""
        /// Whether `http://` is allowed beyond loopback: it sends the credential in the clear.
        public var allowInsecureHTTP = false

        /// The longest a control call may take, from sending to the last byte; each attempt has it anew.
        public var timeout: Duration = .seconds(30)
        /// The longest a connection may take to come about.
        public var connectTimeout: Duration = .seconds(10)
        /// The longest a query's answer may stay silent while it is being waited for.
        public var idleTimeout: Duration = .seconds(60)
        /// The longest a query's request and answer may take together, time spent by the reader included.
        public var requestTimeout: Duration = .seconds(30 * 60)
        /// Attempts per request, the first one included.
        public var maxAttempts = 8
        /// The longest `Retry-After` that is waited for; a longer one fails the call with the API's error.
        public var longestRetryWait: Duration = .seconds(60 * 60)
        /// Requests sent in any one second, retries included.
        public var requestsPerSecond = 20.0
        /// Queries run at once by those who share this client's gate.
        public var concurrentQueries = 4
        /// Connections open at once to one host, nil for as many as the concurrent queries need; a request that finds
        /// none free fails after the connect timeout, so an answer left open counts for as long as it is.
        public var connections: Int?

        /// The longest a query may take from submission to result, where this client waits for it.
        public var queryTimeout: Duration = .seconds(4 * 60 * 60)
        /// The first pause between two looks at a running query; it grows to 15 s.
        public var pollInterval: Duration = .seconds(1)

        /// The longest body of a control call or an error, in bytes after decompression.
        public var controlBodyLimit = 64 << 20
        /// The longest body of a query's answer, in bytes after decompression.
        public var dataBodyLimit = 64 << 30

        /// Told, in one sentence, about settings that were ignored.
        public var onWarning: @Sendable (String) -> Void = { _ in }
        /// Told before every retry: the failure, and the wait until the next attempt.
        public var onRetry: @Sendable (SupermetricsError, Duration) -> Void = { _, _ in }
        /// Measures and sleeps; tests pass one of their own.
        public var clock: any Clock<Duration> = ContinuousClock()
        /// The time of day, for `Retry-After` dates.
        public var now: @Sendable () -> Date = { Date() }
        /// A number in 0..<1, for jitter.
        public var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

        /// The defaults with a credential.
        ///
        /// - Parameter credential: what proves who is calling.
        public init(credential: Credential) {
            self.credential = credential
        }
    }
}

extension SupermetricsClient.Configuration {
    /// What the rest of the room works with, checked.
    func router() throws(SupermetricsError) -> Router {
        let router = try Router(baseURL: baseURL, dtsBaseURL: dtsBaseURL, queryPathPrefix: queryPathPrefix)
        if !allowInsecureHTTP, let origin = router.origins.first(where: { $0.scheme == "http" && !$0.isLoopback }) {
            throw SupermetricsError(
                .client,
                "\(origin) would carry the credential unencrypted",
                advice: "use https, or allow it: `allow_insecure_http: true` under `api:` in a job file, "
                    + "`allowInsecureHTTP` in the configuration of a client"
            )
        }
        return router
    }

    func validate() throws(SupermetricsError) {
        if let name = customHeaders.firstUnusableName() {
            throw SupermetricsError(
                .client,
                "the custom header \"\(name)\" cannot be sent",
                advice: "use a plain name that HTTP itself does not own, and a value without control characters"
            )
        }
        let agent: HeaderFields = ["User-Agent": userAgent]
        let durations = [timeout, connectTimeout, idleTimeout, requestTimeout, queryTimeout, pollInterval]
        let checks: [(Bool, String)] = [
            (
                agent.firstUnusableName() == nil && !userAgent.isEmpty,
                "the user agent is blank or holds control characters"
            ),
            (durations.allSatisfy { $0 > .zero }, "every timeout and interval must be longer than zero"),
            (longestRetryWait >= .zero, "the longest retry wait must not be negative"),
            (maxAttempts >= 1, "the number of attempts must be at least 1"),
            (requestsPerSecond > 0 && requestsPerSecond.isFinite, "requests per second must be more than 0"),
            (concurrentQueries >= 1, "the number of concurrent queries must be at least 1"),
            (connections.map { $0 >= 1 } ?? true, "the number of connections must be at least 1"),
            (controlBodyLimit > 0 && dataBodyLimit > 0, "body limits must be more than 0"),
        ]
        for (holds, message) in checks where !holds { throw SupermetricsError(.client, message) }
    }
}

extension SupermetricsClient.Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Where and how fast, without credential and header values.
    public var description: String {
        let headers = customHeaders.fields.map(\.name).joined(separator: ", ")
        let bases = [baseURL, dtsBaseURL].compactMap { base in
            base.map { (try? BaseURL($0))?.description ?? "[malformed]" }
        }
        return
            "SupermetricsClient.Configuration(\(credential), \(bases.joined(separator: ", ")), headers: [\(headers)])"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
