#if Postgres
import PipelineCore

/// One connection to a server, with a queue of its own for libpq's blocking calls.
///
/// A cancelled task ends its statement on the server and gets a `DatabaseError` of the origin `cancellation`; the
/// connection then is in a failed transaction, or lost. Nothing outlives a transaction on the server, so that a proxy
/// may give every transaction another session: no `SET`, no prepared statement, no session lock.
actor Connection {
    private nonisolated let queue = ConnectionQueue()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe queue.asUnownedSerialExecutor() }

    private var session: Session?
    /// Whether a COPY is open.
    private var isCopying = false

    /// Connects for the time of `body`.
    ///
    /// - Parameters:
    ///   - target: The server.
    ///   - body: Uses the connection.
    /// - Returns: What `body` returns.
    /// - Throws: `DatabaseError` where the connection cannot be made, else what `body` throws.
    static func withConnection<R>(
        to target: ConnectionTarget,
        _ body: (Connection) async throws -> R
    ) async throws -> R {
        let connection = Connection()
        try await connection.open(target)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Connects; a cancelled task does not wait for a server that does not answer.
    func open(_ target: ConnectionTarget) async throws(DatabaseError) {
        session = try await ConnectionAttempt.connect(to: target)
    }

    /// Ends the connection; what was not committed is not.
    func close() {
        session?.close()
        session = nil
    }

    /// Whether another load can use the connection: open, and in no transaction.
    var isReusable: Bool {
        guard let session else { return false }
        return session.isStillOpen && session.isIdle
    }

    /// 150018 for 15.18.
    var serverVersion: Int { session?.serverVersion ?? 0 }

    /// What the server remarked since the last call.
    func takeNotices() -> [String] { session?.takeNotices() ?? [] }

    // MARK: Statements

    /// Runs one statement with `$1`, `$2`… as text.
    ///
    /// - Parameters:
    ///   - sql: One statement.
    ///   - parameters: Its parameters; nil for null.
    /// - Returns: Its rows.
    /// - Throws: `DatabaseError`.
    @discardableResult
    func query(_ sql: String, _ parameters: [String?] = []) async throws(DatabaseError) -> Rows {
        try await interruptible { session throws(DatabaseError) in try session.query(sql, parameters) }
    }

    /// Runs one statement or several, separated by semicolons; outside a transaction they are one.
    ///
    /// - Returns: What the last one was (`COMMIT`, `INSERT 0 3`).
    @discardableResult
    func execute(_ sql: String) async throws(DatabaseError) -> String {
        try await interruptible { session throws(DatabaseError) in try session.execute(sql) }
    }

    // MARK: Transactions

    /// Runs `body` in a transaction: its return commits, its throw or cancellation rolls back.
    ///
    /// - Parameters:
    ///   - settings: Settings for this transaction alone, such as `lock_timeout`.
    ///   - body: Uses this connection.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `DatabaseError`, with `isOutcomeUnknown` where the connection was lost while the
    ///   transaction was committed.
    nonisolated func transaction<R>(
        settings: [String: String] = [:],
        _ body: () async throws -> R
    ) async throws -> R {
        try await begin(settings: settings)
        do {
            let result = try await body()
            try await commit()
            return result
        } catch {
            await rollback()
            throw error
        }
    }

    /// Begins a transaction in which every statement sees what was committed before it.
    ///
    /// The level is named because a role or database may have another by default, with which whoever waits for a lock
    /// sees what stood there before the wait, and a lease renewed meanwhile ends the transaction.
    /// - Parameter settings: Settings for this transaction alone.
    /// - Throws: `DatabaseError`.
    func begin(settings: [String: String] = [:]) async throws(DatabaseError) {
        let settings = settings.sorted { $0.key < $1.key }.map { name, value in
            "; SET LOCAL \(SQLText.name(name)) = \(SQLText.literal(value))"
        }
        try await execute("BEGIN ISOLATION LEVEL READ COMMITTED" + settings.joined())
    }

    /// Commits the transaction, which cannot be cancelled once that was sent.
    ///
    /// - Throws: `DatabaseError`, with `isOutcomeUnknown` where no answer came.
    func commit() async throws(DatabaseError) {
        guard !Task.isCancelled else { throw .cancelled }
        let session = try opened()
        do throws(DatabaseError) {
            // The server answers ROLLBACK, and no error, where the transaction had failed before.
            guard try session.execute("COMMIT") == "COMMIT" else {
                throw DatabaseError(
                    origin: .server,
                    sqlState: "25P02",
                    message: "the transaction had failed before it was committed",
                    isTransient: false
                )
            }
        } catch {
            var error = error
            error.isOutcomeUnknown = error.origin == .connection
            throw error
        }
    }

    /// Ends a COPY and a transaction if one is open, also in a cancelled task; where that fails, the connection.
    func rollback() {
        guard let session else { return }
        if isCopying { failCopy("the load was given up") }
        guard session.isOpen, !session.isIdle else { return }
        _ = try? session.execute("ROLLBACK")
        if !session.isIdle { close() }
    }

    // MARK: COPY

    /// Begins a COPY FROM STDIN; until it is finished or failed, nothing else can run.
    func beginCopy(_ sql: String) async throws(DatabaseError) {
        try await interruptible { session throws(DatabaseError) in try session.beginCopy(sql) }
        isCopying = true
    }

    /// Sends the next bytes of the COPY, which may be any part of a row; blocks while the server takes no more.
    ///
    /// - Returns: Whether the COPY should be ended here, and another be begun if that goes well: the server has said
    ///   something, most likely why it has given it up, and only the end tells.
    /// - Throws: `DatabaseError`.
    @discardableResult
    func write(_ bytes: [UInt8]) async throws(DatabaseError) -> Bool {
        do throws(DatabaseError) {
            return try await interruptible { session throws(DatabaseError) in try session.write(bytes.span) }
        } catch {
            // A server that has ended the COPY by itself said why; a stopped load ends it.
            if error.origin == .cancellation { session?.failCopy("the load was stopped") }
            isCopying = false
            throw error
        }
    }

    /// Ends the COPY.
    ///
    /// - Returns: How many rows the server took.
    func finishCopy() async throws(DatabaseError) -> Int {
        isCopying = false
        return try await interruptible { session throws(DatabaseError) in try session.finishCopy() }
    }

    /// Ends the COPY so that the server drops what it took; the transaction has failed with it.
    func failCopy(_ reason: String) {
        isCopying = false
        session?.failCopy(reason)
    }

    // MARK: Cancellation

    private func opened() throws(DatabaseError) -> Session {
        guard let session else { throw .unusable("the connection is closed") }
        return session
    }

    /// Runs `work`, which the server is asked to end when the task is cancelled.
    private func interruptible<R: Sendable>(
        _ work: (Session) throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        guard !Task.isCancelled else { throw .cancelled }
        let session = try opened()
        let interrupter = session.interrupter
        let number = interrupter.begin()
        defer { interrupter.end() }
        let outcome = await withTaskCancellationHandler {
            // A closure that has no use for its actor would run on the shared pool, and libpq block a thread of that.
            preconditionIsolated()
            return Result { () throws(DatabaseError) in try work(session) }
        } onCancel: {
            interrupter.interrupt(number)
        }
        do throws(DatabaseError) {
            return try outcome.get()
        } catch {
            guard Task.isCancelled else { throw error }
            throw .cancelled
        }
    }
}
#endif
