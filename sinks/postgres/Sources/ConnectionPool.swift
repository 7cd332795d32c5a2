#if Postgres
import PipelineCore

/// So many connections to one server and no more, each made when it is first needed and used for one thing at a time.
///
/// One is never given to a load: a lease that cannot be renewed while rows are on their way is lost.
actor ConnectionPool {
    nonisolated let target: ConnectionTarget
    private var idle: [Connection] = []
    private var freeSlots: Int
    /// How many more may go to loads.
    private var freeLoads: Int
    private var waiting: [Waiter] = []
    private var lastWaiter = 0

    /// What a connection is taken for.
    enum Purpose {
        /// The rows of a window, for as long as they come.
        case load
        /// Something short: the ledger, the lease, the table itself.
        case note
    }

    private struct Waiter {
        var id: Int
        var purpose: Purpose
        var continuation: CheckedContinuation<Bool, Never>
    }

    private init(_ target: ConnectionTarget, loads: Int) {
        self.target = target
        freeSlots = loads + 1
        freeLoads = loads
    }

    /// Keeps connections for the time of `body`.
    ///
    /// - Parameters:
    ///   - target: The server.
    ///   - loads: How many connections loads may have at once; there is one more for the rest.
    ///   - body: Uses the pool; when it is over, every connection is closed.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    static func withPool<R>(
        to target: ConnectionTarget,
        loads: Int,
        _ body: (ConnectionPool) async throws -> R
    ) async throws -> R {
        let pool = ConnectionPool(target, loads: loads)
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
        let connection = try await take(for: .note)
        do {
            let result = try await body(connection)
            await give(connection, takenFor: .note)
            return result
        } catch {
            await give(connection, takenFor: .note)
            throw error
        }
    }

    /// A connection that the caller gives back, waiting until one is free.
    func take(for purpose: Purpose) async throws(DatabaseError) -> Connection {
        try await waitForSlot(purpose)
        while let connection = idle.popLast() {
            if await connection.isReusable { return connection }
            await connection.close()
        }
        let connection = Connection()
        do throws(DatabaseError) {
            try await connection.open(target)
        } catch {
            freeSlot(purpose)
            throw error
        }
        return connection
    }

    /// Takes a connection back; a transaction left open is rolled back, also in a cancelled task.
    func give(_ connection: Connection, takenFor purpose: Purpose) async {
        await connection.rollback()
        if await connection.isReusable {
            idle.append(connection)
        } else {
            await connection.close()
        }
        freeSlot(purpose)
    }

    private func close() async {
        while let connection = idle.popLast() { await connection.close() }
    }

    // MARK: Slots

    private func takeSlot(_ purpose: Purpose) -> Bool {
        guard freeSlots > 0, purpose == .note || freeLoads > 0 else { return false }
        freeSlots -= 1
        if purpose == .load { freeLoads -= 1 }
        return true
    }

    private func waitForSlot(_ purpose: Purpose) async throws(DatabaseError) {
        guard !Task.isCancelled else { throw .cancelled }
        if takeSlot(purpose) { return }
        lastWaiter += 1
        let id = lastWaiter
        let hasSlot = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: false)
                } else {
                    waiting.append(Waiter(id: id, purpose: purpose, continuation: continuation))
                }
            }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
        guard hasSlot else { throw .cancelled }
    }

    /// Hands the slot to whoever waits longest of those who may have it.
    private func freeSlot(_ purpose: Purpose) {
        freeSlots += 1
        if purpose == .load { freeLoads += 1 }
        while let index = waiting.firstIndex(where: { takeSlot($0.purpose) }) {
            waiting.remove(at: index).continuation.resume(returning: true)
        }
    }

    private func giveUp(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
    }
}
#endif
