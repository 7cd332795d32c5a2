import PipelineCore
import PipelineTesting
import Sandbox
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite("Runs of an export", .timeLimit(.minutes(10)))
struct ExportRunTests {
    private static let full = SinkError(.destination, "the disk is full; make room")

    // MARK: Destinations that fail

    /// Where a destination may fail before its first window.
    enum Early: String, CaseIterable { case run, ledger, begin }

    private func fail(_ store: MemoryStore, at place: Early, with error: SinkError = full) {
        store.intercept { operation throws(SinkError) in
            switch (operation, place) {
            case (.run, .run), (.ledger, .ledger), (.begin, .begin): throw error
            default: return
            }
        }
    }

    @Test(
        "A destination that fails before its first window is left out; the others load, and the code says partial",
        arguments: Early.allCases,
        ["a", "b", "c"]
    )
    func earlyFailure(place: Early, broken: String) async throws {
        try await withRunWorld { world in
            fail(world.store(broken), at: place)
            let yaml = world.yaml(into: ["a", "b", "c"])
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 4)
            #expect(summary.texts == ["destination: the disk is full; make room"])
            #expect(summary.export()?.done == 3 && summary.export()?.failed == 0)
            let expected = try await world.expected()
            for name in ["a", "b", "c"] {
                expectSame(world.store(name).rows(of: RunWorld.export), name == broken ? [] : expected)
            }

            world.store(broken).intercept(nil)
            #expect(try await world.run(yaml).exitCode == 0)
            expectSame(world.store(broken).rows(of: RunWorld.export), expected)
        }
    }

    @Test("Where the only destination fails, nothing is asked of the API", arguments: Early.allCases)
    func onlyFailure(place: Early) async throws {
        try await withRunWorld { world in
            fail(world.store(), at: place)
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 6)
            #expect(summary.texts == ["destination: the disk is full; make room"])
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test("A mistake of the job file stops the export in all destinations", arguments: Early.allCases)
    func configuration(place: Early) async throws {
        try await withRunWorld { world in
            fail(world.store("b"), at: place, with: SinkError(.configuration, "b belongs to another export"))
            let summary = try await world.run(world.yaml(into: ["a", "b"]))
            #expect(summary.exitCode == 2)
            #expect(world.sandbox.requests.isEmpty)
            #expect(world.store("a").rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("A destination that keeps failing is left alone after three windows, and the windows not tried are named")
    func detached() async throws {
        try await withRunWorld { world in
            world.store().intercept { operation throws(SinkError) in
                if case .commit = operation { throw Self.full }
            }
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-06-30")
            let summary = try await world.run(world.yaml(query: query, api: "concurrent_queries: 1"))
            #expect(summary.exitCode == 6)
            let export = try #require(summary.export())
            // Three windows at a time were under way.
            #expect(export.failed >= 3 && export.failed <= 5)
            #expect(export.failures.count == 2)
            #expect(export.failures[0].message == Self.full.description)
            #expect(export.failures[0].windows.count == export.failed)
            let left = 26 - export.failed
            #expect(
                export.failures[1].message
                    == "\(left) windows not tried, because memory:\(world.name()) had failed before; cure that and run again"
            )
            #expect(world.phases.filter { $0 == .submit }.count <= 6)
        }
    }

    @Test("Stages that do not fit the columns end the export with the windows under way: the others are not paid for")
    func unfitStages() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-06-30")
            let yaml = world.yaml("stages: [{derive: {y: \"year(cost)\"}}]", query: query, api: "concurrent_queries: 1")
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 2)
            let export = try #require(summary.export())
            #expect(export.failed >= 1 && export.failed <= 3)
            #expect(export.failures.map(\.kind) == [.usage, .usage])
            #expect(export.failures[0].message == "derive: 'y': character 6: expected a date, found a number")
            #expect(!export.failures[0].isOfFirstWindow)
            #expect(
                export.failures[1].message
                    == "\(26 - export.failed) windows not tried, as the columns are the same in all; correct the job file and"
                    + " run again"
            )
            #expect(export.failures[1].windows.count == 26 - export.failed)
            #expect(world.phases.filter { $0 == .submit }.count == export.failed)
        }
    }

    @Test("Other destinations go on without the one that keeps failing")
    func detachedBesideOthers() async throws {
        try await withRunWorld { world in
            world.store("b").intercept { operation throws(SinkError) in
                if case .write = operation { throw Self.full }
            }
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-03-31")
            let summary = try await world.run(world.yaml(query: query, into: ["a", "b"]))
            #expect(summary.exitCode == 4)
            #expect(summary.allFailures.map(\.kind) == [.destination])
            expectSame(
                world.store("a").rows(of: RunWorld.export),
                try await world.expected("2024-01-01", "2024-03-31")
            )
            #expect(world.store("b").rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("One window that a destination cannot take is loaded into the others, and tried again there alone")
    func oneWindowOneSink() async throws {
        try await withRunWorld { world in
            world.store("b").intercept { operation throws(SinkError) in
                if case .commit(let window) = operation, window.cell.description.hasPrefix("2024-01-08") {
                    throw Self.full
                }
            }
            let yaml = world.yaml(into: ["a", "b"])
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 4)
            #expect(summary.export()?.failures.map(\.windows) == [["2024-01-08..2024-01-14"]])
            #expect(world.store("a").rows(of: RunWorld.export).count == 210)
            #expect(world.store("b").rows(of: RunWorld.export).count == 140)

            world.store("b").intercept(nil)
            let next = try await world.run(yaml) { $0.plan.onlyFailed = true }
            #expect(next.exitCode == 0)
            #expect(next.export()?.windows.map(\.window) == ["2024-01-08..2024-01-14"])
            #expect(world.store("b").rows(of: RunWorld.export).count == 210)
            #expect(try await world.run(yaml).export()?.windows.isEmpty == true)
        }
    }

    @Test("A lease that was lost ends the export with code 9; nothing more is written")
    func leaseLost() async throws {
        try await withRunWorld { world in
            let store = world.store()
            let written = Mutex<Int?>(nil)
            store.intercept { operation throws(SinkError) in
                if case .commit(let window) = operation, window.cell.description.hasPrefix("2024-01-08") {
                    store.breakLease(of: RunWorld.export)
                    written.withLock { $0 = store.rows(of: RunWorld.export).count }
                }
            }
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-12-31")
            let summary = try await world.run(world.yaml(query: query, api: "concurrent_queries: 1"))
            #expect(summary.exitCode == 9)
            #expect(summary.allFailures.contains { $0.kind == .locked })
            #expect(store.rows(of: RunWorld.export).count == written.withLock { $0 })
            #expect(world.phases.filter { $0 == .submit }.count <= 8)
        }
    }

    // MARK: Windows that become visible together

    @Test("A whole appears at the end of the run, or not at all; what was loaded is used again")
    func together() async throws {
        try await withRunWorld { world in
            let yaml = world.yaml(into: ["a: {scope: run}"])
            world.sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-15" ? .status(400) : nil }
            let failed = try await world.run(yaml)
            #expect(failed.exitCode == 5)
            #expect(failed.export()?.done == 2)
            #expect(world.store().rows(of: RunWorld.export).isEmpty)

            world.sandbox.chooseFaults(nil)
            world.sandbox.clearRequests()
            let whole = try await world.run(yaml)
            #expect(whole.exitCode == 0)
            #expect(whole.export()?.skipped == 2 && whole.export()?.done == 1)
            // Whether the failed query had come through is asked before it is sent anew.
            #expect(world.phases == [.poll, .submit])
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("A failed whole leaves the old one; the sinks around it are not taken down with it", arguments: ["a", "b"])
    func failedEnd(whole: String) async throws {
        try await withRunWorld { world in
            let other = whole == "a" ? "b" : "a"
            let yaml = world.yaml(into: ["\(whole): {scope: run}", other])
            world.store(whole).intercept { operation throws(SinkError) in
                if operation == .finish { throw Self.full }
            }
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 4)
            #expect(summary.texts == ["destination: the disk is full; make room"])
            #expect(world.store(whole).rows(of: RunWorld.export).isEmpty)
            #expect(world.store(other).rows(of: RunWorld.export).count == 210)

            world.store(whole).intercept(nil)
            world.sandbox.clearRequests()
            #expect(try await world.run(yaml).exitCode == 0)
            #expect(world.sandbox.requests.isEmpty)
            #expect(world.store(whole).rows(of: RunWorld.export).count == 210)
        }
    }

    @Test("Two wholes of which one cannot end: the other ends all the same", arguments: ["a", "b"])
    func twoWholes(broken: String) async throws {
        try await withRunWorld { world in
            world.store(broken).intercept { operation throws(SinkError) in
                if operation == .finish { throw Self.full }
            }
            let summary = try await world.run(world.yaml(into: ["a: {scope: run}", "b: {scope: run}"]))
            #expect(summary.exitCode == 4)
            for name in ["a", "b"] {
                #expect(world.store(name).rows(of: RunWorld.export).count == (name == broken ? 0 : 210))
            }
        }
    }

    @Test("A whole that could not end alone is code 6: nothing of it shows")
    func nothingShows() async throws {
        try await withRunWorld { world in
            world.store().intercept { operation throws(SinkError) in
                if operation == .finish { throw Self.full }
            }
            let summary = try await world.run(world.yaml(into: ["a: {scope: run}"]))
            #expect(summary.exitCode == 6)
        }
    }

    // MARK: What changed

    @Test("Settled windows of another fingerprint stop the export before its first request, until the user chooses")
    func stale() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let changed = world.yaml("stages: [{drop: [cost]}]")
            world.sandbox.clearRequests()
            let stopped = try await world.run(changed)
            #expect(stopped.exitCode == 2)
            #expect(stopped.texts.first?.contains("--reload=stale") == true)
            #expect(world.sandbox.requests.isEmpty)

            let accepted = try await world.run(changed) { $0.plan.acceptStale = true }
            #expect(accepted.exitCode == 0)
            #expect(world.sandbox.requests.isEmpty)
            #expect(try await world.run(changed).exitCode == 0)
            #expect(world.store().rows(of: RunWorld.export).allSatisfy { $0.count == 5 })

            let reloaded = try await world.run(changed) { $0.plan.reload = .all }
            #expect(reloaded.exitCode == 0 && reloaded.export()?.done == 3)
            #expect(world.store().rows(of: RunWorld.export).allSatisfy { $0.count == 4 })
        }
    }

    @Test("A stale reload that was interrupted is gone on with, without being asked again")
    func reloadResumes() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let changed = world.yaml("stages: [{drop: [cost]}]")
            world.sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-08" ? .status(400) : nil }
            let first = try await world.run(changed) { $0.plan.reload = .stale }
            #expect(first.exitCode == 4 && first.export()?.done == 2)
            #expect(world.store().rows(of: RunWorld.export).count { $0.count == 5 } == 70)
            world.sandbox.chooseFaults(nil)
            let second = try await world.run(changed)
            #expect(second.exitCode == 0)
            #expect(second.export()?.windows.map(\.reason) == ["reload_resumed"])
            #expect(world.store().rows(of: RunWorld.export).allSatisfy { $0.count == 4 })
        }
    }

    @Test("Another window size is refused, and then replaces everything in one step")
    func layout() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let changed = world.yaml("window: {size: 3 days}")
            let refused = try await world.run(changed)
            #expect(refused.exitCode == 2 && refused.texts.first?.contains("--reload=all") == true)

            world.sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-12" ? .status(400) : nil }
            let failed = try await world.run(changed) { $0.plan.reload = .all }
            #expect(failed.allFailures.count == 1)
            // Readers see the old rows until the new are whole.
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())

            world.sandbox.chooseFaults(nil)
            let done = try await world.run(changed)
            #expect(done.exitCode == 0)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            #expect(Set(ledger.checkpoints.values.map(\.layout.size)) == ["3 days"])
        }
    }

    @Test("Another window size must not lose most rows of the whole unseen either", arguments: [0, 4])
    func layoutShrunk(rowsPerDay: Int) async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            world.sandbox.update { $0.rowsPerDay = rowsPerDay }
            let changed = world.yaml("window: {size: day}")
            let refused = try await world.run(changed) { $0.plan.reload = .all }
            #expect(refused.exitCode == 8 && refused.allFailures.map(\.kind) == [.refused])
            #expect(refused.texts.first?.contains("where 210 were loaded before") == true, "\(refused.texts)")
            #expect(world.store().rows(of: RunWorld.export).count == 210)
            let allowed = try await world.run(changed) {
                $0.plan.reload = .all
                $0.allowShrink = true
            }
            #expect(allowed.exitCode == 0)
            #expect(world.store().rows(of: RunWorld.export).count == 21 * rowsPerDay)
        }
    }

    @Test("Who keeps stale rows has given up the reload that was to replace them")
    func keptAfterAll() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let changed = world.yaml(
                query: RunWorld.query.replacing("Impressions, Cost", with: "Impressions, Clicks")
            )
            world.sandbox.chooseFaults { _ in .status(400) }
            #expect(try await world.run(changed) { $0.plan.reload = .stale }.exitCode == 5)
            world.sandbox.chooseFaults(nil)
            world.sandbox.clearRequests()
            for _ in 0..<2 {
                #expect(try await world.run(changed) { $0.plan.acceptStale = true }.exitCode == 0)
                #expect(world.phases.filter { $0 == .submit }.isEmpty)
            }
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("One place by two names is a mistake, in one export and in two")
    func samePlace() async throws {
        try await withRunWorld { world in
            let twice = try await world.run(world.yaml(into: ["a", "a"]))
            #expect(twice.exitCode == 2 && twice.texts.first?.contains("two entries of `into`") == true)
            let yaml =
                world.yaml(into: ["b: {scope: run}"]) + "\n" + world.export(name: "two", into: ["b: {scope: run}"])
            let both = try await world.run(yaml) { $0.waits = true }
            #expect(both.exitCode == 4)
            #expect(both.allFailures.map(\.kind) == [.usage])
            #expect(both.texts.first?.contains("is the file of the export") == true, "\(both.texts)")
            #expect(both.exports.map(\.done).sorted() == [0, 3])
        }
    }

    @Test("A window grows with the days wanted, and is fetched again only while it is not settled")
    func growing() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "yesterday")
                .replacing("2024-01-01", with: "2024-02-26")
            let yaml = world.yaml(query: query)
            // Friday, 2024-03-15: two full weeks and Monday to Thursday.
            let first = try await world.run(yaml)
            #expect(first.export()?.done == 3)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected("2024-02-26", "2024-03-14"))
            world.clock.advance(by: .seconds(86_400))
            world.sandbox.clearRequests()
            let second = try await world.run(yaml)
            // The first week has settled; the second has not, and the third grew.
            #expect(second.export()?.windows.map(\.reason) == ["not_settled", "range_grew"])
            #expect(world.sandbox.requests.allSatisfy { $0.parameters["cache_minutes"] == "0" })
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected("2024-02-26", "2024-03-15"))
        }
    }

    @Test("Days that left a moving range stay, and days they share a window with are not lost")
    func movingRange() async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-01-14")
            _ = try await world.run(world.yaml(query: query))
            let moved = RunWorld.query.replacing("2024-01-01", with: "2024-01-11")
            #expect(try await world.run(world.yaml(query: moved)).exitCode == 0)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("Rows that are gone from the destination are fetched again")
    func rowsGone() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml())
            let window = Window(
                export: RunWorld.export,
                cell: try #require(GridCell("2024-01-08..2024-01-14")),
                account: nil
            )
            world.store().removeRows(of: window.id, in: RunWorld.export)
            #expect(world.store().rows(of: RunWorld.export).count == 140)
            let summary = try await world.run(world.yaml())
            #expect(summary.export()?.windows.map(\.reason) == ["rows_gone"])
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("An account that was added is fetched, one that was removed stays")
    func accounts() async throws {
        try await withRunWorld { world in
            let lines = "window: {per_account: true}"
            let both = RunWorld.query.replacing("[\"123-456-7890\"]", with: "[\"123-456-7890\", \"123\"]")
            _ = try await world.run(world.yaml(lines))
            let added = try await world.run(world.yaml(lines, query: both))
            #expect(added.exitCode == 0 && added.export()?.done == 3 && added.export()?.skipped == 3)
            #expect(world.store().rows(of: RunWorld.export).count == 420)
            let removed = try await world.run(world.yaml(lines))
            #expect(removed.exitCode == 0 && removed.export()?.windows.isEmpty == true)
            #expect(world.store().rows(of: RunWorld.export).count == 420)
        }
    }
}
