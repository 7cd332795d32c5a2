#if Postgres
import PipelineCore

/// Tries again what failed in a way that may pass: locks, deadlocks, serialization, connections, restarts.
struct Retries: Sendable {
    /// How long to wait before each further try; about half a minute in all, in which a server is restarted.
    var pauses: [Duration] = [100, 300, 1000, 2000, 4000, 8000, 8000, 8000].map { .milliseconds($0) }
    /// Waits.
    var clock: any Clock<Duration> = ContinuousClock()

    /// How long a statement waits for a lock before its transaction is given up and tried again: whoever stands behind
    /// it in the queue for the lock waits no longer than this either.
    var lockTimeout = "5s"

    /// Runs `body` until it succeeds, fails for good, or has failed once more than there are pauses.
    ///
    /// - Parameter body: May run several times; told how often it failed before.
    /// - Returns: What `body` returned the last time.
    /// - Throws: What `body` threw the last time.
    func callAsFunction<R>(_ body: (_ failures: Int) async throws -> R) async throws -> R {
        var failures = 0
        while true {
            do {
                return try await body(failures)
            } catch let error as DatabaseError where error.isTransient && failures < pauses.count {
                try await clock.sleep(for: pauses[failures])
                failures += 1
            }
        }
    }
}
#endif
