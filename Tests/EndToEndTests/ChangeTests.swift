import Foundation
import Sandbox
import TestSupport
import Testing

/// Changes of the job file and of what the platform gives: nothing is mixed, and the old data stay until the new are
/// whole.
@Suite struct ChangeTests {
    private static let renamed = JobText.one { $0.more = ["stages:", "  - rename: {clicks: taps}"] }
    private static let weeks = [
        "2024-01-01..2024-01-07", "2024-01-08..2024-01-14", "2024-01-15..2024-01-21",
        "2024-01-22..2024-01-28",
    ]

    @Test func anotherQueryStopsTheExportWithAList() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let before = try world.folder.files("out")
            world.sandbox.clearRequests()
            let stopped = try await world.run(Self.renamed, expecting: 2)
            for week in Self.weeks { #expect(stopped.everything.contains(week)) }
            #expect(stopped.everything.contains("--reload=stale"))
            #expect(stopped.everything.contains("--accept-stale"))
            #expect(world.sandbox.requests.isEmpty, "an export is stopped before its first request")
            #expect(try world.folder.files("out") == before)

            try await world.run(Self.renamed, "--reload=stale")
            #expect(try world.folder.csvHeader("out/") == ["date", "campaign", "taps", "cost"])
            #expect(world.submissions.count == 4)
            try await world.run(Self.renamed)
            #expect(world.submissions.count == 4)
        }
    }

    @Test func staleWindowsMayBeKept() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let rows = try world.folder.landed("out/")
            world.sandbox.clearRequests()
            try await world.run(Self.renamed, "--accept-stale")
            // Recorded once: from now on nobody asks.
            try await world.run(Self.renamed)
            #expect(world.sandbox.requests.isEmpty)
            #expect(try world.folder.landed("out/") == rows)
            // Back at the first query, they are what they were loaded as.
            try await world.run(JobText())
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test func windowsThatAreNotSettledJustReload() async throws {
        try await withWorld { world in
            let job = JobText.one {
                ($0.start, $0.end) = ("2 days ago", "yesterday")
                $0.window = "{size: day, lookback: 30 days}"
            }
            try await world.run(job)
            var changed = job
            changed.exports[0].more = ["stages:", "  - drop: [cost]"]
            try await world.run(changed)
            #expect(try world.folder.csvHeader("out/") == ["date", "campaign", "clicks"])
            #expect(world.submissions.count == 4)
        }
    }

    @Test func whatDecidesNoRowIsNoChange() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let other = JobText.one(api: "{page_rows: 7, requests_per_second: 5}") {
                $0.window = "{size: week, lookback: 3 days}"
                $0.more = ["on_sampled: warn", "on_empty: allow", "on_shrink: allow"]
                $0.query = ["filter: ''"].filter { _ in false }
            }
            try await world.run(other)
            #expect(world.submissions.count == 4)
        }
    }

    @Test func anotherGridReplacesEverythingAtOnce() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let rows = try world.folder.landed("out/")
            let months = JobText.one { $0.window = "{size: month}" }
            world.sandbox.clearRequests()
            let stopped = try await world.run(months, expecting: 2)
            #expect(stopped.everything.contains("size week (now month)"))
            #expect(stopped.everything.contains("--reload=all"))
            #expect(world.sandbox.requests.isEmpty)
            try await world.run(months, "--reload=all")
            #expect(world.folder.visible("out") == ["_manifest.json", "window=2024-01-01..2024-01-31"])
            #expect(try world.folder.landed("out/") == rows)
            #expect(world.queriedDays == ["2024-01-01..2024-01-28"])
            try await world.run(months)
            #expect(world.submissions.count == 1)
        }
    }

    @Test func aReloadTakesEverythingAgain() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            world.sandbox.update { $0.seed = 5 }
            let unchanged = try world.folder.landed("out/")
            try await world.run(JobText())
            #expect(try world.folder.landed("out/") == unchanged)
            try await world.run(JobText(), "--reload=all")
            #expect(world.submissions.count == 8)
            #expect(try world.folder.landed("out/") != unchanged)
            #expect(try world.folder.csvRows("out/").count == 84)
        }
    }

    // MARK: Rows that vanish

    private static let many = SandboxOptions.small.with { $0.rowsPerDay = 40 }

    @Test(arguments: [[String](), ["--allow-shrink"]]) func aReloadThatWouldLoseMostRowsIsRefused(_ allowed: [String])
        async throws
    {
        try await withWorld(Self.many) { world in
            try await world.run(JobText())
            let before = try world.folder.landed("out/")
            world.sandbox.update { $0.rowsPerDay = 10 }
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let outcome = try await world.run(["run", "job.yaml", "--reload=all"] + allowed)
            if allowed.isEmpty {
                #expect(outcome.exitCode == 8, "\(outcome.everything)")
                #expect(
                    outcome.everything.contains("70 rows came where 280 were loaded before"),
                    "\(outcome.everything)"
                )
                #expect(outcome.everything.contains("--allow-shrink"))
                #expect(try world.folder.landed("out/") == before)
                // Half of the rows is no more than half.
                world.sandbox.update { $0.rowsPerDay = 20 }
                try await world.run(JobText(), "--reload=all")
                #expect(try world.folder.csvRows("out/").count == 28 * 20)
            } else {
                #expect(outcome.exitCode == 0, "\(outcome.everything)")
                #expect(try world.folder.csvRows("out/").count == 28 * 10)
            }
        }
    }

    @Test func aWindowThatBecomesEmptyIsRefused() async throws {
        try await withWorld { world in
            let job = JobText.one { $0.query = ["filter: \"Clicks > -1\""] }
            try await world.run(job)
            let before = try world.folder.landed("out/")
            world.sandbox.update { $0.rowsPerDay = 0 }
            let outcome = try await world.run(job, "--reload=all", expecting: 8)
            #expect(outcome.everything.contains("no rows came where"), "\(outcome.everything)")
            #expect(try world.folder.landed("out/") == before)
            var allowing = job
            allowing.exports[0].more = ["on_empty: allow"]
            try await world.run(allowing, "--reload=all")
            #expect(try world.folder.csvRows("out/").isEmpty)
            #expect(try world.folder.windows().count == 4, "an empty window is a window")
        }
    }

    @Test func anAccountThatVanishesIsNoticed() async throws {
        try await withWorld(Self.many) { world in
            let job = JobText.one { $0.accounts = "list.all_accounts" }
            try await world.run(job)
            let before = try world.folder.landed("out/")
            world.sandbox.update { $0.withheldAccounts = ["123-456-7890", "987-654-3210", "123"] }
            let outcome = try await world.run(job, "--reload=all", expecting: 8)
            #expect(outcome.everything.contains("the old data stay"))
            #expect(try world.folder.landed("out/") == before)
        }
    }

    @Test func aFirstLoadMayBeEmptyUnlessTheJobSaysOtherwise() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 0 }) { world in
            try await world.run(JobText())
            #expect(try world.folder.windows().map(\.note.counts.loaded) == [0, 0, 0, 0])
            let strict = JobText.one {
                $0.more = ["on_empty: fail"]
                $0.into = ["csv: {path: strict/}"]
            }
            try await world.run(strict, expecting: 8)
            #expect(world.folder.visible("strict") == [])
        }
    }

    @Test func sampledRowsWarnOrFail() async throws {
        try await withWorld(.small.with { $0.dataSampled = true }) { world in
            let warned = try await world.run(JobText())
            #expect(warned.errors.contains("sampled"))
            let strict = JobText.one {
                $0.more = ["on_sampled: fail"]
                $0.into = ["csv: {path: strict/}"]
            }
            let outcome = try await world.run(strict, expecting: 8)
            #expect(outcome.everything.contains("sampled"))
        }
    }

    @Test func aResultThatMayHaveBeenCutIsFetchedInHalves() async throws {
        try await withWorld(
            .small.with {
                $0.rowCap = 40; $0.rowsPerDay = 10
            }
        ) { world in
            let job = JobText.one(api: "{poll_interval: 20ms, row_limit: 40}") { $0.end = "2024-01-07" }
            try await world.run(job)
            #expect(try world.folder.csvRows("out/").count == 70)
            #expect(world.submissions.count > 1)
            #expect(try world.folder.windows().count == 1, "the window still commits as one")
        }
    }

    @Test func aCutResultThatCannotBeHalvedIsRefused() async throws {
        try await withWorld(
            .small.with {
                $0.rowCap = 40; $0.rowsPerDay = 50
            }
        ) { world in
            let job = JobText.one(api: "{poll_interval: 20ms, row_limit: 40}") {
                $0.fields = "[Campaign, Clicks]"
                $0.window = "{size: all}"
            }
            let outcome = try await world.run(job, expecting: 8)
            #expect(outcome.everything.contains("40 rows"))
            #expect(world.folder.visible("out") == [])
        }
    }

    @Test func aWrongClockStopsTheRun() async throws {
        try await withWorld(.small.with { $0.now = { Date(timeIntervalSinceNow: 3600) } }) { world in
            let outcome = try await world.run(JobText(), expecting: 2)
            #expect(outcome.everything.contains("clock"))
            #expect(world.folder.visible("out") == [])
        }
    }
}
