#if Postgres
import Foundation
import Glibc
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// Servers that are short of room, and proxies in front of them.
@Suite struct PostgresSurroundingsTests {
    // MARK: A proxy that pools transactions

    @Test(
        .enabled(if: PgBouncer.isInstalled, "needs pgbouncer"),
        arguments: SinkConformance.Law.allCases
    )
    func conformsThroughAProxy(_ law: SinkConformance.Law) async throws {
        try await SinkWorld.with { world in
            let direct = world.loader.options.url
            try await PgBouncer.with(PostgresServer.shared(), sessions: 5) { port in
                world.loader.options.url = Self.url(port, world)
                world.loader.export = ExportID(job: "conformance", export: "rows")
                let world = world
                try await SinkConformance(
                    export: world.loader.export,
                    open: { body in try await world.loader.open { try await body($0) } },
                    rows: { try await world.rows() },
                    rejected: { try await world.rejected() },
                    removeRows: { window in
                        try await world.database.query("DELETE FROM ads.rows WHERE _sluice_window = \(window.id.value)")
                    },
                    breakLease: { try await world.database.query("DELETE FROM sluice.leases") }
                ).check(law)
            }
            world.loader.options.url = direct
        }
    }

    /// Sessions change under the loads, and a temporary table or a lock of one must never be another's.
    @Test(.enabled(if: PgBouncer.isInstalled, "needs pgbouncer"), arguments: LoadMode.allCases)
    func loadsThroughAProxy(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await PgBouncer.with(PostgresServer.shared(), sessions: 3) { port in
                world.loader.options.url = Self.url(port, world)
                try await world.loader.run([0, 1, 2], "old")
                let loader = world.loader
                try await loader.open { sink in
                    try await sink.withRun(loader.request("run-new")) { run in
                        let windows = [0, 1, 2].map { Window.week($0) }
                        try await run.begin(loader.plan(windows))
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for week in [0, 1, 2] {
                                group.addTask { try await loader.load(run, .week(week), Loader.rows(week, "new")) }
                            }
                            try await group.waitForAll()
                        }
                        return true
                    }
                }
                try await world.expectFinished(Loader.rows([0, 1, 2], "new"))
                let error = await world.failure(of: 0) {
                    let loads = PostgresFailureTests.loads
                    try await world.database.query("SELECT pg_terminate_backend(pid) FROM (\(loads)) AS l")
                }
                #expect(error?.isTransient == true, "\(error as Any)")
                try await world.loader.run([0, 1, 2], "newer")
                try await world.expectFinished(Loader.rows([0, 1, 2], "newer"))
            }
        }
    }

    private static func url(_ port: Int, _ world: SinkWorld) -> String {
        "postgresql://\(PostgresServer.user)@127.0.0.1:\(port)/\(world.database.name)"
    }

    // MARK: A role with settings of its own

    /// With other levels a renewal of the lease during a load ends its transaction; with names in quotes every type
    /// looks like another.
    @Test(
        arguments: LoadMode.allCases,
        [
            "default_transaction_isolation = 'repeatable read'", "default_transaction_isolation = serializable",
            "quote_all_identifiers = on", "standard_conforming_strings = off", "\"DateStyle\" = 'SQL, DMY'",
        ]
    )
    func settingsOfTheRoleDoNotMatter(_ mode: LoadMode, _ setting: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.database.query("ALTER DATABASE \(world.database.name) SET \(setting)")
            for note in ["old", "new"] {
                let (loader, database) = (world.loader, world.database)
                try await loader.open { sink in
                    try await sink.withRun(loader.request("run-\(note)")) { run in
                        try await run.begin(loader.plan([.week(0)]))
                        try await loader.load(run, .week(0), Loader.rows(0, note)) {
                            try await database.query("UPDATE sluice.leases SET expires_at = expires_at + interval '1s'")
                        }
                        return true
                    }
                }
                try await world.expectFinished(Loader.rows(0, note))
            }
        }
    }

    @Test func statementsTakeAsLongAsTheyTake() async throws {
        try await SinkWorld.with { world in
            try await world.database.query("ALTER DATABASE \(world.database.name) SET statement_timeout = '1min'")
            try await world.loader.open { sink in
                for mode in [Database.TransactionMode.write, .snapshot] {
                    let timeout = try await sink.database.transaction("look", mode: mode) { connection in
                        try await connection.query("SHOW statement_timeout").first
                    }
                    #expect(timeout == "0")
                }
            }
        }
    }

    @Test func aRoleThatMayOnlyRead() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            try await world.database.query(
                "ALTER DATABASE \(world.database.name) SET default_transaction_read_only = on"
            )
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            let checked = await #expect(throws: SinkError.self) {
                try await world.loader.open { try await $0.check(landing: Loader.schema) }
            }
            for error in [error, checked] {
                #expect(error?.description.contains("connect to the primary") == true, "\(error as Any)")
            }
            #expect(try await world.loader.ledger().checkpoints.count == 1, "reading goes on")
        }
    }

    /// A character that the database has no form for fails its window, and is not told.
    @Test func anotherEncoding() async throws {
        try await SinkWorld.with { world in
            let name = world.database.name + "_latin1"
            try await world.database.query(
                "CREATE DATABASE \(name) ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
            )
            var loader = world.loader
            loader.options.url = world.database.url.replacing("/\(world.database.name)?", with: "/\(name)?")
            let notes = try await loader.open { try await $0.check(landing: Loader.schema) }
            #expect(notes.first?.kind == .warning && notes.first?.text.contains("LATIN1") == true, "\(notes)")
            try await loader.run([0], "Zoë")
            let error = await #expect(throws: SinkError.self) {
                try await loader.run([1], "new") { Loader.rows($0, "Zoë – 你") }
            }
            #expect(error?.code == .value && error?.description.contains("0x") == false, "\(error as Any)")
            #expect(error?.description.contains("column \"note\"") == true, "\(error as Any)")
            let rows = try await Connection.withConnection(to: ConnectionTarget(loader.options.url)) { connection in
                try await connection.query("SELECT count(*), min(note) FROM ads.rows").values
            }
            #expect(rows == [["20", "Zoë"]])
            try await world.database.query("DROP DATABASE \(name) WITH (FORCE)")
        }
    }

    // MARK: A full disk

    @Test(.enabled(if: geteuid() == 0, "needs the right to mount a file system"), arguments: LoadMode.allCases)
    func aFullDiskLeavesTheOldRows(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await SmallDisk.with(megabytes: 2, for: world.database) { disk in
                try await world.loader.run([0, 1], "old")
                let many = Loader.rows(0, String(repeating: "no room ", count: 100), count: 5000)
                let error = await #expect(throws: SinkError.self) {
                    try await world.loader.run([0, 1], "new") { $0 == 0 ? many : Loader.rows(1, "new") }
                }
                #expect(error?.code == .destination && error?.isTransient == false, "\(error as Any)")
                #expect(error?.description.contains("make room") == true, "\(error as Any)")
                try await world.expectRows(Loader.rows([0, 1], "old"))
                try disk.grow(megabytes: 64)
                try await world.loader.run([0, 1], "new") { $0 == 0 ? many : Loader.rows(1, "new") }
                try await world.expectFinished(many + Loader.rows(1, "new"))
            }
        }
    }
}

/// A tablespace on a file system of so many megabytes, which is the database's own while it lives.
private struct SmallDisk {
    let path: String

    static func with(
        megabytes: Int,
        for database: PostgresDatabase,
        _ body: (SmallDisk) async throws -> Void
    ) async throws {
        let disk = SmallDisk(path: database.server.folder + "/disk-" + database.name)
        try FileManager.default.createDirectory(atPath: disk.path, withIntermediateDirectories: true)
        var status = stat()
        _ = unsafe stat(database.server.folder + "/data", &status)
        let options = "size=\(megabytes)m,mode=700,uid=\(status.st_uid),gid=\(status.st_gid)"
        try #require(unsafe mount("tmpfs", disk.path, "tmpfs", 0, options) == 0, "cannot mount: \(errno)")
        let name = "disk_" + database.name
        var failure: (any Error)?
        do {
            try await database.query("CREATE TABLESPACE \(name) LOCATION '\(disk.path)'")
            try await database.query("ALTER DATABASE \(database.name) SET default_tablespace = \(name)")
            try await body(disk)
        } catch {
            failure = error
        }
        _ = try? await database.query(
            "DROP SCHEMA IF EXISTS ads, sluice CASCADE; ALTER DATABASE \(database.name) RESET default_tablespace"
        )
        _ = try? await database.query("SET default_tablespace = ''; DROP TABLESPACE \(name)")
        unsafe umount2(disk.path, Int32(MNT_DETACH))
        if let failure { throw failure }
    }

    func grow(megabytes: Int) throws {
        let done = unsafe mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(megabytes)m")
        try #require(done == 0, "cannot remount: \(errno)")
    }
}
#endif
