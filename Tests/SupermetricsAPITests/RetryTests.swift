import Foundation
import Testing

@testable import SupermetricsAPI

@Suite("Retry")
struct RetryTests {
    static let policy = RetryPolicy(maximumAttempts: 4, longestWait: .seconds(3600))

    static func error(_ transient: Bool = true, after: Duration? = nil, unknown: Bool = false) -> SupermetricsError {
        var error = SupermetricsError(.server, "m", isTransient: transient)
        error.retryAfter = after
        error.outcomeIsUnknown = unknown
        return error
    }

    @Test(
        "backoff doubles from 0.5 s to 20 s, with full jitter",
        arguments: [(1, 0.5), (2, 1), (3, 2), (5, 8), (6, 16), (7, 20), (60, 20)] as [(Int, Double)]
    )
    func backoff(attempt: Int, longest: Double) {
        let policy = RetryPolicy(maximumAttempts: 100, longestWait: .zero)
        func wait(_ random: Double) -> RetryPolicy.Decision {
            policy.decide(Self.error(), attempt: attempt, repeatable: true, random: random)
        }
        #expect(wait(0) == .retry(after: .zero))
        #expect(wait(0.5) == .retry(after: .seconds(longest / 2)))
        for _ in 0..<100 {
            guard case .retry(let pause) = wait(.random(in: 0..<1)) else { return #expect(Bool(false)) }
            #expect(pause >= .zero && pause < .seconds(longest))
        }
    }

    @Test("Retry-After is kept to the second, beyond the backoff's cap, up to the longest wait")
    func retryAfter() {
        func decide(_ seconds: Int) -> RetryPolicy.Decision {
            Self.policy.decide(Self.error(after: .seconds(seconds)), attempt: 1, repeatable: true, random: 0.1)
        }
        #expect(decide(0) == .retry(after: .zero))
        #expect(decide(300) == .retry(after: .seconds(300)))
        #expect(decide(3600) == .retry(after: .seconds(3600)))
        #expect(decide(3601) == .giveUp)
    }

    @Test("final errors, the last attempt and doubtful writes are not repeated")
    func refusals() {
        #expect(Self.policy.decide(Self.error(false), attempt: 1, repeatable: true, random: 0) == .giveUp)
        #expect(Self.policy.decide(Self.error(), attempt: 4, repeatable: true, random: 0) == .giveUp)
        #expect(Self.policy.decide(Self.error(unknown: true), attempt: 1, repeatable: false, random: 0) == .giveUp)
        #expect(Self.policy.decide(Self.error(), attempt: 1, repeatable: false, random: 0) == .retry(after: .zero))
        #expect(
            Self.policy.decide(Self.error(unknown: true), attempt: 1, repeatable: true, random: 0)
                == .retry(after: .zero)
        )
    }

    @Test("a budget is spent once")
    func budget() {
        let budget = RetryBudget(retries: 2)
        #expect(budget.take() && budget.take() && !budget.take())
        #expect(budget.remaining == 0)
    }

    @Test(
        "Retry-After comes as seconds or as a date",
        arguments: [
            ("120", 120), (" 0 ", 0), ("Sun, 06 Nov 1994 08:50:07 GMT", 30), ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
            ("Sun Nov  6 08:50:07 1994", 30), ("Sun, 06 Nov 1994 08:00:00 GMT", 0), ("soon", nil), ("", nil),
            ("-5", nil),
            ("1.5", nil), ("Sun, 06 Foo 1994 08:50:07 GMT", nil), ("Sun, 06 Nov 1994 28:50:07 GMT", nil),
            ("99999999999999999999999", 366 * 86_400),
        ] as [(String, Int?)]
    )
    func parsing(text: String, seconds: Int?) {
        let now = Date(timeIntervalSince1970: 784_111_777)
        #expect(RetryAfter.parse(text, now: now) == seconds.map { .seconds($0) })
    }

    @Test("dates agree with Foundation's calendar")
    func dates() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for day in stride(from: 0, to: 60_000, by: 37) {
            let date = Date(timeIntervalSince1970: Double(day * 86_400 + day))
            #expect(HTTPDate.parse(formatter.string(from: date)) == date)
        }
    }
}

@Suite("Rate limiter")
struct RateLimiterTests {
    @Test("no second sees more requests than the rate, and none waits without need")
    func rate() async throws {
        let clock = TestClock(passing: .seconds(1000))
        let limiter = RateLimiter(rate: 5, clock: clock)
        var times: [Duration] = []
        for _ in 0..<23 {
            try await limiter.take()
            times.append(clock.now.offset)
        }
        for (index, time) in times.enumerated() { #expect(time == .seconds(index / 5)) }
        clock.advance(by: .seconds(10))
        try await limiter.take()
        #expect(clock.now.offset == .seconds(14))
    }

    @Test("rates below one per second space requests out")
    func slowRate() async throws {
        let clock = TestClock(passing: .seconds(1000))
        let limiter = RateLimiter(rate: 0.25, clock: clock)
        for _ in 0..<3 { try await limiter.take() }
        #expect(clock.now.offset == .seconds(8))
    }

    @Test("a cancelled waiter throws at once and lets nobody through early")
    func cancellation() async throws {
        let clock = TestClock()
        let limiter = RateLimiter(rate: 1, clock: clock)
        try await limiter.take()
        let waiter = Task { try await limiter.take() }
        await clock.untilSleeping(for: .seconds(1))
        let next = Task { try await limiter.take() }
        await clock.untilSleeping(for: .seconds(2))
        waiter.cancel()
        let error = try await failure { try await waiter.value }
        #expect(error.kind == .cancelled)
        clock.advance(by: .seconds(2))
        try await next.value
    }
}

@Suite("Concurrency gate")
struct ConcurrencyGateTests {
    @Test("only as many as there are permits are inside, and all get through")
    func bound() async throws {
        let gate = ConcurrencyGate(permits: 3)
        let inside = Notes<Int>()
        let running = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await gate.withPermit {
                        inside.add(running.add(1))
                        await Task.yield()
                        running.add(-1)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(inside.all.count == 200)
        #expect(inside.all.allSatisfy { 1...3 ~= $0 })
    }

    @Test("waiters come through in the order they came; a cancelled one is passed over")
    func order() async throws {
        let gate = ConcurrencyGate(permits: 1)
        try await gate.acquire()
        let order = Notes<Int>()
        var tasks: [Task<Void, any Error>] = []
        for index in 0..<5 {
            tasks.append(Task { try await gate.withPermit { _ = order.add(index) } })
            while gate.waiting <= index { await Task.yield() }
        }
        tasks[2].cancel()
        let error = try await failure { try await tasks[2].value }
        #expect(error.kind == .cancelled)
        gate.release()
        for index in [0, 1, 3, 4] { try await tasks[index].value }
        #expect(order.all == [0, 1, 3, 4])
        try await gate.acquire()
    }

    @Test("a task cancelled before it asks is refused, and takes no permit with it")
    func cancelledBefore() async throws {
        let gate = ConcurrencyGate(permits: 1)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await gate.acquire()
        }
        task.cancel()
        let error = try await failure { try await task.value }
        #expect(error.kind == .cancelled)
        try await gate.acquire()
        gate.release()
    }

    @Test("cancellation that races the grant never loses a permit")
    func races() async throws {
        let gate = ConcurrencyGate(permits: 2)
        for _ in 0..<300 {
            let tasks = (0..<6).map { _ in Task { try await gate.withPermit { await Task.yield() } } }
            for (index, task) in tasks.enumerated() where index.isMultiple(of: 2) { task.cancel() }
            for task in tasks { _ = await task.result }
        }
        try await gate.acquire()
        try await gate.acquire()
    }
}
