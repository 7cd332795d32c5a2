import Foundation
import Sandbox
import TestSupport
import Testing

/// The commands that make one call of the API each, run as a user runs them.
@Suite struct APICommandTests {
    /// Runs a command of a team and reads its JSON.
    private func json(_ world: World, _ arguments: String...) async throws -> Any {
        let outcome = try await world.run(arguments, environment: Self.team(world))
        #expect(outcome.exitCode == 0, "\(arguments): \(outcome.errors)")
        return try JSONSerialization.jsonObject(with: Data(outcome.output), options: .fragmentsAllowed)
    }

    private static func team(_ world: World) -> [String: String] {
        ["SUPERMETRICS_TEAM_ID": "\(world.sandbox.teamID)"]
    }

    /// Where a file is wanted, the shell offers files.
    @Test(arguments: [
        ("run jo", "job.yaml"), ("check jo", "job.yaml"), ("backfill run jo", "job.yaml"),
        ("run job.yaml --summary jo", "job.yaml"), ("export --query jo", "job.yaml"), ("export --mode me", ""),
        ("run job.yaml --reload s", "stale"),
    ])
    func bashCompletes(_ typed: String, _ offered: String) async throws {
        try await withWorld { world in
            try world.folder.write("", to: "job.yaml")
            let words = typed.split(separator: " ")
            let script = """
                source ./completions; COMP_WORDS=(sluice \(typed)); COMP_CWORD=\(words.count)
                COMP_LINE="sluice \(typed)"; COMP_POINT=${#COMP_LINE}
                _sluice sluice \(words.last ?? "") \(words.dropLast().last ?? "sluice"); echo "${COMPREPLY[*]}"
                """
            let outcome = try await world.shell(
                #""$@" > completions; bash -c '\#(script)'"#,
                ["--generate-completion-script", "bash"]
            )
            #expect(outcome.text == offered + "\n", "\(outcome.everything)")
        }
    }

    @Test func everyListHasItsColumnsInEveryForm() async throws {
        let lists: [([String], String)] = [
            (["accounts", "list", "--ds-id", "AW"], "account_id"), (["fields", "list", "--ds-id", "AW"], "field_id"),
            (["segments", "list", "--ds-id", "GAWA"], "segment_id"), (["logins", "list"], "login_id"),
            (["login-links", "list"], "link_id"), (["teams", "users"], "user_id"),
            (["connectors", "list"], "connector_identifier"), (["transfers", "list"], "dwh_transfer_id"),
            (["backfill", "list"], "transfer_backfill_id"),
        ]
        try await withWorld { world in
            let transfer = "\(world.sandbox.transferIDs[0])"
            _ = try await json(world, "login-links", "create", "--ds-id", "AW")
            _ = try await json(
                world,
                "backfill",
                "create",
                "--transfer",
                transfer,
                "--range-start",
                "2024-01-01",
                "--range-end",
                "2024-01-03"
            )
            for (arguments, id) in lists {
                var ids: [String: [String]] = [:]
                for form in ["json", "ndjson", "csv", "table"] {
                    let outcome = try await world.run(arguments + ["--output", form], environment: Self.team(world))
                    #expect(outcome.exitCode == 0, "\(arguments): \(outcome.errors)")
                    ids[form] = try Self.ids(outcome.text, form, id)
                }
                // A backfill may be complete before it is listed; every other list has something in it.
                #expect(arguments[0] == "backfill" || ids["json"]?.isEmpty == false, "\(arguments)")
                guard arguments[0] != "backfill" else { continue }
                #expect(Set(ids.values).count == 1, "\(arguments): \(ids)")
            }
        }
    }

    /// A list of a flag may be given at once or one by one.
    @Test func aFlagThatIsRepeatedAdds() async throws {
        try await withWorld { world in
            func accounts(_ flags: String...) async throws -> String {
                try await world.run(["accounts", "list", "--ds-id", "AW", "--output", "csv"] + flags).text
            }
            let (ads, agency) = ("ads@example.com", "agency@example.com")
            let both = try await accounts("--ds-users", "\(ads), \(agency)")
            #expect(both.contains(ads) && both.contains(agency))
            #expect(try await accounts("--ds-users", ads, "--ds-users", agency) == both)

            let query = ["queries", "execute", "--ds-id", "AW", "--date-range-type", "last_7_days", "--dry-run"]
            let lists = [["--ds-accounts", "1,2"], ["--fields", "Date, Cost"], ["--ds-users", "a,b"]]
            let once = try await world.run(query + lists.flatMap(\.self)).text
            #expect(once.contains(#""ds_accounts":"1,2""#) && once.contains(#"["Date","Cost"]"#), "\(once)")
            let apart = [
                "--ds-accounts", "1", "--ds-accounts", "2", "--fields", "Date", "--fields", "Cost", "--ds-users", "a",
                "--ds-users", "b",
            ]
            #expect(try await world.run(query + apart).text == once)
        }
    }

    /// The ids in a list, in whichever form it is written.
    private static func ids(_ text: String, _ form: String, _ id: String) throws -> [String] {
        func value(_ object: Any) -> String { (object as? [String: Any])?[id].map { "\($0)" } ?? "-" }
        let lines = text.split(separator: "\n")
        switch form {
        case "json":
            return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any]).map(value)
        case "ndjson": return try lines.map { value(try JSONSerialization.jsonObject(with: Data($0.utf8))) }
        default:
            let separator: Character = form == "csv" ? "," : " "
            #expect(lines.first?.split(separator: separator).first.map(String.init) == id)
            return lines.dropFirst().map { String($0.split(separator: separator)[0]) }
        }
    }

    @Test func aLoginLinkIsMadeChangedAndClosed() async throws {
        try await withWorld { world in
            let made = try #require(
                try await json(
                    world,
                    "login-links",
                    "create",
                    "--ds-id",
                    "GAWA",
                    "--description",
                    "first",
                    "--expiry-time",
                    "10 hours",
                    "--require-username",
                    "ana@example.com",
                    "--redirect-url",
                    "https://example.com/back"
                ) as? [String: Any]
            )
            let id = try #require(made["link_id"] as? String)
            #expect(
                made["status_code"] as? String == "OPEN" && made["require_username"] as? String == "ana@example.com"
            )
            let changed =
                try await json(world, "login-links", "update", id, "--description", "second") as? [String: Any]
            #expect(changed?["description"] as? String == "second")

            let unasked = try await world.sluice("login-links", "close", id)
            #expect(unasked.exitCode == 2 && unasked.errors.contains("--yes"))
            let dry = try await world.sluice("login-links", "close", id, "--dry-run")
            #expect(dry.exitCode == 0 && dry.text.hasPrefix("PUT \(world.sandbox.baseURL)/ds/login/link/\(id)/close\n"))
            #expect(
                (try await json(world, "login-links", "get", id) as? [String: Any])?["status_code"] as? String == "OPEN"
            )

            #expect(try await world.sluice("login-links", "close", id, "--yes").exitCode == 0)
            let closed = try await json(world, "login-links", "get", id) as? [String: Any]
            #expect(closed?["status_code"] as? String == "CLOSED")
            let unknown = try await world.sluice("login-links", "get", "nobody")
            #expect(unknown.exitCode == 5 && unknown.errors.contains("LINK_NOT_FOUND"))
        }
    }

    @Test func aLoginIsShownAndRevoked() async throws {
        try await withWorld { world in
            let logins = try #require(try await json(world, "logins", "list") as? [[String: Any]])
            let login = try #require(logins.first)
            let (id, username) = (login["login_id"] as? String ?? "", login["username"] as? String ?? "")
            #expect((try await json(world, "logins", "get", id) as? [String: Any])?["username"] as? String == username)
            let named = try await json(world, "logins", "list", "--username", username) as? [[String: Any]]
            #expect(named?.isEmpty == false && named?.allSatisfy { $0["username"] as? String == username } == true)
            let accounts = try await json(world, "logins", "accounts", id, "--limit", "1") as? [Any]
            #expect(accounts?.count == 1)
            #expect(try await world.sluice("logins", "revoke", id).exitCode == 2)
            #expect(
                (try await json(world, "logins", "revoke", id, "--yes") as? [String: Any])?["result"] as? Bool == true
            )
        }
    }

    @Test func aBackfillIsMadeWatchedAndCancelled() async throws {
        try await withWorld { world in
            let transfer = "\(world.sandbox.transferIDs[0])"
            world.sandbox.update { $0.backfills.dayTime = .seconds(3600) }
            func create(_ start: String, _ end: String) async throws -> Sluice.Outcome {
                try await world.run(
                    ["backfill", "create", "--transfer", transfer, "--range-start", start, "--range-end", end],
                    environment: Self.team(world)
                )
            }
            let made = try await create("2024-01-01", "2024-01-31")
            let backfill = try #require(
                try JSONSerialization.jsonObject(with: Data(made.output)) as? [String: Any]
            )
            #expect(backfill["transfer_runs_total"] as? Int == 31)
            let id = "\(backfill["transfer_backfill_id"] ?? "")"
            let overlap = try await create("2024-01-31", "2024-02-02")
            #expect(overlap.exitCode == 5 && overlap.errors.contains("HTTP 4"), "\(overlap.errors)")
            #expect(try await create("2024-02-30", "2024-03-01").exitCode == 2)
            #expect(try await create("2024-03-02", "2024-03-01").exitCode == 2)

            let latest = try await json(world, "backfill", "latest", "--transfer", transfer) as? [String: Any]
            #expect("\(latest?["transfer_backfill_id"] ?? "")" == id)
            let listed = try await json(world, "backfill", "list") as? [[String: Any]]
            #expect(listed?.map { "\($0["transfer_backfill_id"] ?? "")" } == [id])
            #expect(try await world.run(["backfill", "cancel", id], environment: Self.team(world)).exitCode == 2)
            let cancelled = try await json(world, "backfill", "cancel", id, "--yes") as? [String: Any]
            #expect(cancelled?["status"] as? String == "CANCELLED")
            let again = try await world.run(["backfill", "cancel", id, "--yes"], environment: Self.team(world))
            #expect(again.exitCode == 5 && again.errors.contains("422"))
        }
    }

    @Test func whatATeamHasIsShownAndMade() async throws {
        try await withWorld { world in
            let team = try await json(world, "teams", "get") as? [String: Any]
            #expect(team?["team_id"] as? Int == world.sandbox.teamID)
            let source = try await json(world, "data-sources", "get", "AW") as? [String: Any]
            #expect(source?["id"] as? String == "AW")
            let transfer = "\(world.sandbox.transferIDs[0])"
            let configuration = try await json(world, "transfers", "get", transfer) as? [String: Any]
            #expect(configuration?["transfer_id"] as? Int == world.sandbox.transferIDs[0])
            let runs = try await json(
                world,
                "transfers",
                "runs",
                transfer,
                "--start-date",
                "2020-01-01",
                "--end-date",
                "2099-12-31",
                "--limit",
                "2",
                "--sort-field",
                "data_date",
                "--sort-direction",
                "DESC"
            )
            let run = try #require((runs as? [[String: Any]])?.first)
            #expect((runs as? [Any])?.count == 2)
            let detail = try await json(world, "transfers", "run", "\(run["id"] ?? "")") as? [String: Any]
            #expect("\(detail?["id"] ?? "")" == "\(run["id"] ?? "-")")

            let title = "Orders & more"
            let unasked = try await world.run(
                ["connectors", "create", "--title", title],
                environment: Self.team(world)
            )
            #expect(unasked.exitCode == 2)
            let made = try await json(world, "connectors", "create", "--title", title, "--yes") as? [String: Any]
            #expect(made?["name"] as? String == title)
            let id = made?["connector_identifier"] as? String ?? ""
            let got = try await json(world, "connectors", "get", id) as? [String: Any]
            #expect(got?["configuration"] is [String: Any])
            let connection = try await json(
                world,
                "connections",
                "create",
                "--data-source-id",
                "AW",
                "--destination-type",
                "SQL_BQ",
                "--yes"
            )
            #expect((connection as? [String: Any])?["connection_id"] is String)
        }
    }

    private static let query = [
        "--ds-id", "AW", "--ds-accounts", "123-456-7890", "--fields", "Date,Campaign,Cost", "--start-date",
        "2024-01-01", "--end-date", "2024-01-04",
    ]

    @Test func aQuerysRowsAreTheSameInEveryFormAndByItsHandle() async throws {
        try await withWorld { world in
            let plain = try await world.run(["queries", "execute", "--output", "json"] + Self.query)
            let rows = try #require(
                try JSONSerialization.jsonObject(with: Data(plain.output)) as? [[String: Any]]
            )
            #expect(rows.count == 12 && Set(rows[0].keys) == ["Date", "Campaign", "Cost"])
            let table = try await world.run(["queries", "execute", "--output", "table"] + Self.query)
            #expect(table.text.split(separator: "\n").count == 13)
            let csv = try await world.run(["queries", "execute", "--output", "csv"] + Self.query)
            #expect(csv.text.hasPrefix("Date,Campaign,Cost\n2024-01-01,"))

            let started = try await world.run(
                ["queries", "execute", "--no-wait", "--schedule-id", "by-hand", "--output", "json"] + Self.query
            )
            #expect(started.text.contains("\"schedule_id\":\"by-hand\""))
            let results = try await world.sluice("queries", "results", "by-hand", "--output", "ndjson")
            #expect(results.text.split(separator: "\n").count == 12)
            // Numbers keep every digit.
            let csvCosts = Set(
                csv.text.split(separator: "\n").dropFirst().map { String($0.split(separator: ",").last ?? "") }
            )
            #expect(csvCosts.allSatisfy { results.text.contains("\"Cost\":\($0)}") })
            let status = try await world.sluice("queries", "status", "by-hand", "--output", "json")
            #expect(status.text.contains("\"status_code\":\"SUCCESS\""))
            let gone = try await world.sluice("queries", "results", "never-sent")
            #expect(gone.exitCode == 5 && gone.output.isEmpty && gone.errors.contains("STATUS_NOT_FOUND"))
        }
    }

    @Test func everyParameterOfAQueryHasItsFlag() async throws {
        let texts = [
            "ds_id": "AW", "ds_accounts": "1,2", "ds_user": "a@example.com", "start_date": "2024-01-01",
            "end_date": "yesterday", "date_range_type": "custom", "compare_type": "custom", "compare_show": "value",
            "compare_start_date": "2023-01-01", "compare_end_date": "2023-01-31", "filter": "Cost > 1",
            "order_rows": "Cost desc", "order_columns": "Device asc",
        ]
        let lists = ["fields": ["Date", "Cost"], "ds_segments": ["s", "t"], "ds_users": ["a", "b"]]
        let numbers = ["max_rows": 5, "max_columns": 6, "cache_minutes": 7]
        let values = texts.merging(lists.mapValues { $0.joined(separator: ", ") }) { $1 }
            .merging(numbers.mapValues(String.init)) { $1 }
        let flags = values.sorted { $0.key < $1.key }.flatMap { name, value in
            ["--" + name.replacing("_", with: "-"), value]
        }
        try await withWorld { world in
            let outcome = try await world.run(
                ["queries", "execute", "--dry-run", "--setting", "avoid_sampling=true"] + flags
            )
            let body = try #require(outcome.text.range(of: "\n{")).lowerBound
            let query = try #require(
                JSONSerialization.jsonObject(with: Data(outcome.text[body...].utf8)) as? [String: Any]
            )
            #expect(texts.allSatisfy { query[$0] as? String == $1 }, "\(query)")
            #expect(lists.allSatisfy { query[$0] as? [String] == $1 }, "\(query)")
            #expect(numbers.allSatisfy { query[$0] as? Int == $1 }, "\(query)")
            #expect((query["settings"] as? [String: Bool])?["avoid_sampling"] == true)
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test func aDryRunShowsTheRequestAndSendsNothing() async throws {
        try await withWorld { world in
            let commands: [([String], String)] = [
                (["queries", "execute"] + Self.query, "POST /query/data/json"),
                (["accounts", "list", "--ds-id", "AW"], "GET /query/accounts?json=%7B"),
                (["login-links", "create", "--ds-id", "AW"], "POST /ds/login/link"),
                (["logins", "revoke", "dsl_1"], "DELETE /ds/login/dsl_1"),
                (["backfill", "cancel", "7"], "PATCH /teams/1/backfills/7"),
                (
                    ["backfill", "create", "--transfer", "2", "--from", "2024-01-01", "--to", "2024-01-31"],
                    "POST /teams/1/transfers/2/backfills"
                ),
                (["connectors", "create", "--title", "T"], "POST /v1/teams/1/connector_builder/connectors"),
                (
                    ["connections", "create", "--data-source-id", "AW", "--destination-type", "SQL_BQ"],
                    "POST /teams/1/data-source-connections"
                ),
            ]
            for (arguments, line) in commands {
                let outcome = try await world.run(
                    arguments + ["--dry-run", "--base-url", world.sandbox.baseURL],
                    environment: Self.team(world)
                )
                let sent = line.replacing(" /", with: " \(world.sandbox.baseURL)/")
                #expect(outcome.exitCode == 0 && outcome.text.hasPrefix(sent), "\(outcome.everything)")
                #expect(outcome.text.contains("Authorization: [redacted]"))
            }
            #expect(world.sandbox.requests.isEmpty)
            // No key is needed to see what would be sent.
            let keyless = try await world.sluice(
                "logins",
                "list",
                "--dry-run",
                environment: ["SUPERMETRICS_API_KEY": ""]
            )
            #expect(keyless.exitCode == 0)
        }
    }

    @Test func exitCodesTellTheCause() async throws {
        try await withWorld { world in
            let refused = try await world.sluice("logins", "list", environment: ["SUPERMETRICS_API_KEY": "wrong"])
            #expect(refused.exitCode == 3 && refused.errors.contains("API_KEY_INVALID"))
            #expect(try await world.sluice("logins", "list", environment: ["SUPERMETRICS_API_KEY": ""]).exitCode == 3)
            let empty = ["SUPERMETRICS_DTS_BASE_URL": "", "SLUICE_LOG_LEVEL": ""]
            #expect(try await world.sluice("logins", "list", environment: empty).exitCode == 0)
            #expect(try await world.sluice("teams", "get").exitCode == 2)
            #expect(try await world.sluice("teams", "get", "--team", "none").exitCode == 2)
            #expect(try await world.sluice("accounts", "list").exitCode == 2)
            #expect(try await world.sluice("accounts", "list", "--ds-id", "AW", "--cache-minutes", "1").exitCode == 2)
            #expect(try await world.sluice("backfill", "get", "1", "--team", "999").exitCode != 0)
            world.sandbox.update { $0.faults = [Fault(.named(.quota))] }
            #expect(try await world.sluice("logins", "list").exitCode == 7)
        }
    }

    /// `script` of util-linux gives a command a terminal.
    private static let hasTerminals = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

    @Test(.enabled(if: hasTerminals)) func aPersonIsAskedAndReadsATable() async throws {
        try await withWorld { world in
            let made = try await json(world, "login-links", "create", "--ds-id", "AW") as? [String: Any]
            let id = made?["link_id"] as? String ?? ""
            func close(answering answer: String) async throws -> Sluice.Outcome {
                try await world.shell(
                    "printf '\(answer)\\n' | /usr/bin/script -qec \"$*\" /dev/null",
                    ["login-links", "close", id]
                )
            }
            let refused = try await close(answering: "n")
            #expect(refused.exitCode == 2 && refused.text.contains("Close login link \(id)? [y/N]"))
            #expect(refused.text.contains("nothing was changed"))
            let agreed = try await close(answering: "y")
            #expect(agreed.exitCode == 0, "\(agreed.everything)")
            #expect(agreed.text.contains("status_code") && agreed.text.contains("CLOSED"))
            #expect(!agreed.text.contains("{\"link_id\""), "a table, not JSON")
        }
    }

    @Test func theKeyIsOnNoCommandLine() async throws {
        try await withWorld { world in
            world.sandbox.update { $0.latency = .milliseconds(300) }
            let secrets = try TemporaryFolder()
            try secrets.write(world.sandbox.apiKey, to: "key")
            // What the process list shows of the command and of its children, for as long as it runs. A process that is
            // about to become another program has no command line.
            let watch = """
                "$@" & pid=$!
                while [ -d /proc/$pid ] && ! grep -q '^State:.Z' /proc/$pid/status; do
                  tr '\\0' ' ' < /proc/$pid/cmdline; echo
                  for child in $(cat /proc/$pid/task/*/children); do tr '\\0' ' ' < /proc/$child/cmdline; done
                  sleep 0.02
                done 2> /dev/null
                wait $pid
                """
            let listed = try await world.shell(
                watch,
                ["logins", "list", "--output", "json", "--api-key-command", "sleep 0.2; cat '\(secrets.path)/key'"]
            )
            #expect(listed.exitCode == 0 && listed.text.contains("login_id"))
            #expect(listed.text.contains("sluice logins list") && listed.text.contains("/bin/sh -c sleep"))
            #expect(!listed.everything.contains(world.sandbox.apiKey))
            let flag = try await world.sluice("logins", "list", "--api-key", "secret-of-mine")
            #expect(flag.exitCode == 2 && !flag.everything.contains("secret-of-mine"), "\(flag.everything)")
        }
    }

    @Test func everyHelpShowsAnExample() async throws {
        try await withWorld { world in
            let groups = [
                "demo": [], "export": [], "run": [], "plan": [], "check": [], "status": [], "sandbox": [],
                "queries": ["execute", "status", "results"], "accounts": ["list"], "fields": ["list"],
                "segments": ["list"], "logins": ["list", "get", "accounts", "revoke"],
                "login-links": ["create", "get", "list", "update", "close"], "data-sources": ["get"],
                "teams": ["get", "users"], "connectors": ["list", "get", "create"], "connections": ["create"],
                "transfers": ["list", "get", "runs", "run"],
                "backfill": ["run", "create", "get", "latest", "list", "cancel", "watch"],
            ]
            for (group, commands) in groups.sorted(by: { $0.key < $1.key }) {
                for words in [[group]] + commands.map({ [group, $0] }) {
                    let help = try await world.run(words + ["--help"])
                    #expect(help.exitCode == 0)
                    #expect(help.text.contains("Example"), "\(words)")
                    #expect(help.text.contains("  sluice \(words.joined(separator: " "))"), "\(words)")
                    // What is copied from there must run: no line is broken by the width of the page.
                    let examples = help.text.split(separator: "\n", omittingEmptySubsequences: false)
                        .drop { !$0.hasPrefix("Example") }.dropFirst().prefix { !$0.hasPrefix("USAGE") }
                    #expect(examples.allSatisfy { $0.isEmpty || $0.hasPrefix("  ") }, "\(words): \(examples)")
                }
            }
        }
    }
}
