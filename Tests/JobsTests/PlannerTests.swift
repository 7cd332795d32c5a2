import Jobs
import PipelineCore
import Testing

/// Two whole weeks from Monday.
private let week1 = "2024-01-01..2024-01-07"
private let week2 = "2024-01-08..2024-01-14"

@Suite("When a window is fetched") struct PlannerTests {
    @Test("A destination that holds nothing gets every window, edges only for the days in range")
    func empty() throws {
        var question = Question()
        question.range = "2024-01-03..2024-01-09"
        #expect(
            try question.lines() == [
                "fetch \(week1) for 2024-01-03..2024-01-07 new", "fetch \(week2) for 2024-01-08..2024-01-09 new",
            ]
        )
        let plan = try question.plan()
        #expect(plan.fetches.map(\.accounts) == [["A"], ["A"]])
        let run = try #require(plan.runs.first ?? nil)
        #expect(run.windows == [try window(week1), try window(week2)])
        #expect(run.range == (try days("2024-01-03..2024-01-09")))
        #expect(run.layout == Layout(size: "week", perAccount: false))
        #expect((run.fingerprint, run.reload, run.accepted, run.replacesAll) == ("F1", [], [], false))
    }

    @Test("Each account is a window of its own, in order within its cell")
    func perAccount() throws {
        var question = Question()
        question.perAccount = true
        question.range = week1
        question.accounts = ["B", "A", "B"]
        #expect(try question.lines() == ["fetch \(week1) account A new", "fetch \(week1) account B new"])
        #expect(try question.plan().fetches.map(\.accounts) == [["A"], ["B"]])
        question.accounts = []
        #expect(throws: PlanError.noAccounts(Question.export)) { try question.plan() }
    }

    @Test("A query without days is one window, fetched at every run")
    func dateless() throws {
        var question = Question()
        question.range = nil
        #expect(try question.lines() == ["fetch all new fresh"])
        question.sinks = [
            sink(
                try ledger([
                    held("all", covers: .some(nil), settled: false, layout: Layout(size: "all", perAccount: false))
                ])
            )
        ]
        #expect(try question.lines() == ["fetch all not_settled fresh"])
    }

    @Test("What is covered and settled is skipped")
    func settled() throws {
        var question = Question()
        question.sinks = [sink(try ledger([held(week1), held(week2)]))]
        #expect(try question.lines() == ["skip \(week1) settled", "skip \(week2) settled"])
    }

    @Test(
        "A window is fetched for the hull of the days covered and the days wanted",
        arguments: [
            // covered, range wanted, what happens to the first week
            ("2024-01-01..2024-01-03", "2024-01-01..2024-01-07", "fetch \(week1) range_grew"),
            ("2024-01-01..2024-01-03", "2024-01-06..2024-01-07", "fetch \(week1) range_grew"),
            ("2024-01-05..2024-01-07", "2024-01-01..2024-01-02", "fetch \(week1) range_grew"),
            (
                "2024-01-02..2024-01-03", "2024-01-04..2024-01-05",
                "fetch \(week1) for 2024-01-02..2024-01-05 range_grew"
            ),
            ("2024-01-01..2024-01-07", "2024-01-05..2024-01-07", "skip \(week1) settled"),
        ]
    )
    func hull(covered: String, range: String, line: String) throws {
        var question = Question()
        question.range = range
        question.sinks = [sink(try ledger([held(week1, covers: covered)]))]
        #expect(try question.lines() == [line])
    }

    @Test("A reload of a window that covers more than is wanted loads what it covers")
    func reloadKeepsDays() throws {
        var question = Question()
        question.range = "2024-01-05..2024-01-07"
        question.options.reload = .all
        question.sinks = [sink(try ledger([held(week1)]))]
        #expect(try question.lines() == ["fetch \(week1) reload fresh"])
    }

    @Test("An account that was added is fetched, one that was removed stays and is named")
    func accounts() throws {
        var question = Question()
        question.accounts = ["A", "C"]
        question.sinks = [
            sink(try ledger([held(week1, accounts: ["A", "B"]), held(week2, accounts: ["C", "B", "A"])]))
        ]
        #expect(try question.lines() == ["fetch \(week1) accounts_added", "skip \(week2) settled"])
        let plan = try question.plan()
        #expect(plan.fetches.first?.accounts == ["A", "C"])
        #expect(plan.fetches.first?.targets.first?.reason == .accountsAdded(["C"]))
        #expect(plan.removedAccounts == ["B"])
        #expect(plan.outside.isEmpty)
    }

    @Test("Windows of a removed account and of days that left the range stay and are listed")
    func outside() throws {
        let layout = Layout(size: "week", perAccount: true)
        var question = Question()
        question.perAccount = true
        question.range = week2
        question.sinks = [
            sink(
                try ledger([
                    held(week1, account: "A", layout: layout), held(week2, account: "A", layout: layout),
                    held(week2, account: "B", layout: layout),
                ])
            )
        ]
        #expect(try question.lines() == ["skip \(week2) account A settled"])
        let plan = try question.plan()
        #expect(plan.outside == [try window(week1, account: "A"), try window(week2, account: "B")])
        #expect(plan.removedAccounts == ["B"])
    }

    @Test("A window whose rows are gone is fetched")
    func gone() throws {
        var question = Question()
        question.sinks = [sink(try ledger([held(week1), held(week2)], gone: [week2]))]
        #expect(try question.lines() == ["skip \(week1) settled", "fetch \(week2) rows_gone"])
    }

    @Test(
        "A fetch is settled from 12:00 UTC of the day after its last day, and lookback days later",
        arguments: [
            ("2024-01-07", 0, "2024-01-08T11:59:59.999Z", false), ("2024-01-07", 0, "2024-01-08T12:00:00Z", true),
            ("2024-01-07", 7, "2024-01-15T11:59:59.999Z", false), ("2024-01-07", 7, "2024-01-15T12:00:00Z", true),
            ("2024-02-28", 1, "2024-03-01T12:00:00Z", true), ("2024-02-28", 1, "2024-02-29T12:00:00Z", false),
            ("2023-02-28", 0, "2023-03-01T12:00:00Z", true), ("2023-12-31", 30, "2024-01-31T12:00:00Z", true),
        ]
    )
    func settleRule(last: String, lookback: Int, fetchedAt: String, settled: Bool) throws {
        let rule = SettleRule(lookback: lookback)
        let covers = try #require(DateRange("2020-01-01", last))
        #expect(rule.isSettled(covers, fetchedAt: try time(fetchedAt)) == settled)
        #expect(!rule.isSettled(nil, fetchedAt: try time(fetchedAt)))
    }

    @Test("A window that was fetched too early is fetched again, past the cache, even when its days are long over")
    func notSettled() throws {
        var question = Question()
        question.sinks = [sink(try ledger([held(week1, settled: false), held(week2)]))]
        #expect(try question.lines() == ["fetch \(week1) not_settled fresh", "skip \(week2) settled"])
        let reason = try question.plan().fetches.first?.targets.first?.reason
        #expect(reason == .notSettled(try time("2024-01-08T12:00:00Z")))
    }

    @Test(
        "Raising the lookback reopens only windows that end within it of now; lowering it reopens none",
        arguments: [
            // week 2 ends on the 14th: 12:00 of the 15th, and 7 days, is the 22nd; week 1 settles on the 15th.
            (7, "2024-01-22T11:59:59Z", ["skip \(week1) settled", "fetch \(week2) lookback_raised fresh"]),
            (7, "2024-01-22T12:00:00Z", ["skip \(week1) settled", "skip \(week2) settled"]),
            (
                30, "2024-01-22T12:00:00Z",
                ["fetch \(week1) lookback_raised fresh", "fetch \(week2) lookback_raised fresh"]
            ),
            (0, "2024-01-22T12:00:00Z", ["skip \(week1) settled", "skip \(week2) settled"]),
        ]
    )
    func lookback(days: Int, now: String, lines: [String]) throws {
        var question = Question()
        question.lookback = days
        question.now = now
        question.sinks = [
            sink(
                try ledger([
                    held(week1, fetchedAt: "2024-01-16T00:00:00Z"), held(week2, fetchedAt: "2024-01-16T00:00:00Z"),
                ])
            )
        ]
        #expect(try question.lines() == lines)
    }

    @Test(
        "A new window whose days may still change passes the cache by",
        arguments: [("2024-01-22T11:59:59Z", true), ("2024-01-22T12:00:00Z", false)]
    )
    func freshness(now: String, fresh: Bool) throws {
        var question = Question()
        question.range = week2
        question.lookback = 7
        question.now = now
        #expect(try question.plan().fetches.map(\.fresh) == [fresh])
    }

    @Test("Windows of another fingerprint: unsettled ones reload, settled ones stop the export")
    func stale() throws {
        var question = Question()
        question.fingerprint = "F2"
        question.sinks = [sink(try ledger([held(week1), held(week2, settled: false)]))]
        let expected = PlanError.stale(Question.export, [try window(week1)], reloadable: true)
        #expect(throws: expected) { try question.plan() }
        #expect(
            expected.description
                == "job/export: 1 settled window was loaded with another query, stages, columns or contract: \(week1); "
                + "load it again with --reload=stale, or keep it as it is with --accept-stale"
        )

        question.options.reload = .stale
        #expect(try question.lines() == ["fetch \(week1) stale fresh", "fetch \(week2) stale fresh"])
        #expect(try question.plan().runs.first??.reload == [window(week1).id, window(week2).id].sorted())

        question.options = PlanOptions(acceptStale: true)
        #expect(try question.lines() == ["skip \(week1) accepted_stale", "fetch \(week2) not_settled fresh"])
        #expect(try question.plan().runs.first??.accepted == [window(week1).id])

        question.options = PlanOptions()
        question.sinks = [sink(try ledger([held(week1, accepted: "F2")]))]
        question.range = week1
        #expect(try question.lines() == ["skip \(week1) settled"])
        #expect(try question.plan().runs.first??.accepted == [])
        question.fingerprint = "F3"
        #expect(throws: PlanError.self) { try question.plan() }
    }

    @Test("A window that is due anyhow is loaded under the new fingerprint without being asked about")
    func staleButDue() throws {
        var question = Question()
        question.fingerprint = "F2"
        question.accounts = ["A", "B"]
        question.range = "2024-01-02..2024-01-14"
        question.sinks = [
            sink(try ledger([held(week1, covers: "2024-01-03..2024-01-07", accounts: ["A", "B"]), held(week2)]))
        ]
        #expect(
            try question.lines() == [
                "fetch \(week1) for 2024-01-02..2024-01-07 range_grew", "fetch \(week2) accounts_added",
            ]
        )
    }

    @Test("A reload that was killed resumes with what is left, without the flag")
    func killedReload() throws {
        var question = Question()
        question.options.reload = .all
        question.sinks = [sink(try ledger([held(week1), held(week2)]))]
        #expect(try question.lines() == ["fetch \(week1) reload fresh", "fetch \(week2) reload fresh"])
        #expect(try question.plan().runs.first??.reload == [window(week1).id, window(week2).id].sorted())

        question.options.reload = .none
        question.sinks = [sink(try ledger([held(week1), held(week2)], reload: [week2]))]
        #expect(try question.lines() == ["skip \(week1) settled", "fetch \(week2) reload_resumed fresh"])
        #expect(try question.plan().runs.first??.reload == [window(week2).id])

        // A run of other windows does not forget it; one of another shard leaves its windows to the other.
        let id = try window(week2).id
        let mine = try #require((1...2).compactMap { Shard("\($0)/2") }.first { $0.contains(id) })
        let theirs = try #require((1...2).compactMap { Shard("\($0)/2") }.first { !$0.contains(id) })
        question.options.shard = mine
        #expect(try question.plan().runs.first??.reload == [id])
        question.options.shard = theirs
        #expect(try question.plan().runs.first??.reload == [])
        question.options.shard = nil
        question.options.chosen = try days("2024-01-01..2024-01-01")
        #expect(try question.lines() == ["skip \(week1) settled"])
        #expect(try question.plan().runs.first??.reload == [window(week2).id])
    }

    @Test("Dates given to a run choose windows and never narrow one")
    func chosen() throws {
        var question = Question()
        question.options.chosen = try days("2024-01-10..2024-01-10")
        #expect(try question.lines() == ["fetch \(week2) new"])
        #expect(try question.plan().runs.first??.windows.count == 2)
        question.sinks = [sink(), sink(scope: .run)]
        question.options.chosen = try days("2024-02-01..2024-02-10")
        #expect(try question.lines() == [])
        #expect(try question.plan().runs.map { $0 == nil } == [false, true])
    }

    @Test("Stale windows stop only the runs they are part of")
    func chosenStale() throws {
        var question = Question()
        question.fingerprint = "F2"
        question.sinks = [sink(try ledger([held(week1), held(week2, fingerprint: "F2")]))]
        #expect(throws: PlanError.self) { try question.plan() }
        question.options.chosen = try days(week2)
        #expect(try question.lines() == ["skip \(week2) settled"])
    }

    @Test("Only the windows that failed, also where a retry was killed since")
    func onlyFailed() throws {
        var question = Question()
        question.range = "2024-01-01..2024-01-21"
        question.options.onlyFailed = true
        let early = "2024-02-29T10:00:00Z"
        question.sinks = [
            sink(
                try ledger(
                    [held("2024-01-15..2024-01-21", settled: false)],
                    attempts: [
                        attempt(week1, "a", startedAt: early, failure: "quota"),
                        attempt(week1, "b", startedAt: "2024-02-29T11:00:00Z"),
                        attempt(week2, "c", startedAt: early),
                    ]
                )
            )
        ]
        #expect(try question.lines() == ["fetch \(week1) new"])
    }

    @Test("Shards take each window exactly once")
    func shards() throws {
        var question = Question()
        question.range = "2023-01-01..2024-01-14"
        var parts: [String] = []
        for number in 1...3 {
            question.options.shard = Shard("\(number)/3")
            let lines = try question.lines()
            #expect(!lines.isEmpty)
            parts.append(contentsOf: lines)
        }
        question.options.shard = nil
        #expect(parts.sorted() == (try question.lines().sorted()))
    }

    @Test("A query that an earlier run sent for the same rows within the hour is taken over")
    func attach() throws {
        var question = Question()
        question.now = "2024-03-01T12:00:00Z"
        func lines(_ attempts: Attempt...) throws -> [String] {
            question.range = week1
            question.sinks = [sink(try ledger([], attempts: attempts))]
            return try question.lines()
        }
        let recent = "2024-03-01T11:00:00.001Z"
        let plain = ["fetch \(week1) new"]
        #expect(try lines(attempt(week1, "a", startedAt: recent)) == ["fetch \(week1) new attach a"])
        #expect(try lines(attempt(week1, "a", startedAt: "2024-03-01T11:00:00Z")) == plain)
        #expect(try lines(attempt(week1, "a", fingerprint: "F0", startedAt: recent)) == plain)
        #expect(try lines(attempt(week1, "a", accounts: ["A", "B"], startedAt: recent)) == plain)
        #expect(try lines(attempt(week1, "a", days: "2024-01-01..2024-01-03", startedAt: recent)) == plain)
        #expect(try lines(attempt(week1, "a", startedAt: recent, failure: "no")) == plain)
        #expect(
            try lines(attempt(week1, "a", startedAt: recent), attempt(week1, "a", startedAt: recent, failure: "no"))
                == plain
        )
        #expect(
            try lines(attempt(week1, "a", startedAt: recent), attempt(week1, "b", startedAt: "2024-03-01T11:30:00Z"))
                == ["fetch \(week1) new attach b"]
        )
        question.options.reload = .all
        #expect(try lines(attempt(week1, "a", startedAt: recent)) == plain)
        question.options.reload = .none
        question.sinks = [
            sink(try ledger([held(week1)], attempts: [attempt(week1, "a", startedAt: recent)], reload: [week1]))
        ]
        #expect(try question.lines() == ["fetch \(week1) reload_resumed fresh"])
    }

    @Test("What a plan will cost is guessed from what was loaded")
    func estimate() throws {
        var question = Question()
        question.range = "2024-01-01..2024-01-21"
        func estimate(pageRows: Int) throws -> [Int?] {
            let estimate = PlanEstimate(of: try question.plan(), from: try question.input(), pageRows: pageRows)
            return [estimate.fetches, estimate.requests, estimate.rows]
        }
        #expect(try estimate(pageRows: 10) == [3, 3, nil])
        question.sinks = [
            sink(
                try ledger([held(week1, rows: 70), held(week2, covers: "2024-01-08..2024-01-10", rows: 60)])
            )
        ]
        // 130 rows in 10 days; the second week had 20 a day, the third has the average of 13.
        #expect(try estimate(pageRows: 100) == [2, 2 + 1, 7 * 20 + 7 * 13])
    }
}
