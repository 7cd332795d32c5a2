#if Postgres
import Foundation
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// What `check` tells, and roles that may do less than everything.
@Suite struct PostgresCheckTests {
    private func notes(_ world: SinkWorld) async throws -> [SinkNote] {
        try await world.loader.open { try await $0.check(landing: Loader.schema) }
    }

    @Test func itTellsWhatItWouldMake() async throws {
        try await SinkWorld.with { world in
            #expect(
                try await notes(world).map(\.text) == [
                    "make the ledger in schema sluice", "create the schema ads",
                    "create the table ads.rows (id text, note text, amount numeric)",
                ]
            )
            #expect(try await world.database.query("SELECT to_regnamespace('sluice'), to_regnamespace('ads')") == "|")
            try await world.loader.run([0], "new")
            #expect(try await notes(world) == [])
            try await world.database.query("ALTER TABLE ads.rows DROP COLUMN note")
            #expect(try await notes(world).map(\.text) == ["add the column note text to ads.rows"])
        }
    }

    @Test func itWarnsOfWhatALoadSetsOff() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "new")
            try await world.database.query(
                """
                CREATE FUNCTION ads.log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
                CREATE TRIGGER log_delete BEFORE DELETE ON ads.rows FOR EACH ROW EXECUTE FUNCTION ads.log();
                CREATE TRIGGER log_insert BEFORE INSERT ON ads.rows FOR EACH ROW EXECUTE FUNCTION ads.log();
                CREATE PUBLICATION everything FOR TABLE ads.rows
                """
            )
            let notes = try await notes(world)
            #expect(notes.allSatisfy { $0.kind == .warning } && notes.count == 2, "\(notes)")
            #expect(notes[0].text.contains("log_delete") && notes[1].text.contains("everything"))
        }
    }

    @Test func foreignKeysThatCascadeAreRefused() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "new")
            try await world.database.query(
                """
                ALTER TABLE ads.rows ADD UNIQUE (id);
                CREATE TABLE ads.notes (row_id text CONSTRAINT of_row REFERENCES ads.rows (id) ON DELETE CASCADE)
                """
            )
            let error = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(error?.code == .configuration && error?.description.contains("of_row of ads.notes") == true)
            _ = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            try await world.database.query(
                "ALTER TABLE ads.notes DROP CONSTRAINT of_row, ADD FOREIGN KEY (row_id) REFERENCES ads.rows (id)"
            )
            #expect(try await notes(world).map(\.text) == ["rows that ads.notes refers to cannot be replaced"])
        }
    }

    /// Somebody who may not make schemas is told what to have run, and that is enough.
    @Test func aRoleThatMayNotMakeALedger() async throws {
        try await SinkWorld.with { world in
            let role = "loader_" + world.database.name
            try await world.database.query("CREATE ROLE \(role) LOGIN; CREATE SCHEMA ads; CREATE ROLE reader_\(role)")
            let administrator = world
            world.loader.options.url =
                "postgresql://\(role)@/\(world.database.name)?host=\(world.database.server.folder)"
                + "&port=\(world.database.server.port)"
            let error = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            let checked = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(error?.code == .destination && checked?.code == .destination)
            try await administrator.database.query(Self.script(error))

            let table = await #expect(throws: SinkError.self) { try await notes(world) }
            let refused = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            for error in [table, refused] {
                #expect(error?.description.contains("CREATE TABLE \"ads\".\"rows\"") == true, "\(error as Any)")
            }
            try await administrator.database.query("GRANT CREATE, USAGE ON SCHEMA ads TO \(role)")
            for mode in LoadMode.allCases {
                world.loader.options.mode = mode
                world.loader.options.table = "ads.\(mode.rawValue)"
                world.loader.options.key = mode == .merge ? ["id"] : []
                #expect(try await notes(world).count == 1)
                try await world.loader.run([0], "new")
                try await world.loader.run([0], "newer")
                let rows = try await administrator.database.query("SELECT DISTINCT note FROM ads.\(mode.rawValue)")
                #expect(rows == "newer")
            }
        }
    }

    /// The statements at the end of an error.
    private static func script(_ error: SinkError?) throws -> String {
        let text = try #require(error?.description)
        return String(text[try #require(text.range(of: "BEGIN;")).lowerBound...])
    }

    /// What `check` hands out, run once by somebody who may, is all that a role needs which may do nothing.
    @Test(arguments: LoadMode.allCases) func aRoleThatMayMakeNothing(_ mode: LoadMode) async throws {
        try await SinkWorld.with(mode: mode) { world in
            let role = "loader_" + world.database.name
            let administrator = world.database
            try await administrator.query(
                "CREATE ROLE \(role) LOGIN; REVOKE ALL ON DATABASE \(administrator.name) FROM PUBLIC;"
                    + " GRANT CONNECT ON DATABASE \(administrator.name) TO \(role)"
            )
            world.loader.options.url =
                "postgresql://\(role)@/\(administrator.name)?host=\(administrator.server.folder)"
                + "&port=\(administrator.server.port)"
            if mode == .merge {
                let temporary = await #expect(throws: SinkError.self) { try await notes(world) }
                let grant = "GRANT TEMPORARY ON DATABASE \"\(administrator.name)\" TO \"\(role)\""
                #expect(temporary?.description.contains(grant) == true, "\(temporary as Any)")
                try await administrator.query(grant)
            }
            try await administrator.query("CREATE ROLE reader_of_\(administrator.name)")
            world.loader.options.readers = ["reader_of_\(administrator.name)"]
            let error = await #expect(throws: SinkError.self) { try await notes(world) }
            try await administrator.query(Self.script(error))
            #expect(try await notes(world) == [])
            let mayRead =
                "has_schema_privilege(r, 'ads', 'USAGE') AND has_table_privilege(r, 'ads.rows', 'SELECT')"
            let readers = "SELECT \(mayRead) FROM (SELECT 'reader_of_\(administrator.name)'::name AS r) AS role"
            #expect(try await administrator.query(readers) == "t")
            try await world.loader.run([0, 1], "old")
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
            let indexes = try await administrator.query(
                "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%(_sluice_window)'"
            )
            #expect(indexes == "1")
            // The same for a change of the table.
            let wider = Schema(Loader.schema.columns + [Column(name: "clicks", type: .int64)])
            func load() async throws {
                try await world.loader.run([0], "wide", schema: wider) { Loader.rows($0, "wide").map { $0 + ["3"] } }
            }
            let owner = await #expect(throws: SinkError.self) { try await load() }
            try await administrator.query(Self.script(owner))
            try await load()
        }
    }

    @Test func aLedgerThatLostATable() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "new")
            try await world.database.query("DROP TABLE sluice.attempts, sluice.rejected")
            let error = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(error?.description.contains("has lost attempts, rejected") == true, "\(error as Any)")
            let refused = await #expect(throws: SinkError.self) { try await world.loader.run([0], "newer") }
            #expect(refused?.description.contains("`sluice check`") == true, "\(refused as Any)")
        }
    }

    @Test func aMissingPrivilegeIsNamed() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "new")
            let role = "loader_" + world.database.name
            try await world.database.query("CREATE ROLE \(role) LOGIN; GRANT USAGE ON SCHEMA ads TO \(role)")
            let administrator = world
            world.loader.options.url =
                "postgresql://\(role)@/\(world.database.name)?host=\(world.database.server.folder)"
                + "&port=\(world.database.server.port)"
            let ledger = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(ledger?.description.contains("GRANT USAGE, CREATE ON SCHEMA \"sluice\"") == true)
            for statement in LedgerMigrations.grants(in: "sluice", to: role) {
                try await administrator.database.query(statement)
            }
            let error = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(error?.description.contains("GRANT SELECT, INSERT, DELETE ON \"ads\".\"rows\"") == true)
            try await administrator.database.query("GRANT SELECT, INSERT, DELETE ON ads.rows TO \(role)")
            try await administrator.database.query("REVOKE USAGE ON SCHEMA ads FROM \(role)")
            let usage = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(usage?.description.contains("GRANT USAGE ON SCHEMA \"ads\" TO \"\(role)\"") == true)
            try await administrator.database.query("GRANT USAGE ON SCHEMA ads TO \(role)")
            #expect(try await notes(world) == [])
            try await world.loader.run([0], "newer")
            let schema = Schema(Loader.schema.columns + [Column(name: "clicks", type: .int64)])
            let owner = await #expect(throws: SinkError.self) {
                try await world.loader.open { try await $0.check(landing: schema) }
            }
            #expect(owner?.description.contains("owner") == true)
        }
    }

    @Test func aServerThatCannotBeReached() async throws {
        var loader = Loader(url: "postgresql://u:hunter2@127.0.0.1:1/db")
        let error = await #expect(throws: SinkError.self) { try await loader.run([0], "new") }
        #expect(error?.code == .destination && error?.description.contains("hunter2") == false)
        loader.options.url = "postgresql://u:hunter2@[/db"
        let mistake = await #expect(throws: SinkError.self) { try await loader.run([0], "new") }
        #expect(mistake?.code == .configuration && mistake?.description.contains("hunter2") == false)
    }
}
#endif
