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
            #expect(error?.code == .destination && error == checked)
            let text = try #require(error?.description)
            let script = try #require(text.range(of: "BEGIN;")).lowerBound
            try await administrator.database.query(String(text[script...]))

            let table = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(table?.description.contains("GRANT CREATE ON SCHEMA \"ads\" TO \"\(role)\"") == true)
            let refused = await #expect(throws: SinkError.self) { try await world.loader.run([0], "new") }
            #expect(refused?.description.contains("CREATE TABLE \"ads\".\"rows\"") == true, "\(refused as Any)")
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

    @Test func aMissingPrivilegeIsNamed() async throws {
        try await SinkWorld.with { world in
            try await world.loader.run([0], "new")
            let role = "loader_" + world.database.name
            try await world.database.query("CREATE ROLE \(role) LOGIN; GRANT USAGE ON SCHEMA ads TO \(role)")
            let administrator = world
            world.loader.options.url =
                "postgresql://\(role)@/\(world.database.name)?host=\(world.database.server.folder)"
                + "&port=\(world.database.server.port)"
            _ = await #expect(throws: SinkError.self) { try await notes(world) }
            for statement in LedgerMigrations.grants(in: "sluice", to: role) {
                try await administrator.database.query(statement)
            }
            let error = await #expect(throws: SinkError.self) { try await notes(world) }
            #expect(error?.description.contains("GRANT SELECT, INSERT, DELETE ON \"ads\".\"rows\"") == true)
            try await administrator.database.query("GRANT SELECT, INSERT, DELETE ON ads.rows TO \(role)")
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
