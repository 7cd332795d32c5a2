import Foundation
import PipelineTesting
import PostgresTesting
import Sandbox
import TestSupport
import Testing

/// Results whose columns their header row names: fields that are split into columns, and comparisons.
@Suite struct WideResultTests {
    private static let devices = ["computers", "mobile_devices", "tablets"]

    private static func job(_ change: (inout ExportText) -> Void = { _ in }) -> JobText {
        .one {
            $0.fields = "[Date, {id: Device, split: column}, Clicks]"
            change(&$0)
        }
    }

    /// Clicks by day and device, made of the rows of a plain export.
    private func sums(_ world: World) async throws -> [[String?]: Int] {
        try await world.run(.one { ($0.fields, $0.into) = ("[Date, Device, Clicks]", ["csv: {path: plain.csv}"]) })
        var sums: [[String?]: Int] = [:]
        for row in try world.folder.csvRows("plain.csv") {
            let device = row[1]?.lowercased().replacing(" ", with: "_")
            sums[[row[0], device], default: 0] += row[2].flatMap { Int($0) } ?? 0
        }
        return sums
    }

    @Test func aSplitFieldLandsInColumns() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.hostileRate = 0 }
            let sums = try await sums(world)
            try await world.run(Self.job())
            let rows = try world.folder.csvRows("out/")
            #expect(rows.count == 28)
            for row in rows {
                #expect(row.dropFirst().map { $0.flatMap { Int($0) } } == Self.devices.map { sums[[row[0], $0]] })
            }
            let header = try world.folder.text("out/window=2024-01-01..2024-01-07/part-0.csv.gz").prefix { $0 != "\n" }
            #expect(header == "date,computers,mobile_devices,tablets")
            // What is there is settled, and a second run asks nothing.
            world.sandbox.clearRequests()
            try await world.run(Self.job())
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test func unpivotMakesThemRowsWhateverTheyAre() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.hostileRate = 0 }
            let sums = try await sums(world)
            let job = Self.job {
                $0.more = [
                    "stages: [unpivot: {except: [date], name: device, value: clicks}, filter: \"clicks IS NOT NULL\"]"
                ]
                $0.into = ["csv: {path: long.csv}"]
            }
            try await world.run(job)
            var found: [[String?]: Int] = [:]
            for row in try world.folder.csvRows("long.csv") { found[[row[0], row[1]]] = row[2].flatMap { Int($0) } }
            #expect(found == sums)
        }
    }

    @Test func aWindowGetsTheColumnsThatRowsMake() async throws {
        try await withWorld { world in
            world.sandbox.update { ($0.hostileRate, $0.rowsPerDay) = (0, 3) }
            func job(until end: String) -> JobText {
                .one {
                    ($0.fields, $0.into) = ("[{id: Date, split: column}, Device, Clicks]", ["csv: {path: out/}"])
                    ($0.end, $0.window) = (end, "{size: all}")
                }
            }
            try await world.run(job(until: "2024-01-03"))
            #expect(try world.folder.csvRows("out/").map(\.count) == [4, 4, 4])
            // The same window again with a day more, which is a column more.
            try await world.run(job(until: "2024-01-04"))
            #expect(try world.folder.csvRows("out/").map(\.count) == [5, 5, 5])
        }
    }

    @Test func aComparisonLands() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.hostileRate = 0 }
            let job = JobText.one {
                $0.fields = "[Date, Clicks]"
                $0.query = ["compare_type: prev_year", "compare_show: value"]
                $0.into = ["ndjson: {path: out.ndjson}"]
            }
            try world.folder.write(job.yaml, to: "job.yaml")
            let checked = try await world.sluice("check", "job.yaml")
            #expect(checked.exitCode == 0 && checked.text.contains("named by its rows"), "\(checked.everything)")
            try await world.run(job)
            let text = try world.folder.text("out.ndjson")
            #expect(text.contains("\"clicks_prev_year\":"))
            #expect(text.split(separator: "\n").count == 84)
        }
    }

    /// The first week has no rows, and so nothing that could name its columns.
    private static func lateJob(into entries: [String]) -> JobText {
        job {
            ($0.end, $0.query) = ("2024-01-14", ["filter: \"Date >= 2024-01-08\""])
            ($0.into, $0.more) = (entries, ["stages: [rename: {tablets: slates}]"])
        }
    }

    @Test func aWindowWithoutRowsIsHeldToNoColumns() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.hostileRate = 0 }
            try await world.run(Self.lateJob(into: ["csv: {path: out.csv}", "csv: {path: out/}"]))
            let header = try world.folder.text("out.csv").prefix { $0 != "\n" }
            #expect(header == "date,computers,mobile_devices,slates")
            #expect(try world.folder.csvRows("out.csv").count == 7)
            #expect(try world.folder.csvRows("out/").count == 7)
            // The empty window is settled as any other.
            world.sandbox.clearRequests()
            try await world.run(Self.lateJob(into: ["csv: {path: out/}"]))
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    #if Postgres
    @Test(arguments: ["replace_window", "merge", "replace"])
    func aWindowWithoutRowsLeavesTheTableItsColumns(_ mode: String) async throws {
        try await PostgresTests.withWorlds { world, database, environment in
            world.sandbox.update { $0.hostileRate = 0 }
            let job = Self.lateJob(into: [PostgresTests.entry(mode)])
            try await world.run(job, environment: environment)
            let columns = try await database.query(
                "SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns"
                    + " WHERE table_name = 'spend' AND column_name NOT LIKE '\\_sluice%'"
            )
            #expect(columns == "computers,date,mobile_devices,slates")
            #expect(try await database.query("SELECT count(*) FROM ads.spend") == "7")
        }
    }

    @Test func columnsThatComeLaterAreAddedToTheTable() async throws {
        try await PostgresTests.withWorlds { world, database, environment in
            world.sandbox.update { $0.hostileRate = 0 }
            let job = Self.job {
                ($0.end, $0.query) = ("2024-01-14", ["filter: \"Device != Tablets OR Date >= 2024-01-08\""])
                $0.into = [PostgresTests.entry()]
            }
            // The first week has no tablets, the second has.
            let first = Self.job {
                ($0.end, $0.query) = ("2024-01-07", job.exports[0].query)
                $0.into = [PostgresTests.entry()]
            }
            try await world.run(first, environment: environment)
            try await world.run(job, environment: environment)
            let counts = try await database.query(
                "SELECT count(*), count(computers), count(tablets) FROM ads.spend"
            )
            #expect(counts == "14|14|7")
        }
    }
    #endif
}
