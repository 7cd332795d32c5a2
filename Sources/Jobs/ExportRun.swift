import Conversion
import Extraction
import PipelineCore
import SupermetricsAPI
import Synchronization

/// One run of one export: leases, plan, windows, end.
struct ExportRun {
    let resolved: ExportResolver.Resolved
    let options: RunOptions
    let resources: RunResources
    /// After this moment no further window begins; nil for no limit.
    let deadline: Timestamp?

    private var spec: ExportSpec { resolved.spec }

    /// What an export came to.
    struct Outcome: Sendable {
        var summary: ExportSummary
        /// Whether the whole run must stop.
        var stopsRun = false
        /// Whether the destinations hold anything of what was wanted.
        var holdsSomething = false

        /// Adds a failure; nothing where the error is a cancellation.
        mutating func note(_ error: any Error) {
            guard !Task.isCancelled, let failure = Failure(error) else { return }
            summary.failures.append(failure)
            stopsRun = stopsRun || Failure.stopsRun(error)
        }
    }

    /// Runs the export into these sinks; never throws, whatever happens is in the outcome.
    func callAsFunction(into sinks: [any Sink]) async -> Outcome {
        let started = resources.now()
        // One order for everyone, or two exports that list the same destinations the other way round wait forever.
        let ordered = sinks.sorted { $0.destination < $1.destination }
        var outcome = Outcome(summary: ExportSummary(name: spec.name, destinations: ordered.map(\.destination)))
        var leased: [LeasedSink] = []
        do {
            try claimPlaces(ordered)
            try await lease(ordered[...], &leased, &outcome)
        } catch {
            outcome.note(error)
        }
        outcome.holdsSomething = outcome.holdsSomething || leased.contains(where: \.showsLoads)
        outcome.summary.seconds = resources.now().seconds(since: started)
        resources.report(.exportEnded(export: outcome.summary))
        return outcome
    }

    /// Fails where two destinations are one place by different names, and would replace each other's rows.
    private func claimPlaces(_ sinks: [any Sink]) throws(SinkError) {
        for (first, second) in zip(sinks, sinks.dropFirst()) where first.destination == second.destination {
            throw SinkError(
                .configuration,
                "\(spec.name): two entries of `into` are the same place, \(first.destination); keep one of them"
            )
        }
        // A table takes several exports, and a folder tells whose it is; a file is the last one's.
        for sink in sinks where sink.scope == .run && sink.mode != .replace {
            guard let other = resources.places.claim(sink.destination, for: spec.name) else { continue }
            throw SinkError(
                .configuration,
                "\(spec.name): \(sink.destination) is the file of the export \(other); give each export its own"
            )
        }
    }

    // MARK: Leases

    private enum LeasePhase { case opening, open, ending }

    /// Takes the lease of every sink, then runs the windows; a destination that fails is left out, the others load.
    private func lease(
        _ sinks: ArraySlice<any Sink>,
        _ leased: inout [LeasedSink],
        _ outcome: inout Outcome
    ) async throws {
        guard let sink = sinks.first else { return try await run(leased, &outcome) }
        var phase = LeasePhase.opening
        var own: LeasedSink?
        let request = RunRequest(
            export: spec.id,
            current: spec.current,
            runID: resources.runID,
            shard: options.plan.shard,
            waits: options.waits,
            keepsExisting: options.keepsExisting
        )
        do {
            try await sink.withRun(request) { run in
                phase = .open
                let opened = LeasedSink(sink, run)
                own = opened
                leased.append(opened)
                try await lease(sinks.dropFirst(), &leased, &outcome)
                phase = .ending
                return opened.isComplete
            }
            own?.noteEnd()
        } catch let error as SinkError {
            switch phase {
            case .opening where error.code == .destination:
                outcome.note(error)
                try await lease(sinks.dropFirst(), &leased, &outcome)
            // The sinks whose leases lie around this one have nothing to do with how it ended.
            case .ending: outcome.note(error)
            case .opening, .open: throw error
            }
        }
    }

    // MARK: Windows

    private func run(_ leased: [LeasedSink], _ outcome: inout Outcome) async throws {
        var sinks: [LeasedSink] = []
        var states: [SinkState] = []
        for sink in leased {
            let ledger = try await attached(sink, &outcome) { () async throws(SinkError) in try await sink.run.ledger()
            }
            guard let ledger else { continue }
            states.append(SinkState(sink.sink, ledger: ledger, of: spec))
            sinks.append(sink)
        }
        guard !sinks.isEmpty else { return }
        let plan = try Planner.plan(PlannerInput(resolved, now: resources.now(), options: options.plan, sinks: states))
        for (sink, runPlan) in zip(sinks, plan.runs) {
            guard let runPlan else { continue }
            try await attached(sink, &outcome) { () async throws(SinkError) in try await sink.begin(runPlan) }
        }
        guard sinks.contains(where: { !$0.isDetached }) else { return }
        outcome.summary.skipped = plan.skips.count
        outcome.holdsSomething = plan.skips.contains(where: \.reason.isHeld)
        resources.report(.planned(export: spec.name, due: plan.fetches.count, skipped: plan.skips.count))
        let attempts = Dictionary(grouping: states.flatMap(\.ledger.attempts), by: \.window.id)
        let frozen = states.flatMap(\.ledger.checkpoints.values).filter { !$0.schema.columns.isEmpty }
            .max { $0.fetchedAt < $1.fetchedAt }?.schema
        let results = await load(plan.fetches, sinks, attempts, frozen, &outcome)
        judgeReplacements(results, plan, zip(sinks, states), &outcome)
        conclude(results, plan, sinks, &outcome)
        if results.contains(where: \.stopsExport) {
            noteUnfit(
                plan.fetches.map(\.window).filter { window in !results.contains { $0.summary.id == window.id } },
                &outcome
            )
        }
        noteUntried(results.filter { !$0.wasTried }, sinks, &outcome)
    }

    /// What `body` comes to with a sink; nil where its destination fails, and then it is left out of the run.
    @discardableResult
    private func attached<R>(
        _ sink: LeasedSink,
        _ outcome: inout Outcome,
        _ body: () async throws(SinkError) -> R
    ) async throws(SinkError) -> R? {
        do throws(SinkError) {
            return try await body()
        } catch {
            guard error.code == .destination else { throw error }
            outcome.note(error)
            sink.detach()
            return nil
        }
    }

    /// Loads the windows, several at once, until all are done or the run must stop.
    private func load(
        _ fetches: [WindowFetch],
        _ sinks: [LeasedSink],
        _ attempts: [WindowID: [Attempt]],
        _ frozen: Schema?,
        _ outcome: inout Outcome
    ) async -> [WindowRun.Outcome] {
        var results: [WindowRun.Outcome?] = Array(repeating: nil, count: fetches.count)
        var next = fetches.startIndex
        let badRows = BadRowCount()
        await withTaskGroup(of: (Int, WindowRun.Outcome).self) { group in
            var isStopped = false
            func startNext() {
                guard next < fetches.endIndex, !Task.isCancelled, !isStopped else { return }
                let (index, fetch) = (next, fetches[next])
                next += 1
                let known = (attempts[fetch.window.id] ?? []).filter { $0.mayAnswer(fetch, at: resources.now(), spec) }
                let window = WindowRun(
                    spec: spec,
                    options: options,
                    resources: resources,
                    fetch: fetch,
                    sinks: sinks,
                    attempts: known,
                    frozen: frozen,
                    badRows: badRows
                )
                group.addTask { [resources, deadline] in
                    let result = try? await resources.windows.withPermit { () -> WindowRun.Outcome? in
                        if let deadline, resources.now() >= deadline { return nil }
                        return window.isWanted ? await window() : nil
                    }
                    return (index, result ?? window.untried)
                }
            }
            for _ in 0..<(needsOrder(sinks) ? 1 : resources.windowsAtOnce) { startNext() }
            while let (index, result) = await group.next() {
                results[index] = result
                isStopped = isStopped || result.stopsRun || result.stopsExport
                if result.stopsRun {
                    outcome.stopsRun = true
                    group.cancelAll()
                }
                startNext()
            }
        }
        return results.compactMap { $0 }
    }

    /// Whether windows must be loaded one by one, oldest first: where rows are matched by a key that stands in several
    /// windows, the latest must be the last.
    private func needsOrder(_ sinks: [LeasedSink]) -> Bool {
        sinks.contains { leased in
            leased.sink.mode == .merge && !leased.sink.key.isEmpty && !spec.isSeparated(by: leased.sink.key)
        }
    }

    /// Says of windows that were not asked for, because the columns of others had shown that the job file is wrong.
    private func noteUnfit(_ windows: [Window], _ outcome: inout Outcome) {
        guard !windows.isEmpty, !Task.isCancelled, !outcome.stopsRun else { return }
        outcome.summary.failures.append(
            Failure(
                .usage,
                "\(Self.count(windows.count)) not tried, as the columns are the same in all; correct the job file and run again",
                windows: windows.map(\.description)
            )
        )
    }

    private static func count(_ windows: Int) -> String { windows == 1 ? "1 window" : "\(windows) windows" }

    /// Says of the windows that never began why they did not; one word does where the run was stopped.
    private func noteUntried(_ results: [WindowRun.Outcome], _ sinks: [LeasedSink], _ outcome: inout Outcome) {
        guard !results.isEmpty, !Task.isCancelled, !outcome.stopsRun else { return }
        let windows = results.map(\.summary.window)
        let left = Self.count(windows.count)
        guard let deadline, resources.now() >= deadline else {
            let failed = sinks.filter(\.isDetached).map(\.sink.destination).joined(separator: ", ")
            outcome.summary.failures.append(
                Failure(
                    .destination,
                    "\(left) not tried, because \(failed) had failed before; cure that and run again",
                    windows: windows
                )
            )
            return
        }
        outcome.summary.failures.append(
            Failure(.source, "--max-minutes is over with \(left) left; run again to go on", windows: windows)
        )
    }

    /// Judges what is to replace all rows of the export under another grid, whose windows have no rows of their own to
    /// be compared with: it must not lose more of the whole than a window may lose of itself.
    private func judgeReplacements(
        _ results: [WindowRun.Outcome],
        _ plan: Plan,
        _ sinks: some Sequence<(LeasedSink, SinkState)>,
        _ outcome: inout Outcome
    ) {
        for (index, (sink, state)) in sinks.enumerated() where !sink.isDetached {
            let held = state.ledger.checkpoints.values
            guard let runPlan = plan.runs[index], runPlan.replacesAll,
                held.contains(where: { $0.layout != runPlan.layout }),
                held.allSatisfy({ $0.covers.map { runPlan.range?.contains($0) ?? false } ?? true })
            else { continue }
            let loaded = results.filter { $0.committed.contains(index) }.map(\.summary)
            let fresh = Set(loaded.map(\.id))
            let staged = runPlan.windows.compactMap { window in
                fresh.contains(window.id) ? nil : state.ledger.staged?.checkpoints[window.id]
            }
            guard loaded.count + staged.count == runPlan.windows.count else { continue }
            do {
                outcome.summary.warnings += try spec.rules.judge(
                    loaded: loaded.reduce(0) { $0 + $1.rows } + staged.reduce(0) { $0 + $1.counts.loaded },
                    replacing: held.reduce(0) { $0 + $1.counts.loaded },
                    allowShrink: options.allowShrink
                )
            } catch {
                outcome.note(error)
                sink.detach()
            }
        }
    }

    /// Sums up, and tells each sink whether it has every window.
    private func conclude(
        _ results: [WindowRun.Outcome],
        _ plan: Plan,
        _ sinks: [LeasedSink],
        _ outcome: inout Outcome
    ) {
        for result in results {
            outcome.summary.windows.append(result.summary)
            outcome.summary.warnings += result.warnings
            outcome.summary.requests += result.summary.requests
            switch result.summary.state {
            case .done:
                outcome.summary.done += 1
                outcome.summary.rows += result.summary.rows
                outcome.summary.rejected += result.summary.rejected
                outcome.summary.bytes += result.summary.bytes
            case .failed: outcome.summary.failed += 1
            case .aborted: break
            }
            for failure in result.failures { add(failure, window: result.summary.window, to: &outcome) }
        }
        for (index, sink) in sinks.enumerated() {
            sink.conclude(wanted: plan.fetches.count { fetch in fetch.targets.contains { $0.sink == index } })
        }
    }

    /// Adds a failure to those of the same cause.
    private func add(_ failure: Failure, window: String, to outcome: inout Outcome) {
        let same = outcome.summary.failures.firstIndex {
            $0.kind == failure.kind && $0.cause == failure.cause && !$0.windows.isEmpty
        }
        if let same {
            outcome.summary.failures[same].windows.append(window)
            if outcome.summary.failures[same].textWithoutRequestID != failure.textWithoutRequestID {
                outcome.summary.failures[same].isOfFirstWindow = true
            }
        } else {
            var failure = failure
            failure.windows = [window]
            outcome.summary.failures.append(failure)
        }
    }
}

extension Failure {
    /// The message up to the request id, which is another in every window and says nothing by itself.
    fileprivate var textWithoutRequestID: Substring {
        message[..<(message.firstRange(of: " (request id ")?.lowerBound ?? message.endIndex)]
    }
}

extension Attempt {
    /// Whether the query's result may still be there and is what this fetch would ask for, or a part of it.
    fileprivate func mayAnswer(_ fetch: WindowFetch, at now: Timestamp, _ spec: ExportSpec) -> Bool {
        guard fetch.attach != nil else { return false }
        return failure == nil && fingerprint == spec.fingerprint && abs(now.seconds(since: startedAt)) < 3600
    }
}

extension SkipReason {
    /// Whether the destination shows the window.
    fileprivate var isHeld: Bool {
        switch self {
        case .settled, .acceptedStale, .appendLoaded: true
        case .appendWaits, .staged: false
        }
    }
}
