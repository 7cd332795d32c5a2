public import PipelineCore

/// What a run did, for a person's table and, as JSON, for `--summary`.
public struct RunSummary: Sendable, Encodable {
    /// The run.
    public var runID: String
    /// The job's name.
    public var job: String
    /// When the run began.
    public var startedAt: Timestamp
    /// When it ended.
    public var endedAt: Timestamp
    /// The exports, in the order of the job file.
    public var exports: [ExportSummary]
    /// Failures that belong to no export, such as a wrong key.
    public var failures: [Failure]
    /// The exit code the run asks for.
    public var exitCode: Int32

    enum CodingKeys: String, CodingKey {
        case runID = "run_id"
        case job
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case exports, failures
        case exitCode = "exit_code"
    }

    /// Every failure of the run: its own, then those of its exports in order.
    public var allFailures: [Failure] { failures + exports.flatMap(\.failures) }
}

extension RunSummary {
    /// The summary of a run that could not begin.
    ///
    /// - Parameters:
    ///   - job: The job's name.
    ///   - failure: Why it could not.
    ///   - now: The time of day.
    package init(ofJob job: String, failingWith failure: Failure, now: Timestamp = .now) {
        self.init(
            runID: RunID.make(now: now),
            job: job,
            startedAt: now,
            endedAt: now,
            exports: [],
            failures: [failure],
            exitCode: failure.kind.exitCode
        )
    }
}

/// What a run did for one export.
public struct ExportSummary: Sendable, Encodable {
    /// The export's name.
    public var name: String
    /// Where the rows land, as a user names it.
    public var destinations: [String]
    /// Windows loaded in this run.
    public var done: Int
    /// Windows that needed nothing.
    public var skipped: Int
    /// Windows that failed.
    public var failed: Int
    /// Rows loaded in this run.
    public var rows: Int
    /// Rows put into quarantine in this run.
    public var rejected = 0
    /// Bytes of these rows as written, compressed where the destination is; in one destination where there are several.
    public var bytes: Int
    /// HTTP requests spent on windows, those that failed included.
    public var requests: Int
    /// Seconds from the export's start to its end.
    public var seconds: Double
    /// The windows that were due, in order.
    public var windows: [WindowSummary]
    /// What failed, windows with the same cause together.
    public var failures: [Failure]
    /// Things worth knowing that stopped nothing.
    public var warnings: [String]

    /// An export of which nothing has happened yet.
    public init(name: String, destinations: [String] = []) {
        self.name = name
        self.destinations = destinations
        (done, skipped, failed, rows, bytes, requests, seconds) = (0, 0, 0, 0, 0, 0, 0)
        (windows, failures, warnings) = ([], [], [])
    }
}

/// What a run did for one window.
public struct WindowSummary: Sendable, Encodable {
    /// What became of a window.
    public enum State: String, Sendable, Encodable {
        /// Committed in every destination that lacked it.
        case done
        /// Failed for good.
        case failed
        /// Given up because the run was stopped.
        case aborted
    }

    /// The window.
    public var window: String
    /// The window's id.
    public var id: WindowID
    /// The days asked for; nil where the query has none.
    public var days: DateRange?
    /// Why it was due.
    public var reason: String
    /// What became of it.
    public var state: State
    /// Rows loaded.
    public var rows: Int
    /// Rows in quarantine.
    public var rejected = 0
    /// Rows that a `filter` stage left out.
    public var filtered = 0
    /// Rows that a `dedupe` stage left out.
    public var deduplicated = 0
    /// Bytes of these rows as written.
    public var bytes: Int
    /// HTTP requests spent.
    public var requests: Int
    /// Seconds from its start to its end.
    public var seconds: Double
}

/// One cause of failure: what failed, why, and what to do.
public struct Failure: Sendable, Encodable, Hashable {
    /// What kind of cause it is; decides the exit code.
    public var kind: FailureKind
    /// What failed, on which input, why, what to do, and the request id; of the first window where there are several.
    public var message: String
    /// The windows it stopped; empty where it stopped the export or the run.
    public var windows: [String]
    /// Whether the message is another for some of the windows, with figures of their own and not just request ids.
    public internal(set) var isOfFirstWindow = false
    /// The message without what differs from window to window, by which failures of one cause are told to be the same.
    var cause: String

    enum CodingKeys: String, CodingKey {
        case kind, message, windows
    }

    /// A failure.
    public init(_ kind: FailureKind, _ message: String, windows: [String] = []) {
        self.init(kind, message, windows: windows, cause: message)
    }

    init(_ kind: FailureKind, _ message: String, windows: [String] = [], cause: String) {
        self.kind = kind
        self.message = message
        self.windows = windows
        self.cause = cause
    }
}

/// Something that happened in a run, told as it happens.
public enum RunEvent: Sendable {
    /// An export has its plan: so many windows are due and so many need nothing.
    case planned(export: String, due: Int, skipped: Int)
    /// A window began: its query is about to be sent or found again.
    case windowStarted(export: String, window: String, reason: String)
    /// A window's rows are arriving.
    case loading(export: String, window: String, expectedRows: Int?)
    /// So many more rows of a window are written.
    case rows(export: String, window: String, count: Int)
    /// A window is committed.
    case windowDone(export: String, summary: WindowSummary)
    /// A window failed for good.
    case windowFailed(export: String, window: String, failure: Failure)
    /// Something recovered or worth knowing.
    case warning(export: String?, text: String)
    /// An export ended.
    case exportEnded(export: ExportSummary)
}
