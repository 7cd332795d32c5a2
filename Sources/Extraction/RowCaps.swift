import Synchronization

/// What a run has learned about where the API cuts results, per data source; shared by all windows of a run.
///
/// The API cuts a long result without a word. A count that reaches the limit asked for, or a round one, may be such a
/// cut; fetching the same days in two halves tells (Supermetrics API: limits).
final class RowCaps: Sendable {
    private struct Known {
        /// A cut result had this many rows.
        var cap: Int?
        /// A result of this many rows was whole.
        var whole = 0
    }

    /// What counts as round: a licence's limit is a multiple of this.
    private static let round = 10_000

    private let known = Mutex<[String: Known]>([:])

    /// Whether a result of `count` rows may have been cut.
    func mayBeCut(_ count: Int, limit: Int, source: String) -> Bool {
        let known = see(count, source)
        if count >= limit { return count > 0 }
        guard let cap = known.cap else {
            return count >= Self.round && count.isMultiple(of: Self.round) && count > known.whole
        }
        return count == cap
    }

    /// Whether a result of `count` rows has as many rows as the API returns at most.
    func isAtCap(_ count: Int, limit: Int, source: String) -> Bool {
        count >= limit || count == see(count, source).cap
    }

    /// Notes that a result of `count` rows was whole.
    func noteWhole(_ count: Int, source: String) {
        known.withLock { $0[source, default: Known()].whole = max($0[source]?.whole ?? 0, count) }
    }

    /// Notes that a result of `count` rows was cut.
    func noteCut(_ count: Int, source: String) {
        known.withLock { $0[source, default: Known()].cap = min($0[source]?.cap ?? .max, count) }
    }

    /// What is known after a result of `count` rows: one that is longer than the cap proves that it is none, and that
    /// rows were added while a round number of them was fetched in parts.
    private func see(_ count: Int, _ source: String) -> Known {
        known.withLock { known in
            if let cap = known[source]?.cap, count > cap { known[source]?.cap = nil }
            return known[source] ?? Known()
        }
    }
}
