import Synchronization

/// A clock that only tests move: short sleeps pass at once and are noted, long ones wait until time is advanced.
final class TestClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
    }

    private struct Sleeper {
        let id: Int
        let deadline: Duration
        let length: Duration
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now: Duration = .zero
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var passed: [Duration] = []
        var watchers: [(length: Duration, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let passing: Duration

    /// - Parameter passing: sleeps shorter than this pass at once, moving the clock.
    init(passing: Duration = .zero) {
        self.passing = passing
    }

    var now: Instant { Instant(offset: state.withLock { $0.now }) }
    var minimumResolution: Duration { .nanoseconds(1) }
    /// How many tasks sleep.
    var sleeping: Int { state.withLock { $0.sleepers.count } }
    /// The sleeps that passed at once, in order.
    var passed: [Duration] { state.withLock { $0.passed } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let woken = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.cancelled.contains(id) { return false }
                    let length = deadline.offset - state.now
                    if length <= .zero { return true }
                    if length < passing {
                        state.now += length
                        state.passed.append(length)
                        return true
                    }
                    state.sleepers.append(
                        Sleeper(id: id, deadline: deadline.offset, length: length, continuation: continuation)
                    )
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
                wakeWatchers()
            }
        } onCancel: {
            let sleeper: Sleeper? = state.withLock { state in
                state.cancelled.insert(id)
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(returning: false)
        }
        if !woken { throw CancellationError() }
    }

    /// Moves time forward and wakes those whose time has come.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.deadline <= state.now }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    /// Returns once so many tasks sleep for exactly this long.
    func untilSleeping(for length: Duration, count: Int = 1) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.watchers.append((length, count, continuation)) }
            wakeWatchers()
        }
    }

    private func wakeWatchers() {
        let ready = state.withLock { state in
            let lengths = state.sleepers.map(\.length)
            func isReady(_ length: Duration, _ count: Int) -> Bool { lengths.filter { $0 == length }.count >= count }
            let ready = state.watchers.filter { isReady($0.length, $0.count) }
            state.watchers.removeAll { isReady($0.length, $0.count) }
            return ready
        }
        for watcher in ready { watcher.continuation.resume() }
    }
}
