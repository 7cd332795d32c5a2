import Foundation
import PipelineCore
import PipelineTesting
import Sandbox
import Synchronization
import TestSupport
import Testing

@testable import Jobs

/// Whole histories in process: runs, edits of the job, moving days, failures of API and destinations, and deaths.
@Suite("Histories of runs", .timeLimit(.minutes(10)))
struct RunHistoryTests {
    /// What the job file says at some point of the history.
    struct Config {
        var size = "week"
        var lookback = 3
        var start = "2024-03-01"
        var end = "yesterday"
        var accounts = ["123-456-7890"]
        var perAccount = false
        var dropsCost = false
        var destinations = ["a"]

        var columns: [String] { ["date", "account_id", "ad_id", "impressions"] + (dropsCost ? [] : ["cost"]) }

        func yaml(_ world: RunWorld) -> String {
            let list = accounts.map { "\"\($0)\"" }.joined(separator: ", ")
            return """
                name: job
                api: {requests_per_second: 100000, page_rows: 13, max_attempts: 3, concurrent_queries: 2}
                exports:
                  - name: one
                    query:
                      ds_id: AW
                      ds_accounts: [\(list)]
                      fields: [Date, AccountID, AdID, Impressions, Cost]
                      start_date: \(start)
                      end_date: \(end)
                    window: {size: \(size), per_account: \(perAccount), lookback: \(lookback) days}
                    stages: [\(dropsCost ? "{drop: [cost]}" : "")]
                    on_shrink: allow
                    into: \(world.into(destinations))
                """
        }
    }

    /// A day's rows of one account in a destination.
    struct Spot: Hashable {
        var day: String
        var account: String
    }

    /// Every row the API has, by day and account.
    private static func truth(_ world: RunWorld) async throws -> [Spot: [[String?]]] {
        let rows = try await world.expected(
            "2024-02-01",
            "2024-06-30",
            accounts: ["123-456-7890", "123", "987-654-3210"]
        )
        return Dictionary(grouping: rows) { Spot(day: $0[0] ?? "", account: $0[1] ?? "") }
    }

    /// The rows a destination shows, by day and account, without the column that `per_account` adds.
    private static func shown(_ store: MemoryStore) -> [Spot: [[String?]]] {
        Dictionary(grouping: store.rows(of: RunWorld.export)) { Spot(day: $0[0] ?? "", account: $0[1] ?? "") }
    }

    /// Lets the run die, or its destinations fail, at some operation; what was done before stays.
    private static func sabotage(
        _ stores: [MemoryStore],
        _ generator: inout SeededRandom,
        dies: Bool
    ) -> @Sendable () -> Bool {
        let left = Atomic(Int.random(in: 0..<40, using: &generator))
        let isTransient = Bool.random(using: &generator)
        let isDead = Atomic(false)
        for store in stores {
            store.intercept { _ throws(SinkError) in
                let count = left.subtract(1, ordering: .relaxed).newValue
                if dies ? count < 0 : count == 0 {
                    isDead.store(true, ordering: .relaxed)
                    throw SinkError(
                        .destination,
                        dies ? "the process is dead" : "the disk is full",
                        isTransient: isTransient
                    )
                }
            }
        }
        return { isDead.load(ordering: .relaxed) }
    }

    private static func edit(_ config: inout Config, _ generator: inout SeededRandom) {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: config.lookback = Int.random(in: 0...14, using: &generator)
        case 1:
            config.start =
                ["2024-03-01", "2024-02-20", "20 days ago", "2024-03-10"].randomElement(using: &generator)
                ?? config.start
        case 2:
            config.end =
                ["yesterday", "today", "2024-03-14", "2 days ago"].randomElement(using: &generator) ?? config.end
        case 3: config.size = ["day", "week", "5 days", "all"].randomElement(using: &generator) ?? config.size
        case 4: config.dropsCost.toggle()
        case 5: config.perAccount.toggle()
        case 6:
            let all = ["123-456-7890", "123", "987-654-3210"].shuffled(using: &generator)
            config.accounts = Array(all.prefix(Int.random(in: 1...3, using: &generator)))
        default:
            config.destinations =
                [["a"], ["a", "b"], ["a", "w: {scope: run}"]].randomElement(using: &generator) ?? config.destinations
        }
    }

    private static func options(_ generator: inout SeededRandom) -> RunOptions {
        var options = RunOptions()
        options.allowShrink = true
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: options.plan.reload = .all
        case 1: options.plan.reload = .stale
        case 2: options.plan.acceptStale = true
        case 3: options.plan.onlyFailed = true
        case 4: options.plan.shard = Shard("\(Int.random(in: 1...2, using: &generator))/2")
        case 5: options.plan.chosen = DateRange(Day(number: 19_790), Day(number: 19_796))
        case 6: options.maxMinutes = 0.5
        default: break
        }
        return options
    }

    @Test(
        "Whatever happened before, a clean run ends with the API's rows, each day once; what was covered is never lost",
        arguments: 0..<40
    )
    func history(seed: UInt64) async throws {
        var generator = SeededRandom(seed: seed)
        try await withRunWorld({ ($0.rowsPerDay, $0.seed, $0.queryTime) = (3, seed, .seconds(4)) }) { world in
            let truth = try await Self.truth(world)
            var config = Config()
            for step in 0..<Int.random(in: 3...9, using: &generator) {
                if Bool.random(using: &generator) { Self.edit(&config, &generator) }
                world.clock.advance(by: .seconds(Int.random(in: 60...200_000, using: &generator)))
                let before = Self.shown(world.store("a"))
                await run(world, config, Self.options(&generator), &generator)
                // Rows of an account that the query no longer names may go with the window they share.
                let kept = before.filter { config.accounts.contains($0.key.account) }
                check(world, kept, truth, "seed \(seed), step \(step)")
            }
            try await finish(world, config, truth, "seed \(seed)")
        }
    }

    /// One run in which something may go wrong.
    private func run(_ world: RunWorld, _ config: Config, _ options: RunOptions, _ generator: inout SeededRandom) async
    {
        let stores = ["a", "b", "w"].map { world.store($0) }
        let fate = Int.random(in: 0..<5, using: &generator)
        var isDead: @Sendable () -> Bool = { false }
        if fate == 1 || fate == 2 { isDead = Self.sabotage(stores, &generator, dies: fate == 2) }
        if fate == 3 {
            let kinds: [Fault.Name] = [
                .error200, .cut, .reset, .badJSON, .shortPage, .failure, .repeatPage, .changedTotal,
            ]
            world.sandbox.update { options in
                options.faults =
                    kinds.map { Fault(.named($0), amount: .probability(0.05)) }
                    + [
                        Fault(.status(503), amount: .probability(0.1)),
                        Fault(.status(400), phase: .submit, amount: .probability(0.1)),
                    ]
            }
        }
        let cancelAt = fate == 4 ? Int.random(in: 1...20, using: &generator) : .max
        guard let run = try? world.jobRun(config.yaml(world), { $0 = options }) else {
            Issue.record("the job file is wrong")
            return
        }
        let first = world.sandbox.requests.last?.number ?? 0
        let task = Task { await run.run() }
        // A dead process does nothing more; an interrupted one gives up what it is about.
        let watch = Task {
            while !Task.isCancelled {
                if isDead() && fate == 2 || (world.sandbox.requests.last?.number ?? 0) - first >= cancelAt {
                    task.cancel()
                }
                await Task.yield()
            }
        }
        _ = await task.value
        watch.cancel()
        for store in stores {
            store.intercept(nil)
            store.breakLease(of: RunWorld.export)
        }
        world.sandbox.update { $0.faults = [] }
    }

    /// No day is shown twice or in part, and none that was shown is gone; where all is replaced in one step too.
    private func check(
        _ world: RunWorld,
        _ before: [Spot: [[String?]]],
        _ truth: [Spot: [[String?]]],
        _ comment: String
    ) {
        let after = Self.shown(world.store("a"))
        for (spot, rows) in after {
            #expect(rows.count == truth[spot]?.count, "\(comment): \(spot)")
            #expect(rows.map { $0.prefix(4) } == truth[spot].map { $0.map { $0.prefix(4) } }, "\(comment): \(spot)")
        }
        for spot in before.keys { #expect(after[spot] != nil, "\(comment): \(spot) is lost") }
    }

    /// A clean run, with the choices that errors ask for.
    private func finish(
        _ world: RunWorld,
        _ config: Config,
        _ truth: [Spot: [[String?]]],
        _ comment: String
    ) async throws {
        let yaml = config.yaml(world)
        var summary = try await world.run(yaml) { $0.allowShrink = true }
        if summary.exitCode == 2 {
            summary = try await world.run(yaml) {
                $0.plan.reload = .all
                $0.allowShrink = true
            }
        }
        #expect(summary.exitCode == 0, "\(comment): \(summary.texts)")
        let range = try #require(try world.job(yaml).exports[0].query.days(now: world.now, zone: .gmt))
        for name in config.destinations.map({ String($0.prefix { $0 != ":" }) }) {
            let shown = Self.shown(world.store(name))
            for day in range.days {
                for account in config.accounts {
                    let spot = Spot(day: "\(day)", account: account)
                    let rows = shown[spot]?.map { $0.prefix(4) } ?? []
                    #expect(rows == truth[spot].map { $0.map { $0.prefix(4) } }, "\(comment): \(name) \(spot)")
                }
            }
            // A whole holds exactly what is wanted.
            if name == "w" { #expect(shown.count == range.dayCount * config.accounts.count, "\(comment)") }
        }
        // Nothing is left to do; what never settles aside.
        let again = try await world.run(yaml)
        #expect(again.exitCode == 0, "\(comment): \(again.texts)")
    }
}
