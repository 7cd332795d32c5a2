package import SupermetricsAPI
import Synchronization

/// The requests of one window: how many were made so far, and the retries they share.
///
/// It lives as long as the window, over all its readings and loads.
package final class RequestTally: Sendable {
    /// Retries that all requests of the window share.
    package let retries: RetryBudget
    private let allowed: Int
    private let calls = Atomic(0)
    private let spent = Atomic(0)

    /// A tally of a window about to begin.
    ///
    /// - Parameter retries: How many retries its requests may make together.
    package init(retries: Int) {
        self.retries = RetryBudget(retries: retries)
        allowed = retries
    }

    /// Requests made so far, retries included; one that is repeated with a refreshed credential counts once.
    package var made: Int {
        calls.load(ordering: .relaxed) + allowed - retries.remaining - spent.load(ordering: .relaxed)
    }

    func add() { calls.add(1, ordering: .relaxed) }

    /// Spends a retry on a call that was answered, but not with what was asked for; false where none is left.
    func spend() -> Bool {
        guard retries.take() else { return false }
        spent.add(1, ordering: .relaxed)
        return true
    }
}
