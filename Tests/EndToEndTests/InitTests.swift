import Foundation
import Sandbox
import TestSupport
import Testing

/// `sluice init`: flags, or answers on a terminal, become a job file that `check` and `run` accept.
@Suite struct InitTests {
    /// A whole query with its destination, with some flags changed; an empty text takes a flag away.
    private static func flags(_ changes: [String: String] = [:]) -> [String] {
        let flags = [
            "--ds-id": "AW", "--ds-accounts": "123-456-7890,987-654-3210", "--fields": "Date,Campaign,Impressions,Cost",
            "--start-date": "2024-01-01", "--end-date": "2024-01-28", "--into": "out/",
        ].merging(changes) { $1 }.filter { !$0.value.isEmpty }
        return flags.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }

    private func expectRuns(
        _ world: World,
        _ file: String = "job.yaml",
        environment: [String: String] = [:],
        location: SourceLocation = #_sourceLocation
    ) async throws {
        for command in ["check", "plan", "run"] {
            let outcome = try await world.run([command, file], environment: environment)
            #expect(outcome.exitCode == 0, "\(command): \(outcome.everything)", sourceLocation: location)
        }
    }

    // MARK: Flags

    @Test func whatItWritesChecksAndRuns() async throws {
        try await withWorld { world in
            let made = try await world.run(["init"] + Self.flags() + ["--stage", "rename: {campaign: campaign_name}"])
            #expect(made.exitCode == 0 && made.errors.isEmpty, "\(made.everything)")
            #expect(made.text == "job.yaml is written; next: sluice check job.yaml\n")
            #expect(world.sandbox.requests.isEmpty, "nothing is asked that nobody needs")
            try await expectRuns(world)
            #expect(world.submissions.count == 4, "four weeks")

            let once = try await world.run(
                ["export"] + Self.flags(["--into": "once.csv"]) + ["--stage", "rename: {campaign: campaign_name}"]
            )
            #expect(once.exitCode == 0)
            func sorted(_ path: String) throws -> [[String]] {
                try world.folder.csvRows(path).map { $0.map { $0 ?? "-" } }.sorted { $0.joined() < $1.joined() }
            }
            #expect(try sorted("out/") == sorted("once.csv"))
        }
    }

    @Test func standardOutputGetsTheFileAlone() async throws {
        try await withWorld { world in
            let made = try await world.run(["init", "-"] + Self.flags())
            #expect(made.exitCode == 0 && made.errors.isEmpty)
            #expect(world.folder.visible() == [])
            try world.folder.write(made.text, to: "printed.yaml")
            try await expectRuns(world, "printed.yaml")
        }
    }

    @Test func aQueryObjectBecomesAJobToo() async throws {
        try await withWorld { world in
            let query = """
                {"ds_id": "AW", "ds_accounts": ["123"], "fields": ["Date", "Cost"], "start_date": "2024-01-01",
                 "end_date": "2024-01-03", "settings": {"note": "a: \\"b\\" # ${c} $$ \\u0000 \\u2028", "no": null}}
                """
            let made = try await world.run(["init", "--query", "-", "--into", "out.ndjson.gz"], input: query)
            #expect(made.exitCode == 0, "\(made.everything)")
            try await expectRuns(world)
            let sent = try #require(world.submissions.first).parameters["settings"] ?? ""
            for part in [#"a: \"b\" # ${c} $$ "#, #""no":null"#] { #expect(sent.contains(part), "\(sent)") }
        }
    }

    @Test func whatIsMissingIsNamedWhereNobodyCanBeAsked() async throws {
        try await withWorld { world in
            for (changes, missing) in [
                ([:], ""), (["--into": ""], "--into"), (["--fields": "", "--ds-id": ""], "--ds-id, --fields"),
            ] {
                let outcome = try await world.run(["init", "a.yaml"] + Self.flags(changes))
                #expect(outcome.exitCode == (missing.isEmpty ? 0 : 2))
                #expect(
                    outcome.errors.hasPrefix(missing.isEmpty ? "" : "error: missing: \(missing);"),
                    "\(outcome.errors)"
                )
                #expect(world.folder.exists("a.yaml") == missing.isEmpty)
                if missing.isEmpty { try world.folder.remove("a.yaml") }
            }
        }
    }

    @Test func mistakesAreThoseOfTheFlags() async throws {
        try await withWorld { world in
            let wrong: [([String], String)] = [
                (Self.flags(["--start-date": "someday"]), "--start-date: 'start_date' must be a date"),
                (Self.flags(["--into": "out.txt"]), "--into out.txt: the name does not tell the format"),
                (Self.flags(["--into": "postgresql://h/db"]), "needs --table schema.name"),
                (Self.flags(["--into": "s3://bucket/ads/"]), "s3:// is not a file system"),
                (Self.flags() + ["--max-rows", "5", "--window", "week"], "'max_rows' would count for each window"),
                (Self.flags() + ["--stage", "drop: [campain]"], "did you mean 'campaign'"),
            ]
            for (arguments, words) in wrong {
                let outcome = try await world.run(["init"] + arguments)
                #expect(outcome.exitCode == 2 && outcome.errors.contains(words), "\(outcome.everything)")
            }
            #expect(world.folder.visible() == [])
        }
    }

    /// Labels of a split field come and go: a contract that pinned them would refuse the next window.
    @Test func aContractLeavesOutColumnsThatRowsMake() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.hostileRate = 0 }
            let query = """
                {"ds_id": "AW", "ds_accounts": ["123"], "start_date": "2024-01-01", "end_date": "2024-01-03",
                 "fields": ["Date", {"id": "Device", "split": "column"}, "Clicks"]}
                """
            let made = try await world.run(["init", "--query", "-", "--into", "out/", "--contract"], input: query)
            #expect(made.exitCode == 0 && made.errors.contains("leaves out computers, mobile_devices, tablets"))
            let text = try world.folder.text("job.yaml")
            #expect(text.contains("date: {type: date") && !text.contains("tablets"), "\(text)")
            try await expectRuns(world)
        }
    }

    @Test func whatIsWrongComesBeforeWhatIsMissing() async throws {
        try await withWorld { world in
            let broken = try await world.run(["init", "--query", "-", "--into", "out/"], input: "[1]")
            #expect(broken.exitCode == 2 && broken.errors.contains("a query must be one JSON object"))
            let folder = try await world.run(["init", "sub/"] + Self.flags())
            #expect(folder.exitCode == 2 && folder.errors.contains("sub/ is a folder"))
            #expect(world.folder.visible() == [])
        }
    }

    // MARK: The file

    @Test func aFileIsReplacedOnlyByForce() async throws {
        try await withWorld { world in
            try world.folder.write("name: mine\n", to: "job.yaml")
            let refused = try await world.run(["init"] + Self.flags())
            #expect(
                refused.exitCode == 6 && refused.errors.contains("job.yaml exists")
                    && refused.errors.contains("--force")
            )
            #expect(try world.folder.text("job.yaml") == "name: mine\n")
            #expect(try await world.run(["init", "--force"] + Self.flags()).exitCode == 0)
            try await expectRuns(world)
        }
    }

    @Test func aPathThatCannotBeWrittenIsSaid() async throws {
        try await withWorld { world in
            try world.folder.write("", to: "plain.txt")
            for path in ["nowhere/job.yaml", "plain.txt/job.yaml", "/proc/job.yaml"] {
                for force in [[], ["--force"]] {
                    let outcome = try await world.run(["init", path] + force + Self.flags())
                    #expect(outcome.exitCode == 6 && outcome.errors.contains("\(path) cannot be written"))
                }
            }
            #expect(world.folder.visible() == ["plain.txt"])
        }
    }

    #if Postgres
    @Test func secretsStayOutOfTheFile() async throws {
        try await withWorld { world in
            let url = "postgresql://etl:hunter2@127.0.0.1:1/ads?sslmode=disable"
            let made = try await world.run(
                ["init", "--table", "ads.spend", "--stage", "hash: {columns: [campaign], key: pepper1}"]
                    + Self.flags(["--into": url])
            )
            #expect(made.exitCode == 0)
            for variable in ["DATABASE_URL", "HASH_KEY"] { #expect(made.errors.contains("set \(variable): ")) }
            let seen = try made.everything + world.folder.text("job.yaml")
            for secret in ["hunter2", "pepper1", "127.0.0.1:1"] { #expect(!seen.contains(secret)) }
            let checked = try await world.sluice(
                "check",
                "job.yaml",
                "--offline",
                environment: ["DATABASE_URL": url, "HASH_KEY": "pepper1"]
            )
            #expect(checked.exitCode == 0, "\(checked.everything)")
            #expect(try await world.sluice("check", "job.yaml", "--offline").errors.contains("DATABASE_URL is not set"))
        }
    }
    #endif

    // MARK: Contract

    @Test func aContractHoldsWhatIsSure() async throws {
        try await withWorld { world in
            let stages = ["--stage", "rename: {date: day, campaign: name}", "--stage", "cast: {impressions: int64}"]
            let made = try await world.run(["init", "--contract"] + stages + Self.flags())
            #expect(made.exitCode == 0, "\(made.everything)")
            #expect(made.errors == "the contract follows the API's metadata and 42 rows of 2024-01-22..2024-01-28\n")
            let sample = try #require(world.submissions.first)
            #expect(world.submissions.count == 1 && sample.parameters["max_rows"] == "1000")
            #expect(world.queriedDays == ["2024-01-22..2024-01-28"])
            let lines = try world.folder.text("job.yaml").split(separator: "\n").map { $0.drop { $0 == " " } }
            let start = try #require(lines.firstIndex { $0.hasPrefix("contract:") })
            #expect(
                lines[(start + 1)...(start + 4)] == [
                    "day: {type: date, nullable: false}", "name: {type: text}", "impressions: {type: int64}",
                    "cost: {type: decimal}",
                ]
            )
            try await expectRuns(world)
        }
    }

    @Test func aSampleWithoutRowsPromisesNothing() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 0 }) { world in
            let made = try await world.run(["init", "--contract"] + Self.flags())
            #expect(made.exitCode == 0 && made.errors.contains("and 0 rows of"), "\(made.everything)")
            #expect(try world.folder.text("job.yaml").contains("date: {type: date}\n"))
        }
    }

    @Test func rowsThatDoNotFitAreSaid() async throws {
        try await withWorld { world in
            let made = try await world.run(
                ["init", "--contract", "--stage", "cast: {campaign: int64}"] + Self.flags(["--end-date": "2024-01-01"])
            )
            #expect(made.exitCode == 0)
            #expect(
                made.errors.contains("6 rows of 2024-01-01..2024-01-01 cannot be converted: 'campaign':"),
                "\(made.errors)"
            )
        }
    }

    @Test func aContractNeedsTheAPI() async throws {
        try await withWorld { world in
            let unknown = try await world.run(["init", "--contract"] + Self.flags(["--fields": "Date,Campain"]))
            #expect(unknown.exitCode == 5 && unknown.errors.contains("Campain"))
            let keyless = try await world.run(
                ["init", "--contract"] + Self.flags(),
                environment: ["SUPERMETRICS_API_KEY": ""]
            )
            #expect(keyless.exitCode == 3 && keyless.errors.contains("SUPERMETRICS_API_KEY"))
            #expect(world.folder.visible() == [])
        }
    }

    // MARK: Answers

    @Test func answersBecomeAJob() async throws {
        try await withWorld { world in
            let made = try await world.answering(
                [
                    "AW", "1, 987-654-3210", "Date,Campain", "Date, Campaign ,Cost", "someday", "2024-01-01",
                    "2024-01-14", "",
                ],
                ["init"]
            )
            #expect(made.exitCode == 0, "\(made.everything)")
            for words in [
                "Google Ads", "123-456-7890  Example Finland", "Year & week (ISO)", "did you mean 'Campaign'?",
                "'someday' is not a date", "[30 days ago]: ", "[yesterday]: ", "[aw/]: ",
            ] { #expect(made.errors.contains(words), "\(words): \(made.errors)") }
            let text = try world.folder.text("job.yaml")
            for line in [
                #"ds_accounts: ["123-456-7890", "987-654-3210"]"#, "fields: [Date, Campaign, Cost]",
                "end_date: 2024-01-14",
                #"- csv: {path: "aw/"}"#,
            ] { #expect(text.contains(line), "\(text)") }
            try await expectRuns(world)
            #expect(try world.folder.csvRows("aw/").count == 2 * 3 * 14)
        }
    }

    @Test func onlyWhatIsMissingIsAsked() async throws {
        try await withWorld { world in
            let made = try await world.answering(
                ["?nothing", "?users", "date,users"],
                [
                    "init", "--ds-id", "GAWA", "--ds-accounts", "list.all_accounts", "--date-range-type", "last_7_days",
                    "--into", "out.csv.gz", "--name", "people",
                ]
            )
            #expect(made.exitCode == 0, "\(made.everything)")
            #expect(!made.errors.contains("Accounts") && !made.errors.contains("First day"))
            #expect(world.sandbox.requests.map(\.path) == ["/query/fields"])
            #expect(try world.folder.text("job.yaml").contains("- name: people"))
            try await expectRuns(world)
        }
    }

    @Test func aMissingLastDayIsAsked() async throws {
        try await withWorld { world in
            let made = try await world.answering(["2024-01-03"], ["init"] + Self.flags(["--end-date": ""]))
            #expect(made.exitCode == 0 && !made.errors.contains("First day"), "\(made.everything)")
            try await expectRuns(world)
            #expect(world.queriedDays == ["2024-01-01..2024-01-03"])
        }
    }

    @Test func withoutAKeyAnyAnswerWillDo() async throws {
        try await withWorld { world in
            let made = try await world.answering(
                ["", "XX", "none", "day,things", "none", "-"],
                ["init"],
                environment: ["SUPERMETRICS_API_KEY": ""]
            )
            #expect(made.exitCode == 0, "\(made.everything)")
            #expect(world.sandbox.requests.isEmpty)
            let text = try world.folder.text("job.yaml")
            #expect(
                !text.contains("ds_accounts:") && !text.contains("start_date:") && text.contains("window: {size: all}")
            )
            #expect(try await world.sluice("check", "job.yaml", "--offline").exitCode == 0)
        }
    }

    @Test func aKeyThatIsRefusedIsSaidAndAnyAnswerWillDo() async throws {
        try await withWorld { world in
            let made = try await world.answering(
                ["AW", "", "Date,Whatever", "", "", ""],
                ["init"],
                environment: ["SUPERMETRICS_API_KEY": "api_wrong"]
            )
            #expect(made.exitCode == 0, "\(made.everything)")
            #expect(
                made.errors.contains("the fields of AW cannot be listed: ") && made.errors.contains("API_KEY_INVALID")
            )
        }
    }

    @Test func whoeverLeavesGetsNoFile() async throws {
        try await withWorld { world in
            let made = try await world.answering(["AW", "1"], ["init"])
            #expect(
                made.exitCode == 2 && made.errors.hasSuffix("error: no answer; nothing was written\n"),
                "\(made.errors)"
            )
            #expect(world.folder.visible() == [])
        }
    }

    #if Postgres
    @Test func aTableIsAskedForWhereOneIsNeeded() async throws {
        try await withWorld { world in
            let terminal = try await world.answering(
                ["out.xlsx", "postgresql://", "ads.spend"],
                ["init"] + Self.flags(["--into": ""])
            )
            #expect(terminal.exitCode == 0, "\(terminal.everything)")
            #expect(terminal.errors.contains("the name does not tell the format") && terminal.errors.contains("Table"))
            #expect(
                try world.folder.text("job.yaml").contains(#"- postgres: {url: "${DATABASE_URL}", table: ads.spend}"#)
            )
        }
    }
    #endif

    // MARK: Metrics that cannot be added up

    @Test func planAndCheckWarnOfMetricsThatCannotBeAddedUp() async throws {
        try await withWorld { world in
            let more = ["--ds-id": "GAWA", "--ds-accounts": "list.all_accounts", "--fields": "date,sessions,users"]
            #expect(try await world.run(["init", "--per-account"] + Self.flags(more)).exitCode == 0)
            let words = "the rows are split by day and by account, and 'users' cannot be added up: each value"
            let plan = try await world.sluice("plan", "job.yaml")
            #expect(plan.exitCode == 0 && plan.text.contains("\nwarning: \(words)"), "\(plan.text)")
            let json = try await world.sluice("plan", "job.yaml", "--output", "json")
            let plans = try JSONSerialization.jsonObject(with: Data(json.output)) as? [[String: Any]]
            #expect((plans?.first?["warnings"] as? [String])?.first?.hasPrefix(words) == true)
            let check = try await world.sluice("check", "job.yaml")
            #expect(check.exitCode == 0 && check.text.contains("warning  export 'gawa': \(words)"), "\(check.text)")
            world.sandbox.clearRequests()
            #expect(try await world.sluice("run", "job.yaml").exitCode == 0)
            #expect(!world.sandbox.requests.contains { $0.path == "/query/fields" }, "a run asks for its rows alone")

            #expect(try await world.run(["init", "sum.yaml"] + Self.flags()).exitCode == 0)
            #expect(try await !world.sluice("plan", "sum.yaml").text.contains("warning"))
        }
    }

    @Test func aPlanDoesWithoutAKey() async throws {
        try await withWorld { world in
            #expect(try await world.run(["init"] + Self.flags()).exitCode == 0)
            let plan = try await world.sluice("plan", "job.yaml", environment: ["SUPERMETRICS_API_KEY": ""])
            #expect(plan.exitCode == 0 && plan.text.contains("4 windows to fetch"))
            #expect(plan.text.contains("warning: whether its metrics can be added up is not known: no API key"))
        }
    }
}
