import SupermetricsAPI
import TestSupport

import struct FoundationEssentials.Date

@testable import Backfill

/// An API of backfills in a few lines, with a clock of its own, and the world between it and a scheduler: answers that
/// are late, lost or out of order, creates that arrive after they were given up, crashes, and other users.
struct Simulation {
    /// What may happen, and how often.
    struct Weather {
        /// Requests that fail without effect, and may be tried again.
        var failures = 0.0
        /// Creates whose answer is lost although they took effect.
        var lostAnswers = 0.0
        /// Runs that fail.
        var failedRuns = 0.0
        /// Failures of a day before it succeeds; more than the retries is for ever.
        var failuresPerDay = 1
        /// Crashes in the course of a run.
        var crashes = 0
        /// Backfills made, cancelled or removed by others.
        var meddling = 0.0
        var failedBlocks = false
        var failedRunsFail = true
        /// The share of failed days in the report.
        var reported = 1.0
        var hasCounters = true
        var runsAreListed = true
        var words: [String: String] = [:]
        var listLimit = 100
    }

    private struct Run {
        var id: Int
        var day: CalendarDay
        var start: Duration
        var end: Duration
        var succeeds: Bool
    }

    private struct Stored {
        var id: Int
        var transferID: Int
        var range: DayRange
        var created: Duration
        var isForeign: Bool
        var runs: [Run]
        var cancelled: Duration?
        var isRemoved = false

        func ran(_ now: Duration) -> [Run] { runs.filter { $0.start <= min(now, cancelled ?? now) && $0.end <= now } }

        func status(_ now: Duration, _ weather: Weather) -> String {
            if cancelled != nil { return "CANCELLED" }
            guard let first = runs.map(\.start).min(), first <= now else { return "SCHEDULED" }
            guard runs.allSatisfy({ $0.end <= now }) else { return "RUNNING" }
            return weather.failedRunsFail && runs.contains { !$0.succeeds } ? "FAILED" : "COMPLETED"
        }

        func isAtWork(_ now: Duration, _ weather: Weather) -> Bool {
            !isRemoved && ["SCHEDULED", "RUNNING"].contains(status(now, weather))
        }
    }

    private enum Step {
        case arrive(Scheduler.Action, life: Int, isLost: Bool)
        case answer(Scheduler.Event, life: Int)
        case tick(life: Int)
        case crash
        case meddle
    }

    /// 2024-06-01, within a second.
    private static let epoch = 1_717_200_000.25

    let settings: BackfillSettings
    let goals: [BackfillGoal]
    let weather: Weather
    private var random: SeededRandom
    private var time = Duration.zero
    private var steps: [(time: Duration, number: Int, step: Step)] = []
    private var stepCount = 0
    private var stored: [Stored] = []
    private var attempts: [Int: [CalendarDay: Int]] = [:]
    private var nextRunID = 1
    private var asked: [Int: Int] = [:]
    private var life = 0
    private(set) var journal: [JournalRecord] = []
    /// What was found wrong.
    private(set) var faults: [String] = []
    private(set) var summary: BackfillSummary?
    private(set) var requests = 0
    private(set) var creates = 0
    private(set) var crashes = 0

    init(_ settings: BackfillSettings, _ goals: [BackfillGoal], _ weather: Weather, seed: UInt64) {
        (self.settings, self.goals, self.weather) = (settings, goals, weather)
        random = SeededRandom(seed: seed)
    }

    private func date(_ time: Duration) -> Date {
        Date(timeIntervalSince1970: (Self.epoch + time / .seconds(1)).rounded(.down))
    }

    private func moment(since start: Duration) -> Scheduler.Moment {
        Scheduler.Moment(elapsed: time - start, time: date(time), serverTime: date(time))
    }

    private mutating func later(_ step: Step, after wait: Duration) {
        stepCount += 1
        steps.append((time + wait, stepCount, step))
    }

    private mutating func wait(upTo most: Double) -> Duration {
        .milliseconds(Int.random(in: 1...Int(most), using: &random))
    }

    // MARK: Course

    /// Plays until the run has come to its end, crashes and all.
    mutating func play() {
        for _ in 0..<weather.crashes { later(.crash, after: .seconds(.random(in: 1...2000, using: &random))) }
        if weather.meddling > 0 { later(.meddle, after: .seconds(30)) }
        while summary == nil {
            live()
            guard faults.isEmpty else { return }
        }
    }

    /// One process from its start to its end or its crash.
    private mutating func live() {
        life += 1
        let start = time
        var draws = SeededRandom(seed: random.next())
        let draw = Double.random(in: 0..<1, using: &draws)
        var scheduler = Scheduler(
            settings,
            goals,
            journal: JournalState(journal),
            now: moment(since: start),
            random: { draw }
        )
        var ticks: Set<Duration> = []
        var actions = scheduler.start()
        while true {
            for action in actions {
                // A process may die between any two of its actions.
                if crashes < weather.crashes, random.chance(0.0005) {
                    crashes += 1
                    return restart()
                }
                send(action)
            }
            if scheduler.isOver {
                summary = scheduler.summary
                return
            }
            if let next = scheduler.nextTick, !ticks.contains(where: { $0 <= next }) {
                ticks.insert(next)
                later(.tick(life: life), after: max(.zero, next + start - time))
            }
            guard
                let place = steps.indices.min(by: {
                    (steps[$0].time, steps[$0].number) < (steps[$1].time, steps[$1].number)
                })
            else { return faults.append("nothing is left to wait for") }
            let (due, _, step) = steps.remove(at: place)
            time = max(time, due)
            guard time < .seconds(60 * 86_400), requests < 200_000 else { return faults.append("the run does not end") }
            actions = []
            switch step {
            case .crash:
                crashes += 1
                return restart()
            case .meddle: meddle()
            case .arrive(let action, let life, let isLost):
                let event = serve(action)
                guard life == self.life else { break }
                let answer = isLost ? lost(action) : event
                if let answer { later(.answer(answer, life: life), after: wait(upTo: 300)) }
            case .answer(let event, let life):
                guard life == self.life else { break }
                actions = scheduler.take(event, at: moment(since: start))
            case .tick(let life):
                guard life == self.life else { break }
                ticks = ticks.filter { $0 + start > time }
                actions = scheduler.take(.tick, at: moment(since: start))
            }
        }
    }

    /// The process is gone: its answers go nowhere, and of its requests under way some arrive all the same.
    private mutating func restart() {
        steps.removeAll { step in
            switch step.step {
            case .answer, .tick: true
            case .arrive: random.chance(0.5)
            case .crash, .meddle: false
            }
        }
        time += wait(upTo: 3000)
    }

    private mutating func send(_ action: Scheduler.Action) {
        switch action {
        case .tell: return
        case .write(let record): return journal.append(record)
        default: requests += 1
        }
        var isLost = false
        if random.chance(weather.failures) {
            guard case .create = action, random.chance(0.5) else {
                if let event = failed(action) { later(.answer(event, life: life), after: wait(upTo: 300)) }
                return
            }
            // An answer of the server's that says nothing about the effect, which there is none of.
            later(.answer(lost(action) ?? .tick, life: life), after: wait(upTo: 300))
            return
        }
        if case .create = action { isLost = random.chance(weather.lostAnswers) }
        // A request that was given up may arrive after its sender began to wonder, though not after the first look.
        later(.arrive(action, life: life, isLost: isLost), after: wait(upTo: isLost ? 2500 : 300))
        if isLost, random.chance(0.5), let answer = lost(action) {
            steps.removeLast()
            later(.arrive(action, life: -1, isLost: true), after: wait(upTo: 2500))
            later(.answer(answer, life: life), after: wait(upTo: 300))
        }
    }

    private static let trouble = SupermetricsError(.server, "the server is busy", isTransient: true)

    private func lost(_ action: Scheduler.Action) -> Scheduler.Event? {
        guard case .create(let intent) = action else { return nil }
        var error = SupermetricsError(.timeout, "no answer came", isTransient: true)
        error.outcomeIsUnknown = true
        return .created(intent, .failure(error))
    }

    private func failed(_ action: Scheduler.Action) -> Scheduler.Event? {
        switch action {
        case .write, .tell: return nil
        case .list: return .listed(.failure(Self.trouble))
        case .latest(let transferID): return .latest(transferID: transferID, .failure(Self.trouble))
        case .look(let transferID): return .looked(transferID: transferID, .failure(Self.trouble))
        case .get(let id): return .got(backfillID: id, .failure(Self.trouble))
        case .create(let intent):
            var error = SupermetricsError(.rateLimit, "too many requests", isTransient: true)
            error.statusCode = 429
            return .created(intent, .failure(error))
        case .cancel(let id, let transferID):
            return .cancelled(backfillID: id, transferID: transferID, .failure(Self.trouble))
        case .runs(let backfill):
            return .runs(backfillID: backfill.id, transferID: backfill.transferID, .failure(Self.trouble))
        }
    }

    // MARK: The API

    private mutating func serve(_ action: Scheduler.Action) -> Scheduler.Event? {
        switch action {
        case .write, .tell: return nil
        case .list: return .listed(.success(list()))
        case .latest(let transferID): return .latest(transferID: transferID, .success(latest(transferID)))
        case .look(let transferID):
            return .looked(transferID: transferID, .success(list() + [latest(transferID)].compactMap(\.self)))
        case .get(let id):
            let found = stored.first { $0.id == id && !$0.isRemoved }
            return .got(backfillID: id, .success(found.map(snapshot)))
        case .create(let intent): return .created(intent, create(intent))
        case .cancel(let id, let transferID):
            guard let place = stored.firstIndex(where: { $0.id == id }) else { return nil }
            stored[place].cancelled = stored[place].cancelled ?? time
            return .cancelled(backfillID: id, transferID: transferID, .success(()))
        case .runs(let backfill):
            let runs = stored.filter { $0.transferID == backfill.transferID && weather.runsAreListed }
                .flatMap { $0.ran(time) }
                .filter { backfill.range.contains($0.day) && date($0.start) >= backfill.createdTime ?? .distantPast }
            return .runs(
                backfillID: backfill.id,
                transferID: backfill.transferID,
                .success(
                    runs.map {
                        DayRun(id: $0.id, day: $0.day, outcome: $0.succeeds ? .completed : .failed, words: "refused")
                    }
                )
            )
        }
    }

    private func list() -> [BackfillSnapshot] {
        stored.reversed().filter { backfill in
            !backfill.isRemoved && !["COMPLETED", "CANCELLED"].contains(backfill.status(time, weather))
        }.prefix(weather.listLimit).map(snapshot)
    }

    private func latest(_ transferID: Int) -> BackfillSnapshot? {
        stored.last { $0.transferID == transferID && !$0.isRemoved }.map(snapshot)
    }

    private func snapshot(_ backfill: Stored) -> BackfillSnapshot {
        let status = backfill.status(time, weather)
        var snapshot = BackfillSnapshot(
            id: backfill.id,
            transferID: backfill.transferID,
            range: backfill.range,
            status: BackfillStatus(rawValue: weather.words[status] ?? status)
        )
        let ran = backfill.ran(time)
        let failed = ran.filter { !$0.succeeds }
        snapshot.createdTime = date(backfill.created)
        snapshot.hasEndTime = !["SCHEDULED", "RUNNING"].contains(status)
        if weather.hasCounters {
            snapshot.total = backfill.range.dayCount
            snapshot.completed = ran.count - failed.count
            snapshot.failed = failed.count
        }
        for run in failed.prefix(Int(Double(failed.count) * weather.reported)) { snapshot.errors[run.day] = "refused" }
        return snapshot
    }

    private mutating func create(_ intent: BackfillIntent) -> Result<BackfillSnapshot, SupermetricsError> {
        let blocked = stored.contains { other in
            other.transferID == intent.transferID && other.range.overlaps(intent.range)
                && (other.isAtWork(time, weather)
                    || weather.failedBlocks && !other.isRemoved && other.status(time, weather) == "FAILED")
        }
        guard !blocked else {
            var error = SupermetricsError(.validation, "the range overlaps an active backfill")
            error.statusCode = 422
            return .failure(error)
        }
        check(intent)
        creates += 1
        return .success(snapshot(store(intent.transferID, intent.range, isForeign: false)))
    }

    private mutating func store(_ transferID: Int, _ range: DayRange, isForeign: Bool) -> Stored {
        var start = time + wait(upTo: 3000)
        var runs: [Run] = []
        for day in (range.first...range.last).reversed() {
            let attempt = attempts[transferID]?[day] ?? 0
            // Which days fail is a property of the day.
            var fate = SeededRandom(seed: UInt64(transferID * 1_000_003 + day.number))
            let fails = fate.chance(weather.failedRuns) && attempt < weather.failuresPerDay
            attempts[transferID, default: [:]][day] = attempt + 1
            let end = start + wait(upTo: 4000)
            runs.append(Run(id: nextRunID, day: day, start: start, end: end, succeeds: !fails))
            nextRunID += 1
            start = end
        }
        stored.append(
            Stored(
                id: 1000 + stored.count,
                transferID: transferID,
                range: range,
                created: time,
                isForeign: isForeign,
                runs: runs
            )
        )
        return stored[stored.count - 1]
    }

    /// What must never be created.
    private mutating func check(_ intent: BackfillIntent) {
        let active = stored.filter { !$0.isForeign && $0.isAtWork(time, weather) }
        if active.count >= settings.active { faults.append("more than \(settings.active) are active") }
        if active.contains(where: { $0.transferID == intent.transferID }) {
            faults.append("transfer \(intent.transferID) has two of ours")
        }
        if !goals.contains(where: {
            $0.transferID == intent.transferID && DaySet([intent.range]).subtracting(DaySet([$0.range])).isEmpty
        }) {
            faults.append("\(intent.range) is not wanted")
        }
        if intent.range.dayCount > settings.longestChunk { faults.append("\(intent.range) is too long") }
        asked[intent.serverTime / 86_400, default: 0] += intent.range.dayCount
        if let most = settings.maxRunsPerDay, asked[intent.serverTime / 86_400, default: 0] > most {
            faults.append("more than \(most) days were asked for in one")
        }
        guard weather.runsAreListed else { return }
        let loaded = completions(intent.transferID)
        for day in intent.range.first...intent.range.last where loaded[day, default: 0] > 0 {
            faults.append("\(day) of transfer \(intent.transferID) was loaded and is asked for again by \(intent)")
            return
        }
    }

    /// How many times each day was loaded.
    func completions(_ transferID: Int) -> [CalendarDay: Int] {
        stored.filter { $0.transferID == transferID }.flatMap { $0.ran(time) }.filter(\.succeeds)
            .reduce(into: [:]) { $0[$1.day, default: 0] += 1 }
    }

    // MARK: Others

    private mutating func meddle() {
        later(.meddle, after: .seconds(.random(in: 20...200, using: &random)))
        guard random.chance(weather.meddling), let goal = goals.randomElement(using: &random) else { return }
        switch Int.random(in: 0...2, using: &random) {
        case 0:
            let start = goal.range.first.advanced(by: .random(in: -5...goal.range.dayCount, using: &random))
            guard let range = DayRange(start, start.advanced(by: .random(in: 0...20, using: &random))),
                !stored.contains(where: {
                    $0.transferID == goal.transferID && $0.range.overlaps(range) && $0.isAtWork(time, weather)
                })
            else { return }
            _ = store(goal.transferID, range, isForeign: true)
        case 1:
            let atWork = stored.indices.filter { stored[$0].isAtWork(time, weather) }
            guard let place = atWork.randomElement(using: &random) else { return }
            stored[place].cancelled = time
        default:
            let atWork = stored.indices.filter { stored[$0].isAtWork(time, weather) }
            guard let place = atWork.randomElement(using: &random) else { return }
            stored[place].isRemoved = true
            stored[place].cancelled = time
        }
    }
}
