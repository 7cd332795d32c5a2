import Foundation
import Sandbox
import Testing

@Suite("Server")
struct ServerTests {
    @Test("A port in use is a typed error")
    func portInUse() async throws {
        try await withSandbox { sandbox in
            let port = RawClient(sandbox: sandbox).port
            await #expect(throws: SandboxError.portInUse(port)) { try await withSandbox(port: port) { _ in } }
        }
    }

    @Test("What the body throws comes out, and the port is free again")
    func thrown() async throws {
        struct Stop: Error, Equatable {}
        // Below the ports the system gives out by itself, so that no other test can take it in between.
        let port = Int.random(in: 20_000..<30_000)
        await #expect(throws: Stop.self) { try await withSandbox(port: port) { _ in throw Stop() } }
        try await withSandbox(port: port) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).get("/query/accounts", #"{"ds_id":"AW"}"#)
            #expect(answer.status == 200)
        }
    }

    @Test("Serving ends with its task")
    func cancelled() async throws {
        let served = Task { try await withSandbox { await $0.serveUntilCancelled() } }
        served.cancel()
        try await served.value
    }

    @Test("One connection carries several requests, also sent at once")
    func keepAlive() async throws {
        try await withSandbox { sandbox in
            let request = "GET /query/accounts?ds_id=AW HTTP/1.1\r\nHost: x\r\nAuthorization: \(sandbox.apiKey)\r\n"
            let bytes = try await RawClient(sandbox: sandbox).exchange(
                request + "\r\n" + request + "\r\n" + request + "Connection: close\r\n\r\n"
            )
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
            #expect(sandbox.requests.map(\.number) == [1, 2, 3])
        }
    }

    @Test("Answers are compressed only when asked for")
    func compression() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let plain = try await client.post(queryJSON())
            #expect(plain.headers["content-encoding"] == nil)
            let gzipped = try await client.post(queryJSON(), headers: ["Accept-Encoding": "gzip"])
            #expect(gzipped.headers["content-encoding"] == "gzip")
            #expect(gzipped.body.starts(with: [0x1F, 0x8B]))
            #expect(gzipped.body.count < plain.body.count)
            #expect(gzipped.headers.keys.allSatisfy { !$0.hasPrefix("x-sandbox") })
            sandbox.update { $0.compressesAnswers = false }
            #expect(
                try await client.post(queryJSON(), headers: ["Accept-Encoding": "gzip"]).headers["content-encoding"]
                    == nil
            )
        }
    }

    @Test("A page of several pieces arrives whole, warm and cold, and its cache is bounded")
    func large() async throws {
        var options = SandboxOptions()
        options.rowsPerDay = 8000
        options.pageCacheBytes = 1000
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let json = queryJSON(#""settings":{"no_headers":true}"#, accounts: #""123""#)
            let uncached = try await client.post(json)
            sandbox.update { $0.pageCacheBytes = 512 << 20 }
            let cold = try await client.post(json)
            let warm = try await client.post(json)
            #expect(!cold.isCutShort && cold.body.count > 1 << 20)
            #expect(cold.dataBytes == warm.dataBytes)
            #expect(cold.dataBytes == uncached.dataBytes)
            #expect(sandbox.requests.map(\.rows) == [24_000, 24_000, 24_000])
        }
    }

    @Test("Requests per second are a bucket that time refills")
    func rateLimit() async throws {
        let clock = LifecycleTests.clock()
        var options = LifecycleTests.timed(clock, queryTime: .zero)
        options.requestsPerSecond = 2
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            func status() async throws -> RawAnswer { try await client.get("/query/accounts", #"{"ds_id":"AW"}"#) }
            #expect(try await [status().status, status().status] == [200, 200])
            let refused = try await status()
            #expect(refused.status == 429)
            #expect(refused.errorCode == "TOO_MANY_REQUESTS")
            #expect(refused.headers["retry-after"] == "1")
            clock.advance(by: .milliseconds(500))
            #expect(try await [status().status, status().status] == [200, 429])
        }
    }

    @Test("Hourly counters are told, and enforced on demand")
    func hourly() async throws {
        let clock = LifecycleTests.clock()
        var options = LifecycleTests.timed(clock, queryTime: .zero)
        options.hourlyRequests = 2
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            var remaining: [String?] = []
            for _ in 1...3 {
                let answer = try await client.get("/query/accounts", #"{"ds_id":"AW"}"#)
                #expect(answer.status == 200)
                #expect(answer.headers["x-ratelimit-limit"] == "2")
                remaining.append(answer.headers["x-ratelimit-remaining"])
            }
            #expect(remaining == ["1", "0", "0"])
            sandbox.update { $0.enforcesHourlyRequests = true }
            #expect(try await client.get("/query/accounts", #"{"ds_id":"AW"}"#).status == 429)
            clock.advance(by: .seconds(3600))
            #expect(try await client.get("/query/accounts", #"{"ds_id":"AW"}"#).status == 200)
        }
    }

    @Test("Latency delays every answer by the clock")
    func latency() async throws {
        let clock = LifecycleTests.clock()
        var options = LifecycleTests.timed(clock, queryTime: .zero)
        options.latency = .milliseconds(250)
        try await withSandbox(options) { sandbox in
            async let delayed = RawClient(sandbox: sandbox).get("/query/accounts", #"{"ds_id":"AW"}"#)
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(250))
            let answer = try await delayed
            #expect(answer.status == 200)
        }
    }

    @Test("The log keeps the latest requests with what was understood of them")
    func log() async throws {
        var options = SandboxOptions()
        options.requestLogLimit = 3
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            for day in 1...5 { _ = try await client.post(queryJSON(from: "2024-01-0\(day)", to: "2024-01-05")) }
            #expect(sandbox.requests.map(\.number) == [3, 4, 5])
            let last = try #require(sandbox.requests.last)
            #expect(last.method == "POST" && last.path == "/query/data/json" && last.phase == .submit)
            #expect(last.parameters["start_date"] == "2024-01-05")
            #expect(last.parameters["ds_accounts"] == "123-456-7890,987-654-3210")
            #expect(last.header("authorization") == ["Bearer \(sandbox.apiKey)"])
            #expect(last.status == 200 && last.rows == 20)
            #expect(last.scheduleID?.count == 64)
            sandbox.clearRequests()
            #expect(sandbox.requests.isEmpty)
        }
    }
}
