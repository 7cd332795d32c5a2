import Dispatch

/// Runs an actor's jobs one after another on a Dispatch queue, so that its blocking calls hold no thread of the shared
/// pool.
final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(_ label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedSerialExecutor()
        queue.async { unsafe job.runSynchronously(on: executor) }
    }
}

/// Where blocking file calls that belong to no window run.
actor DiskQueue {
    private nonisolated let executor = QueueExecutor("sluice.files")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Runs `work` on the queue, after what was handed in before.
    func run<R: Sendable, Failure: Error>(_ work: @Sendable () throws(Failure) -> R) throws(Failure) -> R {
        try work()
    }
}
