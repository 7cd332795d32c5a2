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
    }

    /// Runs the export into these sinks; never throws, whatever happens is in the outcome.
    func callAsFunction(into sinks: [any Sink]) async -> Outcome {
        let started = resources.now()
        // One order for everyone, or two exports that list the same destinations the other way round wait forever.
        let ordered = sinks.sorted { ($0.destination) < ($1.destination) }
        var outcome = Outcome(summary: ExportSummary(name: spec.name, destinations: ordered.map(\.destination)))
        var open: [(sink: any Sink, run: OpenSink)] = []
        do {
            try await lease(ordered[...], &open, &outcome)
        } catch {
            note(error, in: &outcome)
        }
        outcome.summary.seconds = resources.now().seconds(since: started)
        resources.report(.exportEnded(export: outcome.summary))
        return outcome
    }

    // MARK: Leases

    /// Takes the lease of every sink, then runs the windows; a sink that cannot be opened is left out, the others load.
    private func lease(
        _ sinks: ArraySlice<any Sink>, _ open: inout [(sink: any Sink, run: OpenSink)], _ outcome: inout Outcome
    ) async throws {
        guard let sink = sinks.first else {
            guard !open.isEmpty else { return }
            return try await run(open, &outcome)
        }
        var isOpen = false
        let request = RunRequest(
            export: spec.id, runID: resources.runID, shard: options.plan.shard, waits: options.waits)
        do {
            try await sink.withRun(request) { run in
                isOpen = true
                open.append((sink, OpenSink(run, commitsAtEnd: sink.scope == .run)))
                let place = open.count - 1
                try await lease(sinks.dropFirst(), &open, &outcome)
                return open[place].run.isComplete
            }
        } catch let error as SinkError where !isOpen && error.code != .locked {
            note(error, in: &outcome)
            try await lease(sinks.dropFirst(), &open, &outcome)
        }
    }

    // MARK: Windows

    private func run(_ open: [(sink: any Sink, run: OpenSink)], _ outcome: inout Outcome) async throws {
        var states: [SinkState] = []
        for (sink, opened) in open {
            states.append(
                SinkState(
                    destination: sink.destination, scope: sink.scope, mode: sink.mode, key: sink.key,
                    ledger: try await opened.run.ledger()))
        }
        let plan = try Planner.plan(
            PlannerInput(resolved, now: resources.now(), options: options.plan, sinks: states))
        for (index, runPlan) in plan.runs.enumerated() {
            if let runPlan { try await open[index].run.run.begin(runPlan) }
        }
        outcome.summary.skipped = plan.skips.count
        outcome.holdsSomething = !plan.skips.isEmpty
        resources.report(.planned(export: spec.name, due: plan.fetches.count, skipped: plan.skips.count))
        let attempts = Dictionary(grouping: states.flatMap(\.ledger.attempts), by: \.window.id)
        let results = await load(plan.fetches, open.map(\.run), attempts, &outcome)
        conclude(results, plan, open.map(\.run), &outcome)
    }

    /// Loads the windows, several at once, until all are done or the run must stop.
    private func load(
        _ fetches: [WindowFetch], _ sinks: [OpenSink], _ attempts: [WindowID: [Attempt]], _ outcome: inout Outcome
    ) async -> [WindowRun.Outcome] {
        var results: [WindowRun.Outcome?] = Array(repeating: nil, count: fetches.count)
        var next = fetches.startIndex
        let isStopped = Mutex(false)
        await withTaskGroup(of: (Int, WindowRun.Outcome).self) { group in
            func startNext() -> Bool {
                guard next < fetches.endIndex, !Task.isCancelled, !isStopped.withLock({ $0 }) else { return false }
                if let deadline, resources.now() >= deadline { return false }
                guard sinks.contains(where: { !$0.isDetached }) else { return false }
                let (index, fetch) = (next, fetches[next])
                let known = (attempts[fetch.window.id] ?? []).filter { $0.mayAnswer(fetch, at: resources.now(), spec) }
                let window = WindowRun(
                    spec: spec, options: options, resources: resources, fetch: fetch, sinks: sinks, attempts: known)
                group.addTask { [resources] in
                    do {
                        return (index, try await resources.windows.withPermit { await window() })
                    } catch {
                        return (index, window.aborted)
                    }
                }
                next += 1
                return true
            }
            for _ in 0..<resources.windowsAtOnce where startNext() {}
            while let (index, result) = await group.next() {
                results[index] = result
                if result.stopsRun {
                    isStopped.withLock { $0 = true }
                    group.cancelAll()
                }
                _ = startNext()
            }
        }
        outcome.stopsRun = isStopped.withLock { $0 }
        if let deadline, next < fetches.endIndex, !outcome.stopsRun, resources.now() >= deadline {
            outcome.summary.failures.append(
                Failure(
                    .source, "--max-minutes is over with \(fetches.endIndex - next) windows left; run again to go on",
                    windows: fetches[next...].map(\.window.description)))
        }
        return results.compactMap { $0 }
    }

    /// Sums up, and tells each sink whether it has every window.
    private func conclude(
        _ results: [WindowRun.Outcome], _ plan: Plan, _ sinks: [OpenSink], _ outcome: inout Outcome
    ) {
        for result in results {
            outcome.summary.windows.append(result.summary)
            switch result.summary.state {
            case .done:
                outcome.summary.done += 1
                outcome.summary.rows += result.summary.rows
                outcome.summary.requests += result.summary.requests
            case .failed: outcome.summary.failed += 1
            case .aborted: break
            }
            for failure in result.failures { add(failure, window: result.summary.window, to: &outcome) }
        }
        let committed = results.map(\.committed)
        for (index, sink) in sinks.enumerated() {
            let wanted = plan.fetches.filter { fetch in fetch.targets.contains { $0.sink == index } }.count
            sink.isComplete = committed.count { $0.contains(index) } == wanted
        }
        let isVisible = sinks.indices.contains { index in
            sinks[index].isComplete || (plan.runs[index] != nil && !sinks[index].commitsAtEnd)
        }
        if outcome.summary.done > 0 && isVisible { outcome.holdsSomething = true }
        if !isVisible { outcome.holdsSomething = false }
    }

    /// Adds a failure to those of the same cause.
    private func add(_ failure: Failure, window: String, to outcome: inout Outcome) {
        let same = outcome.summary.failures.firstIndex {
            $0.kind == failure.kind && $0.cause == failure.cause
        }
        if let same {
            outcome.summary.failures[same].windows.append(window)
        } else {
            outcome.summary.failures.append(Failure(failure.kind, failure.message, windows: [window]))
        }
    }

    private func note(_ error: any Error, in outcome: inout Outcome) {
        guard !Task.isCancelled, let failure = Failure(error) else { return }
        outcome.summary.failures.append(failure)
        outcome.stopsRun = outcome.stopsRun || Failure.stopsRun(error)
    }
}

extension Attempt {
    /// Whether the query's result may still be there and is what this fetch would ask for, or a part of it.
    fileprivate func mayAnswer(_ fetch: WindowFetch, at now: Timestamp, _ spec: ExportSpec) -> Bool {
        guard fetch.attach != nil else { return false }
        return failure == nil && fingerprint == spec.fingerprint && abs(now.seconds(since: startedAt)) < 3600
    }
}

extension Failure {
    /// The message without its request id, by which failures of one cause are told to be the same.
    fileprivate var cause: Substring { message.prefix { $0 != "(" } }
}
