import ByteCodecs
import CSVSink
import Conversion
import FileLoading
import Foundation
import NDJSONSink
import PipelineCore
import PipelineTesting
import SupermetricsAPI
import Testing

/// Values that break careless programs, through every type into every sink: each lands exactly or goes to quarantine.
@Suite("Hostile corpus", .timeLimit(.minutes(2)))
struct HostileCorpusTests {
    static let texts: [String] = [
        "12", "-0", "007", "1e400", "1e-400", "١٢٣", "１２３", "12,5", "1.234.567", "0x1F", "NaN", "Infinity", "--1", "1 ",
        String(repeating: "9", count: 40), "-" + String(repeating: "1", count: 19), "9223372036854775808",
        "12345678901234567890.123456789012345678901234567890", "0." + String(repeating: "0", count: 400) + "1",
        "2024-02-30", "0000-01-01", "9999-12-31", "10000-01-01", "2024-1-1", "2024-02-29T12:00:00+02:00",
        "2024-02-29T12:00:00Z", "2024-02-29 24:00:00", "2024-02-29 23:59:60", "TRUE", "yes", "maybe", "null", "",
        "\u{FEFF}12", "a\0b", "\u{0}", "\u{202E}12", "{\"a\":1", "[1,2]", "{\"a\": [null]}", "\"", "\\", "a\nb", "a,b",
        "=1+1", "👩‍👩‍👧‍👦", "e\u{301}", String(repeating: "x", count: 1 << 20), String(repeating: "\"", count: 1 << 20),
    ]

    static let types = ["text", "decimal", "decimal(18,6)", "int64", "double", "bool", "date", "timestamp", "json"]

    /// What a value is worth, so that two spellings of it can be compared; nil where it is no value of the type.
    private func meaning(_ text: String, of type: String) -> String? {
        let bytes = Array(text.utf8)
        switch type {
        case "text": return text
        case "decimal", "decimal(18,6)", "int64", "double":
            guard let number = Decimal.exactly(bytes) else { return nil }
            return number
        default: return text
        }
    }

    @Test("Every value of every type lands exactly or is rejected with a rule", arguments: types, [false, true])
    func corpus(type: String, escaping: Bool) async throws {
        let id = Column(name: "id", type: .int64)
        let schema = Schema([id, Column(name: "it", type: .text)])
        let cast = CastStage([.init("it", to: try #require(ColumnType(type)))])
        let pipeline = try BoundPipeline(reading: schema, through: [cast], keepsRejects: true)
        let rows = Self.texts.enumerated().map { ["\($0.offset)", $0.element] as [String?] }
        var (batch, rejects) = (Batch(schema, rows: rows, escaping: escaping), Rejects())
        try pipeline.process(&batch, rejecting: &rejects)
        #expect(batch.rowCount + rejects.rows.count == Self.texts.count)
        #expect(rejects.rows.allSatisfy { !$0.rule.isEmpty && $0.column == "it" && $0.stage == "cast" })
        for reject in rejects.rows {
            #expect(try JSONValue(parsing: reject.cells)["it"]?.textValue == Self.texts[reject.row])
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        try await CSVSink.withSink(.init(path: path + "/csv/", compression: CompressionOption.none)) {
            try await load(batch, rejects, into: $0)
        }
        try await NDJSONSink.withSink(.init(path: path + "/ndjson/", compression: CompressionOption.none)) {
            try await load(batch, rejects, into: $0)
        }
        let window = "/window=all/"
        let landed = try String(contentsOfFile: path + "/ndjson" + window + "part-0.ndjson", encoding: .utf8)
            .split(separator: "\n")
        #expect(landed.count == batch.rowCount)
        for (line, row) in zip(landed, batch.textRows) {
            let number = try #require(row[0].flatMap { Int($0) })
            let source = Self.texts[number]
            guard let text = row[1] else {
                // Only the empty text is null, and in a column of text not even that.
                #expect((source.isEmpty || (type == "json" && source == "null")) && type != "text")
                continue
            }
            if type == "text" {
                #expect(try JSONValue(parsing: Array(line.utf8))["it"]?.textValue == source)
            }
            if let wanted = meaning(source, of: type), type != "bool", type != "timestamp", type != "json" {
                #expect(meaning(text, of: type) == wanted, "\(source.prefix(60))")
            }
        }
        let csv = try Data(contentsOf: URL(fileURLWithPath: path + "/csv" + window + "part-0.csv"))
        #expect(String(data: csv, encoding: .utf8) != nil)
        #expect(
            FileManager.default.fileExists(atPath: path + "/csv" + window + "_rejected.ndjson.gz") == !rejects.rows
                .isEmpty
        )
    }

    private func load(_ batch: Batch, _ rejects: Rejects, into sink: some Sink) async throws {
        let window = Window(id: WindowID(1), cell: .all)
        let export = ExportID(job: "hostile", export: sink.destination)
        try await sink.withRun(RunRequest(export: export, runID: "run")) { run in
            _ = try await run.load(Load(window: window, schema: batch.schema)) { session in
                if !rejects.rows.isEmpty { try await session.quarantine(rejects) }
                try await session.write(session.encode(batch))
                return Checkpoint(window, of: export, rows: batch.rowCount, schema: batch.schema)
            }
            return true
        }
    }
}

private enum Decimal {
    /// The number in a form that equal numbers share; nil where the text is none.
    static func exactly(_ bytes: [UInt8]) -> String? {
        guard let number = DecimalText(bytes.span) else { return nil }
        var text: [UInt8] = []
        number.appendCanonical(bytes.span, to: &text)
        let form = String(decoding: text, as: UTF8.self)
        return form == "-0" ? "0" : form
    }
}
