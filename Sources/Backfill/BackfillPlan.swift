/// Which backfills a transfer needs: its range in chunks, without the days that are done or under way.
///
/// A pure function of what it is made from; nothing is asked of the API.
public struct BackfillPlan: Sendable, Hashable {
    /// Days that need no backfill of their own because one is at work on them.
    public struct Covered: Sendable, Hashable {
        /// The backfill.
        public var backfillID: Int
        /// Those of the wanted days that it covers.
        public var range: DayRange
    }

    /// The transfer.
    public let transferID: Int
    /// The days wanted.
    public let wanted: DayRange
    /// The backfills to create, in the order of their creation.
    public let chunks: [DayRange]
    /// The wanted days that active backfills cover, oldest first.
    public let covered: [Covered]
    /// The wanted days that were loaded before.
    public let done: DaySet

    /// The days that backfills are created for.
    public var dayCount: Int { chunks.reduce(0) { $0 + $1.dayCount } }

    /// Plans the backfills of one transfer.
    ///
    /// - Parameters:
    ///   - goal: the transfer and the days wanted.
    ///   - settings: chunk size, order and the limit of days per backfill.
    ///   - done: days that need not be loaded again.
    ///   - active: the team's backfills as the API lists them; those of other transfers, and those that no longer work,
    ///     are passed over.
    public init(
        _ goal: BackfillGoal,
        _ settings: BackfillSettings,
        done: DaySet = DaySet(),
        active: [BackfillSnapshot] = []
    ) {
        let wanted = DaySet([goal.range])
        transferID = goal.transferID
        self.wanted = goal.range
        self.done = done.intersection(wanted)
        let atWork = active.filter { $0.transferID == goal.transferID && $0.isAtWork }
        covered = atWork.compactMap { backfill in
            DaySet([backfill.range]).intersection(wanted).ranges.first.map {
                Covered(backfillID: backfill.id, range: $0)
            }
        }.sorted { $0.range.first < $1.range.first }
        let left = wanted.subtracting(done).subtracting(DaySet(atWork.map(\.range)))
        chunks = Self.chunks(of: left, in: goal.range, settings)
    }

    /// The days in chunks of the range's grid, in order; a day that is missing inside a chunk parts it in two.
    static func chunks(of days: DaySet, in range: DayRange, _ settings: BackfillSettings) -> [DayRange] {
        let chunks = settings.chunk.chunks(of: range)
            .flatMap { days.intersection(DaySet([$0])).ranges }
            .flatMap { $0.pieces(atMost: settings.longestChunk) }
        return settings.order == .oldest ? chunks : chunks.reversed()
    }
}
