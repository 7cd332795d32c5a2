import PipelineCore

/// Decides which windows of an export are due, and why; a pure function of what is wanted and what is held.
package enum Planner {
    /// Plans a run of one export.
    ///
    /// - Throws: `PlanError` where the export must not start.
    package static func plan(_ input: PlannerInput) throws(PlanError) -> Plan {
        let wanted = input.wanted
        guard !wanted.isEmpty else { throw .noAccounts(input.export) }
        if input.options.reload != .none, !input.sinks.isEmpty, input.sinks.allSatisfy({ $0.mode == .append }) {
            throw .appendReload(input.export)
        }
        var rules: [SinkRules] = []
        for sink in input.sinks {
            rules.append(try SinkRules(sink, input, wanted: wanted))
        }
        return Plan(
            decisions: try decisions(rules, input),
            runs: rules.map(\.runPlan),
            outside: outside(rules),
            removedAccounts: removedAccounts(rules, input)
        )
    }
}

extension Planner {
    /// What one sink needs of one window.
    private struct Need {
        var sink: Int
        var role: SinkRules.Role
        var days: DateRange?
        var verdict: SinkRules.Verdict
        var held: Checkpoint?
    }

    private static func decisions(_ rules: [SinkRules], _ input: PlannerInput) throws(PlanError) -> [Plan.Decision] {
        var needs: [Window: [Need]] = [:]
        var stale: Set<Window> = []
        var reloadable = false
        for (index, rules) in rules.enumerated() {
            for wanted in rules.chosen {
                let (window, verdict) = (wanted.window, rules.verdict(wanted))
                if case .stale = verdict {
                    stale.insert(window)
                    reloadable = reloadable || rules.role == .windows
                }
                needs[window, default: []].append(
                    Need(
                        sink: index,
                        role: rules.role,
                        days: wanted.days,
                        verdict: verdict,
                        held: rules.sink.ledger.checkpoints[window.id]
                    )
                )
            }
        }
        guard stale.isEmpty else { throw .stale(input.export, stale.sorted(), reloadable: reloadable) }
        let attempts = attemptsToTakeOver(input)
        return needs.sorted { $0.key < $1.key }.flatMap { window, needs in
            let covered = rules.lazy.filter { $0.role == .windows }
                .map { $0.sink.ledger.checkpoints[window.id]?.covers }
            let fetches = fetches(
                of: window,
                needs,
                covered: DateRange.hull(covered),
                input,
                attempts: attempts[window.id] ?? []
            )
            guard fetches.isEmpty else { return fetches.map(Plan.Decision.fetch) }
            let reasons = needs.lazy.compactMap { need -> SkipReason? in
                switch need.verdict {
                case .skip(let reason): reason
                case .accept: .acceptedStale
                case .load, .stale: nil
                }
            }
            return reasons.prefix(1).map { Plan.Decision.skip(WindowSkip(window: window, reason: $0)) }
        }
    }

    /// One fetch for all sinks that take windows one by one, over what is wanted and what any of them covers: so none
    /// covers fewer days after it, and a killed run and the one after it fetch the same days.
    ///
    /// The other sinks take exactly the days wanted: by the same fetch where the days agree.
    private static func fetches(
        of window: Window,
        _ needs: [Need],
        covered: DateRange?,
        _ input: PlannerInput,
        attempts: [Attempt]
    ) -> [WindowFetch] {
        var groups: [(days: DateRange?, targets: [WindowFetch.Target])] = []
        for need in needs {
            guard case .load(let reason) = need.verdict else { continue }
            let days = need.role == .windows ? need.days.map { covered?.hull($0) ?? $0 } : need.days
            let target = WindowFetch.Target(sink: need.sink, reason: reason, previous: need.held)
            if let index = groups.firstIndex(where: { $0.days == days }) {
                groups[index].targets.append(target)
            } else {
                groups.append((days, [target]))
            }
        }
        return groups.map { days, targets in
            let accounts = input.accounts(of: window)
            return WindowFetch(
                window: window,
                days: days,
                accounts: accounts,
                targets: targets,
                fresh: isFresh(days, targets, input),
                attach: attachable(attempts, days: days, accounts: accounts, targets: targets)
            )
        }
    }

    /// Whether the API's cache is to be passed by: for days that may still change, for rows that were loaded too early,
    /// for reloads, and for `append`, which never corrects a row.
    private static func isFresh(_ days: DateRange?, _ targets: [WindowFetch.Target], _ input: PlannerInput) -> Bool {
        guard SettleRule(lookback: input.lookback).isSettled(days, fetchedAt: input.now) else { return true }
        return targets.contains { target in
            target.reason.isReload || target.previous.map { !$0.settled } ?? false
                || input.sinks[target.sink].mode == .append
        }
    }
}

extension Planner {
    /// For each window the queries that an earlier run sent within the hour, under this fingerprint, and that did not
    /// fail: the API keeps a query's state for an hour.
    private static func attemptsToTakeOver(_ input: PlannerInput) -> [WindowID: [Attempt]] {
        guard input.options.reload != .all else { return [:] }
        let attempts = input.sinks.flatMap(\.ledger.attempts)
        let failed = Set(attempts.lazy.filter { $0.failure != nil }.map(\.scheduleID))
        let usable = attempts.filter { attempt in
            attempt.fingerprint == input.fingerprint && !failed.contains(attempt.scheduleID)
                && input.now.seconds(since: attempt.startedAt) < 3600
        }
        return Dictionary(grouping: usable, by: \.window.id)
    }

    private static func attachable(
        _ attempts: [Attempt],
        days: DateRange?,
        accounts: [String],
        targets: [WindowFetch.Target]
    ) -> Attempt? {
        guard targets.allSatisfy(\.reason.mayAttach) else { return nil }
        return
            attempts
            .filter { $0.days == days && Set($0.accounts) == Set(accounts) }
            .max { $0.startedAt < $1.startedAt }
    }
}

extension Planner {
    /// The windows that sinks keep although they are no longer wanted.
    private static func outside(_ rules: [SinkRules]) -> [Window] {
        var outside: Set<Window> = []
        for rules in rules where rules.role == .windows || rules.role == .appends {
            let wanted = Set(rules.wanted.lazy.map(\.window.id))
            outside.formUnion(
                rules.sink.ledger.checkpoints.values.lazy.map(\.window).filter { !wanted.contains($0.id) }
            )
        }
        return outside.sorted()
    }

    private static func removedAccounts(_ rules: [SinkRules], _ input: PlannerInput) -> [String] {
        let kept = rules.lazy.filter { $0.role != .whole }.flatMap { $0.sink.ledger.checkpoints.values }
        return Set(kept.flatMap(\.accounts)).subtracting(input.accounts).sorted()
    }
}

extension PlannerInput {
    /// The accounts a fetch of `window` asks for.
    func accounts(of window: Window) -> [String] { window.account.map { [$0] } ?? accounts }
}
