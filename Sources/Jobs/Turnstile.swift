import Synchronization

/// Lets batches that are on their way side by side through one by one, in the order of their numbers.
final class Turnstile: Sendable {
    private struct State {
        var next = 0
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        /// Numbers that gave up before they were seen waiting.
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    /// Returns when every batch before `number` has passed.
    ///
    /// - Throws: `CancellationError` where the task is cancelled meanwhile.
    func wait(_ number: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return .failure(CancellationError()) }
                    if state.next == number { return .success(()) }
                    state.waiting[number] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                guard let continuation = state.waiting.removeValue(forKey: number) else {
                    state.cancelled.insert(number)
                    return nil as CheckedContinuation<Void, any Error>?
                }
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Says that batch `number` is through.
    func pass(_ number: Int) {
        let continuation = state.withLock { state in
            state.next = number + 1
            return state.waiting.removeValue(forKey: number + 1)
        }
        continuation?.resume()
    }
}
