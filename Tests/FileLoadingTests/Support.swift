import CZlib
import Foundation
import PipelineCore

@testable import FileLoading

/// A folder of its own for one test, removed with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Every file and folder below, sorted.
    func listing(_ below: String = "") throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path + "/" + below).sorted()
    }

    func contents(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    func text(_ name: String) throws -> String {
        let bytes = try contents(name)
        return String(decoding: bytes.starts(with: [0x1F, 0x8B]) ? try inflateOneMember(bytes) : bytes, as: UTF8.self)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }
}

struct NotOneMember: Error {
    var reason: String
}

/// The content of a gzip file that must be exactly one member (RFC 1952 §2.2), as a reader without luck needs it.
func inflateOneMember(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = unsafe z_stream()
    guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        throw NotOneMember(reason: "no memory")
    }
    defer { unsafe inflateEnd(&stream) }
    var (input, output, chunk) = (bytes, [UInt8](), [UInt8](repeating: 0, count: 1 << 16))
    return try unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        var result = Z_OK
        while result == Z_OK {
            result = unsafe chunk.withUnsafeMutableBufferPointer { target in
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = UInt32(target.count)
                return unsafe inflate(&stream, Z_NO_FLUSH)
            }
            output += unsafe chunk[..<(chunk.count - Int(stream.avail_out))]
        }
        guard result == Z_STREAM_END else { throw NotOneMember(reason: "inflate says \(result)") }
        guard unsafe stream.avail_in == 0 else { throw NotOneMember(reason: "bytes follow the member") }
        return output
    }
}

/// The plainest format there is: a line of names, then a line per row, cells separated by a bar.
struct LineFormat: FileFormat {
    let name = "txt"

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

    init(_ path: String, _ compression: CompressionOption? = nil) throws {
        files = try FileTarget(path: path, compression: compression, format: LineFormat())
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
        during: (any SinkRun) async throws -> Void = { _ in }
    ) async throws {
        try await sink.withRun(RunRequest(export: export, runID: "run-1", shard: shard)) { run in
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
