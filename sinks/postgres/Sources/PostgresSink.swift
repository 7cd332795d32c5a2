#if Postgres
public import PipelineCore

/// Rows in a table of PostgreSQL 12 or newer: COPY over libpq, one transaction per window, and a ledger in a schema of
/// the same database.
public struct PostgresSink: Sink {
    /// `postgres`.
    public static let kind = "postgres"
    /// The oldest server that is supported, as libpq counts versions.
    private static let oldestServer = 120_000

    /// The server, database, user and table, without secrets.
    public var destination: String { database.destination }
    /// `replace` shows the windows of a run together, the other modes each by itself.
    public var scope: CommitScope { mode == .replace ? .run : .window }
    /// As the options say.
    public var mode: LoadMode { options.mode }
    /// As the options say; empty where `merge` goes by the query's dimensions.
    public var key: [String] { options.key }
    /// One more than the options allow connections: its first rows are ready when a connection is.
    public var concurrentLoads: Int { options.connections + 1 }

    let options: Options
    let database: Database

    /// Connects for the time of `body`.
    ///
    /// - Throws: `SinkError` where the options make no sense or the server cannot be reached, else what `body` throws.
    public static func withSink<R>(_ options: Options, _ body: (PostgresSink) async throws -> R) async throws -> R {
        try await withSink(options, migrations: .current, retries: Retries(), body)
    }

    /// As `withSink`, with a ledger of another version, and another clock.
    static func withSink<R>(
        _ options: Options,
        migrations: LedgerMigrations,
        retries: Retries,
        _ body: (PostgresSink) async throws -> R
    ) async throws -> R {
        let written: WrittenTableName
        do throws(WrittenTableName.Mistake) {
            written = try WrittenTableName(options.table)
        } catch {
            throw SinkError(.configuration, "postgres: table: \(error)")
        }
        let target: ConnectionTarget
        do throws(DatabaseError) {
            target = try ConnectionTarget(options.url)
        } catch {
            throw SinkError(.configuration, "postgres: url: \(error)")
        }
        return try await ConnectionPool.withPool(to: target, loads: options.connections) { pool in
            let table: TableName
            do {
                table = try await pool.withConnection { connection in
                    try await locate(written, target.destination, connection)
                }
            } catch let error as DatabaseError {
                throw error.sinkError("connect to", target.destination)
            }
            let database = Database(
                pool: pool,
                table: table,
                ledgerSchema: options.ledger,
                migrations: migrations,
                retries: retries,
                destination: "\(target.destination) \(table)"
            )
            return try await body(PostgresSink(options: options, database: database))
        }
    }

    /// The table that the name means on this server.
    private static func locate(
        _ written: WrittenTableName,
        _ destination: String,
        _ connection: Connection
    ) async throws -> TableName {
        let version = await connection.serverVersion
        guard version >= oldestServer else {
            throw SinkError(
                .destination,
                "\(destination): the server is PostgreSQL \(version / 10_000), and sluice needs 12 or newer"
            )
        }
        if let schema = written.schema { return TableName(schema: schema, name: written.name) }
        guard let schema = try await connection.query("SELECT current_schema()").first else {
            throw SinkError(
                .configuration,
                "\(destination): no schema of the search_path is there; write table: schema.\(written.name)"
            )
        }
        return TableName(schema: schema, name: written.name)
    }

    /// What the ledger holds of `export`, and which of its rows are gone from the table.
    public func ledger(of export: ExportID) async throws(SinkError) -> Ledger {
        try await database.ledger(of: export)
    }

    /// Holds the lease of the export in this table for the time of `body`.
    public func withRun(_ request: RunRequest, _ body: (any SinkRun) async throws -> Bool) async throws {
        guard scope == .window || request.shard == nil else {
            throw SinkError(
                .configuration,
                "\(destination): mode replace shows all windows of a run together, so a shard cannot run"
            )
        }
        try await database.setUpLedger()
        try await Lease.withLease(database, request) { lease in
            let run = try await PostgresRun(self, request, lease)
            do {
                let isComplete = try await body(run)
                try Task.checkCancellation()
                try await run.end(isComplete: isComplete)
            } catch {
                await run.noteEnd(isComplete: false)
                throw error
            }
        }
    }
}
#endif
