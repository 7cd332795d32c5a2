#if Postgres
import ByteCodecs
import PipelineCore

/// One window on its way into the table: a transaction that begins with the first block and ends with the commit.
actor WindowLoad: LoadSession {
    private let run: PostgresRun
    private let load: Load
    /// Renders rows; how they travel.
    private nonisolated let form: CopyForm
    /// What tells this attempt's commit from every other's.
    private let id = LoadID()
    private var connection: Connection?
    private var rowCount = 0
    /// Rows the server has taken in COPYs that have ended.
    private var stored = 0
    private nonisolated let rejectedRows: RejectedRows
    /// Rejected rows that are not at the server yet.
    private var rejected: [UInt8] = []
    /// Why the load is over before its commit.
    private var failure: SinkError?
    /// Whether a call of the server is under way.
    private var isBusy = false
    /// Grows with every block.
    private var blocks = 0

    init(_ run: PostgresRun, _ load: Load, _ fit: TargetTable.Fit) throws(SinkError) {
        self.run = run
        self.load = load
        rejectedRows = RejectedRows(
            of: load.window,
            run.request.export,
            runID: run.request.runID,
            in: run.database.table
        )
        form = try CopyForm(load, run.options, export: run.request.export, fit, blocks: run.blocks)
    }

    private nonisolated var database: Database { run.database }
    private var isStaged: Bool { run.isTogether }
    /// Where the rows go in the end, or wait.
    private var table: TableName { isStaged ? run.staging.table : database.table }
    private var action: String { "load the window \(load.window)" }
    private var windowID: String { "\(load.window.id.value)" }

    /// Held by whoever changes the window's rows; ends with the transaction.
    private var lockName: String { "sluice window \(table.quoted) \(load.window.id)" }

    // MARK: Rows

    nonisolated func encode(_ batch: Batch) throws(SinkError) -> Block { try form.encode(batch) }

    nonisolated func misfits(in batch: Batch) -> [Misfit] { form.misfits(in: batch) }

    func write(_ block: Block) async throws(SinkError) {
        try await working { () async throws in
            let connection = try await opened()
            let mayHaveFailed = try await connection.write(block.bytes)
            if rowCount == 0 { FaultPoint.pass("postgres.copy.after-first-block") }
            rowCount += block.rowCount
            guard mayHaveFailed else { return }
            try await endCopy(connection)
            try await beginCopy(connection)
        }
        run.blocks.give(block.bytes)
    }

    func quarantine(_ rejects: Rejects) async throws(SinkError) {
        try await working { () async throws in
            try rejectedRows.render(rejects, into: &rejected)
            guard rejected.count >= RejectedRows.bufferedBytes else { return }
            let connection = try await opened()
            try await endCopy(connection)
            try await writeRejected(connection)
            try await beginCopy(connection)
        }
    }

    /// Sends the rejected rows; no other COPY is open.
    private func writeRejected(_ connection: Connection) async throws {
        guard !rejected.isEmpty else { return }
        try await connection.beginCopy(
            RejectedRows.copyStatement(into: run.ledger.rejected(staged: isStaged))
        )
        try await connection.write(rejected)
        _ = try await connection.finishCopy()
        rejected = []
    }

    /// Runs what talks to the server; once that failed, the load is over.
    private func working(_ body: () async throws -> Void) async throws(SinkError) {
        if let failure { throw failure }
        isBusy = true
        defer {
            isBusy = false
            blocks += 1
        }
        do {
            try await body()
        } catch {
            let told = told(error)
            failure = told
            await giveUp()
            throw told
        }
    }

    private func told(_ error: any Error) -> SinkError {
        guard let error = error as? DatabaseError, let state = error.sqlState else {
            return database.sinkError(error, action)
        }
        // ON CONFLICT meets a row of its own statement, or the table beside holds the key in this window already.
        if run.options.mode == .merge, state == "21000" || error.constraint == run.staging.keyIndex {
            return form.repeatedKey(database.destination)
        }
        guard state.hasPrefix("22") || state.hasPrefix("23") else { return database.sinkError(error, action) }
        return SinkError(
            .value,
            "\(database.destination), window \(load.window): the server refused a value: \(error)"
        )
    }

    // MARK: The transaction

    /// The connection, in a transaction that waits for rows; begun when it is first needed.
    private func opened() async throws -> Connection {
        if let connection { return connection }
        FaultPoint.pass("postgres.window.before-begin")
        let connection = try await database.retries { failures in
            // Whoever holds the window's lock while this run holds the lease is a run that has lost it.
            if failures > 0 {
                try await database.pool.withConnection { try await run.lease.removeHolders(ofLock: lockName, $0) }
            }
            let connection = try await database.pool.take(for: .load)
            do {
                try await begin(connection)
                return connection
            } catch {
                await database.pool.give(connection, takenFor: .load)
                throw error
            }
        }
        self.connection = connection
        FaultPoint.pass("postgres.window.after-begin")
        return connection
    }

    /// Begins the transaction: everything that may have to wait for a lock happens before the first row is sent, so that
    /// it can be tried again.
    private func begin(_ connection: Connection) async throws {
        try await connection.begin(settings: database.settings)
        try await connection.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [lockName])
        if isStaged {
            try await connection.query(
                "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
                [run.staging.lockName]
            )
        }
        try await connection.execute("LOCK TABLE \(table.quoted) IN ROW EXCLUSIVE MODE")
        if run.options.mode == .merge, !isStaged {
            try await connection.execute(
                "CREATE TEMPORARY TABLE \(Self.mergeTable) ON COMMIT DROP AS SELECT \(form.columnList)"
                    + " FROM \(table.quoted) WITH NO DATA"
            )
        } else if run.mayHold(load.window.id) {
            let isOfWindow = "\(SQLText.name(OwnColumn.window)) = $1::bigint"
            if isStaged {
                try await connection.query("DELETE FROM \(table.quoted) WHERE \(isOfWindow)", [windowID])
            } else {
                try await run.target.delete(isOfWindow, [windowID], connection)
            }
        }
        try await run.ledger.dropRejected(of: load.window.id, staged: isStaged, connection)
        try await beginCopy(connection)
    }

    private func beginCopy(_ connection: Connection) async throws {
        let isMerged = run.options.mode == .merge && !isStaged
        try await connection.beginCopy(form.copyStatement(into: isMerged ? Self.mergeTable : table.quoted))
        if !form.header.isEmpty { try await connection.write(form.header) }
    }

    private func endCopy(_ connection: Connection) async throws {
        if !form.trailer.isEmpty { try await connection.write(form.trailer) }
        stored += try await connection.finishCopy()
    }

    private static let mergeTable = "pg_temp.sluice_merge"

    /// Ends the COPY, notes the checkpoint beside the rows, proves the lease and commits.
    func commit(_ checkpoint: Checkpoint) async throws(SinkError) {
        try await working { () async throws in
            let connection = try await opened()
            try await endCopy(connection)
            FaultPoint.pass("postgres.copy.after-end")
            guard stored == rowCount, rowCount == checkpoint.counts.loaded else {
                throw miscount(checkpoint.counts.loaded, stored: stored)
            }
            var isShared = false
            if run.options.mode == .merge, !isStaged { isShared = try await merge(checkpoint.covers, connection) }
            if !isStaged { try await run.target.replaceExisting(connection) }
            try await writeRejected(connection)
            try await run.ledger.settle(
                checkpoint,
                load: id,
                staged: isStaged,
                shard: run.request.shard,
                connection
            )
            if isShared { try await run.ledger.noteShared(windowID, connection) }
            FaultPoint.pass("postgres.ledger.after-write")
            try await run.lease.verify(connection)
            FaultPoint.pass("postgres.window.before-commit")
            run.noteCommit(load.window.id)
            do {
                try await connection.commit()
            } catch let error as DatabaseError where error.isOutcomeUnknown {
                guard try await hasCommitted() else { throw error }
            }
            FaultPoint.pass("postgres.window.after-commit")
        }
        await giveUp()
    }

    private func miscount(_ wanted: Int, stored: Int) -> SinkError {
        SinkError(
            .destination,
            "\(database.destination), window \(load.window): \(wanted) rows were to be loaded, \(rowCount) were sent and"
                + " the server stored \(stored); nothing was committed: does a trigger drop rows?"
        )
    }

    /// After the connection was lost with the COMMIT under way: whether it took place.
    private func hasCommitted() async throws -> Bool {
        await giveUp()
        return try await database.transaction("see whether a window was committed") { connection in
            // The server may still be at it; the lock is free when it is not.
            try await connection.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [lockName])
            return try await run.ledger.holds(load.window.id, load: id, connection)
        }
    }

    /// Takes the rows from the temporary table into the table: new keys are inserted, known ones updated, those that
    /// this window held before and no longer does deleted.
    ///
    /// A row that a later window has loaded since stays as it is: what is newer must not be undone by loading an old
    /// window again.
    /// - Returns: Whether rows stayed with later windows.
    private func merge(_ days: DateRange?, _ connection: Connection) async throws -> Bool {
        let (table, merge) = (database.table.quoted, Self.mergeTable)
        let (window, key) = (SQLText.name(OwnColumn.window), SQLText.name(OwnColumn.key))
        try await connection.execute("ANALYZE \(merge)")
        if run.options.vanished == .delete {
            try await run.target.delete(
                "\(window) = $1::bigint AND NOT EXISTS (SELECT FROM \(merge) AS m WHERE m.\(key) = \(table).\(key))",
                [windowID],
                connection
            )
        }
        // A window that loses its last row to this one has not lost it by accident.
        try await run.ledger.noteShared(
            """
            SELECT t.\(window) FROM \(table) AS t JOIN \(merge) AS m ON m.\(key) = t.\(key)
            WHERE t.\(window) <> \(windowID)
            """,
            connection
        )
        let isLater = days.map { days in
            """
            t.\(window) <> \(windowID) AND EXISTS (
                SELECT FROM \(database.ledger("windows")) AS w
                WHERE w.table_schema = \(SQLText.literal(database.table.schema))
                    AND w.table_name = \(SQLText.literal(database.table.name))
                    AND w.id = t.\(window) AND lower(w.covers) > DATE '\(days.end)'
            )
            """
        }
        let updates = form.columns.filter { $0 != OwnColumn.key }.map { name in
            "\(SQLText.name(name)) = excluded.\(SQLText.name(name))"
        }
        let done = try await connection.execute(
            """
            INSERT INTO \(table) AS t (\(form.columnList)) SELECT \(form.columnList) FROM \(merge)
            ON CONFLICT (\(key)) DO UPDATE SET \(updates.joined(separator: ", "))
            \(isLater.map { "WHERE NOT (\($0))" } ?? "")
            """
        )
        FaultPoint.pass("postgres.merge.after-upsert")
        let taken = done.split(separator: " ").last.flatMap { Int($0) } ?? 0
        guard taken != rowCount else { return false }
        let left = try await connection.query(
            "SELECT count(*) FROM \(table) AS t JOIN \(merge) AS m ON m.\(key) = t.\(key) WHERE \(isLater ?? "false")"
        ).first
        guard left == "\(rowCount - taken)" else { throw miscount(rowCount, stored: taken) }
        return true
    }

    /// Rolls back what is not committed and lets the connection go.
    func giveUp() async {
        guard let connection else { return }
        self.connection = nil
        await database.pool.give(connection, takenFor: .load)
    }

    // MARK: Patience

    /// How long a transaction waits for its next block.
    static let patience = Duration.seconds(60)
    private static let looks = 4

    /// Ends the transaction when no block has come for a while.
    ///
    /// It would hold its locks, and hold back the server's clean-up, for as long as the API takes. The load then has
    /// failed in a way that passes, and the window is loaded again from the result the API keeps.
    func endWhenIdle() async {
        var (seen, quiet) = (blocks, 0)
        while (try? await database.retries.clock.sleep(for: Self.patience / Self.looks)) != nil {
            let waits = connection != nil && !isBusy && blocks == seen
            (seen, quiet) = (blocks, waits ? quiet + 1 : 0)
            guard quiet >= Self.looks else { continue }
            failure = SinkError(
                .destination,
                "\(database.destination), window \(load.window): no rows came for \(Self.patience.components.seconds) s,"
                    + " so the transaction was rolled back; the window is loaded again from the API's result",
                isTransient: true
            )
            await giveUp()
        }
    }
}
#endif
