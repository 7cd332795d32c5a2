import Testing

@testable import SupermetricsAPI

@Suite("Query lifecycle")
struct QueryLifecycleTests {
    static func lifecycle(deadline: Duration = .seconds(4 * 3600)) -> QueryLifecycle {
        QueryLifecycle(pollInterval: .seconds(1), deadline: deadline)
    }

    static func summary(_ step: QueryLifecycle.Step) -> String {
        switch step {
        case .wait: "wait"
        case .ready: "ready"
        case .lost: "lost"
        case .fail(let error): "fail \(error.kind)"
        }
    }

    @Test(
        "answers of both dialects are understood",
        arguments: [
            (202, "QUEUED", true, "wait"), (202, "RUNNING", false, "wait"), (200, "QUEUED", true, "wait"),
            (200, "SCHEDULED", true, "wait"), (200, "pending", false, "wait"), (200, "Pending", true, "wait"),
            (200, "SUCCESS", true, "ready"), (200, "success", true, "ready"), (202, "Success", true, "ready"),
            (200, "SUCCESS", false, "ready"), (200, nil, true, "ready"), (202, nil, true, "wait"),
            (200, nil, false, "wait"),
            (200, "", true, "ready"), (200, "FAILURE", true, "fail query"), (200, "failed", false, "fail query"),
            (202, "Stopped", false, "fail query"), (200, "PROCESS_EXITED", false, "fail query"),
            (200, "error", true, "fail query"), (200, "WARMING_UP", true, "wait"), (200, " running ", true, "wait"),
        ] as [(Int, String?, Bool, String)]
    )
    func answers(status: Int, word: String?, hasData: Bool, expected: String) {
        var lifecycle = Self.lifecycle()
        let answer = QueryAnswer(
            httpStatus: status,
            statusWord: word,
            scheduleID: "s",
            requestID: "r",
            hasData: hasData
        )
        #expect(Self.summary(lifecycle.receive(answer, elapsed: .zero, random: 0.5)) == expected)
    }

    @Test("the schedule id is the handle; without one, the request id of the first answer")
    func handles() {
        var rest = Self.lifecycle()
        #expect(rest.handle == nil)
        _ = rest.receive(.init(httpStatus: 202, scheduleID: "s", requestID: "r1"), elapsed: .zero, random: 0)
        _ = rest.receive(.init(httpStatus: 200, statusWord: "RUNNING", requestID: "r2"), elapsed: .zero, random: 0)
        #expect(rest.handle == .scheduleID("s"))
        var sdk = Self.lifecycle()
        _ = sdk.receive(.init(httpStatus: 200, statusWord: "pending", requestID: "r1"), elapsed: .zero, random: 0)
        _ = sdk.receive(.init(httpStatus: 200, statusWord: "pending", requestID: "r2"), elapsed: .zero, random: 0)
        #expect(sdk.handle == .requestID("r1"))
        var none = Self.lifecycle()
        #expect(
            Self.summary(none.receive(.init(httpStatus: 202), elapsed: .zero, random: 0)) == "fail protocolViolation"
        )
        var own = QueryLifecycle(pollInterval: .seconds(1), deadline: .seconds(9), scheduleID: "own")
        _ = own.receive(.init(httpStatus: 202, scheduleID: "theirs"), elapsed: .zero, random: 0)
        #expect(own.handle == .scheduleID("theirs"))
        #expect(
            QueryLifecycle(pollInterval: .seconds(1), deadline: .seconds(1), scheduleID: "x").handle == .scheduleID("x")
        )
    }

    @Test(
        "pauses: 1 s, 2 s from 5 s, then growing to 15 s; ±10 %",
        arguments: [(0, 1), (4.9, 1), (5, 2), (19.9, 2), (20, 20.0 / 7), (70, 10), (105, 15), (5000, 15)]
            as [(Double, Double)]
    )
    func pauses(elapsed: Double, expected: Double) {
        func pause(_ random: Double) -> Duration {
            QueryLifecycle.pause(elapsed: .seconds(elapsed), interval: .seconds(1), random: random)
        }
        let middle = pause(0.5)
        #expect(abs((middle - .seconds(expected)) / .seconds(1)) < 1e-6)
        #expect(abs(pause(0) / middle - 0.9) < 1e-6)
        #expect(abs(pause(1) / middle - 1.1) < 1e-6)
    }

    @Test("Retry-After lengthens a pause, never shortens it, and the deadline bounds both")
    func bounds() {
        func wait(_ retryAfter: Int?, elapsed: Int) -> Duration? {
            var lifecycle = Self.lifecycle(deadline: .seconds(100))
            let answer = QueryAnswer(
                httpStatus: 202,
                scheduleID: "s",
                retryAfter: retryAfter.map { .seconds($0) }
            )
            guard case .wait(let pause) = lifecycle.receive(answer, elapsed: .seconds(elapsed), random: 0.5) else {
                return nil
            }
            return pause
        }
        #expect(wait(nil, elapsed: 0) == .seconds(1))
        #expect(wait(30, elapsed: 0) == .seconds(30))
        #expect(wait(0, elapsed: 0) == .seconds(1))
        #expect(wait(500, elapsed: 90) == .seconds(10))
        #expect(wait(nil, elapsed: 100) == nil)
    }

    @Test("an unknown word is watched until the deadline, and the timeout names it")
    func deadline() throws {
        var lifecycle = Self.lifecycle(deadline: .seconds(100))
        let answer = QueryAnswer(httpStatus: 200, statusWord: "WARMING_UP", scheduleID: "s", requestID: "r")
        #expect(Self.summary(lifecycle.receive(answer, elapsed: .seconds(99), random: 0)) == "wait")
        guard case .fail(let error) = lifecycle.receive(answer, elapsed: .seconds(100), random: 0) else {
            return #expect(Bool(false))
        }
        #expect(error.kind == .timeout && error.message.contains("WARMING_UP") && error.requestID == "r")
    }

    @Test("failures that pass are waited out; others end the query; an unknown id is lost, unless it may still appear")
    func failures() throws {
        func error(_ status: Int, _ code: String, _ headers: HeaderFields = [:]) throws -> SupermetricsError {
            try ErrorTests.context(status, headers).apiError(
                body: Array(#"{"error":{"code":"\#(code)","message":"m"}}"#.utf8)
            )
        }
        var lifecycle = Self.lifecycle(deadline: .seconds(100))
        let gone = try error(400, "STATUS_NOT_FOUND")
        let busy = try error(503, "SERVICE_UNAVAILABLE", ["Retry-After": "9"])
        // Nothing was accepted yet, so there is nothing to look at.
        #expect(Self.summary(lifecycle.receive(busy, elapsed: .zero, random: 0.5)) == "fail server")
        var resumed = QueryLifecycle(pollInterval: .seconds(1), deadline: .seconds(100), scheduleID: "s")
        #expect(Self.summary(resumed.receive(gone, elapsed: .zero, random: 0.5)) == "wait")
        #expect(Self.summary(resumed.receive(gone, elapsed: .seconds(5), random: 0.5)) == "lost")
        _ = lifecycle.receive(.init(httpStatus: 202, scheduleID: "s"), elapsed: .zero, random: 0.5)
        guard case .wait(let pause) = lifecycle.receive(busy, elapsed: .zero, random: 0.5) else {
            return #expect(Bool(false))
        }
        #expect(pause == .seconds(9))
        #expect(Self.summary(lifecycle.receive(gone, elapsed: .seconds(1), random: 0.5)) == "lost")
        #expect(
            Self.summary(lifecycle.receive(try error(401, "API_KEY_INVALID"), elapsed: .zero, random: 0))
                == "fail authentication"
        )
        #expect(
            Self.summary(lifecycle.receive(try error(429, "API_ROW_QUOTA_EXCEEDED"), elapsed: .zero, random: 0))
                .contains("quota")
        )
        #expect(Self.summary(lifecycle.receive(busy, elapsed: .seconds(100), random: 0)) == "fail server")
    }
}
