import Foundation
import Sandbox
import TestSupport
import Testing

/// `sluice backfill run` and `watch` as a user runs them, by what the sandbox records.
@Suite struct BackfillRunTests {
    /// Backfills at a thousandth of their time.
    private static func options(_ change: (inout SandboxOptions) -> Void = { _ in }) -> SandboxOptions {
        .small.with { options in
            options.transferIDs = [101, 102, 103]
            options.backfills.queueTime = .milliseconds(20)
            options.backfills.dayTime = .milliseconds(4)
            change(&options)
        }
    }

    private static func flags(_ transfers: [Int] = [101], from: String, to: String) -> [String] {
        ["backfill", "run", "--team", "1", "--from", from, "--to", to, "--poll-interval", "40ms"]
            + transfers.flatMap { ["--transfer", "\($0)"] }
    }

    private static func days(_ first: String, _ last: String) -> Set<String> {
        let format = Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day()
        guard let start = try? format.parse(first), let end = try? format.parse(last) else { return [] }
        return Set(stride(from: start, through: end, by: 86_400).map { $0.formatted(format) })
    }

    /// Waits until what the sandbox records is as wanted.
    private static func wait(_ world: World, until isSo: (BackfillHistory) -> Bool) async throws {
        while !isSo(world.sandbox.backfillHistory) { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Three transfers, two years each, failures and lost answers, killed at twenty moments.
    @Test(.timeLimit(.minutes(10))) func everyDayIsLoadedOnceThroughTwentyKills() async throws {
        let options = Self.options { options in
            options.backfills.dayEvents = [try? DayEvent(parsing: "fail@0.02:1x")].compactMap(\.self)
            options.faults = ["reset@create:0.15", "drop@create:0.1", "503@watch:0.03", "429@create:0.05"].compactMap {
                try? Fault(parsing: $0)
            }
            options.retryAfter = nil
        }
        try await withWorld(options) { world in
            let transfers = [101, 102, 103]
            let command = Self.flags(transfers, from: "2023-01-01", to: "2024-12-31") + ["--journal", "run.journal"]
            var random = SeededRandom(seed: 20)
            var kills = 0
            while kills < 20 {
                let running = try world.start(command)
                try await Task.sleep(for: .seconds(.random(in: 0.05..<1, using: &random)))
                running.send(SIGKILL)
                let outcome = await running.outcome
                world.note(outcome)
                guard outcome.signal == SIGKILL else {
                    Issue.record("it was over before it was killed \(kills) times: \(outcome.everything)")
                    return
                }
                kills += 1
            }
            let outcome = try await world.run(command + ["--summary", "summary.json"], within: .seconds(180))
            #expect(outcome.exitCode == 0, "\(outcome.everything)")
            let history = world.sandbox.backfillHistory
            let wanted = Self.days("2023-01-01", "2024-12-31")
            #expect(wanted.count == 731)
            for transfer in transfers {
                let completions = history.completions(ofTransfer: transfer)
                #expect(Set(completions.keys) == wanted)
                #expect(completions.values.allSatisfy { $0 == 1 })
            }
            // A range is created again only for days whose run failed.
            let failures = history.runs.count { $0.outcome == .failed }
            #expect(failures > 0)
            #expect(history.runs.count == 3 * 731 + failures)
            #expect(history.creates.contains { $0.fault != nil })
            let again = try await world.run(command)
            #expect(again.exitCode == 0)
            #expect(again.errors.contains("nothing to do"), "\(again.everything)")
            #expect(world.sandbox.backfillHistory.backfills.count == history.backfills.count)
        }
    }

    @Test func showsItsPlanAndCreatesNothing() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .seconds(60) }) { world in
            let other = try await world.sluice(
                "backfill",
                "create",
                "--team",
                "1",
                "--transfer",
                "101",
                "--range-start",
                "2024-02-10",
                "--range-end",
                "2024-02-12"
            )
            #expect(other.exitCode == 0, "\(other.everything)")
            let plan = try await world.run(
                Self.flags(from: "2024-01-15", to: "2024-03-10") + ["--dry-run", "--output", "csv"]
            )
            #expect(plan.exitCode == 0, "\(plan.everything)")
            let id = try #require(world.sandbox.backfillHistory.backfills.first).backfillID
            #expect(
                plan.text == """
                    transfer_id,range_start,range_end,days,action,transfer_backfill_id
                    101,2024-03-01,2024-03-10,10,create,
                    101,2024-02-13,2024-02-29,17,create,
                    101,2024-02-01,2024-02-09,9,create,
                    101,2024-01-15,2024-01-31,17,create,
                    101,2024-02-10,2024-02-12,3,watch,\(id)

                    """
            )
            #expect(world.sandbox.backfillHistory.creates.count == 1)
            #expect(world.folder.visible() == [])
        }
    }

    /// Whoever watches the summary learns of a run that could not begin.
    @Test(arguments: [
        (["--from", "someday", "--to", "2024-01-05", "--team", "1", "--transfer", "101"], 2, "--from 'someday'"),
        (["--from", "2024-01-01", "--to", "2024-01-05", "--transfer", "101", "--team", "one"], 2, "'one'"),
        (["none.yaml"], 2, "none.yaml"),
        (
            [
                "--from", "2024-01-01", "--to", "2024-01-05", "--team", "1", "--transfer", "101", "--api-key-file",
                "none",
            ], 3, "the API key file none"
        ),
    ])
    func theReportsTellOfARunThatCouldNotBegin(_ flags: [String], _ code: Int32, _ why: String) async throws {
        struct Report: Decodable {
            var exit_code: Int32
            var stopped: String
        }
        try await withWorld { world in
            let reports = ["--summary", "summary.json", "--metrics", "run.prom"]
            let outcome = try await world.run(["backfill", "run"] + flags + reports)
            #expect(outcome.exitCode == code, "\(outcome.everything)")
            let report = try JSONDecoder().decode(Report.self, from: Data(world.folder.bytes("summary.json")))
            #expect(report.exit_code == code)
            #expect(report.stopped.contains(why), "\(report.stopped)")
            #expect(try world.folder.text("run.prom").contains("\"} \(code)\n"))
        }
    }

    /// What others work on is waited for, not created.
    @Test func waitsForBackfillsOfOthers() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .milliseconds(300) }) { world in
            _ = try await world.sluice(
                "backfill",
                "create",
                "--team",
                "1",
                "--transfer",
                "101",
                "--range-start",
                "2024-01-02",
                "--range-end",
                "2024-01-04"
            )
            let run = try await world.run(Self.flags(from: "2024-01-01", to: "2024-01-05"))
            #expect(run.exitCode == 0, "\(run.everything)")
            let history = world.sandbox.backfillHistory
            #expect(history.completions(ofTransfer: 101).values.allSatisfy { $0 == 1 })
            #expect(Set(history.completions(ofTransfer: 101).keys) == Self.days("2024-01-01", "2024-01-05"))
        }
    }

    /// A day that never succeeds costs its retries, is named with the API's words, and leaves the others alone.
    @Test(arguments: BackfillOptions.ErrorReport.allCases)
    func namesTheDaysThatFail(_ report: BackfillOptions.ErrorReport) async throws {
        let options = Self.options { options in
            options.backfills.errorReport = report
            options.backfills.failedBlocks = true
            options.backfills.dayEvents = [try? DayEvent(parsing: "fail@2024-01-05..2024-01-06")].compactMap(\.self)
        }
        try await withWorld(options) { world in
            let run = try await world.run(
                Self.flags(from: "2024-01-01", to: "2024-01-20")
                    + ["--retries", "2", "--summary", "summary.json", "--metrics", "run.prom", "--journal", "j"]
            )
            #expect(run.exitCode == 4, "\(run.everything)")
            #expect(run.errors.contains("transfer 101 2024-01-05"), "\(run.everything)")
            #expect(run.errors.contains("refused the data"), "\(run.everything)")
            let history = world.sandbox.backfillHistory
            #expect(history.completions(ofTransfer: 101).count == 18)
            #expect(history.runs.count { $0.outcome == .failed } == 6)
            #expect(history.runs.count { $0.outcome == .completed } == 18)
            struct Summary: Decodable {
                struct Transfer: Decodable { var missing: [String] }
                var exit_code: Int
                var transfers: [Transfer]
            }
            let summary = try JSONDecoder().decode(Summary.self, from: Data(world.folder.bytes("summary.json")))
            #expect(summary.exit_code == 4)
            #expect(summary.transfers.map(\.missing) == [["2024-01-05..2024-01-06"]])
            let metrics = try world.folder.text("run.prom")
            #expect(
                metrics.contains("sluice_backfill_days{team=\"1\",transfer=\"101\",state=\"missing\"} 2\n"),
                "\(metrics)"
            )
        }
    }

    @Test(arguments: [400, 409, 422]) func aStuckReportOrAnOddStatusDoesNotWedge(_ status: Int) async throws {
        let options = Self.options { options in
            options.backfills.overlapStatus = status
            options.backfills.failedBlocks = true
            options.backfills.countersDrift = true
            options.backfills.total = .late
            options.backfills.statusNames = ["RUNNING": "PROCESSING", "COMPLETED": "DONE"]
            options.backfills.omittedFields = ["error_report", "removed_time"]
            options.backfills.dayEvents = [try? DayEvent(parsing: "fail@0.1:1x")].compactMap(\.self)
        }
        try await withWorld(options) { world in
            let run = try await world.run(Self.flags([101, 102], from: "2024-01-01", to: "2024-03-31"))
            #expect(run.exitCode == 0, "\(run.everything)")
            for transfer in [101, 102] {
                let completions = world.sandbox.backfillHistory.completions(ofTransfer: transfer)
                #expect(Set(completions.keys) == Self.days("2024-01-01", "2024-03-31"))
                #expect(completions.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func anInterruptLeavesBackfillsAtWork() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .milliseconds(60) }) { world in
            let command = Self.flags(from: "2024-01-01", to: "2024-01-20") + ["--journal", "j"]
            let running = try world.start(command)
            try await Self.wait(world) { $0.runs.count >= 3 }
            running.send(SIGINT)
            let outcome = await running.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 130, "\(outcome.everything)")
            let id = try #require(world.sandbox.backfillHistory.backfills.first).backfillID
            #expect(outcome.errors.contains("sluice backfill cancel \(id) --team 1"), "\(outcome.everything)")
            #expect(outcome.errors.contains("run the same command again"))
            let resumed = try await world.run(command)
            #expect(resumed.exitCode == 0, "\(resumed.everything)")
            let history = world.sandbox.backfillHistory
            #expect(history.backfills.count == 1)
            #expect(history.completions(ofTransfer: 101).count == 20)
        }
    }

    @Test func anInterruptMayCancel() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .milliseconds(60) }) { world in
            let command = Self.flags(from: "2024-01-01", to: "2024-01-20") + ["--journal", "j"]
            let running = try world.start(command + ["--cancel-on-interrupt"])
            try await Self.wait(world) { $0.runs.count >= 3 }
            running.send(SIGTERM)
            let outcome = await running.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 143, "\(outcome.everything)")
            #expect(world.sandbox.backfillHistory.backfills.map(\.status) == ["CANCELLED"])
            // A run that was under way ends after the cancellation.
            try await Self.wait(world) { $0.runs.allSatisfy { $0.endTime != nil } }
            let resumed = try await world.run(command)
            #expect(resumed.exitCode == 0, "\(resumed.everything)")
            let completions = world.sandbox.backfillHistory.completions(ofTransfer: 101)
            #expect(completions.count == 20)
            #expect(completions.values.allSatisfy { $0 == 1 })
        }
    }

    /// Whoever cancels or removes a backfill in the middle is not worked against.
    @Test(arguments: ["cancel", "remove"]) func respectsOthers(_ kind: String) async throws {
        let options = Self.options { options in
            options.backfills.dayEvents = [try? DayEvent(parsing: "\(kind)@2024-01-10:1x")].compactMap(\.self)
        }
        try await withWorld(options) { world in
            let command = Self.flags(from: "2024-01-01", to: "2024-02-20") + ["--journal", "j"]
            let run = try await world.run(command)
            #expect(run.exitCode == 4, "\(run.everything)")
            #expect(run.errors.contains("2024-01-01..2024-01-10"), "\(run.everything)")
            #expect(world.sandbox.backfillHistory.backfills.count == 2)
            let again = try await world.run(command)
            #expect(again.exitCode == 0, "\(again.everything)")
            let completions = world.sandbox.backfillHistory.completions(ofTransfer: 101)
            #expect(Set(completions.keys) == Self.days("2024-01-01", "2024-02-20"))
            #expect(completions.values.allSatisfy { $0 == 1 })
        }
    }

    @Test func aSecondRunIsKeptOut() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .milliseconds(60) }) { world in
            let command = Self.flags(from: "2024-01-01", to: "2024-01-20") + ["--journal", "j"]
            let running = try world.start(command)
            try await Self.wait(world) { !$0.runs.isEmpty }
            let second = try await world.run(command)
            #expect(second.exitCode == 9, "\(second.everything)")
            let first = await running.outcome
            #expect(first.exitCode == 0)
        }
    }

    /// Tomorrow the days are others, and the same command finds what it did today.
    @Test func relativeDaysHaveOneJournal() async throws {
        try await withWorld(Self.options()) { world in
            let run = try await world.run(Self.flags([101, 102], from: "20 days ago", to: "yesterday"))
            #expect(run.exitCode == 0, "\(run.everything)")
            #expect(world.folder.exists("backfill-1-101-102-20-days-ago..yesterday.journal"))
        }
    }

    /// What a server for trials has loaded, production has not: ids are the same on both.
    @Test func aJournalOfAnotherServerIsRefused() async throws {
        let command = Self.flags(from: "2024-01-01", to: "2024-01-20")
        try await withWorld(Self.options()) { production in
            try await withWorld(Self.options()) { trial in
                let tried = try await trial.run(command)
                #expect(tried.exitCode == 0, "\(tried.everything)")
                let journal = "backfill-1-101-2024-01-01..2024-01-20.journal"
                try production.folder.write(trial.folder.text(journal), to: journal)
                for extra in [[], ["--dry-run"]] {
                    let run = try await production.run(command + extra)
                    #expect(run.exitCode == 2, "\(run.everything)")
                    #expect(run.errors.contains("about backfills at \(trial.sandbox.baseURL)"), "\(run.everything)")
                }
                #expect(production.sandbox.backfillHistory.creates.isEmpty)
                let run = try await production.run(command + ["--journal", "production.journal"])
                #expect(run.exitCode == 0, "\(run.everything)")
                #expect(production.sandbox.backfillHistory.completions(ofTransfer: 101).count == 20)
            }
        }
    }

    @Test func quotasAndKeysHaveTheirCodes() async throws {
        for (fault, code) in [("daily@create", 7), ("quota@create", 7), ("401", 3), ("403@create", 3)] {
            let options = Self.options { $0.faults = [try? Fault(parsing: fault)].compactMap(\.self) }
            try await withWorld(options) { world in
                let run = try await world.run(Self.flags(from: "2024-01-01", to: "2024-01-03"))
                #expect(run.exitCode == Int32(code), "\(fault): \(run.everything)")
                #expect(world.sandbox.backfillHistory.backfills.isEmpty)
            }
        }
    }

    @Test func timeIsUp() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .seconds(60) }) { world in
            let run = try await world.run(Self.flags(from: "2024-01-01", to: "2024-01-03") + ["--max-minutes", "0.02"])
            #expect(run.exitCode == 5, "\(run.everything)")
            #expect(run.errors.contains("still at work"))
            #expect(world.sandbox.backfillHistory.backfills.map(\.status) == ["RUNNING"])
        }
    }

    /// A long wait the API asks for before a create does not outlast the run's own time.
    @Test(.timeLimit(.minutes(10))) func timeIsUpWhileTheAPIAsksToWait() async throws {
        let options = Self.options { options in
            options.faults = [try? Fault(parsing: "429@create")].compactMap(\.self)
            options.retryAfter = 3600
        }
        try await withWorld(options) { world in
            let run = try await world.run(Self.flags(from: "2024-01-01", to: "2024-01-03") + ["--max-minutes", "0.02"])
            #expect(run.exitCode == 5, "\(run.everything)")
            #expect(world.sandbox.requests.count { $0.method == "POST" } == 1)
        }
    }

    @Test func theDaysOfTodayAreUsed() async throws {
        try await withWorld(Self.options()) { world in
            func run(from: String, _ more: String...) async throws -> Sluice.Outcome {
                let limits = ["--max-runs-per-day", "2", "--journal", "run.journal"]
                return try await world.run(Self.flags(from: from, to: "2024-01-06") + limits + more)
            }
            let first = try await run(from: "2024-01-05")
            #expect(first.exitCode == 0, "\(first.everything)")
            let waiting = try await run(from: "2024-01-01", "--max-minutes", "0.1")
            #expect(waiting.exitCode == 4, "\(waiting.everything)")
            let lines = waiting.errors.split(separator: "\n").filter { $0.contains("waiting for the next UTC day") }
            #expect(lines.count == 1, "\(waiting.errors)")
            for part in ["asked=2", "limit=2", "left=4", "T00:00Z"] {
                #expect(lines.first?.contains(part) == true, "\(waiting.errors)")
            }
        }
    }

    @Test func aChunkIsLongerThanTheLicenceAllows() async throws {
        try await withWorld(Self.options { $0.backfills.maximumDays = 10 }) { world in
            let command = Self.flags(from: "2024-01-01", to: "2024-01-31")
            let refused = try await world.run(command)
            #expect(refused.exitCode == 7, "\(refused.everything)")
            #expect(refused.errors.contains("--chunk '10 days'"), "\(refused.errors)")
            let cured = try await world.run(command + ["--chunk", "10 days"])
            #expect(cured.exitCode == 0, "\(cured.everything)")
        }
    }

    @Test func theExampleRuns() async throws {
        try await withWorld(Self.options { $0.backfills.dayTime = .microseconds(100) }) { world in
            let example = try String(contentsOfFile: ExampleTests.root + "/examples/history.yaml", encoding: .utf8)
            try world.folder.write(example, to: "lake/history.yaml")
            let command = ["backfill", "run", "lake/history.yaml", "--poll-interval", "40ms"]
            let plan = try await world.run(command + ["--dry-run"])
            #expect(plan.exitCode == 0, "\(plan.everything)")
            #expect(plan.text.contains("backfills to create"))
            let run = try await world.run(command + ["--max-runs-per-day", "10000"])
            #expect(run.exitCode == 0, "\(run.everything)")
            #expect(world.sandbox.backfillHistory.completions(ofTransfer: 103).count == 90)
            #expect(world.folder.exists("lake/history.journal"))
        }
    }

    @Test func mistakesAreNamed() async throws {
        try await withWorld(Self.options()) { world in
            try world.folder.write(
                "team: 1\nfrom: 2024-01-01\nto: tomorow\nchunks: month\ntransfers: [101, {id: 101}, x]\n",
                to: "spec.yaml"
            )
            let file = try await world.sluice("backfill", "run", "spec.yaml")
            #expect(file.exitCode == 2)
            for text in [
                "spec.yaml:3:5", "'chunks'", "did you mean 'chunk'", "spec.yaml:5:18: transfer 101 is listed twice",
            ] {
                #expect(file.errors.contains(text), "\(file.errors)")
            }
            for (arguments, text) in [
                (Self.flags([], from: "2024-01-01", to: "2024-01-02"), "--transfer"),
                (Self.flags(from: "2024-01-02", to: "2024-01-01"), "2024-01-02 is after 2024-01-01"),
                (Self.flags(from: "2024-01-02", to: "2999-01-01"), "in the future"),
                (Self.flags(from: "soon", to: "2024-01-01"), "--from 'soon'"),
                (Self.flags(from: "2024-01-01", to: "2024-01-02") + ["--chunk", "year"], "--chunk 'year'"),
                (Self.flags(from: "2024-01-01", to: "2024-01-02") + ["--active", "0"], "--active 0"),
                (["backfill", "run", "--transfer", "1", "--from", "2024-01-01", "--to", "2024-01-01"], "--team"),
            ] {
                let run = try await world.run(arguments, environment: ["SUPERMETRICS_TEAM_ID": ""])
                #expect(run.exitCode == 2, "\(arguments)")
                #expect(run.errors.contains(text), "\(run.errors)")
            }
            #expect(world.sandbox.backfillHistory.creates.isEmpty)
        }
    }

    @Test func watchesToTheEnd() async throws {
        let options = Self.options { options in
            options.backfills.dayTime = .milliseconds(20)
            options.backfills.dayEvents = [try? DayEvent(parsing: "fail@102/2024-01-02")].compactMap(\.self)
        }
        try await withWorld(options) { world in
            func create(_ transfer: Int) async throws -> String {
                _ = try await world.sluice(
                    "backfill",
                    "create",
                    "--team",
                    "1",
                    "--transfer",
                    "\(transfer)",
                    "--range-start",
                    "2024-01-01",
                    "--range-end",
                    "2024-01-10"
                )
                return "\(world.sandbox.backfillHistory.backfills.last?.backfillID ?? 0)"
            }
            let (good, bad) = (try await create(101), try await create(102))
            func watch(_ ids: String...) async throws -> Sluice.Outcome {
                try await world.run(["backfill", "watch", "--team", "1", "--poll-interval", "20ms"] + ids)
            }
            let both = try await watch(good, bad)
            #expect(both.exitCode == 4, "\(both.everything)")
            #expect(both.text.contains(#""status":"COMPLETED""#) && both.text.contains(#""status":"FAILED""#))
            let whole = try await watch(good)
            #expect(whole.exitCode == 0, "\(whole.everything)")
            let failed = try await watch(bad)
            #expect(failed.exitCode == 5)
            let unknown = try await watch("77")
            #expect(unknown.exitCode == 5)
            #expect(unknown.errors.contains("backfill 77 does not exist"), "\(unknown.everything)")
        }
    }
}
