import PipelineCore
import PipelineTesting
import Sandbox
import SupermetricsAPI
import Synchronization
import TestSupport
import Testing

@testable import Jobs

@Suite("Runs of a job", .timeLimit(.minutes(10)))
struct JobRunTests {
    /// The query of the window that begins on this day cannot be run.
    private func breakWindow(_ world: RunWorld, _ start: String, _ kind: Fault.Kind = .status(400)) {
        world.sandbox.chooseFaults { $0.phase == .submit && $0.parameters["start_date"] == start ? kind : nil }
    }

    @Test("A first run loads every window, one request each; the next finds nothing to do")
    func whole() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 0 && summary.allFailures.isEmpty)
            let export = try #require(summary.export())
            #expect(export.done == 3 && export.failed == 0 && export.skipped == 0)
            #expect(export.rows == 210 && export.requests == 3)
            #expect(
                export.windows.map(\.window) == [
                    "2024-01-01..2024-01-07", "2024-01-08..2024-01-14", "2024-01-15..2024-01-21",
                ]
            )
            #expect(export.windows.allSatisfy { $0.state == .done && $0.rows == 70 && $0.reason == "new" })
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())

            world.sandbox.clearRequests()
            let again = try await world.run(world.yaml())
            #expect(again.exitCode == 0)
            #expect(again.export()?.skipped == 3 && again.export()?.windows.isEmpty == true)
            #expect(world.sandbox.requests.isEmpty)
            #expect(summary.runID != again.runID)
        }
    }

    @Test(
        "Windows that a merge's key does not tell apart are loaded one by one, oldest first",
        arguments: [("ad_id", true), ("renamed, ad_id", false)]
    )
    func mergeInOrder(_ key: String, isInOrder: Bool) async throws {
        try await withRunWorld({ $0.queryTime = .milliseconds(50) }) { world in
            let most = Most()
            world.store().intercept { operation in
                if case .write(let window) = operation { most.enter(window) }
                if case .commit(let window) = operation { most.leave(window) }
            }
            let export = "stages: [{rename: {date: renamed}}]"
            let into = ["a: {mode: merge, key: [\(key)], concurrent_loads: 4}"]
            let summary = try await world.run(world.yaml(export, into: into))
            #expect(summary.exitCode == 0, "\(summary.texts)")
            let submissions = world.sandbox.requests.filter { $0.phase == .submit }
            #expect(submissions.count == 3)
            guard isInOrder else { return }
            #expect(most.windows == most.windows.sorted() && most.windows.count == 3)
            #expect(most.together == 1)
        }
    }

    /// Which windows were loaded, and how many at once.
    private final class Most: Sendable {
        private let state = Mutex<(open: Set<WindowID>, windows: [Window], together: Int)>(([], [], 0))

        func enter(_ window: Window) {
            state.withLock { state in
                guard state.open.insert(window.id).inserted else { return }
                state.windows.append(window)
                state.together = max(state.together, state.open.count)
            }
        }

        func leave(_ window: Window) { state.withLock { _ = $0.open.remove(window.id) } }

        var windows: [Window] { state.withLock { $0.windows } }
        var together: Int { state.withLock { $0.together } }
    }

    @Test("The dimensions are the columns of their fields and the account, unless a stage leaves one out")
    func dimensions() {
        let columns = [
            Column(name: "day", type: .date, field: "Date"),
            Column(name: "clicks", type: .decimal(nil), field: "Clicks"),
            Column(name: "made", type: .text), Column(name: "_sluice_account", type: .text),
        ]
        #expect(Schema(columns).dimensions(of: ["Date"]) == ["day", "_sluice_account"])
        #expect(Schema(columns).dimensions(of: ["Date", "Campaign"]) == nil)
        #expect(Schema(columns).dimensions(of: []) == ["_sluice_account"])
    }

    @Test("A checkpoint tells where the rows are from")
    func checkpoint() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml())
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            let checkpoint = try #require(ledger.checkpoints.values.min { $0.window < $1.window })
            let request = try #require(world.sandbox.requests.first { $0.parameters["start_date"] == "2024-01-01" })
            let covered = try days("2024-01-01..2024-01-07")
            #expect(checkpoint.covers == covered)
            #expect(checkpoint.accounts == ["123-456-7890"])
            #expect(checkpoint.counts == RowCounts(api: 70, received: 70, loaded: 70))
            #expect(checkpoint.scheduleIDs == [request.scheduleID])
            #expect(checkpoint.requestIDs == [request.requestID])
            #expect(checkpoint.requests == 1 && checkpoint.settled && !checkpoint.sampled)
            #expect(checkpoint.runID == summary.runID)
            #expect(checkpoint.layout == Layout(size: "week", perAccount: false))
            #expect(checkpoint.schema.columns.map(\.name) == ["date", "account_id", "ad_id", "impressions", "cost"])
            #expect(ledger.attempts.isEmpty)
        }
    }

    // MARK: Failures

    @Test("One failed window leaves the others loaded; the next run takes only that one")
    func isolation() async throws {
        try await withRunWorld { world in
            breakWindow(world, "2024-01-08")
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 4)
            let export = try #require(summary.export())
            #expect(export.done == 2 && export.failed == 1)
            #expect(export.windows.map(\.state) == [.done, .failed, .done])
            #expect(export.failures.count == 1)
            let failure = try #require(export.failures.first)
            #expect(failure.kind == .source && failure.windows == ["2024-01-08..2024-01-14"])
            #expect(failure.message.contains("HTTP 400 BAD_REQUEST") && failure.message.contains("request id"))

            world.sandbox.chooseFaults(nil)
            world.sandbox.clearRequests()
            let next = try await world.run(world.yaml())
            #expect(next.exitCode == 0)
            #expect(next.export()?.windows.map(\.window) == ["2024-01-08..2024-01-14"])
            #expect(
                world.sandbox.requests.allSatisfy {
                    $0.parameters["start_date"] == nil || $0.parameters["start_date"] == "2024-01-08"
                }
            )
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("--only-failed takes the windows that failed, and no others that are due")
    func onlyFailed() async throws {
        try await withRunWorld { world in
            breakWindow(world, "2024-01-08")
            let chosen = try days("2024-01-01..2024-01-14")
            _ = try await world.run(world.yaml()) { $0.plan.chosen = chosen }
            world.sandbox.chooseFaults(nil)
            let failed = try await world.run(world.yaml()) { $0.plan.onlyFailed = true }
            #expect(failed.export()?.windows.map(\.window) == ["2024-01-08..2024-01-14"])
            #expect(failed.exitCode == 0)
            let none = try await world.run(world.yaml()) { $0.plan.onlyFailed = true }
            #expect(none.export()?.windows.isEmpty == true && none.exitCode == 0)
            #expect(try await world.run(world.yaml()).export()?.windows.count == 1)
        }
    }

    @Test("Somebody who waits for the API is told why, unless the wait is short")
    func longWait() throws {
        let told = Mutex<[String]>([])
        let configuration = APISettings().configuration(try Credential.apiKey("key")) { event in
            if case .warning(nil, let text) = event { told.withLock { $0.append(text) } }
        }
        let error = SupermetricsError(.rateLimit, "slow down")
        configuration.onRetry(error, .seconds(29))
        configuration.onRetry(error, .seconds(3600))
        #expect(told.withLock { $0 } == ["slow down; trying again in 3600 s"])
    }

    @Test("All windows that fail for one cause make one message")
    func oneCause() async throws {
        try await withRunWorld({ $0.faults = [Fault(.status(500), phase: .submit)] }) { world in
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 5)
            #expect(summary.allFailures.count == 1)
            #expect(summary.allFailures.first?.windows.count == 3)
            #expect(summary.export()?.failed == 3)
            #expect(world.store().rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("An answer of 401 stops everything at once, and every export", arguments: [1, 2])
    func authentication(exports: Int) async throws {
        try await withRunWorld { world in
            world.sandbox.update { $0.queryTime = .seconds(30) }
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-06-30")
            let second = exports == 2 ? "\n" + world.export(name: "two", query: query, into: ["b"]) : ""
            // The key is withdrawn while windows are under way.
            world.sandbox.chooseFaults { $0.number > 4 ? .status(401) : nil }
            let summary = try await world.run(world.yaml(query: query) + second)
            #expect(summary.exitCode == 3)
            #expect(summary.allFailures.contains { $0.kind == .authentication })
            #expect(summary.allFailures.allSatisfy { $0.kind == .authentication })
            #expect(world.sandbox.requests.count < 30)
            #expect(summary.exports.flatMap(\.windows).filter { $0.state == .failed }.count <= 6)
        }
    }

    @Test("A used-up quota stops the run; what was committed stays", arguments: [Fault.Name.quota, .daily])
    func quota(name: Fault.Name) async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-12-31")
            world.sandbox.chooseFaults { $0.number > 20 ? .named(name) : nil }
            let summary = try await world.run(world.yaml(query: query))
            #expect(summary.exitCode == 7)
            #expect(summary.allFailures.allSatisfy { $0.kind == .quota })
            #expect(summary.allFailures.count == 1)
            let done = try #require(summary.export()?.done)
            #expect(done >= 5 && done <= 20)
            #expect(world.store().rows(of: RunWorld.export).count == done * 70)
            #expect(world.sandbox.requests.count < 40)
        }
    }

    @Test("Where nobody answers, the run ends with code 5 and one message")
    func nobody() async throws {
        try await withRunWorld { world in
            var run = try world.jobRun(world.yaml(api: "max_attempts: 2"))
            run.job.api.baseURL = "http://127.0.0.1:1"
            let summary = await run.run()
            #expect(summary.exitCode == 5)
            #expect(summary.allFailures.count == 1)
            #expect(summary.allFailures.first?.windows.count == 3)
            #expect(summary.allFailures.first?.message.contains("check the network") == true)
        }
    }

    @Test("A clock that is far off stops the run with the cure")
    func clock() async throws {
        try await withRunWorld { world in
            var run = try world.jobRun(world.yaml())
            let now = run.now
            run.now = { now().adding(seconds: 3600) }
            let summary = await run.run()
            #expect(summary.exitCode == 2)
            #expect(summary.texts.count == 1 && summary.texts[0].contains("set the clock"))
            #expect(world.store().rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("An export that is not in the job is named with the nearest one that is")
    func unknownExport() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml()) { $0.exports = ["onee"] }
            #expect(summary.exitCode == 2)
            #expect(summary.texts.first?.contains("there is no export 'onee'; did you mean 'one'?") == true)
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test("Only the exports asked for run")
    func chosenExport() async throws {
        try await withRunWorld { world in
            let yaml = world.yaml() + "\n" + world.export(name: "two", into: ["b"])
            let summary = try await world.run(yaml) { $0.exports = ["two"] }
            #expect(summary.exports.map(\.name) == ["two"])
            #expect(world.store("a").rows(of: RunWorld.export).isEmpty)
            #expect(world.store("b").rows(of: ExportID(job: "job", export: "two")).count == 210)
        }
    }

    // MARK: Parts of a run

    @Test("--start-date and --end-date choose windows, and never narrow one")
    func chosenDays() async throws {
        try await withRunWorld { world in
            let chosen = try days("2024-01-10..2024-01-16")
            let summary = try await world.run(world.yaml()) { $0.plan.chosen = chosen }
            #expect(summary.export()?.windows.map(\.window) == ["2024-01-08..2024-01-14", "2024-01-15..2024-01-21"])
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected("2024-01-08", "2024-01-21"))
        }
    }

    @Test("Shards share the windows: each is loaded once, whoever runs first", arguments: [2, 3, 7])
    func shards(count: Int) async throws {
        try await withRunWorld { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-03-03")
            let summaries = try await withThrowingTaskGroup(of: RunSummary.self) { group in
                for number in 1...count {
                    group.addTask {
                        try await world.run(world.yaml(query: query)) { $0.plan.shard = Shard("\(number)/\(count)") }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(summaries.allSatisfy { $0.exitCode == 0 })
            let windows = summaries.flatMap { $0.export()?.windows.map(\.window) ?? [] }
            #expect(windows.count == 9 && Set(windows).count == 9)
            #expect(world.phases.filter { $0 == .submit }.count == 9)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected("2024-01-01", "2024-03-03"))
        }
    }

    @Test("A run under lease keeps another out with code 9, and lets it in afterwards")
    func lock() async throws {
        try await withRunWorld { world in
            let sink = try MemorySink(.init(name: world.name()))
            try await sink.withRun(RunRequest(export: RunWorld.export, runID: "other")) { _ in
                let summary = try await world.run(world.yaml())
                #expect(summary.exitCode == 9)
                #expect(summary.allFailures.map(\.kind) == [.locked])
                #expect(world.sandbox.requests.isEmpty)
                return false
            }
            #expect(try await world.run(world.yaml()).exitCode == 0)
        }
    }

    @Test("One locked destination keeps the run out of all, so that it can be whole when it comes")
    func lockedSecond() async throws {
        try await withRunWorld { world in
            let sink = try MemorySink(.init(name: world.name("b")))
            try await sink.withRun(RunRequest(export: RunWorld.export, runID: "other")) { _ in
                let summary = try await world.run(world.yaml(into: ["a", "b"]))
                #expect(summary.exitCode == 9)
                return false
            }
            #expect(world.store("a").rows(of: RunWorld.export).isEmpty)
        }
    }

    @Test("--wait waits for the lease")
    func wait() async throws {
        try await withRunWorld { world in
            let sink = try MemorySink(.init(name: world.name()))
            let waiting = try world.jobRun(world.yaml()) { $0.waits = true }
            var run: Task<RunSummary, Never>?
            try await sink.withRun(RunRequest(export: RunWorld.export, runID: "other")) { _ in
                run = Task { await waiting.run() }
                while !world.store().history.contains(where: {
                    if case .run(let request) = $0 { request.waits } else { false }
                }) {
                    await Task.yield()
                }
                #expect(world.sandbox.requests.isEmpty)
                return false
            }
            #expect(await run?.value.exitCode == 0)
        }
    }

    @Test("After --max-minutes no further window begins; the next run goes on")
    func maxMinutes() async throws {
        try await withRunWorld({ $0.queryTime = .seconds(90) }) { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-06-30")
            let summary = try await world.run(world.yaml(query: query, api: "concurrent_queries: 1")) {
                $0.maxMinutes = 3
            }
            #expect(summary.exitCode == 4)
            let export = try #require(summary.export())
            #expect(export.done >= 1 && export.done < 20 && export.failed == 0)
            let failure = try #require(export.failures.first)
            #expect(export.failures.count == 1)
            #expect(
                failure.message == "--max-minutes is over with \(26 - export.done) windows left; run again to go on"
            )
            #expect(failure.windows.count == 26 - export.done)
            world.sandbox.update { $0.queryTime = .zero }
            #expect(try await world.run(world.yaml(query: query)).exitCode == 0)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected("2024-01-01", "2024-06-30"))
        }
    }

    // MARK: Cancellation

    @Test(
        "An interrupted run reports no failure, keeps what it committed and leaves nothing half",
        arguments: [1, 2, 5, 9]
    )
    func cancelled(after: Int) async throws {
        try await withRunWorld { world in
            let yaml = world.yaml(api: "page_rows: 20")
            world.sandbox.chooseFaults { $0.number > after ? .named(.hang) : nil }
            let run = try world.jobRun(yaml)
            let task = Task { await run.run() }
            while !world.sandbox.requests.contains(where: { $0.fault != nil }), !Task.isCancelled { await Task.yield() }
            task.cancel()
            let summary = await task.value
            #expect(summary.allFailures.isEmpty)
            let states = summary.exports.flatMap(\.windows).map(\.state)
            #expect(!states.contains(.failed))
            #expect(!world.events.all.contains { if case .windowFailed = $0 { true } else { false } })
            let loaded = states.count { $0 == .done } * 70
            #expect(world.store().rows(of: RunWorld.export).count == loaded)
            #expect(world.clock.sleeperCount == 0)

            world.sandbox.chooseFaults(nil)
            #expect(try await world.run(yaml).exitCode == 0)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("A run that was interrupted asks for its queries again instead of paying twice")
    func resumesQueries() async throws {
        try await withRunWorld({ $0.queryTime = .seconds(60) }) { world in
            let run = try world.jobRun(world.yaml())
            let task = Task { await run.run() }
            while world.phases.filter({ $0 == .poll }).count < 6, !Task.isCancelled { await Task.yield() }
            task.cancel()
            _ = await task.value
            let sent = Set(world.sandbox.requests.filter { $0.phase == .submit }.compactMap(\.scheduleID))
            world.sandbox.clearRequests()
            let summary = try await world.run(world.yaml())
            #expect(summary.exitCode == 0)
            let again = world.sandbox.requests.filter { $0.phase == .submit }.compactMap(\.scheduleID)
            #expect(sent.count + again.count == 3)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())

            // A reload of everything wants newer rows than those.
            world.sandbox.clearRequests()
            _ = try await world.run(world.yaml()) { $0.plan.reload = .all }
            #expect(world.phases.filter { $0 == .submit }.count == 3)
            #expect(
                world.sandbox.requests.filter { $0.phase == .submit }.allSatisfy {
                    $0.parameters["cache_minutes"] == "0"
                }
            )
        }
    }

    // MARK: Sharing

    @Test("A query that a killed run sent with another row limit is not taken over: its result may be cut")
    func otherLimit() async throws {
        try await withRunWorld({ $0.queryTime = .seconds(60) }) { world in
            let run = try world.jobRun(world.yaml("window: {size: all}", api: "row_limit: 50"))
            let task = Task { await run.run() }
            while world.phases.filter({ $0 == .poll }).count < 2, !Task.isCancelled { await Task.yield() }
            task.cancel()
            _ = await task.value
            world.sandbox.clearRequests()
            #expect(try await world.run(world.yaml("window: {size: all}")).exitCode == 0)
            #expect(world.phases.filter { $0 == .submit }.count == 1)
            expectSame(world.store().rows(of: RunWorld.export), try await world.expected())
        }
    }

    @Test("Exports that list the same destinations the other way round do not wait for each other")
    func crossed() async throws {
        try await withRunWorld { world in
            let yaml = world.yaml(into: ["a", "b"]) + "\n" + world.export(name: "two", into: ["b", "a"])
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 0)
            // Each export read every window once for both.
            #expect(world.phases == Array(repeating: .submit, count: 6))
            for destination in ["a", "b"] {
                for export in ["one", "two"] {
                    let rows = world.store(destination).rows(of: ExportID(job: "job", export: export))
                    expectSame(rows, try await world.expected())
                }
            }
        }
    }

    @Test("Never more queries at once than the job allows, over all exports")
    func concurrency() async throws {
        try await withRunWorld({ $0.queryTime = .seconds(20) }) { world in
            let query = RunWorld.query.replacing("2024-01-21", with: "2024-03-31")
            let yaml =
                world.yaml(query: query, api: "concurrent_queries: 2") + "\n"
                + world.export(name: "two", query: query, into: ["b"])
            // A query is open from its submission until the API has run it, at the least.
            let open = Mutex<(ends: [String: Duration], most: Int)>(([:], 0))
            world.sandbox.chooseFaults { [clock = world.clock] request in
                guard let id = request.scheduleID, request.phase == .submit else { return nil }
                let now = clock.now.offset
                open.withLock { open in
                    if open.ends[id] == nil { open.ends[id] = now + .seconds(20) }
                    open.most = max(open.most, open.ends.values.count { $0 > now })
                }
                return nil
            }
            let summary = try await world.run(yaml)
            #expect(summary.exitCode == 0)
            #expect(open.withLock { $0.most } == 2)
        }
    }

    @Test("There are connections for every answer that may be open at once", arguments: [(2, 4), (64, 4), (1, 1000)])
    func connections(cores: Int, queries: Int) async throws {
        try await withRunWorld { world in
            var run = try world.jobRun(world.yaml(api: "concurrent_queries: \(queries)"))
            run.cores = cores
            let windows = queries + max(2, cores)
            #expect(try #require(run.configuration.connections) >= windows * 2)
        }
    }

    @Test("A summary is JSON that other programs can read")
    func summaryJSON() async throws {
        try await withRunWorld { world in
            breakWindow(world, "2024-01-08")
            let summary = try await world.run(world.yaml())
            let json = try JSONValue(parsing: Array(JSONText.encode(summary).utf8))
            #expect(json["exit_code"]?.intValue == 4)
            let export = try #require(json["exports"]?.arrayValue?.first)
            #expect(export["done"]?.intValue == 2)
            let failure = try #require(export["failures"]?.arrayValue?.first)
            #expect(failure.objectValue?.members.map(\.name).sorted() == ["kind", "message", "windows"])
            #expect(failure["kind"]?.textValue == "source")
        }
    }
}
