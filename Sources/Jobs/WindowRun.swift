import Conversion
import Extraction
import Foundation
import PipelineCore
import SupermetricsAPI
import Synchronization

/// One sink under lease, and how often it has failed in this run.
final class OpenSink: Sendable {
    /// Failures of a destination after which the run no longer loads into it.
    static let failuresToDetach = 3

    let run: any SinkRun
    /// Whether windows become visible only at the end of the run.
    let commitsAtEnd: Bool
    private let failures = Mutex(0)
    private let complete = Mutex(false)

    init(_ run: any SinkRun, commitsAtEnd: Bool) {
        self.run = run
        self.commitsAtEnd = commitsAtEnd
    }

    /// Whether it has every window the run was to load into it.
    var isComplete: Bool {
        get { complete.withLock { $0 } }
        set { complete.withLock { $0 = newValue } }
    }

    func noteFailure() { failures.withLock { $0 += 1 } }

    var isDetached: Bool { failures.withLock { $0 >= Self.failuresToDetach } }
}

/// What the windows of a run share.
struct RunResources: Sendable {
    let runID: String
    let extractor: Extractor
    let client: SupermetricsClient
    /// Lets so many windows be under way at once: those that query and those that load.
    let windows: ConcurrencyGate
    /// How many that are.
    let windowsAtOnce: Int
    /// Lets so many windows load at once.
    let loads: ConcurrencyGate
    let spare: SpareBatches
    let maxAttempts: Int
    let now: @Sendable () -> Timestamp
    let report: @Sendable (RunEvent) -> Void
}

/// One window on its way from query to commit: a straight line.
struct WindowRun {
    let spec: ExportSpec
    let options: RunOptions
    let resources: RunResources
    let fetch: WindowFetch
    let sinks: [OpenSink]
    /// Queries for this window, or parts of it, that a run that died left behind.
    let attempts: [Attempt]

    /// How often a window is loaded again after a failure of its destinations that may pass.
    private static let reloads = 2

    /// What a window came to.
    struct Outcome: Sendable {
        var summary: WindowSummary
        /// Causes, each with the destination it belongs to where one failed alone.
        var failures: [Failure] = []
        /// Whether the run must stop.
        var stopsRun = false
        /// The sinks, by place, that committed.
        var committed: Set<Int> = []
    }

    private var name: String { fetch.window.description }
    private var export: String { spec.name }

    /// The window as it is when it never began.
    var aborted: Outcome {
        Outcome(
            summary: WindowSummary(
                window: name, id: fetch.window.id, days: fetch.days, reason: reason, state: .aborted, rows: 0,
                requests: 0, seconds: 0))
    }

    private var reason: String { fetch.targets.first?.reason.code ?? "" }

    /// Loads the window into every sink that needs it; never throws, whatever happens is in the outcome.
    func callAsFunction() async -> Outcome {
        let started = resources.now()
        var outcome = aborted
        resources.report(.windowStarted(export: export, window: name, reason: reason))
        do {
            try await load(&outcome)
        } catch {
            outcome.summary.state = .aborted
            if !Task.isCancelled, let failure = Failure(error) {
                outcome.failures.append(failure)
                outcome.stopsRun = Failure.stopsRun(error)
            }
        }
        outcome.summary.seconds = resources.now().seconds(since: started)
        if let failure = outcome.failures.first {
            outcome.summary.state = .failed
            await noteFailure(failure)
            resources.report(.windowFailed(export: export, window: name, failure: failure))
        } else if outcome.summary.state == .done {
            resources.report(.windowDone(export: export, summary: outcome.summary))
        }
        return outcome
    }

    /// Queries, loads and, where destinations failed in a way that may pass, loads again from the same result.
    private func load(_ outcome: inout Outcome) async throws {
        let sent = SentAttempts()
        let retries = RetryBudget(retries: resources.maxAttempts * 4)
        var targets = fetch.targets.filter { !sinks[$0.sink].isDetached }
        guard !targets.isEmpty else { return }
        var reloads = Self.reloads
        while true {
            let known = sent.all.isEmpty ? attempts : sent.all
            let results = try await load(targets, known: known, sent: sent, retries: retries, &outcome)
            var failed: [(WindowFetch.Target, any Error)] = []
            for (target, result) in zip(targets, results) {
                switch result {
                case .success: outcome.committed.insert(target.sink)
                case .failure(let error): failed.append((target, error))
                }
            }
            guard !failed.isEmpty else {
                outcome.summary.state = .done
                return
            }
            let passing = failed.filter { ($0.1 as? SinkError)?.isTransient == true }
            guard passing.count == failed.count, reloads > 0 else {
                for (target, error) in failed {
                    if (error as? SinkError)?.code == .destination { sinks[target.sink].noteFailure() }
                    if let failure = Failure(error) { outcome.failures.append(failure) }
                }
                return
            }
            reloads -= 1
            targets = failed.map(\.0)
        }
    }

    /// One reading of the window into the sinks that still lack it.
    private func load(
        _ targets: [WindowFetch.Target], known: [Attempt], sent: SentAttempts, retries: RetryBudget,
        _ outcome: inout Outcome
    ) async throws -> FanOut.Outcome {
        let request = WindowRequest(
            query: spec.query, part: QueryPart(days: fetch.days, accounts: fetch.accounts), isFresh: fetch.fresh,
            known: known.map { attempt in
                KnownQuery(
                    part: QueryPart(days: attempt.days, accounts: attempt.accounts), scheduleID: attempt.scheduleID,
                    sentAt: attempt.startedAt)
            })
        let ledger = targets.first.map { sinks[$0.sink].run }
        let record: @Sendable (QueryPart, String) async throws -> Void = { [fetch, spec, resources] part, scheduleID in
            let attempt = Attempt(
                window: fetch.window, scheduleID: scheduleID, days: part.days, accounts: part.accounts,
                fingerprint: spec.fingerprint, startedAt: resources.now(), runID: resources.runID)
            try await ledger?.record(attempt)
            sent.append(attempt)
        }
        var summary = outcome.summary
        let results = try await resources.extractor.withRows(of: request, retries: retries, record: record) { rows in
            try await resources.loads.withPermit {
                let results = try await load(rows, into: targets)
                let facts = rows.facts
                summary.requests = facts.requests
                summary.rows = results.lazy.compactMap { try? $0.get().counts.loaded }.first ?? 0
                return results
            }
        }
        outcome.summary = summary
        return results
    }

    /// Takes the rows through the stages into the sinks; each commits or aborts by itself.
    private func load(_ rows: WindowRows, into targets: [WindowFetch.Target]) async throws -> FanOut.Outcome {
        let base = try Schema(
            landing: rows.fields.map { LandedField(id: $0.id, dataType: $0.dataType, isMetric: $0.isMetric) },
            naming: spec.naming)
        let account = fetch.window.account.map { [AccountColumn(account: $0)] } ?? []
        let pipeline = try BoundPipeline(reading: base, through: account + (options.beforeStages ? [] : spec.stages))
        for target in targets {
            try spec.rules.judge(pipeline.output, replacing: target.previous, fingerprint: spec.fingerprint)
        }
        rows.schema = base
        let (export, window) = (export, name)
        resources.report(.loading(export: export, window: window, expectedRows: rows.expectedRows))
        let fanOut = FanOut(
            runs: targets.map { sinks[$0.sink].run }, load: Load(window: fetch.window, schema: pipeline.output))
        return try await fanOut { lanes in
            let report = resources.report
            let pump = Pump(
                process: { batch, rejects in try pipeline.process(&batch, rejecting: &rejects) }, lanes: lanes,
                spare: resources.spare,
                wrote: { report(.rows(export: export, window: window, count: $0)) })
            let pumped = try await pump.run { try await rows.next() }
            return try commit(pumped, rows.facts, schema: pipeline.output, targets)
        }
    }

    /// Judges what arrived and writes the note that makes it count.
    private func commit(
        _ pumped: Pumped, _ facts: WindowFacts, schema: Schema, _ targets: [WindowFetch.Target]
    ) throws -> Checkpoint {
        let rejects = (pumped.rejects + facts.badRows).sorted { $0.row < $1.row }
        if let reject = rejects.first {
            let more = rejects.count > 1 ? " (and \(rejects.count - 1) more bad rows)" : ""
            let request = facts.requestIDs.last.map { " (request id \($0))" } ?? ""
            throw Refusal(
                "row \(reject.row + 1), column \(reject.column): \(reject.rule)\(more); cast the column to text, or leave"
                    + " it out with select\(request)")
        }
        let counts = RowCounts(api: facts.announced ?? facts.received, received: facts.received, loaded: pumped.loaded)
        guard counts.areBalanced else {
            throw Refusal(
                "\(counts.api) rows announced, \(counts.received) received, \(counts.loaded) loaded: the window is not"
                    + " whole; run it again")
        }
        if facts.isSampled {
            switch spec.rules.onSampled {
            case .fail: throw Refusal("the API sampled the rows; ask for fewer days at once, or set on_sampled: warn")
            case .warn: resources.report(.warning(export: export, text: "\(name): the API sampled the rows"))
            }
        }
        for target in targets {
            let warnings = try spec.rules.judge(
                loaded: pumped.loaded, replacing: target.previous, allowShrink: options.allowShrink)
            for text in warnings { resources.report(.warning(export: export, text: "\(name): \(text)")) }
        }
        for text in facts.warnings { resources.report(.warning(export: export, text: "\(name): \(text)")) }
        return Checkpoint(
            window: fetch.window, export: spec.id, covers: fetch.days, accounts: fetch.accounts, counts: counts,
            fetchedAt: facts.fetchedAt,
            settled: SettleRule(lookback: spec.lookback).isSettled(fetch.days, fetchedAt: facts.fetchedAt),
            fingerprint: spec.fingerprint,
            layout: Layout(size: spec.size.description, perAccount: spec.perAccount), runID: resources.runID,
            scheduleIDs: facts.scheduleIDs, requestIDs: facts.requestIDs, requests: facts.requests,
            sampled: facts.isSampled, cacheTime: facts.cacheTime, schema: schema)
    }

    /// Leaves a note that the window failed for good, for `--only-failed`; a lost note costs only that.
    private func noteFailure(_ failure: Failure) async {
        guard let target = fetch.targets.first, failure.kind != .locked else { return }
        let attempt = Attempt(
            window: fetch.window, scheduleID: "failed-\(resources.runID)", days: fetch.days, accounts: fetch.accounts,
            fingerprint: spec.fingerprint, startedAt: resources.now(), runID: resources.runID,
            failure: failure.message)
        try? await sinks[target.sink].run.record(attempt)
    }
}

/// The queries sent for a window so far.
private final class SentAttempts: Sendable {
    private let attempts = Mutex<[Attempt]>([])
    var all: [Attempt] { attempts.withLock { $0 } }
    func append(_ attempt: Attempt) { attempts.withLock { $0.append(attempt) } }
}
