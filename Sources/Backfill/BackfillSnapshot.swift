public import SupermetricsAPI

public import struct FoundationEssentials.Date

/// What one look at a backfill showed.
///
/// Counters are nil where the API left them out: "not said" is not "none".
public struct BackfillSnapshot: Sendable, Hashable {
    /// The backfill.
    public var id: Int
    /// Its transfer.
    public var transferID: Int
    /// Its days.
    public var range: DayRange
    /// Where it stands, in the API's word.
    public var status: BackfillStatus
    /// When it was created.
    public var createdTime: Date?
    /// Whether the API gives a time at which it ended.
    public var hasEndTime = false
    /// The user who cancelled it.
    public var removedUserID: Int?
    /// Runs it has in all.
    public var total: Int?
    /// Runs that ended well.
    public var completed: Int?
    /// Runs that failed.
    public var failed: Int?
    /// Days whose run failed, as far as the API reports them, with its words.
    public var errors: [CalendarDay: String] = [:]

    /// A backfill of which nothing is known but where it stands.
    public init(id: Int, transferID: Int, range: DayRange, status: BackfillStatus) {
        (self.id, self.transferID, self.range, self.status) = (id, transferID, range, status)
    }

    /// A look at a backfill; nil where its last day is before its first.
    ///
    /// - Parameter backfill: what the API answered.
    public init?(_ backfill: SupermetricsAPI.Backfill) {
        guard let range = DayRange(backfill.rangeStart, backfill.rangeEnd) else { return nil }
        self.init(id: backfill.id, transferID: backfill.transferID, range: range, status: backfill.status)
        createdTime = backfill.createdTime?.date
        hasEndTime = backfill.endTime != nil
        removedUserID = backfill.removedUserID
        func counter(_ name: String) -> Int? { backfill.json[name]?.intValue }
        total = counter("transfer_runs_total")
        completed = counter("transfer_runs_completed")
        failed = counter("transfer_runs_failed")
        for entry in backfill.errorReport where range.contains(entry.transferRunDate) {
            errors[entry.transferRunDate] = entry.error ?? Self.withoutWords
        }
    }

    /// What is said of a failed day where the API says nothing.
    static let withoutWords = "the run failed; the API gives no reason"

    /// Runs it has in all; one per day where the API does not know yet.
    public var expectedRuns: Int { total.flatMap { $0 > 0 ? $0 : nil } ?? range.dayCount }

    /// Whether its status is one this version knows.
    var hasKnownStatus: Bool { status.isActive || status.isEnded }

    /// Whether it works or will; one whose status nobody knows counts as working.
    public var isAtWork: Bool { !status.isEnded && !(!hasKnownStatus && hasEndTime) }

    /// Whether the API's counters say that every run has ended.
    var countersSayEnded: Bool { (completed ?? 0) + (failed ?? 0) >= expectedRuns }

    /// Whether by the API's counters a run of every day of the range has ended.
    var countersCoverAllDays: Bool { (completed ?? 0) + (failed ?? 0) >= max(expectedRuns, range.dayCount) }
}

/// One run of a backfill: one day, and how it went.
struct DayRun: Sendable, Hashable {
    /// How it ended.
    enum Outcome: Sendable, Hashable {
        case completed
        case failed
        /// Not yet, or in a word nobody knows.
        case untold

        /// The API's set of words is free; those it was seen to use and their likes are understood.
        init(_ status: TransferRunStatus?) {
            let word = status?.rawValue.uppercased() ?? ""
            if ["FAIL", "ERROR", "CANCEL", "ABORT", "STOP"].contains(where: word.contains) {
                self = .failed
            } else {
                let isCompleted = ["COMPLETED", "SUCCESS", "SUCCEEDED", "DONE", "FINISHED"].contains(word)
                self = isCompleted ? .completed : .untold
            }
        }
    }

    var id: Int
    var day: CalendarDay
    var outcome: Outcome
    /// Why it failed, in the API's words.
    var words: String
}
