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

    private let known = Mutex<[String: Known]>([:])

    /// Whether a result of `count` rows may have been cut.
    func mayBeCut(_ count: Int, limit: Int, source: String) -> Bool {
        known.withLock { known in
            let source = known[source] ?? Known()
            if count >= min(limit, source.cap ?? .max) { return count > 0 }
            return source.cap == nil && count >= 10_000 && count.isMultiple(of: 10_000) && count > source.whole
        }
    }

    /// Whether a result of `count` rows has as many rows as the API returns at most.
    func isAtCap(_ count: Int, limit: Int, source: String) -> Bool {
        known.withLock { count >= min(limit, $0[source]?.cap ?? .max) }
    }

    /// Notes that a result of `count` rows was whole.
    func noteWhole(_ count: Int, source: String) {
        known.withLock { $0[source, default: Known()].whole = max($0[source]?.whole ?? 0, count) }
    }

    /// Notes that a result of `count` rows was cut.
    func noteCut(_ count: Int, source: String) {
        known.withLock { $0[source, default: Known()].cap = min($0[source]?.cap ?? .max, count) }
    }
}
