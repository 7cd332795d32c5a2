import FoundationEssentials

/// One backfill: its runs as far as time has come, and whatever ended it early (Supermetrics API: backfills).
struct Backfill: Sendable {
    /// The run of one day.
    struct Run: Sendable {
        var id: Int
        var day: CivilDay
        /// Counts the turns of this day and transfer from 1, over all backfills.
        var attempt: Int
        var startTime: Date
        /// Nil when it never ends.
        var endTime: Date?
        /// Nil when it succeeds.
        var error: String?

        func hasEnded(_ now: Date) -> Bool { endTime.map { $0 <= now } ?? false }
    }

    /// Why no further runs start.
    struct Cancellation: Sendable {
        var time: Date
        var userID: Int
    }

    enum Status: String, Sendable {
        case created = "CREATED"
        case scheduled = "SCHEDULED"
        case running = "RUNNING"
        case failed = "FAILED"
        case completed = "COMPLETED"
        case cancelled = "CANCELLED"
    }

    let id: Int
    let transferID: Int
    let days: DaySpan
    let createdTime: Date
    let scheduledTime: Date
    let startTime: Date
    let dayTime: TimeInterval
    /// When each of the places for parallel runs is free again.
    var places: [Date]
    /// The runs that have started, newest day first.
    var runs: [Run] = []
    var cancellation: Cancellation?
    var removedTime: Date?

    var isRemoved: Bool { removedTime != nil }

    init(id: Int, transferID: Int, days: DaySpan, now: Date, options: BackfillOptions) {
        self.id = id
        self.transferID = transferID
        self.days = days
        createdTime = now
        let queueTime = options.queueTime / .seconds(1)
        scheduledTime = now.addingTimeInterval(queueTime / 2)
        startTime = now.addingTimeInterval(queueTime)
        dayTime = options.dayTime / .seconds(1)
        places = Array(repeating: startTime, count: max(1, options.parallelRuns))
    }

    /// The next day whose turn has come, when it came, and the place its run takes; nil when there is none.
    func nextTurn(_ now: Date) -> (day: CivilDay, time: Date, place: Int)? {
        guard cancellation == nil, !isRemoved, runs.count < days.dayCount,
            let place = places.indices.min(by: { places[$0] < places[$1] }), places[place] <= now
        else { return nil }
        return (days.last.addingDays(-runs.count), places[place], place)
    }

    func failedRuns(_ now: Date) -> [Run] { runs.filter { $0.hasEnded(now) && $0.error != nil } }

    /// The status at `now`, to which the runs must have been brought.
    func status(_ now: Date, failedRunsFail: Bool) -> Status {
        if cancellation != nil { return .cancelled }
        if now < scheduledTime { return .created }
        if now < startTime { return .scheduled }
        guard runs.count == days.dayCount, runs.allSatisfy({ $0.hasEnded(now) }) else { return .running }
        return failedRunsFail && runs.contains { $0.error != nil } ? .failed : .completed
    }

    /// When it ended, by itself or by cancellation.
    func endTime(_ now: Date) -> Date? {
        if let cancellation { return cancellation.time }
        guard runs.count == days.dayCount, runs.allSatisfy({ $0.hasEnded(now) }) else { return nil }
        return runs.compactMap(\.endTime).max()
    }
}
