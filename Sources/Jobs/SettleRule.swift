package import PipelineCore

/// When a window's days are no longer restated, so that it need not be fetched again.
package struct SettleRule: Hashable, Sendable {
    /// Days that stay unsettled because platforms restate them; at least 0.
    package var lookback: Int

    /// The rule with this lookback in days.
    package init(lookback: Int) { self.lookback = lookback }

    /// From when on a fetch that ends with `day` is settled: at 12:00 UTC of the next day that day is over in every
    /// time zone, and the lookback passes from there.
    package func settles(_ day: Day) -> Timestamp {
        Timestamp(day.advanced(by: 1 + lookback), plusSeconds: 12 * 3600)
    }

    /// What a new checkpoint stores as `settled`.
    ///
    /// - Parameters:
    ///   - covers: The days fetched. Without days nothing ever settles: the query answers with the state of the moment.
    ///   - fetchedAt: When the platform was asked: for a query taken over from an earlier run when that query was sent,
    ///     for an answer out of a cache the cache's time.
    /// - Returns: Whether the days had settled by then.
    package func isSettled(_ covers: DateRange?, fetchedAt: Timestamp) -> Bool {
        guard let covers else { return false }
        return settles(covers.end) <= fetchedAt
    }
}
