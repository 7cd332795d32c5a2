#if Postgres
import FoundationEssentials
import PipelineCore

/// What the ledger keeps of one export in one table; each call is part of the caller's transaction.
struct ExportLedger: Sendable {
    let database: Database
    let export: ExportID

    /// What every row of the ledger about this export holds, as parameters `$1` to `$4`.
    private var place: [String?] { [database.table.schema, database.table.name, export.job, export.export] }
    private static let isPlace = "table_schema = $1 AND table_name = $2 AND job = $3 AND export = $4"
    private static let placeColumns = "table_schema, table_name, job, export"

    private func ledger(_ name: String) -> String { database.ledger(name) }

    // MARK: Reading

    /// Everything but which rows are gone.
    func read(_ connection: Connection) async throws -> Ledger {
        var ledger = Ledger()
        for text in try await texts(connection, "SELECT checkpoint FROM \(self.ledger("windows"))") {
            let checkpoint = try Self.decode(Checkpoint.self, text)
            ledger.checkpoints[checkpoint.window.id] = checkpoint
        }
        ledger.attempts = try await texts(
            connection,
            "SELECT attempt FROM \(self.ledger("attempts"))",
            order: "started_at, schedule_id"
        ).map { try Self.decode(Attempt.self, $0) }
        ledger.reload = Set(
            try await texts(connection, "SELECT id FROM \(self.ledger("reloads"))").compactMap { Int64($0) }.map(
                WindowID.init
            )
        )
        ledger.staged = try await staged(connection)
        return ledger
    }

    /// The unfinished run whose windows become visible together; nil where there is none.
    func staged(_ connection: Connection) async throws -> Ledger.Staged? {
        guard let plan = try await texts(connection, "SELECT plan FROM \(ledger("plans"))").first else {
            return nil
        }
        let checkpoints = try await texts(connection, "SELECT checkpoint FROM \(ledger("staged"))")
            .map { try Self.decode(Checkpoint.self, $0) }
        return Ledger.Staged(
            plan: try Self.decode(RunPlan.self, plan),
            checkpoints: Dictionary(checkpoints.map { ($0.window.id, $0) }) { _, last in last }
        )
    }

    /// Windows that hold rows by the ledger and of which the table has none.
    ///
    /// - Parameters:
    ///   - connection: In a transaction.
    ///   - shape: The table; nil where there is none.
    /// - Returns: Their ids.
    /// - Throws: `DatabaseError`.
    func gone(_ connection: Connection, _ shape: TableShape?) async throws -> Set<WindowID> {
        let windows = "SELECT id, shares_rows FROM \(ledger("windows")) WHERE \(Self.isPlace) AND rows > 0"
        let rows: Rows
        if let shape, shape.marksWindows {
            // One look into the index per window; the whole table would have to be read to join them.
            try await connection.execute("SET LOCAL enable_seqscan = off")
            let column = SQLText.name(OwnColumn.window)
            let table = database.table.quoted
            rows = try await connection.query(
                """
                SELECT w.id FROM (\(windows)) AS w
                LEFT JOIN LATERAL (
                    SELECT true AS found FROM \(table) AS t WHERE t.\(column) = w.id LIMIT 1
                ) AS own ON true
                WHERE own.found IS NULL AND NOT (w.shares_rows AND EXISTS (SELECT FROM \(table)))
                """,
                place
            )
            try await connection.execute("SET LOCAL enable_seqscan = on")
        } else {
            rows = try await connection.query("SELECT w.id FROM (\(windows)) AS w", place)
        }
        return Set(rows.values.compactMap { $0.first.flatMap { $0.flatMap { Int64($0) } } }.map(WindowID.init))
    }

    private func texts(_ connection: Connection, _ select: String, order: String? = nil) async throws -> [String] {
        let order = order.map { " ORDER BY \($0)" } ?? ""
        return try await connection.query("\(select) WHERE \(Self.isPlace)\(order)", place).values.compactMap(\.[0])
    }

    // MARK: A run

    /// Notes a plan: what is reloaded, what is kept although it is stale, what of an unfinished run can be used.
    ///
    /// - Parameters:
    ///   - plan: What the run is about to do.
    ///   - together: Whether its windows become visible together.
    ///   - dropsStaged: Whether what another run left staged may go; a shard leaves it.
    ///   - runID: The run.
    ///   - connection: In a transaction.
    /// - Returns: The windows of an unfinished run that this one need not load again.
    /// - Throws: `DatabaseError`, or `SinkError` where a note cannot be read or written.
    func begin(
        _ plan: RunPlan,
        together: Bool,
        dropsStaged: Bool,
        runID: String,
        _ connection: Connection
    ) async throws -> Set<WindowID> {
        let accepted = Self.array(plan.accepted)
        try await connection.query(
            """
            UPDATE \(ledger("windows"))
            SET checkpoint = jsonb_set(checkpoint, '{accepted_fingerprint}', to_jsonb($6::text))
            WHERE \(Self.isPlace) AND id = ANY ($5::bigint[])
            """,
            place + [accepted, plan.fingerprint]
        )
        try await connection.query(
            "DELETE FROM \(ledger("reloads")) WHERE \(Self.isPlace) AND id = ANY ($5::bigint[])",
            place + [accepted]
        )
        try await connection.query(
            """
            INSERT INTO \(ledger("reloads")) (\(Self.placeColumns), id, run_id)
            SELECT $1, $2, $3, $4, id, $6 FROM unnest($5::bigint[]) AS id ON CONFLICT DO NOTHING
            """,
            place + [Self.array(plan.reload), runID]
        )
        guard together || dropsStaged else { return [] }
        let earlier = try await staged(connection)
        let usable = together ? earlier?.usable(by: plan) ?? [:] : [:]
        try await connection.query(
            "DELETE FROM \(ledger("staged")) WHERE \(Self.isPlace) AND id <> ALL ($5::bigint[])",
            place + [Self.array(Array(usable.keys))]
        )
        try await connection.query(
            "DELETE FROM \(ledger("staged_rejected")) WHERE \(Self.isPlace) AND window_id <> ALL ($5::bigint[])",
            place + [Self.array(Array(usable.keys))]
        )
        guard together else {
            try await connection.query("DELETE FROM \(ledger("plans")) WHERE \(Self.isPlace)", place)
            return []
        }
        var plan = plan
        // What is used again is as old as the run that loaded it.
        if let earlier, !usable.isEmpty { plan.createdAt = earlier.plan.createdAt }
        try await connection.query(
            """
            INSERT INTO \(ledger("plans")) (\(Self.placeColumns), run_id, plan) VALUES ($1, $2, $3, $4, $5, $6::jsonb)
            ON CONFLICT (\(Self.placeColumns)) DO UPDATE SET run_id = excluded.run_id, plan = excluded.plan
            """,
            place + [runID, try Self.encode(plan)]
        )
        return Set(usable.keys)
    }

    func noteRun(_ request: RunRequest, _ connection: Connection) async throws {
        let current = request.current == export ? nil : request.current
        try await connection.query(
            """
            INSERT INTO \(ledger("runs"))
                (\(Self.placeColumns), run_id, shard, current_job, current_export, began_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) ON CONFLICT DO NOTHING
            """,
            place + [request.runID, request.shard?.description ?? "", current?.job, current?.export]
        )
    }

    /// Refuses an export without rows that has the later name of one with rows: it would load them a second time.
    ///
    /// - Parameter connection: In a transaction.
    /// - Throws: `DatabaseError`, or `SinkError` with the line that carries the rows over.
    func refuseLaterName(_ connection: Connection) async throws {
        let windows = "SELECT FROM \(ledger("windows")) AS w WHERE w.table_schema = $1 AND w.table_name = $2"
        let found = try await connection.query(
            """
            SELECT job, export FROM (
                SELECT DISTINCT ON (job, export) job, export, current_job, current_export FROM \(ledger("runs"))
                WHERE table_schema = $1 AND table_name = $2 ORDER BY job, export, began_at DESC
            ) AS last
            WHERE current_job = $3 AND current_export = $4
                AND EXISTS (\(windows) AND w.job = last.job AND w.export = last.export)
                AND NOT EXISTS (\(windows) AND w.job = $3 AND w.export = $4)
            ORDER BY job, export LIMIT 1
            """,
            place
        )
        guard let row = found.values.first, let job = row[0], let name = row[1] else { return }
        var lines: [String] = []
        if job != export.job { lines.append("`renamed_from: \(job)` in the job") }
        if name != export.export { lines.append("`renamed_from: \(name)` in the export") }
        throw SinkError(
            .configuration,
            "\(database.destination): the rows of \(export) are kept under the name \(ExportID(job: job, export: name)),"
                + " which the job file does not say any more; write \(lines.joined(separator: " and ")), or give an export"
                + " that has nothing to do with those rows another name"
        )
    }

    func noteEnd(_ runID: String, shard: Shard?, isComplete: Bool, _ connection: Connection) async throws {
        try await connection.query(
            """
            UPDATE \(ledger("runs")) SET ended_at = clock_timestamp(), complete = $7::boolean
            WHERE \(Self.isPlace) AND run_id = $5 AND shard = $6
            """,
            place + [runID, shard?.description ?? "", isComplete ? "true" : "false"]
        )
    }

    func record(_ attempt: Attempt, _ connection: Connection) async throws {
        try await connection.query(
            """
            INSERT INTO \(ledger("attempts"))
                (\(Self.placeColumns), window_id, schedule_id, run_id, started_at, failure, attempt)
            VALUES ($1, $2, $3, $4, $5::bigint, $6, $7, $8::timestamptz, $9, $10::jsonb)
            ON CONFLICT (\(Self.placeColumns), window_id, schedule_id) DO UPDATE
            SET run_id = excluded.run_id, started_at = excluded.started_at, failure = excluded.failure,
                attempt = excluded.attempt
            """,
            place + [
                "\(attempt.window.id.value)", attempt.scheduleID, attempt.runID, attempt.startedAt.description,
                attempt.failure, try Self.encode(attempt),
            ]
        )
    }

    // MARK: A window

    /// Notes that a window is loaded and drops every note that it is still to be.
    func settle(_ checkpoint: Checkpoint, load: LoadID, staged: Bool, shard: Shard?, _ connection: Connection)
        async throws
    {
        let id = "\(checkpoint.window.id.value)"
        if staged {
            try await connection.query(
                """
                INSERT INTO \(ledger("staged")) (\(Self.placeColumns), id, load_id, checkpoint)
                VALUES ($1, $2, $3, $4, $5::bigint, $6::uuid, $7::jsonb)
                ON CONFLICT (\(Self.placeColumns), id) DO UPDATE
                SET load_id = excluded.load_id, checkpoint = excluded.checkpoint
                """,
                place + [id, load.text, try Self.encode(checkpoint)]
            )
        } else {
            try await insert(try Self.encode(checkpoint), load.text, connection)
        }
        for table in ["attempts", "reloads"] {
            let column = table == "attempts" ? "window_id" : "id"
            try await connection.query(
                "DELETE FROM \(ledger(table)) WHERE \(Self.isPlace) AND \(column) = $5::bigint",
                place + [id]
            )
        }
        try await connection.query(
            """
            UPDATE \(ledger("runs")) SET windows = windows + 1, rows = rows + $7::bigint
            WHERE \(Self.isPlace) AND run_id = $5 AND shard = $6
            """,
            place + [checkpoint.runID, shard?.description ?? "", "\(checkpoint.counts.loaded)"]
        )
    }

    /// Writes a row of `windows`; all its columns come from the one checkpoint, so that they cannot disagree with it.
    private func insert(_ checkpoint: String, _ load: String, _ connection: Connection) async throws {
        try await connection.query(
            """
            INSERT INTO \(ledger("windows")) AS w (\(Self.placeColumns), id, cell, account, covers, rows, settled,
                sampled, fetched_at, cache_time, fingerprint, request_ids, run_id, load_id, loaded_at, checkpoint)
            SELECT $1, $2, $3, $4, \(Self.fields), $6::uuid, clock_timestamp(), c
            FROM (SELECT $5::jsonb AS c) AS given
            ON CONFLICT (table_schema, table_name, id) DO UPDATE
            SET job = excluded.job, export = excluded.export, cell = excluded.cell, account = excluded.account,
                covers = excluded.covers, rows = excluded.rows, settled = excluded.settled, sampled = excluded.sampled,
                fetched_at = excluded.fetched_at, cache_time = excluded.cache_time, fingerprint = excluded.fingerprint,
                request_ids = excluded.request_ids, run_id = excluded.run_id, load_id = excluded.load_id,
                loaded_at = excluded.loaded_at, shares_rows = false, checkpoint = excluded.checkpoint
            """,
            place + [checkpoint, load]
        )
    }

    /// The columns of `windows` from `id` to `run_id`, out of a checkpoint `c`.
    private static let fields = """
        ('x' || (c #>> '{window,id}'))::bit(64)::bigint, c #>> '{window,cell}', c #>> '{window,account}',
            CASE WHEN c #>> '{covers,start}' IS NOT NULL
                THEN daterange((c #>> '{covers,start}')::date, (c #>> '{covers,end}')::date, '[]') END,
            (c #>> '{counts,loaded}')::bigint, (c ->> 'settled')::boolean, (c ->> 'sampled')::boolean,
            (c ->> 'fetched_at')::timestamptz, (c ->> 'cache_time')::timestamptz, c ->> 'fingerprint',
            ARRAY(SELECT jsonb_array_elements_text(c -> 'request_ids')), c ->> 'run_id'
        """

    /// Drops the rejected rows of a window, whose new ones are about to be written to the same table.
    func dropRejected(of window: WindowID, staged: Bool, _ connection: Connection) async throws {
        try await connection.query(
            "DELETE FROM \(rejected(staged: staged)) WHERE \(Self.isPlace) AND window_id = $5::bigint",
            place + ["\(window.value)"]
        )
    }

    /// The table of rejected rows, for SQL.
    func rejected(staged: Bool) -> String { ledger(staged ? "staged_rejected" : "rejected") }

    /// Whether a load whose COMMIT was sent has committed.
    func holds(_ window: WindowID, load: LoadID, _ connection: Connection) async throws -> Bool {
        let found = try await connection.query(
            """
            SELECT 1 FROM \(ledger("windows"))
            WHERE \(Self.isPlace) AND id = $5::bigint AND load_id = $6::uuid
            UNION ALL
            SELECT 1 FROM \(ledger("staged"))
            WHERE \(Self.isPlace) AND id = $5::bigint AND load_id = $6::uuid
            """,
            place + ["\(window.value)", load.text]
        )
        return found.first != nil
    }

    /// Notes that these windows no longer own all the rows they loaded.
    func noteShared(_ windows: String, _ connection: Connection) async throws {
        try await connection.query(
            "UPDATE \(ledger("windows")) SET shares_rows = true WHERE \(Self.isPlace) AND id IN (\(windows))",
            place
        )
    }

    /// Puts the staged windows in the place of all the export has in the ledger.
    ///
    /// - Parameters:
    ///   - isShared: Whether windows took over rows of each other.
    ///   - connection: In a transaction.
    /// - Throws: `DatabaseError`.
    func replaceAll(sharing isShared: Bool, _ connection: Connection) async throws {
        try await connection.query("DELETE FROM \(ledger("windows")) WHERE \(Self.isPlace)", place)
        let rows = try await connection.query(
            "SELECT checkpoint, load_id FROM \(ledger("staged")) WHERE \(Self.isPlace)",
            place
        )
        for row in rows.values {
            guard let checkpoint = row[0], let load = row[1] else { continue }
            try await insert(checkpoint, load, connection)
        }
        try await connection.query("DELETE FROM \(ledger("rejected")) WHERE \(Self.isPlace)", place)
        try await connection.query(
            "INSERT INTO \(ledger("rejected")) SELECT * FROM \(ledger("staged_rejected")) WHERE \(Self.isPlace)",
            place
        )
        if isShared {
            try await noteShared("SELECT id FROM \(ledger("windows")) WHERE \(Self.isPlace)", connection)
        }
        for table in ["staged", "staged_rejected", "plans", "reloads"] {
            try await connection.query("DELETE FROM \(ledger(table)) WHERE \(Self.isPlace)", place)
        }
    }

    /// The windows of the export that the table holds.
    func ownWindows(_ connection: Connection) async throws -> [WindowID] {
        try await texts(connection, "SELECT id FROM \(ledger("windows"))").compactMap { Int64($0) }.map(
            WindowID.init
        )
    }

    // MARK: Forms

    static func array(_ ids: [WindowID]) -> String { "{" + ids.map { "\($0.value)" }.joined(separator: ",") + "}" }

    static func encode(_ value: some Encodable) throws(SinkError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let text = String(decoding: try encoder.encode(value), as: UTF8.self)
            guard !text.contains(#"\u0000"#) else {
                throw SinkError(
                    .configuration,
                    "postgres: a name or an account holds a NUL, which no text there can"
                )
            }
            return text
        } catch let error as SinkError {
            throw error
        } catch {
            throw SinkError(.destination, "postgres: a note for the ledger cannot be written as JSON")
        }
    }

    static func decode<T: Decodable>(_ type: T.Type, _ text: String) throws(SinkError) -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw SinkError(
                .destination,
                "postgres: the ledger holds a note that this sluice cannot read; was it changed by hand?"
            )
        }
    }
}

/// One attempt to load a window: what tells its commit from every other.
struct LoadID: Hashable, Sendable {
    let text: String

    init() { text = UUID().uuidString.lowercased() }
}
#endif
