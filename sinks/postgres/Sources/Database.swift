#if Postgres
import PipelineCore

/// One table, the ledger that knows what is in it, and the connections to their server.
struct Database: Sendable {
    let pool: ConnectionPool
    let table: TableName
    /// The schema of the ledger.
    let ledgerSchema: String
    let migrations: LedgerMigrations
    let retries: Retries
    /// How error texts call it.
    let destination: String

    /// The same, but what fails is not tried again: for what a run can do without when it ends.
    var hasty: Database {
        var retries = retries
        retries.pauses = []
        return Database(
            pool: pool,
            table: table,
            ledgerSchema: ledgerSchema,
            migrations: migrations,
            retries: retries,
            destination: destination
        )
    }

    /// The ledger's table `name`, for SQL.
    func ledger(_ name: String) -> String { SQLText.name(ledgerSchema) + "." + SQLText.name(name) }

    /// Runs `body` in a transaction, again from the start where it failed in a way that may pass.
    ///
    /// - Parameters:
    ///   - action: What is being done, to be read after "cannot".
    ///   - mode: What follows `BEGIN`.
    ///   - body: Uses the connection; what it does must come to the same when it is done twice.
    /// - Returns: What `body` returned the last time.
    /// - Throws: `SinkError`.
    func transaction<R>(
        _ action: String,
        mode: TransactionMode = .write,
        _ body: (Connection) async throws -> R
    ) async throws(SinkError) -> R {
        try await failing(action) {
            try await retries { _ in
                try await pool.withConnection { connection in
                    try await connection.transaction(settings: settings) {
                        if mode == .snapshot { try await connection.execute(Self.snapshot) }
                        return try await body(connection)
                    }
                }
            }
        }
    }

    /// What a transaction is for.
    enum TransactionMode {
        /// Changes something.
        case write
        /// Reads several tables as of one moment.
        case snapshot
    }

    /// What holds within every transaction, whatever the role or the database has by default: a statement takes as long
    /// as it takes, but does not wait for locks; and the catalog names types as they are compared here.
    ///
    /// No transaction idles by itself but in a COPY, which the server does not count; what this one does end is the
    /// transaction of a process that was suspended.
    var settings: [String: String] {
        [
            "lock_timeout": retries.lockTimeout, "statement_timeout": "0",
            "idle_in_transaction_session_timeout": "2min", "quote_all_identifiers": "off",
        ]
    }

    private static let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

    /// Turns what `body` throws into an error of the sink.
    func failing<R>(_ action: String, _ body: () async throws -> R) async throws(SinkError) -> R {
        do {
            return try await body()
        } catch {
            throw sinkError(error, action)
        }
    }

    /// The error as the sink tells it; `action` is read after "cannot".
    func sinkError(_ error: any Error, _ action: String) -> SinkError {
        switch error {
        case let error as SinkError: error
        case let error as DatabaseError: explained(error, action)
        case is CancellationError: DatabaseError.cancelled.sinkError(action + " in", destination)
        default: SinkError(.destination, "\(destination): cannot \(action): \(error)")
        }
    }

    /// What to do about a server that only reads.
    static let readOnlyHint =
        "the server is a standby, or the role may only read; connect to the primary, with several hosts by"
        + " target_session_attrs=read-write"

    private func explained(_ error: DatabaseError, _ action: String) -> SinkError {
        var error = error
        switch error.sqlState {
        case "42501":
            error.hint =
                (error.hint.map { $0 + "; " } ?? "")
                + "the grants a role needs are in sinks/postgres/README.md, and `sluice check` names those that are missing"
        case "55P03": error.hint = "another connection holds a lock for long; pg_stat_activity tells which"
        case "42P01", "3F000", "42703":
            error.hint = "was it dropped by hand? `sluice check` looks at the table and the ledger"
        case "25006": error.hint = Self.readOnlyHint
        case "53100": error.hint = "make room on the server and run again"
        default: break
        }
        return error.sinkError(action + " in", destination)
    }
}
#endif
