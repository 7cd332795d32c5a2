import Foundation
import Sandbox
import TestSupport
import Testing

/// Several destinations of one export: one read, and one that fails does not take the others with it.
@Suite struct DestinationsTests {
    private static let both = ["csv: {path: csv/}", "ndjson: {path: json/}"]

    @Test func oneReadLoadsBoth() async throws {
        try await withWorld { world in
            try await world.run(.one { $0.into = Self.both })
            #expect(world.submissions.count == 4)
            let (csv, json) = (try world.folder.windows("csv"), try world.folder.windows("json"))
            #expect(csv.map(\.note.scheduleIDs) == json.map(\.note.scheduleIDs), "each checkpoint names the fetch")
            #expect(csv.map(\.note.counts.loaded) == json.map(\.note.counts.loaded))
            // A window missing in one of them is fetched once, and loaded into that one.
            try world.folder.remove("json/window=2024-01-08..2024-01-14")
            world.sandbox.clearRequests()
            try await world.run(.one { $0.into = Self.both })
            #expect(world.queriedDays == ["2024-01-08..2024-01-14"])
            #expect(try world.folder.windows("json").count == 4)
            // A destination that is added takes everything; the other is left alone.
            world.sandbox.clearRequests()
            let before = try world.folder.files("csv")
            try await world.run(.one { $0.into = Self.both + ["csv: {path: all.csv.gz}"] })
            #expect(world.submissions.count == 4)
            #expect(try world.folder.csvRows("all.csv.gz").count == 84)
            #expect(try world.folder.files("csv") == before)
        }
    }

    @Test func oneThatCannotBeOpenedIsLeftOut() async throws {
        try await withWorld { world in
            try world.folder.write("", to: "json")
            let outcome = try await world.run(.one { $0.into = Self.both }, expecting: 4)
            #expect(outcome.everything.contains("json"))
            #expect(try world.folder.windows("csv").count == 4)
            try world.folder.remove("json")
            world.sandbox.clearRequests()
            try await world.run(.one { $0.into = Self.both })
            #expect(try world.folder.windows("json").count == 4)
        }
    }

    @Test(.enabled("needs the right to mount a file system", DiskTests.SmallDisk.isPermitted))
    func oneThatFailsIsDetached() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 400 }) { world in
            try await DiskTests.SmallDisk.with(128 << 10, in: world.folder) {
                let job = JobText.one {
                    $0.into = ["csv: {path: csv/}", "ndjson: {path: disk/json/, compression: none}"]
                    $0.window = "{size: day}"
                }
                let outcome = try await world.run(job, "--summary", "summary.json", expecting: 4)
                #expect(outcome.everything.contains("disk/json"), "\(outcome.everything)")
                #expect(try world.folder.windows("csv").count == 28, "the healthy destination has everything")
                _ = try world.folder.windows("disk/json")
                #expect(world.submissions.count == 28)
            }
        }
    }

    @Test func twoExportsMayShareDestinationsInAnyOrder() async throws {
        try await withWorld { world in
            var job = JobText.one { $0.into = ["csv: {path: a.csv}", "csv: {path: b/}"] }
            var other = ExportText()
            (other.name, other.into) = ("more", ["csv: {path: c/}", "csv: {path: d.csv}"])
            job.exports.append(other)
            try await world.run(job)
            #expect(world.folder.visible() == ["a.csv", "b", "c", "d.csv", "job.yaml"])
        }
    }

    @Test func aFolderBelongsToOneExportAndOneFormat() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let before = try world.folder.files("out")
            let foreign = try await world.run(.one { $0.name = "other" }, expecting: 2)
            #expect(foreign.everything.contains("give each export a folder of its own"))
            let format = try await world.run(.one { $0.into = ["ndjson: {path: out/}"] }, expecting: 2)
            #expect(format.everything.contains("give each format a folder of its own"))
            let after = try world.folder.files("out")
            #expect(after.keys.sorted() == before.keys.sorted())
            #expect(before.filter { after[$0.key] != $0.value }.keys.sorted() == [])
            // Under its former name it is the same.
            let renamed = JobText.one {
                $0.name = "spend"
                $0.more = ["renamed_from: ads"]
            }
            world.sandbox.clearRequests()
            try await world.run(renamed)
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    // MARK: Which exit code wins

    @Test func aQuotaWinsOverWhatWasLoaded() async throws {
        try await withWorld { world in
            world.sandbox.chooseFaults { request in
                request.parameters["start_date"] == "2024-01-22" ? .named(.quota) : nil
            }
            let job = JobText.one(api: "{concurrent_queries: 1, requests_per_second: 4}")
            let outcome = try await world.run(job, "--summary", "summary.json", expecting: 7)
            #expect(outcome.everything.contains("API_ROW_QUOTA_EXCEEDED"))
            #expect(try world.summary().exitCode == 7)
            #expect(world.submissions.filter { $0.parameters["start_date"] == "2024-01-22" }.count == 1)
        }
    }

    @Test func theFirstCauseDecidesWhereNothingIsLoaded() async throws {
        try await withWorld { world in
            try world.folder.write("", to: "file")
            let job = JobText.one { $0.into = ["csv: {path: file/out/}"] }
            try await world.run(job, expecting: 6)
            world.sandbox.update { $0.faults = [Fault(.status(400))] }
            try await world.run(JobText(), expecting: 5)
        }
    }

    @Test func oneExportThatFailsLeavesTheOtherAndTellsPartial() async throws {
        try await withWorld { world in
            var job = JobText()
            var other = ExportText()
            (other.name, other.into, other.fields) = ("broken", ["csv: {path: broken/}"], "[Date, Nonsense]")
            job.exports.append(other)
            let outcome = try await world.run(job, expecting: 4)
            #expect(outcome.everything.contains("Nonsense"))
            #expect(try world.folder.windows().count == 4)
            // Settled windows count as loaded: still partial the next night.
            try await world.run(job, expecting: 4)
            // A key that is refused wins over everything.
            try await world.run(job, "--reload=all", expecting: 3, environment: ["SUPERMETRICS_API_KEY": "api_wrong"])
            #expect(try world.folder.windows().count == 4)
        }
    }
}
