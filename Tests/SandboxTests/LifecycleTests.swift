import Foundation
import Sandbox
import Testing

@Suite("Life of a query")
struct LifecycleTests {
    /// Options on a clock of their own, so that no test waits.
    static func timed(_ clock: ManualClock, queryTime: Duration = .seconds(10)) -> SandboxOptions {
        var options = SandboxOptions()
        options.clock = clock
        options.now = { clock.date }
        options.queryTime = queryTime
        return options
    }

    static func clock() -> ManualClock { ManualClock(start: Date(timeIntervalSince1970: 1_700_000_000)) }

    @Test("Scheduled dialect: 202 QUEUED, then RUNNING with progress, then the rows")
    func scheduled() async throws {
        let clock = Self.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let first = try await client.post(queryJSON(#""sync_timeout":0"#))
            #expect(first.status == 202)
            #expect(first.statusCode == "QUEUED")
            #expect(first.json?["data"] as? [String] == [])
            let id = try #require(first.scheduleID)
            let status = "{\"schedule_id\":\"\(id)\"}"
            clock.advance(by: .seconds(6))
            let running = try await client.get("/query/status", status)
            #expect(running.status == 202)
            #expect(running.statusCode == "RUNNING")
            #expect((running.meta["progress"] as? [String: Int]) == ["queries_ready": 1, "queries_total": 2])
            #expect(try await client.get("/query/results", status).status == 202)
            clock.advance(by: .seconds(4))
            let done = try await client.get("/query/status", status)
            #expect(done.status == 200)
            #expect(done.statusCode == "SUCCESS")
            #expect(done.result["run_seconds"] as? Double == 10)
            #expect(try await client.get("/query/results", status).dataBytes == done.dataBytes)
            let again = try await client.post(queryJSON(#""sync_timeout":0"#))
            #expect(again.status == 200)
            #expect(again.dataBytes == done.dataBytes)
        }
    }

    @Test("Pending dialect: 200 pending without data or schedule id, polled by request id")
    func pending() async throws {
        let clock = Self.clock()
        var options = Self.timed(clock)
        options.dialect = .pending
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let first = try await client.post(queryJSON(#""sync_timeout":0"#))
            #expect(first.status == 200)
            #expect(first.statusCode == "pending")
            #expect(first.json?["data"] == nil)
            #expect(first.scheduleID == nil)
            let poll = "/query/data/json?ds_id=&schedule_id=\(try #require(first.requestID))"
            #expect(try await client.send("GET", poll).statusCode == "pending")
            clock.advance(by: .seconds(10))
            let done = try await client.send("GET", poll)
            #expect(done.statusCode == "success")
            #expect(done.data?.count == 61)
            #expect(sandbox.requests.map(\.phase) == [.submit, .poll, .poll])
        }
    }

    @Test("The official SDK's poll takes a schedule id as well as the original request id")
    func sdkPoll() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let first = try await client.post(queryJSON(#""schedule_id":"mine-1","sync_timeout":0"#))
            for id in ["mine-1", try #require(first.requestID)] {
                let answer = try await client.get("/query/data/json", "{\"ds_id\":\"\",\"schedule_id\":\"\(id)\"}")
                #expect(answer.data?.count == 61)
                #expect(answer.scheduleID == "mine-1")
            }
        }
    }

    @Test("sync_timeout holds the request until the query ends, at most that long")
    func held() async throws {
        let clock = Self.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            async let answer = client.post(queryJSON(#""sync_timeout":60"#))
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(10))
            #expect(try await answer.statusCode == "SUCCESS")
            async let impatient = client.post(queryJSON(#""sync_timeout":3"#, from: "2024-02-01", to: "2024-02-02"))
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(3))
            let pending = try await impatient
            #expect(pending.status == 202)
            #expect(pending.statusCode == "RUNNING")
        }
    }

    @Test("Ten requests wait on one running query; the eleventh is refused; the query runs once")
    func coalescing() async throws {
        let clock = Self.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for waiting in 1...11 {
                    group.addTask { try await client.post(queryJSON()).data?.count ?? 0 }
                    await clock.waitForSleepers(waiting)
                }
                let refused = try await client.post(queryJSON())
                #expect(refused.status == 429)
                #expect(refused.errorCode == "TOO_MANY_REQUESTS")
                clock.advance(by: .seconds(10))
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counts == Array(repeating: 61, count: 11))
        }
    }

    @Test("A client that goes away stops waiting")
    func disconnect() async throws {
        let clock = Self.clock()
        var options = Self.timed(clock)
        options.maximumWaiters = 1
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            _ = try await client.post(queryJSON(#""sync_timeout":0"#))
            let gone = Task { try await client.post(queryJSON()) }
            await clock.waitForSleepers(1)
            gone.cancel()
            _ = try? await gone.value
            while clock.sleeperCount > 0 { await Task.yield() }
            async let next = client.post(queryJSON())
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(10))
            #expect(try await next.status == 200)
        }
    }

    @Test("Results go one hour after the end, whatever was asked meanwhile")
    func expiry() async throws {
        let clock = Self.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            _ = try await client.post(queryJSON(#""schedule_id":"q","sync_timeout":0"#))
            clock.advance(by: .seconds(3609))
            #expect(try await client.get("/query/results", #"{"schedule_id":"q"}"#).status == 200)
            clock.advance(by: .seconds(1))
            for path in ["/query/results", "/query/status"] {
                let answer = try await client.get(path, #"{"schedule_id":"q"}"#)
                #expect(answer.status == 400)
                #expect(answer.errorCode == "STATUS_NOT_FOUND")
            }
        }
    }

    @Test("Slots are first in, first out")
    func slots() async throws {
        let clock = Self.clock()
        var options = Self.timed(clock)
        options.concurrentQueries = 2
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            for number in 1...5 {
                _ = try await client.post(queryJSON("\"schedule_id\":\"q\(number)\",\"sync_timeout\":0"))
            }
            var seen: [[String?]] = []
            for _ in 1...3 {
                clock.advance(by: .seconds(5))
                var words: [String?] = []
                for number in 1...5 {
                    words.append(try await client.get("/query/status", "{\"schedule_id\":\"q\(number)\"}").statusCode)
                }
                seen.append(words)
                clock.advance(by: .seconds(5))
            }
            #expect(
                seen == [
                    ["RUNNING", "RUNNING", "QUEUED", "QUEUED", "QUEUED"],
                    ["SUCCESS", "SUCCESS", "RUNNING", "RUNNING", "QUEUED"],
                    ["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "RUNNING"],
                ]
            )
        }
    }

    @Test("A cache young enough answers at once and says so")
    func cache() async throws {
        let clock = Self.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let client = RawClient(sandbox: sandbox)
            _ = try await client.post(queryJSON(#""schedule_id":"a","sync_timeout":0"#))
            clock.advance(by: .seconds(10))
            let fetched = try await client.get("/query/status", #"{"schedule_id":"a"}"#)
            #expect(fetched.result["cache_used"] as? Bool == false)
            #expect(fetched.result["cache_time"] is NSNull)
            clock.advance(by: .seconds(60))
            let cached = try await client.post(queryJSON(#""schedule_id":"b","cache_minutes":5"#))
            #expect(cached.result["cache_used"] as? Bool == true)
            #expect(cached.result["cache_time"] as? String == "2023-11-14T22:13:30+00:00")
            #expect(cached.query["cache_minutes"] as? Int == 5)
            let fresh = try await client.post(queryJSON(#""schedule_id":"c","cache_minutes":0,"sync_timeout":0"#))
            #expect(fresh.status == 202)
        }
    }

    @Test("A failed query says FAILURE with an error")
    func failure() async throws {
        var options = SandboxOptions()
        options.faults = [Fault(.named(.failure), amount: .times(1))]
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let failed = try await client.post(queryJSON(#""schedule_id":"a""#))
            #expect(failed.status == 200)
            #expect(failed.statusCode == "FAILURE")
            #expect(failed.errorCode == "QUERY_ERROR")
            #expect(try await client.post(queryJSON(#""schedule_id":"b""#)).statusCode == "SUCCESS")
        }
    }
}
