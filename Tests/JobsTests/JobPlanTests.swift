import PipelineCore
import PipelineTesting
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite("Plans and checks of a job", .timeLimit(.minutes(10)))
struct JobPlanTests {
    @Test("A plan says which windows would be fetched and why, and touches nothing")
    func plan() async throws {
        try await withRunWorld { world in
            let first = try await world.jobRun(world.yaml()).plan()
            #expect(first.map(\.export) == ["one"])
            #expect(first[0].due == 3 && first[0].skipped == 0 && first[0].requests == 3 && first[0].rows == nil)
            #expect(first[0].windows.map(\.action) == ["fetch", "fetch", "fetch"])
            #expect(first[0].windows.allSatisfy { $0.reason == "new" && $0.because == "it is not loaded yet" })
            #expect(world.phases == [.discovery], "no query, and no other question than what the metrics are")
            #expect(world.store().history == [.ledger])

            _ = try await world.run(world.yaml())
            let second = try await world.jobRun(world.yaml()) { $0.plan.reload = .all }.plan()
            #expect(second[0].due == 3 && second[0].rows == 210)
            #expect(second[0].windows.map(\.reason) == ["reload", "reload", "reload"])
            let third = try await world.jobRun(world.yaml()).plan()
            #expect(third[0].due == 0 && third[0].skipped == 3 && third[0].seconds == 0)
            #expect(third[0].windows.allSatisfy { $0.action == "skip" && $0.days == nil && $0.reason == "settled" })
        }
    }

    @Test("A plan is what a run then does")
    func planIsRun() async throws {
        try await withRunWorld { world in
            world.sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-08" ? .status(400) : nil }
            _ = try await world.run(world.yaml())
            world.sandbox.chooseFaults(nil)
            let yaml = world.yaml(query: RunWorld.query.replacing("2024-01-21", with: "2024-02-11"))
            let plan = try await world.jobRun(yaml).plan()
            let summary = try await world.run(yaml)
            #expect(plan[0].windows.filter { $0.action == "fetch" }.map(\.id) == summary.export()?.windows.map(\.id))
            #expect(
                plan[0].windows.filter { $0.action == "fetch" }.map(\.reason) == summary.export()?.windows.map(\.reason)
            )
            #expect(plan[0].skipped == summary.export()?.skipped)
        }
    }

    @Test("What stops a run stops its plan")
    func stale() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let changed = try world.jobRun(world.yaml("stages: [{drop: [cost]}]"))
            await #expect(throws: PlanError.self) { try await changed.plan() }
        }
    }

    // MARK: Metrics that cannot be added up

    private static let reach = """
        ds_id: FA, ds_accounts: list.all_accounts, fields: [Date, reach, cost], start_date: 2024-01-01, \
        end_date: 2024-01-21
        """

    @Test(
        "A plan warns of metrics that cannot be added up where rows are split, and only there",
        arguments: [
            ("", "", ["split by day,", "'reach' cannot"]),
            ("window: {size: month, per_account: true}", "", ["split by day and by account,", "'reach' cannot"]),
            ("window: {size: month}", "Yearmonth, ", ["split by month,", "'reach' cannot"]),
            ("window: {size: all, per_account: true}", "adcampaign_id, ", ["split by account,", "'reach' cannot"]),
            ("window: {size: all}", "adcampaign_id, ", []),
        ]
    )
    func metrics(_ window: String, _ dimension: String, _ words: [String]) async throws {
        try await withRunWorld { world in
            let query = dimension.isEmpty ? Self.reach : Self.reach.replacing("Date, ", with: dimension)
            let plan = try #require(try await world.jobRun(world.yaml(window, query: query)).plan().first)
            #expect(plan.warnings.count == (words.isEmpty ? 0 : 1), "\(plan.warnings)")
            for word in words { #expect(plan.warnings.first?.contains(word) == true, "\(plan.warnings)") }
            let summed = try await world.jobRun(world.yaml(query: query.replacing("reach", with: "impressions"))).plan()
            #expect(summed.first?.warnings == [])
        }
    }

    @Test("Exports of one source ask once for its fields")
    func oneQuestion() async throws {
        try await withRunWorld { world in
            let yaml = world.yaml(query: Self.reach) + "\n" + world.export(name: "two", query: Self.reach, into: ["b"])
            let plans = try await world.jobRun(yaml).plan()
            #expect(plans.map(\.warnings.count) == [1, 1])
            #expect(world.sandbox.requests.map(\.path).filter { $0.hasSuffix("/fields") }.count == 1)
        }
    }

    @Test("A plan does without the fields where the API does not list them, and says so")
    func unknownMetrics() async throws {
        try await withRunWorld { world in
            world.sandbox.chooseFaults { $0.phase == .discovery ? .status(500) : nil }
            let plan = try #require(try await world.jobRun(world.yaml()).plan().first)
            #expect(plan.due == 3)
            #expect(
                plan.warnings.count == 1 && plan.warnings[0].hasPrefix("whether its metrics can be added up is not")
            )
            #expect(world.phases.count == 1, "a plan waits for no second try")
        }
    }

    @Test("An API that fails is asked for no other source; a source that it refuses says nothing of another")
    func sourcesApart() async throws {
        for (fault, asked) in [(Fault.Kind.status(500), ["XX"]), (.status(403), ["XX", "FA"])] {
            try await withRunWorld { world in
                world.sandbox.chooseFaults { $0.parameters["ds_id"] == "XX" ? fault : nil }
                let refused = RunWorld.query.replacing("ds_id: AW", with: "ds_id: XX")
                let yaml = world.yaml(query: refused) + "\n" + world.export(name: "two", query: Self.reach, into: ["b"])
                let plans = try await world.jobRun(yaml).plan()
                #expect(plans[0].warnings.first?.hasPrefix("whether its metrics can be added up is not") == true)
                #expect((plans[1].warnings.first?.contains("cannot be added up") == true) == (asked.count == 2))
                let questions = world.sandbox.requests.filter { $0.path.hasSuffix("/fields") }
                #expect(questions.map { $0.parameters["ds_id"] } == asked)
            }
        }
    }

    // MARK: Status

    /// What the status says of one destination.
    private func status(_ world: RunWorld, _ yaml: String) async throws -> ExportStatus {
        try #require(try await world.jobRun(yaml).status().first)
    }

    @Test("The status tells the last failure of each window, however often it failed")
    func failedTwice() async throws {
        try await withRunWorld({ $0.rowsPerDay = 0 }) { world in
            let yaml = world.yaml("on_empty: fail")
            _ = try await world.run(yaml)
            world.clock.advance(by: .seconds(3600))
            let again = world.now
            _ = try await world.run(yaml)
            let status = try await status(world, yaml)
            #expect(status.failed.map(\.window).count == 3 && Set(status.failed.map(\.window)).count == 3)
            #expect(status.failed.allSatisfy { $0.at >= again && $0.failure.contains("no rows came") })
        }
    }

    @Test("Rows that are gone are not counted, and only those that are wanted are promised back")
    func goneRows() async throws {
        try await withRunWorld { world in
            let both = RunWorld.query.replacing(#"["123-456-7890"]"#, with: #"["123-456-7890", "987-654-3210"]"#)
            let loaded = try await world.run(world.yaml("window: {per_account: true}", query: both))
            let windows = try #require(loaded.export()?.windows)
            #expect(windows.count == 6)
            for window in windows where !window.window.hasPrefix("2024-01-15") {
                world.store().removeRows(of: window.id, in: RunWorld.export)
            }
            // One account left, and the first week no longer wanted.
            let fewer = RunWorld.query.replacing("start_date: 2024-01-01", with: "start_date: 2024-01-08")
            let yaml = world.yaml("window: {per_account: true}", query: fewer)
            let status = try await status(world, yaml)
            #expect(status.windows == 2 && status.rows == world.store().rows(of: RunWorld.export).count)
            #expect(status.covers?.description == "2024-01-15..2024-01-21")
            #expect(status.gone.count == 4 && status.goneForGood.count == 3 && status.gaps == [])
            #expect(status.removedAccounts == ["987-654-3210"])
            let promised = status.gone.filter { !status.goneForGood.contains($0) }
            let plan = try await world.jobRun(yaml).plan()
            #expect(plan[0].due == promised.count && promised[0].contains("2024-01-08"))
        }
    }

    @Test("What append waits for, or never loads, is not promised to the next run")
    func appendGaps() async throws {
        try await withRunWorld { world in
            let part = RunWorld.query.replacing("2024-01-01", with: "2024-01-03")
            let into = ["a: {mode: append}"]
            #expect(try await world.run(world.yaml(query: part, into: into)).exitCode == 0)
            world.sandbox.clearRequests()
            let today = world.now.day
            let grown = RunWorld.query.replacing("2024-01-21", with: "\(today.advanced(by: -1))")
            let yaml = world.yaml(query: grown, into: into)
            let status = try await status(world, yaml)
            let outlooks = status.gaps.map(\.outlook)
            #expect(outlooks.first == .never && status.gaps.first?.days?.description == "2024-01-01..2024-01-07")
            #expect(outlooks.last == .waits && status.gaps.last?.days?.end == today.advanced(by: -1))
            let due = status.gaps.filter { $0.outlook == .due }.reduce(0) { $0 + $1.windows }
            #expect(try await world.jobRun(yaml).plan()[0].due == due)
        }
    }

    // MARK: Check

    private func findings(_ world: RunWorld, _ yaml: String) async throws -> [CheckFinding] {
        var findings: [CheckFinding] = []
        try await world.jobRun(yaml).check { findings.append($0) }
        return findings
    }

    @Test("A job in order is found so, for its source and each destination")
    func fine() async throws {
        try await withRunWorld { world in
            let findings = try await findings(world, world.yaml(into: ["a", "b"]))
            #expect(findings.map(\.state) == [.fine, .fine, .fine])
            #expect(findings[1].text.contains("memory:\(world.name("a")) can be written"))
            #expect(!world.phases.contains(.submit))
        }
    }

    @Test("A check warns of metrics that cannot be added up")
    func metricsOfCheck() async throws {
        try await withRunWorld { world in
            let findings = try await findings(world, world.yaml(query: Self.reach))
            #expect(findings.map(\.state) == [.fine, .warning, .fine])
            #expect(
                findings[1].text.contains("export 'one': the rows are split by day, and 'reach' cannot be added up")
            )
        }
    }

    @Test("Fields, accounts, stages and destinations that are not there are named with the nearest that are")
    func mistakes() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("AdID", with: "AdIDs").replacing("123-456-7890", with: "123-456-7891")
            let wrong = try await findings(world, world.yaml(query: query))
            #expect(wrong.map(\.state) == [.failure(.usage), .failure(.usage), .fine])
            #expect(wrong[0].text.contains("AW has no field 'AdIDs'; did you mean 'AdID'?"))
            #expect(wrong[1].text.contains("no login reaches account '123-456-7891'; did you mean '123-456-7890'?"))

            world.store().intercept { operation throws(SinkError) in
                if operation == .check { throw SinkError(.destination, "no such folder") }
            }
            let broken = try await findings(world, world.yaml())
            #expect(broken.map(\.state) == [.fine, .failure(.destination)])
            #expect(broken[1].text.contains("no such folder"))
        }
    }

    @Test(
        "A check finds what rows are expected to show and no field of the query does",
        arguments: [
            ("AccountID, ", "expect: {accounts: all}", "no field of the query holds the account's id"),
            ("AccountID, ", "expect: {accounts: all}\nwindow: {per_account: true}", nil),
            ("Impressions, ", "expect: {accounts: all, days: all, unique: true}", nil),
            ("", "expect: {unique: [account]}", "there is no column 'account'; did you mean 'account_id'?"),
        ] as [(String, String, String?)]
    )
    func unknownExpectation(gone: String, rules: String, text: String?) async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing(gone, with: "")
            let findings = try await findings(world, world.yaml(rules, query: query))
            #expect(findings.first?.state == (text == nil ? .fine : .failure(.usage)))
            if let text { #expect(findings.first?.text.contains(text) == true, "\(findings)") }
        }
    }

    @Test(
        "A merge without a key goes by the query's dimensions, and all of them must land",
        arguments: [
            ("stages: [{drop: [ad_id]}]", "the stages leave out 'AdID'"), ("stages: [{drop: [cost]}]", nil),
            ("stages: [{select: [ad_id, cost]}]", "the stages leave out 'Date', 'AccountID'"),
            ("stages: [{rename: {ad_id: ad}}]", nil),
        ] as [(String, String?)]
    )
    func mergeWithoutKey(stages: String, text: String?) async throws {
        try await withRunWorld { world in
            func destination(_ options: String) async throws -> CheckFinding? {
                try await findings(world, world.yaml(stages, into: [options])).last
            }
            let found = try await destination("a: {mode: merge}")
            #expect(found?.state == (text == nil ? .fine : .failure(.usage)))
            if let text { #expect(found?.text.contains("\(text); name the columns") == true, "\(found?.text ?? "")") }
            #expect(try await destination("b: {mode: merge, key: [cost]}")?.state == .fine)
            #expect(try await destination("c: {mode: append}")?.state == .fine)
        }
    }

    @Test("A key that is not accepted is one finding with its kind")
    func key() async throws {
        try await withRunWorld({ $0.faults = [Fault(.status(401))] }) { world in
            let findings = try await findings(world, world.yaml())
            #expect(findings.first?.state == .failure(.authentication))
        }
    }
}
