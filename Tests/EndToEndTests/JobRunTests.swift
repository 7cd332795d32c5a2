import Foundation
import Sandbox
import TestSupport
import Testing

/// `sluice run` every night is all of incremental loading: only what is due is fetched.
@Suite struct JobRunTests {
    @Test func aQuickWindowTakesOneRequest() async throws {
        try await withWorld { world in
            let outcome = try await world.run(JobText(), "--summary", "summary.json")
            #expect(world.sandbox.requests.count == 4, "four windows, four requests, none for anything else")
            #expect(
                Set(world.queriedDays) == [
                    "2024-01-01..2024-01-07", "2024-01-08..2024-01-14",
                    "2024-01-15..2024-01-21", "2024-01-22..2024-01-28",
                ]
            )
            let rows = try world.folder.csvRows("out/")
            #expect(rows.count == 3 * 28)
            let days = rows.compactMap { $0[0] }
            #expect(days == days.sorted(), "rows are in day order")
            #expect(outcome.text.contains("ads"))
            #expect(outcome.errors.split(separator: "\n").filter { $0.contains("window committed") }.count == 4)

            let summary = try world.summary()
            #expect(summary.exitCode == 0)
            #expect(summary.job == "e2e")
            let export = try #require(summary.exports.first)
            #expect(export.done == 4 && export.skipped == 0 && export.failed == 0)
            #expect(export.rows == 84 && export.requests == 4)
            #expect(export.windows.map(\.requests) == [1, 1, 1, 1])
            #expect(export.windows.map(\.rows) == [21, 21, 21, 21])
            #expect(export.windows.map(\.state) == ["done", "done", "done", "done"])
            #expect(world.folder.visible("out").contains("_manifest.json"))
        }
    }

    @Test func queriesSayEverythingTheyMust() async throws {
        try await withWorld { world in
            try await world.run(.one(api: "{row_limit: 5000}") { $0.query = ["settings: {no_cache_note: \"x\"}"] })
            try await world.run(.one(api: "{row_limit: 5000}"), "--reload=all", expecting: 0)
            let (first, again) = (world.submissions.prefix(4), world.submissions.dropFirst(4))
            #expect(again.count == 4)
            for query in world.submissions {
                #expect(query.parameters["max_rows"] == "5000")
                #expect(query.parameters["schedule_id"]?.isEmpty == false)
                #expect(query.header("Authorization").count == 1)
                #expect(query.path == "/query/data/json")
            }
            #expect(
                Set(world.submissions.compactMap { $0.parameters["schedule_id"] }).count == 8,
                "an id was used twice"
            )
            #expect(
                first.allSatisfy { $0.parameters["cache_minutes"] == nil },
                "settled windows may come from the cache"
            )
            #expect(again.allSatisfy { $0.parameters["cache_minutes"] == "0" }, "a reload must not come from the cache")
        }
    }

    @Test func theSecondRunFetchesOnlyWhatIsNotSettled() async throws {
        try await withWorld { world in
            let job = JobText.one {
                ($0.start, $0.end) = ("9 days ago", "yesterday")
                $0.window = "{size: day, lookback: 3 days}"
            }
            try await world.run(job)
            #expect(world.submissions.count == 9)
            let loaded = try world.folder.windows()
            #expect(world.queriedDays.allSatisfy { $0.count == 22 }, "relative dates are resolved before they are sent")
            // A day is settled 12 hours after its end in UTC and three days: of nine, the last three are not, and the
            // fourth from the end depends on the hour.
            let open = loaded.filter { !$0.note.settled }.map(\.covers)
            #expect(Array(loaded.suffix(3).map(\.covers)) == open.suffix(3))
            #expect((3...4).contains(open.count))
            world.sandbox.clearRequests()
            try await world.run(job)
            #expect(world.queriedDays.sorted() == open.sorted())
            #expect(world.submissions.allSatisfy { $0.parameters["cache_minutes"] == "0" })

            // A longer lookback opens only what ends within it; a shorter one nothing.
            world.sandbox.clearRequests()
            var longer = job
            longer.exports[0].window = "{size: day, lookback: 6 days}"
            try await world.run(longer)
            #expect((6...7).contains(world.submissions.count))
            #expect(Set(world.queriedDays).isSubset(of: loaded.suffix(7).map(\.covers)))
        }
    }

    @Test func settledWindowsAreLeftAlone() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let before = try world.folder.files("out")
            world.sandbox.clearRequests()
            let again = try await world.run(JobText())
            #expect(world.sandbox.requests.isEmpty)
            #expect(try world.folder.files("out") == before)
            #expect(again.text.split(separator: "\n").last?.split(separator: " ").prefix(4) == ["ads", "0", "4", "0"])
        }
    }

    @Test func aRangeThatGrowsFetchesWhatIsNewAndNeverNarrowsAWindow() async throws {
        try await withWorld { world in
            var job = JobText.one { ($0.start, $0.end) = ("2024-01-03", "2024-01-17") }
            try await world.run(job)
            #expect(
                try world.folder.windows().map(\.covers) == [
                    "2024-01-03..2024-01-07", "2024-01-08..2024-01-14",
                    "2024-01-15..2024-01-17",
                ]
            )
            #expect(
                try world.folder.windows().map(\.cell) == [
                    "2024-01-01..2024-01-07", "2024-01-08..2024-01-14",
                    "2024-01-15..2024-01-21",
                ],
                "folders are named by the cell"
            )

            world.sandbox.clearRequests()
            (job.exports[0].start, job.exports[0].end) = ("2024-01-02", "2024-01-23")
            try await world.run(job)
            #expect(
                Set(world.queriedDays) == [
                    "2024-01-02..2024-01-07", "2024-01-15..2024-01-21", "2024-01-22..2024-01-23",
                ]
            )

            // The other way round: days that leave the range stay.
            world.sandbox.clearRequests()
            (job.exports[0].start, job.exports[0].end) = ("2024-01-09", "2024-01-10")
            try await world.run(job)
            #expect(world.sandbox.requests.isEmpty)
            #expect(try world.folder.csvRows("out/").count == 3 * 22)

            // A window that moves is fetched for the hull of what it has and what is wanted.
            (job.exports[0].start, job.exports[0].end) = ("2024-01-23", "2024-01-25")
            try await world.run(job)
            #expect(world.queriedDays == ["2024-01-22..2024-01-25"])
        }
    }

    @Test func datesOfTheRunChooseWindowsAndNeverCutThem() async throws {
        try await withWorld { world in
            let outcome = try await world.run(JobText(), "--start-date", "2024-01-10", "--end-date", "2024-01-15")
            #expect(Set(world.queriedDays) == ["2024-01-08..2024-01-14", "2024-01-15..2024-01-21"])
            #expect(outcome.exitCode == 0)
            try await world.run(JobText(), "--start-date", "2024-01-28", "--reload=all")
            #expect(world.queriedDays.last == "2024-01-22..2024-01-28")
            #expect(world.submissions.count == 3)
        }
    }

    @Test(arguments: [("Pacific/Kiritimati", 14), ("Etc/GMT+12", -12)])
    func aRelativeDayOfTheRunIsTheJobsOwn(_ zone: String, _ hours: Int) async throws {
        try await withWorld { world in
            var job = JobText.one { ($0.start, $0.end, $0.window) = ("5 days ago", "yesterday", "{size: day}") }
            job.name = "e2e\ntime_zone: \(zone)"
            func yesterday() -> String {
                let there = Date().addingTimeInterval(Double(hours) * 3600 - 86_400)
                return String(there.formatted(.iso8601).prefix(10))
            }
            let before = yesterday()
            try await world.run(job, "--start-date", "yesterday", "--end-date", "yesterday")
            let days = world.queriedDays
            #expect(days == ["\(before)..\(before)"] || days == ["\(yesterday())..\(yesterday())"])
        }
    }

    @Test func anAddedAccountIsFetched() async throws {
        try await withWorld { world in
            var job = JobText.one {
                $0.fields = "[Date, AccountID, Clicks]"
                $0.end = "2024-01-07"
            }
            try await world.run(job)
            job.exports[0].accounts = #"["123-456-7890", "987-654-3210"]"#
            try await world.run(job)
            #expect(try world.folder.csvRows("out/").count == 2 * 21)
        }
    }

    @Test func whatWasDeletedIsLoadedAgain() async throws {
        try await withWorld { world in
            try await world.run(JobText())
            let whole = try world.folder.landed("out/")
            try world.folder.remove("out/window=2024-01-08..2024-01-14/part-0.csv.gz")
            try world.folder.remove("out/window=2024-01-22..2024-01-28")
            world.sandbox.clearRequests()
            let plan = try await world.plan()
            #expect(plan.map(\.reason) == ["settled", "rows_gone", "settled", "new"])
            try await world.run(JobText())
            #expect(Set(world.queriedDays) == ["2024-01-08..2024-01-14", "2024-01-22..2024-01-28"])
            #expect(try world.folder.landed("out/") == whole)
        }
    }

    @Test func eachAccountIsAWindow() async throws {
        try await withWorld { world in
            let job = JobText.one {
                ($0.source, $0.fields) = ("GAWA", "[date, sessions]")
                $0.accounts = #"["properties/301234567", "301234568"]"#
                ($0.end, $0.window) = ("2024-01-14", "{size: week, per_account: true}")
            }
            try await world.run(job)
            let windows = try world.folder.windows()
            #expect(
                windows.map(\.path) == [
                    "window=2024-01-01..2024-01-07/account=301234568",
                    "window=2024-01-01..2024-01-07/account=properties%2F301234567",
                    "window=2024-01-08..2024-01-14/account=301234568",
                    "window=2024-01-08..2024-01-14/account=properties%2F301234567",
                ]
            )
            for window in windows {
                let rows = CSV.rows(window.rows)
                let column = try #require(rows[0].firstIndex(of: "_sluice_account"))
                #expect(Set(rows.dropFirst().map(\.[column])) == [window.note.window.account])
                #expect(rows.count == 22)
            }
            #expect(world.submissions.map { $0.parameters["ds_accounts"] }.allSatisfy { $0?.contains(",") == false })
            // The account list is no part of what a window is: another account is only a further window.
            world.sandbox.clearRequests()
            var more = job
            more.exports[0].accounts = #"["properties/301234567", "301234568", "301234569"]"#
            try await world.run(more)
            #expect(world.submissions.map { $0.parameters["ds_accounts"] } == ["301234569", "301234569"])
            // And one that is no longer wanted stays.
            world.sandbox.clearRequests()
            more.exports[0].accounts = #"["301234569"]"#
            try await world.run(more)
            #expect(world.sandbox.requests.isEmpty)
            #expect(try world.folder.windows().count == 6)
        }
    }

    @Test func aDryRunShowsThePlanAndChangesNothing() async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let dry = try await world.sluice("run", "job.yaml", "--dry-run")
            #expect(dry.exitCode == 0)
            #expect(dry.text.contains("2024-01-08..2024-01-14"))
            #expect(dry.text.contains("4 windows to fetch"))
            #expect(world.folder.listing() == ["job.yaml"])
            #expect(world.sandbox.requests.map(\.path) == ["/query/fields"], "no question but what the metrics are")
            let plan = try await world.sluice("plan", "job.yaml")
            #expect(plan.text == dry.text)
            #expect(try await world.plan().map(\.action) == ["fetch", "fetch", "fetch", "fetch"])
        }
    }

    @Test func oneFailedWindowStaysSmall() async throws {
        try await withWorld { world in
            world.sandbox.chooseFaults { request in
                request.parameters["start_date"] == "2024-01-15" ? .status(400) : nil
            }
            let outcome = try await world.run(JobText(), "--summary", "summary.json", expecting: 4)
            #expect(outcome.everything.contains("2024-01-15..2024-01-21"))
            #expect(
                try world.folder.windows().map(\.covers) == [
                    "2024-01-01..2024-01-07", "2024-01-08..2024-01-14",
                    "2024-01-22..2024-01-28",
                ]
            )
            let summary = try world.summary()
            #expect(summary.exitCode == 4)
            #expect(summary.exports.first?.failures.map(\.windows) == [["2024-01-15..2024-01-21"]])
            #expect(summary.exports.first?.requests == world.sandbox.requests.count, "those in vain count too")

            world.sandbox.chooseFaults(nil)
            world.sandbox.clearRequests()
            try await world.run(JobText(), "--only-failed")
            #expect(world.queriedDays == ["2024-01-15..2024-01-21"])
            world.sandbox.clearRequests()
            try await world.run(JobText(), "--only-failed")
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test func onlyTheExportsAskedForRun() async throws {
        try await withWorld { world in
            var job = JobText()
            var other = ExportText()
            (other.name, other.into) = ("more", ["ndjson: {path: more/}"])
            job.exports.append(other)
            try await world.run(job, "--export", "more")
            #expect(world.folder.visible() == ["job.yaml", "more"])
            try await world.run(job)
            #expect(try world.folder.windows("more").count == 4)
            #expect(try world.folder.windows("out").count == 4)
            #expect(world.submissions.count == 8)
        }
    }

    @Test func shardsShareTheWindows() async throws {
        try await withWorld { world in
            let job = JobText.one { $0.window = "{size: day}" }
            try world.folder.write(job.yaml, to: "job.yaml")
            async let one = world.sluice("run", "job.yaml", "--shard", "1/2")
            async let two = world.sluice("run", "job.yaml", "--shard", "2/2")
            let outcomes = try await [one, two]
            #expect(outcomes.map(\.exitCode) == [0, 0], "\(outcomes.map(\.everything))")
            #expect(world.queriedDays.count == 28)
            #expect(Set(world.queriedDays).count == 28, "two shards took the same window")
            #expect(try world.folder.csvRows("out/").count == 3 * 28)
            #expect(outcomes.allSatisfy { $0.errors.contains("window committed") }, "one shard had nothing to do")
            try await world.run(job)
            #expect(world.queriedDays.count == 28)
        }
    }

    @Test func maximumMinutesStopsBeginningWindows() async throws {
        try await withWorld { world in
            let outcome = try await world.run(JobText(), "--max-minutes", "0", expecting: 5)
            #expect(outcome.everything.contains("--max-minutes is over with 4 windows left; run again to go on"))
            #expect(world.submissions.isEmpty)
            try await world.run(JobText())
            #expect(world.submissions.count == 4)
        }
    }
}

/// What `--summary` writes.
struct SummaryFile: Decodable {
    struct Failure: Decodable {
        var kind: String
        var message: String
        var windows: [String]
    }

    struct Window: Decodable {
        var window: String
        var reason: String
        var state: String
        var rows: Int
        var requests: Int
        var seconds: Double
    }

    struct Export: Decodable {
        var name: String
        var done: Int
        var skipped: Int
        var failed: Int
        var rows: Int
        var requests: Int
        var windows: [Window]
        var failures: [Failure]
    }

    var runID: String
    var job: String
    var exitCode: Int32
    var exports: [Export]
    var failures: [Failure]

    enum CodingKeys: String, CodingKey {
        case job, exports, failures
        case runID = "run_id"
        case exitCode = "exit_code"
    }
}

/// A line of `plan --output json`.
struct PlannedWindow: Decodable {
    var action: String
    var window: String
    var reason: String
}

extension World {
    func summary() throws -> SummaryFile {
        try JSONDecoder().decode(SummaryFile.self, from: Data(folder.bytes("summary.json")))
    }

    /// The plan of the job's first export.
    func plan(_ arguments: String...) async throws -> [PlannedWindow] {
        struct Export: Decodable { var windows: [PlannedWindow] }
        let outcome = try await run(["plan", "job.yaml", "--output", "json"] + arguments)
        #expect(outcome.exitCode == 0, "\(outcome.everything)")
        return try JSONDecoder().decode([Export].self, from: Data(outcome.output)).first?.windows ?? []
    }
}
