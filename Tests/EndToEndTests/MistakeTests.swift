import Foundation
import Sandbox
import TestSupport
import Testing

/// What a newcomer gets wrong: one clear message, the right exit code, nothing left behind.
@Suite struct MistakeTests {
    /// One mistake on the command line or in the environment.
    struct Mistake: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments: [String]
        var environment: [String: String] = [:]
        var exitCode: Int32
        /// What the message must hold, once.
        var says: [String]
        var testDescription: String { name }
    }

    /// A one-shot export with some flags in place of the usual ones.
    static func export(into: String = "out.csv.gz", _ changes: [String: String] = [:]) -> [String] {
        let flags = [
            "--ds-id": "AW", "--ds-accounts": "123-456-7890", "--fields": "Date,Campaign,Cost",
            "--start-date": "2024-01-01", "--end-date": "2024-01-07", "--into": into,
        ].merging(changes) { $1 }
        return ["export"] + flags.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }

    /// An address where nobody answers: nothing listens at port 1, and the system gives it to nobody by itself.
    static let deserted = ["SUPERMETRICS_BASE_URL": "http://127.0.0.1:1"]

    static let onCommandLine = [
        Mistake(
            name: "no key",
            arguments: export(),
            environment: ["SUPERMETRICS_API_KEY": ""],
            exitCode: 3,
            says: ["no API key", "SUPERMETRICS_API_KEY", "--api-key-file"]
        ),
        Mistake(
            name: "a wrong key",
            arguments: export(),
            environment: ["SUPERMETRICS_API_KEY": "api_wrong"],
            exitCode: 3,
            says: ["API_KEY_INVALID", "check the API key", "request id"]
        ),
        Mistake(
            name: "a key file that is not there",
            arguments: export() + ["--api-key-file", "nowhere.txt"],
            exitCode: 3,
            says: ["nowhere.txt", "cannot be read"]
        ),
        Mistake(
            name: "a key command that fails",
            arguments: export() + ["--api-key-command", "exit 4"],
            exitCode: 3,
            says: ["--api-key-command", "exit code 4"]
        ),
        Mistake(
            name: "a typo in a field",
            arguments: export(["--fields": "Date,Campain,Cost"]),
            exitCode: 5,
            says: ["Campain", "INVALID_PARAMETER", "request id"]
        ),
        Mistake(
            name: "an account nobody reaches",
            arguments: export(["--ds-accounts": "999"]),
            exitCode: 5,
            says: ["999", "ACCOUNT_ID_INVALID"]
        ),
        Mistake(
            name: "a date that does not exist",
            arguments: export(["--start-date": "2024-13-01"]),
            exitCode: 2,
            says: ["--start-date", "2024-13-01"]
        ),
        Mistake(
            name: "start after end",
            arguments: export(["--start-date": "2024-02-01"]),
            exitCode: 2,
            says: ["2024-02-01", "after", "2024-01-07"]
        ),
        Mistake(
            name: "a file in the way",
            arguments: export(into: "plain.txt/out.csv"),
            exitCode: 6,
            says: ["plain.txt", "a file, not a folder"]
        ),
        Mistake(
            name: "a folder under /proc",
            arguments: export(into: "/proc/nowhere/out.csv"),
            exitCode: 6,
            says: ["/proc"]
        ),
        Mistake(name: "a file under /proc", arguments: export(into: "/proc/out.csv"), exitCode: 6, says: ["/proc"]),
        Mistake(
            name: "no format",
            arguments: export(into: "out.txt"),
            exitCode: 2,
            says: ["out.txt", "--format"]
        ),
        Mistake(
            name: "a stage that is none",
            arguments: export() + ["--stage", "cats: {cost: int64}"],
            exitCode: 2,
            says: ["cats", "did you mean 'cast'"]
        ),
        Mistake(
            name: "a stage on a column that is not there",
            arguments: export() + ["--stage", "drop: [campain]"],
            exitCode: 2,
            says: ["campain", "campaign"]
        ),
        Mistake(name: "a limit of none", arguments: export() + ["--limit", "0"], exitCode: 2, says: ["--limit"]),
        Mistake(
            name: "a shard of a single file",
            arguments: ["run", "file.yaml", "--shard", "1/2"],
            exitCode: 2,
            says: ["--shard", "out.csv.gz"]
        ),
        Mistake(
            name: "a shard that is none",
            arguments: ["run", "job.yaml", "--shard", "3/2"],
            exitCode: 2,
            says: ["3/2", "I/N"]
        ),
        Mistake(
            name: "a place that is no file",
            arguments: export(into: "s3://bucket/out.csv"),
            exitCode: 2,
            says: ["s3:// is not a file system"]
        ),
        Mistake(
            name: "a command that is none",
            arguments: ["exprot"] + export().dropFirst(),
            exitCode: 2,
            says: ["'sluice exprot'", "did you mean 'export'"]
        ),
        Mistake(
            name: "a subcommand that is none",
            arguments: ["backfill", "crate", "--team", "1"],
            exitCode: 2,
            says: ["'sluice backfill crate'", "did you mean 'create'"]
        ),
        Mistake(
            name: "a key command that prints nothing",
            arguments: export() + ["--api-key-command", "true"],
            exitCode: 3,
            says: ["--api-key-command", "printed nothing"]
        ),
        Mistake(
            name: "no file with a query",
            arguments: ["export", "--query", "nowhere.json", "--into", "out.csv"],
            exitCode: 2,
            says: ["there is no file nowhere.json"]
        ),
        Mistake(
            name: "a summary in a file's folder",
            arguments: export() + ["--summary", "plain.txt/summary.json"],
            exitCode: 6,
            says: ["--summary", "plain.txt/summary.json"]
        ),
        Mistake(name: "an unknown flag", arguments: ["run", "job.yaml", "--relaod"], exitCode: 2, says: ["--relaod"]),
        Mistake(
            name: "no job file",
            arguments: ["run", "missing.yaml"],
            exitCode: 2,
            says: ["missing.yaml", "no such file"]
        ),
        Mistake(name: "no argument", arguments: ["run"], exitCode: 2, says: ["Missing expected argument", "job.yaml"]),
        Mistake(
            name: "an export that is not there",
            arguments: ["run", "job.yaml", "--export", "adds"],
            exitCode: 2,
            says: ["adds", "did you mean 'ads'"]
        ),
        Mistake(
            name: "a reload of nothing known",
            arguments: ["run", "job.yaml", "--reload=some"],
            exitCode: 2,
            says: ["some", "stale"]
        ),
        Mistake(
            name: "reload and keep",
            arguments: ["run", "job.yaml", "--reload=stale", "--accept-stale"],
            exitCode: 2,
            says: ["--reload", "--accept-stale"]
        ),
        Mistake(
            name: "plain http to a far host",
            arguments: export(),
            environment: ["SUPERMETRICS_BASE_URL": "http://api.example.com"],
            exitCode: 2,
            says: ["use https"]
        ),
        Mistake(
            name: "a log level that is none",
            arguments: export() + ["--log-level", "loud"],
            exitCode: 2,
            says: ["loud"]
        ),
    ]

    @Test(arguments: onCommandLine) func onTheCommandLine(_ mistake: Mistake) async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            try world.folder.write(JobText.one { $0.into = ["csv: {path: out.csv.gz}"] }.yaml, to: "file.yaml")
            try world.folder.write("", to: "plain.txt")
            let before = world.folder.visible()
            let outcome = try await world.run(mistake.arguments, environment: mistake.environment)
            expectOneMessage(outcome, mistake.exitCode, mistake.says)
            #expect(world.folder.visible().filter { $0 != "out" } == before)
            #expect(world.folder.visible("out").filter { $0.hasPrefix("window=") } == [])
            #expect(
                mistake.exitCode != 2 || world.submissions.isEmpty,
                "a mistake that could be seen before was paid for"
            )
        }
    }

    /// A mistake in a job file: what is written, and what is said about it, with line and column.
    struct FileMistake: Sendable, CustomTestStringConvertible {
        var name: String
        var change: @Sendable (String) -> String
        var says: [String]
        var testDescription: String { name }
    }

    static let inJobFile = [
        FileMistake(
            name: "a tab",
            change: { $0.replacing("    ds_id", with: "\tds_id") },
            says: ["job.yaml:6:", "tab"]
        ),
        FileMistake(
            name: "an unknown key",
            change: { $0.replacing("fields:", with: "feilds:") },
            says: ["job.yaml:8:7", "feilds", "did you mean 'fields'"]
        ),
        FileMistake(
            name: "a wrong type",
            change: { $0.replacing("poll_interval: 20ms", with: "page_rows: many") },
            says: ["job.yaml:2:18", "page_rows", "many"]
        ),
        FileMistake(
            name: "a missing variable",
            change: { $0.replacing("path: out/", with: #"path: "${SLUICE_NOWHERE}/""#) },
            says: ["job.yaml:13:", "SLUICE_NOWHERE", "not set"]
        ),
        FileMistake(
            name: "an unknown sink",
            change: { $0.replacing("csv:", with: "cvs:") },
            says: ["job.yaml:13:", "cvs", "did you mean 'csv'"]
        ),
        FileMistake(
            name: "an option no sink has",
            change: { $0.replacing("path: out/", with: "path: out/, delimeter: ';'") },
            says: ["job.yaml:13:", "delimeter", "did you mean 'delimiter'"]
        ),
        FileMistake(
            name: "a level no gzip has",
            change: { $0.replacing("path: out/", with: "path: out/, level: 10") },
            says: ["job.yaml:13:34: csv: 'level'", "1 (fast) to 9", "10"]
        ),
        FileMistake(
            name: "a date that is none",
            change: { $0.replacing("2024-01-28", with: "tomorow") },
            says: ["job.yaml:10:", "tomorow"]
        ),
        FileMistake(
            name: "a key that belongs elsewhere",
            change: { $0.replacing("ds_id: AW", with: "api_key: k") },
            says: ["job.yaml:6:7: 'api_key'", "SUPERMETRICS_API_KEY"]
        ),
        FileMistake(
            name: "an unclosed bracket",
            change: { $0.replacing("Clicks, Cost]", with: "Clicks, Cost") },
            says: ["job.yaml:"]
        ),
        FileMistake(name: "nothing", change: { _ in "" }, says: ["job.yaml"]),
    ]

    @Test(arguments: inJobFile) func inTheJobFile(_ mistake: FileMistake) async throws {
        try await withWorld { world in
            try world.folder.write(mistake.change(JobText().yaml), to: "job.yaml")
            for command in [["run", "job.yaml"], ["plan", "job.yaml"], ["check", "job.yaml", "--offline"]] {
                let outcome = try await world.run(command)
                expectOneMessage(outcome, 2, mistake.says)
            }
            #expect(world.folder.listing() == ["job.yaml"])
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    /// A run that cannot begin, and what its reports call the job.
    struct Stillborn: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments = ["run", "job.yaml"]
        var environment: [String: String] = [:]
        var job = "nightly"
        var kind: String
        var exitCode: Int32
        var testDescription: String { name }
    }

    static let stillborn = [
        Stillborn(name: "no key", environment: ["SUPERMETRICS_API_KEY": ""], kind: "authentication", exitCode: 3),
        Stillborn(
            name: "no key file",
            arguments: ["run", "job.yaml", "--api-key-file", "nowhere.txt"],
            kind: "authentication",
            exitCode: 3
        ),
        Stillborn(
            name: "a wrong key",
            environment: ["SUPERMETRICS_API_KEY": "api_wrong"],
            kind: "authentication",
            exitCode: 3
        ),
        Stillborn(name: "a wrong key in the job", arguments: ["run", "bad.yaml"], kind: "usage", exitCode: 2),
        Stillborn(name: "no YAML", arguments: ["run", "torn.yaml"], job: "torn", kind: "usage", exitCode: 2),
        Stillborn(name: "no job file", arguments: ["run", "jobs/none.yaml"], job: "none", kind: "usage", exitCode: 2),
        Stillborn(name: "no shard", arguments: ["run", "job.yaml", "--shard", "3/2"], kind: "usage", exitCode: 2),
        Stillborn(name: "no level", arguments: ["run", "job.yaml", "--log-level", "x"], kind: "usage", exitCode: 2),
        Stillborn(
            name: "a one-shot that asks for nothing",
            arguments: ["export", "--into", "out.csv"],
            job: "export",
            kind: "usage",
            exitCode: 2
        ),
        Stillborn(
            name: "a one-shot without a key",
            arguments: export(),
            environment: ["SUPERMETRICS_API_KEY": ""],
            job: "export",
            kind: "authentication",
            exitCode: 3
        ),
        Stillborn(
            name: "metrics that cannot be written",
            arguments: ["run", "job.yaml", "--metrics", "torn.yaml/run.prom"],
            kind: "destination",
            exitCode: 6
        ),
    ]

    @Test(arguments: stillborn) func reportsTellOfARunThatCouldNotBegin(_ run: Stillborn) async throws {
        try await withWorld { world in
            let job = JobText(name: "nightly")
            try world.folder.write(job.yaml, to: "job.yaml")
            try world.folder.write(job.yaml.replacing("fields:", with: "feilds:"), to: "bad.yaml")
            try world.folder.write("name: nightly\n\texports: [", to: "torn.yaml")
            // What yesterday's run left, which monitoring still reads.
            try world.folder.write(#"{"exit_code": 0}"#, to: "summary.json")
            try world.folder.write("sluice_run_exit_code{job=\"nightly\"} 0\n", to: "run.prom")
            let metrics = run.arguments.contains("--metrics") ? [] : ["--metrics", "run.prom"]
            let outcome = try await world.run(
                run.arguments + ["--summary", "summary.json"] + metrics,
                environment: run.environment
            )
            #expect(outcome.exitCode == run.exitCode, "\(outcome.everything)")
            let summary = try world.summary()
            #expect(summary.exitCode == run.exitCode)
            #expect(summary.job == run.job)
            let failure = try #require((summary.failures + summary.exports.flatMap(\.failures)).first)
            #expect(failure.kind == run.kind)
            #expect(outcome.errors.contains(failure.message), "\(failure.message)\n\(outcome.errors)")
            guard !metrics.isEmpty else { return }
            let text = String(decoding: try world.folder.bytes("run.prom"), as: UTF8.self)
            #expect(text.contains("sluice_run_exit_code{job=\"\(run.job)\"} \(run.exitCode)\n"), "\(text)")
        }
    }

    @Test func checkFindsWhatTheFileAloneCannotTell() async throws {
        try await withWorld { world in
            try world.folder.write(
                JobText.one {
                    $0.fields = "[Date, Campain, Cost]"
                    $0.accounts = #"["123-456-7899"]"#
                }.yaml,
                to: "job.yaml"
            )
            let outcome = try await world.sluice("check", "job.yaml")
            expectOneMessage(
                outcome,
                2,
                ["'Campain'", "did you mean 'Campaign'", "'123-456-7899'", "did you mean '123-456-7890'"],
                isReport: true
            )
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let fine = try await world.sluice("check", "job.yaml")
            #expect(fine.exitCode == 0)
            #expect(fine.text.contains("can be written"))
            #expect(world.submissions.isEmpty, "check runs no query")
            #expect(world.folder.listing() == ["job.yaml"], "check leaves nothing behind")
        }
    }

    @Test func checkWithoutKeyAndWithWrongKey() async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let none = try await world.sluice("check", "job.yaml", environment: ["SUPERMETRICS_API_KEY": ""])
            expectOneMessage(none, 3, ["no API key"])
            let wrong = try await world.sluice("check", "job.yaml", environment: ["SUPERMETRICS_API_KEY": "api_wrong"])
            expectOneMessage(wrong, 3, ["API_KEY_INVALID"], isReport: true)
            let offline = try await world.sluice(
                "check",
                "job.yaml",
                "--offline",
                environment: ["SUPERMETRICS_API_KEY": ""]
            )
            #expect(offline.exitCode == 0)
        }
    }

    @Test func nobodyAnswersAtTheAddress() async throws {
        try await withWorld { world in
            let outcome = try await world.run(
                Self.export(),
                environment: Self.deserted,
                within: .seconds(20)
            )
            expectOneMessage(outcome, 5, ["Connection refused", "check the network and the base URL"])
            #expect(outcome.seconds < 15)
            #expect(world.folder.visible() == [])
        }
    }

    @Test func nobodyAnswersWhereAQueryWasSentBefore() async throws {
        try await withWorld { world in
            try world.folder.write(JobText().yaml, to: "job.yaml")
            _ = try await world.sluice("run", "job.yaml", environment: ["SLUICE_FAULT_POINT": "query.recorded:2"])
            let outcome = try await world.sluice("run", "job.yaml", environment: Self.deserted)
            // One window looks for the query it had sent, the others send theirs: two causes, each told once.
            #expect(outcome.exitCode == 5, "\(outcome.everything)")
            #expect(outcome.errors.contains("Connection refused"))
            #expect(outcome.seconds < 15)
            try await world.run(JobText())
        }
    }

    @Test func thePortOfTheSandboxIsTaken() async throws {
        try await withWorld { world in
            let port = String(world.sandbox.baseURL.split(separator: ":").last ?? "")
            expectOneMessage(try await world.sluice("sandbox", "--port", port), 2, ["Port \(port) is in use"])
            expectOneMessage(try await world.sluice("sandbox", "--fail", "449:often"), 2, ["--fail", "449:often"])
        }
    }

    @Test(
        arguments: [
            ("--transfers", "0"), ("--backfill-day", "explode@2024-01-01"), ("--backfill-overlap-status", "418"),
            ("--backfill-status", "RUNNING"), ("--backfill-day-time", "soon"),
        ]
    ) func aFlagOfTheSandboxIsWrong(_ flag: String, _ value: String) async throws {
        try await withWorld { world in
            expectOneMessage(try await world.sluice("sandbox", flag, value), 2, [flag, value])
        }
    }

    @Test(arguments: ["quota", "daily"]) func theQuotaIsUsedUp(_ fault: String) async throws {
        try await withWorld(.small.with { $0.faults = [Fault(.named(fault == "quota" ? .quota : .daily))] }) { world in
            let outcome = try await world.run(JobText(), expecting: 7)
            expectOneMessage(
                outcome,
                7,
                [fault == "quota" ? "API_ROW_QUOTA_EXCEEDED" : "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED"]
            )
            #expect(world.folder.visible("out") == [])
        }
    }

    /// One message with all of it, each part once; no trace of the program's inside.
    private func expectOneMessage(
        _ outcome: Sluice.Outcome,
        _ exitCode: Int32,
        _ parts: [String],
        isReport: Bool = false,
        location: SourceLocation = #_sourceLocation
    ) {
        let said = outcome.everything
        #expect(outcome.exitCode == exitCode, "\(said)", sourceLocation: location)
        for part in parts { #expect(said.contains(part), "\(said)", sourceLocation: location) }
        for trace in [
            "Fatal error", "Swift.", "Error Domain", "(lldb)", "fatalError", "Optional(", "NIO", "HTTPClientError",
        ] {
            #expect(!said.contains(trace), "\(said)", sourceLocation: location)
        }
        let lines = said.split(separator: "\n").filter { line in parts.contains { line.contains($0) } }.map { line in
            line.trimmingPrefix { $0.isWhitespace }.replacing("failed: ", with: "").replacing("error: ", with: "")
        }
        #expect(Set(lines).count == lines.count, "a line is said twice:\n\(said)", sourceLocation: location)
        if let mark = parts.first {
            let messages = said.split(separator: "\n").filter { $0.contains(mark) && !$0.hasPrefix("Usage:") }
            #expect(
                messages.count == 1,
                "the mistake is told \(messages.count) times:\n\(said)",
                sourceLocation: location
            )
        }
        // A script sends standard output elsewhere: what went wrong is on the other one, but for the report of `check`.
        for part in parts where !isReport {
            #expect(outcome.errors.contains(part), "\(said)", sourceLocation: location)
        }
    }
}
