import Foundation
import Testing

@testable import SupermetricsAPI

private typealias Answer = ScriptedServer.Answer

@Suite("Exchanges")
struct ExchangeTests {
    static let id = ("X-Request-Id", "req-cut")
    static let page = #"{"meta":{"status_code":"SUCCESS"},"data":[]}"#

    @Test("a body comes in pieces, however it is framed", arguments: ["length", "chunked", "close"])
    func framings(framing: String) async throws {
        let text = String(repeating: "0123456789", count: 30_000)
        let bytes = Array(text.utf8)
        let answer: Answer =
            switch framing {
            case "length": .bytes(bytes)
            case "chunked":
                Answer(
                    [.send(Answer.head(200, [("Transfer-Encoding", "chunked")]))]
                        + stride(from: 0, to: bytes.count, by: 7001).map {
                            Answer.chunk(Array(bytes[$0..<min($0 + 7001, bytes.count)]))
                        } + [Answer.chunk([])]
                )
            default: Answer([.send(Answer.head(200, [("Connection", "close")]) + bytes), .close])
            }
        try await withServer({ _, _ in answer }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let response = try await client.queries.results(of: "s")
                var read: [UInt8] = []
                while let chunk = try await response.body.next() {
                    #expect(chunk.count > 0)
                    chunk.withBytes { span in
                        for index in span.indices { read.append(span[index]) }
                    }
                }
                #expect(read == bytes)
                #expect(try await response.body.next() == nil)
            }
        }
    }

    @Test("head and ids are at hand before the body")
    func head() async throws {
        let never = Signal()
        let fields = [
            ("X-Request-Id", "r"), ("X-Span-Id", "s"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "7"),
            ("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4999"), ("Content-Length", "5"),
        ]
        try await withServer({ _, _ in Answer([.send(Answer.head(202, fields)), .wait(never)]) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let response = try await client.queries.status(of: "s")
                #expect(response.status == 202)
                #expect(response.requestID == "r" && response.spanID == "s")
                #expect(response.date?.timeIntervalSince1970 == 784_111_777)
                #expect(response.retryAfter == .seconds(7))
                #expect(response.rateLimit == 5000 && response.rateLimitRemaining == 4999)
            }
        }
    }

    @Test("at most one chunk is taken ahead of the reader")
    func backPressure() async throws {
        let piece = [UInt8](repeating: 7, count: 1 << 20)
        let sent = Counter()
        let head = Answer.head(200, [("Content-Length", "\(64 << 20)")])
        let script: ScriptedServer.Script = { _, _ in
            Answer([.send(head)] + (0..<64).flatMap { _ in [.send(piece), .count(sent)] })
        }
        try await withServer(script) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let response = try await client.queries.results(of: "s")
                var read = try await response.body.next()?.count ?? 0
                // Time enough to send everything, were it not for the reader; socket buffers take some.
                for _ in 0..<50_000 { await Task.yield() }
                #expect(sent.add(0) < 64)
                while let chunk = try await response.body.next() { read += chunk.count }
                #expect(read == 64 << 20)
            }
        }
    }

    @Test(
        "a body that is cut is an error, not an end, and carries the request id",
        arguments: [
            Answer([.send(Answer.head(200, [("Content-Length", "100"), id]) + Array("{\"da".utf8)), .close]),
            Answer([
                .send(Answer.head(200, [("Transfer-Encoding", "chunked"), id])), Answer.chunk(Array("{}".utf8)), .close,
            ]),
            Answer([.send(Answer.head(200, [("Transfer-Encoding", "chunked"), id]) + Array("zz\r\n".utf8)), .close]),
        ]
    )
    fileprivate func cut(answer: Answer) async throws {
        try await withServer({ _, _ in answer }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure { _ = try await client.queries.results(of: "s").text() }
                #expect(error.kind == .network || error.kind == .protocolViolation)
                #expect(error.isTransient && error.endpoint == "/query/results")
                #expect(error.requestID == "req-cut")
            }
        }
    }

    @Test("a control call whose answer is cut, HTML or no JSON is tried again")
    func brokenControlAnswers() async throws {
        let answers = [
            Answer([.send(Answer.head(200, [("Content-Length", "100")]) + Array("{\"da".utf8)), .close]),
            Answer.bytes(Array("<html>maintenance</html>".utf8), [("Content-Type", "text/html")]),
            Answer.json("{\"data\":"),
            Answer([.close]),
            Answer.json(#"{"data":[]}"#),
        ]
        try await withServer({ _, index in answers[index] }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let list = try await client.accounts.list(dsID: "A").value
                #expect(list.accounts.isEmpty)
            }
            #expect(server.requests.count == answers.count)
        }
    }

    @Test("a web page where data should be is an error with its start; JSON that claims to be HTML is not")
    func html() async throws {
        let page = "\n<!DOCTYPE html><title>\(testKey)</title>"
        try await withServer({ _, _ in Answer.bytes(Array(page.utf8), [("Content-Type", "text/HTML; charset=utf-8")]) })
        { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 1 }) { client in
                let error = try await failure { _ = try await client.queries.status(of: "s") }
                #expect(error.kind == .protocolViolation && error.isTransient)
                #expect(error.responseBody == "\n<!DOCTYPE html><title>[redacted]</title>")
            }
        }
        try await withServer({ _, _ in Answer.bytes(Array(Self.page.utf8), [("Content-Type", "text/html")]) }) {
            server in
            try await withSupermetricsClient(configuration(server)) { client in
                let text = try await client.queries.status(of: "s").text()
                #expect(text == Self.page)
            }
        }
    }

    static let gzipped: [UInt8] = bytes(ofBase64: "H4sIAAAAAAAC/6tWSkksSVSyio5WSlTSMYyNrQUAzlaBxRIAAAA=")
    /// A million zeros in 1004 bytes.
    static let bomb: [UInt8] = bytes(
        ofBase64: "H4sIAAAAAAAC/+3BgQAAAADDIKX50x3kVQE" + String(repeating: "A", count: 1290) + "K8GU2oxSkBCDwA="
    )

    @Test("a compressed answer is read although it was not asked for")
    func compressed() async throws {
        let answer = Answer.bytes(Self.gzipped, [("Content-Encoding", "gzip")])
        try await withServer({ _, _ in answer }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let text = try await client.queries.results(of: "s").text()
                #expect(text == #"{"data":[["a",1]]}"#)
            }
        }
    }

    @Test("a bomb, damaged and truncated compression and unknown codings end in errors")
    func hostileCompression() async throws {
        var damaged = Self.gzipped
        damaged[14] ^= 0xFF
        let cases: [([UInt8], String)] = [
            (Self.bomb, "gzip"), (damaged, "gzip"), (Array(Self.gzipped.dropLast(12)), "gzip"), (Self.gzipped, "br"),
            (Self.gzipped, "gzip, gzip"),
        ]
        for (body, coding) in cases {
            try await withServer({ _, _ in Answer.bytes(body, [("Content-Encoding", coding)]) }) { server in
                try await withSupermetricsClient(configuration(server)) { client in
                    let error = try await failure { _ = try await client.queries.results(of: "s").text() }
                    #expect(error.kind == .protocolViolation)
                    // Plain answers had been asked for already: another attempt would meet the same.
                    #expect(!error.isTransient)
                }
            }
        }
    }

    @Test("beyond loopback gzip is asked for, until a compressed answer could not be read")
    func identityAfterDamage() async throws {
        let script: ScriptedServer.Script = { request, index in
            request.values("Accept-Encoding") == ["identity"]
                ? .json(#"{"data":[]}"#)
                : .bytes(index == 0 ? Self.gzipped : Self.bomb, [("Content-Encoding", "gzip")])
        }
        for isControl in [true, false] {
            try await withServer(script) { server in
                let settings = try configuration(server) {
                    // Reaches the same server, but is no loopback address.
                    $0.baseURL = "http://0.0.0.0:\(server.port)"
                    $0.allowInsecureHTTP = true
                }
                try await withSupermetricsClient(settings) { client in
                    #expect(try await client.queries.results(of: "s").text() == #"{"data":[["a",1]]}"#)
                    if isControl {
                        #expect(try await client.accounts.list(dsID: "A").value.accounts.isEmpty)
                    } else {
                        let error = try await failure { _ = try await client.queries.results(of: "s").text() }
                        #expect(error.kind == .protocolViolation && error.isTransient)
                        #expect(try await client.queries.results(of: "s").text() == #"{"data":[]}"#)
                    }
                }
                #expect(
                    server.requests.map { $0.values("Accept-Encoding") }
                        == [["gzip, deflate"], ["gzip, deflate"], ["identity"]]
                )
            }
        }
    }

    @Test("a body beyond its limit is an error and no memory")
    func bodyLimit() async throws {
        let answer = Answer.bytes(Array(repeating: 0x20, count: 200_000))
        try await withServer({ _, _ in answer }) { server in
            let settings = try configuration(server) { $0.dataBodyLimit = 100_000 }
            try await withSupermetricsClient(settings) { client in
                let error = try await failure { _ = try await client.queries.results(of: "s").text() }
                #expect(error.kind == .protocolViolation && !error.isTransient)
                #expect(error.message.contains("100000"))
            }
        }
    }

    // MARK: Time

    /// What a call throws once the clock has moved for long enough, and how long that was.
    func timeout(
        of call: @escaping @Sendable () async throws -> Void,
        on clock: TestClock,
        onceAskedOf server: ScriptedServer? = nil
    ) async throws -> (error: SupermetricsError, waited: Duration) {
        let before = server?.requests.count ?? 0
        let ended = Counter()
        let task = Task {
            defer { ended.add(1) }
            try await call()
        }
        if let server { while server.requests.count == before { await Task.yield() } }
        let start = clock.now.offset
        while ended.add(0) == 0 {
            clock.advance(by: .seconds(1))
            await Task.yield()
        }
        return (try await failure { try await task.value }, clock.now.offset - start)
    }

    @Test("the idle timeout runs only while the reader waits")
    func idle() async throws {
        let clock = TestClock(), more = Signal()
        let head = Answer.head(200, [("Content-Length", "30")])
        let script: ScriptedServer.Script = { _, _ in
            Answer([.send(head + Array("first".utf8)), .wait(more), .send(Array("second".utf8))])
        }
        try await withServer(script) { server in
            let settings = try configuration(server, clock: clock) { $0.idleTimeout = .seconds(60) }
            try await withSupermetricsClient(settings) { client in
                let response = try await client.queries.results(of: "s")
                #expect(try await response.body.next()?.count == 5)
                for _ in 0..<600 {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
                more.fire()
                #expect(try await response.body.next()?.count == 6)
                let (error, waited) = try await timeout(of: { _ = try await response.body.next() }, on: clock)
                #expect(error.kind == .timeout && error.isTransient && error.message.contains("60 s"))
                #expect(waited >= .seconds(60))
            }
        }
    }

    @Test("the request timeout counts the reader's time too")
    func total() async throws {
        let clock = TestClock(), more = Signal()
        let head = Answer.head(200, [("Content-Length", "30")])
        try await withServer({ _, _ in Answer([.send(head + Array("first".utf8)), .wait(more)]) }) { server in
            let settings = try configuration(server, clock: clock) {
                $0.idleTimeout = .seconds(60)
                $0.requestTimeout = .seconds(1800)
            }
            try await withSupermetricsClient(settings) { client in
                let response = try await client.queries.results(of: "s")
                _ = try await response.body.next()
                clock.advance(by: .seconds(1790))
                let (error, waited) = try await timeout(of: { _ = try await response.body.next() }, on: clock)
                #expect(error.kind == .timeout && error.message.contains("1800 s"))
                #expect(waited >= .seconds(10))
            }
        }
    }

    @Test("the head may take as long as the server was told it may wait, and no longer")
    func headTimeout() async throws {
        let never = Signal()
        try await withServer({ _, _ in Answer([.wait(never)]) }) { server in
            let clock = TestClock()
            let settings = try configuration(server, clock: clock) {
                $0.idleTimeout = .seconds(60)
                $0.requestTimeout = .seconds(1800)
                $0.timeout = .seconds(30)
                $0.maxAttempts = 1
            }
            try await withSupermetricsClient(settings) { client in
                var options = RequestOptions()
                options.timeout = .seconds(5)
                let calls: [(Int, @Sendable () async throws -> Void)] = [
                    (60, { _ = try await client.queries.status(of: "s") }),
                    (90, { _ = try await client.queries.submit(["ds_id": "A", "sync_timeout": 30]) }),
                    (1800, { _ = try await client.queries.submit(["ds_id": "A"]) }),
                    (30, { _ = try await client.accounts.list(dsID: "A").value }),
                    (5, { [options] in _ = try await client.accounts.list(dsID: "A", options: options).value }),
                ]
                for (limit, call) in calls {
                    let (error, waited) = try await timeout(of: call, on: clock, onceAskedOf: server)
                    #expect(error.kind == .timeout && error.outcomeIsUnknown)
                    #expect(error.message.contains(" \(limit) s") && waited >= .seconds(limit))
                }
            }
        }
    }

    @Test("cancelling the reader or the caller ends the call at once", arguments: [true, false])
    func cancellation(whileReading: Bool) async throws {
        let never = Signal()
        let head = ScriptedServer.Step.send(Answer.head(200, [("Content-Length", "30")]))
        try await withServer({ _, _ in Answer((whileReading ? [head] : []) + [.wait(never)]) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let heads = Counter()
                let task = Task {
                    let response = try await client.queries.status(of: "s")
                    heads.add(1)
                    _ = try await response.body.next()
                }
                while whileReading ? heads.add(0) == 0 : server.requests.isEmpty { await Task.yield() }
                task.cancel()
                let error = try await failure { try await task.value }
                #expect(error.kind == .cancelled)
            }
        }
    }

    @Test("an exchange leaves no timer behind", .timeLimit(.minutes(10)))
    func timers() async throws {
        let clock = TestClock()
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server, clock: clock)) { client in
                for _ in 0..<20 { _ = try await client.queries.status(of: "s").text() }
                _ = try await client.queries.status(of: "dropped")
                while clock.sleeping > 0 { await Task.yield() }
            }
        }
    }

    @Test("a server that is not there is a network error, and the credential was not sent")
    func refusedConnection() async throws {
        var settings = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
        // No test listens on a port this low.
        settings.baseURL = "http://127.0.0.1:1"
        settings.clock = TestClock(passing: .seconds(25))
        settings.maxAttempts = 8
        let retries = Notes<Duration>()
        settings.onRetry = { retries.add($1) }
        let error = try await failure { [settings] in
            try await withSupermetricsClient(settings) { _ = try await $0.accounts.list(dsID: "A").value }
        }
        #expect(error.isNetwork && error.isTransient && !error.outcomeIsUnknown)
        // What never answered is not waited for as long as what broke off.
        #expect(retries.all.count == 2)
    }

    @Test("a client is closed when its scope ends, by a return or by an error", arguments: [true, false])
    func closed(byReturning: Bool) async throws {
        struct Stop: Error {}
        try await withServer({ _, _ in .json("{}") }) { server in
            var escaped: SupermetricsClient?
            do {
                try await withSupermetricsClient(configuration(server)) { client in
                    escaped = client
                    _ = try await client.accounts.list(dsID: "A").value
                    if !byReturning { throw Stop() }
                }
                #expect(byReturning)
            } catch is Stop {
                #expect(!byReturning)
            }
            let client = try #require(escaped)
            let error = try await failure { _ = try await client.accounts.list(dsID: "A").value }
            #expect(error.kind == .client)
        }
    }
}
