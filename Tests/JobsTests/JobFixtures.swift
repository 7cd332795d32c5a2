import Foundation
import Jobs
import PipelineCore

/// The parts a test of the job file needs: sinks that only have options.
enum JobFixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    static let isRecording = ProcessInfo.processInfo.environment["RECORD_FIXTURES"] != nil

    /// 2024-03-15, a Friday, at noon UTC.
    static let now = Timestamp(Day(number: 19_797), plusSeconds: 43_200)
    static let environment = [
        "DATABASE_URL": "postgres://user:hunter2@db/ads", "PEPPER": "s3cr3t", "EMPTY": "", "ACCOUNT": "42",
        "INJECTION": "x\"}\nname: other\n${PEPPER} *a &b !c", "WORD": "sometimes", "NUMBER": "7",
    ]

    static func context(
        environment: [String: String] = environment,
        sinks: [any Sink.Type] = [CSVStub.self, NDJSONStub.self]
    ) -> JobContext {
        JobContext(environment: environment, now: now, sinks: sinks)
    }

    static func parse(_ text: String, environment: [String: String] = environment) throws(JobFileError) -> Job {
        try JobFile.parse(text, source: "job.yaml", context(environment: environment)) {
            path throws(SecretFileError) in
            switch path {
            case "secret.txt": return "hunter2\n"
            case "crlf.txt": return "hunter2\r\n"
            case "two.txt": return "hunter2\n\n"
            default: throw SecretFileError("there is no such file")
            }
        }
    }

    /// A job of one export whose keys are given as YAML, each line indented by four spaces.
    static func export(_ lines: String) -> String {
        """
        name: job
        exports:
          - name: one
            into: [{csv: {path: out/}}]
        \(lines.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }.joined(separator: "\n"))
        """
    }

    /// The mistakes of a text; empty where there are none.
    static func mistakes(_ text: String, environment: [String: String] = environment) -> [String] {
        do throws(JobFileError) {
            _ = try parse(text, environment: environment)
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }
}

enum Quoting: String, Decodable, CaseIterable { case minimal, all, nonnumeric }

struct CSVStub: Sink {
    struct Options: SinkOptions {
        enum CodingKeys: String, CodingKey, CaseIterable {
            case path, format, delimiter, quote, null, header, bom, newline, compression, level
            case escapeFormulas = "escape_formulas"
        }
        var path: String
        var format: String?
        var delimiter: String?
        var quote: Quoting?
        var null: String?
        var header: Bool?
        var bom: Bool?
        var newline: String?
        var compression: String?
        var level: Int?
        var escapeFormulas: Bool?
    }
    static let kind = "csv"
    let options: Options
    static func withSink<R>(_ options: Options, _ body: (CSVStub) async throws -> R) async throws -> R {
        try await body(CSVStub(options: options))
    }
}

struct NDJSONStub: Sink {
    struct Options: SinkOptions {
        static let reservedColumns: Set<String> = ["xmin"]
        enum CodingKeys: String, CodingKey, CaseIterable { case path, compression, level }
        var path: String
        var compression: String?
        var level: Int?
    }
    static let kind = "ndjson"
    let options: Options
    static func withSink<R>(_ options: Options, _ body: (NDJSONStub) async throws -> R) async throws -> R {
        try await body(NDJSONStub(options: options))
    }
}

/// Options of every shape a sink may ask for.
struct WideStub: Sink {
    struct Options: SinkOptions {
        enum CodingKeys: String, CodingKey, CaseIterable { case table, key, grants, retries, ratio, port }
        struct Grants: Decodable { var select: [String] }
        var table: String
        var key: [String]
        var grants: Grants?
        var retries: UInt8?
        var ratio: Double?
        var port: Port?
    }
    struct Port: Decodable {
        var number: Int
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            number = try container.decode(Int.self)
            guard number < 65_536 else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "a port is below 65536")
            }
        }
    }
    static let kind = "wide"
    let options: Options
    static func withSink<R>(_ options: Options, _ body: (WideStub) async throws -> R) async throws -> R {
        try await body(WideStub(options: options))
    }
}

protocol StubSink: Sink {}
extension CSVStub: StubSink {}
extension NDJSONStub: StubSink {}
extension WideStub: StubSink {}
extension StubSink {
    var destination: String { Self.kind }
    var scope: CommitScope { .window }
    var mode: LoadMode { .replaceWindow }
    var key: [String] { [] }
    var concurrentLoads: Int { 1 }
    func ledger(of export: ExportID) async throws(SinkError) -> Ledger { Ledger() }
    func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote] { [] }
    func withRun(_ request: RunRequest, _ body: (any SinkRun) async throws -> Bool) async throws {}
}
