package import PipelineCore

/// Everything the planner knows: one export, what is wanted of it now, and what its destinations hold.
package struct PlannerInput: Sendable {
    /// The export under the names its windows were first loaded by.
    package var export: ExportID
    /// How its days are cut.
    package var size: WindowSize
    /// Whether each account is a window of its own.
    package var perAccount: Bool
    /// The days wanted; nil where the query has none.
    package var range: DateRange?
    /// The accounts wanted, resolved, each once; empty where the source has none.
    package var accounts: [String]
    /// Days that stay unsettled, at least 0.
    package var lookback: Int
    /// The export's fingerprint.
    package var fingerprint: String
    /// When the plan is made.
    package var now: Timestamp
    /// What the user asked of this run.
    package var options: PlanOptions
    /// The destinations, in the order of the job file.
    package var sinks: [SinkState]

    /// A question to the planner; an account named twice counts once.
    package init(
        export: ExportID,
        size: WindowSize,
        perAccount: Bool,
        range: DateRange?,
        accounts: [String],
        lookback: Int,
        fingerprint: String,
        now: Timestamp,
        options: PlanOptions = PlanOptions(),
        sinks: [SinkState]
    ) {
        self.export = export
        self.size = size
        self.perAccount = perAccount
        self.range = range
        var seen: Set<String> = []
        self.accounts = accounts.filter { seen.insert($0).inserted }
        self.lookback = lookback
        self.fingerprint = fingerprint
        self.now = now
        self.options = options
        self.sinks = sinks
    }
}

/// What the user asked of one run.
package struct PlanOptions: Hashable, Sendable {
    /// Which windows to load although they need not be.
    package enum Reload: Hashable, Sendable {
        /// Only those that are due.
        case none
        /// Also those loaded under another fingerprint.
        case stale
        /// Every window of the run.
        case all
    }

    /// Which windows to load although they need not be.
    package var reload: Reload
    /// Whether rows loaded under another fingerprint are kept as they are.
    package var acceptStale: Bool
    /// Whether each sink takes only windows that failed for it and that it has not loaded since.
    package var onlyFailed: Bool
    /// Only windows whose cell holds one of these days, which may be none; the windows themselves stay whole.
    package var chosen: DateRange?
    /// Only windows of this part.
    package var shard: Shard?

    /// The options of a run; without arguments those of a run without flags.
    package init(
        reload: Reload = .none,
        acceptStale: Bool = false,
        onlyFailed: Bool = false,
        chosen: DateRange? = nil,
        shard: Shard? = nil
    ) {
        self.reload = reload
        self.acceptStale = acceptStale
        self.onlyFailed = onlyFailed
        self.chosen = chosen
        self.shard = shard
    }
}

/// One destination as the planner sees it.
package struct SinkState: Sendable {
    /// The destination as a user would name it, without secrets.
    package var destination: String
    /// When loaded windows become visible.
    package var scope: CommitScope
    /// How rows meet older rows.
    package var mode: LoadMode
    /// The key of `merge`.
    package var key: [String]
    /// What the destination holds.
    package var ledger: Ledger

    /// A destination.
    package init(
        destination: String,
        scope: CommitScope = .window,
        mode: LoadMode = .replaceWindow,
        key: [String] = [],
        ledger: Ledger = Ledger()
    ) {
        self.destination = destination
        self.scope = scope
        self.mode = mode
        self.key = key
        self.ledger = ledger
    }
}

extension SinkState {
    /// The state of `sink`, which holds what `ledger` tells of the export `spec`.
    package init(_ sink: some Sink, ledger: Ledger, of spec: ExportSpec) {
        // What was asked for with another limit may be cut where nobody would look for it now.
        var ledger = ledger
        ledger.attempts.removeAll { $0.failure == nil && $0.rowLimit != spec.rowLimit }
        self.init(
            destination: sink.destination,
            scope: sink.scope,
            mode: sink.mode,
            key: sink.key,
            ledger: ledger
        )
    }
}
