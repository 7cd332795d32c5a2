import AsyncHTTPClient
import Dispatch
import Synchronization

/// The API for programs without concurrency: scripts, command line tools, worker threads of other libraries.
///
/// It has the resources of ``SupermetricsClient``; asking a ``Call`` for its value blocks the thread until the API has
/// answered.
///
/// ```swift
/// let client = try SupermetricsBlockingClient(.init(credential: .apiKey(key)))
/// defer { client.close() }
/// for login in try client.logins.list().value { print(login.username ?? login.id) }
/// ```
///
/// Any number of plain threads may use one client at the same time. Requests run on threads of the client's own and of
/// the HTTP library, so that it works even where all of Swift's shared threads are busy.
///
/// Do not use it where blocking holds others up: in an `async` function, a task or an actor (the compiler refuses it
/// there), in what these call synchronously, and on a thread that serves a user interface or an event loop. A thread
/// that waits cannot be interrupted; the timeouts of ``SupermetricsClient/Configuration`` bound the wait.
public final class SupermetricsBlockingClient: APIClient {
    /// What carries out its calls.
    public let runner: CallRunner
    private let http: HTTPClient
    private let isClosed = Atomic(false)

    /// Opens a client.
    ///
    /// - Parameter configuration: how to reach the API; checked before anything is opened.
    /// - Throws: ``SupermetricsError`` of kind `client` for an unusable configuration.
    @available(*, noasync, message: "use withSupermetricsClient in asynchronous code")
    public init(_ configuration: SupermetricsClient.Configuration) throws(SupermetricsError) {
        http = try HTTPClient(for: configuration)
        do throws(SupermetricsError) {
            runner = CallRunner(executor: try RequestExecutor(configuration, http: http), threads: CallThreads())
        } catch {
            http.shutdown { _ in }
            throw error
        }
    }

    /// Closes its connections; calls still running on other threads fail, and so do later ones.
    ///
    /// A client nobody refers to any more closes by itself.
    public func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        http.shutdown { _ in }
    }

    deinit {
        close()
    }
}

extension SupermetricsBlockingClient: CustomReflectable {
    /// A mirror without children: the HTTP library's own state leads to header fields of running requests.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Opens a blocking client, runs `body` with it, and closes its connections on every path.
///
/// - Parameters:
///   - configuration: how to reach the API; checked before anything is opened.
///   - body: what to do with the client, which must not be used after it returns.
/// - Returns: what `body` returns.
/// - Throws: ``SupermetricsError`` of kind `client` for an unusable configuration, and what `body` throws.
@available(*, noasync, message: "use withSupermetricsClient in asynchronous code")
public func withSupermetricsBlockingClient<R>(
    _ configuration: SupermetricsClient.Configuration,
    _ body: (SupermetricsBlockingClient) throws -> R
) throws -> R {
    let client = try SupermetricsBlockingClient(configuration)
    defer { client.close() }
    return try body(client)
}

/// Threads on which a blocking client's calls run, apart from those tasks share.
final class CallThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "SupermetricsBlockingClient", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

extension CallRunner {
    /// Runs `body` on the client's threads and blocks this one until it is done.
    func wait<R: Sendable>(
        _ body: @escaping @Sendable () async throws(SupermetricsError) -> R
    ) throws(SupermetricsError) -> R {
        let outcome = Outcome<R>()
        Task(executorPreference: threads) {
            do throws(SupermetricsError) {
                outcome.finish(.success(try await body()))
            } catch {
                outcome.finish(.failure(error))
            }
        }
        return try outcome.wait().get()
    }
}

/// Where the result of a task is left for the thread that waits.
private final class Outcome<R: Sendable>: Sendable {
    private let result = Mutex<Result<R, SupermetricsError>?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    func finish(_ value: Result<R, SupermetricsError>) {
        result.withLock { $0 = value }
        isThere.signal()
    }

    func wait() -> Result<R, SupermetricsError> {
        isThere.wait()
        return result.withLock { $0 } ?? .failure(.cancelled)
    }
}
