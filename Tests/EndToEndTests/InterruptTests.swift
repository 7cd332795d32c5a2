import Foundation
import Sandbox
import TestSupport
import Testing

/// Signals and locks: what is in flight is given up whole, and two runs do not fight.
@Suite struct InterruptTests {
    private static let slow = SandboxOptions.small.with {
        $0.queryTime = .milliseconds(300)
        $0.concurrentQueries = 2
    }

    private func until(_ limit: Duration = .seconds(20), _ isTrue: () -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while !isTrue(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
        try #require(isTrue(), "what the test waits for did not happen")
    }

    @Test(arguments: [(SIGINT, "out/"), (SIGTERM, "out/"), (SIGINT, "out.csv.gz"), (SIGTERM, "out.csv.gz")])
    func aSignalKeepsWhatIsCommitted(_ signal: Int32, _ path: String) async throws {
        try await withWorld(Self.slow) { world in
            let isFolder = path.hasSuffix("/")
            let job = JobText.one {
                $0.window = "{size: 2 days}"
                $0.into = ["csv: {path: \(path)}"]
            }
            try world.folder.write(job.yaml, to: "job.yaml")
            let running = try world.start(["run", "job.yaml", "--summary", "summary.json"])
            try await until { isFolder ? !world.folder.visible("out").isEmpty : world.submissions.count > 4 }
            running.send(signal)
            let outcome = await running.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 128 + signal)
            #expect(try world.summary().exitCode == 128 + signal)
            #expect(outcome.errors.contains("what was committed stays"))
            #expect(!outcome.everything.contains("Cancel"), "\(outcome.everything)")
            if isFolder {
                let windows = try world.folder.windows()
                #expect((1...13).contains(windows.count))
                #expect(world.folder.visible("out").contains("_manifest.json"))
            } else {
                #expect(!world.folder.exists("out.csv.gz"))
            }
            // What was sent before is found again: no window is submitted twice.
            try await world.run(job)
            #expect(try world.folder.csvRows(path).count == 84)
            let submissions = Dictionary(grouping: world.queriedDays) { $0 }.mapValues(\.count)
            #expect(submissions.values.allSatisfy { $0 == 1 }, "\(submissions)")
        }
    }

    @Test(arguments: ["out/", "out.csv.gz"]) func aSecondRunIsTurnedAwayOrWaits(_ path: String) async throws {
        try await withWorld(Self.slow) { world in
            let job = JobText.one { $0.into = ["csv: {path: \(path)}"] }
            try world.folder.write(job.yaml, to: "job.yaml")
            let first = try world.start(["run", "job.yaml"])
            try await until { !world.submissions.isEmpty }
            let second = try await world.sluice("run", "job.yaml")
            #expect(second.exitCode == 9, "\(second.everything)")
            #expect(second.everything.contains("is being written by another run"))
            #expect(second.everything.contains("--wait"))
            #expect(second.seconds < 5)
            let third = try await world.sluice("run", "job.yaml", "--wait")
            #expect(third.exitCode == 0, "\(third.everything)")
            let outcome = await first.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 0, "\(outcome.everything)")
            #expect(try world.folder.csvRows(path).count == 84)
            if path == "out/" { #expect(world.submissions.count == 4, "the one that waited found everything loaded") }
        }
    }

    @Test func aLockedExportWinsOverWhatElseIsLoaded() async throws {
        try await withWorld(Self.slow) { world in
            try world.folder.write(JobText().yaml, to: "slow.yaml")
            let first = try world.start(["run", "slow.yaml"])
            try await until { !world.submissions.isEmpty }
            var job = JobText()
            var other = ExportText()
            (other.name, other.into) = ("more", ["csv: {path: more/}"])
            job.exports.append(other)
            try await world.run(job, expecting: 9)
            #expect(try world.folder.windows("more").count == 4)
            world.note(await first.outcome)
        }
    }

    @Test func aZombieCannotWrite() async throws {
        try await withWorld(Self.slow) { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let running = try world.start(["run", "job.yaml"])
            try await until { !world.submissions.isEmpty }
            // Somebody tidies up under a run: its lease is gone, and with it the right to commit.
            try world.folder.remove("out/.staging")
            let outcome = await running.outcome
            world.note(outcome)
            #expect(outcome.exitCode == 9, "\(outcome.everything)")
            #expect(try world.folder.windows().count < 4)
            try await world.run(JobText())
            #expect(try world.folder.csvRows("out/").count == 84)
        }
    }
}
