#if Postgres
import PipelineCore

/// So many connections to one server and no more, each made when it is first needed and used for one thing at a time.
actor ConnectionPool {
    nonisolated let target: ConnectionTarget
    private var idle: [Connection] = []
    private var freeSlots: Int
    private var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var lastWaiter = 0

    private init(_ target: ConnectionTarget, slots: Int) {
        self.target = target
        freeSlots = slots
    }

    /// Keeps connections for the time of `body`.
    ///
    /// - Parameters:
    ///   - target: The server.
    ///   - slots: How many connections there may be at once.
    ///   - body: Uses the pool; when it is over, every connection is closed.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    static func withPool<R>(
        to target: ConnectionTarget,
        slots: Int,
        _ body: (ConnectionPool) async throws -> R
    ) async throws -> R {
        let pool = ConnectionPool(target, slots: slots)
        do {
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Takes a connection for the time of `body`, waiting until one is free.
    ///
    /// A transaction left open is rolled back; a connection that is lost is made anew for the next.
    ///
    /// - Parameter body: Uses the connection, which must not outlive the call.
    /// - Returns: What `body` returns.
    /// - Throws: `DatabaseError` where there is no connection to be had, else what `body` throws.
    nonisolated func withConnection<R>(_ body: (Connection) async throws -> R) async throws -> R {
        let connection = try await take()
        do {
            let result = try await body(connection)
            await give(connection)
            return result
        } catch {
            await give(connection)
            throw error
        }
    }

    /// A connection that the caller gives back, waiting until one is free.
    func take() async throws(DatabaseError) -> Connection {
        try await waitForSlot()
        while let connection = idle.popLast() {
            if await connection.isReusable { return connection }
            await connection.close()
        }
        let connection = Connection()
        do throws(DatabaseError) {
            try await connection.open(target)
        } catch {
            freeSlot()
            throw error
        }
        return connection
    }

    /// Takes a connection back; a transaction left open is rolled back, also in a cancelled task.
    func give(_ connection: Connection) async {
        await connection.rollback()
        if await connection.isReusable {
            idle.append(connection)
        } else {
            await connection.close()
        }
        freeSlot()
    }

    private func close() async {
        while let connection = idle.popLast() { await connection.close() }
    }

    private func waitForSlot() async throws(DatabaseError) {
        guard !Task.isCancelled else { throw .cancelled }
        if freeSlots > 0 {
            freeSlots -= 1
            return
        }
        lastWaiter += 1
        let id = lastWaiter
        let hasSlot = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: false)
                } else {
                    waiting.append((id, continuation))
                }
            }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
        guard hasSlot else { throw .cancelled }
    }

    /// Hands the slot to whoever waits longest.
    private func freeSlot() {
        guard !waiting.isEmpty else {
            freeSlots += 1
            return
        }
        waiting.removeFirst().continuation.resume(returning: true)
    }

    private func giveUp(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
    }
}
#endif
