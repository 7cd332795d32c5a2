#if Postgres
import Dispatch

/// Runs the jobs of one connection one after another on a Dispatch queue: libpq blocks, and must hold no thread of the
/// shared pool while it does.
final class ConnectionQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "sluice.postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }
}
#endif
