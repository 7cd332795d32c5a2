import Synchronization

/// At most so many requests in any one second: a bucket of tokens, each back a second after it was taken.
///
/// Callers are served in the order they asked. A caller that is cancelled while it waits leaves its token unused,
/// so cancellation never lets more through.
final class RateLimiter: Sendable {
    private let clock: any Clock<Duration>
    private let stopwatch: Stopwatch
    /// The span in which each token may be taken once: one second, or longer for rates below one per second.
    private let span: Duration
    private let taken: Mutex<(times: [Duration], next: Int)>

    /// - Parameters:
    ///   - rate: requests per second, more than 0.
    ///   - clock: measures and sleeps.
    init(rate: Double, clock: any Clock<Duration>) {
        let tokens = max(1, Int(min(rate, 100_000)))
        self.clock = clock
        stopwatch = Stopwatch(clock)
        span = .seconds(Double(tokens) / rate)
        taken = Mutex((Array(repeating: .zero - span, count: tokens), 0))
    }

    /// Waits for a token.
    ///
    /// - Throws: ``SupermetricsError`` of kind `cancelled` when the task is cancelled first.
    func take() async throws(SupermetricsError) {
        let now = stopwatch.elapsed
        let turn = taken.withLock { taken in
            let turn = max(now, taken.times[taken.next] + span)
            taken.times[taken.next] = turn
            taken.next = (taken.next + 1) % taken.times.count
            return turn
        }
        if turn > now { try await clock.pause(for: turn - now) }
    }
}

/// Time since it was made, on any clock.
package struct Stopwatch: Sendable {
    private let read: @Sendable () -> Duration

    package init(_ clock: some Clock<Duration>) {
        let start = clock.now
        read = { start.duration(to: clock.now) }
    }

    package var elapsed: Duration { read() }
}

extension Clock where Duration == Swift.Duration {
    /// Sleeps; a cancelled task throws the room's error instead of `CancellationError`.
    package func pause(for duration: Duration) async throws(SupermetricsError) {
        do {
            try await sleep(for: duration)
        } catch {
            throw .cancelled
        }
    }
}
