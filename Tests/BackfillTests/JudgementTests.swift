import SupermetricsAPI
import Testing

@testable import Backfill

/// Which days a backfill loaded, by whatever the API tells.
@Suite struct JudgementTests {
    private static let first = CalendarDay(number: 19_723)

    private static func backfill(
        _ status: BackfillStatus,
        completed: Int? = nil,
        failed: Int? = nil,
        total: Int? = 5,
        errors: [Int] = []
    ) throws -> BackfillSnapshot {
        var backfill = BackfillSnapshot(
            id: 1,
            transferID: 2,
            range: try #require(DayRange(first, first.advanced(by: 4))),
            status: status
        )
        (backfill.completed, backfill.failed, backfill.total) = (completed, failed, total)
        for day in errors { backfill.errors[first.advanced(by: day)] = "no data" }
        return backfill
    }

    private static func runs(_ outcomes: [Bool?]) -> [DayRun] {
        outcomes.enumerated().compactMap { day, outcome in
            outcome.map {
                DayRun(id: day, day: first.advanced(by: day), outcome: $0 ? .completed : .failed, words: "listed")
            }
        }
    }

    private static func days(_ set: some Sequence<CalendarDay>) -> [Int] { set.map { first.distance(to: $0) }.sorted() }

    @Test func completeIsComplete() throws {
        for total in [5, 0, nil] {
            let verdict = Judgement(
                try Self.backfill(.completed, completed: 5, failed: 0, total: total),
                isRemoved: false
            )
            .byCounters()
            #expect(verdict?.done.count == 5)
        }
        #expect(Judgement(try Self.backfill(.completed), isRemoved: false).byCounters()?.done.count == 5)
    }

    @Test func aWholeReportNamesTheFailedDays() throws {
        for status: BackfillStatus in [.failed, .completed] {
            let backfill = try Self.backfill(status, completed: 3, failed: 2, errors: [1, 4])
            let verdict = try #require(Judgement(backfill, isRemoved: false).byCounters())
            #expect(Self.days(verdict.failed.keys) == [1, 4])
            #expect(Self.days(verdict.done.days) == [0, 2, 3])
        }
    }

    /// The API's own example has two failed runs and an empty report.
    @Test func aShortReportIsCompletedByTheRuns() throws {
        let backfill = try Self.backfill(.failed, completed: 3, failed: 2, errors: [1])
        let judgement = Judgement(backfill, isRemoved: false)
        #expect(judgement.byCounters() == nil)
        let verdict = judgement.by(Self.runs([true, false, true, true, false]))
        #expect(Self.days(verdict.failed.keys) == [1, 4])
        #expect(verdict.failed[Self.first.advanced(by: 1)] == "no data")
        #expect(verdict.failed[Self.first.advanced(by: 4)] == "listed")
        #expect(Self.days(verdict.done.days) == [0, 2, 3])
    }

    /// Without runs and with a short report, whatever is not known to be loaded is loaded again.
    @Test func whatNobodyTellsIsNotLoaded() throws {
        let verdict = Judgement(try Self.backfill(.failed, completed: 3, failed: 2, errors: [1]), isRemoved: false).by(
            [])
        #expect(verdict.done.isEmpty)
        #expect(Self.days(verdict.failed.keys) == [0, 1, 2, 3, 4])
        #expect(verdict.failed[Self.first] == Judgement.unknownOutcome)
    }

    @Test func countersThatDoNotAddUpAreCheckedByTheRuns() throws {
        let judgement = Judgement(try Self.backfill(.completed, completed: 4, failed: 0), isRemoved: false)
        #expect(judgement.byCounters() == nil)
        #expect(judgement.by(Self.runs([true, true, true, true, true])).done.count == 5)
        #expect(Self.days(judgement.by(Self.runs([true, nil, true, true, true])).failed.keys) == [1])
        // COMPLETED is the only word where no run is listed at all.
        #expect(judgement.by([]).done.count == 5)
    }

    @Test func aCancelledOneLoadedWhatItsRunsSay() throws {
        for isRemoved in [true, false] {
            let backfill = try Self.backfill(isRemoved ? .running : .cancelled, completed: 2, failed: 1)
            let judgement = Judgement(backfill, isRemoved: isRemoved)
            #expect(judgement.byCounters() == nil)
            let verdict = judgement.by(Self.runs([nil, nil, false, true, true]))
            #expect(Self.days(verdict.done.days) == [3, 4])
            #expect(Self.days(verdict.undone.days) == [0, 1, 2])
            #expect(verdict.failed.isEmpty)
        }
    }

    /// A day may have been run before: the last run counts.
    @Test func theLastRunOfADayCounts() throws {
        let judgement = Judgement(try Self.backfill(.completed, completed: 4, failed: 0), isRemoved: false)
        let runs = Self.runs([false, true, true, true, true])
        let again = DayRun(id: 9, day: Self.first, outcome: .completed, words: "")
        #expect(judgement.by(runs + [again]).done.count == 5)
        #expect(judgement.by([again] + runs).done.count == 5)
    }

    /// A run in a word nobody knows neither loaded its day nor failed; the counters tell, once the failed ones are known.
    @Test func aWordNobodyKnowsIsNoFailure() throws {
        let judgement = Judgement(try Self.backfill(.failed, completed: 4, failed: 1), isRemoved: false)
        var runs = Self.runs([true, true, false, true, true])
        for place in runs.indices where runs[place].outcome == .completed { runs[place].outcome = .untold }
        let verdict = judgement.by(runs)
        #expect(Self.days(verdict.failed.keys) == [2])
        #expect(Self.days(verdict.done.days) == [0, 1, 3, 4])
    }

    @Test(
        arguments: [
            ("COMPLETED", .completed), ("completed", .completed), ("Success", .completed), ("SUCCEEDED", .completed),
            ("FAILED", .failed), ("ERROR", .failed), ("COMPLETED_WITH_ERRORS", .failed), ("Cancelled", .failed),
            ("RUNNING", .untold), ("INCOMPLETE", .untold), ("", .untold),
        ] as [(String, DayRun.Outcome)]
    )
    func wordsOfRuns(_ word: String, _ outcome: DayRun.Outcome) {
        #expect(DayRun.Outcome(TransferRunStatus(rawValue: word)) == outcome)
        #expect(DayRun.Outcome(nil) == .untold)
    }

    @Test func anUnknownStatusIsJudgedByCounters() throws {
        #expect(
            Judgement(try Self.backfill("DONE", completed: 5, failed: 0), isRemoved: false).byCounters()?.done.count
                == 5
        )
        #expect(Judgement(try Self.backfill("DONE"), isRemoved: false).byCounters() == nil)
    }
}
