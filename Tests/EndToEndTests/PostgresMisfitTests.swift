#if Postgres
import Foundation
import PostgresTesting
import Sandbox
import Testing
import TestSupport

/// Rows that only the table has no form for, by what the job does with bad rows.
@Suite struct PostgresMisfitTests {
    /// Of 3 rows a day, those of the 3rd and the 10th are too long for the table, those of the 5th out of its range,
    /// and those of the 6th are stopped by a cast on their way.
    private static let stages = """
        stages:
            - derive: {label: date, number: date, price: date}
            - map:
                label: {"2024-01-03": "eleven long", "2024-01-10": "eleven long"}
                number: {"2024-01-05": "40000", _other: "7"}
                price: {"2024-01-06": "1234.5", _other: "-999.99"}
            - cast: {number: int64, price: "decimal(5,2)"}
        """

    private static let table = """
        CREATE SCHEMA ads;
        CREATE TABLE ads.spend (date date NOT NULL, campaign text, clicks numeric, cost numeric, label varchar(10),
            number smallint NOT NULL, price numeric(5,2))
        """

    private static func job(_ mode: String, _ onBadRow: String) -> JobText {
        .one {
            $0.more = [stages, "on_bad_row: \(onBadRow)"]
            $0.into = [
                PostgresTests.entry(mode, table: "ads.spend", ", adopt: true"), "csv: {path: out/, compression: none}",
            ]
        }
    }

    private static let rejected = """
        SELECT r.column_name, r.stage, r.rule, r.page, count(*), min(r.row_number), count(DISTINCT r.request_id),
            string_agg(DISTINCT r.cells->>'date', ' ')
        FROM sluice.rejected AS r GROUP BY 1, 2, 3, 4 ORDER BY 8
        """

    /// The table and the folder, which could take them, hold the same rows and the same counts.
    @Test(arguments: ["replace_window", "append", "merge", "replace"])
    func theyAreQuarantinedInAllDestinations(_ mode: String) async throws {
        try await PostgresTests.withWorlds { world, database, environment in
            try await database.query(Self.table)
            let outcome = try await world.run(Self.job(mode, "quarantine"), environment: environment)
            #expect(outcome.everything.contains("9 bad rows in quarantine"), "\(outcome.everything)")
            let rejected = try await database.query(Self.rejected)
            #expect(
                rejected
                    == """
                    label|load|longer than character varying(10), the column of the table|1|6|7|2|2024-01-03 2024-01-10
                    number|load|out of the range of smallint, the column of the table|1|3|13|1|2024-01-05
                    price|cast|more digits than decimal(5,2) holds|1|3|16|1|2024-01-06
                    """
            )
            #expect(try await database.query("SELECT count(*), max(length(label)) FROM ads.spend") == "72|10")
            let files = try FileManager.default.subpathsOfDirectory(atPath: world.folder.path + "/out")
            let lines = try files.filter { $0.hasSuffix(".csv") }.map { file in
                try world.folder.text("out/\(file)").split(separator: "\n").count - 1
            }
            #expect(lines.sorted() == [12, 18, 21, 21])
            #expect(files.count { $0.hasSuffix("_rejected.ndjson.gz") } == 2)
            let counts = try await database.query(
                "SELECT sum((checkpoint #>> '{counts,rejected}')::int), sum((checkpoint #>> '{counts,loaded}')::int)"
                    + " FROM sluice.windows"
            )
            #expect(counts == "12|72")

            // A table that takes them gets them when its windows are loaded again, and quarantine is empty.
            guard mode != "append" else { return }
            try await database.query(
                "ALTER TABLE ads.spend ALTER label TYPE text, ALTER number TYPE bigint"
            )
            try await world.run(Self.job(mode, "quarantine"), "--reload=all", environment: environment)
            #expect(try await database.query("SELECT count(*) FROM ads.spend") == "81")
            #expect(try await database.query("SELECT count(*), min(stage) FROM sluice.rejected") == "3|cast")
        }
    }

    @Test(arguments: [
        ("{action: quarantine, max: 8}", 4, "more than 8", 60, 3),
        ("{action: quarantine, max: 20%}", 4, "9 of 21 rows are bad, more than 20%", 60, 3),
        ("{action: quarantine, max: 50%}", 0, "9 bad rows in quarantine", 72, 12),
        ("fail", 4, "row 7, column label: longer than character varying(10)", 42, 0),
    ])
    func theyCount(_ onBadRow: String, _ code: Int32, _ text: String, _ rows: Int, _ rejected: Int) async throws {
        try await PostgresTests.withWorlds { world, database, environment in
            try await database.query(Self.table)
            let job = Self.job("merge", onBadRow)
            let outcome = try await world.run(job, expecting: code, environment: environment)
            #expect(outcome.everything.contains(text), "\(outcome.everything)")
            // The other windows are in, in both destinations.
            let found = try await database.query(
                "SELECT (SELECT count(*) FROM ads.spend), (SELECT count(*) FROM sluice.rejected),"
                    + " (SELECT count(*) FROM sluice.windows)"
            )
            #expect(found == "\(rows)|\(rejected)|\(code == 0 ? 4 : onBadRow == "fail" ? 2 : 3)")
            let folders = try FileManager.default.contentsOfDirectory(atPath: world.folder.path + "/out")
            #expect(folders.count { $0.hasPrefix("window=") } == (code == 0 ? 4 : onBadRow == "fail" ? 2 : 3))
        }
    }
}
#endif
