import Foundation
import Sandbox
import Testing

@Suite("Faults")
struct FaultTests {
    @Test(
        "The grammar reads what it writes",
        arguments: [
            ("429:0.05", Fault(.status(429), amount: .probability(0.05))), ("503", Fault(.status(503))),
            ("cut@page:2x", Fault(.named(.cut), phase: .page, amount: .times(2))),
            ("429@poll:0.3", Fault(.status(429), phase: .poll, amount: .probability(0.3))),
            ("not_found@page:1x+2", Fault(.named(.notFound), phase: .page, amount: .times(1, skipping: 2))),
            ("html502@submit", Fault(.named(.html502), phase: .submit)), ("cut_eof", Fault(.named(.cutEndOfFile))),
        ]
    )
    func grammar(text: String, fault: Fault) throws {
        #expect(try Fault(parsing: text) == fault)
        #expect(fault.description == text)
        #expect(try Fault.list(parsing: "\(text), \(text)") == [fault, fault])
    }

    @Test(
        "What cannot be read is an error that names it",
        arguments: ["200", "oops", "cut@nowhere", "cut:2", "429:x", "429:1x+", "", "cut:-1x"]
    )
    func unreadable(text: String) {
        #expect { try Fault(parsing: text) } throws: { error in
            guard case .invalidFault(let named, _)? = error as? SandboxError else { return false }
            return named == text
        }
    }

    @Test("Every name is in the grammar", arguments: Fault.Name.allCases)
    func names(name: Fault.Name) throws {
        #expect(try Fault(parsing: name.rawValue) == Fault(.named(name)))
    }

    /// One fault, one query on it.
    static func answer(_ fault: String, _ json: String = queryJSON(), headers: [String: String] = [:]) async throws
        -> RawAnswer
    {
        var options = SandboxOptions()
        options.faults = try Fault.list(parsing: fault)
        return try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(json, headers: headers)
            #expect(sandbox.requests.last?.fault?.description == fault)
            return answer
        }
    }

    /// The same query without a fault.
    static func honestAnswer(_ json: String = queryJSON()) async throws -> RawAnswer {
        try await withSandbox { try await RawClient(sandbox: $0).post(json) }
    }

    @Test(
        "Replaced answers",
        arguments: [
            ("429", 429, "TOO_MANY_REQUESTS"), ("500", 500, "INTERNAL_SERVER_ERROR"),
            ("503", 503, "SERVICE_UNAVAILABLE"),
            ("401", 401, "API_KEY_INVALID"), ("403", 403, "ACCESS_DENIED"), ("error200", 200, "INTERNAL_SERVER_ERROR"),
            ("not_found", 400, "STATUS_NOT_FOUND"), ("quota", 429, "API_ROW_QUOTA_EXCEEDED"),
            ("daily", 429, "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED"), ("html502", 502, nil), ("problem", 400, nil),
            ("string_error", 500, nil), ("redirect", 302, nil),
        ] as [(String, Int, String?)]
    )
    func replaced(fault: String, status: Int, code: String?) async throws {
        let answer = try await Self.answer(fault)
        #expect(answer.status == status)
        #expect(answer.errorCode == code)
        switch fault {
        case "429", "503": #expect(answer.headers["retry-after"] == "1")
        case "html502": #expect(answer.headers["content-type"]?.hasPrefix("text/html") == true)
        case "problem": #expect(answer.json?["detail"] is String)
        case "string_error": #expect(answer.json?["error"] is String)
        case "redirect": #expect(answer.headers["location"]?.hasPrefix("http://localhost:") == true)
        default: #expect(answer.json != nil)
        }
    }

    @Test("A cut body breaks its Content-Length, or ends as if it were whole")
    func cut() async throws {
        let whole = try await Self.honestAnswer()
        let cut = try await Self.answer("cut")
        #expect(cut.isCutShort)
        #expect(cut.headers["content-length"] == String(whole.body.count))
        #expect(cut.body.count == whole.body.count / 2)
        let eof = try await Self.answer("cut_eof")
        #expect(eof.headers["content-length"] == nil)
        #expect(eof.headers["transfer-encoding"] == nil)
        #expect(eof.body == cut.body)
    }

    @Test("Damaged bodies")
    func damaged() async throws {
        let broken = try await Self.answer("bad_json")
        #expect(broken.status == 200 && broken.json == nil && !broken.isCutShort)
        let deep = try await Self.answer("deep")
        #expect(deep.body.count > 200_000 && deep.json == nil)
        let unknown = try await Self.answer("unknown_status")
        #expect(unknown.statusCode == "HIBERNATING")
        await #expect(throws: (any Error).self) { try await Self.answer("reset") }
    }

    @Test("A dripping body comes in pieces with pauses, and is whole")
    func drip() async throws {
        let clock = LifecycleTests.clock()
        var options = LifecycleTests.timed(clock, queryTime: .zero)
        options.faults = [Fault(.named(.drip))]
        try await withSandbox(options) { sandbox in
            async let dripping = RawClient(sandbox: sandbox).post(queryJSON())
            for _ in 1...64 {
                await clock.waitForSleepers(1)
                clock.advance(by: .milliseconds(20))
            }
            // What is left of the length divided by 64 takes one more piece.
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(20))
            let answer = try await dripping
            #expect(answer.data?.count == 61)
            #expect(!answer.isCutShort)
        }
    }

    @Test("A hanging answer sends nothing while the connection lives")
    func hang() async throws {
        var options = SandboxOptions()
        options.faults = [Fault(.named(.hang))]
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let hanging = Task { try await client.post(queryJSON()) }
            while sandbox.requests.first?.status == nil { await Task.yield() }
            hanging.cancel()
            await #expect(throws: (any Error).self) { try await hanging.value }
        }
    }

    @Test("A bomb is small on the wire")
    func bomb() async throws {
        let bomb = try await Self.answer("bomb", headers: ["Accept-Encoding": "gzip"])
        #expect(bomb.headers["content-encoding"] == "gzip")
        #expect(bomb.body.count < 1 << 20)
    }

    @Test("Lies about rows: a short page, a repeated page, a changed total")
    func rows() async throws {
        let page = queryJSON(#""settings":{"no_headers":true},"offset_start":10,"offset_end":19"#)
        let before = queryJSON(#""settings":{"no_headers":true},"offset_start":0,"offset_end":9"#)
        let honest = try await Self.honestAnswer(page)
        let short = try await Self.answer("short_page", page)
        #expect(short.data?.count == 9)
        #expect(short.result["total_rows"] as? Int == 60)
        let repeated = try await Self.answer("repeat_page", page)
        let earlier = try await Self.honestAnswer(before)
        #expect(repeated.dataBytes == earlier.dataBytes)
        let changed = try await Self.answer("changed_total", page)
        #expect(changed.result["total_rows"] as? Int == 61)
        #expect(changed.dataBytes == honest.dataBytes)
    }

    @Test("Phases and counts: two cut pages after one good one, nothing else touched")
    func phases() async throws {
        var options = SandboxOptions()
        options.faults = try Fault.list(parsing: "cut@page:2x+1 not_found@poll:1x")
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let id = try #require(try await client.post(queryJSON(#""sync_timeout":0"#)).scheduleID)
            #expect(
                try await client.get("/query/status", "{\"schedule_id\":\"\(id)\"}").errorCode == "STATUS_NOT_FOUND"
            )
            var cuts: [Bool] = []
            for _ in 1...4 {
                cuts.append(try await client.get("/query/results", "{\"schedule_id\":\"\(id)\"}").isCutShort)
            }
            #expect(cuts == [false, true, true, false])
        }
    }

    @Test("Probabilities come from the seed and the question, not from the order of requests")
    func probabilities() async throws {
        func outcomes(_ days: [Int]) async throws -> [Int: Int] {
            var options = SandboxOptions()
            options.faults = [Fault(.status(429), amount: .probability(0.5))]
            return try await withSandbox(options) { sandbox in
                var statuses: [Int: Int] = [:]
                for day in days {
                    // A schedule id that differs from run to run must not matter.
                    let json = queryJSON(
                        "\"schedule_id\":\"\(UUID().uuidString)\"",
                        from: "2024-01-01",
                        to: "2024-01-\(day)"
                    )
                    statuses[day] = try await RawClient(sandbox: sandbox).post(json).status
                }
                return statuses
            }
        }
        let forward = try await outcomes(Array(10...31))
        #expect(try await outcomes((10...31).reversed()) == forward)
        #expect(Set(forward.values) == [200, 429])
    }

    @Test("A program may choose the fault of each request, and change faults while the sandbox runs")
    func programmatic() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-02" ? .status(503) : nil }
            func status(from day: String) async throws -> Int { try await client.post(queryJSON(from: day)).status }
            let chosen = try await [status(from: "2024-01-01"), status(from: "2024-01-02")]
            #expect(chosen == [200, 503])
            sandbox.chooseFaults(nil)
            sandbox.update { $0.faults = [Fault(.status(500), amount: .times(1))] }
            let counted = try await [status(from: "2024-01-02"), status(from: "2024-01-02")]
            #expect(counted == [500, 200])
        }
    }
}
