import PipelineCore

/// What one sink needs of each window: product rules per way of loading, without regard to other sinks.
struct SinkRules {
    /// How the sink takes windows.
    enum Role {
        /// One by one; a window that is settled stays.
        case windows
        /// One by one, each once.
        case appends
        /// All of them in every run, exactly the days wanted.
        case whole
        /// All of them in this run, in one step, because the layout changed.
        case replacesAll
    }

    /// What becomes of one window in one sink.
    enum Verdict {
        /// It is loaded.
        case load(FetchReason)
        /// It is left alone.
        case skip(SkipReason)
        /// It is left alone and the choice to keep it is to be recorded.
        case accept
        /// It is settled under another fingerprint and the user has to choose.
        case stale
    }

    let input: PlannerInput
    let sink: SinkState
    let role: Role
    let layout: Layout
    /// The windows of the whole export that this sink is to hold, in row order.
    let wanted: [WantedWindow]
    /// Those of them that this run is about.
    let chosen: [WantedWindow]

    private var options: PlanOptions { input.options }
    private var ledger: Ledger { sink.ledger }
    private var settling: SettleRule { SettleRule(lookback: input.lookback) }
}

extension SinkRules {
    /// The rules for `sink`.
    ///
    /// - Parameters:
    ///   - sink: The destination.
    ///   - input: The planner's input.
    ///   - wanted: The windows of the range wanted.
    /// - Throws: `PlanError` where the destination and the request do not go together.
    init(_ sink: SinkState, _ input: PlannerInput, wanted: [WantedWindow]) throws(PlanError) {
        let layout = Layout(
            size: input.effectiveSize.description,
            perAccount: input.perAccount,
            mode: sink.mode,
            key: sink.key
        )
        let role = try SinkRules.role(of: sink, input, layout: layout)
        let all = role == .replacesAll ? input.windows(keeping: sink.ledger.checkpoints.values) : wanted
        let options = input.options
        var chosen = all.filter { wanted in
            (options.chosen.map(wanted.window.cell.meets) ?? true)
                && (options.shard?.contains(wanted.window.id) ?? true)
        }
        if options.onlyFailed {
            let failed = sink.ledger.failed
            if role != .whole {
                chosen.removeAll { !failed.contains($0.window.id) }
            } else if sink.ledger.staged == nil, !chosen.contains(where: { failed.contains($0.window.id) }) {
                // A whole fails as a whole: it is of interest in all its parts, or not at all.
                chosen = []
            }
        }
        self.init(
            input: input,
            sink: sink,
            role: role,
            layout: layout,
            wanted: role == .whole ? chosen : all,
            chosen: chosen
        )
    }

    private static func role(of sink: SinkState, _ input: PlannerInput, layout: Layout) throws(PlanError) -> Role {
        let isWhole = sink.scope == .run || sink.mode == .replace
        // What replaces its whole in every run does so under a new grid too; only its mode must not change unseen.
        let other = sink.ledger.checkpoints.values
            .filter { isWhole ? $0.layout.mode != layout.mode : $0.layout != layout }
            .min { $0.window < $1.window }
        if let other {
            let appends = sink.mode == .append
            guard !appends, input.options.reload == .all || resumesReplacement(sink, input, layout) else {
                throw .layoutChanged(
                    input.export,
                    destination: sink.destination,
                    from: other.layout,
                    to: layout,
                    reloadable: !appends
                )
            }
        }
        let role: Role = isWhole ? .whole : sink.mode == .append ? .appends : other == nil ? .windows : .replacesAll
        if let option = optionRefused(by: role, mode: sink.mode, input.options) {
            throw .partOfWhole(input.export, destination: sink.destination, option: option)
        }
        if role == .appends, input.range == nil {
            throw .appendWithoutDays(input.export, destination: sink.destination)
        }
        return role
    }

    /// Whether a run that was to replace everything as it is wanted now did not finish: it goes on without being asked.
    private static func resumesReplacement(_ sink: SinkState, _ input: PlannerInput, _ layout: Layout) -> Bool {
        guard let plan = sink.ledger.staged?.plan else { return false }
        return plan.replacesAll && plan.layout == layout && plan.fingerprint == input.fingerprint
    }

    /// The option that asks for a part where only all windows make sense; nil where there is none.
    private static func optionRefused(by role: Role, mode: LoadMode, _ options: PlanOptions) -> String? {
        switch role {
        case .windows, .appends: return nil
        case .whole:
            if let shard = options.shard { return "--shard \(shard)" }
            // A file is made for the days chosen; a table would lose all others.
            return mode == .replace && options.chosen != nil ? "--start-date/--end-date" : nil
        case .replacesAll:
            if let shard = options.shard { return "--shard \(shard)" }
            if options.chosen != nil { return "--start-date/--end-date" }
            return options.onlyFailed ? "--only-failed" : nil
        }
    }
}

extension SinkRules {
    /// What becomes of a window.
    func verdict(_ wanted: WantedWindow) -> Verdict {
        switch role {
        case .windows: windowVerdict(wanted)
        case .appends: appendVerdict(wanted)
        case .whole, .replacesAll: wholeVerdict(wanted)
        }
    }

    private func windowVerdict(_ wanted: WantedWindow) -> Verdict {
        guard let held = ledger.checkpoints[wanted.window.id] else { return .load(.new) }
        if let reason = reasonToLoad(held, wanted) { return .load(reason) }
        guard isStale(held) else { return .skip(.settled) }
        return options.acceptStale ? .accept : .stale
    }

    /// Why a window that is held must be loaded again; nil where it need not.
    ///
    /// A window that is due is loaded under the fingerprint of today: nothing old is kept, so there is nothing to ask.
    private func reasonToLoad(_ held: Checkpoint, _ wanted: WantedWindow) -> FetchReason? {
        if options.reload == .all { return .reload }
        if options.reload == .stale, isStale(held) { return .stale }
        // Who wants to keep what is there has given up the reload that was to replace it.
        let isKept = options.acceptStale && isStale(held)
        if ledger.reload.contains(held.window.id), !isKept { return .reloadResumed }
        if let days = wanted.days, !(held.covers?.contains(days) ?? false) {
            return .rangeGrew(covered: held.covers, wanted: days)
        }
        if !input.perAccount, held.accounts != input.accounts {
            let missing = Set(input.accounts).subtracting(held.accounts)
            if !missing.isEmpty { return .accountsAdded(input.accounts.filter(missing.contains)) }
        }
        if ledger.gone.contains(held.window.id) { return .rowsGone }
        let settles = held.covers.map { settling.settles($0.end) }
        guard held.settled else { return .notSettled(settles) }
        // What was settled stays settled, unless the lookback now reaches to its days from this very moment.
        return settles.flatMap { $0 > input.now ? .lookbackRaised($0) : nil }
    }

    private func appendVerdict(_ wanted: WantedWindow) -> Verdict {
        if let held = ledger.checkpoints[wanted.window.id] {
            guard isStale(held) else { return .skip(.appendLoaded) }
            return options.acceptStale ? .accept : .stale
        }
        // The cell's own end counts, not the range's: a day that comes later could never be added.
        let last: Day? =
            switch wanted.window.cell {
            case .all: wanted.days?.end
            case .days(let days): days.end
            }
        if let settles = last.map(settling.settles), settles > input.now { return .skip(.appendWaits(settles)) }
        return .load(.new)
    }

    private func wholeVerdict(_ wanted: WantedWindow) -> Verdict {
        isStaged(wanted) ? .skip(.staged) : .load(reasonToLoadWhole(wanted.window.id))
    }

    private func reasonToLoadWhole(_ id: WindowID) -> FetchReason {
        if role == .replacesAll { return .layoutChanged }
        if options.reload == .all { return .reload }
        return ledger.reload.contains(id) ? .reloadResumed : .whole
    }

    /// Whether an unfinished run has loaded the window in a way that this run can use.
    private func isStaged(_ wanted: WantedWindow) -> Bool {
        guard let staged = ledger.staged, let held = staged.checkpoints[wanted.window.id],
            staged.plan.fingerprint == input.fingerprint, staged.plan.layout == layout, staged.plan.range == range,
            staged.plan.replacesAll, abs(input.now.seconds(since: staged.plan.createdAt)) < 86_400
        else { return false }
        // A reload wants rows newer than itself; what it has loaded is no longer noted as to be loaded again.
        let isTooOld = (role == .whole && options.reload == .all) || ledger.reload.contains(wanted.window.id)
        return !isTooOld && held.covers == wanted.days
            && Set(held.accounts) == Set(input.accounts(of: wanted.window))
    }

    /// Whether a window was loaded under another fingerprint, and not accepted under this one.
    func isStale(_ held: Checkpoint) -> Bool {
        held.fingerprint != input.fingerprint && held.acceptedFingerprint != input.fingerprint
    }
}

extension SinkRules {
    /// The days of everything this sink is to hold; nil where the query has none.
    private var range: DateRange? {
        role == .windows || role == .appends ? input.range : DateRange.hull(wanted.lazy.map(\.days))
    }

    /// What to hand the sink's run before it starts; nil where the sink takes no part in it.
    var runPlan: RunPlan? {
        guard role != .whole || !chosen.isEmpty else { return nil }
        return RunPlan(
            windows: wanted.map(\.window),
            range: range,
            fingerprint: input.fingerprint,
            layout: layout,
            reload: reload,
            accepted: accepted,
            replacesAll: role == .whole || role == .replacesAll,
            createdAt: input.now
        )
    }

    /// The windows to load again until each is committed: those of this run, and those an earlier run left.
    private var reload: [WindowID] {
        switch role {
        case .appends, .replacesAll: return []
        case .whole:
            return chosen.map(\.window.id).filter { options.reload == .all || ledger.reload.contains($0) }
        case .windows:
            let asked = chosen.lazy.map(\.window.id).filter { id in
                guard let held = ledger.checkpoints[id] else { return false }
                return switch options.reload {
                case .none: false
                case .stale: isStale(held)
                case .all: true
                }
            }
            // Another shard may commit, and so settle, its own windows at this very moment.
            let left = ledger.reload.filter { options.shard?.contains($0) ?? true }
            return left.union(asked).subtracting(accepted).sorted()
        }
    }

    private var accepted: [WindowID] {
        guard options.acceptStale else { return [] }
        return chosen.compactMap { if case .accept = verdict($0) { $0.window.id } else { nil } }
    }
}

extension Ledger {
    /// The windows that failed and have not been loaded since: a commit drops the notes of its window.
    fileprivate var failed: Set<WindowID> {
        Set(attempts.lazy.filter { $0.failure != nil }.map(\.window.id))
    }
}
