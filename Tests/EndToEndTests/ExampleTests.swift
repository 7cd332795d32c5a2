import Foundation
import PostgresTesting
import Sandbox
import TestSupport
import Testing

/// What the README and the examples promise, run as a reader would run it.
@Suite struct ExampleTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static let jobs = ((try? FileManager.default.contentsOfDirectory(atPath: root + "/examples")) ?? [])
        .filter { $0.hasSuffix(".yaml") && $0 != "history.yaml" }.sorted()

    @Test(arguments: jobs) func everyExampleRuns(_ name: String) async throws {
        try await withWorld { world in
            let job = "\(Self.root)/examples/\(name)"
            guard try String(contentsOfFile: job, encoding: .utf8).contains("DATABASE_URL") else {
                return try await expectRuns(job, world)
            }
            #if Postgres
            try await PostgresServer.shared().withDatabase { database in
                try await expectRuns(job, world, database.url)
                // The questions about what it loaded have answers, and nothing is amiss.
                let path = job.replacing(".yaml", with: ".sql")
                let answers = try await database.query(String(contentsOfFile: path, encoding: .utf8))
                #expect(answers.contains("Google Ads") && answers.contains("ads.facebook_ads"), "\(answers)")
            }
            #endif
        }
    }

    private func expectRuns(_ job: String, _ world: World, _ database: String = "") async throws {
        // Paths in a job file are relative to where sluice is started.
        let environment = ["LAKE": world.folder.path + "/lake", "DATABASE_URL": database]
        for command in ["check", "plan", "run", "status", "run"] {
            let outcome = try await world.run([command, job], environment: environment)
            #expect(outcome.exitCode == 0, "\(command): \(outcome.everything)")
        }
        #expect(world.folder.listing("lake").contains { $0.hasSuffix(".csv.gz") })
    }

    @Test func thereAreExamples() { #expect(Self.jobs.count >= 2) }

    @Test func theDemoNeedsNothing() async throws {
        await Turnstile.worlds.enter()
        defer { Turnstile.worlds.leave() }
        let folder = try TemporaryFolder()
        func demo() async throws -> Sluice.Outcome {
            try await Sluice.Running(
                Sluice.path,
                ["demo"],
                environment: [:],
                in: folder.path,
                input: nil,
                within: .seconds(60)
            ).outcome
        }
        let first = try await demo()
        #expect(first.exitCode == 0, "\(first.everything)")
        for line in ["google_ads", "google_analytics", "facebook_ads", "2 240", "4 480", "3 360", "zcat"] {
            #expect(first.text.contains(line), "\(first.text)")
        }
        #expect(folder.visible() == ["sluice-demo"])
        #expect(folder.visible("sluice-demo") == ["facebook_ads.csv.gz", "google_ads", "google_analytics", "job.yaml"])
        #expect(try folder.csvRows("sluice-demo/google_ads/").count == 2240)
        #expect(try folder.csvRows("sluice-demo/facebook_ads.csv.gz").count == 3360)
        // Settled windows are not fetched twice.
        let second = try await demo()
        #expect(second.exitCode == 0, "\(second.everything)")
        let line = try #require(second.text.split(separator: "\n").first { $0.hasPrefix("google_ads") })
        #expect((Int(line.split(separator: " ")[2]) ?? 0) >= 1, "\(second.text)")
    }

    @Test(arguments: [[], ["--into", "it's here/"]]) func theDemoSaysWhatCanBePasted(_ into: [String]) async throws {
        await Turnstile.worlds.enter()
        defer { Turnstile.worlds.leave() }
        let folder = try TemporaryFolder()
        func run(_ program: String, _ arguments: [String]) async throws -> Sluice.Outcome {
            try await Sluice.Running(
                program,
                arguments,
                environment: [:],
                in: folder.path,
                input: nil,
                within: .seconds(60)
            ).outcome
        }
        let demo = try await run(Sluice.path, ["demo"] + into)
        #expect(demo.exitCode == 0, "\(demo.everything)")
        let lines = demo.text.split(separator: "\n").filter { $0.hasPrefix("  ") }.map(String.init)
        try #require(lines.count == 2, "\(demo.text)")
        let rows = try await run("/bin/sh", ["-c", lines[0]])
        #expect(rows.text.split(separator: "\n").count == 10, "\(rows.everything)")
        let status = try await run("/bin/sh", ["-c", lines[1]])
        #expect(status.exitCode == 0, "\(status.everything)")
        #expect(status.text.contains("2 240") && !status.text.contains("not there"), "\(status.everything)")
    }

    @Test func theSandboxWorksAsACommand() async throws {
        await Turnstile.worlds.enter()
        defer { Turnstile.worlds.leave() }
        let folder = try TemporaryFolder()
        let script = """
            "$0" sandbox --output json --rows-per-day 2 --fail 429@submit:1x > facts.json & pid=$!
            for i in $(seq 200); do [ -s facts.json ] && break; sleep 0.05; done
            export SUPERMETRICS_BASE_URL=$(sed -E 's/.*"base_url":"([^"]*)".*/\\1/' facts.json)
            export SUPERMETRICS_API_KEY=$(sed -E 's/.*"api_key":"([^"]*)".*/\\1/' facts.json)
            "$@"; code=$?
            kill -INT $pid; wait $pid || exit 99
            exit $code
            """
        let outcome = try await Sluice.Running(
            "/bin/sh",
            ["-c", script, Sluice.path, Sluice.path] + MistakeTests.export(into: "out.csv"),
            environment: [:],
            in: folder.path,
            input: nil,
            within: .seconds(60)
        ).outcome
        #expect(outcome.exitCode == 0, "\(outcome.everything)")
        #expect(try folder.csvRows("out.csv").count == 14)
        let facts = try folder.text("facts.json")
        for name in ["base_url", "api_key", "team_id", "transfer_ids"] { #expect(facts.contains("\"\(name)\":")) }
        #expect(facts.split(separator: "\n").count == 1)
    }

    @Test func theReadmeListsTheExitCodes() throws {
        let readme = try String(contentsOfFile: Self.root + "/README.md", encoding: .utf8)
        let rows = readme.split(separator: "\n").compactMap { line -> String? in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 2, let first = cells.first?.first, first.isNumber else { return nil }
            return cells[0]
        }
        #expect(rows == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "130, 143"])
    }

    /// Every flag and subcommand the README shows exists.
    @Test func theReadmeShowsWhatExists() async throws {
        let readme = try String(contentsOfFile: Self.root + "/README.md", encoding: .utf8)
        let commands = Set(readme.matches(of: /`sluice ([a-z]+[a-z-]*)/).map { String($0.output.1) }).sorted()
        #expect(commands.count >= 6)
        try await withWorld { world in
            for command in commands {
                let help = try await world.sluice(command, "--help")
                #expect(help.exitCode == 0, "\(command)")
                #expect(help.text.contains("Example:"), "the help of \(command) shows no example")
            }
        }
    }
}
