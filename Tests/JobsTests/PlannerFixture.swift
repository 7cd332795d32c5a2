import Jobs
import PipelineCore
import Testing

/// A planner's question in a few words: an export over 2024-01-01..2024-01-14 (two weeks from Monday) in week windows,
/// without lookback, asked long after.
struct Question {
    static let export = ExportID(job: "job", export: "export")

    var size = WindowSize.week
    var perAccount = false
    var range: String? = "2024-01-01..2024-01-14"
    var accounts = ["A"]
    var lookback = 0
    var fingerprint = "F1"
    var now = "2024-03-01T00:00:00Z"
    var options = PlanOptions()
    var sinks = [SinkState(destination: "out/")]

    func input() throws -> PlannerInput {
        PlannerInput(
            export: Question.export,
            size: size,
            perAccount: perAccount,
            range: try range.map(days),
            accounts: accounts,
            lookback: lookback,
            fingerprint: fingerprint,
            now: try time(now),
            options: options,
            sinks: sinks
        )
    }

    func plan() throws -> Plan { try Planner.plan(try input()) }

    /// What becomes of each window, one line each: `fetch 2024-01-01..2024-01-07 new`, with the days where they are not
    /// the cell's, the sinks where there are several, and what is special about the fetch.
    func lines() throws -> [String] {
        try plan().decisions.map { decision in
            switch decision {
            case .skip(let skip): return "skip \(skip.window) \(skip.reason.code)"
            case .fetch(let fetch):
                var line = "fetch \(fetch.window)"
                if let days = fetch.days, .days(days) != fetch.window.cell { line += " for \(days)" }
                for target in fetch.targets {
                    line += " \(target.reason.code)" + (sinks.count > 1 ? "→\(target.sink)" : "")
                }
                return line + (fetch.fresh ? " fresh" : "") + (fetch.attach.map { " attach \($0.scheduleID)" } ?? "")
            }
        }
    }
}

func days(_ text: String) throws -> DateRange {
    let parts = text.split(separator: ".", omittingEmptySubsequences: true)
    return try #require(DateRange(String(parts[0]), String(parts[parts.count - 1])))
}

func time(_ text: String) throws -> Timestamp { try #require(Timestamp(text)) }

func window(_ cell: String, account: String? = nil) throws -> Window {
    Window(export: Question.export, cell: try #require(GridCell(cell)), account: account)
}

/// A checkpoint of the window at `cell`: by default over the whole cell, settled, from the fixture's layout and
/// fingerprint.
func held(
    _ cell: String,
    account: String? = nil,
    covers: String?? = .none,
    accounts: [String] = ["A"],
    settled: Bool = true,
    fetchedAt: String = "2024-02-01T00:00:00Z",
    fingerprint: String = "F1",
    accepted: String? = nil,
    layout: Layout = Layout(size: "week", perAccount: false),
    rows: Int = 10
) throws -> Checkpoint {
    Checkpoint(
        window: try window(cell, account: account),
        export: Question.export,
        covers: try (covers ?? cell).map(days),
        accounts: account.map { [$0] } ?? accounts,
        counts: RowCounts(api: rows, received: rows, loaded: rows),
        fetchedAt: try time(fetchedAt),
        settled: settled,
        fingerprint: fingerprint,
        acceptedFingerprint: accepted,
        layout: layout,
        runID: "earlier",
        scheduleIDs: [],
        requestIDs: [],
        requests: 1,
        sampled: false,
        schema: Schema([])
    )
}

func ledger(
    _ checkpoints: [Checkpoint],
    gone: [String] = [],
    attempts: [Attempt] = [],
    reload: [String] = [],
    staged: Ledger.Staged? = nil
) throws -> Ledger {
    Ledger(
        checkpoints: Dictionary(uniqueKeysWithValues: checkpoints.map { ($0.window.id, $0) }),
        gone: Set(try gone.map { try window($0).id }),
        attempts: attempts,
        reload: Set(try reload.map { try window($0).id }),
        staged: staged
    )
}

func sink(
    _ ledger: Ledger = Ledger(),
    scope: CommitScope = .window,
    mode: LoadMode = .replaceWindow,
    key: [String] = []
) -> SinkState {
    SinkState(destination: "out/", scope: scope, mode: mode, key: key, ledger: ledger)
}

func attempt(
    _ cell: String,
    _ scheduleID: String,
    days wanted: String? = nil,
    accounts: [String] = ["A"],
    fingerprint: String = "F1",
    startedAt: String,
    failure: String? = nil
) throws -> Attempt {
    Attempt(
        window: try window(cell),
        scheduleID: scheduleID,
        days: try days(wanted ?? cell),
        accounts: accounts,
        fingerprint: fingerprint,
        startedAt: try time(startedAt),
        runID: "earlier",
        failure: failure
    )
}
