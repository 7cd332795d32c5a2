import Synchronization

/// Whether and when a failed request is sent again: pure, so that every case is a line of a table test.
struct RetryPolicy: Sendable {
    /// Attempts per request, the first one included.
    var maximumAttempts: Int
    /// Backoff of the first retry before jitter; it doubles with each further one.
    var base: Duration = .milliseconds(500)
    /// The longest backoff before jitter; `Retry-After` is not bound by it.
    var cap: Duration = .seconds(20)
    /// The longest `Retry-After` that is waited for; a longer one ends the call with its error.
    var longestWait: Duration

    enum Decision: Equatable {
        case retry(after: Duration)
        case giveUp
    }

    /// Decides after a failure.
    ///
    /// - Parameters:
    ///   - error: the failure.
    ///   - attempt: how many attempts were made, this one included.
    ///   - repeatable: whether the request may be sent twice without harm.
    ///   - random: a number in 0..<1, for full jitter.
    /// - Returns: whether to send the request again, and after how long.
    func decide(_ error: SupermetricsError, attempt: Int, repeatable: Bool, random: Double) -> Decision {
        guard error.isTransient, attempt < maximumAttempts else { return .giveUp }
        guard repeatable || !error.outcomeIsUnknown else { return .giveUp }
        if let wait = error.retryAfter {
            return wait <= longestWait ? .retry(after: wait) : .giveUp
        }
        let doublings = min(attempt - 1, 16)
        return .retry(after: min(cap, base * (1 << doublings)) * random)
    }
}

/// Retries that several requests share, such as all requests of one window.
public final class RetryBudget: Sendable {
    private let left: Mutex<Int>

    /// A budget.
    ///
    /// - Parameter retries: how many retries all requests that carry it may make together.
    public init(retries: Int) {
        left = Mutex(retries)
    }

    /// Retries not yet made.
    public var remaining: Int { left.withLock { $0 } }

    /// Takes a retry; false where none is left.
    package func take() -> Bool {
        left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
    }
}
