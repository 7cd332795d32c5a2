import Foundation
import PipelineCore
import Sandbox
import SupermetricsAPI
import Synchronization
import TestSupport
import Testing

@testable import Extraction

/// A sandbox, a client and an extractor on one clock.
struct World {
    let sandbox: Sandbox
    let client: SupermetricsClient
    let clock: QuickClock
    let extractor: Extractor
    let sent = Sent()

    /// The queries noted before they were sent.
    final class Sent: Sendable {
        private let state = Mutex<[KnownQuery]>([])
        var all: [KnownQuery] { state.withLock { $0 } }
        func note(_ query: KnownQuery) { state.withLock { $0.append(query) } }
    }

    /// Sources, fields and days of most tests: a week of one account, ten rows a day.
    static let query: JSONObject = [
        "ds_id": "AW", "ds_accounts": ["123-456-7890"],
        "fields": ["Date", "Campaign", "Headline", "Impressions", "Cost"],
    ]
    static let week = QueryPart(days: DateRange(Day(number: 19_723), Day(number: 19_729)), accounts: ["123-456-7890"])

    /// What came of a window.
    struct Reading {
        var rows: [[JSONValue]]
        var batches: [Batch]
        var facts: WindowFacts
        var fields: [Extraction.ResultField]
        var requests: Int
    }

    /// The rows of a window as its body last read them.
    func read(
        _ query: JSONObject = World.query,
        _ part: QueryPart = World.week,
        known: [KnownQuery] = [],
        isFresh: Bool = false,
        tally: RequestTally = RequestTally(retries: 30)
    ) async throws -> Reading {
        let request = WindowRequest(query: query, part: part, isFresh: isFresh, known: known)
        return try await extractor.withRows(of: request, tally: tally, record: record) { rows in
            rows.schema = Schema(rows.fields.map { Column(name: $0.id, type: .text) })
            var batches: [Batch] = []
            while let (batch, rejects) = try await rows.next() {
                #expect(rejects.rows.isEmpty)
                batches.append(batch)
            }
            return Reading(
                rows: try batches.flatMap { try $0.values },
                batches: batches,
                facts: rows.facts,
                fields: rows.fields,
                requests: tally.made
            )
        }
    }

    var record: @Sendable (QueryPart, String) async throws -> Void {
        { [sent, clock] part, id in
            let now = Timestamp(milliseconds: Int64(clock.date.timeIntervalSince1970 * 1000))
            sent.note(KnownQuery(part: part, scheduleID: id, sentAt: now))
        }
    }

    /// The rows of a window as one plain call gives them, without faults; it leaves no trace in the log.
    func expected(_ query: JSONObject = World.query, _ part: QueryPart = World.week) async throws -> [[JSONValue]] {
        let before = sandbox.options
        sandbox.update { options in
            options.faults = []
            (options.queryTime, options.rowCap, options.dataFirst) = (.zero, 1_000_000, false)
        }
        defer {
            sandbox.update { options in
                options.faults = before.faults
                (options.queryTime, options.rowCap) = (before.queryTime, before.rowCap)
                options.dataFirst = before.dataFirst
            }
            sandbox.clearRequests()
        }
        var object = query
        object["start_date"] = part.days.map { .string($0.start.description) }
        object["end_date"] = part.days.map { .string($0.end.description) }
        object["ds_accounts"] = query["ds_accounts"] ?? .array(part.accounts.map { .string($0) })
        var plain = DataQuery(object)
        plain.settings["no_headers"] = true
        return try await client.queries.execute(plain).value.rows
    }

    /// What the requests so far were for.
    var phases: [Fault.Phase] { sandbox.requests.map(\.phase) }
}

/// Runs `body` in a world of its own.
///
/// - Parameters:
///   - change: Edits the sandbox's options.
///   - settings: Edits those of the extraction.
///   - skew: Seconds by which this side's time of day is ahead of the API's.
///   - body: The test.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws.
func withWorld<R>(
    _ change: (inout SandboxOptions) -> Void = { _ in },
    settings: (inout ExtractionSettings) -> Void = { _ in },
    skew: Int = 0,
    _ body: (World) async throws -> R
) async throws -> R {
    let clock = QuickClock()
    var options = SandboxOptions()
    options.clock = clock
    options.now = { clock.date }
    change(&options)
    var extraction = ExtractionSettings()
    settings(&extraction)
    return try await withSandbox(options) { sandbox in
        var configuration = SupermetricsClient.Configuration(credential: try Credential.apiKey(sandbox.apiKey))
        configuration.baseURL = sandbox.baseURL
        configuration.clock = clock
        configuration.now = { clock.date }
        configuration.random = { 0.5 }
        configuration.requestTimeout = .seconds(24 * 3600)
        return try await withSupermetricsClient(configuration) { client in
            let extractor = Extractor(
                client: client,
                settings: extraction,
                queries: ConcurrencyGate(permits: 4),
                clock: clock,
                now: { Timestamp(milliseconds: Int64(clock.date.timeIntervalSince1970 * 1000)).adding(seconds: skew) },
                random: { 0.5 }
            )
            return try await body(World(sandbox: sandbox, client: client, clock: clock, extractor: extractor))
        }
    }
}

extension Batch {
    /// The cells as JSON values.
    var values: [[JSONValue]] {
        get throws {
            try (0..<rowCount).map { row in
                try cells[row * columnCount..<(row + 1) * columnCount].map { cell in
                    let content = Array(bytes[cell.range])
                    switch cell.kind {
                    case .null: return .null
                    case .text, .escaped, .raw: return try JSONValue(parsing: [0x22] + content + [0x22])
                    case .number, .bool, .json: return try JSONValue(parsing: content)
                    }
                }
            }
        }
    }
}

/// Compares rows; where they differ it tells of the first place alone.
func expectSame(
    _ rows: [[JSONValue]],
    _ expected: [[JSONValue]],
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard rows != expected else { return }
    let place = zip(rows, expected).prefix { $0 == $1 }.count
    func row(_ rows: [[JSONValue]]) -> String { place < rows.count ? JSONValue.array(rows[place]).description : "none" }
    Issue.record(
        "\(comment) \(rows.count) rows, \(expected.count) expected; row \(place): \(row(rows)), not \(row(expected))",
        sourceLocation: sourceLocation
    )
}
