import Foundation
import PipelineCore
import Sandbox
import SupermetricsAPI
import TestSupport
import Testing

@testable import Extraction

@Suite("Extractor", .timeLimit(.minutes(10)))
struct ExtractorTests {
    // MARK: Faults

    /// Faults after which the same request goes through.
    static let passing: [Fault.Kind] = [
        .status(429), .status(500), .status(502), .status(503), .status(504), .named(.html502), .named(.error200),
        .named(.notFound), .named(.stringError), .named(.unknownStatus), .named(.reset), .named(.cut),
        .named(.cutEndOfFile), .named(.drip), .named(.badJSON), .named(.deep), .named(.bomb), .named(.shortPage),
        .named(.repeatPage), .named(.changedTotal),
    ]

    /// Faults that no retry cures.
    static let lasting: [Fault.Kind] = [
        .status(400), .status(401), .status(403), .status(404), .status(409), .status(422), .named(.quota),
        .named(.daily), .named(.redirect), .named(.problem),
    ]

    static let phases: [Fault.Phase] = [.submit, .poll, .page]

    /// A world whose result takes a while and has four pages.
    private func withFaults(
        _ faults: [Fault],
        seed: UInt64 = 1,
        _ body: (World, [[JSONValue]]) async throws -> Void
    ) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.queryTime, options.seed) = (.seconds(15), seed)
        }
        try await withWorld(change, settings: { ($0.pageRows, $0.queryTimeout) = (20, .seconds(1200)) }) { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = faults }
            try await body(world, expected)
        }
    }

    @Test("A fault that passes costs requests, never rows", arguments: passing, phases)
    func passingFault(kind: Fault.Kind, phase: Fault.Phase) async throws {
        for amount in [Fault.Amount.times(1), .times(2, skipping: 1)] {
            try await withFaults([Fault(kind, phase: phase, amount: amount)]) { world, expected in
                let reading = try await world.read()
                expectSame(reading.rows, expected, "\(amount)")
            }
        }
    }

    @Test("A fault that stays ends in a typed error with the fault's own words", arguments: lasting, phases)
    func lastingFault(kind: Fault.Kind, phase: Fault.Phase) async throws {
        try await withFaults([Fault(kind, phase: phase, amount: .always)]) { world, _ in
            let error = await #expect(throws: SupermetricsError.self) { try await world.read() }
            #expect(error?.isTransient == false)
            #expect(error?.requestID != nil)
        }
    }

    @Test(
        "A fault that never passes ends in a typed error or the right rows, never in wrong ones",
        arguments: passing,
        phases
    )
    func endless(kind: Fault.Kind, phase: Fault.Phase) async throws {
        // An API that keeps back the last row of every answer cannot be told from one that counts the header row.
        guard kind != .named(.shortPage) else { return }
        try await withFaults([Fault(kind, phase: phase, amount: .always)]) { world, expected in
            do {
                let reading = try await world.read()
                expectSame(reading.rows, expected)
            } catch {
                #expect(error is SupermetricsError || error is ExtractionError, "\(error)")
            }
            // A query that is said to run for ever is looked at until its deadline; all else is given up before.
            #expect(world.sandbox.requests.count < (kind == .named(.unknownStatus) ? 400 : 300))
        }
    }

    @Test("Faults of every kind at once, time and again", arguments: 0..<25)
    func storm(seed: UInt64) async throws {
        let faults = Self.passing.map { Fault($0, amount: .probability(0.02)) }
        try await withFaults(faults, seed: seed) { world, expected in
            for _ in 0..<3 {
                do {
                    let reading = try await world.read()
                    expectSame(reading.rows, expected, "seed \(seed)")
                } catch {
                    #expect(error is SupermetricsError || error is ExtractionError, "seed \(seed): \(error)")
                }
            }
        }
    }

    @Test("An answer that never comes is given up after the idle timeout and asked for again", arguments: phases)
    func hang(phase: Fault.Phase) async throws {
        try await withFaults([Fault(.named(.hang), phase: phase, amount: .times(1))]) { world, expected in
            async let reading = world.read()
            while !world.sandbox.requests.contains(where: { $0.fault != nil }) { await Task.yield() }
            let hung = try #require(world.sandbox.requests.first { $0.fault != nil })
            // Until it is asked again; what else is under way is asked again too.
            while !world.sandbox.requests.contains(where: {
                $0.number > hung.number && $0.parameters == hung.parameters
            }) {
                world.clock.expireTimeouts()
                try await Task.sleep(for: .milliseconds(20))
            }
            let rows = try await reading.rows
            expectSame(rows, expected)
        }
    }

    // MARK: Queries

    @Test("A query that ended badly says so")
    func failedQuery() async throws {
        try await withFaults([Fault(.named(.failure), amount: .always)]) { world, _ in
            let error = await #expect(throws: SupermetricsError.self) { try await world.read() }
            #expect(error?.code == "QUERY_ERROR")
            #expect(error?.requestID?.isEmpty == false, "although the status was 200")
            #expect(world.sent.all.count == 1)
        }
    }

    @Test("A query that never ends is given up at its deadline, not before", arguments: SandboxOptions.Dialect.allCases)
    func deadline(dialect: SandboxOptions.Dialect) async throws {
        let change: (inout SandboxOptions) -> Void = { ($0.queryTime, $0.dialect) = (.seconds(5 * 3600), dialect) }
        try await withWorld(change, settings: { $0.queryTimeout = .seconds(1800) }) { world in
            let error = await #expect(throws: SupermetricsError.self) { try await world.read() }
            #expect(error?.kind == .timeout)
            #expect((1800...1860).contains(world.clock.now.offset / .seconds(1)))
            // Every second at first, every 15 s in the end.
            #expect((110...160).contains(world.sandbox.requests.count))
        }
    }

    @Test("A result that expired while it was read is asked for anew, and read from its first row")
    func expiry() async throws {
        try await withFaults([Fault(.named(.notFound), phase: .page, amount: .times(1, skipping: 1))]) {
            world,
            expected in
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(world.sent.all.count == 2)
            #expect(Set(world.sent.all.map(\.scheduleID)).count == 2)
            #expect(reading.facts.scheduleIDs == [world.sent.all[1].scheduleID])
        }
    }

    @Test("Every query is noted before it is sent")
    func notedFirst() async throws {
        try await withWorld { world in
            let request = WindowRequest(query: World.query, part: World.week, isFresh: false)
            struct Broken: Error {}
            await #expect(throws: Broken.self) {
                try await world.extractor.withRows(
                    of: request,
                    tally: RequestTally(retries: 1),
                    record: { _, _ in throw Broken() }
                ) { _ in }
            }
            #expect(world.sandbox.requests.isEmpty)
        }
    }

    @Test("A query known from before is taken over without sending it again")
    func takeOver() async throws {
        try await withFaults([]) { world, expected in
            _ = try await world.read()
            world.sandbox.clearRequests()
            world.clock.advance(by: .seconds(600))
            let reading = try await world.read(known: world.sent.all)
            expectSame(reading.rows, expected)
            #expect(!world.phases.contains(.submit))
            #expect(world.sent.all.count == 1)
            // The rows are no newer than the query.
            #expect(reading.facts.fetchedAt == world.sent.all[0].sentAt)
        }
    }

    @Test("A query still running is waited for, not sent again")
    func takeOverRunning() async throws {
        try await withFaults([]) { world, expected in
            var query = DataQuery(World.query)
            (query.startDate, query.endDate) = ("2024-01-01", "2024-01-07")
            (query.scheduleID, query.syncTimeout) = ("earlier", 0)
            query.settings["no_headers"] = true
            _ = try await world.client.queries.execute(query).value
            world.sandbox.clearRequests()
            let known = KnownQuery(part: World.week, scheduleID: "earlier", sentAt: Timestamp(milliseconds: 0))
            expectSame(try await world.read(known: [known]).rows, expected)
            #expect(!world.phases.contains(.submit))
        }
    }

    @Test("A query the API has dropped is sent anew at once")
    func takeOverLost() async throws {
        try await withFaults([]) { world, expected in
            let known = KnownQuery(part: World.week, scheduleID: "gone", sentAt: Timestamp(milliseconds: 0))
            let reading = try await world.read(known: [known])
            expectSame(reading.rows, expected)
            #expect(world.phases.prefix(2) == [.poll, .submit])
            #expect(world.sent.all.count == 1)
        }
    }

    @Test("A query that failed in an earlier run is sent anew; that one's failure is not this one's")
    func takeOverFailed() async throws {
        try await withFaults([Fault(.named(.failure), amount: .times(1))]) { world, expected in
            _ = try? await world.read()
            #expect(world.sent.all.count == 1)
            let reading = try await world.read(known: world.sent.all)
            expectSame(reading.rows, expected)
            #expect(world.sent.all.count == 2)
        }
    }

    @Test("A known query for other days or accounts is none")
    func takeOverOther() async throws {
        try await withFaults([]) { world, expected in
            _ = try await world.read()
            var other = world.sent.all[0]
            other.part.accounts = ["123"]
            world.sandbox.clearRequests()
            expectSame(try await world.read(known: [other]).rows, expected)
            #expect(world.phases.contains(.submit))
        }
    }

    @Test("The cache's time counts as the time of its rows")
    func cache() async throws {
        try await withWorld { world in
            var query = World.query
            query["cache_minutes"] = 60
            let first = try await world.read(query)
            let filled = Timestamp(milliseconds: Int64(world.clock.date.timeIntervalSince1970 * 1000))
            world.clock.advance(by: .seconds(1200))
            let second = try await world.read(query)
            #expect(first.facts.cacheTime == nil)
            let cached = try #require(second.facts.cacheTime)
            #expect(second.facts.fetchedAt == cached)
            #expect(abs(cached.seconds(since: filled)) < 30)
        }
    }

    @Test("Sampled rows are told")
    func sampled() async throws {
        try await withWorld({ $0.dataSampled = true }) { world in
            let reading = try await world.read()
            #expect(reading.facts.isSampled)
        }
    }

    @Test("Rows that only a later page calls sampled are told too")
    func sampledLater() async throws {
        try await withWorld({ $0.dataSampled = false }, settings: { $0.pageRows = 10 }) { world in
            let request = WindowRequest(query: World.query, part: World.week, isFresh: false, known: [])
            let tally = RequestTally(retries: 30)
            let facts = try await world.extractor.withRows(of: request, tally: tally, record: world.record) { rows in
                rows.schema = Schema(rows.fields.map { Column(name: $0.id, type: .text) })
                #expect(!rows.facts.isSampled)
                world.sandbox.update { $0.dataSampled = true }
                while case .some = try await rows.next() {}
                return rows.facts
            }
            #expect(facts.isSampled)
        }
    }

    // MARK: Clock

    @Test("A clock that is more than ten minutes off stops the first answer", arguments: [-601, 601])
    func skew(seconds: Int) async throws {
        try await withWorld(skew: seconds) { world in
            let error = await #expect(throws: ExtractionError.self) { try await world.read() }
            #expect(error?.code == .clock)
            #expect(error?.description.contains("10 minutes off") == true)
            #expect(world.sandbox.requests.count == 1)
        }
    }

    @Test("A clock within ten minutes will do", arguments: [-598, 0, 598])
    func slightSkew(seconds: Int) async throws {
        try await withWorld(skew: seconds) { world in
            let reading = try await world.read()
            #expect(reading.rows.count == 70)
        }
    }

    // MARK: Budget and cancellation

    @Test("The retries of a window are shared by all its requests")
    func budget() async throws {
        try await withFaults([Fault(.status(503), amount: .always)]) { world, _ in
            let tally = RequestTally(retries: 3)
            let error = await #expect(throws: SupermetricsError.self) { try await world.read(tally: tally) }
            #expect(error?.statusCode == 503)
            #expect(world.sandbox.requests.count == 4)
            #expect(tally.made == 4)
        }
    }

    @Test("Retries count as requests")
    func counting() async throws {
        try await withFaults([Fault(.status(500), phase: .page, amount: .times(2))]) { world, expected in
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(reading.requests == world.sandbox.requests.count)
        }
    }

    @Test("A cancelled window leaves nothing running, whatever it waited for", arguments: [1, 2, 3, 4])
    func cancellation(stuck: Int) async throws {
        try await withWorld(settings: { $0.pageRows = 20 }) { world in
            let base = world.sandbox.requests.count
            world.sandbox.chooseFaults { $0.number - base >= stuck ? .named(.hang) : nil }
            let window = Task { try await world.read() }
            while !world.sandbox.requests.contains(where: { $0.fault != nil }) { await Task.yield() }
            window.cancel()
            let result = await window.result
            #expect(throws: (any Error).self) { try result.get() }
            // Every exchange has a timeout asleep on the clock for as long as it lasts.
            #expect(world.clock.sleeperCount == 0)
        }
    }
}
