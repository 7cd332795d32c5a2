import Conversion
import Extraction
import PipelineCore
import SupermetricsAPI
import Synchronization

/// What the windows of a run share.
struct RunResources: Sendable {
    let runID: String
    let extractor: Extractor
    let client: SupermetricsClient
    /// Lets so many windows be under way at once: those that query and those that load.
    let windows: ConcurrencyGate
    /// How many that are.
    let windowsAtOnce: Int
    /// Lets so many windows take rows to their sinks at once; commits, which wait for disks, are not counted.
    let pumps: ConcurrencyGate
    let slots: BatchSlots
    let places: ClaimedPlaces
    let maxAttempts: Int
    let clock: any Clock<Duration>
    let now: @Sendable () -> Timestamp
    let report: @Sendable (RunEvent) -> Void
}

/// The files that exports of a run write, each for one of them.
final class ClaimedPlaces: Sendable {
    private let owners = Mutex<[String: String]>([:])

    /// Takes a place for an export, unless another has it, which is returned then.
    func claim(_ place: String, for export: String) -> String? {
        owners.withLock { owners in
            if let owner = owners[place] { return owner }
            owners[place] = export
            return nil
        }
    }
}

/// One window on its way from query to commit: a straight line.
struct WindowRun {
    let spec: ExportSpec
    let options: RunOptions
    let resources: RunResources
    let fetch: WindowFetch
    let sinks: [LeasedSink]
    /// Queries for this window, or parts of it, that a run that died left behind.
    let attempts: [Attempt]
    /// The columns that stay as they are under `on_schema_change: freeze`; nil where nothing was loaded yet.
    let frozen: Schema?
    /// The bad rows of the export in this run.
    let badRows: BadRowCount

    /// How often a window is loaded again after a failure of its destinations that may pass.
    private static let reloads = 2
    /// The pause before the first of these; it doubles.
    private static let reloadPause = Duration.seconds(1)

    /// What a window came to.
    struct Outcome: Sendable {
        var summary: WindowSummary
        /// Whether it began at all.
        var wasTried = true
        /// Causes, each with the destination it belongs to where one failed alone.
        var failures: [Failure] = []
        /// Things worth knowing of a window that was loaded.
        var warnings: [String] = []
        /// Whether the run must stop.
        var stopsRun = false
        /// Whether the other windows of the export would meet the same, so that asking for them only costs.
        var stopsExport = false
        /// The sinks, by place, that committed.
        var committed: Set<Int> = []
    }

    /// What one reading of the window leaves to tell.
    private struct Notes {
        var warnings: [String] = []
        var bytes = 0
    }

    private var name: String { fetch.window.description }
    private var export: String { spec.name }
    private var reason: String { fetch.targets.first?.reason.code ?? "" }

    /// Whether a sink is left to load it into.
    var isWanted: Bool { fetch.targets.contains { !sinks[$0.sink].isDetached } }

    /// The window as it is when it never began.
    var untried: Outcome {
        Outcome(
            summary: WindowSummary(
                window: name,
                id: fetch.window.id,
                days: fetch.days,
                reason: reason,
                state: .aborted,
                rows: 0,
                bytes: 0,
                requests: 0,
                seconds: 0
            ),
            wasTried: false
        )
    }

    /// Loads the window into every sink that needs it; never throws, whatever happens is in the outcome.
    func callAsFunction() async -> Outcome {
        let started = resources.now()
        var outcome = untried
        outcome.wasTried = true
        let tally = RequestTally(retries: resources.maxAttempts * 4)
        let sent = SentAttempts()
        resources.report(.windowStarted(export: export, window: name, reason: reason))
        do {
            try await load(&outcome, sent, tally)
        } catch {
            if !Task.isCancelled, let failure = Failure(error) {
                outcome.failures.append(failure)
                outcome.stopsRun = Failure.stopsRun(error)
                // Columns that a header row names are another matter in every window.
                outcome.stopsExport =
                    (error as? StageError)?.code == .schema && !HeaderRow.names(columnsOf: spec.query)
            }
        }
        outcome.summary.requests = tally.made
        outcome.summary.seconds = resources.now().seconds(since: started)
        if let failure = outcome.failures.first {
            outcome.summary.state = .failed
            await noteFailure(failure, outcome, attempts + sent.all)
            resources.report(.windowFailed(export: export, window: name, failure: failure))
        } else if outcome.summary.state == .done {
            resources.report(.windowDone(export: export, summary: outcome.summary))
        }
        return outcome
    }

    /// Queries, loads and, where destinations failed in a way that may pass, loads again from the same result.
    private func load(_ outcome: inout Outcome, _ sent: SentAttempts, _ tally: RequestTally) async throws {
        var targets = fetch.targets.filter { !sinks[$0.sink].isDetached }
        let wanted = Set(targets.map(\.sink))
        var reloads = 0
        while !targets.isEmpty {
            var notes = Notes()
            let results = try await load(targets, known: attempts + sent.all, sent: sent, tally, &notes)
            var again: [WindowFetch.Target] = []
            for (target, result) in zip(targets, results) {
                switch result {
                case .success(let checkpoint):
                    sinks[target.sink].noteCommit()
                    outcome.committed.insert(target.sink)
                    outcome.summary.rows = checkpoint.counts.loaded
                    outcome.summary.rejected = checkpoint.counts.rejected
                    outcome.summary.filtered = checkpoint.counts.filtered
                    outcome.summary.deduplicated = checkpoint.counts.deduplicated
                case .failure(let error):
                    // A load that was cancelled fails as its destination likes to put it.
                    try Task.checkCancellation()
                    if reloads < Self.reloads, (error as? SinkError)?.isTransient == true {
                        again.append(target)
                    } else {
                        if let error = error as? SinkError { sinks[target.sink].note(error) }
                        if let failure = Failure(error) { outcome.failures.append(failure) }
                    }
                }
            }
            if !outcome.committed.isEmpty {
                outcome.warnings = notes.warnings
                outcome.summary.bytes = notes.bytes
            }
            targets = again
            guard !targets.isEmpty else { break }
            try await resources.clock.sleep(for: Self.reloadPause * (1 << reloads))
            reloads += 1
        }
        guard outcome.committed == wanted else { return }
        outcome.summary.state = .done
        for text in outcome.warnings { resources.report(.warning(export: export, text: text)) }
    }

    /// One reading of the window into the sinks that still lack it.
    private func load(
        _ targets: [WindowFetch.Target],
        known: [Attempt],
        sent: SentAttempts,
        _ tally: RequestTally,
        _ notes: inout Notes
    ) async throws -> FanOut.Outcome {
        let request = WindowRequest(
            query: spec.query,
            part: QueryPart(days: fetch.days, accounts: fetch.accounts),
            isFresh: fetch.fresh,
            known: known.map { attempt in
                KnownQuery(
                    part: QueryPart(days: attempt.days, accounts: attempt.accounts),
                    scheduleID: attempt.scheduleID,
                    sentAt: attempt.startedAt
                )
            }
        )
        let ledgers = targets.map { sinks[$0.sink] }
        let record: @Sendable (QueryPart, String) async throws -> Void = { [fetch, spec, resources] part, scheduleID in
            let attempt = Attempt(
                window: fetch.window,
                scheduleID: scheduleID,
                days: part.days,
                accounts: part.accounts,
                fingerprint: spec.fingerprint,
                startedAt: resources.now(),
                runID: resources.runID,
                rowLimit: spec.rowLimit
            )
            try await Self.record(attempt, in: ledgers)
            sent.append(attempt)
        }
        return try await resources.extractor.withRows(of: request, tally: tally, record: record) { rows in
            try await holding(ledgers.map(\.loads)[...]) {
                try await load(rows, into: targets, tally, &notes)
            }
        }
    }

    /// Notes a query in the first sink that can: one note is enough, and one broken sink is no reason to ask nothing.
    private static func record(_ attempt: Attempt, in sinks: [LeasedSink]) async throws {
        var failure: (any Error)?
        for sink in sinks {
            do { return try await sink.run.record(attempt) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Runs `body` while holding a permit of each gate; all windows take them in one order.
    private func holding<R>(_ gates: ArraySlice<ConcurrencyGate>, _ body: () async throws -> R) async throws -> R {
        guard let gate = gates.first else { return try await body() }
        return try await gate.withPermit { try await holding(gates.dropFirst(), body) }
    }

    /// Takes the rows through the stages into the sinks; each commits or aborts by itself.
    private func load(
        _ rows: WindowRows,
        into targets: [WindowFetch.Target],
        _ tally: RequestTally,
        _ notes: inout Notes
    ) async throws -> FanOut.Outcome {
        let base = try Schema(landing: rows.fields, naming: spec.naming)
        let audit = RowAudit(
            try spec.rules.expected.interest(
                in: rows.fields.map(\.landed),
                base,
                hasDays: fetch.days != nil,
                accounts: fetch.accounts.count,
                isOneAccount: fetch.window.account != nil
            )
        )
        rows.schema = base
        let isNamedByHeader = HeaderRow.names(columnsOf: spec.query)
        // Columns that rows make are unknown where there are none: nothing is held to them then.
        var first = isNamedByHeader ? try await rows.next() : nil
        let isBare = isNamedByHeader && first == nil
        let pipeline =
            isBare ? try BoundPipeline(reading: base, through: []) : try bindStages(to: base, audit)
        let schema = isBare ? Schema([]) : pipeline.output
        if !isBare {
            for target in targets {
                try spec.rules.judge(
                    schema,
                    replacing: target.previous,
                    fingerprint: spec.fingerprint,
                    isNamedByHeader: isNamedByHeader
                )
            }
        }
        func next() async throws -> (batch: Batch, rejects: Rejects)? {
            if let read = first {
                first = nil
                return read
            }
            return try await rows.next()
        }
        let (export, window) = (export, name)
        let fanOut = FanOut(
            sinks: targets.map { sinks[$0.sink] },
            load: Load(
                window: fetch.window,
                schema: schema,
                dimensions: schema.dimensions(of: rows.fields.filter { !$0.isMetric }.map(\.id))
            )
        )
        return try await fanOut { lanes in
            let report = resources.report
            let turnstiles = (0..<pipeline.orderedCount).map { _ in Turnstile() }
            let pumped = try await resources.pumps.withPermit {
                report(.loading(export: export, window: window, expectedRows: rows.expectedRows))
                let held = pipeline.holdsRows ? try await pipeline.hold(next) : nil
                let pump = Pump(
                    process: { batch, rejects, number, land in
                        try await pipeline.process(
                            &batch,
                            rejecting: &rejects,
                            number: number,
                            held: held,
                            wait: { try await turnstiles[$0].wait(number) },
                            pass: { turnstiles[$0].pass(number) },
                            land: land
                        )
                    },
                    lanes: lanes,
                    badRows: badRowHandling(rows),
                    slots: resources.slots,
                    recycle: { [extractor = resources.extractor] in extractor.recycle($0) },
                    wrote: { report(.rows(export: export, window: window, count: $0)) }
                )
                return try await pump.run { if let held { held.next() } else { try await next() } }
            }
            notes.warnings = try judge(pumped, rows.facts, audit.findings, targets).map { "\(window): \($0)" }
            notes.bytes = pumped.bytes
            return checkpoint(pumped, rows.facts, schema: schema, requests: tally.made)
        }
    }

    /// The stages of the export, tied to the columns as they land without them.
    private func bindStages(to base: Schema, _ audit: RowAudit) throws -> BoundPipeline {
        var stages: [any Stage] = fetch.window.account.map { [AccountColumn(account: $0)] } ?? []
        stages.append(audit)
        stages += spec.stages
        if let contract = spec.contract { stages.append(contract) }
        let keepsRejects = spec.rules.onBadRow != .fail
        let pipeline = try BoundPipeline(reading: base, through: stages, keepsRejects: keepsRejects)
        guard spec.rules.onSchemaChange == .freeze, let frozen else { return pipeline }
        return try BoundPipeline(
            reading: base,
            through: stages + spec.rules.stages(from: pipeline.output, to: frozen),
            keepsRejects: keepsRejects
        )
    }

    /// What happens to rows that cannot be converted.
    private func badRowHandling(_ rows: WindowRows) -> Pump.BadRows {
        guard case .quarantine(let limit) = spec.rules.onBadRow else { return Pump.BadRows() }
        var most: Int?
        if case .rows(let count) = limit { most = count }
        return Pump.BadRows(areKept: true, limit: most, origin: { rows.origin(ofRow: $0) })
    }

    // MARK: Commit

    /// Judges what arrived.
    ///
    /// - Returns: What a person should know although the window is loaded.
    /// - Throws: `Refusal` where it must not be.
    private func judge(
        _ pumped: Pumped,
        _ facts: WindowFacts,
        _ findings: RowAudit.Findings,
        _ targets: [WindowFetch.Target]
    ) throws(Refusal) -> [String] {
        let request = facts.requestIDs.last.map { " (request id \($0))" } ?? ""
        var quarantined: String?
        if let reject = pumped.firstReject {
            quarantined = try judge(reject, of: pumped, facts, request)
        }
        let loss = "the window is not whole, and nothing of it was loaded; run it again"
        guard facts.announced == facts.received else {
            throw Refusal(
                "\(facts.announced) rows were announced and \(facts.received) came: \(loss)\(request)",
                cause: loss
            )
        }
        let counts = counts(of: pumped, facts)
        guard counts.areBalanced else {
            throw Refusal(
                "\(facts.received) rows came, and the stages account for \(counts.loaded + counts.rejected + counts.filtered + counts.deduplicated - counts.added): \(loss)\(request)",
                cause: loss
            )
        }
        try spec.rules.expected.judge(loaded: pumped.loaded, findings, of: fetch)
        var warnings = facts.warnings + (quarantined.map { [$0] } ?? [])
        if let silent = fetch.accountsWithoutRows(findings) { warnings.append(silent) }
        if facts.isSampled {
            let sampled = "the API sampled the rows"
            guard spec.rules.onSampled == .warn else {
                throw Refusal(
                    "\(sampled); ask for fewer days at once, or allow it with on_sampled: warn\(request)",
                    cause: sampled
                )
            }
            warnings.append(sampled)
        }
        for target in targets {
            for text in try spec.rules.judge(
                loaded: pumped.loaded,
                replacing: fetch.rowsReplaced(in: target),
                allowShrink: options.allowShrink
            )
            where !warnings.contains(text) { warnings.append(text) }
            if let lost = fetch.accountsLost(from: target), !warnings.contains(lost) { warnings.append(lost) }
        }
        return warnings
    }

    /// Judges bad rows, `reject` being the first.
    ///
    /// - Returns: What a person should know although the window is loaded without them.
    private func judge(
        _ reject: Reject,
        of pumped: Pumped,
        _ facts: WindowFacts,
        _ request: String
    ) throws(Refusal) -> String {
        let first = "window \(name), row \(reject.row + 1), column \(reject.column): \(reject.rule)"
        let cause = "column \(reject.column): \(reject.rule)"
        let found = pumped.rejected == 1 ? "1 bad row" : "\(pumped.rejected) bad rows"
        switch spec.rules.onBadRow {
        case .fail:
            let others = pumped.rejected - 1
            let more = others > 0 ? " (and \(others) more bad \(others == 1 ? "row" : "rows"))" : ""
            throw Refusal(
                "\(first)\(more); \(reject.cure), or write on_bad_row: quarantine in a job file\(request)",
                cause: cause
            )
        case .quarantine(let limit):
            let tail = "; the first: \(first); \(reject.cure), or raise max of on_bad_row\(request)"
            if let limit, !limit.allows(pumped.rejected, of: facts.received) {
                // Beyond a number of rows nothing more was read.
                let share =
                    limit.isRows
                    ? "\(found) until it was given up"
                    : "\(pumped.rejected) of \(facts.received) rows are bad"
                throw Refusal("\(share), more than \(limit)\(tail)", cause: cause)
            }
            if let limit, case .rows(let most) = limit {
                let before = badRows.others(than: fetch.window.id)
                guard badRows.note(pumped.rejected, of: fetch.window.id, most: most) else {
                    throw Refusal(
                        "\(found), and \(before) in windows of this run before, more than \(most)\(tail)",
                        cause: cause
                    )
                }
            }
            return
                "\(found) in quarantine, the first: row \(reject.row + 1), column \(reject.column): \(reject.rule)"
        }
    }

    private func counts(of pumped: Pumped, _ facts: WindowFacts) -> RowCounts {
        RowCounts(
            api: facts.announced,
            received: facts.received,
            loaded: pumped.loaded,
            rejected: pumped.rejected,
            filtered: pumped.filtered,
            deduplicated: pumped.deduplicated,
            added: pumped.added
        )
    }

    /// The note that makes the window count; every sink gives it its own layout.
    private func checkpoint(_ pumped: Pumped, _ facts: WindowFacts, schema: Schema, requests: Int) -> Checkpoint {
        Checkpoint(
            window: fetch.window,
            export: spec.id,
            covers: fetch.days,
            accounts: fetch.accounts,
            counts: counts(of: pumped, facts),
            fetchedAt: facts.fetchedAt,
            settled: SettleRule(lookback: spec.lookback).isSettled(fetch.days, fetchedAt: facts.fetchedAt),
            fingerprint: spec.fingerprint,
            layout: Layout(size: spec.size.description, perAccount: spec.perAccount),
            runID: resources.runID,
            scheduleIDs: facts.scheduleIDs,
            requestIDs: facts.requestIDs,
            requests: requests,
            sampled: facts.isSampled,
            cacheTime: facts.cacheTime,
            schema: schema
        )
    }

    /// Leaves a note that the window failed for good in every sink that lacks it, for `--only-failed`; and where its
    /// rows were refused, a note at each of its queries: the next run is to ask anew, not to be given the same rows.
    private func noteFailure(_ failure: Failure, _ outcome: Outcome, _ queries: [Attempt]) async {
        guard failure.kind != .locked else { return }
        var notes = outcome.failures.contains { $0.kind == .refused } ? queries : []
        for index in notes.indices { notes[index].failure = failure.message }
        let attempt = Attempt(
            window: fetch.window,
            scheduleID: "failed-\(resources.runID)",
            days: fetch.days,
            accounts: fetch.accounts,
            fingerprint: spec.fingerprint,
            startedAt: resources.now(),
            runID: resources.runID,
            failure: failure.message
        )
        for target in fetch.targets where !outcome.committed.contains(target.sink) {
            for note in notes + [attempt] { try? await sinks[target.sink].run.record(note) }
        }
    }
}

extension Reject {
    /// What to do about such rows, besides taking them into quarantine.
    fileprivate var cure: String {
        let source = "correct it at the source"
        let without = "leave its field out of the query"
        return switch stage {
        case "read": "\(source), or \(without)"
        case "map": "add the value to the table of map, or write another _other"
        case "derive", "filter": "\(source), or write the expression of \(stage) so that it does not meet it"
        case "contract": "\(source), or write the contract so that it allows it"
        case Reject.load: "\(source), give the column of the destination room for it, or \(without)"
        default: "\(source), cast the column to text, or \(without)"
        }
    }
}

/// The bad rows of an export's windows in one run.
final class BadRowCount: Sendable {
    private let counts = Mutex<[WindowID: Int]>([:])

    /// How many there are in other windows.
    func others(than window: WindowID) -> Int {
        counts.withLock { counts in counts.reduce(0) { $1.key == window ? $0 : $0 + $1.value } }
    }

    /// Notes those of a window, unless there would be more than `most` in all; a window that is loaded again counts once.
    func note(_ count: Int, of window: WindowID, most: Int) -> Bool {
        counts.withLock { counts in
            let others = counts.reduce(0) { $1.key == window ? $0 : $0 + $1.value }
            guard others + count <= most else { return false }
            counts[window] = count
            return true
        }
    }
}

extension Extraction::ResultField {
    /// What its column is made of.
    fileprivate var landed: LandedField { LandedField(id: id, dataType: dataType, isMetric: isMetric) }
}

extension Schema {
    /// The columns that the fields of a result land as, before any stage.
    init(landing fields: [Extraction::ResultField], naming: ColumnNaming) throws(StageError) {
        try self.init(landing: fields.map(\.landed), naming: naming)
    }

    /// The columns that hold the fields of these ids, and the account; nil where one of the fields has no column.
    func dimensions(of ids: [String]) -> [String]? {
        let fields = Set(columns.compactMap(\.field))
        guard ids.allSatisfy(fields.contains) else { return nil }
        let wanted = Set(ids)
        return columns.filter { $0.name == AccountColumn.name || $0.field.map(wanted.contains) == true }.map(\.name)
    }
}

/// The queries sent for a window so far.
private final class SentAttempts: Sendable {
    private let attempts = Mutex<[Attempt]>([])
    var all: [Attempt] { attempts.withLock { $0 } }
    func append(_ attempt: Attempt) { attempts.withLock { $0.append(attempt) } }
}
