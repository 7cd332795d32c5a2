import PipelineCore
import Sandbox
import SupermetricsAPI
import Testing

@testable import Jobs

@Suite("Exports resolved for a run", .timeLimit(.minutes(10)))
struct ExportResolverTests {
    /// Resolves the first export of a job.
    private func resolve(_ world: RunWorld, _ yaml: String) async throws -> ExportResolver.Resolved {
        let run = try world.jobRun(yaml)
        return try await withSupermetricsClient(run.configuration) { client in
            try await ExportResolver(job: run.job, client: client, now: run.now).resolve(run.job.exports[0])
        }
    }

    private static let all = ["123-456-7890", "987-654-3210", "123", "555-000-1111", "555-000-2222"]

    /// `ds_accounts`, and the accounts it stands for.
    static let selections: [(String, [String], requests: Int)] = [
        (#"["123", "987-654-3210"]"#, ["123", "987-654-3210"], 0),
        (#""123, 987-654-3210""#, ["123", "987-654-3210"], 0),
        ("list.all_accounts", all, 1),
        (#"["123", list.all_accounts]"#, ["123", "123-456-7890", "987-654-3210", "555-000-1111", "555-000-2222"], 1),
        (#"["list.europe"]"#, ["list.europe"], 0),
        (#"{filter_id: "/^555/"}"#, ["555-000-1111", "555-000-2222"], 1),
        (#"{filter_id: "^555.*2$"}"#, ["555-000-2222"], 1),
        (#"{filter_name: "/example/i"}"#, ["123-456-7890", "987-654-3210"], 1),
        (#"{filter_name: "/Клиент/"}"#, ["555-000-2222"], 1),
        (#"{filter_name: "~A/B~"}"#, ["555-000-1111"], 1),
    ]

    @Test("Accounts are resolved at the start, with as many requests as that takes", arguments: selections.indices)
    func accounts(index: Int) async throws {
        let (selection, accounts, requests) = Self.selections[index]
        try await withRunWorld { world in
            let query = RunWorld.query.replacing(#"["123-456-7890"]"#, with: selection)
            let resolved = try await resolve(world, world.yaml(query: query))
            #expect(resolved.accounts == accounts)
            #expect(world.sandbox.requests.map(\.endpoint) == Array(repeating: "/query/accounts", count: requests))
        }
    }

    @Test("Only the accounts of the logins that the query names")
    func logins() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing(
                #"["123-456-7890"]"#,
                with: "list.all_accounts, ds_user: agency@example.com"
            )
            let accounts = try await resolve(world, world.yaml(query: query)).accounts
            #expect(accounts == ["555-000-1111", "555-000-2222"])
        }
    }

    @Test(
        "Accounts that cannot be resolved are a mistake of the job file",
        arguments: [
            (#"{filter_id: "/^nobody/"}"#, "", "no account matches"),
            (#"{filter_id: "/(/"}"#, "", "not a regular expression"),
            ("list.all_accounts, ds_user: nobody", "window: {per_account: true}", "the API lists no account"),
            (#"["list.europe", "123"]"#, "window: {per_account: true}", "only the API knows those of 'list.europe'"),
        ]
    )
    func refusedAccounts(selection: String, lines: String, text: String) async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing(#"["123-456-7890"]"#, with: selection)
            let summary = try await world.run(world.yaml(lines, query: query))
            #expect(summary.exitCode == 2)
            #expect(summary.texts.first?.contains(text) == true)
            #expect(summary.texts.first?.contains("export 'one'") == true)
            #expect(!world.phases.contains(.submit))
        }
    }

    /// Fields and window, the size that comes of it (nil for a refusal), and whether the API was asked for its fields.
    static let cuts: [(fields: String, lines: String, size: WindowSize?, asks: Bool)] = [
        ("Date, Cost", "", .week, false), ("Date, Cost", "window: {size: month}", .month, false),
        ("Yearweekiso, Cost", "", .week, false), ("Yearweekiso, Cost", "window: {size: all}", .all, false),
        ("Yearmonth, Cost", "window: {size: month}", .month, false), ("Yearmonth, Cost", "", .all, false),
        ("Campaign, Cost", "", .all, true), ("Campaign, Cost", "window: {size: day}", nil, true),
        ("Campaign, Cost", "window: {size: all}", .all, false),
    ]

    @Test(
        "The grid is cut only where the fields allow it; the API is asked only where ids do not tell",
        arguments: cuts.indices
    )
    func cut(index: Int) async throws {
        let (fields, lines, size, asks) = Self.cuts[index]
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("Date, AccountID, AdID, Impressions, Cost", with: fields)
            let yaml = world.yaml(lines, query: query)
            if let size {
                let resolved = try await resolve(world, yaml)
                #expect(resolved.spec.size == size)
            } else {
                let error = await #expect(throws: JobFileError.self) { try await resolve(world, yaml) }
                #expect(error?.description.contains("no field holds the date") == true)
                #expect(error?.description.contains("window: {size: all}") == true)
            }
            #expect(world.sandbox.requests.map(\.endpoint) == (asks ? ["/query/fields"] : []))
        }
    }

    @Test(
        "A period that only the API knows to be one is cut by what it is",
        arguments: [("yearmonth", WindowSize.month)]
    )
    func customField(field: String, size: WindowSize) async throws {
        try await withRunWorld { world in
            let query =
                "ds_id: FA, ds_accounts: [\"123\"], fields: [\(field), cost], start_date: 2024-01-01, end_date: 2024-01-31"
            let resolved = try await resolve(world, world.yaml("window: {size: month}", query: query))
            #expect(resolved.spec.size == size)
        }
    }

    @Test("Relative dates are those of the job's time zone")
    func zone() async throws {
        try await withRunWorld { world in
            // 12:00 UTC, and past midnight in Kiritimati.
            let query = RunWorld.query.replacing("2024-01-21", with: "yesterday")
            let utc = try await resolve(world, world.yaml(query: query)).spec.range
            let far = try await resolve(world, "time_zone: Pacific/Kiritimati\n" + world.yaml(query: query)).spec.range
            #expect(utc?.end == Day("2024-03-14"))
            #expect(far?.end == Day("2024-03-15"))
        }
    }

    @Test("Windows of a renamed job or export are carried over under the names they were loaded by")
    func renamed() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let yaml = world.yaml("renamed_from: one").replacing("name: job", with: "name: newjob\nrenamed_from: job")
                .replacing("name: one", with: "name: newone")
            world.sandbox.clearRequests()
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 0 && summary.export("newone")?.skipped == 3)
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    // MARK: Fingerprint

    private func fingerprint(_ yaml: String) async throws -> String {
        try await withRunWorld { world in try await resolve(world, yaml).spec.fingerprint }
    }

    private static func job(_ query: String, _ rest: String = "") -> String {
        """
        name: job
        exports:
          - name: one
            query: {\(query)}
            into: [{memory: {name: fingerprint}}]
        \(rest.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(separator: "\n"))
        """
    }

    private static let query =
        "ds_id: AW, ds_accounts: [\"123\"], fields: [Date, Cost], start_date: 2024-01-01, end_date: 2024-01-21"
    private static let stages = "stages:\n  - rename: {cost: spend}\n  - cast: {spend: \"decimal(18,6)\"}"

    /// Jobs that a user would call the same.
    static let same: [String] = [
        job(query, stages),
        job(
            "end_date: 2024-01-21, fields: [Date, Cost], ds_accounts: [\"123\"], start_date: 2024-01-01, ds_id: AW",
            stages
        ),
        job(query, "# a comment\n" + stages + "   # another"),
        job(query, "stages: [{rename: {\"cost\": 'spend'}}, {cast: {spend: 'decimal(18,6)'}}]"),
        job(query.replacing("2024-01-01", with: "90 days ago").replacing("2024-01-21", with: "yesterday"), stages),
        job(query, stages + "\nwindow: {lookback: 30 days}\non_shrink: 10%\non_sampled: fail\non_empty: allow"),
        "api: {requests_per_second: 3, page_rows: 7}\ntime_zone: Europe/Helsinki\n" + job(query, stages),
        job(query, stages).replacing("memory: {name: fingerprint}", with: "memory: {name: elsewhere, scope: run}"),
    ]

    /// Jobs whose rows differ.
    static let other: [String] = [
        job(query), job(query, stages.replacing("18,6", with: "18,2")),
        job(query, stages.replacing("spend", with: "paid")),
        job(query, "stages: [{cast: {cost: \"decimal(18,6)\"}}, {rename: {cost: spend}}]"),
        job(query.replacing("Date, Cost", with: "Cost, Date"), stages),
        job(query.replacing("[\"123\"]", with: "[\"456\"]"), stages),
        job(query + ", filter: Cost > 0", stages),
        job(query, stages + "\ncolumns: keep").replacing("cost: spend", with: "Cost: spend"),
        job(query + ", settings: {timezone: UTC}", stages),
    ]

    @Test("What a user would call the same has the same fingerprint", arguments: same.indices)
    func stable(index: Int) async throws {
        let (fingerprint, first) = (try await fingerprint(Self.same[index]), try await fingerprint(Self.same[0]))
        #expect(fingerprint == first)
    }

    @Test("What changes the rows changes the fingerprint", arguments: other.indices)
    func changed(index: Int) async throws {
        var all: Set<String> = [try await fingerprint(Self.same[0])]
        for yaml in Self.other[...index] { all.insert(try await fingerprint(yaml)) }
        #expect(all.count == index + 2)
    }

    @Test("With per_account the list of accounts decides no rows")
    func perAccount() async throws {
        let one = try await fingerprint(Self.job(Self.query, "window: {per_account: true}"))
        let two = try await fingerprint(
            Self.job(
                Self.query.replacing("[\"123\"]", with: "[\"123\", \"987-654-3210\"]"),
                "window: {per_account: true}"
            )
        )
        #expect(one == two)
    }
}
