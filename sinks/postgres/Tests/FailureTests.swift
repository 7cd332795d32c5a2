#if Postgres
import Foundation
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// Servers, connections and people that fail or interfere: each load stays all or nothing, and the next one succeeds.
@Suite struct PostgresFailureTests {
    /// The sessions that run sluice's loads right now, for SQL.
    static let loads = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'"

    @Test(arguments: LoadMode.allCases) func aConnectionKilledAmidACopy(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            let error = await world.failure(of: 0) {
                let killed = try await world.database.query(
                    "SELECT pg_terminate_backend(pid) FROM (\(Self.loads)) AS l"
                )
                #expect(killed == "t")
            }
            #expect(error?.code == .destination && error?.isTransient == true, "\(error as Any)")
            try await world.expectRows(Loader.rows([0, 1], "old"))
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    @Test func aServerThatCrashesAndComesBack() async throws {
        let server = try await PostgresServer.start()
        for mode in LoadMode.allCases {
            try await SinkWorld.with(mode: mode, on: server) { world in
                try await world.loader.run([0, 1], "old")
                let error = await world.failure(of: 0) {
                    try await server.stop(.immediate)
                    try await server.start()
                }
                #expect(error?.code == .destination && error?.isTransient == true, "\(mode): \(error as Any)")
                try await world.loader.run([0, 1], "new")
                try await world.expectFinished(Loader.rows([0, 1], "new"))
            }
        }
        try await server.remove()
    }

    /// A load that meets a lock gives up its transaction and tries again, so that nobody queues behind it for long.
    ///
    /// What only looks at the table, behind whoever allows not even that, is in nobody's way and waits.
    @Test(arguments: LoadMode.allCases, ["SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"])
    func aLockThatIsHeldForAWhile(_ mode: LoadMode, _ lock: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            world.loader.retries.lockTimeout = "20ms"
            world.loader.retries.pauses = Array(repeating: .milliseconds(20), count: 100)
            let loader = world.loader
            try await Connection.withConnection(to: ConnectionTarget(world.database.url)) { holder in
                try await holder.begin()
                try await holder.execute("LOCK TABLE ads.rows IN \(lock) MODE")
                async let load: Void = loader.run([0, 1], "new")
                let database = world.database
                try await database.untilTrue(
                    lock == "ACCESS EXCLUSIVE"
                        ? "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'ads.rows'::regclass AND NOT granted"
                        : "SELECT xact_rollback > 1 FROM pg_stat_database WHERE datname = current_database()"
                )
                try await holder.commit()
                try await load
            }
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    /// A reader keeps the table from getting a new column for a while.
    @Test(arguments: LoadMode.allCases) func aTableThatIsReadWhileItChanges(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0], "old")
            world.loader.retries.lockTimeout = "20ms"
            world.loader.retries.pauses = Array(repeating: .milliseconds(20), count: 100)
            let (loader, database) = (world.loader, world.database)
            let wider = Schema(Loader.schema.columns + [Column(name: "clicks", type: .int64)])
            try await Connection.withConnection(to: ConnectionTarget(database.url)) { holder in
                try await holder.begin()
                try await holder.query("SELECT count(*) FROM ads.rows")
                async let load: Void = loader.run([0], "new", schema: wider) { week in
                    Loader.rows(week, "new").map { $0 + ["7"] }
                }
                try await database.untilTrue(
                    "SELECT xact_rollback > 1 FROM pg_stat_database WHERE datname = current_database()"
                )
                try await holder.commit()
                try await load
            }
            try await world.expectFinished(Loader.rows(0, "new"))
            #expect(try await database.query("SELECT DISTINCT clicks FROM ads.rows") == "7")
        }
    }

    @Test func aLockThatIsHeldForGood() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            world.loader.retries.lockTimeout = "20ms"
            try await Connection.withConnection(to: ConnectionTarget(world.database.url)) { holder in
                try await holder.begin()
                try await holder.execute("LOCK TABLE ads.rows IN SHARE ROW EXCLUSIVE MODE")
                let error = await world.failure(of: 0)
                #expect(error?.isTransient == true && error?.description.contains("lock") == true, "\(error as Any)")
                await holder.rollback()
            }
            try await world.expectFinished(Loader.rows(0, "old"))
        }
    }

    /// A run that lost its lease while it was suspended stands in nobody's way, and commits nothing when it wakes.
    @Test(arguments: LoadMode.allCases) func aRunThatWakesTooLate(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            world.loader.retries.lockTimeout = "50ms"
            let world = world
            let error = await world.failure(of: 0) {
                try await world.database.query("UPDATE sluice.leases SET expires_at = now() - interval '1 second'")
                try await world.loader.run([0, 1], "newer")
            }
            // Its transaction was ended by the newer run, or its commit finds the lease gone.
            #expect(error.map { $0.code == .leaseLost || $0.isTransient } == true, "\(error as Any)")
            try await world.expectFinished(Loader.rows([0, 1], "newer"))
        }
    }

    @Test(arguments: LoadMode.allCases, ["DROP TABLE ads.rows", "TRUNCATE ads.rows", "DROP SCHEMA ads CASCADE"])
    func aTableThatSomebodyEmptied(_ mode: LoadMode, by statement: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            try await world.database.query(statement)
            let gone = try await world.loader.ledger().gone
            #expect(gone == [Window.week(0).id, Window.week(1).id])
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    /// A ledger restored from an old backup does not know windows whose rows are there; they are not doubled.
    @Test(arguments: LoadMode.allCases) func aLedgerOlderThanTheTable(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            try await world.database.query("DELETE FROM sluice.windows")
            let notes = try await world.loader.open { try await $0.check(landing: Loader.schema) }
            #expect(notes.contains { $0.kind == .warning && $0.text.contains("2 windows") }, "\(notes)")
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
            try await world.database.query("DROP SCHEMA sluice CASCADE")
            try await world.loader.run([0, 1], "newer")
            try await world.expectFinished(Loader.rows([0, 1], "newer"))
        }
    }

    @Test func aLedgerOfANewerSluice() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            var newer = world.loader
            newer.migrations.steps.append("CREATE TABLE %ledger%.later (id integer)")
            try await newer.run([1], "newer")
            #expect(try await world.database.query("SELECT count(*) FROM sluice.later") == "0")
            let version = newer.migrations.version
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.code == .destination && error?.description.contains("version \(version)") == true)
            _ = await #expect(throws: SinkError.self) { try await world.loader.ledger() }
            _ = await #expect(throws: SinkError.self) {
                try await world.loader.open { try await $0.check(landing: nil) }
            }
            #expect(try await world.database.query("SELECT max(version) FROM sluice.migrations") == "\(version)")
            try await newer.run([0, 1], "newest")
            #expect(try await world.rows() == Loader.rows([0, 1], "newest"))
        }
    }

    /// A ledger of the first version is brought up to date without losing a row.
    @Test(arguments: LoadMode.allCases) func aLedgerOfAnOlderSluice(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            var older = world.loader
            older.migrations.steps.removeLast()
            try await older.open { sink in try await sink.database.setUpLedger() }
            #expect(try await world.database.query("SELECT max(version) FROM sluice.migrations") == "1")
            try await world.loader.run([0, 1], "old")
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
            #expect(try await world.database.query("SELECT max(version) FROM sluice.migrations") == "2")
        }
    }

    @Test func twoRunsThatMakeTheLedgerAtOnce() async throws {
        try await SinkWorld.with { world in
            let loader = world.loader
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    var other = loader
                    other.export.export = "rows \(number)"
                    group.addTask { [other] in
                        try await other.run([number * 10], "new") { _ in Loader.rows(number, "new") }
                    }
                }
                try await group.waitForAll()
            }
            try await world.expectRows(Loader.rows([0, 1, 2, 3], "new"))
            #expect(try await world.database.query("SELECT count(DISTINCT export) FROM sluice.windows") == "4")
        }
    }

    /// Tables of one schema that is not there yet, and that is the ledger's as well for some.
    @Test(arguments: 0..<8) func runsThatMakeASchemaAtOnce(_ round: Int) async throws {
        try await SinkWorld.with { world in
            let loader = world.loader
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    var other = loader
                    other.export.export = "rows \(number)"
                    other.options.table = "fresh.t\(number)"
                    other.options.ledger = number < 4 ? "sluice" : "fresh"
                    other.options.connections = 1
                    // What would be tried again, and then succeed, must not happen either.
                    other.retries.pauses = []
                    group.addTask { [other] in try await other.run([number], "new") }
                }
                try await group.waitForAll()
            }
            let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'fresh' AND tablename LIKE 't_'"
            #expect(try await world.database.query(tables) == "6")
        }
    }

    /// One that is being made by a run whose transaction has not ended: it is waited for, and then it is there.
    @Test(arguments: ["table", "ledger"]) func aSchemaThatIsBeingMade(_ purpose: String) async throws {
        try await SinkWorld.with { world in
            let (database, isLedger) = (world.database, purpose == "ledger")
            world.loader.options.table = isLedger ? "ads.rows" : "fresh.rows"
            world.loader.options.ledger = isLedger ? "fresh" : "sluice"
            world.loader.retries.pauses = []
            // Ends when somebody waits for it.
            async let other = database.query(
                """
                BEGIN; CREATE SCHEMA fresh; SELECT pg_advisory_xact_lock(hashtextextended('sluice schema fresh', 0));
                DO $$ BEGIN
                    WHILE NOT EXISTS (
                        SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
                    ) LOOP PERFORM pg_sleep(0.01); END LOOP;
                END $$; COMMIT
                """
            )
            let isHeld =
                "SELECT count(*) > 0 FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
                + " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
            while try await database.query(isHeld) != "t" { await Task.yield() }
            try await world.loader.run([0], "new")
            _ = try await other
            #expect(try await world.loader.ledger().checkpoints.count == 1)
        }
    }

    /// The answer to a COMMIT that never comes: whether it took place is looked up before anything is done again.
    @Test(arguments: LoadMode.allCases) func anAnswerThatIsLost(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            let proxy = try MeddlingProxy(to: world.database.server.port)
            defer { proxy.stop() }
            let run = world.loader(through: proxy)
            try await run.open { sink in
                try await sink.withRun(run.request("run-new")) { session in
                    try await session.begin(run.plan([.week(0), .week(1)]))
                    for week in [0, 1] {
                        _ = try await session.load(Load(window: .week(week), schema: Loader.schema, dimensions: ["id"]))
                        {
                            load in
                            let rows = Loader.rows(week, "new")
                            try await load.write(load.encode(Batch(Loader.schema, rows: rows)))
                            proxy.dropNextCommit()
                            return Checkpoint(.week(week), of: run.export, rows: rows.count, schema: Loader.schema)
                        }
                    }
                    if mode == .replace { proxy.dropNextCommit() }
                    return true
                }
            }
            #expect(proxy.dropped == (mode == .replace ? 3 : 2))
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    /// The connection is lost at some statement, before the server has it or before its answer is there.
    ///
    /// No window is half loaded, and the next run finishes the work. Each case has other statements than the others.
    @Test(.timeLimit(.minutes(10)), arguments: LoadMode.allCases, [false, true])
    func aConnectionLostAtAnyStatement(_ mode: LoadMode, _ isAnswered: Bool) async throws {
        let place = (LoadMode.allCases.firstIndex(of: mode) ?? 0) * 2 + (isAnswered ? 1 : 0)
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "0")
            let proxy = try MeddlingProxy(to: world.database.server.port)
            defer { proxy.stop() }
            let through = world.loader(through: proxy)
            var number = place - 8
            var wasCut = true
            while wasCut {
                number += 9
                proxy.cut(atStatement: number, afterItsAnswer: isAnswered)
                do {
                    try await through.run([0, 1], "\(number)")
                } catch let error as SinkError {
                    #expect(error.isTransient, "statement \(number): \(error)")
                }
                wasCut = !proxy.isCutDue
                let notes = Dictionary(grouping: try await world.rows()) { $0[0]?.first }
                #expect(notes.count == 2)
                for rows in notes.values { #expect(rows.count == 20 && Set(rows.map { $0[1] }).count == 1) }
                if mode == .replace { #expect(Set(notes.values.map { $0[0][1] }).count == 1, "statement \(number)") }
                // A lost release of the lease is made up for by its end, a minute later.
                try await world.database.query("DELETE FROM sluice.leases")
                try await world.loader.run([0, 1], "\(number)")
                try await world.expectFinished(Loader.rows([0, 1], "\(number)"))
            }
            #expect(number > 20, "a run has more statements than \(number)")
        }
    }

    /// A setting that the server reports changes while rows are sent, as within a trigger of PostgreSQL 13 and before.
    @Test(arguments: LoadMode.allCases) func aSettingThatChangesDuringCopy(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            let proxy = try MeddlingProxy(to: world.database.server.port)
            defer { proxy.stop() }
            let run = world.loader(through: proxy)
            let text = Array("TimeZone\u{0}Pacific/Apia\u{0}".utf8)
            let status = [UInt8(ascii: "S"), 0, 0, 0, UInt8(4 + text.count)] + text
            let rows = Loader.rows(0, "new", count: 5000)
            try await run.open { sink in
                try await sink.withRun(run.request("run-new")) { session in
                    try await session.begin(run.plan([.week(0)]))
                    proxy.say(status)
                    try await run.load(session, .week(0), rows) {
                        while proxy.remarks == 0 { await Task.yield() }
                        proxy.say(status)
                    }
                    return true
                }
            }
            #expect(proxy.remarks == 2)
            try await world.expectFinished(rows)
        }
    }

    /// Remarks that are longer than what libpq reads at once.
    @Test func aTriggerThatSaysMuch() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            try await world.database.query(
                """
                CREATE FUNCTION ads.talk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    RAISE NOTICE '%', repeat(NEW.id, 20000);
                    RETURN NEW;
                END $$;
                CREATE TRIGGER talk BEFORE INSERT ON ads.rows FOR EACH ROW EXECUTE FUNCTION ads.talk()
                """
            )
            let rows = Loader.rows(1, "new", count: 300)
            try await world.loader.run([1], "new") { _ in rows }
            try await world.expectFinished(Loader.rows(0, "old") + rows)
        }
    }

    /// The API may take long for a page: no transaction stays open meanwhile.
    @Test func aLoadWithoutRowsForLong() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            let clock = SteppedClock()
            world.loader.retries.clock = clock
            let open = "SELECT count(*) FROM (\(Self.loads)) AS l"
            let world = world
            let error = await world.failure(of: 0) {
                #expect(try await world.database.query(open) == "1")
                // The lease sleeps too; a few steps more than the load's patience do no harm.
                while try await world.database.query(open) != "0" { await clock.step() }
            }
            #expect(error?.isTransient == true && error?.description.contains("60 s") == true, "\(error as Any)")
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }
}

extension SinkWorld {
    /// The error of a run whose load of this week is interfered with once its first rows are at the server.
    func failure(of week: Int, _ interfere: () async throws -> Void = {}) async -> SinkError? {
        do {
            try await loader.open { sink in
                try await sink.withRun(loader.request("run-that-fails")) { run in
                    try await run.begin(loader.plan([.week(week)]))
                    try await loader.load(run, .week(week), Loader.rows(week, "never seen"), between: interfere)
                    return true
                }
            }
            Issue.record("the load succeeded")
        } catch let error as SinkError {
            return error
        } catch {
            Issue.record("\(error)")
        }
        return nil
    }
}

extension PostgresDatabase {
    /// Waits until a query returns true.
    func untilTrue(_ sql: String) async throws {
        while try await query(sql) != "t" { try await Task.sleep(for: .milliseconds(20)) }
    }
}
#endif
