package import Foundation
import Synchronization

/// A clock that moves only where someone sleeps on it: a short sleep, such as a pause between two looks, passes at once
/// and moves it on; a long one, such as a timeout, lasts until it is cancelled or expires by order.
package final class QuickClock: Clock, Sendable {
    /// A moment of the clock.
    package struct Instant: InstantProtocol {
        /// The time since the clock was made.
        package var offset: Duration

        package func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        package static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now: Duration = .zero
        var nextID = 0
        var sleepers: [Int: (deadline: Duration, continuation: CheckedContinuation<Bool, Never>)] = [:]
        var cancelled: Set<Int> = []
    }

    /// 2024-03-15 12:00 UTC.
    package static let start = Date(timeIntervalSince1970: 1_710_504_000)

    private let state = Mutex(State())
    private let patience: Duration

    /// - Parameter patience: Sleeps shorter than this pass at once.
    package init(patience: Duration = .seconds(25)) { self.patience = patience }

    package var now: Instant { Instant(offset: state.withLock { $0.now }) }
    package var minimumResolution: Duration { .nanoseconds(1) }

    /// Now, as a date.
    package var date: Date { Self.start.addingTimeInterval(now.offset / .seconds(1)) }

    /// How many long sleeps last.
    package var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock on; nobody is woken.
    package func advance(by duration: Duration) { state.withLock { $0.now += duration } }

    /// Ends every long sleep, as if its time had come.
    package func expireTimeouts() {
        let due = state.withLock { state in
            state.now = max(state.now, state.sleepers.values.map(\.deadline).max() ?? .zero)
            defer { state.sleepers = [:] }
            return Array(state.sleepers.values)
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let id: Int? = state.withLock { state in
            guard deadline.offset - state.now >= patience else {
                state.now = max(state.now, deadline.offset)
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return await Task.yield() }
        let hasPassed = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return true }
                    state.sleepers[id] = (deadline.offset, continuation)
                    return false
                }
                if isCancelled { continuation.resume(returning: false) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(returning: false)
        }
        guard hasPassed else { throw CancellationError() }
    }
}
