import SupermetricsAPI

/// Which days a backfill that is over loaded: by counters and report where they agree, else by its runs.
struct Judgement: Sendable, Hashable {
    /// How it was last seen.
    let backfill: BackfillSnapshot
    /// Whether the API knows it no longer.
    let isRemoved: Bool
    /// Whether it was over before this run looked at it.
    var wasOverBefore = false

    init(_ backfill: BackfillSnapshot, isRemoved: Bool) {
        (self.backfill, self.isRemoved) = (backfill, isRemoved)
    }

    /// What became of the days.
    struct Verdict: Sendable, Hashable {
        var done = DaySet()
        /// Days whose run failed, with the API's words.
        var failed: [CalendarDay: String] = [:]
        /// Days that had no run because the backfill was cancelled or removed.
        var undone = DaySet()
    }

    static let unknownOutcome = "the API does not say how the run of this day ended"

    private var isBrokenOff: Bool { isRemoved || backfill.status == .cancelled }
    private var days: DaySet { DaySet([backfill.range]) }

    /// The verdict where status, counters and report tell the same; nil where the runs have to be looked at.
    func byCounters() -> Verdict? {
        guard !isBrokenOff else { return nil }
        let failed = backfill.failed ?? 0
        let completed = backfill.completed ?? (backfill.status == .completed ? backfill.expectedRuns - failed : 0)
        guard completed + failed >= backfill.expectedRuns, backfill.errors.count == failed else { return nil }
        guard failed > 0 || backfill.status != .failed else { return nil }
        return Verdict(done: days.subtracting(DaySet(days: backfill.errors.keys)), failed: backfill.errors)
    }

    /// The verdict from the runs of the backfill's days since it was created; of several runs of a day the last counts.
    func by(_ runs: [DayRun]) -> Verdict {
        var last: [CalendarDay: DayRun] = [:]
        for run in runs where backfill.range.contains(run.day) && run.id > last[run.day]?.id ?? .min {
            last[run.day] = run
        }
        var verdict = Verdict()
        verdict.failed = backfill.errors
        for run in last.values where run.outcome == .failed && verdict.failed[run.day] == nil {
            verdict.failed[run.day] = run.words
        }
        let failedDays = DaySet(days: verdict.failed.keys)
        verdict.done = DaySet(days: last.values.lazy.filter { $0.outcome == .completed }.map(\.day)).subtracting(
            failedDays
        )
        let rest = days.subtracting(verdict.done).subtracting(failedDays)
        if isBrokenOff {
            verdict.undone = rest.union(failedDays)
            verdict.failed = [:]
            return verdict
        }
        let failed = backfill.failed ?? 0
        let reportIsWhole = failed > 0 && verdict.failed.count >= failed && backfill.countersSayEnded
        let isCompleted = backfill.status == .completed && failed == 0 && last.isEmpty
        if reportIsWhole || isCompleted {
            verdict.done = verdict.done.union(rest)
        } else {
            for day in rest.days { verdict.failed[day] = Self.unknownOutcome }
        }
        return verdict
    }
}
