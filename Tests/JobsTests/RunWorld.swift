import Foundation
import PipelineCore
import PipelineTesting
import Sandbox
import SupermetricsAPI
import Synchronization
import TestSupport
import Testing

@testable import Jobs

/// A sandbox, a clock and destinations in memory, for runs of whole jobs.
struct RunWorld {
    let sandbox: Sandbox
    let clock: QuickClock
    /// What every event of every run was, oldest first.
    let events = Events()
    private let number: Int

    final class Events: Sendable {
        private let state = Mutex<[RunEvent]>([])
        var all: [RunEvent] { state.withLock { $0 } }
        func note(_ event: RunEvent) { state.withLock { $0.append(event) } }
    }

    private static let worlds = Atomic(0)

    init(_ sandbox: Sandbox, _ clock: QuickClock) {
        self.sandbox = sandbox
        self.clock = clock
        number = Self.worlds.add(1, ordering: .relaxed).newValue
    }

    var now: Timestamp { Timestamp(milliseconds: Int64(clock.date.timeIntervalSince1970 * 1000)) }

    /// The name of a destination that no other test uses.
    func name(_ destination: String = "a") -> String { "\(number)-\(destination)" }

    /// The destination of that name.
    func store(_ destination: String = "a") -> MemoryStore { MemoryStore.named(name(destination)) }

    /// `memory` entries of `into:`, such as `a` or `b: {scope: run}`.
    func into(_ destinations: [String]) -> String {
        let entries = destinations.map { text in
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let options = parts.count > 1 ? parts[1].trimmingCharacters(in: CharacterSet(charactersIn: " {}")) : ""
            return "memory: {name: \(name(parts[0]))\(options.isEmpty ? "" : ", " + options)}"
        }
        return "[" + entries.map { "{\($0)}" }.joined(separator: ", ") + "]"
    }

    /// The job of three weeks from Monday 2024-01-01, in windows of a week, ten rows a day; lines of YAML change it.
    func yaml(_ export: String = "", query: String = "", api: String = "", into: [String] = ["a"]) -> String {
        """
        name: job
        api: {requests_per_second: 100000\(api.isEmpty ? "" : ", " + api)}
        exports:
        \(self.export(export, query: query, into: into))
        """
    }

    /// One export of a job.
    func export(_ lines: String = "", name: String = "one", query: String = "", into: [String] = ["a"]) -> String {
        let query = query.isEmpty ? RunWorld.query : query
        return """
              - name: \(name)
                query: {\(query)}
                into: \(self.into(into))
            \(lines.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
            """
    }

    static let query = """
        ds_id: AW, ds_accounts: ["123-456-7890"], fields: [Date, AccountID, AdID, Impressions, Cost], \
        start_date: 2024-01-01, end_date: 2024-01-21
        """

    static let export = ExportID(job: "job", export: "one")

    func job(_ yaml: String) throws -> Job {
        let context = JobContext(environment: [:], now: now, sinks: [MemorySink.self])
        return try JobFile.parse(yaml, source: "job.yaml", context) { _ throws(SecretFileError) in "" }
    }

    func jobRun(_ yaml: String, _ change: (inout RunOptions) -> Void = { _ in }) throws -> JobRun {
        var job = try job(yaml)
        job.api.baseURL = sandbox.baseURL
        var options = RunOptions()
        change(&options)
        let (clock, events) = (clock, events)
        return JobRun(
            job: job,
            installed: [MemorySink.self],
            options: options,
            credential: try Credential.apiKey(sandbox.apiKey),
            cores: 2,
            clock: clock,
            now: { Timestamp(milliseconds: Int64(clock.date.timeIntervalSince1970 * 1000)) },
            report: { events.note($0) }
        )
    }

    func run(_ yaml: String, _ change: (inout RunOptions) -> Void = { _ in }) async throws -> RunSummary {
        try await jobRun(yaml, change).run()
    }

    /// The rows of a query as one plain call gives them, as texts; without faults and traces.
    func expected(_ query: JSONObject) async throws -> [[String?]] {
        let before = sandbox.options
        sandbox.update { ($0.faults, $0.queryTime, $0.requestsPerSecond) = ([], .zero, nil) }
        defer {
            sandbox.update { options in
                (options.faults, options.queryTime) = (before.faults, before.queryTime)
                options.requestsPerSecond = before.requestsPerSecond
            }
        }
        var configuration = SupermetricsClient.Configuration(credential: try Credential.apiKey(sandbox.apiKey))
        configuration.baseURL = sandbox.baseURL
        return try await withSupermetricsClient(configuration) { client in
            var plain = DataQuery(query)
            plain.settings["no_headers"] = true
            return try await client.queries.execute(plain).value.rows.map {
                $0.map(\.textValue)
            }
        }
    }

    /// The rows of `RunWorld.query` for these days and accounts.
    func expected(
        _ start: String = "2024-01-01",
        _ end: String = "2024-01-21",
        accounts: [String] = ["123-456-7890"],
        fields: [String] = ["Date", "AccountID", "AdID", "Impressions", "Cost"]
    ) async throws -> [[String?]] {
        try await expected([
            "ds_id": "AW", "ds_accounts": .array(accounts.map { .string($0) }),
            "fields": .array(fields.map { .string($0) }), "start_date": .string(start), "end_date": .string(end),
        ])
    }

    /// The phases of the requests since the log was last cleared.
    var phases: [Fault.Phase] { sandbox.requests.map(\.phase) }
}

/// Runs `body` in a world of its own.
func withRunWorld<R>(
    _ change: (inout SandboxOptions) -> Void = { _ in },
    _ body: (RunWorld) async throws -> R
) async throws -> R {
    let clock = QuickClock()
    var options = SandboxOptions()
    options.clock = clock
    options.now = { clock.date }
    options.hostileRate = 0
    change(&options)
    return try await withSandbox(options) { sandbox in try await body(RunWorld(sandbox, clock)) }
}

/// Compares rows; where they differ it tells of the first place alone.
func expectSame(
    _ rows: [[String?]],
    _ expected: [[String?]],
    _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard rows != expected else { return }
    let place = zip(rows, expected).prefix { $0 == $1 }.count
    func row(_ rows: [[String?]]) -> String { place < rows.count ? "\(rows[place])" : "none" }
    Issue.record(
        "\(comment) \(rows.count) rows, \(expected.count) expected; row \(place): \(row(rows)), not \(row(expected))",
        sourceLocation: sourceLocation
    )
}

extension RunSummary {
    /// The failures as `kind: message`, for comparison.
    var texts: [String] { allFailures.map { "\($0.kind.rawValue): \($0.message)" } }

    /// What the export of that name came to.
    func export(_ name: String = "one") -> ExportSummary? { exports.first { $0.name == name } }
}

enum JSONText {
    /// A value as JSON text.
    static func encode(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }
}
