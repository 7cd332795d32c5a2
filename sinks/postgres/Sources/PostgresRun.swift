#if Postgres
import PipelineCore
import Synchronization

/// A run that loads windows into a table.
final class PostgresRun: SinkRun {
    let database: Database
    let options: PostgresSink.Options
    let request: RunRequest
    let lease: Lease
    let target: TargetTable
    let ledger: ExportLedger
    /// The table beside the target, for windows that become visible together.
    let staging: StagingTable
    /// Memory for the rows on their way to the server.
    let blocks = BlockStorage()
    private let scope: CommitScope
    private let progress: Mutex<Progress>

    private struct Progress {
        var plan: RunPlan?
        /// Windows that may have rows in the table by now; nil where any may.
        var loaded: Set<WindowID>?
        /// The same for the table beside.
        var staged: Set<WindowID> = []
        var loads = 0
    }

    /// Looks at the table under lease.
    ///
    /// - Throws: `SinkError` where it must not be loaded into.
    init(_ sink: PostgresSink, _ request: RunRequest, _ lease: Lease) async throws {
        database = sink.database
        options = sink.options
        scope = sink.scope
        target = TargetTable(sink.database, sink.options)
        ledger = ExportLedger(database: sink.database, export: request.export)
        staging = StagingTable(sink.database, request.export)
        self.request = request
        self.lease = lease
        let target = target
        let isEmpty = try await database.transaction("look at the table", mode: .snapshot) { connection in
            guard try await target.admit(connection) != nil else { return true }
            return try await target.isEmpty(connection)
        }
        progress = Mutex(Progress(loaded: isEmpty ? [] : nil))
    }

    /// Whether windows become visible together.
    var isTogether: Bool { progress.withLock { scope == .run || $0.plan?.replacesAll == true } }

    func ledger() async throws(SinkError) -> Ledger { try await database.ledger(of: request.export) }

    func begin(_ plan: RunPlan) async throws(SinkError) {
        guard !plan.replacesAll || request.shard == nil else {
            throw SinkError(.configuration, "\(database.destination): a shard cannot replace all rows of an export")
        }
        let together = scope == .run || plan.replacesAll
        let usable = try await database.transaction("note the plan") { connection in
            try await lease.verify(connection)
            if request.shard == nil { try await lease.removeHolders(ofLock: staging.lockName, connection) }
            try await ledger.noteRun(request, connection)
            let usable = try await ledger.begin(
                plan,
                together: together,
                dropsStaged: request.shard == nil,
                runID: request.runID,
                connection
            )
            if together || request.shard == nil { try await staging.keep(usable, connection) }
            return usable
        }
        progress.withLock { progress in
            progress.plan = plan
            progress.staged = usable
        }
        // With rows in the table every load of an old window looks for them; a first load is quicker without it.
        if progress.withLock({ $0.loaded == nil }) { try? await target.buildIndex() }
    }

    func record(_ attempt: Attempt) async throws(SinkError) {
        try await database.transaction("note a query") { connection in
            try await lease.verify(connection)
            try await ledger.record(attempt, connection)
        }
    }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        try lease.check()
        let fit = try await target.prepare(load.schema)
        if isTogether { try await staging.prepare(target.design(of: load.schema)) }
        let session = try WindowLoad(self, load, fit)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await session.endWhenIdle() }
            defer { group.cancelAll() }
            do {
                let checkpoint = try await body(session)
                try Task.checkCancellation()
                try await session.commit(checkpoint)
                progress.withLock { $0.loads += 1 }
                return checkpoint
            } catch {
                await session.giveUp()
                throw error
            }
        }
    }

    /// Whether the table that the window is loaded into may hold rows of it: if not, none need be looked for, which
    /// without an index would mean reading it all.
    func mayHold(_ window: WindowID) -> Bool {
        let together = isTogether
        return progress.withLock { together ? $0.staged.contains(window) : $0.loaded?.contains(window) ?? true }
    }

    /// Notes that the COMMIT of a window is about to be sent.
    func noteCommit(_ window: WindowID) {
        let together = isTogether
        progress.withLock { progress in
            guard together else {
                _ = progress.loaded?.insert(window)
                return
            }
            progress.staged.insert(window)
        }
    }

    // MARK: The end

    /// Makes windows visible that become so together, and leaves the table as readers and later runs want it.
    func end(isComplete: Bool) async throws {
        if isComplete, isTogether, let plan = progress.withLock({ $0.plan }) {
            try await replaceAll(plan)
        }
        await noteEnd(isComplete: isComplete)
        // The rows are in and say so: an index that cannot be built now is built by the next run.
        if progress.withLock({ $0.loads > 0 }) { try? await target.buildIndex() }
    }

    /// Notes the end of the run, also in a cancelled task; a lost note costs only that.
    func noteEnd(isComplete: Bool) async {
        await Task { [self] in
            try? await database.hasty.transaction("note the end of the run") { connection in
                try await ledger.noteEnd(request.runID, shard: request.shard, isComplete: isComplete, connection)
            }
        }.value
    }

    /// One transaction that deletes what the export has in the table and inserts what is staged.
    private func replaceAll(_ plan: RunPlan) async throws(SinkError) {
        FaultPoint.pass("postgres.replace.before-begin")
        try await database.transaction("replace the rows") { connection in
            // A try whose COMMIT was in doubt may still be at it, or have done it.
            try await connection.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                [staging.lockName]
            )
            guard let staged = try await ledger.staged(connection) else { return }
            if let missing = plan.windows.first(where: { staged.checkpoints[$0.id] == nil }) {
                throw SinkError(
                    .destination,
                    "\(database.destination): the window \(missing) was not loaded, so nothing is replaced; run again"
                )
            }
            let old = try await ledger.ownWindows(connection)
            let window = SQLText.name(OwnColumn.window)
            try await target.delete(
                "\(window) = ANY ($1::bigint[])",
                [ExportLedger.array(Array(Set(old).union(plan.windows.map(\.id))))],
                connection
            )
            try await target.replaceExisting(connection)
            FaultPoint.pass("postgres.replace.after-delete")
            let count = try await staging.moveRows(
                into: database.table,
                order: plan.windows.map(\.id),
                byKey: options.mode == .merge,
                connection
            )
            let expected = staged.checkpoints.values.reduce(0) { $0 + $1.counts.loaded }
            // In merge a later window's row takes the place of an earlier one's.
            guard count == expected || options.mode == .merge && count < expected else {
                throw SinkError(
                    .destination,
                    "\(database.destination): \(expected) rows were staged and \(count) went into the table, so nothing is"
                        + " replaced: does a trigger or a rule drop rows?"
                )
            }
            try await ledger.replaceAll(sharing: count < expected, connection)
            try await staging.drop(connection)
            try await lease.verify(connection)
            FaultPoint.pass("postgres.replace.before-commit")
        }
        FaultPoint.pass("postgres.replace.after-commit")
    }
}

extension Database {
    /// What the table holds of `export`, as of one moment.
    ///
    /// - Throws: `SinkError`, also where its rows are kept under another name.
    func ledger(of export: ExportID) async throws(SinkError) -> Ledger {
        try await transaction("read the ledger", mode: .snapshot) { connection in
            let version = try await ledgerVersion(connection)
            guard version > 0 else { return Ledger() }
            let own = ExportLedger(database: self, export: export)
            // Names are noted since version 2.
            if version > 1 { try await own.refuseLaterName(connection) }
            var ledger = try await own.read(connection)
            ledger.gone = try await own.gone(connection, TargetTable.shape(of: table, connection))
            if let staged = ledger.staged {
                let kept = try await StagingTable(self, export).windows(connection)
                ledger.staged?.checkpoints = staged.checkpoints.filter { id, checkpoint in
                    checkpoint.counts.loaded == 0 || kept.contains(id)
                }
            }
            return ledger
        }
    }
}
#endif
