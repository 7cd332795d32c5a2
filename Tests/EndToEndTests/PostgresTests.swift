#if Postgres
import Foundation
import PipelineTesting
import PostgresTesting
import Sandbox
import Testing
import TestSupport

/// The command into a real PostgreSQL.
@Suite struct PostgresTests {
    static let columns = "date, campaign, clicks, cost"

    /// The export's rows as any reader sees them, sorted.
    static func rows(_ database: PostgresDatabase, _ table: String = "ads.spend") async throws -> String {
        guard try await database.query("SELECT to_regclass('\(table)')") != "" else { return "" }
        return try await database.query("SELECT \(columns) FROM \(table) ORDER BY 1, 2, 3, 4")
    }

    static func entry(_ mode: String = "replace_window", table: String = "ads.spend", _ more: String = "") -> String {
        "postgres: {url: \"${DATABASE_URL}\", table: \(table), mode: \(mode)\(more)}"
    }

    static func withWorlds(
        _ options: SandboxOptions = .small,
        _ body: (World, PostgresDatabase, [String: String]) async throws -> Void
    ) async throws {
        try await withWorld(options) { world in
            try await PostgresServer.shared().withDatabase { database in
                try await body(world, database, ["DATABASE_URL": database.url])
            }
        }
    }

    // MARK: Whole runs

    /// What sluice loaded by COPY and what `psql` loads from the CSV that sluice wrote are the same rows.
    @Test(arguments: ["replace_window", "append", "merge", "replace"])
    func itHoldsTheRowsOfTheCSV(_ mode: String) async throws {
        try await Self.withWorlds { world, database, environment in
            world.sandbox.update { $0.hostileRate = 0.3 }
            let job = JobText.one {
                $0.into = [Self.entry(mode), "csv: {path: out/, null: \"\\\\N\", quote: all, compression: none}"]
            }
            try await world.run(job, environment: environment)
            #expect(world.submissions.count == 4, "one read serves both")
            let files = try FileManager.default.subpathsOfDirectory(atPath: world.folder.path + "/out")
                .filter { $0.hasSuffix(".csv") }
            #expect(files.count == 4)
            try await database.query(
                "CREATE TABLE ads.copied (LIKE ads.spend); ALTER TABLE ads.copied DROP _sluice_window"
            )
            for file in files {
                try await database.query(
                    "\\copy ads.copied (\(Self.columns)) from '\(world.folder.path)/out/\(file)' csv header null '\\N'"
                )
            }
            let different = try await database.query(
                """
                SELECT count(*) FROM (
                    (SELECT \(Self.columns) FROM ads.spend EXCEPT ALL SELECT \(Self.columns) FROM ads.copied)
                    UNION ALL
                    (SELECT \(Self.columns) FROM ads.copied EXCEPT ALL SELECT \(Self.columns) FROM ads.spend)
                ) AS d
                """
            )
            #expect(different == "0")
            #expect(try await database.query("SELECT count(*) = 84 FROM ads.spend") == "t")

            // A second run has nothing to do, but in the mode that always replaces.
            world.sandbox.clearRequests()
            let before = try await Self.rows(database)
            try await world.run(job, environment: environment)
            #expect(world.submissions.count == (mode == "replace" ? 4 : 0))
            #expect(try await Self.rows(database) == before)
        }
    }

    @Test func onlyTheDestinationThatLacksAWindowTakesIt() async throws {
        try await Self.withWorlds { world, database, environment in
            let job = JobText.one {
                $0.into = [Self.entry(), Self.entry("merge", table: "ads.merged"), "csv: {path: out/}"]
            }
            try await world.run(job, environment: environment)
            #expect(world.submissions.count == 4)
            let before = try world.folder.files("out")
            try await database.query("DELETE FROM ads.merged WHERE date BETWEEN '2024-01-08' AND '2024-01-14'")
            world.sandbox.clearRequests()
            try await world.run(job, environment: environment)
            #expect(world.queriedDays == ["2024-01-08..2024-01-14"])
            #expect(try await Self.rows(database) == Self.rows(database, "ads.merged"))
            #expect(try world.folder.files("out") == before)
            // One that is gone is left out, and the others are loaded.
            world.sandbox.update { $0.seed = 99 }
            let outcome = try await world.run(
                job,
                "--reload=all",
                expecting: 4,
                environment: ["DATABASE_URL": "postgresql://nobody:hunter2@127.0.0.1:1/db"]
            )
            #expect(outcome.everything.contains("127.0.0.1") && !outcome.everything.contains("hunter2"))
            #expect(try world.folder.files("out") != before)
        }
    }

    /// The kernel takes the connection and nobody answers on it.
    @Test(.timeLimit(.minutes(10))) func anInterruptDoesNotWaitForASilentServer() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(listener, address, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        try #require(isBound)
        let url = "postgresql://x@127.0.0.1:\(UInt16(bigEndian: address.sin_port))/x?connect_timeout=3600"
        try await withWorld(.small) { world in
            try world.folder.write(JobText.one { $0.into = [Self.entry()] }.yaml, to: "job.yaml")
            let running = try world.start(["run", "job.yaml"], environment: ["DATABASE_URL": url])
            var arrival = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            while unsafe poll(&arrival, 1, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            running.send(SIGINT)
            let outcome = await running.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 130, "\(outcome.everything)")
            #expect(world.submissions.isEmpty)
        }
    }

    @Test func aChangedGridReplacesAllRowsInOneStep() async throws {
        try await Self.withWorlds { world, database, environment in
            try await world.run(.one { $0.into = [Self.entry()] }, environment: environment)
            try await database.query("CREATE VIEW ads.total AS SELECT count(*) FROM ads.spend")
            let changed = JobText.one {
                $0.into = [Self.entry()]
                $0.window = "{size: 10 days}"
            }
            let refused = try await world.run(changed, expecting: 2, environment: environment)
            #expect(refused.everything.contains("--reload=all"))
            world.sandbox.update { $0.seed = 99 }
            for point in FaultPoints.postgresReplace {
                let before = try await Self.rows(database)
                try world.folder.write(changed.yaml, to: "job.yaml")
                let outcome = try await world.run(
                    ["run", "job.yaml", "--reload=all"],
                    environment: environment.merging(["SLUICE_FAULT_POINT": point]) { $1 }
                )
                #expect(outcome.signal == SIGKILL, "\(point): \(outcome.everything)")
                let isDone = point == "postgres.replace.after-commit"
                #expect(try await (Self.rows(database) == before) == !isDone, "\(point)")
            }
            try await world.run(changed, environment: environment)
            #expect(try await database.query("SELECT count FROM ads.total") == "84")
            let old = "SELECT count(*) FROM sluice.windows WHERE checkpoint #>> '{layout,size}' <> '10 days'"
            #expect(try await database.query(old) == "0", "windows of the old grid are left")
        }
    }

    @Test(arguments: ["replace_window", "merge", "replace"])
    func badRowsStandInQuarantine(_ mode: String) async throws {
        try await Self.withWorlds { world, database, environment in
            let job = JobText.one {
                $0.into = [Self.entry(mode)]
                $0.more = [
                    "stages: [{cast: {clicks: \"decimal(3,0)\"}}]", "on_bad_row: {action: quarantine, max: 100%}",
                ]
            }
            for (seed, arguments) in [(1, []), (99, ["--reload=all"])] {
                world.sandbox.update { $0.seed = UInt64(seed) }
                try world.folder.write(job.yaml, to: "job.yaml")
                let outcome = try await world.run(["run", "job.yaml"] + arguments, environment: environment)
                #expect(outcome.exitCode == 0, "\(outcome.everything)")
                let counts = try await database.query(
                    """
                    SELECT (SELECT count(*) FROM ads.spend) + (SELECT count(*) FROM sluice.rejected),
                        (SELECT count(*) > 0 FROM ads.spend), count(*) > 0, bool_and(column_name = 'clicks'),
                        bool_and(stage = 'cast' AND page = 1), bool_and(cells ->> 'clicks' IS NOT NULL),
                        count(DISTINCT request_id) > 1, count(DISTINCT run_id) FROM sluice.rejected
                    """
                )
                #expect(counts == "84|t|t|t|t|t|t|1")
                #expect(try await database.query("SELECT count(*) FROM sluice.staged_rejected") == "0")
            }
        }
    }

    @Test func aQueryFromTheCommandLine() async throws {
        try await Self.withWorlds { world, database, _ in
            func export(_ more: String...) async throws -> Sluice.Outcome {
                try await world.run(
                    [
                        "export", "--ds-id", "AW", "--ds-accounts", "123-456-7890", "--fields",
                        "Date,Campaign,Clicks,Cost",
                    ]
                        + ["--start-date", "2024-01-01", "--end-date", "2024-01-07", "--into", database.url] + more
                )
            }
            let first = try await export(
                "--table",
                "ads.spend",
                "--mode",
                "merge",
                "--key",
                "date,campaign,clicks,cost"
            )
            #expect(first.exitCode == 0, "\(first.everything)")
            #expect(try await database.query("SELECT count(*) FROM ads.spend") == "21")
            let mistakes: [([String], String)] = [
                ([], "--table"), (["--table", "ads.spend", "--mode", "upsert"], "merge"),
                (["--table", "ads.spend", "--no-clobber"], "--no-clobber"),
                (["--table", "ads.spend", "--key", "date"], "mode: merge"),
            ]
            for (flags, hint) in mistakes {
                let outcome = try await world.run(
                    ["export", "--ds-id", "AW", "--fields", "Date", "--start-date", "2024-01-01", "--end-date"]
                        + ["2024-01-07", "--into", database.url] + flags
                )
                #expect(outcome.exitCode == 2 && outcome.errors.contains(hint), "\(outcome.everything)")
            }
            let file = try await world.run(MistakeTests.export(into: "out.csv") + ["--table", "ads.spend"])
            #expect(file.exitCode == 2 && file.errors.contains("--table"), "\(file.everything)")
        }
    }

    /// What the refusals of a one-shot export advise, it takes.
    @Test func aQueryFromTheCommandLineIsLoadedAgain() async throws {
        try await Self.withWorlds { world, database, _ in
            let query = MistakeTests.export(into: database.url, ["--fields": "Date,Campaign,Clicks,Cost"])
            func export(_ more: String..., expecting exitCode: Int32 = 0, queries: Int) async throws -> String {
                world.sandbox.clearRequests()
                let outcome = try await world.run(query + ["--table", "ads.spend", "--name", "spend"] + more)
                #expect(outcome.exitCode == exitCode, "\(more): \(outcome.everything)")
                #expect(world.submissions.count == queries, "\(more)")
                #expect(try await database.query("SELECT count(*) FROM ads.spend") == "21")
                return outcome.errors
            }
            _ = try await export(queries: 1)
            let filter = "filter: clicks >= 0"
            let stale = try await export("--stage", filter, expecting: 2, queries: 0)
            #expect(stale.contains("--reload=stale") && stale.contains("--accept-stale"), "\(stale)")
            _ = try await export("--stage", filter, "--reload=stale", queries: 1)
            _ = try await export("--stage", filter, queries: 0)
            _ = try await export("--stage", filter, "--reload", "all", queries: 1)
            _ = try await export("--accept-stale", queries: 0)
            let cut = try await export("--stage", filter, "--window", "week", expecting: 2, queries: 0)
            #expect(cut.contains("--reload=all"), "\(cut)")
            _ = try await export("--stage", filter, "--window", "week", "--reload=all", queries: 1)
            let both = try await export("--reload=all", "--accept-stale", expecting: 2, queries: 0)
            #expect(both.contains("exclude each other"), "\(both)")
            // A single file is written whole by every run.
            let file = try await world.run(MistakeTests.export(into: "out.csv") + ["--reload=all"])
            #expect(file.exitCode == 0, "\(file.everything)")
        }
    }

    // MARK: Kills

    /// kill -9 at any moment, run again: the rows of an unbroken run, and no window queried again after its commit.
    @Test(arguments: ["replace_window", "append", "merge", "replace"])
    func resumesAfterKillsAtAnyMoment(_ mode: String) async throws {
        try await Self.withWorlds(KillTests.options) { world, database, environment in
            let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 20}") { export in
                export.end = "2024-02-25"
                export.into = [Self.entry(mode)]
            }
            let unbroken = try await world.run(job, environment: environment)
            let whole = try await Self.rows(database)
            try await database.query("DROP SCHEMA ads CASCADE; DROP SCHEMA sluice CASCADE")
            world.sandbox.clearRequests()

            var random = SeededRandom(seed: 30)
            var committed: Set<String> = []
            var (kills, requestsBefore) = (0, 0)
            for part in 0..<8 {
                let moment = (Double(part) + .random(in: 0..<1, using: &random)) / 8 * unbroken.seconds
                let running = try world.start(["run", "job.yaml"], environment: environment)
                try await Task.sleep(for: .seconds(moment))
                running.send(SIGKILL)
                let outcome = await running.outcome
                world.note(outcome)
                kills += outcome.signal == SIGKILL ? 1 : 0
                for query in world.submissions where query.number > requestsBefore {
                    #expect(
                        !committed.contains(query.parameters["start_date"] ?? ""),
                        "a committed window was queried again"
                    )
                }
                requestsBefore = world.sandbox.requests.last?.number ?? requestsBefore
                // A killed process may still be in the middle of a COMMIT that the server has got.
                try await database.untilAlone()
                guard try await database.query("SELECT to_regclass('ads.spend')") != "" else { continue }
                if mode != "replace" {
                    let starts = try await database.query("SELECT lower(covers) FROM sluice.windows")
                    committed = Set(starts.split(separator: "\n").map(String.init))
                }
                let torn = try await database.query(
                    """
                    SELECT count(*) FROM sluice.windows AS w
                    WHERE rows <> (SELECT count(*) FROM ads.spend WHERE _sluice_window = w.id)
                    """
                )
                #expect(torn == "0", "a window is visible in part")
            }
            #expect(kills > 0)
            try await world.run(job, environment: environment)
            #expect(try await Self.rows(database) == whole)
        }
    }

    /// A suspended process is no dead one: its lease holds, and it goes on when it wakes.
    @Test func aSuspendedRunKeepsItsLease() async throws {
        try await Self.withWorlds(.small.with { $0.latency = .milliseconds(30) }) { world, database, environment in
            let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 5}") { $0.into = [Self.entry()] }
            try await world.run(job, environment: environment)
            let suspended = try world.start(["run", "job.yaml", "--reload=all"], environment: environment)
            try await database.untilTrue("SELECT count(*) > 0 FROM sluice.attempts")
            suspended.send(SIGSTOP)
            let locked = try await world.run(["run", "job.yaml"], environment: environment)
            #expect(locked.exitCode == 9, "\(locked.everything)")
            suspended.send(SIGCONT)
            let outcome = await suspended.outcome
            #expect(outcome.exitCode == 0, "\(outcome.everything)")
        }
    }

    /// A run that is suspended for so long that another takes its lease commits nothing when it wakes.
    @Test func aSuspendedRunThatWakesLate() async throws {
        try await Self.withWorlds(.small.with { $0.latency = .milliseconds(30) }) { world, database, environment in
            let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 5}") { $0.into = [Self.entry()] }
            try await world.run(job, environment: environment)
            // Leases that are over at once, by the database's clock. To set back the time of one that is held would
            // wait for the suspended process where it stopped within a transaction that locks its lease.
            try await database.query(
                """
                CREATE FUNCTION expire() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN NEW.expires_at := clock_timestamp(); RETURN NEW; END';
                CREATE TRIGGER expire BEFORE INSERT OR UPDATE ON sluice.leases
                    FOR EACH ROW EXECUTE FUNCTION expire()
                """
            )
            world.sandbox.update { $0.seed = 98 }
            let suspended = try world.start(["run", "job.yaml", "--reload=all"], environment: environment)
            // Stopped as soon as it holds the lease and has queried.
            try await database.untilTrue("SELECT count(*) > 0 FROM sluice.attempts")
            suspended.send(SIGSTOP)
            world.sandbox.update { $0.seed = 99 }
            let newer = try await world.run(["run", "job.yaml", "--reload=all"], environment: environment)
            #expect(newer.exitCode == 0, "\(newer.everything)")
            let rows = try await Self.rows(database)
            suspended.send(SIGCONT)
            let outcome = await suspended.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 9, "\(outcome.everything)")
            #expect(try await Self.rows(database) == rows, "what is newer was overwritten")
        }
    }

    // MARK: Status and check

    @Test func theStatusTellsWhatIsThere() async throws {
        try await Self.withWorlds { world, database, environment in
            let job = JobText.one {
                $0.into = [Self.entry(), "csv: {path: out/}", "csv: {path: all.csv.gz}"]
                $0.end = "2024-02-11"
            }
            try world.folder.write(job.yaml, to: "job.yaml")
            let nothing = environment.merging(["SUPERMETRICS_API_KEY": ""]) { $1 }
            let empty = try await world.run(["status", "job.yaml"], environment: nothing)
            #expect(
                empty.exitCode == 0 && empty.text.contains("not there: 2024-01-01..2024-02-11"),
                "\(empty.everything)"
            )
            try await world.run(job, environment: environment)
            try await database.query("DELETE FROM ads.spend WHERE date < '2024-01-08'")
            try world.folder.remove("out/window=2024-01-15..2024-01-21")
            world.sandbox.clearRequests()
            let outcome = try await world.run(["status", "job.yaml", "--output", "json"], environment: nothing)
            #expect(outcome.exitCode == 0 && world.sandbox.requests.isEmpty, "\(outcome.everything)")
            let all = try JSONSerialization.jsonObject(with: Data(outcome.output)) as? [[String: Any]] ?? []
            try #require(all.count == 3)
            #expect(all.map { $0["windows"] as? Int } == [5, 5, 0] && all[0]["rows"] as? Int == 105)
            #expect(all[0]["gone"] as? [String] == ["2024-01-01..2024-01-07"])
            #expect(all[0]["gone_for_good"] as? [String] == [])
            let gaps = all[1]["gaps"] as? [[String: Any]] ?? []
            #expect(gaps.count == 1 && gaps[0]["windows"] as? Int == 1)
            #expect(all[2]["has_ledger"] as? Bool == false)
            #expect((all[0]["last_runs"] as? [[String: Any]])?.count == 1)
            let table = try await world.run(["status", "job.yaml"], environment: nothing)
            for word in ["105", "2024-01-08..2024-02-11", "rows are gone", "2024-01-15..2024-01-21", "single file"] {
                #expect(table.text.contains(word), "\(table.text)")
            }
            let broken = try await world.run(
                ["status", "job.yaml"],
                environment: ["DATABASE_URL": "postgresql://127.0.0.1:1/db"]
            )
            #expect(broken.exitCode == 6 && broken.text.contains("2024-01-15..2024-01-21"), "\(broken.everything)")
        }
    }

    /// Rows stay under the first name, and whoever comes with another line, or none, loads nothing.
    @Test func rowsOfARenamedExportAreFoundOrNotLoaded() async throws {
        try await Self.withWorlds { world, database, environment in
            func job(_ name: String, _ former: String? = nil) -> JobText {
                .one {
                    $0.name = name
                    $0.into = [Self.entry()]
                    $0.more = former.map { ["renamed_from: \($0)"] } ?? []
                }
            }
            try await world.run(job("one"), environment: environment)
            let rows = try await Self.rows(database)
            world.sandbox.clearRequests()
            try await world.run(job("two", "one"), environment: environment)
            for wrong in [job("three", "two"), job("two")] {
                let outcome = try await world.run(wrong, expecting: 2, environment: environment)
                #expect(outcome.everything.contains("`renamed_from: one`"), "\(outcome.everything)")
                // What only looks says the same.
                for (command, exitCode) in [("plan", Int32(2)), ("check", 2), ("status", 6)] {
                    let look = try await world.run([command, "job.yaml"], environment: environment)
                    #expect(look.exitCode == exitCode, "\(command): \(look.everything)")
                    #expect(look.everything.contains("`renamed_from: one`"), "\(command): \(look.everything)")
                }
            }
            try await world.run(job("three", "one"), environment: environment)
            #expect(world.submissions.isEmpty)
            #expect(try await Self.rows(database) == rows)
        }
    }

    /// `append` never touches a window again, and the status does not promise otherwise.
    @Test func rowsThatAreGoneFromAnAppendedTableStayAway() async throws {
        try await Self.withWorlds { world, database, environment in
            let job = JobText.one { $0.into = [Self.entry("append")] }
            try await world.run(job, environment: environment)
            try await database.query("TRUNCATE ads.spend")
            let status = try await world.run(["status", "job.yaml"], environment: environment)
            #expect(status.text.contains("append loads no window twice"), "\(status.everything)")
            try await world.run(job, environment: environment)
            #expect(try await Self.rows(database) == "")
        }
    }

    /// Another level of isolation by default, and a lease that is renewed while rows are on their way.
    @Test func settingsOfTheDatabaseDoNotMatter() async throws {
        try await Self.withWorlds { world, database, environment in
            try await database.query(
                """
                ALTER DATABASE \(database.name) SET default_transaction_isolation = serializable;
                ALTER DATABASE \(database.name) SET quote_all_identifiers = on
                """
            )
            let job = JobText.one { $0.into = [Self.entry(), Self.entry("merge", table: "ads.merged")] }
            try await world.run(job, environment: environment)
            try await world.run(job, "--reload=all", environment: environment)
            #expect(try await Self.rows(database) == Self.rows(database, "ads.merged"))
            #expect(try await database.query("SELECT count(*) = 84 FROM ads.spend") == "t")
        }
    }

    @Test func theCheckTellsWhatWouldBeMade() async throws {
        try await Self.withWorlds { world, database, environment in
            try world.folder.write(JobText.one { $0.into = [Self.entry()] }.yaml, to: "job.yaml")
            let outcome = try await world.run(["check", "job.yaml"], environment: environment)
            #expect(outcome.exitCode == 0, "\(outcome.everything)")
            for word in ["can be written", "make the ledger", "create the table ads.spend (date date, campaign text"] {
                #expect(outcome.text.contains(word), "\(outcome.text)")
            }
            #expect(try await database.query("SELECT to_regnamespace('ads')") == "")
            let long = JobText.one {
                $0.into = [Self.entry()]
                $0.more = ["stages: [{rename: {campaign: \(String(repeating: "x", count: 64))}}]"]
            }
            try world.folder.write(long.yaml, to: "job.yaml")
            let refused = try await world.run(["check", "job.yaml"], environment: environment)
            #expect(refused.exitCode == 8 && refused.text.contains("63 bytes"), "\(refused.everything)")
            let system = JobText.one {
                $0.into = [Self.entry()]
                $0.more = ["stages: [{rename: {campaign: xmin}}]"]
            }
            try world.folder.write(system.yaml, to: "job.yaml")
            world.sandbox.clearRequests()
            for command in [["check", "job.yaml"], ["check", "job.yaml", "--offline"], ["run", "job.yaml"]] {
                let mistake = try await world.run(command, environment: environment)
                #expect(mistake.exitCode == 2 && mistake.everything.contains("'xmin'"), "\(mistake.everything)")
            }
            #expect(world.sandbox.requests.isEmpty)
        }
    }
}

extension PostgresDatabase {
    /// Waits until a query returns true.
    func untilTrue(_ sql: String) async throws {
        while try await query(sql) != "t" { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Waits until nobody else is connected.
    func untilAlone() async throws {
        try await untilTrue("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()")
    }
}
#endif
