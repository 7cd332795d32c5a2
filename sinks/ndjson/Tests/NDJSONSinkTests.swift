import FileLoading
import Foundation
import NDJSONSink
import PipelineCore
import PipelineTesting
import TestSupport
import Testing

@Suite struct NDJSONSinkTests {
    @Test(
        arguments: ["lake/", "out.ndjson"],
        SinkConformance.Law.allCases.filter { $0 != .rejectedRowsCommitWithTheirWindow }
    )
    func conforms(_ name: String, to law: SinkConformance.Law) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/" + name
        let options = NDJSONSink.Options(path: path, compression: CompressionOption.none)
        try await SinkConformance(
            open: { body in try await NDJSONSink.withSink(options) { try await body($0) } },
            rows: { try readRows(path) },
            removeRows: { window in
                try FileManager.default.removeItem(atPath: "\(path)window=\(window.cell)/part-0.ndjson")
            }
        ).check(law)
    }

    @Test func anEmptyWindowIsAnEmptyFile() async throws {
        let folder = try TemporaryFolder()
        let export = ExportID(job: "job", export: "export")
        let window = Window(id: WindowID(1), cell: .all)
        let schema = Schema([Column(name: "a", type: .text)])
        let options = NDJSONSink.Options(path: folder.path + "/", compression: CompressionOption.none)
        try await NDJSONSink.withSink(options) { sink in
            try await sink.withRun(RunRequest(export: export, runID: "run")) { run in
                _ = try await run.load(Load(window: window, schema: schema)) { _ in
                    Checkpoint(window, of: export, rows: 0, schema: schema)
                }
                return true
            }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/window=all/part-0.ndjson")).isEmpty)
    }

    @Test func optionsAreReadFromTheJobFile() throws {
        func decode(_ text: String) throws -> NDJSONSink.Options {
            try JSONDecoder().decode(NDJSONSink.Options.self, from: Data(text.utf8))
        }
        let options = try decode(#"{"path": "x/", "compression": "none", "level": 3}"#)
        #expect(options == NDJSONSink.Options(path: "x/", compression: CompressionOption.none, level: 3))
        #expect(try decode(#"{"path": "-"}"#) == NDJSONSink.Options(path: "-"))
        #expect(throws: DecodingError.self) { try decode(#"{"path": "x/", "compression": "zip"}"#) }
    }
}

/// The rows a reader sees below `path`, in window order; a number is told with its own digits.
private func readRows(_ path: String) throws -> [[String?]] {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted()
    let files = folders.map { $0.filter { $0.hasPrefix("window=") }.map { "\(path)\($0)/part-0.ndjson" } } ?? [path]
    return try files.filter(FileManager.default.fileExists).flatMap { file in
        try String(decoding: Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self).utf8
            .split(separator: UInt8(ascii: "\n")).map { try values(String(Substring($0))) }
    }
}

/// The members' values of one flat object in the order in which they stand.
private func values(_ line: String) throws -> [String?] {
    var (tokens, token, isString) = ([[UInt8]](), [UInt8](), false)
    var bytes = line.utf8.makeIterator()
    while let byte = bytes.next() {
        switch byte {
        case UInt8(ascii: "\""): isString.toggle()
        case UInt8(ascii: "\\"):
            token.append(byte)
            if let next = bytes.next() { token.append(next) }
            continue
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "}"):
            if isString { break }
            tokens.append(token)
            token = []
            continue
        case UInt8(ascii: "{") where !isString: continue
        default: break
        }
        token.append(byte)
    }
    return try stride(from: 1, to: tokens.count, by: 2).map { index in
        let text = String(decoding: tokens[index], as: UTF8.self)
        guard text.hasPrefix("\"") else { return text == "null" ? nil : text }
        return try JSONDecoder().decode(String.self, from: Data(tokens[index]))
    }
}
