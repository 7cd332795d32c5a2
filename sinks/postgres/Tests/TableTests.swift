#if Postgres
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// Tables made, adopted and changed, and those that are refused.
@Suite struct PostgresTableTests {
    private func columns(_ world: SinkWorld) async throws -> [String] {
        try await world.database.query(
            """
            SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = 'ads.rows'::regclass AND attnum > 0 ORDER BY attnum
            """
        ).split(separator: "\n").map(String.init)
    }

    @Test func aTableHasAColumnOfEachType() async throws {
        let types: [(ColumnType, String, String)] = [
            (.text, "text", "x"), (.decimal(nil), "numeric", "1.50"),
            (.decimal(DecimalSize(precision: 18, scale: 6)), "numeric(18,6)", "1.500000"), (.int64, "bigint", "-7"),
            (.double, "double precision", "0.1"), (.bool, "boolean", "true"), (.date, "date", "2024-02-29"),
            (.timestamp, "timestamp without time zone", "2024-02-29 12:00:00"), (.json, "json", "{\"a\": 1.0}"),
        ]
        let names = types.indices.map { "Column \"\($0)\" ä" }
        let schema = Schema(zip(names, types).map { Column(name: $0, type: $1.0) })
        try await SinkWorld.with { world in
            world.loader.options.readers = ["pg_monitor", "pg_read_all_stats"]
            try await world.loader.run([0], "new", schema: schema) { _ in [types.map(\.2), types.map { _ in nil }] }
            #expect(try await columns(world) == zip(names, types).map { "\($0) \($1.1)" } + ["_sluice_window bigint"])
            let rows = try await world.rows(columns: names.map { $0.replacing("\"", with: "\"\"") })
            #expect(rows == [types.map(\.2), types.map { _ in nil }])
            let granted = try await world.database.query(
                "SELECT has_table_privilege('pg_monitor', 'ads.rows', 'SELECT'), count(*) FROM pg_indexes"
                    + " WHERE tablename = 'rows' AND indexdef LIKE '%(_sluice_window)'"
            )
            #expect(granted == "t|1", "readers may read, and the index is built after the first load")
        }
    }

    /// Whoever may read a table must be able to use its schema; a schema of somebody else is not sluice's to open.
    @Test func readersMayUseASchemaThatSluiceMade() async throws {
        try await SinkWorld.with { world in
            let (readers, database) = (["one", "two", "none"].map { "\($0)_\(world.database.name)" }, world.database)
            try await database.query(readers.map { "CREATE ROLE \($0)" }.joined(separator: "; "))
            func mayUse(_ schema: String) async throws -> String {
                let columns = readers.map { "has_schema_privilege('\($0)', '\(schema)', 'USAGE')" }
                return try await database.query("SELECT \(columns.joined(separator: ", "))")
            }
            world.loader.options.readers = [readers[0]]
            try await world.loader.run([0], "new")
            #expect(try await mayUse("ads") == "t|f|f")
            // So do those of a table that comes later.
            world.loader.options.table = "ads.later"
            world.loader.options.readers = [readers[0], readers[1]]
            try await world.loader.run([0], "new")
            #expect(try await mayUse("ads") == "t|t|f")
            try await database.query("CREATE SCHEMA theirs")
            world.loader.options.table = "theirs.rows"
            try await world.loader.run([0], "new")
            #expect(try await mayUse("theirs") == "f|f|f")
            let granted = "SELECT has_table_privilege('\(readers[0])', 'theirs.rows', 'SELECT')"
            #expect(try await database.query(granted) == "t")
        }
    }

    @Test func newColumnsAreAdded() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "old")
            let wider = Schema(Loader.schema.columns + [Column(name: "clicks", type: .int64)])
            try await world.loader.run([1], "new", schema: wider) { week in Loader.rows(week, "new").map { $0 + ["3"] }
            }
            // A column that no longer comes stays, without values.
            try await world.loader.run([2], "new", schema: Schema([wider.columns[0]])) { _ in [["2-0"]] }
            let found = try await world.rows(columns: ["id", "note", "amount", "clicks"])
            #expect(
                found == Loader.rows(0, "old").map { $0 + [nil] } + Loader.rows(1, "new").map { $0 + ["3"] }
                    + [["2-0", nil, nil, nil]]
            )
        }
    }

    @Test(arguments: [
        ("numeric(6,2)", "decimal", "numeric"), ("numeric(6,2)", "decimal(8,2)", "numeric(8,2)"),
        ("numeric(6,2)", "decimal(8,4)", "numeric"), ("numeric", "decimal(6,2)", "numeric"),
        ("numeric(9,2)", "decimal(6,2)", "numeric(9,2)"), ("numeric", "int64", "numeric"),
        ("integer", "int64", "integer"), ("smallint", "int64", "smallint"),
        ("character varying(5)", "text", "character varying(5)"), ("jsonb", "json", "jsonb"),
    ])
    func otherTypesThatHoldTheValuesStayOrAreWidened(_ held: String, _ wanted: String, _ after: String) async throws {
        let type = try #require(ColumnType(wanted))
        try await SinkWorld.with { world in
            world.loader.options.adopt = true
            try await world.database.query("CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, amount \(held))")
            let schema = Schema([Column(name: "id", type: .text), Column(name: "amount", type: type)])
            try await world.loader.run([0], "new", schema: schema) { _ in [["1", "12"], ["2", nil]] }
            #expect(try await columns(world)[1] == "amount \(after)")
            let rows = try await world.rows(columns: ["id", "amount"])
            #expect(rows.map { $0[1]?.prefix(2) } == ["12", nil])
        }
    }

    @Test(arguments: [
        ("integer", "decimal"), ("text", "decimal"), ("double precision", "decimal"), ("numeric(6,2)", "int64"),
        ("timestamp with time zone", "timestamp"), ("bigint", "text"), ("character(5)", "text"), ("text", "json"),
        ("date", "timestamp"), ("uuid", "text"),
    ])
    func typesThatWouldNeedARewriteAreRefused(_ held: String, _ wanted: String) async throws {
        let type = try #require(ColumnType(wanted))
        try await SinkWorld.with { world in
            world.loader.options.adopt = true
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, "A b" \(held));
                CREATE VIEW ads.uses AS SELECT "A b" FROM ads.rows
                """
            )
            let schema = Schema([Column(name: "id", type: .text), Column(name: "A b", type: type)])
            let error = await #expect(throws: SinkError.self) {
                try await world.loader.run([0], "new", schema: schema) { _ in [["1", nil]] }
            }
            #expect(error?.code == .schema)
            #expect(error?.description.contains("ALTER TABLE \"ads\".\"rows\" ALTER COLUMN \"A b\" TYPE") == true)
            #expect(error?.description.contains("ads.uses") == true)
            #expect(try await columns(world) == ["id text", "A b \(held)"], "nothing was changed")
        }
    }

    @Test func viewsStandInTheWayOfWidening() async throws {
        try await SinkWorld.with { world in
            world.loader.options.adopt = true
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, note text, amount numeric(6,2));
                CREATE VIEW ads.sums AS SELECT sum(amount) FROM ads.rows; CREATE VIEW ads.ids AS SELECT id FROM ads.rows
                """
            )
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.code == .schema && error?.description.contains("ads.sums") == true)
            #expect(
                error?.description.contains("ads.ids") == false && error?.description.contains("ALTER TABLE") == true
            )
        }
    }

    @Test func columnsThatMustHaveAValueAreRefused() async throws {
        try await SinkWorld.with { world in
            world.loader.options.adopt = true
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, number bigserial NOT NULL,
                    at timestamptz NOT NULL DEFAULT now(), owner text NOT NULL)
                """
            )
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.code == .schema && error?.description.contains("'owner'") == true)
            try await world.database.query("ALTER TABLE ads.rows ALTER owner DROP NOT NULL")
            try await world.loader.run([0], "new")
            #expect(try await world.rows() == Loader.rows(0, "new"))
        }
    }

    @Test func namesThatTheServerWouldCutAreRefused() async throws {
        try await SinkWorld.with { world in
            let schema = Schema([Column(name: String(repeating: "ä", count: 32), type: .text)])
            let error = await #expect(throws: SinkError.self) {
                try await world.loader.open { try await $0.check(landing: schema) }
            }
            #expect(error?.code == .schema && error?.description.contains("63 bytes") == true)
            world.loader.options.table = "ads." + String(repeating: "x", count: 63)
            try await world.loader.run([0], "new")
            let indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'ads'"
            #expect(try await world.database.query(indexes) == "1")
        }
    }

    @Test(arguments: PostgresSink.Options.reservedColumns.sorted())
    func namesOfSystemColumnsAreRefused(_ name: String) async throws {
        try await SinkWorld.with { world in
            let schema = Schema([Column(name: name, type: .text)])
            let checked = await #expect(throws: SinkError.self) {
                try await world.loader.open { try await $0.check(landing: schema) }
            }
            let error = await #expect(throws: SinkError.self) {
                try await world.loader.run([0], "new", schema: schema) { _ in [["1"]] }
            }
            #expect(error?.code == .schema && error == checked)
            #expect(error?.description.contains("column '\(name)'") == true, "\(error as Any)")
            #expect(error?.description.contains("rename it") == true)
            // What is refused is what the server has, and no other.
            let found = try await world.database.query(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_class'::regclass AND attnum < 0 ORDER BY 1"
            )
            #expect(found == PostgresSink.Options.reservedColumns.sorted().joined(separator: "\n"))
        }
    }

    // MARK: Adoption

    @Test func aTableOfSomebodyElseIsRefused() async throws {
        try await SinkWorld.with { world in
            try await world.database.query(
                "CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, note text, amount numeric)"
            )
            func refusal() async -> String {
                let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
                let checked = await #expect(throws: SinkError.self) {
                    try await world.loader.open { try await $0.check(landing: nil) }
                }
                #expect(error?.code == .configuration && error == checked)
                return error?.description ?? ""
            }
            #expect(await refusal().contains("adopt: true"))
            world.loader.options.adopt = true
            try await world.database.query("INSERT INTO ads.rows VALUES ('mine', 'before', 1)")
            #expect(await refusal().contains("existing: keep"))
            try await world.database.query("DROP TABLE ads.rows; CREATE VIEW ads.rows AS SELECT 1 AS id")
            #expect(await refusal().contains("no table"))
        }
    }

    @Test(arguments: LoadMode.allCases, PostgresSink.Options.Existing.allCases)
    func anAdoptedTableKeepsItsRowsOrNot(_ mode: LoadMode, _ existing: PostgresSink.Options.Existing) async throws {
        try await SinkWorld.with(mode: mode) { world in
            world.loader.options.adopt = true
            world.loader.options.existing = existing
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE TABLE ads.rows (amount numeric, extra text DEFAULT 'x', id text, note text);
                INSERT INTO ads.rows VALUES (1, 'y', 'mine', 'before')
                """
            )
            // A load that fails leaves them in any case.
            _ = await world.failure(of: 0) { throw SinkError(.destination, "stop") }
            #expect(try await world.database.query("SELECT id, note FROM ads.rows") == "mine|before")
            try await world.loader.run([0, 1], "new")
            let kept: [[String?]] = existing == .keep ? [["mine", "before", "1"]] : []
            try await world.expectFinished(Loader.rows([0, 1], "new") + kept)
            // What somebody adds later is nobody's business.
            try await world.database.query("INSERT INTO ads.rows (id) VALUES ('later')")
            try await world.loader.run([0, 1], "newer")
            try await world.expectFinished(Loader.rows([0, 1], "newer") + kept + [["later", nil, nil]])
        }
    }

    // MARK: Several exports

    @Test(arguments: LoadMode.allCases) func exportsThatShareATableTouchOnlyTheirRows(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            var other = world.loader
            other.export.export = "others"
            // The same keys, in windows of their own.
            try await world.loader.run([0, 1], "first")
            try await other.run([10], "second") { _ in Loader.rows(0, "second") }
            try await world.expectFinished(Loader.rows([0, 1], "first") + Loader.rows(0, "second"))
            try await world.loader.run([0, 1], "third", replacesAll: mode == .replace)
            try await world.expectFinished(Loader.rows([0, 1], "third") + Loader.rows(0, "second"))
            #expect(try await other.ledger().checkpoints.count == 1)
        }
    }

    /// Rows keep the first name: whoever comes with a later one would load them beside themselves.
    @Test(arguments: LoadMode.allCases) func rowsOfARenamedExportAreNotLoadedTwice(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            func named(_ name: String, from first: String? = nil, job: String = "tests") -> Loader {
                var loader = world.loader
                loader.export = ExportID(job: "tests", export: first ?? name)
                loader.current = ExportID(job: job, export: name)
                return loader
            }
            func refusal(_ loader: Loader) async -> String {
                let error = await #expect(throws: SinkError.self) { try await loader.run([0], "second") }
                #expect(error?.code == .configuration)
                // Whoever only looks is told the same.
                let look = await #expect(throws: SinkError.self) { try await loader.ledger() }
                #expect(look?.description == error?.description)
                return error?.description ?? ""
            }
            try await named("n1").run([0], "one")
            try await named("n2", from: "n1").run([0, 1], "two")
            // The chain, and a line that was taken out.
            #expect(await refusal(named("n3", from: "n2")).contains("`renamed_from: n1` in the export"))
            #expect(await refusal(named("n2")).contains("under the name tests/n1"))
            try await named("n3", from: "n1").run([0, 1], "three")
            #expect(await refusal(named("n3")).contains("`renamed_from: n1` in the export"))
            // The name in between is free again, and so is the last once it is given back.
            try await named("n2").run([10], "other") { _ in Loader.rows(10, "other") }
            try await named("n1").run([0, 1], "four")
            try await named("n3").run([20], "third") { _ in Loader.rows(20, "third") }
            try await named("n1", job: "tests 2").run([0, 1], "five")
            var job = named("n1")
            job.export.job = "tests 2"
            job.current = nil
            #expect(await refusal(job).contains("`renamed_from: tests` in the job"))
            // Two that change names keep their rows.
            try await named("n2", from: "n3").run([20], "third b") { _ in Loader.rows(20, "third b") }
            try await named("n3", from: "n2").run([10], "other b") { _ in Loader.rows(10, "other b") }
            let kept = try await world.database.query(
                "SELECT export, count(*) FROM sluice.windows GROUP BY 1 ORDER BY 1"
            )
            #expect(kept == "n1|2\nn2|1\nn3|1")
        }
    }

    /// A mode that changes replaces every row of the export once, and goes on from there.
    @Test(arguments: LoadMode.allCases, LoadMode.allCases)
    func aChangedMode(_ before: LoadMode, _ after: LoadMode) async throws {
        try await SinkWorld.with(mode: before) { world in
            try await world.loader.run([0, 1], "old")
            world.loader.options.mode = after
            world.loader.options.key = after == .merge ? ["id"] : []
            try await world.loader.run([1, 2], "new", replacesAll: true)
            try await world.expectFinished(Loader.rows([1, 2], "new"))
            try await world.loader.run([1, 2], "newer")
            try await world.expectFinished(Loader.rows([1, 2], "newer"))
        }
    }

    // MARK: Merge

    @Test func aKeyThatRepeatsNamesItsColumns() async throws {
        try await SinkWorld.with(mode: .merge) { world in
            world.loader.options.key = ["id", "note"]
            try await world.loader.run([0], "old")
            let error = await #expect(throws: SinkError.self) {
                try await world.loader.run([0], "new") { _ in Loader.rows(0, "new") + [["0-3", "new", nil]] }
            }
            #expect(error?.code == .value && error?.description.contains("(id, note)") == true)
            #expect(error?.isTransient == false)
            let staged = await #expect(throws: SinkError.self) {
                try await world.loader.run([0], "new", replacesAll: true) { _ in
                    Loader.rows(0, "new") + [["0-3", "new", nil]]
                }
            }
            #expect(staged == error)
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }

    @Test(arguments: PostgresSink.Options.Vanished.allCases)
    func rowsThatVanishedAreDeletedOrKept(_ vanished: PostgresSink.Options.Vanished) async throws {
        try await SinkWorld.with(mode: .merge) { world in
            world.loader.options.vanished = vanished
            try await world.loader.run([0, 1], "old")
            try await world.loader.run([0], "new") { _ in Array(Loader.rows(0, "new").dropFirst(5)) }
            try await world.expectFinished(
                Loader.rows(0, "new").dropFirst(5) + Loader.rows(1, "old")
                    + (vanished == .keep ? Loader.rows(0, "old").prefix(5) : [])
            )
        }
    }

    /// Where the key holds no date, the latest window's row is the one that counts, whenever it was loaded.
    @Test(arguments: [false, true]) func theLatestWindowWins(_ replacesAll: Bool) async throws {
        try await SinkWorld.with(mode: .merge) { world in
            func rows(_ week: Int) -> [[String?]] { [["same", "week \(week)", "1"], ["\(week)", "own", nil]] }
            try await world.loader.run([0, 1, 2], "old", replacesAll: replacesAll, rows: rows)
            let latest: [[String?]] = [
                ["same", "week 2", "1"], ["0", "own", nil], ["1", "own", nil], ["2", "own", nil],
            ]
            try await world.expectFinished(latest)
            try await world.loader.run([1], "new", rows: rows)
            try await world.expectFinished(latest)
            // A window whose every row went to a later one is not missing.
            try await world.loader.run([0], "new") { _ in [["same", "week 0", "1"]] }
            try await world.expectFinished(latest.filter { $0[0] != "0" })
            try await world.database.query("TRUNCATE ads.rows")
            #expect(try await world.loader.ledger().gone.count == 3)
        }
    }

    @Test func withoutDimensionsAKeyMustBeNamed() async throws {
        try await SinkWorld.with(mode: .merge) { world in
            world.loader.options.key = []
            try await world.loader.run([0], "new")
            let loader = world.loader
            let error = await #expect(throws: SinkError.self) {
                try await loader.open { sink in
                    try await sink.withRun(loader.request("run")) { run in
                        try await run.begin(loader.plan([.week(1)]))
                        _ = try await run.load(Load(window: .week(1), schema: Loader.schema)) { _ in
                            Checkpoint(.week(1), of: loader.export, rows: 0, schema: Loader.schema)
                        }
                        return true
                    }
                }
            }
            #expect(error?.code == .configuration && error?.description.contains("key: [") == true)
        }
    }

    // MARK: Values

    @Test func aValueWithoutAFormNamesItsPlaceAndNotItself() async throws {
        try await SinkWorld.with { world in
            let rows: [[String?]] = Loader.rows(0, "ok") + [["secret\u{0}", nil, nil]]
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") { _ in rows } }
            #expect(
                error?.code == .value && error?.description.contains("row 21, column id") == true,
                "\(error as Any)"
            )
            #expect(error?.description.contains("secret") == false)
            // What only the server can tell: a constraint of an adopted table.
            try await world.loader.run([0], "old")
            try await world.database.query("ALTER TABLE ads.rows ADD CHECK (note <> 'hunter2')")
            let refused = await #expect(throws: SinkError.self) { try await world.loader.run([0], "hunter2") }
            #expect(refused?.code == .value && refused?.description.contains("hunter2") == false, "\(refused as Any)")
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }

    @Test(arguments: LoadMode.allCases) func rowsThatATriggerDropsAreMissed(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0], "old")
            try await world.database.query(
                """
                CREATE FUNCTION ads.skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER skip BEFORE INSERT ON ads.rows FOR EACH ROW EXECUTE FUNCTION ads.skip()
                """
            )
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.description.contains("does a trigger") == true, "\(error as Any)")
            if mode == .replaceWindow {
                #expect(error?.description.contains("20 were sent and the server stored 0") == true, "\(error as Any)")
            }
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }

    /// A trigger keeps the rows that are to be replaced, without a word: they would be there twice.
    @Test(arguments: LoadMode.allCases) func rowsThatATriggerKeepsAreMissed(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0], "old")
            try await world.database.query(
                """
                CREATE FUNCTION ads.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER "keep it" BEFORE DELETE ON ads.rows FOR EACH ROW EXECUTE FUNCTION ads.keep()
                """
            )
            let fewer = Array(Loader.rows(0, "new").dropFirst())
            let error = await #expect(throws: SinkError.self) {
                try await world.loader.run([0], "new") { _ in fewer }
            }
            #expect(error?.description.contains("the trigger keep it keeps them") == true, "\(error as Any)")
            try await world.expectRows(Loader.rows(0, "old"))
            // One that lets them go is none of our business.
            try await world.database.query(
                "CREATE OR REPLACE FUNCTION ads.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
            )
            try await world.loader.run([0], "new") { _ in fewer }
            try await world.expectFinished(fewer)
        }
    }

    @Test(arguments: LoadMode.allCases, ["INSERT", "UPDATE", "DELETE"])
    func rulesThatDoSomethingElseAreRefused(_ mode: LoadMode, _ event: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0], "old")
            try await world.database.query("CREATE RULE other AS ON \(event) TO ads.rows DO INSTEAD NOTHING")
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.code == .configuration && error?.description.contains("DROP RULE \"other\"") == true)
            try await world.database.query("DROP RULE other ON ads.rows")
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }

    /// Rows that a policy hides would neither be replaced nor counted.
    @Test(arguments: LoadMode.allCases) func rowLevelSecurityIsRefused(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            let role = "loader_" + world.database.name
            let administrator = world.database
            try await administrator.query(
                "CREATE ROLE \(role) LOGIN; GRANT CREATE ON DATABASE \(administrator.name) TO \(role)"
            )
            world.loader.options.url =
                "postgresql://\(role)@/\(administrator.name)?host=\(administrator.server.folder)"
                + "&port=\(administrator.server.port)"
            try await world.loader.run([0], "old")
            try await administrator.query(
                """
                ALTER TABLE ads.rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                CREATE POLICY part ON ads.rows USING (id > '0-5') WITH CHECK (true)
                """
            )
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(error?.description.contains("BYPASSRLS") == true, "\(error as Any)")
            try await world.expectRows(Loader.rows(0, "old"))
        }
    }

    /// The indexes of a table that was renamed keep their names, and so do those of one whose long name begins alike.
    @Test(arguments: LoadMode.allCases, ["rows", String(repeating: "ä", count: 29) + "ende"])
    func namesOfIndexesMayBeTaken(_ mode: LoadMode, _ name: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            world.loader.options.table = "ads.\(name)"
            try await world.loader.run([0], "old")
            try await world.database.query("ALTER TABLE ads.\"\(name)\" RENAME TO \"\(name)x\"")
            try await world.loader.run([0], "new")
            let indexes = try await world.database.query(
                "SELECT tablename, count(*) FROM pg_indexes WHERE schemaname = 'ads' GROUP BY 1 ORDER BY length(tablename)"
            )
            let count = mode == .merge ? 2 : 1
            #expect(indexes == "\(name)|\(count)\n\(name)x|\(count)")
            #expect(try await world.database.query("SELECT DISTINCT note FROM ads.\"\(name)\"") == "new")
        }
    }

    @Test func theIndexOfKeysIsMadeAgain() async throws {
        try await SinkWorld.with(mode: .merge) { world in
            try await world.loader.run([0], "old")
            try await world.database.query(
                "DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ads.' || quote_ident(indexname) FROM pg_indexes"
                    + " WHERE indexdef LIKE '%(_sluice_key)'); END $$"
            )
            try await world.loader.run([0], "new")
            try await world.expectFinished(Loader.rows(0, "new"))
        }
    }

    @Test(arguments: LoadMode.allCases) func aPartitionedTable(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            world.loader.options.adopt = true
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE TABLE ads.rows (id text, note text, amount numeric) PARTITION BY RANGE (id);
                CREATE TABLE ads.low PARTITION OF ads.rows FOR VALUES FROM (MINVALUE) TO ('1');
                CREATE TABLE ads.high PARTITION OF ads.rows FOR VALUES FROM ('1') TO (MAXVALUE)
                """
            )
            guard mode != .merge else {
                let error = await #expect(throws: SinkError.self) { try await world.loader.run([0, 1], "new") }
                #expect(error?.code == .configuration && error?.description.contains("is partitioned") == true)
                return
            }
            try await world.loader.run([0, 1], "old")
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
            // A trigger of a partition alone counts as well.
            guard mode != .append else { return }
            try await world.database.query(
                """
                CREATE FUNCTION ads.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER keep BEFORE DELETE ON ads.low FOR EACH ROW EXECUTE FUNCTION ads.keep()
                """
            )
            await #expect(throws: SinkError.self) { try await world.loader.run([0, 1], "newer") }
        }
    }

    /// A domain is what it is made of, with the conditions it sets.
    @Test func domainsTakeWhatTheyAreMadeOf() async throws {
        try await SinkWorld.with { world in
            world.loader.options.adopt = true
            try await world.database.query(
                """
                CREATE SCHEMA ads; CREATE DOMAIN ads.word AS varchar(6) NOT NULL;
                CREATE DOMAIN ads.money AS numeric CHECK (value < 100);
                CREATE TABLE ads.rows (id text, note ads.word, amount ads.money)
                """
            )
            try await world.loader.run([0], "new")
            try await world.expectFinished(Loader.rows(0, "new"))
            #expect(try await columns(world)[1...2] == ["note ads.word", "amount ads.money"])
            for row in [["1", "too long", "1"], ["1", nil, "1"], ["1", "x", "100"]] {
                let error = await #expect(throws: SinkError.self) {
                    try await world.loader.run([1], "new") { _ in [row, row] }
                }
                #expect(error?.code == .value, "\(error as Any)")
            }
        }
    }
}
#endif
