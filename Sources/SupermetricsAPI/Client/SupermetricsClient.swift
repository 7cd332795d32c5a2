import AsyncHTTPClient
import NIOCore
import NIOHTTPCompression

/// A client of the Supermetrics API, open for the time of one scope: see ``withSupermetricsClient(_:_:)``.
///
/// Calls may run at the same time from any task. All of them share the rate limit, the connections and the credential.
///
/// Its resources, such as `client.backfills`, make calls, and a ``Call`` is sent when its value is asked for:
///
/// ```swift
/// let backfill = try await client.backfills.get(teamID: 1, backfillID: 2).value
/// ```
public struct SupermetricsClient: APIClient {
    /// The version this client names in its `User-Agent`.
    public static let version = "0.1.0"

    let executor: RequestExecutor

    /// What carries out its calls.
    public var runner: CallRunner { CallRunner(executor: executor) }

    /// Permits for ``Configuration/concurrentQueries`` queries, shared by all who run queries with this client.
    package let queryGate: ConcurrencyGate

    /// The settings it was opened with.
    package var configuration: Configuration { executor.configuration }

    /// Scheme, host and port of the server that transfers and backfills are at: `https://dts-api.supermetrics.com`.
    package var warehouseOrigin: String { executor.router.warehouseOrigin.description }

    /// How long to wait before doing again what failed while an answer was read; nil when it should not be done.
    ///
    /// - Parameters:
    ///   - error: the failure.
    ///   - attempt: how many attempts were made, the failed one included.
    /// - Returns: the wait by the client's retry rules.
    package func backoff(after error: SupermetricsError, attempt: Int) -> Duration? {
        executor.backoff(after: error, attempt: attempt)
    }

    init(_ configuration: Configuration, http: HTTPClient) throws(SupermetricsError) {
        executor = try RequestExecutor(configuration, http: http)
        queryGate = ConcurrencyGate(permits: configuration.concurrentQueries)
    }
}

/// Opens a client, runs `body` with it, and closes its connections on every path.
///
/// - Parameters:
///   - configuration: how to reach the API; checked before anything is opened.
///   - body: what to do with the client, which must not be used after it returns.
/// - Returns: what `body` returns.
/// - Throws: ``SupermetricsError`` of kind `client` for an unusable configuration, and what `body` throws.
public func withSupermetricsClient<R>(
    _ configuration: SupermetricsClient.Configuration,
    _ body: (SupermetricsClient) async throws -> R
) async throws -> R {
    let http = try HTTPClient(for: configuration)
    let result: Result<R, any Error>
    do {
        result = .success(try await body(SupermetricsClient(configuration, http: http)))
    } catch {
        result = .failure(error)
    }
    // Only requests that `body` left running can make this fail, and they are cancelled by it.
    try? await http.shutdown()
    return try result.get()
}

extension HTTPClient {
    /// The connections of one client, by its settings.
    ///
    /// - Parameter configuration: checked first.
    /// - Throws: ``SupermetricsError`` of kind `client` for an unusable configuration.
    convenience init(for configuration: SupermetricsClient.Configuration) throws(SupermetricsError) {
        try configuration.validate()
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        // No read timeout: it would fire while this side is the slow one. The exchange has limits of its own.
        settings.timeout = .init(connect: .nanoseconds(configuration.connectTimeout.wholeNanoseconds), read: nil)
        settings.decompression = .enabled(limit: .ratio(200))
        settings.httpVersion = .http1Only
        // A request that waits for a connection fails after the connect timeout: there must be enough for everyone.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            configuration.connections ?? configuration.concurrentQueries * 4 + 32
        // Connections are tried again by the retry policy, which counts and reports them.
        settings.connectionPool.retryConnectionEstablishment = false
        // Each read costs two switches between threads, so a body that comes fast is read in large pieces.
        settings.http1_1ConnectionDebugInitializer = { channel in
            let pieces = AdaptiveRecvByteBufferAllocator(minimum: 4 << 10, initial: 16 << 10, maximum: 128 << 10)
            return channel.setOption(.recvAllocator, value: pieces)
        }
        self.init(eventLoopGroupProvider: .singleton, configuration: settings)
    }
}

extension Duration {
    /// The duration in nanoseconds, bounded by what 64 bits hold.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
    }
}
