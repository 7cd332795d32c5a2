import Foundation
import PipelineCore

@testable import FileLoading

/// The plainest format there is: a line of names, then a line per row, cells separated by a bar.
struct LineFormat: FileFormat {
    let name = "txt"
    var dialect = ""

    func renderer(for schema: Schema) throws(SinkError) -> any RowRenderer { Lines(schema: schema) }

    struct Lines: RowRenderer {
        let schema: Schema
        var header: [UInt8] { Array((schema.names.joined(separator: "|") + "\n").utf8) }
        func render(_ batch: Batch, into output: inout [UInt8]) throws(SinkError) {
            for row in 0..<batch.rowCount {
                for column in 0..<batch.columnCount {
                    output += batch.bytes[batch.cells[row * batch.columnCount + column].range]
                    output.append(UInt8(ascii: column + 1 < batch.columnCount ? "|" : "\n"))
                }
            }
        }
    }
}

struct LineSink: FileSink {
    struct Options: SinkOptions {
        enum CodingKeys: String, CodingKey, CaseIterable { case path }
        var path: String
    }

    static let kind = "txt"
    let files: FileTarget

    init(_ path: String, _ compression: CompressionOption? = nil, dialect: String = "") throws {
        files = try FileTarget(path: path, compression: compression, format: LineFormat(dialect: dialect))
    }

    init(_ location: FileTarget.Location, _ compression: CompressionOption? = nil) throws {
        files = try FileTarget(location: location, "", compression, nil, LineFormat())
    }

    static func withSink<R>(_ options: Options, _ body: (LineSink) async throws -> R) async throws -> R {
        try await body(LineSink(options.path))
    }
}

/// Runs of one export, each in a line.
struct Loader {
    static let export = ExportID(job: "nightly", export: "ads")
    static let day: Int64 = 24 * 3600 * 1000

    var sink: LineSink
    var export = Loader.export
    var schema = Schema([Column(name: "window", type: .text), Column(name: "note", type: .text)])
    var createdAt = Timestamp(milliseconds: 1_718_000_000_000)
    var fingerprint = "f1"
    var runID = "run-1"

    func plan(_ windows: [Window], replacesAll: Bool = false) -> RunPlan {
        RunPlan(
            windows: windows,
            range: nil,
            fingerprint: fingerprint,
            layout: Layout(size: "week", perAccount: false),
            replacesAll: replacesAll,
            createdAt: createdAt
        )
    }

    /// Loads the windows of `planned` that are not `staged`, or just those of `loading`, a row each for every note.
    func run(
        _ planned: [Window],
        loading: [Window]? = nil,
        notes: [String],
        isComplete: Bool = true,
        shard: Shard? = nil,
        keepsExisting: Bool = false,
        during: (any SinkRun) async throws -> Void = { _ in }
    ) async throws {
        let request = RunRequest(export: export, runID: runID, shard: shard, keepsExisting: keepsExisting)
        try await sink.withRun(request) { run in
            try await run.begin(plan(planned))
            for window in loading ?? planned { try await load(run, window, notes) }
            try await during(run)
            return isComplete
        }
    }

    func load(_ run: any SinkRun, _ window: Window, _ notes: [String]) async throws {
        _ = try await run.load(Load(window: window, schema: schema)) { session in
            if !notes.isEmpty { try await session.write(session.encode(batch(window, notes))) }
            return checkpoint(window, rows: notes.count)
        }
    }

    func batch(_ window: Window, _ notes: [String]) -> Batch {
        var (bytes, cells) = ([UInt8](), [Cell]())
        for text in notes.flatMap({ [window.description, $0] }) {
            cells.append(Cell(.text, offset: bytes.count, length: text.utf8.count))
            bytes += text.utf8
        }
        return Batch(schema: schema, bytes: bytes, cells: cells, rowCount: notes.count)
    }

    func checkpoint(_ window: Window, rows: Int) -> Checkpoint {
        Checkpoint(
            window: window,
            export: export,
            covers: DateRange(Day(number: 19_723)),
            accounts: ["1", "2"],
            counts: RowCounts(api: rows, received: rows, loaded: rows),
            fetchedAt: Timestamp(milliseconds: 1_718_000_000_123),
            settled: true,
            fingerprint: fingerprint,
            layout: Layout(size: "week", perAccount: window.account != nil),
            runID: "run-1",
            scheduleIDs: ["schedule-1"],
            requestIDs: ["request-1"],
            requests: 3,
            sampled: false,
            schema: schema
        )
    }
}

extension Window {
    /// Week `number` of 2024, counted from 0.
    static func week(_ number: Int, account: String? = nil) -> Window {
        let start = Day(number: 19_723 + 7 * number)
        let cell = DateRange(start, start.advanced(by: 6)).map(GridCell.days) ?? .all
        return Window(id: WindowID(Int64(1000 + number)), cell: cell, account: account)
    }
}

/// The error of a sink that `body` throws; nil where it throws none or another.
func sinkError(_ body: () async throws -> Void) async -> SinkError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? SinkError
    }
}
