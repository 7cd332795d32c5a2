#if Postgres
import FoundationEssentials
import PipelineCore
import Synchronization

/// A run's right to change an export's rows: a row of the ledger that the database's clock lets expire.
final class Lease: Sendable {
    /// How long a lease lasts without being renewed: so long a run waits for one whose machine is gone.
    static let lifetime = "60 seconds"
    /// How often it is renewed.
    static let renewal = Duration.seconds(20)
    /// How often a waiting run looks.
    private static let patience = Duration.seconds(1)

    let database: Database
    let request: RunRequest
    private let holder = UUID().uuidString.lowercased()
    private let lost = Mutex(false)

    private init(_ database: Database, _ request: RunRequest) {
        self.database = database
        self.request = request
    }

    /// Holds the lease for the time of `body`.
    ///
    /// - Throws: `SinkError` with the code `.locked` where another run holds it, else what `body` throws.
    static func withLease<R>(
        _ database: Database,
        _ request: RunRequest,
        _ body: (Lease) async throws -> R
    ) async throws -> R {
        let lease = Lease(database, request)
        try await lease.acquire()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await lease.keep() }
            let result: Result<R, any Error>
            do { result = .success(try await body(lease)) } catch { result = .failure(error) }
            group.cancelAll()
            // In a task of its own, because this one may be cancelled; if it fails the lease expires.
            await Task { try? await lease.release() }.value
            return try result.get()
        }
    }

    // MARK: Taking

    private func acquire() async throws {
        while true {
            let obstacle = try await database.transaction("take the lease") { connection in
                try await take(connection)
            }
            guard let obstacle else { return }
            guard request.waits else {
                throw SinkError(
                    .locked,
                    "\(database.destination): the run \(obstacle.runID) holds the lease of \(request.export); wait for"
                        + " its end with --wait (a run whose machine is gone loses its lease within \(Self.lifetime))"
                )
            }
            try await database.retries.clock.sleep(for: Self.patience)
        }
    }

    private struct Holder {
        var id: String
        var runID: String
        var shard: Shard?
        var process: ProcessIdentity?
    }

    /// Takes the lease; who stands in the way where somebody does.
    private func take(_ connection: Connection) async throws -> Holder? {
        let leases = database.ledger("leases")
        let place = [database.table.schema, database.table.name, request.export.job, request.export.export]
        let isPlace = "table_schema = $1 AND table_name = $2 AND job = $3 AND export = $4"
        try await connection.query(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            ["sluice lease \(database.table.quoted) \(request.export)"]
        )
        // A try whose COMMIT was in doubt may have taken it.
        try await connection.query(
            "DELETE FROM \(leases) WHERE \(isPlace) AND (expires_at <= clock_timestamp() OR holder = $5::uuid)",
            place + [holder]
        )
        let held = try await connection.query(
            "SELECT holder, run_id, shard_number, shard_count, process FROM \(leases) WHERE \(isPlace)",
            place
        )
        for row in held.values {
            let other = Holder(
                id: row[0] ?? "",
                runID: row[1] ?? "",
                shard: row[2].flatMap { number in row[3].flatMap { Shard("\(number)/\($0)") } },
                process: row[4].flatMap(ProcessIdentity.init)
            )
            guard request.shard.excludes(other.shard) else { continue }
            guard other.process?.hasEnded == true else { return other }
            try await connection.query("DELETE FROM \(leases) WHERE holder = $1::uuid", [other.id])
        }
        try await connection.query(
            """
            INSERT INTO \(leases) (table_schema, table_name, job, export, holder, run_id, shard_number, shard_count,
                process, acquired_at, expires_at)
            VALUES ($1, $2, $3, $4, $5::uuid, $6, $7::integer, $8::integer, $9, clock_timestamp(),
                clock_timestamp() + interval '\(Self.lifetime)')
            """,
            place + [
                holder, request.runID, request.shard.map { "\($0.number)" }, request.shard.map { "\($0.count)" },
                ProcessIdentity.own?.description ?? "",
            ]
        )
        return nil
    }

    // MARK: Keeping

    /// Renews the lease until it is lost or the task is cancelled.
    private func keep() async throws {
        while !Task.isCancelled {
            guard (try? await database.retries.clock.sleep(for: Self.renewal)) != nil else { return }
            // A failure is no loss: the next renewal may succeed, and every commit looks for itself.
            let renewed = try? await database.transaction("renew the lease") { connection in
                try await connection.query(
                    """
                    UPDATE \(database.ledger("leases"))
                    SET expires_at = clock_timestamp() + interval '\(Self.lifetime)' WHERE holder = $1::uuid
                    RETURNING 1
                    """,
                    [holder]
                ).first != nil
            }
            if renewed == false { lost.withLock { $0 = true } }
        }
    }

    private func release() async throws {
        try await database.hasty.transaction("release the lease") { connection in
            _ = try await connection.query(
                "DELETE FROM \(database.ledger("leases")) WHERE holder = $1::uuid",
                [holder]
            )
        }
    }

    // MARK: Fencing

    /// Proves, as part of the transaction that is about to commit, that the lease is still this run's.
    ///
    /// Nobody can take it before that transaction has ended: whoever does must delete the row that is locked here. A
    /// lease that has expired by the database's clock and that nobody has taken is still this run's.
    /// - Throws: `SinkError` with the code `.leaseLost`.
    func verify(_ connection: Connection) async throws {
        let found = try await connection.query(
            "SELECT 1 FROM \(database.ledger("leases")) WHERE holder = $1::uuid FOR SHARE",
            [holder]
        )
        guard found.first != nil else { throw loss }
    }

    /// Fails early where a renewal has found the lease gone.
    func check() throws(SinkError) {
        if lost.withLock({ $0 }) { throw loss }
    }

    private var loss: SinkError {
        SinkError(
            .leaseLost,
            "\(database.destination): the lease of \(request.export) was lost to another run, so nothing more of this"
                + " one is committed; it may have been suspended, or without the database for long"
        )
    }

    /// Ends transactions of runs that have lost the lease and hold the lock `name` all the same: a suspended process
    /// would hold it until it wakes.
    func removeHolders(ofLock name: String, _ connection: Connection) async throws {
        try await connection.query(
            """
            SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l
            JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
                AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($1, 0)
                AND EXISTS (SELECT FROM \(database.ledger("leases")) WHERE holder = $2::uuid)
            """,
            [name, holder]
        )
    }
}

extension Shard? {
    /// Whether two runs may not go on side by side: a whole run excludes everything, shards those of the same number
    /// and those of another count.
    func excludes(_ other: Shard?) -> Bool {
        guard let self, let other else { return true }
        return self.count != other.count || self.number == other.number
    }
}
#endif
