import ByteCodecs
import CSVSink
import Conversion
import Foundation
import NDJSONSink
import PipelineCore
import PipelineTesting
import SupermetricsAPI
import Synchronization
import Testing

@testable import Jobs

#if Postgres
import PostgresSink
import PostgresTesting
import TestSupport
#endif

/// Values that break careless programs, from the bytes of an answer through every type into every sink: each lands
/// exactly or goes to quarantine with its reason.
@Suite("Hostile corpus", .timeLimit(.minutes(10)))
struct HostileCorpusTests {
    static let texts: [String] = [
        "12", "-0", "007", "1e400", "1e-400", "-1e400", "1e131073", "0e999999999999999999999", "١٢٣", "１２３", "12,5",
        "1.234.567", "0x1F", "NaN", "Infinity", "--1", "+5", "1 ", ".5", "5.",
        String(repeating: "9", count: 40), "-" + String(repeating: "1", count: 19), "9223372036854775808",
        "-9223372036854775808", "9007199254740993", "12345678901234567890.123456789012345678901234567890",
        "0." + String(repeating: "0", count: 400) + "1", "1.7976931348623157e308", "5e-324", "2e308",
        "2024-02-29", "2024-02-30", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2024-1-1",
        "2024-02-29T12:00:00+02:00", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00", "2024-02-29 12:00:00.123456",
        "2024-02-29 12:00:00.1234567", "2024-02-29 24:00:00", "2024-02-29 23:59:60",
        "2024-02-29 12:00:00 Europe/Helsinki",
        "TRUE", "yes", "maybe", "null", "", " ", "\u{FEFF}12", "a\0b", "\u{0}", "\u{202E}12", "{\"a\":1", "[1,2]",
        "{\"a\": [null]}", "\"a\\u0000b\"", "\"", "\\", "\\N", "\\.", "a\nb", "a\r\nb", "a,b", "=1+1", "👩‍👩‍👧‍👦", "e\u{301}",
        String(repeating: "x", count: 1 << 20), String(repeating: "\"", count: 1 << 20),
    ]

    /// Cells that are no strings.
    static let tokens = [
        "null", "true", "false", "-0", "-0.0", "0", "1e400", "-1E+400", "1e-400", "12.50", "9007199254740993",
        String(repeating: "9", count: 40), "-12345678901234567890.5", "{\"a\": [1, \"\\n\"]}", "[]",
        "[[[[[[[[1]]]]]]]]",
    ]

    /// Strings that are no text, as sent.
    static let broken: [[UInt8]] =
        ["\\ud800", "a\\udc00b", "\\ud800\\ud800", "\\ude00\\ud83d"].map { quoted(Array($0.utf8)) }
        + ([[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]]).map(quoted)

    /// One cell of the corpus.
    struct Case {
        /// As sent.
        var json: [UInt8]
        /// What it stands for; nil where that is null, or no text.
        var text: String?
        var isText = true
    }

    static let cases: [Case] = {
        var cases: [Case] = []
        for text in texts {
            // With as few characters escaped as possible, and with all.
            cases.append(Case(json: Array(JSONValue.string(text).serialized), text: text))
            guard text.utf8.count < 1 << 16 else { continue }
            var escaped = ""
            for unit in text.utf16 { escaped += "\\u" + String(0x10000 + UInt32(unit), radix: 16).dropFirst() }
            cases.append(Case(json: quoted(Array(escaped.utf8)), text: text))
        }
        for token in tokens { cases.append(Case(json: Array(token.utf8), text: token == "null" ? nil : token)) }
        for bytes in broken { cases.append(Case(json: bytes, isText: false)) }
        return cases
    }()

    private static func quoted(_ bytes: [UInt8]) -> [UInt8] { [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")] }

    static let types = ["text", "decimal", "decimal(18,6)", "int64", "double", "bool", "date", "timestamp", "json"]

    /// An answer whose rows are the corpus, each with its number.
    private static var body: [UInt8] {
        var body = Array(#"{"meta":{},"data":["#.utf8)
        for (id, value) in cases.enumerated() {
            body += "\(id > 0 ? "," : "")[\(id),".utf8
            body += value.json
            body += "]".utf8
        }
        return body + Array("]}".utf8)
    }

    /// The batches of the corpus as the reader makes them, with the rows it left out.
    private func read(_ schema: Schema) throws -> [(batch: Batch, rejects: Rejects)] {
        var reader = RowReader(batchSize: 2000)
        reader.schema = schema
        reader.beginBody()
        var read: [(batch: Batch, rejects: Rejects)] = []
        func take(_ batch: Batch, _ bad: [BadRow]) {
            let rejects = bad.map { row in
                var reject = Reject(row: row.row, column: schema.columns[row.column].name, rule: row.fault.description)
                reject.read = row.cells
                return reject
            }
            read.append((batch, Rejects(rejects)))
        }
        let body = Self.body
        var offset = 0
        while let event = try reader.next(from: body.span, at: &offset) {
            if case .batch(let batch, let bad) = event { take(batch, bad) }
        }
        while true {
            let event = try reader.finish()
            if case .batch(let batch, let bad) = event { take(batch, bad) }
            if case .end = event { break }
        }
        if let (batch, bad) = reader.flush() { take(batch, bad) }
        return read
    }

    /// What a sink made of the corpus.
    private struct Landed {
        /// The values by the number of their row; null is nil.
        var values: [Int: String?] = [:]
        /// The rules of the rejected rows.
        var rejected: [Int: String] = [:]
    }

    /// Takes the corpus through a cast to `type` into `sink`, bad rows to quarantine.
    private func load(_ type: String, into sink: some Sink) async throws -> Pumped {
        let schema = Schema([Column(name: "id", type: .int64), Column(name: "it", type: .text)])
        let cast = CastStage([.init("it", to: try #require(ColumnType(type)))])
        let pipeline = try BoundPipeline(reading: schema, through: [cast], keepsRejects: true)
        let window = Window(id: WindowID(1), cell: .all)
        let export = ExportID(job: "hostile", export: sink.destination)
        let batches = try read(schema)
        let result = Mutex(Pumped())
        try await sink.withRun(RunRequest(export: export, runID: "run")) { run in
            _ = try await run.load(Load(window: window, schema: pipeline.output)) { session in
                let lane = Lane(session)
                let pump = Pump(
                    process: { batch, rejects, number, land in
                        try await pipeline.process(
                            &batch,
                            rejecting: &rejects,
                            number: number,
                            wait: { _ in },
                            pass: { _ in },
                            land: land
                        )
                    },
                    lanes: [lane],
                    badRows: Pump.BadRows(areKept: true),
                    slots: BatchSlots(2),
                    recycle: { _ in },
                    wrote: { _ in }
                )
                var rest = batches[...]
                let pumped = try await pump.run { rest.popFirst() }
                if let failure = lane.failure { throw failure }
                result.withLock { $0 = pumped }
                return Checkpoint(window, of: export, rows: pumped.loaded, schema: pipeline.output)
            }
            return true
        }
        return result.withLock { $0 }
    }

    /// Holds what landed to the corpus: every row landed exactly, or was rejected with a rule.
    private func judge(_ landed: Landed, _ type: String, _ pumped: Pumped) throws {
        #expect(pumped.loaded == landed.values.count && pumped.rejected == landed.rejected.count)
        #expect(Set(landed.values.keys).isDisjoint(with: landed.rejected.keys))
        #expect(Set(landed.values.keys).union(landed.rejected.keys) == Set(Self.cases.indices))
        for (id, rule) in landed.rejected {
            #expect(!rule.isEmpty)
            // What a rule says is the same for all values that break it.
            #expect(rule.utf8.count < 90)
            #expect(type != "text" || !Self.cases[id].isText || Self.cases[id].text?.contains("\0") == true)
        }
        for (id, value) in landed.values {
            let source = Self.cases[id]
            #expect(source.isText)
            guard let value else {
                let isNull =
                    source.text == nil || (type != "text" && source.text == "")
                    || (type == "json" && source.text == "null")
                #expect(isNull, "\(type) \(id)")
                continue
            }
            let text = try #require(source.text)
            #expect(Self.meaning(value, of: type) == Self.meaning(text, of: type), "\(type) \(text.prefix(60))")
            #expect(Self.meaning(value, of: type) != nil)
        }
    }

    /// What a value is worth, so that two spellings of it can be compared; nil where it is no value of the type.
    private static func meaning(_ text: String, of type: String) -> String? {
        let bytes = Array(text.utf8)
        switch type {
        case "decimal", "decimal(18,6)", "int64":
            guard let number = DecimalText(bytes.span) else { return nil }
            var form: [UInt8] = []
            number.appendCanonical(bytes.span, to: &form)
            return String(decoding: form, as: UTF8.self)
        case "double": return Double(text).map { "\($0 + 0)" }
        case "bool": return BoolText.value(bytes.span).map { "\($0)" }
        case "timestamp":
            let whole = bytes.count == 10 ? bytes + Array(" 00:00:00".utf8) : bytes
            return DateText.timestamp(whole.span).map { "\($0)" }
        case "json": return (try? JSONValue(parsing: bytes)).map { String(decoding: $0.serialized, as: UTF8.self) }
        default: return text
        }
    }

    // MARK: Files

    @Test("Every value of every type lands in CSV and NDJSON exactly or is in quarantine with a rule", arguments: types)
    func files(type: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        let csv = try await CSVSink.withSink(.init(path: path + "/csv/")) { try await load(type, into: $0) }
        try judge(
            Landed(
                values: Self.csv(try gunzipped(path + "/csv/window=all/part-0.csv.gz")),
                rejected: try rejected(path + "/csv/window=all/")
            ),
            type,
            csv
        )
        let ndjson = try await NDJSONSink.withSink(.init(path: path + "/ndjson/")) { try await load(type, into: $0) }
        var values: [Int: String?] = [:]
        for line in try gunzipped(path + "/ndjson/window=all/part-0.ndjson.gz").split(separator: UInt8(ascii: "\n")) {
            let row = try JSONValue(parsing: Array(line))
            let id = try #require(row["id"]?.textValue.flatMap { Int($0) })
            let value = try #require(row["it"])
            // A text is itself, anything else is as it is written.
            values[id] =
                if value.isNull { .some(nil) } else if case .string(let text) = value, type != "json" { text } else {
                    String(decoding: value.serialized, as: UTF8.self)
                }
        }
        try judge(Landed(values: values, rejected: try rejected(path + "/ndjson/window=all/")), type, ndjson)
        #expect(csv.rejected == ndjson.rejected && csv.loaded == ndjson.loaded)
    }

    private func gunzipped(_ path: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(path) is no whole gzip file")
        return Array(data)
    }

    private func rejected(_ folder: String) throws -> [Int: String] {
        var rules: [Int: String] = [:]
        for line in try gunzipped(folder + "_rejected.ndjson.gz").split(separator: UInt8(ascii: "\n")) {
            // A lone surrogate stands in the cells as it was sent, which no reader of JSON takes.
            let facts = try #require(line.firstRange(of: Array(#","cells":"#.utf8)).map { line[..<$0.lowerBound] })
            let row = try JSONValue(parsing: facts + [UInt8(ascii: "}")])
            let number = try #require(row["row"]?.textValue.flatMap { Int($0) })
            rules[number - 1] = try #require(row["rule"]?.textValue)
        }
        return rules
    }

    /// Reads a CSV file (RFC 4180) with a header; null is the empty field without quotes.
    private static func csv(_ bytes: [UInt8]) -> [Int: String?] {
        var (rows, row): ([[String?]], [String?]) = ([], [])
        var (field, isQuoted, position): ([UInt8], Bool, Int) = ([], false, 0)
        func end() {
            row.append(field.isEmpty && !isQuoted ? nil : String(decoding: field, as: UTF8.self))
            (field, isQuoted) = ([], false)
        }
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                isQuoted = true
                position += 1
                while position < bytes.count {
                    if bytes[position] == UInt8(ascii: "\"") {
                        guard position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\"") else { break }
                        position += 1
                    }
                    field.append(bytes[position])
                    position += 1
                }
            case UInt8(ascii: ","): end()
            case UInt8(ascii: "\n"):
                end()
                rows.append(row)
                row = []
            default: field.append(bytes[position])
            }
            position += 1
        }
        return Dictionary(rows.dropFirst().map { (Int($0[0] ?? "") ?? -1, $0[1]) }) { first, _ in first }
    }

    // MARK: PostgreSQL

    #if Postgres
    @Test("Every value of every type lands in PostgreSQL exactly or is in quarantine with a rule", arguments: types)
    func postgres(type: String) async throws {
        try await PostgresServer.shared().withDatabase { database in
            let options = PostgresSink.Options(url: database.url, table: "public.corpus")
            let pumped = try await PostgresSink.withSink(options) { try await load(type, into: $0) }
            func rows(_ query: String) async throws -> [(Int, String?)] {
                try await database.query(query).split(separator: "\n").compactMap { line in
                    let parts = line.split(separator: "|", omittingEmptySubsequences: false)
                    let digits = Array(parts[1].utf8)
                    let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                        UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
                    }
                    return (Int(parts[0]) ?? -1, parts[1] == "~" ? nil : String(decoding: bytes, as: UTF8.self))
                }
            }
            let values = try await rows(
                "SELECT id, coalesce(encode(convert_to(it::text, 'UTF8'), 'hex'), '~') FROM public.corpus"
            )
            let rejected = try await rows(
                "SELECT row_number - 1, encode(convert_to(rule, 'UTF8'), 'hex') FROM sluice.rejected"
            )
            try judge(
                Landed(
                    values: Dictionary(uniqueKeysWithValues: values.map { ($0, $1) }),
                    rejected: Dictionary(uniqueKeysWithValues: rejected.map { ($0, $1 ?? "") })
                ),
                type,
                pumped
            )
        }
    }
    #endif
}
