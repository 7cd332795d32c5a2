import Foundation
import SupermetricsAPI
import Testing

@testable import Backfill

/// What the scheduler does about one thing at a time.
@Suite struct SchedulerTests {
    /// A scheduler of one transfer, driven by hand.
    private struct Desk {
        var scheduler: Scheduler
        var elapsed = Duration.zero
        let range: DayRange
        let start: Date

        init(
            _ days: String,
            start: String = "2024-06-01T12:00:00Z",
            _ change: (inout BackfillSettings) -> Void = { _ in }
        ) throws {
            range = try #require(DayRange(days))
            self.start = try Date(start, strategy: .iso8601)
            var settings = BackfillSettings(teamID: 1)
            change(&settings)
            scheduler = Scheduler(
                settings,
                [BackfillGoal(transferID: 2, range: range)],
                journal: JournalState([]),
                now: Scheduler.Moment(elapsed: .zero, time: self.start, serverTime: self.start),
                random: { 0.5 }
            )
        }

        mutating func take(_ event: Scheduler.Event, after wait: Duration = .zero) -> [Scheduler.Action] {
            takeAll(event, after: wait).filter { if case .tell = $0 { false } else { true } }
        }

        /// What is told, too.
        mutating func takeAll(_ event: Scheduler.Event, after wait: Duration = .zero) -> [Scheduler.Action] {
            elapsed += wait
            let time = start.addingTimeInterval(elapsed / .seconds(1))
            return scheduler.take(event, at: Scheduler.Moment(elapsed: elapsed, time: time, serverTime: time))
        }

        /// Goes to the next tick.
        mutating func tick() throws -> [Scheduler.Action] {
            take(.tick, after: try #require(scheduler.nextTick) - elapsed)
        }

        /// Up to the first create, which is given back.
        mutating func begin() throws -> BackfillIntent {
            #expect(scheduler.start() == [.list])
            #expect(take(.listed(.success([]))) == [.latest(transferID: 2)])
            return try intent(take(.latest(transferID: 2, .success(nil))))
        }

        func intent(_ actions: [Scheduler.Action]) throws -> BackfillIntent {
            guard case .write(.intent(let intent)) = actions.first else {
                Issue.record("no intent first: \(actions)")
                throw CancellationError()
            }
            #expect(actions.dropFirst().first == .create(intent))
            return intent
        }

        func backfill(_ id: Int, _ status: BackfillStatus, _ range: DayRange? = nil) -> BackfillSnapshot {
            var backfill = BackfillSnapshot(id: id, transferID: 2, range: range ?? self.range, status: status)
            backfill.createdTime = start.addingTimeInterval(elapsed / .seconds(1))
            return backfill
        }
    }

    private static func refusal(_ status: Int, _ kind: SupermetricsError.Kind) -> SupermetricsError {
        var error = SupermetricsError(kind, "no")
        error.statusCode = status
        return error
    }

    private static let lost = {
        var error = SupermetricsError(.timeout, "no answer came", isTransient: true)
        error.outcomeIsUnknown = true
        return error
    }()

    @Test func theIntentIsWrittenBeforeTheCreate() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        let created = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        #expect(created == [.write(.created(intent: 1, backfillID: 7, isAdopted: false))])
        #expect(try desk.tick() == [.get(backfillID: 7)])
        var over = desk.backfill(7, .completed)
        (over.total, over.completed, over.failed) = (10, 10, 0)
        let settled = desk.take(.got(backfillID: 7, .success(over)))
        #expect(
            settled == [.write(.settled(backfillID: 7, transferID: 2, done: [desk.range], failed: [])), .write(.ended)]
        )
        #expect(desk.scheduler.isOver)
        #expect(desk.scheduler.summary.isWhole)
    }

    /// Only one that is new, of equal range and not older than the request is taken for the lost one.
    @Test func aLostAnswerIsLookedFor() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        #expect(desk.take(.created(intent, .failure(Self.lost))) == [])
        #expect(try desk.tick() == [.look(transferID: 2)])
        var older = desk.backfill(5, .completed)
        older.createdTime = desk.start.addingTimeInterval(-1)
        let shorter = desk.backfill(6, .completed, DayRange(desk.range.first))
        #expect(desk.take(.looked(transferID: 2, .success([older, shorter]))) == [])
        #expect(try desk.tick() == [.look(transferID: 2)])
        let found = desk.take(.looked(transferID: 2, .success([older, shorter, desk.backfill(8, .running)])))
        #expect(found == [.write(.created(intent: 1, backfillID: 8, isAdopted: true))])
    }

    @Test func whatWasNotCreatedIsCreatedAgainAfterTwoLooks() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        _ = desk.take(.created(intent, .failure(Self.lost)))
        _ = try desk.tick()
        #expect(desk.take(.looked(transferID: 2, .success([]))) == [])
        _ = try desk.tick()
        #expect(desk.take(.looked(transferID: 2, .success([]))) == [.write(.void(intent: 1))])
        #expect(try desk.tick() == [.latest(transferID: 2)])
        #expect(try desk.intent(desk.take(.latest(transferID: 2, .success(nil)))).number == 2)
    }

    @Test(arguments: [400, 409, 422]) func anAdoptedOneInTheWayIsNotCancelledWithoutLeave(_ status: Int) throws {
        for allowed in [false, true] {
            var desk = try Desk("2024-01-01..2024-01-10") { $0.mayCancelOthers = allowed }
            let intent = try desk.begin()
            let refused = desk.take(
                .created(intent, .failure(Self.refusal(status, status == 409 ? .conflict : .validation)))
            )
            #expect(refused == [.write(.void(intent: 1)), .look(transferID: 2)])
            let after = desk.take(.looked(transferID: 2, .success([desk.backfill(3, .failed)])))
            if allowed {
                #expect(after == [.write(.cancelled(backfillID: 3)), .cancel(backfillID: 3, transferID: 2)])
                #expect(desk.take(.cancelled(backfillID: 3, transferID: 2, .success(()))) == [.latest(transferID: 2)])
            } else {
                #expect(after == [.write(.ended)])
                let failure = try #require(desk.scheduler.summary.failures.first)
                #expect(failure.message.contains("sluice backfill cancel 3 --team 1"))
                #expect(failure.message.contains("--yes"))
            }
        }
    }

    /// What is in the way of a few days costs these days, not the rest of their chunk.
    @Test func onlyTheDaysInTheWayAreGivenUp() throws {
        var desk = try Desk("2024-01-01..2024-01-31")
        let intent = try desk.begin()
        #expect(desk.take(.created(intent, .failure(Self.refusal(422, .validation)))).last == .look(transferID: 2))
        let others = desk.backfill(3, .failed, DayRange("2024-01-10..2024-01-12"))
        #expect(desk.take(.looked(transferID: 2, .success([others]))) == [.latest(transferID: 2)])
        #expect(desk.scheduler.summary.failures.map(\.days.count) == [3])
        let rest = try desk.intent(desk.take(.latest(transferID: 2, .success(others))))
        #expect(rest.range == DayRange("2024-01-13..2024-01-31"))
        #expect(desk.scheduler.tracks[0].chunks == [try #require(DayRange("2024-01-01..2024-01-09"))])
    }

    /// A stuck backfill does not hold a run for ever: after a day without any change it is left alone, by name.
    @Test func aStuckBackfillIsGivenUp() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        _ = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        var stuck = desk.backfill(7, .running)
        stuck.completed = 3
        var looks = 0
        while !desk.scheduler.isOver, looks < 10_000 {
            if try desk.tick().contains(.get(backfillID: 7)) {
                looks += 1
                _ = desk.take(.got(backfillID: 7, .success(stuck)))
            }
        }
        #expect(desk.elapsed >= .seconds(86_400) && desk.elapsed < .seconds(86_400 + 120))
        // 5 s growing to 30 s.
        #expect((2700...3000).contains(looks))
        #expect(try #require(desk.scheduler.summary.failures.first).message.contains("has not moved for 24 h"))
    }

    /// A status that stays RUNNING although every day is over holds a run for five minutes, not for ever.
    @Test func aStatusThatStaysBehindItsCountersIsNotWaitedFor() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        _ = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        var behind = desk.backfill(7, .running)
        (behind.completed, behind.failed, behind.total) = (9, 1, 10)
        behind.errors = [desk.range.first: "no data"]
        var settled: JournalRecord?
        var looks = 0
        while settled == nil, looks < 100 {
            guard try desk.tick().contains(.get(backfillID: 7)) else { continue }
            looks += 1
            for case .write(let record) in desk.take(.got(backfillID: 7, .success(behind))) { settled = record }
        }
        #expect(desk.elapsed >= .seconds(300) && desk.elapsed < .seconds(345))
        let done = try #require(DayRange("2024-01-02..2024-01-10"))
        let failed = DayFailure(day: try #require(DayRange("2024-01-01")), words: "no data")
        #expect(settled == .settled(backfillID: 7, transferID: 2, done: [done], failed: [failed]))
    }

    /// One that was judged by its counters is cancelled where its status still keeps others from its days.
    @Test func aStatusThatStaysBehindIsCancelledWhenItIsInTheWay() throws {
        var desk = try Desk("2024-01-01..2024-01-02")
        let intent = try desk.begin()
        _ = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        var behind = desk.backfill(7, .running)
        (behind.completed, behind.failed, behind.total) = (1, 1, 2)
        behind.errors = [desk.range.first: "no data"]
        var actions: [Scheduler.Action] = []
        for _ in 0..<100 where actions != [.latest(transferID: 2)] {
            actions = try desk.tick()
            if actions.contains(.get(backfillID: 7)) { actions = desk.take(.got(backfillID: 7, .success(behind))) }
        }
        let again = try desk.intent(desk.take(.latest(transferID: 2, .success(behind))))
        #expect(again.range == DayRange("2024-01-01"))
        #expect(desk.take(.created(again, .failure(Self.refusal(422, .validation)))).last == .look(transferID: 2))
        #expect(
            desk.take(.looked(transferID: 2, .success([behind])))
                == [.write(.cancelled(backfillID: 7)), .cancel(backfillID: 7, transferID: 2)]
        )
    }

    /// A wait that a create is asked for holds back every other create, of other transfers too.
    @Test func aWaitForOneCreateHoldsAll() throws {
        let start = try Date("2024-06-01T12:00:00Z", strategy: .iso8601)
        let range = try #require(DayRange("2024-01-01..2024-02-29"))
        var scheduler = Scheduler(
            BackfillSettings(teamID: 1),
            [2, 3].map { BackfillGoal(transferID: $0, range: range) },
            journal: JournalState([]),
            now: Scheduler.Moment(elapsed: .zero, time: start, serverTime: start),
            random: { 0.5 }
        )
        func take(_ event: Scheduler.Event, at elapsed: Duration = .zero) -> [Scheduler.Action] {
            let time = start.addingTimeInterval(elapsed / .seconds(1))
            return scheduler.take(event, at: Scheduler.Moment(elapsed: elapsed, time: time, serverTime: time))
                .filter { if case .tell = $0 { false } else { true } }
        }
        _ = scheduler.start()
        #expect(take(.listed(.success([]))) == [.latest(transferID: 2), .latest(transferID: 3)])
        guard case .create(let intent)? = take(.latest(transferID: 2, .success(nil))).last else {
            Issue.record("no create")
            return
        }
        var busy = SupermetricsError(.rateLimit, "slow down", isTransient: true)
        (busy.statusCode, busy.retryAfter) = (429, .seconds(3600))
        #expect(take(.created(intent, .failure(busy))) == [.write(.void(intent: 1))])
        #expect(take(.latest(transferID: 3, .success(nil))) == [])
        #expect(take(.tick, at: .seconds(3599)) == [])
        #expect(scheduler.nextTick == .seconds(3600))
        #expect(take(.tick, at: .seconds(3600)) == [.latest(transferID: 2), .latest(transferID: 3)])
        guard case .create(let again)? = take(.latest(transferID: 2, .success(nil)), at: .seconds(3600)).last else {
            Issue.record("no create")
            return
        }
        #expect(again.range == intent.range)
    }

    /// What the API names as a refusal made nothing, though it comes as 500 or inside a 200.
    @Test(arguments: [500, 200]) func aRefusalByNameIsNoDoubt(_ status: Int) throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        var refusal = Self.refusal(status, .permission)
        refusal.code = "LICENSE_NOT_FOUND"
        let actions = desk.take(.created(intent, .failure(refusal)))
        #expect(actions == [.write(.void(intent: 1)), .write(.ended)])
        #expect(desk.scheduler.isOver)
        #expect(desk.scheduler.summary.failures.map(\.cause) == [.quota])
    }

    @Test func waitsForTheNextDayWhenTheDaysOfThisOneAreUsed() throws {
        var desk = try Desk("2024-01-01..2024-01-15", start: "2024-06-01T23:00:00Z") {
            $0.maxRunsPerDay = 10
            $0.chunk = .days(8)
        }
        let intent = try desk.begin()
        #expect(intent.range.dayCount == 7)
        _ = desk.take(.created(intent, .success(desk.backfill(7, .created, intent.range))))
        _ = try desk.tick()
        var over = desk.backfill(7, .completed, intent.range)
        over.completed = 7
        let settled = desk.take(.got(backfillID: 7, .success(over)))
        #expect(settled.count == 1)
        // Eight more would be fifteen.
        #expect(try desk.tick() == [.latest(transferID: 2)])
        #expect(desk.elapsed >= .seconds(3600) && desk.elapsed < .seconds(3610))
    }

    @Test func saysOnceADayThatItWaitsForTheNext() throws {
        var desk = try Desk("2024-01-01..2024-01-15", start: "2024-06-01T23:00:00Z") {
            $0.maxRunsPerDay = 5
            $0.chunk = .days(4)
        }
        var told: [UsedUpDay] = []
        func listen(_ actions: [Scheduler.Action]) {
            for case .tell(.waitingForNextDay(let day)) in actions { told.append(day) }
        }
        var intent = try desk.begin()
        for (id, left) in [(7, 12), (8, 8), (9, 4)] {
            listen(desk.takeAll(.created(intent, .success(desk.backfill(id, .created, intent.range)))))
            var over = desk.backfill(id, .completed, intent.range)
            over.completed = intent.range.dayCount
            listen(desk.takeAll(.got(backfillID: id, .success(over))))
            // Nothing is said again while the day lasts.
            listen(desk.takeAll(.tick, after: .seconds(60)))
            let day = try #require(told.last)
            #expect((day.asked, day.limit, day.left) == (intent.range.dayCount, 5, left))
            #expect(day.nextDay == CalendarDay("2024-06-0\(told.count + 1)"))
            #expect(told.count == id - 6)
            #expect(try desk.tick() == [.latest(transferID: 2)])
            intent = try desk.intent(desk.take(.latest(transferID: 2, .success(nil))))
        }
        #expect(told.count == 3)
    }

    /// One code for too many days and for days too long ago; only the API's words tell them apart.
    @Test(arguments: [
        ("The licence allows backfills of at most 10 days.", "; cut the range with --chunk '10 days'"),
        ("Backfills span at most 1 day", "; cut the range with --chunk 'day'"),
        ("The licence does not reach back to 2020-01-01.", "; if 31 days are too many at once, cut the range with"),
        ("at most 400 days", "; if 31 days are too many at once, cut the range with a smaller --chunk"),
    ])
    func aRangeTooLongForTheLicenceNamesTheCure(_ words: String, _ cure: String) throws {
        var desk = try Desk("2024-01-01..2024-01-31")
        let intent = try desk.begin()
        var refusal = SupermetricsError(.permission, words, advice: "the licence does not cover this; ask its owner")
        (refusal.statusCode, refusal.code) = (403, "LICENSE_HISTORICAL_RANGE_EXCEEDED")
        _ = desk.take(.created(intent, .failure(refusal)))
        let failure = try #require(desk.scheduler.summary.failures.first)
        #expect(failure.message.contains(cure), "\(failure.message)")
        #expect(failure.cause == .quota && failure.days.count == 31)
    }

    @Test func theAPIsWaitIsKept() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        _ = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        _ = try desk.tick()
        var busy = SupermetricsError(.rateLimit, "slow down", isTransient: true)
        busy.statusCode = 429
        busy.retryAfter = .seconds(900)
        let asked = desk.elapsed
        #expect(desk.take(.got(backfillID: 7, .failure(busy))) == [])
        #expect(try desk.tick() == [.get(backfillID: 7)])
        #expect(desk.elapsed - asked >= .seconds(900))
    }

    @Test func anInterruptWaitsForTheCreateUnderWayAlone() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        let intent = try desk.begin()
        #expect(desk.take(.interrupt) == [])
        #expect(!desk.scheduler.isOver)
        let created = desk.take(.created(intent, .success(desk.backfill(7, .created))))
        #expect(created == [.write(.created(intent: 1, backfillID: 7, isAdopted: false))])
        #expect(desk.scheduler.isOver)
        #expect(desk.scheduler.cancellable == [7])
        #expect(desk.scheduler.summary.stop == .interrupted)
    }

    /// A wrong address answers, too: with pages of its own, for ever.
    @Test func whoNeverAnswersUsefullyEndsTheRun() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        _ = desk.scheduler.start()
        var page = SupermetricsError(.server, "the answer is not JSON", isTransient: true)
        page.statusCode = 502
        for _ in 1..<Scheduler.longestTry {
            #expect(desk.take(.listed(.failure(page))) == [])
            #expect(try desk.tick() == [.list])
        }
        #expect(desk.elapsed > .seconds(300))
        _ = desk.take(.listed(.failure(page)))
        #expect(desk.scheduler.isOver)
        #expect(desk.scheduler.summary.failures.first?.cause == .source)
    }

    /// One that asks to wait is the one that is meant.
    @Test func anAPIThatAsksToWaitIsWaitedFor() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        _ = desk.scheduler.start()
        var busy = SupermetricsError(.rateLimit, "slow down", isTransient: true)
        busy.statusCode = 429
        for _ in 0..<2 * Scheduler.longestTry {
            #expect(desk.take(.listed(.failure(busy))) == [])
            #expect(try desk.tick() == [.list])
        }
        #expect(!desk.scheduler.isOver)
    }

    @Test func whoNeverAnswersEndsTheRun() throws {
        var desk = try Desk("2024-01-01..2024-01-10")
        _ = desk.scheduler.start()
        let nobody = SupermetricsError(.network, "connection refused", isTransient: true)
        for _ in 0..<2 {
            #expect(desk.take(.listed(.failure(nobody))) == [])
            #expect(try desk.tick() == [.list])
        }
        _ = desk.take(.listed(.failure(nobody)))
        #expect(desk.scheduler.isOver)
        #expect(desk.scheduler.summary.failures.first?.cause == .source)
    }
}
