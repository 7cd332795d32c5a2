import Synchronization

/// Lets so many callers through at once, the others in the order they came.
package final class ConcurrencyGate: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var waiters: [Waiter] = []
        /// Waiters cancelled before they could queue.
        var cancelled: Set<UInt64> = []
    }

    private let state: Mutex<State>

    /// - Parameter permits: how many callers may be inside together, at least 1.
    package init(permits: Int) {
        state = Mutex(State(free: max(1, permits)))
    }

    /// How many callers wait.
    package var waiting: Int { state.withLock { $0.waiters.count } }

    /// Runs `body` while holding a permit, which is given back on every path.
    ///
    /// - Throws: what `body` throws, or ``SupermetricsError`` of kind `cancelled` when the task is cancelled while it
    ///   waits.
    package func withPermit<R, Failure: Error>(
        _ body: () async throws(Failure) -> R
    ) async throws -> R {
        try await acquire()
        defer { release() }
        return try await body()
    }

    /// Waits for a permit; the caller gives it back with ``release()``.
    package func acquire() async throws(SupermetricsError) {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return false }
                    guard state.free == 0 else {
                        state.free -= 1
                        return true
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume(returning: false)
        }
        let cancelledLate = state.withLock { $0.cancelled.remove(id) != nil }
        guard granted else { throw .cancelled }
        if cancelledLate {
            release()
            throw .cancelled
        }
    }

    /// Gives a permit back, to the caller that has waited longest.
    package func release() {
        let next: Waiter? = state.withLock { state in
            guard state.waiters.isEmpty else { return state.waiters.removeFirst() }
            state.free += 1
            return nil
        }
        next?.continuation.resume(returning: true)
    }
}
