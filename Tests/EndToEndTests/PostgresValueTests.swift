#if Postgres
import Foundation
import PostgresTesting
import Sandbox
import Testing
import TestSupport

/// Rows in PostgreSQL are those that anyone would load from the CSV that sluice writes, for fields of all kinds.
@Suite struct PostgresValueTests {
    /// The rows that are in one table and not in the other, duplicates counted, both ways.
    private func differences(
        _ database: PostgresDatabase,
        _ columns: String,
        _ one: String,
        _ other: String
    ) async throws -> String {
        try await database.query(
            """
            (SELECT 'only \(one)', \(columns) FROM \(one) EXCEPT ALL SELECT 'only \(one)', \(columns) FROM \(other))
            UNION ALL
            (SELECT 'only \(other)', \(columns) FROM \(other) EXCEPT ALL SELECT 'only \(other)', \(columns) FROM \(one));
            """
        )
    }

    @Test(arguments: OutputTests.sources) func holdsWhatPsqlLoadsFromTheCSV(_ source: OutputTests.Source) async throws {
        let options = SandboxOptions.small.with { ($0.hostileRate, $0.rowsPerDay) = (0.4, 40) }
        try await PostgresTests.withWorlds(options) { world, database, _ in
            let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 33}") {
                ($0.source, $0.accounts) = (source.id, "[\"\(source.account)\"]")
                $0.fields = "[" + source.fields.joined(separator: ", ") + "]"
                $0.end = "2024-01-24"
                let double = OutputTests.snakeCase(source.fields.last ?? "")
                $0.more = ["stages: [cast: {\(OutputTests.snakeCase(source.fields[0])): timestamp, \(double): double}]"]
                $0.into = ["postgres: {url: \"\(database.url)\", table: ads.spend}", "csv: {path: out.csv}"]
            }
            try await world.run(job)
            let columns = source.fields.map { "\"\(OutputTests.snakeCase($0))\"" }.joined(separator: ", ")
            try await database.query(
                """
                CREATE TABLE copied AS SELECT \(columns) FROM ads.spend WITH NO DATA;
                \\copy copied FROM '\(world.folder.path)/out.csv' WITH (FORMAT csv, HEADER)
                """
            )
            #expect(try await database.query("SELECT count(*) FROM copied") == "\(24 * 40)")
            #expect(try await differences(database, columns, "copied", "ads.spend") == "")

            // Loaded once more over itself, it is still the same.
            try await world.run(job, "--reload=all")
            #expect(try await differences(database, columns, "copied", "ads.spend") == "")
        }
    }
}
#endif
