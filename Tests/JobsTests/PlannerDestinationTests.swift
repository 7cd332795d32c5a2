import Jobs
import PipelineCore
import Testing

private let week1 = "2024-01-01..2024-01-07"
private let week2 = "2024-01-08..2024-01-14"

@Suite("What modes and destinations change about a plan") struct PlannerDestinationTests {
    @Test("Append inserts a window once its cell has settled, and never again")
    func append() throws {
        let layout = Layout(size: "week", perAccount: false, mode: .append)
        var question = Question()
        question.range = "2024-01-01..2024-01-16"
        question.lookback = 1
        question.now = "2024-01-18T12:00:00Z"
        question.accounts = ["A", "B"]
        question.sinks = [
            sink(
                try ledger([held(week1, covers: "2024-01-03..2024-01-07", layout: layout)], gone: [week1]),
                mode: .append
            )
        ]
        // Week 2 settled at noon of the 16th. The days of week 3 have settled too, but its last ones could never be added.
        #expect(
            try question.lines() == [
                "skip \(week1) append_loaded", "fetch \(week2) new fresh", "skip 2024-01-15..2024-01-21 append_waits",
            ]
        )
        question.options.reload = .stale
        #expect(throws: PlanError.appendReload(Question.export)) { try question.plan() }
        question.options.reload = .none
        question.range = nil
        question.sinks = [sink(mode: .append)]
        #expect(throws: PlanError.appendWithoutDays(Question.export, destination: "out/")) { try question.plan() }
    }

    @Test("Append keeps rows of another fingerprint only when told so, and cannot load them again")
    func appendStale() throws {
        let layout = Layout(size: "week", perAccount: false, mode: .append)
        var question = Question()
        question.range = week1
        question.fingerprint = "F2"
        question.sinks = [sink(try ledger([held(week1, layout: layout)]), mode: .append)]
        let expected = PlanError.stale(Question.export, [try window(week1)], reloadable: false)
        #expect(throws: expected) { try question.plan() }
        #expect(!expected.description.contains("--reload"))
        question.options.acceptStale = true
        #expect(try question.lines() == ["skip \(week1) accepted_stale"])

        question.fingerprint = "F1"
        question.size = .month
        question.options = PlanOptions(reload: .all)
        question.sinks.append(sink())
        #expect(
            throws: PlanError.layoutChanged(
                Question.export,
                destination: "out/",
                from: layout,
                to: Layout(size: "month", perAccount: false, mode: .append),
                reloadable: false
            )
        ) { try question.plan() }
    }

    @Test("Several destinations: one fetch for those that lack the window, over the days of all of them")
    func several() throws {
        var question = Question()
        question.range = "2024-01-03..2024-01-14"
        question.sinks = [
            sink(try ledger([held(week1, covers: "2024-01-02..2024-01-07"), held(week2)])),
            sink(try ledger([held(week1, covers: "2024-01-03..2024-01-05")])), sink(),
        ]
        #expect(
            try question.lines() == [
                "fetch \(week1) for 2024-01-02..2024-01-07 range_grew→1 new→2", "fetch \(week2) new→1 new→2",
            ]
        )
        let targets = try question.plan().fetches[0].targets
        #expect(targets.map(\.previous?.covers) == [try days("2024-01-03..2024-01-05"), nil])
    }

    @Test("Several destinations: append takes no part in a reload")
    func severalReload() throws {
        let layout = Layout(size: "week", perAccount: false, mode: .append)
        var question = Question()
        question.range = week1
        question.options.reload = .all
        question.sinks = [
            sink(try ledger([held(week1, layout: layout)]), mode: .append), sink(try ledger([held(week1)])),
        ]
        #expect(try question.lines() == ["fetch \(week1) reload→1 fresh"])
        #expect(try question.plan().runs.map { $0?.reload } == [[], [window(week1).id]])
    }

    @Test("A single file holds exactly the range, in every run")
    func whole() throws {
        var question = Question()
        question.range = "2024-01-03..2024-01-14"
        question.lookback = 60
        question.sinks = [sink(try ledger([held(week1), held(week2)]), scope: .run)]
        #expect(
            try question.lines() == [
                "fetch \(week1) for 2024-01-03..2024-01-07 whole fresh", "fetch \(week2) whole fresh",
            ]
        )
        var run = try #require(question.plan().runs.first ?? nil)
        #expect(run.replacesAll && run.windows.count == 2)
        #expect(try run.range == days("2024-01-03..2024-01-14"))

        question.options.chosen = try days("2024-01-05..2024-01-06")
        run = try #require(question.plan().runs.first ?? nil)
        #expect(try run.windows == [window(week1)])
        #expect(try run.range == days("2024-01-03..2024-01-07"))

        question.options = PlanOptions(shard: Shard("1/2"))
        #expect(throws: PlanError.partOfWhole(Question.export, destination: "out/", option: "--shard 1/2")) {
            try question.plan()
        }
        // A folder beside it covers more days: then the days differ, and so do the queries.
        question.options = PlanOptions()
        question.lookback = 0
        question.sinks.append(sink(try ledger([held(week1, settled: false), held(week2, settled: false)])))
        #expect(
            try question.lines() == [
                "fetch \(week1) for 2024-01-03..2024-01-07 whole→0", "fetch \(week1) not_settled→1 fresh",
                "fetch \(week2) whole→0 not_settled→1 fresh",
            ]
        )
    }

    @Test("Parts of a killed whole are used again within 24 h for the same days, range, layout and fingerprint")
    func staged() throws {
        var question = Question()
        question.now = "2024-02-02T00:00:00Z"
        func lines(
            range: String = "2024-01-01..2024-01-14",
            fingerprint: String = "F1",
            size: String = "week",
            begun: String = "2024-02-01T00:00:00.001Z",
            part: Checkpoint? = nil,
            reload: [String] = []
        ) throws -> [String] {
            let plan = RunPlan(
                windows: [],
                range: try days(range),
                fingerprint: fingerprint,
                layout: Layout(size: size, perAccount: false),
                replacesAll: true,
                createdAt: try time(begun)
            )
            let part = try part ?? held(week1)
            let staged = Ledger.Staged(plan: plan, checkpoints: [part.window.id: part])
            question.sinks = [sink(try ledger([], reload: reload, staged: staged), scope: .run)]
            return try question.lines()
        }
        let used = ["skip \(week1) staged", "fetch \(week2) whole"]
        let unused = ["fetch \(week1) whole", "fetch \(week2) whole"]
        #expect(try lines() == used)
        #expect(try question.plan().runs.first??.windows.count == 2)
        #expect(try lines(range: "2024-01-01..2024-01-21") == unused)
        #expect(try lines(fingerprint: "F0") == unused)
        #expect(try lines(size: "day") == unused)
        #expect(try lines(begun: "2024-02-01T00:00:00Z") == unused)
        #expect(try lines(part: held(week1, covers: "2024-01-02..2024-01-07")) == unused)
        #expect(try lines(part: held(week1, accounts: ["B"])) == unused)
        // A killed reload goes on with what it had not loaded; asked for again, it starts again.
        #expect(try lines(reload: [week2]) == ["skip \(week1) staged", "fetch \(week2) reload_resumed fresh"])
        #expect(try question.plan().runs.first??.reload == [window(week2).id])
        #expect(try lines(reload: [week1]) == ["fetch \(week1) reload_resumed fresh", "fetch \(week2) whole"])
        question.options.reload = .all
        #expect(try lines() == ["fetch \(week1) reload fresh", "fetch \(week2) reload fresh"])
        #expect(try question.plan().runs.first??.reload == [window(week1).id, window(week2).id])
    }

    @Test("A whole that did not fail has nothing for --only-failed, one that failed is loaded whole")
    func wholeOnlyFailed() throws {
        var question = Question()
        question.options.onlyFailed = true
        question.sinks = [sink(scope: .run)]
        #expect(try question.lines() == [])
        #expect(try question.plan().runs == [nil])
        let unfinished = RunPlan(
            windows: [],
            range: try days("2024-01-01..2024-01-07"),
            fingerprint: "F1",
            layout: Layout(size: "week", perAccount: false),
            replacesAll: true,
            createdAt: try time(question.now)
        )
        question.sinks = [sink(try ledger([], staged: .init(plan: unfinished, checkpoints: [:])), scope: .run)]
        #expect(try question.lines() == ["fetch \(week1) whole", "fetch \(week2) whole"])
        let failed = try attempt(week2, "a", startedAt: "2024-02-28T00:00:00Z", failure: "quota")
        question.sinks = [sink(try ledger([], attempts: [failed]), scope: .run)]
        #expect(try question.lines() == ["fetch \(week1) whole", "fetch \(week2) whole"])
    }

    @Test("Mode replace loads everything in every run and minds a change of mode alone")
    func replaceMode() throws {
        func question(_ layout: Layout) throws -> Question {
            var question = Question()
            question.range = week1
            question.sinks = [sink(try ledger([held(week1, layout: layout)]), mode: .replace)]
            return question
        }
        #expect(
            try question(Layout(size: "month", perAccount: true, mode: .replace)).lines() == ["fetch \(week1) whole"]
        )
        var changed = try question(Layout(size: "week", perAccount: false))
        #expect(throws: PlanError.self) { try changed.plan() }
        changed.options.reload = .all
        #expect(try changed.lines() == ["fetch \(week1) reload fresh"])
    }

    @Test("Days can be chosen for a file, and not for a table that mode replace would empty of all others")
    func replaceChosen() throws {
        var question = Question()
        question.options.chosen = try days(week1)
        question.sinks = [sink(Ledger(), mode: .replace)]
        let error = #expect(throws: PlanError.self) { try question.plan() }
        #expect(error?.description.contains("--start-date/--end-date does not go with") == true)
        question.sinks = [sink(Ledger(), scope: .run)]
        #expect(try question.lines() == ["fetch \(week1) whole"])
    }

    @Test(
        "A changed size, per_account, mode or key stops the export and says what changed",
        arguments: [
            (Layout(size: "day", perAccount: false, mode: .merge, key: ["a"]), "size day (now week)"),
            (Layout(size: "week", perAccount: true, mode: .merge, key: ["a"]), "per_account true (now false)"),
            (Layout(size: "week", perAccount: false, key: ["a"]), "mode replace_window (now merge)"),
            (Layout(size: "week", perAccount: false, mode: .merge, key: ["b"]), "key [b] (now [a])"),
        ]
    )
    func layoutChanged(layout: Layout, text: String) throws {
        var question = Question()
        question.range = week1
        question.sinks = [sink(try ledger([held(week1, layout: layout)]), mode: .merge, key: ["a"])]
        let error = try #require(throws: PlanError.self) { try question.plan() }
        #expect(
            error.description == "job/export: out/ was loaded with \(text); load everything again in one step with "
                + "--reload=all, or restore the old setting"
        )
        question.options.reload = .all
        #expect(try question.lines() == ["fetch \(week1) layout_changed fresh"])
        question.options.chosen = try days(week1)
        #expect(throws: PlanError.partOfWhole(Question.export, destination: "out/", option: "--start-date/--end-date"))
        {
            try question.plan()
        }
    }

    @Test("A changed layout replaces every day ever covered, also of accounts no longer wanted, in one step")
    func replacesAll() throws {
        let old = Layout(size: "week", perAccount: true)
        var question = Question()
        question.size = .month
        question.perAccount = true
        question.range = "2024-02-10..2024-02-20"
        question.options.reload = .all
        let held = [
            try held(week1, account: "A", covers: "2024-01-03..2024-01-07", layout: old),
            try held("2024-01-29..2024-02-04", account: "B", layout: old),
        ]
        question.sinks = [sink(try ledger(held))]
        let lines = [
            "fetch 2024-01-01..2024-01-31 account A for 2024-01-03..2024-01-07 layout_changed fresh",
            "fetch 2024-01-01..2024-01-31 account B for 2024-01-29..2024-01-31 layout_changed fresh",
            "fetch 2024-02-01..2024-02-29 account A for 2024-02-10..2024-02-20 layout_changed fresh",
            "fetch 2024-02-01..2024-02-29 account B for 2024-02-01..2024-02-04 layout_changed fresh",
        ]
        #expect(try question.lines() == lines)
        let run = try #require(question.plan().runs.first ?? nil)
        #expect(run.replacesAll && run.windows.count == 4)
        #expect(try run.range == days("2024-01-03..2024-02-20"))
        #expect(try question.plan().outside == [])

        // Killed after the first window: it resumes without the flag, and only for the same layout and fingerprint.
        let part = try JobsTests.held(
            "2024-01-01..2024-01-31",
            account: "A",
            covers: "2024-01-03..2024-01-07",
            fetchedAt: "2024-02-29T20:00:00Z",
            layout: run.layout
        )
        question.options.reload = .none
        question.sinks = [sink(try ledger(held, staged: .init(plan: run, checkpoints: [part.window.id: part])))]
        #expect(
            try question.lines() == ["skip 2024-01-01..2024-01-31 account A staged"] + lines.dropFirst()
        )
        question.fingerprint = "F2"
        #expect(throws: PlanError.self) { try question.plan() }
        question.fingerprint = "F1"
        question.size = .day
        #expect(throws: PlanError.self) { try question.plan() }
    }
}
