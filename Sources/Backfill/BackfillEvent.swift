public import SupermetricsAPI

/// Something that happened in a run, told as it happens.
public enum BackfillEvent: Sendable, Hashable {
    /// A transfer has its plan.
    case planned(BackfillPlan)
    /// A backfill was created, or found again after its answer was lost.
    case created(transferID: Int, backfillID: Int, range: DayRange, isAdopted: Bool)
    /// A backfill somebody else created works on wanted days and is watched to its end.
    case joined(transferID: Int, backfillID: Int, range: DayRange)
    /// A transfer is further than before.
    case progress(TransferProgress)
    /// A backfill is over: so many of its wanted days are loaded, so many are not.
    case settled(transferID: Int, backfillID: Int, status: String, done: Int, failed: Int)
    /// The days asked for today leave no room for the next backfill: nothing is created before 00:00 UTC of `nextDay`.
    case waitingForNextDay(UsedUpDay)
    /// Something recovered or worth knowing.
    case warning(transferID: Int?, text: String)
    /// A transfer is through.
    case ended(TransferSummary)
}

/// A UTC day on which no more days may be asked for.
public struct UsedUpDay: Sendable, Hashable {
    /// The days asked for on it.
    public var asked: Int
    /// The most that may be, as set.
    public var limit: Int
    /// Wanted days of all transfers that are still to be asked for.
    public var left: Int
    /// The day that begins, at 00:00 UTC, with room for as many again.
    public var nextDay: CalendarDay
}

/// How far a transfer is.
public struct TransferProgress: Sendable, Hashable {
    /// The transfer.
    public var transferID: Int
    /// The days wanted.
    public var wantedDays: Int
    /// Those that are loaded, the completed runs of the present backfill among them.
    public var doneDays: Int
    /// Those whose run failed and was not repeated with success yet.
    public var failedDays: Int
    /// The present backfill; nil where there is none.
    public var backfillID: Int?
    /// Its days.
    public var range: DayRange?
    /// Where it stands, in the API's word.
    public var status: String?
    /// Runs of it that ended well.
    public var runsCompleted = 0
    /// Runs of it that failed.
    public var runsFailed = 0
    /// Runs it has.
    public var runsTotal = 0

    /// A transfer without a present backfill.
    public init(transferID: Int, wantedDays: Int, doneDays: Int, failedDays: Int) {
        self.transferID = transferID
        self.wantedDays = wantedDays
        self.doneDays = doneDays
        self.failedDays = failedDays
    }
}

/// Why days were not loaded.
public struct BackfillFailure: Sendable, Hashable {
    /// What kind of cause it is.
    public enum Cause: String, Sendable, Encodable {
        /// The key, or what it may do.
        case authentication
        /// A quota or licence limit.
        case quota
        /// The request cannot be made as it is.
        case usage
        /// The API, the network, or the runs themselves.
        case source
    }

    /// What kind of cause it is.
    public var cause: Cause
    /// What failed, why, and what to do, in the API's words where it has any.
    public var message: String
    /// The days that are not loaded because of it; empty where it stopped the run.
    public var days: DaySet

    init(_ cause: Cause, _ message: String, days: DaySet = DaySet()) {
        (self.cause, self.message, self.days) = (cause, message, days)
    }

    init(_ error: SupermetricsError, days: DaySet = DaySet()) {
        let cause: Cause =
            switch error.kind {
            case .permission where error.isOutsideLicence: .quota
            case .authentication, .permission: .authentication
            case .quota: .quota
            case .client: .usage
            default: .source
            }
        self.init(cause, "\(error)", days: days)
    }
}

/// What a run did for one transfer.
public struct TransferSummary: Sendable, Hashable {
    /// The transfer.
    public var transferID: Int
    /// The days wanted.
    public var wanted: DayRange
    /// The wanted days that were loaded before this run.
    public var doneBefore: DaySet
    /// The wanted days that are loaded, those before this run included.
    public var done: DaySet
    /// Days that are not loaded and why, days with one reason together.
    public var failures: [BackfillFailure]
    /// The backfills watched, in the order in which they ended or were left.
    public var backfills: [Outcome]

    /// One backfill as it was last seen.
    public struct Outcome: Sendable, Hashable {
        /// The backfill.
        public var id: Int
        /// Its days.
        public var range: DayRange
        /// Where it stood, in the API's word; `REMOVED` where the API knew it no longer.
        public var status: String
        /// Whether this run or one before it created it.
        public var isOwn: Bool
        /// Of the wanted days, how many it loaded.
        public var done: Int
        /// Of the wanted days, how many it did not.
        public var failed: Int
        /// Whether it was still at work when this run ended.
        public var isAtWork: Bool
    }

    /// The wanted days that are not loaded.
    public var missing: DaySet { DaySet([wanted]).subtracting(done) }
}

/// What a run did.
public struct BackfillSummary: Sendable, Hashable {
    /// Why a run ended before everything was through.
    public enum Stop: Sendable, Hashable {
        /// It was interrupted.
        case interrupted
        /// Its time was up.
        case timeUp
        /// A failure every further request would meet too.
        case failure(BackfillFailure)
    }

    /// The team.
    public var teamID: Int
    /// The transfers, in the order given.
    public var transfers: [TransferSummary]
    /// Why it ended early; nil where it did not.
    public var stop: Stop?
    /// Backfills cancelled at the end because the run was interrupted.
    public var cancelled: [Int] = []

    /// What a run has done.
    public init(teamID: Int, transfers: [TransferSummary], stop: Stop? = nil) {
        (self.teamID, self.transfers, self.stop) = (teamID, transfers, stop)
    }

    /// Every failure.
    public var failures: [BackfillFailure] {
        let ofTransfers = transfers.flatMap(\.failures)
        guard case .failure(let failure) = stop else { return ofTransfers }
        return [failure] + ofTransfers
    }

    /// Whether every wanted day is loaded.
    public var isWhole: Bool { transfers.allSatisfy { $0.missing.isEmpty } }
}
