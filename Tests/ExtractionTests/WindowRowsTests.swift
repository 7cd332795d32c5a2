import ByteCodecs
import PipelineCore
import Sandbox
import SupermetricsAPI
import TestSupport
import Testing

@testable import Extraction

@Suite("Rows of a window", .timeLimit(.minutes(10)))
struct WindowRowsTests {
    @Test("A quick query takes one request, and its rows are those of the API, value by value")
    func quick() async throws {
        try await withWorld { world in
            let expected = try await world.expected()
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(expected.count == 70)
            #expect(world.phases == [.submit])
            #expect(reading.requests == 1)
            #expect(reading.fields.map(\.id) == ["Date", "Campaign", "Headline", "Impressions", "Cost"])
            #expect(reading.fields.map(\.isMetric) == [false, false, false, true, true])
            #expect(reading.facts.announced == 70 && reading.facts.received == 70)
            #expect(reading.facts.scheduleIDs == world.sent.all.map(\.scheduleID))
            #expect(reading.facts.requestIDs == world.sandbox.requests.map(\.requestID))
            #expect(!reading.facts.isSampled && reading.facts.cacheTime == nil && reading.facts.warnings.isEmpty)
        }
    }

    @Test("The submission says what is asked, and how")
    func submission() async throws {
        try await withWorld(settings: { $0.pageRows = 50 }) { world in
            _ = try await world.read()
            let sent = try #require(world.sandbox.requests.first).parameters
            #expect(sent["start_date"] == "2024-01-01" && sent["end_date"] == "2024-01-07")
            #expect(sent["ds_accounts"] == "123-456-7890")
            #expect(sent["offset_start"] == "0" && sent["offset_end"] == "49")
            #expect(sent["max_rows"] == "1000000" && sent["sync_timeout"] == "10")
            #expect(sent["settings"] == #"{"no_headers":true}"#)
            #expect(sent["cache_minutes"] == nil)
            world.sandbox.clearRequests()
            _ = try await world.read(isFresh: true)
            #expect(world.sandbox.requests.first?.parameters["cache_minutes"] == "0")
            world.sandbox.clearRequests()
            var query = World.query
            (query["cache_minutes"], query["max_rows"]) = (60, 30)
            #expect(try await world.read(query, isFresh: true).rows.count == 30)
            #expect(world.sandbox.requests.first?.parameters["cache_minutes"] == "60")
            #expect(world.sandbox.requests.first?.parameters["max_rows"] == "30")
        }
    }

    @Test("Windows side by side prove once whether the total counts the header row")
    func oneProof() async throws {
        try await withWorld({ $0.headerCount = .always }) { world in
            let everyWindow = Rendezvous(of: 4)
            try await withThrowingTaskGroup { group in
                for day in 0..<4 {
                    group.addTask {
                        let part = QueryPart(days: DateRange(Day(number: 19_723 + day)), accounts: ["123-456-7890"])
                        let request = WindowRequest(query: World.query, part: part, isFresh: false)
                        let tally = RequestTally(retries: 5)
                        try await world.extractor.withRows(of: request, tally: tally, record: world.record) { rows in
                            // All are told the total before any knows what it counts.
                            await everyWindow.arrive()
                            rows.schema = Schema(rows.fields.map { Column(name: $0.id, type: .text) })
                            while try await rows.next() != nil {}
                            #expect(rows.facts.received == 10)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(world.sandbox.requests.filter { $0.parameters["limit"] == "1" }.count == 1)
            #expect(world.sandbox.requests.count == 5)
        }
    }

    @Test(
        "The server holds a submission no longer than the query may take",
        arguments: [(Duration.milliseconds(3500), "3"), (.milliseconds(500), "0"), (.seconds(60), "10")]
    )
    func serverWait(queryTimeout: Duration, wait: String) async throws {
        try await withWorld({ $0.queryTime = .seconds(600) }, settings: { $0.queryTimeout = queryTimeout }) { world in
            let error = await #expect(throws: SupermetricsError.self) { try await world.read() }
            #expect(error?.kind == .timeout)
            #expect(world.sandbox.requests.first?.parameters["sync_timeout"] == wait)
            #expect(world.clock.now.offset < queryTimeout + .seconds(1))
        }
    }

    struct Manner: CustomTestStringConvertible {
        var dialect: SandboxOptions.Dialect
        var headerCount: SandboxOptions.HeaderCount
        var dataFirst: Bool
        var pageRows: Int
        var queryTime: Duration
        var testDescription: String {
            "\(dialect) header \(headerCount)\(dataFirst ? " data first" : "") \(pageRows) rows \(queryTime)"
        }
    }

    static let manners = SandboxOptions.Dialect.allCases.flatMap { dialect in
        SandboxOptions.HeaderCount.allCases.flatMap { headerCount in
            [false, true].flatMap { dataFirst in
                [7, 30, 100_000].flatMap { pageRows in
                    [Duration.zero, .seconds(47)].map { queryTime in
                        Manner(
                            dialect: dialect,
                            headerCount: headerCount,
                            dataFirst: dataFirst,
                            pageRows: pageRows,
                            queryTime: queryTime
                        )
                    }
                }
            }
        }
    }

    @Test("All rows come in every manner of the API, by as few requests as it allows", arguments: manners)
    func manner(_ manner: Manner) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.dialect, options.headerCount) = (manner.dialect, manner.headerCount)
            (options.dataFirst, options.queryTime) = (manner.dataFirst, manner.queryTime)
            options.omitsNulls = manner.dataFirst
        }
        try await withWorld(change, settings: { $0.pageRows = manner.pageRows }) { world in
            let expected = try await world.expected()
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(reading.facts.announced == expected.count)
            let log = world.sandbox.requests
            #expect(log.filter { $0.phase == .submit }.count == 1)
            #expect(reading.requests == log.count)
            // Pages of a result that lies ready, and one row to prove that the header is counted.
            let isQuick = manner.queryTime == .zero
            let isStreamedWhole = manner.dialect == .pending && !isQuick && !manner.dataFirst
            var pages = manner.dataFirst || isStreamedWhole ? 0 : -1
            pages += isStreamedWhole ? 0 : (expected.count + manner.pageRows - 1) / manner.pageRows
            let proof = manner.headerCount == .always ? 1 : 0
            #expect(log.filter { $0.phase == .page }.count == pages + proof)
            if isQuick { #expect(log.filter { $0.phase == .poll }.count == (manner.dataFirst ? 1 : 0)) }
            // 10 s of waiting at the server, then every second or two.
            if !isQuick { #expect(log.filter { $0.phase == .poll }.count <= 20) }
        }
    }

    @Test("Whether the header is counted is proved once per run")
    func proofOncePerRun() async throws {
        try await withWorld({ $0.headerCount = .always }) { world in
            let expected = try await world.expected()
            for round in 0..<3 {
                expectSame(try await world.read().rows, expected)
                #expect(world.phases == (round == 0 ? [.submit, .page] : [.submit]))
                world.sandbox.clearRequests()
            }
        }
    }

    @Test("An empty result is whole", arguments: SandboxOptions.HeaderCount.allCases)
    func empty(headerCount: SandboxOptions.HeaderCount) async throws {
        try await withWorld({
            $0.rowsPerDay = 0
            $0.headerCount = headerCount
        }) { world in
            let reading = try await world.read()
            #expect(reading.rows.isEmpty && reading.batches.isEmpty)
            #expect(reading.facts.announced == 0 && reading.facts.received == 0)
            #expect(reading.fields.count == 5)
        }
    }

    @Test("Batches are cut at the same rows however the rows were paged and broken off", arguments: 0..<12)
    func batches(seed: UInt64) async throws {
        var generator = SeededRandom(seed: seed)
        let batchBytes = Int.random(in: 300...6000, using: &generator)
        var readings: [World.Reading] = []
        for pageRows in [7, 1000, 100_000] {
            let faults: [Fault] = [
                Fault(
                    .named(.cut),
                    phase: .page,
                    amount: .times(2, skipping: Int.random(in: 0..<3, using: &generator))
                ),
                Fault(.named(.drip), phase: .page, amount: .probability(0.2)),
            ]
            let change: (inout SandboxOptions) -> Void = { options in
                (options.seed, options.faults, options.rowsPerDay) = (seed, faults, 20)
            }
            try await withWorld(change, settings: { ($0.pageRows, $0.batchBytes) = (pageRows, batchBytes) }) { world in
                readings.append(try await world.read())
            }
        }
        let first = readings[0]
        #expect(first.batches.count > 1)
        for other in readings.dropFirst() {
            #expect(other.batches.map(\.rowCount) == first.batches.map(\.rowCount))
            #expect(other.batches.map(\.firstRow) == first.batches.map(\.firstRow))
            expectSame(other.rows, first.rows)
        }
    }

    @Test("An answer is read whole in whatever pieces it comes", arguments: 0..<8)
    func pieces(rowsPerDay: Int) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.rowsPerDay, options.hostileRate) = (rowsPerDay, 0)
        }
        try await withWorld(change, settings: { $0.batchBytes = 100 }) { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = [Fault(.named(.drip))] }
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(world.phases == [.submit])
        }
    }

    // MARK: Broken pages

    @Test("A page that broke off is gone on with one row early, and no row comes twice")
    func seam() async throws {
        let fault = Fault(.named(.cut), phase: .page, amount: .times(1, skipping: 1))
        try await withWorld({ $0.faults = [fault] }, settings: { $0.pageRows = 30 }) { world in
            let expected = try await world.expected()
            expectSame(try await world.read().rows, expected)
            let pages = world.sandbox.requests.filter { $0.phase == .page }
            let broken = try #require(pages.firstIndex { $0.fault != nil })
            let offset = try #require(pages[broken].parameters["offset"].flatMap { Int($0) })
            let later = pages[(broken + 1)...].compactMap { $0.parameters["offset"].flatMap { Int($0) } }
            // Half of the page's bytes had come; every page is asked for with the row before its first one.
            #expect((offset + 1).isMultiple(of: 30))
            let resumed = try #require(later.first { !($0 + 1).isMultiple(of: 30) })
            #expect(resumed > offset && resumed < offset + 30)
        }
    }

    @Test("A seam that does not match is a contradiction: the result is read again from its first row")
    func falseSeam() async throws {
        try await withWorld(settings: { $0.pageRows = 30 }) { world in
            let expected = try await world.expected()
            // The first page breaks off, and the answer for its rest comes with other rows.
            world.sandbox.chooseFaults { request in
                switch request.number % 100 {
                case 2: .named(.cut)
                case 3: .named(.repeatPage)
                default: nil
                }
            }
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(world.sandbox.requests.contains { $0.fault?.kind == .named(.repeatPage) })
        }
    }

    @Test("A page request that fails for good counts no row twice")
    func failedRequest() async throws {
        // Eight attempts fail, the client gives up, and the window asks once more.
        let fault = Fault(.status(503), phase: .page, amount: .times(8, skipping: 1))
        try await withWorld({ $0.faults = [fault] }, settings: { $0.pageRows = 20 }) { world in
            let expected = try await world.expected()
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(world.sent.all.count == 1)
        }
    }

    // MARK: Contradictions

    @Test("A page that came twice, in whole or in part, is found out by its seam", arguments: [20, 35, 60])
    func repeatedOnce(pageRows: Int) async throws {
        let fault = Fault(.named(.repeatPage), phase: .page, amount: .times(1, skipping: 1))
        try await withWorld(settings: { $0.pageRows = pageRows }) { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = [fault] }
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            #expect(world.sandbox.requests.contains { $0.fault != nil })
        }
    }

    @Test("Pages that keep coming twice fail the window: nothing is believed because it was said often")
    func repeatedAlways() async throws {
        let fault = Fault(.named(.repeatPage), phase: .page, amount: .always)
        try await withWorld(settings: { $0.pageRows = 20 }) { world in
            world.sandbox.update { $0.faults = [fault] }
            let error = await #expect(throws: ExtractionError.self) { try await world.read() }
            #expect(error?.code == .incomplete)
            #expect(error?.requestID != nil)
        }
    }

    @Test("Rows that really are alike on two pages are believed")
    func alike() async throws {
        try await withWorld({ $0.hostileRate = 0 }, settings: { $0.pageRows = 3 }) { world in
            // Three devices in turn: with pages of three rows, all pages are equal.
            let query: JSONObject = ["ds_id": "AW", "ds_accounts": ["123"], "fields": ["Date", "Device"]]
            let part = QueryPart(days: DateRange(Day(number: 19_723)), accounts: ["123"])
            let expected = try await world.expected(query, part)
            #expect(expected.count == 10)
            expectSame(try await world.read(query, part).rows, expected)
        }
    }

    @Test("A total that changed between two pages is read again; one that keeps changing fails")
    func changedTotal() async throws {
        let once = Fault(.named(.changedTotal), phase: .page, amount: .times(1, skipping: 2))
        try await withWorld(settings: { $0.pageRows = 20 }) { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = [once] }
            expectSame(try await world.read().rows, expected)
            let often = (0..<40).map {
                Fault(.named(.changedTotal), phase: .page, amount: .times(1, skipping: 1 + $0 * 2))
            }
            world.sandbox.update { $0.faults = often }
            let error = await #expect(throws: ExtractionError.self) { try await world.read() }
            #expect(error?.code == .incomplete)
        }
    }

    @Test("A first answer with a wrong total does not spoil what is known of the header")
    func wrongTotalFirst() async throws {
        try await withWorld { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = [Fault(.named(.changedTotal), amount: .times(1))] }
            for _ in 0..<3 { #expect(try await world.read().rows == expected) }
        }
    }

    @Test("Short pages are gone on with where they ended", arguments: [0.1, 0.4])
    func shortPages(probability: Double) async throws {
        try await withWorld(settings: { $0.pageRows = 9 }) { world in
            let expected = try await world.expected()
            // The total is believed from the first window on, so that a short last page cannot pass for a header.
            expectSame(try await world.read().rows, expected)
            world.sandbox.update { $0.faults = [Fault(.named(.shortPage), amount: .probability(probability))] }
            for _ in 0..<4 { #expect(try await world.read().rows == expected) }
        }
    }

    // MARK: Answers that are not as asked for

    @Test("A result is found by the id the API gave its query, at once and by a later run", arguments: [0, 47])
    func idsOfTheAPI(seconds: Int) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.assignsScheduleIDs, options.queryTime) = (true, .seconds(seconds))
        }
        try await withWorld(change, settings: { $0.pageRows = 30 }) { world in
            let expected = try await world.expected()
            let reading = try await world.read()
            expectSame(reading.rows, expected)
            let sent = world.sent.all.map(\.scheduleID)
            #expect(sent.count == 2 && reading.facts.scheduleIDs == [sent[1]])
            world.sandbox.clearRequests()
            expectSame(try await world.read(known: world.sent.all).rows, expected)
            #expect(!world.phases.contains(.submit))
        }
    }

    @Test("A submission that is refused under HTTP 200 is sent again, and not looked for")
    func refusedSubmission() async throws {
        try await withWorld { world in
            let expected = try await world.expected()
            world.sandbox.update { $0.faults = [Fault(.named(.error200), phase: .submit, amount: .times(2))] }
            expectSame(try await world.read().rows, expected)
            #expect(world.phases == [.submit, .submit, .submit])
            #expect(world.sent.all.count == 1)
        }
    }

    @Test("An answer that makes no sense is asked for again, but not for minutes")
    func unreadable() async throws {
        try await withWorld({ $0.omitsFields = true }) { world in
            let error = await #expect(throws: SupermetricsError.self) { try await world.read() }
            #expect(error?.kind == .protocolViolation)
            #expect(world.phases == [.submit] + Array(repeating: .poll, count: 4))
        }
    }

    @Test("A row of names that nobody asked for is no data", arguments: SandboxOptions.HeaderCount.allCases)
    func unwantedHeader(headerCount: SandboxOptions.HeaderCount) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.ignoresNoHeaders, options.headerCount) = (true, headerCount)
        }
        try await withWorld(change) { world in
            var query = World.query
            query["fields"] = ["Campaign", "Headline"]
            let error = await #expect(throws: ExtractionError.self) { try await world.read(query) }
            if headerCount != .never { #expect(error?.text.contains("names its columns") == true) }
        }
    }

    // MARK: Prefetch

    @Test("At most one page is asked for ahead of the one being read")
    func prefetch() async throws {
        try await withWorld(settings: { ($0.pageRows, $0.batchBytes) = (10, 200) }) { world in
            let request = WindowRequest(query: World.query, part: World.week, isFresh: false)
            let tally = RequestTally(retries: 5)
            try await world.extractor.withRows(of: request, tally: tally, record: world.record) { rows in
                rows.schema = Schema(rows.fields.map { Column(name: $0.id, type: .text) })
                var read = 0
                while let (batch, _) = try await rows.next() {
                    read += batch.rowCount
                    // The page being read, whose rows may all have been scanned, and the one after it.
                    #expect(tally.made <= read / 10 + 3)
                }
                #expect(tally.made == 7)
            }
        }
    }
}

/// Where so many tasks wait for each other.
private actor Rendezvous {
    private var missing: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(of count: Int) { missing = count }

    func arrive() async {
        missing -= 1
        guard missing > 0 else { return waiting.forEach { $0.resume() } }
        await withCheckedContinuation { waiting.append($0) }
    }
}
