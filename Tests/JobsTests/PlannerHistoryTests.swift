import Jobs
import PipelineCore
import TestSupport
import Testing

@Suite("Random histories of runs, edits, crashes and losses") struct PlannerHistoryTests {
    /// Each argument is a block of seeds; a failure names its seed and tells its history.
    @Test("Every run leaves the destinations as they must be", arguments: 0..<4)
    func histories(block: UInt64) {
        var seen: Set<String> = []
        for seed in block * 250..<(block + 1) * 250 {
            var history = ToyHistory(seed: seed)
            history.play()
            seen.formUnion(history.seen)
            guard let problem = history.problem else { continue }
            Issue.record("seed \(seed): \(problem)\n\(history.log.joined(separator: "\n"))")
            return
        }
        let unmet = PlannerHistoryTests.everything.filter { !seen.contains($0) }
        #expect(unmet == [], "histories that never meet these prove nothing about them")
    }

    /// Every reason and stop that a history can meet.
    private static let everything = [
        "new", "range_grew", "accounts_added", "rows_gone", "not_settled", "lookback_raised", "reload",
        "reload_resumed", "stale", "layout_changed", "whole", "settled", "accepted_stale", "append_loaded",
        "append_waits", "staged", "attached", "stop stale", "stop layout", "stop appendReload", "stop partOfWhole",
    ]
}

/// One random history, checked after every run.
struct ToyHistory {
    private var random: SeededRandom
    private var world: ToyWorld
    private(set) var log: [String] = []
    private(set) var problem: String?
    /// What its plans came to: codes of reasons, and stops.
    private(set) var seen: Set<String> = []

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var sinks: [ToySink] = []
        for _ in 0..<([1, 1, 2, 3].randomElement(using: &random) ?? 1) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: sinks.append(ToySink(scope: .run, mode: .replaceWindow))
            case 1: sinks.append(ToySink(scope: .run, mode: .replace))
            case 2: sinks.append(ToySink(scope: .window, mode: .append))
            default: sinks.append(ToySink(scope: .window, mode: .replaceWindow))
            }
        }
        let start = Int.random(in: 1...20, using: &random)
        world = ToyWorld(
            now: 19_750 * ToyWorld.day + Int64.random(in: 0..<ToyWorld.day, using: &random),
            range: Int.random(in: 0...start, using: &random)...start,
            accounts: ["A"],
            lookback: Int.random(in: 0...5, using: &random),
            fingerprint: "F1",
            sinks: sinks
        )
        self.random = random
        log.append("sinks \(sinks.map { "\($0.scope) \($0.mode)" })")
    }

    mutating func play() {
        for _ in 0..<10 where problem == nil {
            pass()
            for _ in 0..<Int.random(in: 0...2, using: &random) { edit() }
            if chance(0.2) { lose() }
            run()
        }
    }
}

extension ToyHistory {
    private mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }

    private mutating func note(_ text: String) { log.append(text) }

    private mutating func fail(_ text: String) {
        if problem == nil { problem = text }
    }

    private mutating func pass() {
        let hour: Int64 = 3_600_000
        switch Int.random(in: 0..<4, using: &random) {
        case 0: world.now += Int64.random(in: 0...90 * 60_000, using: &random)
        case 1: world.now += Int64.random(in: 1...30, using: &random) * hour
        case 2: world.now += ToyWorld.day
        default: world.now += Int64.random(in: 1...12, using: &random) * ToyWorld.day
        }
        note("now \(Timestamp(milliseconds: world.now))")
    }

    private mutating func edit() {
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1:
            let today = Int(world.now / ToyWorld.day)
            let start = Int.random(in: 0...20, using: &random)
            world.moves = chance(0.7)
            world.range = Int.random(in: 0...start, using: &random)...start
            if !world.moves { world.range = today - world.range.upperBound...today - world.range.lowerBound }
        case 2, 3: world.lookback = Int.random(in: 0...8, using: &random)
        case 4: world.fingerprint = "F\(Int.random(in: 1...3, using: &random))"
        case 5, 6:
            world.accounts = [["A"], ["A", "B"], ["B"], ["B", "A", "C"]].randomElement(using: &random) ?? ["A"]
        case 7: world.size = [.day, .week, .month, .days(3), .days(10), .all].randomElement(using: &random) ?? .week
        default: world.perAccount.toggle()
        }
        note(
            "wants \(world.size) perAccount \(world.perAccount) days \(world.range) moving \(world.moves) "
                + "accounts \(world.accounts) lookback \(world.lookback) \(world.fingerprint)"
        )
    }

    /// Someone deletes rows, or rows and checkpoint, of a window.
    private mutating func lose() {
        let index = Int.random(in: world.sinks.indices, using: &random)
        guard let id = world.sinks[index].visible.keys.sorted().randomElement(using: &random) else { return }
        note("window \(id) loses its rows in \(index)")
        if chance(0.5) { world.sinks[index].visible[id]?.rows = [:] } else { world.sinks[index].visible[id] = nil }
    }

    private mutating func options() -> PlanOptions {
        var options = PlanOptions()
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: options.reload = .all
        case 2, 3: options.reload = .stale
        case 4, 5: options.acceptStale = true
        default: break
        }
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            let days = world.wantedDays
            let first = Int.random(in: days.lowerBound - 3...days.upperBound + 3, using: &random)
            options.chosen = DateRange(Day(number: first), Day(number: first + Int.random(in: 0...4, using: &random)))
        case 1: options.shard = Shard("\(Int.random(in: 1...2, using: &random))/2")
        case 2: options.onlyFailed = true
        default: break
        }
        return options
    }

    private mutating func run() {
        let options = options()
        note("run \(options)")
        let oracle = PlannerOracle(world: world, options: options)
        let plan: Plan
        do throws(PlanError) {
            plan = try Planner.plan(world.input(options))
        } catch {
            note("refused: \(error)")
            guard let stop = PlannerOracle.Stop(error), oracle.stops.contains(stop) else {
                return fail("refused with \(error), not with one of \(oracle.stops)")
            }
            seen.insert("stop \(stop)")
            return
        }
        for fetch in plan.fetches {
            seen.formUnion(fetch.targets.map(\.reason.code))
            if fetch.attach != nil { seen.insert("attached") }
        }
        seen.formUnion(plan.skips.map(\.reason.code))
        guard oracle.stops.isEmpty else { return fail("planned, though \(oracle.stops) forbid it") }
        check(plan, oracle)
        let before = world
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            note("some windows fail")
            let complete = world.run(plan, .failures(Int64.random(in: 0...2, using: &random)))
            if !complete { checkIncomplete(plan, since: before) }
        case 1, 2:
            let step = Int.random(in: 0...plan.fetches.count * 3, using: &random)
            note("killed at step \(step)")
            let complete = world.run(plan, .killed(step))
            if !complete { checkIncomplete(plan, since: before) }
            if !complete, chance(0.7) { checkResume(options, plan, before: before) }
        default:
            if !world.run(plan, .whole) { fail("an unbroken run did not end") }
            checkWhole(plan, options, since: before)
        }
        checkAlways(since: before, plan)
    }
}

// MARK: What must hold

extension ToyHistory {
    /// The plan fetches what the rules ask for, once, and nothing else.
    private mutating func check(_ plan: Plan, _ oracle: PlannerOracle) {
        for (index, sink) in world.sinks.enumerated() {
            let loads = plan.fetches.filter { $0.targets.contains { $0.sink == index } }
            let ids = loads.map(\.window.id)
            if Set(ids).count != ids.count { fail("sink \(index) gets a window twice") }
            if !sink.isWhole, !oracle.replacesAll(sink), Set(ids) != oracle.due(sink) {
                fail("sink \(index) gets \(loads.map(\.window)), due are \(oracle.due(sink))")
            }
        }
        var asked: [Window: Set<DateRange?>] = [:]
        for fetch in plan.fetches {
            if !asked[fetch.window, default: []].insert(fetch.days).inserted { fail("\(fetch) is fetched twice") }
            if !oracle.mayAsk(for: fetch) { fail("\(fetch) asks for other days than wanted and covered") }
        }
        if plan.fetches.map(\.window) != plan.fetches.map(\.window).sorted() { fail("windows are out of order") }
    }

    /// Whatever happened, no row is there twice, no day got lost, and each checkpoint tells what is there.
    private mutating func checkAlways(since before: ToyWorld, _ plan: Plan) {
        for (index, sink) in world.sinks.enumerated() {
            let shown = sink.shown
            if let twice = shown.first(where: { $0.value > 1 }) { fail("sink \(index) shows \(twice.key) twice") }
            for loaded in sink.visible.values where !loaded.rows.isEmpty {
                let checkpoint = loaded.checkpoint
                let told = (checkpoint.covers.map { Array($0.days) } ?? []).flatMap { day in
                    checkpoint.accounts.map { ToySink.Spot(day: day.number, account: $0) }
                }
                if Set(told) != Set(loaded.rows.keys) { fail("sink \(index) tells other rows than it shows") }
            }
            guard !sink.isWhole else { continue }
            let earlier = before.sinks[index].shown.keys
            let lostDays = Set(earlier.map(\.day)).subtracting(shown.keys.map(\.day))
            if !lostDays.isEmpty { fail("sink \(index) lost the days \(lostDays)") }
            if world.perAccount, !Set(earlier).isSubset(of: shown.keys) {
                fail("sink \(index) lost \(Set(earlier).subtracting(shown.keys))")
            }
        }
    }

    /// A run that did not reach its end changes nothing that becomes visible in one step.
    private mutating func checkIncomplete(_ plan: Plan, since before: ToyWorld) {
        for (index, sink) in world.sinks.enumerated() where plan.runs[index]?.replacesAll ?? false {
            if sink.visible != before.sinks[index].visible { fail("sink \(index) shows a part of a whole") }
        }
    }

    /// After an unbroken run every row wanted is there, from the query of now, as new as it must be.
    private mutating func checkWhole(_ plan: Plan, _ options: PlanOptions, since before: ToyWorld) {
        // The notes of failed windows are gone with their commit: the world before tells which were chosen.
        let oracle = PlannerOracle(world: before, options: options)
        let attached = Set(plan.fetches.lazy.filter { $0.attach != nil }.map(\.window.id))
        for (index, sink) in world.sinks.enumerated() {
            guard plan.runs[index] != nil else { continue }
            let chosen = oracle.chosen(before.sinks[index])
            var exact: Set<ToySink.Spot> = []
            for (place, days) in chosen {
                guard let loaded = sink.visible[place.id] else {
                    if sink.mode != .append || oracle.isDue(sink, place, days) {
                        fail("sink \(index) lacks \(place)")
                    }
                    continue
                }
                for day in days {
                    for account in place.account.map({ [$0] }) ?? world.accounts {
                        let spot = ToySink.Spot(day: day, account: account)
                        exact.insert(spot)
                        guard let row = loaded.rows[spot] else {
                            if sink.mode != .append { fail("sink \(index) lacks \(spot)") }
                            continue
                        }
                        // What a killed run has staged may be a day old; the next run takes what is not settled.
                        if plan.runs[index]?.replacesAll ?? false {
                            if row.loadedAt < world.now - ToyWorld.day { fail("\(row) was staged too long ago") }
                        } else {
                            checkAge(row, loaded.checkpoint, sink, isAttached: attached.contains(place.id))
                        }
                    }
                }
            }
            if sink.isWhole, Set(sink.shown.keys) != exact {
                fail("sink \(index) shows more than the whole")
            }
            if !sink.reload.isEmpty, options == PlanOptions(reload: .all) {
                let left = sink.reload.intersection(chosen.keys.map(\.id))
                if !left.isEmpty, sink.mode != .append { fail("a reload left \(left)") }
            }
        }
        checkSecondRun(options)
    }

    private mutating func checkAge(
        _ row: ToySink.Row,
        _ checkpoint: Checkpoint,
        _ sink: ToySink,
        isAttached: Bool
    ) {
        guard let end = checkpoint.covers?.end.number else { return fail("\(checkpoint.window) covers no days") }
        let isOfToday = row.fingerprint == world.fingerprint
        if !isOfToday, checkpoint.acceptedFingerprint != world.fingerprint { fail("\(row) is of another query") }
        if row.loadedAt == world.now {
            // A query taken over may have been answered by the cache, where it was sent under a shorter lookback.
            let mayBeOld = isAttached || ToyWorld.settles(end, world.lookback) <= world.now
            if !mayBeOld, row.fetchedAt < world.now - 3_600_000 { fail("\(row) is older than an hour and not settled") }
        } else if row.fetchedAt < ToyWorld.settles(end, row.lookback) {
            fail("\(row) of \(checkpoint.window) was kept and never settled")
        } else if sink.mode != .append, ToyWorld.settles(end, world.lookback) > world.now {
            fail("\(row) of \(checkpoint.window) was kept within the lookback")
        }
    }

    /// A run right after one that ended fetches only what is not settled, and never stops.
    private mutating func checkSecondRun(_ options: PlanOptions) {
        var again = options
        (again.reload, again.acceptStale) = (.none, false)
        let plan: Plan
        do throws(PlanError) {
            plan = try Planner.plan(world.input(again))
        } catch {
            return fail("a second run is refused: \(error)")
        }
        let oracle = PlannerOracle(world: world, options: again)
        for (index, sink) in world.sinks.enumerated() where !sink.isWhole {
            let ids = plan.fetches.filter { $0.targets.contains { $0.sink == index } }.map(\.window.id)
            if sink.mode == .append, !ids.isEmpty { fail("append loads again") }
            if !Set(ids).isSubset(of: oracle.unsettled(sink)) { fail("a second run loads settled windows") }
        }
    }

    /// A killed run and one after it, without flags that were noted, end where an unbroken run ends.
    private mutating func checkResume(_ options: PlanOptions, _ plan: Plan, before: ToyWorld) {
        var rest = options
        if options.reload != .none || options.acceptStale { (rest.reload, rest.acceptStale) = (.none, false) }
        var (unbroken, resumed) = (before, world)
        guard unbroken.run(plan, .whole) else { return fail("an unbroken run did not end") }
        do throws(PlanError) {
            guard resumed.run(try Planner.plan(resumed.input(rest)), .whole) else {
                return fail("a resumed run did not end")
            }
        } catch {
            return fail("a killed run cannot be resumed: \(error)")
        }
        for (index, sink) in resumed.sinks.enumerated() {
            let (mine, theirs) = (sink.visible, unbroken.sinks[index].visible)
            if Set(mine.keys) != Set(theirs.keys) { fail("sink \(index) resumed to other windows") }
            for (id, loaded) in mine {
                guard let other = theirs[id] else { continue }
                if Set(loaded.rows.keys) != Set(other.rows.keys)
                    || loaded.checkpoint.fingerprint != other.checkpoint.fingerprint
                    || loaded.checkpoint.acceptedFingerprint != other.checkpoint.acceptedFingerprint
                {
                    fail("sink \(index) resumed \(loaded.checkpoint.window) to other rows")
                }
                if other.checkpoint.fetchedAt.seconds(since: loaded.checkpoint.fetchedAt) > 3600 {
                    fail("sink \(index) resumed \(loaded.checkpoint.window) to older rows")
                }
            }
            if sink.reload != unbroken.sinks[index].reload { fail("sink \(index) is left with another reload") }
        }
    }
}
