import PipelineCore
import PipelineTesting
import Sandbox
import Synchronization
import Testing

@testable import Jobs

@Suite("Windows on their way", .timeLimit(.minutes(10)))
struct WindowRunTests {
    // MARK: What is refused

    @Test("Bad rows are refused with window, row, column, rule, cure and request id; windows alike make one message")
    func badRows() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("AdID", with: "Campaign")
            let yaml = world.yaml("stages: [{cast: {campaign: int64}}]", query: query)
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 8)
            #expect(summary.allFailures.count == 1)
            let failure = try #require(summary.allFailures.first)
            #expect(failure.kind == .refused && failure.windows.count == 3 && failure.isOfFirstWindow)
            let text = failure.message
            #expect(text.contains("window 2024-01-"))
            #expect(text.contains("row 1, column campaign: "))
            #expect(text.contains("(and 69 more bad rows)"))
            #expect(text.contains("cast the column to text"))
            #expect(text.contains("request id"))
            #expect(world.store().rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("Sampled rows are loaded with a warning, or refused", arguments: ["warn", "fail"])
    func sampled(rule: String) async throws {
        try await withRunWorld({ $0.dataSampled = true }) { world in
            let summary = try await world.run(world.yaml("on_sampled: \(rule)"))
            guard rule == "fail" else {
                #expect(summary.exitCode == 0)
                #expect(summary.export()?.warnings.count == 3)
                #expect(summary.export()?.warnings.first == "2024-01-01..2024-01-07: the API sampled the rows")
                return
            }
            #expect(summary.exitCode == 8)
            #expect(summary.allFailures.count == 1 && summary.allFailures[0].windows.count == 3)
            #expect(summary.allFailures[0].message.contains("on_sampled: warn"))
            #expect(!summary.allFailures[0].isOfFirstWindow)
            #expect(world.store().rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("Rows that shrank or went away leave the old ones, until the user allows it", arguments: [0, 4])
    func shrunk(rowsPerDay: Int) async throws {
        try await withRunWorld({ $0.rowsPerDay = 20 }) { world in
            _ = try await world.run(world.yaml())
            world.sandbox.update { $0.rowsPerDay = rowsPerDay }
            let refused = try await world.run(world.yaml()) { $0.plan.reload = .all }
            #expect(refused.allFailures.map(\.kind) == [.refused])
            #expect(refused.exitCode == 8)
            #expect(refused.allFailures[0].message.contains("--allow-shrink"))
            #expect(world.store().rows(of: RunWorld.export).count == 420)
            let allowed = try await world.run(world.yaml()) {
                $0.plan.reload = .all
                $0.allowShrink = true
            }
            #expect(allowed.exitCode == 0)
            #expect(world.store().rows(of: RunWorld.export).count == 21 * rowsPerDay)
        }
    }

    @Test(
        "A first load without rows is a load, unless the job says otherwise",
        arguments: ["", "allow", "warn", "fail"]
    )
    func empty(rule: String) async throws {
        try await withRunWorld({ $0.rowsPerDay = 0 }) { world in
            let summary = try await world.run(world.yaml(rule.isEmpty ? "" : "on_empty: \(rule)"))
            #expect(summary.exitCode == (rule == "fail" ? 8 : 0))
            #expect(summary.export()?.warnings.count == (rule == "warn" ? 3 : 0))
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            #expect(ledger.checkpoints.count == (rule == "fail" ? 0 : 3))
        }
    }

    @Test("A result at the row limit that cannot be cut is code 8")
    func atCap() async throws {
        try await withRunWorld { world in
            let yaml = world.yaml("window: {size: day}", api: "row_limit: 10")
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 8)
            #expect(summary.allFailures.count == 1 && summary.allFailures[0].windows.count == 21)
        }
    }

    @Test(
        "What was refused is asked for anew by the next run, which may find it corrected",
        arguments: ["on_empty: fail", "expect: {rows: '>= 1'}"]
    )
    func corrected(rule: String) async throws {
        try await withRunWorld({ $0.rowsPerDay = 0 }) { world in
            #expect(try await world.run(world.yaml(rule)).exitCode == 8)
            world.sandbox.update { $0.rowsPerDay = 10 }
            world.sandbox.clearRequests()
            #expect(try await world.run(world.yaml(rule)).exitCode == 0)
            #expect(world.phases.filter { $0 == .submit }.count == 3)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("A result at the row limit that cannot be cut is whole once the limit is raised")
    func raisedLimit() async throws {
        try await withRunWorld { world in
            let one = "window: {size: day}"
            #expect(try await world.run(world.yaml(one, api: "row_limit: 10")).exitCode == 8)
            #expect(try await world.run(world.yaml(one)).exitCode == 0)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("A result at the row limit is fetched in parts and commits as one window")
    func parts() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml(api: "row_limit: 30"))
            #expect(summary.exitCode == 0)
            #expect(summary.export()?.done == 3)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            #expect(ledger.checkpoints.values.allSatisfy { $0.counts.loaded == 70 && $0.scheduleIDs.count == 4 })
        }
    }

    // MARK: Destinations

    /// Fails the first `count` operations that `isMeant` says.
    private func fail(
        _ store: MemoryStore,
        _ count: Int,
        _ error: SinkError,
        _ isMeant: @escaping @Sendable (MemoryStore.Operation) -> Bool
    ) {
        let left = Mutex(count)
        store.intercept { operation throws(SinkError) in
            guard isMeant(operation),
                left.withLock({ left in
                    left -= 1
                    return left >= 0
                })
            else { return }
            throw error
        }
    }

    private static let passing = SinkError(.destination, "the connection broke off", isTransient: true)

    enum Place: CaseIterable { case write, commit }

    private func isMeant(_ place: Place) -> @Sendable (MemoryStore.Operation) -> Bool {
        { operation in
            switch (operation, place) {
            case (.write, .write), (.commit, .commit): true
            default: false
            }
        }
    }

    @Test(
        "A failure of a destination that passes is loaded again from the same result",
        arguments: Place.allCases,
        [["a"], ["a", "b"]]
    )
    func transient(place: Place, into: [String]) async throws {
        try await withRunWorld { world in
            fail(world.store("a"), 1, Self.passing, isMeant(place))
            let summary = try await world.run(world.yaml(into: into))
            #expect(summary.exitCode == 0 && summary.export()?.done == 3)
            #expect(world.phases.filter { $0 == .submit }.count == 3)
            let expected = try await world.expected()
            for name in into { expectSame(world.store(name).rows(of: RunWorld.export), expected) }
        }
    }

    @Test("One that does not pass after two more tries fails the window", arguments: Place.allCases)
    func lasting(place: Place) async throws {
        try await withRunWorld { world in
            fail(world.store(), .max, Self.passing, isMeant(place))
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 6)
            #expect(summary.allFailures.map(\.message) == [Self.passing.description])
            let tries = world.store().history.count { isMeant(place)($0) }
            #expect(tries == 9)
            #expect(world.phases.filter { $0 == .submit }.count == 3)
        }
    }

    @Test("Where one destination fails for good and another for a moment, the other is loaded again")
    func mixed() async throws {
        try await withRunWorld { world in
            fail(world.store("a"), .max, SinkError(.value, "no such date"), isMeant(.write))
            fail(world.store("b"), 1, Self.passing, isMeant(.commit))
            let summary = try await world.run(world.yaml(into: ["a", "b", "c"]))
            #expect(summary.exitCode == 4)
            #expect(summary.allFailures.map(\.message) == ["no such date"])
            #expect(world.store("a").rows(of: RunWorld.export).isEmpty)
            for name in ["b", "c"] { #expect(world.store(name).rows(of: RunWorld.export).count == 210) }
        }
    }

    @Test("A destination that cannot take notes is no reason to ask nothing, as long as another can")
    func notes() async throws {
        try await withRunWorld { world in
            world.store("a").intercept { operation throws(SinkError) in
                if case .record = operation { throw SinkError(.destination, "read-only") }
            }
            let summary = try await world.run(world.yaml(into: ["a", "b"]))
            #expect(summary.exitCode == 0)
        }
        try await withRunWorld { world in
            world.store("a").intercept { operation throws(SinkError) in
                if case .record = operation { throw SinkError(.destination, "read-only") }
            }
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 6 && summary.allFailures.map(\.message) == ["read-only"])
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test("A destination never has more loads open than it takes", arguments: [1, 2, 3])
    func loads(most: Int) async throws {
        try await withRunWorld { world in
            let open = Mutex((now: Set<WindowID>(), most: 0))
            let store = world.store("b")
            store.intercept { operation throws(SinkError) in
                switch operation {
                case .write(let window):
                    open.withLock { open in
                        open.now.insert(window.id)
                        open.most = max(open.most, open.now.count)
                    }
                case .commit(let window): open.withLock { _ = $0.now.remove(window.id) }
                default: break
                }
            }
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-06-30")
            let yaml = world.yaml(query: query, into: ["a", "b: {concurrent_loads: \(most)}"])
            var run = try world.jobRun(yaml)
            run.cores = 6
            #expect(await run.run().exitCode == 0)
            #expect(open.withLock { $0.most } <= most)
            #expect(store.rows(of: RunWorld.export).count == 182 * 10)
        }
    }

    // MARK: Rows

    @Test("With per_account each account is a window whose rows say whose they are")
    func perAccount() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("[\"123-456-7890\"]", with: "[\"123-456-7890\", \"123\"]")
                .replacing("AccountID, ", with: "")
            let summary = try await world.run(world.yaml("window: {per_account: true}", query: query))
            #expect(summary.exitCode == 0 && summary.export()?.done == 6)
            let fields = ["Date", "AdID", "Impressions", "Cost"]
            var expected: [[String?]] = []
            for (start, end) in [
                ("2024-01-01", "2024-01-07"), ("2024-01-08", "2024-01-14"), ("2024-01-15", "2024-01-21"),
            ] {
                for account in ["123", "123-456-7890"] {
                    expected += try await world.expected(start, end, accounts: [account], fields: fields).map {
                        $0 + [account]
                    }
                }
            }
            expectSame(world.store().rows(of: RunWorld.export), expected)
            #expect(
                world.sandbox.requests.filter { $0.phase == .submit }.allSatisfy {
                    $0.parameters["ds_accounts"] != "123-456-7890,123"
                }
            )
        }
    }

    @Test("Requests of a window count every reading and retry")
    func requests() async throws {
        try await withRunWorld({ $0.faults = [Fault(.status(503), phase: .submit, amount: .times(2))] }) { world in
            fail(world.store(), 1, Self.passing, isMeant(.commit))
            let summary = try await world.run(world.yaml(api: "page_rows: 30, concurrent_queries: 1"))
            #expect(summary.exitCode == 0)
            #expect(summary.export()?.requests == world.sandbox.requests.count)
        }
    }

    @Test("Events tell of every window once, and of every row")
    func events() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            var (started, done, rows, planned, ended) = (0, 0, 0, 0, 0)
            for event in world.events.all {
                switch event {
                case .windowStarted: started += 1
                case .windowDone(_, let summary): done += summary.rows
                case .rows(_, _, let count): rows += count
                case .planned(_, let due, _): planned += due
                case .exportEnded: ended += 1
                case .loading(_, _, let expected): #expect(expected == 70)
                case .warning, .windowFailed: Issue.record("nothing went wrong")
                }
            }
            #expect(started == 3 && done == 210 && rows == 210 && planned == 3 && ended == 1)
        }
    }
}
