/// How the warehouse side of a sandbox behaves: the pace of backfills, their rules, and how they report themselves.
///
/// A backfill keeps the pace it was created under; everything else applies at once.
public struct BackfillOptions: Sendable {
    // MARK: Pace

    /// From creation to the first run: `CREATED` for the first half, `SCHEDULED` for the second.
    public var queueTime: Duration = .zero
    /// How long the run of one day takes.
    public var dayTime: Duration = .zero
    /// The runs of one backfill that go on at a time; they start with the newest day.
    public var parallelRuns = 1
    /// What happens to certain days; the first event that fits decides.
    public var dayEvents: [DayEvent] = []

    // MARK: Rules

    /// The status of a create whose range shares a day with an active backfill of the transfer: 422, 400 or 409.
    public var overlapStatus = 422
    /// Whether a `FAILED` backfill still blocks its range.
    public var failedBlocks = false
    /// Whether one failed run makes the backfill `FAILED`; off, it ends as `COMPLETED` whatever its counters say.
    public var failedRunsFail = true
    /// The most days of one backfill the licence allows.
    public var maximumDays = 366
    /// How many days back from today the licence reaches; nil for no limit.
    public var historyDays: Int?
    /// The most backfills in the list of incomplete ones.
    public var listLimit = 100
    /// Which time of a transfer run `start_date` and `end_date` of the list of runs are about.
    public var runFilter = RunFilter.createdTime

    // MARK: Reports

    /// What `error_report` says of failed runs.
    public var errorReport = ErrorReport.whole
    /// When `transfer_runs_total` is known.
    public var total = Total.known
    /// Counters that do not add up: one run too many counts as completed while there are runs to come, one too few at
    /// the end.
    public var countersDrift = false
    /// Fields that are left out of every backfill, such as `error_report`.
    public var omittedFields: Set<String> = []
    /// Other words for a status, such as `["RUNNING": "PROCESSING"]`.
    public var statusNames: [String: String] = [:]

    /// Creates the defaults.
    public init() {}

    /// What `error_report` says of failed runs.
    public enum ErrorReport: String, Sendable, CaseIterable {
        /// Every failed run.
        case whole
        /// The first half of them, rounded down.
        case short
        /// None.
        case empty
    }

    /// When `transfer_runs_total` is known.
    public enum Total: String, Sendable, CaseIterable {
        /// From the start.
        case known
        /// 0 until the first run.
        case late
        /// Always 0.
        case zero
    }

    /// Which time of a run the list of runs is filtered by, which the API does not document.
    public enum RunFilter: String, Sendable, CaseIterable {
        /// When the run was created.
        case createdTime = "created_time"
        /// The day the run is about.
        case dataDate = "data_date"
    }
}
