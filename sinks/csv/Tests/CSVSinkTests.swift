import ByteCodecs
import CSVSink
import FileLoading
import Foundation
import PipelineCore
import PipelineTesting
import TestSupport
import Testing

@Suite struct CSVSinkTests {
    private func decode(_ text: String) throws -> CSVSink.Options {
        try JSONDecoder().decode(CSVSink.Options.self, from: Data(text.utf8))
    }

    @Test func optionsAreReadFromTheJobFile() throws {
        #expect(try decode(#"{"path": "x/"}"#) == CSVSink.Options(path: "x/"))
        var dialect = CSVOptions()
        dialect.delimiter = UInt8(ascii: ";")
        dialect.quote = .nonnumeric
        dialect.null = "NULL"
        dialect.header = false
        dialect.bom = true
        dialect.lineEnding = .crlf
        dialect.escapeFormulas = true
        let text = """
            {"path": "out.csv", "delimiter": ";", "quote": "nonnumeric", "null": "NULL", "header": false, "bom": true,
             "line_ending": "crlf", "escape_formulas": true, "compression": "gzip", "level": 9}
            """
        #expect(
            try decode(text) == CSVSink.Options(path: "out.csv", dialect: dialect, compression: .gzip, level: 9)
        )
        let keys = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]).keys
        #expect(Set(keys) == Set(CSVSink.Options.CodingKeys.allCases.map(\.stringValue)))
    }

    @Test(arguments: [
        (#"{"path": "x", "quote": "some"}"#, "quote", "minimal, all or nonnumeric"),
        (#"{"path": "x", "line_ending": "cr"}"#, "line_ending", "lf or crlf"),
        (#"{"path": "x", "compression": "zip"}"#, "compression", "gzip or none"),
        (#"{"path": "x", "delimiter": "||"}"#, "delimiter", "one character"),
        (#"{"path": "x", "level": 0}"#, "level", "1 (fast) to 9 (small)"),
    ])
    func aWrongOptionSaysWhatMayStandThere(_ text: String, _ key: String, _ choices: String) throws {
        let error = #expect(throws: DecodingError.self) { try decode(text) }
        guard case .dataCorrupted(let context) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(context.codingPath.last?.stringValue == key)
        #expect(context.debugDescription.contains(choices))
    }

    @Test func optionsThatNoReaderUnderstandsAreRefused() throws {
        var dialect = CSVOptions()
        dialect.delimiter = UInt8(ascii: "\n")
        let error = #expect(throws: SinkError.self) { try CSVSink(CSVSink.Options(path: "x/", dialect: dialect)) }
        #expect(error?.code == .configuration && error?.description.contains("delimiter") == true)
    }

    @Test func everyFileBeginsAsTheOptionsSayOnce() async throws {
        let folder = try TemporaryFolder()
        var dialect = CSVOptions()
        dialect.bom = true
        dialect.lineEnding = .crlf
        let options = CSVSink.Options(path: folder.path + "/out.csv.gz", dialect: dialect)
        let (export, schema) = (ExportID(job: "job", export: "export"), Scenario.schema)
        let windows = [Window.week(0), Window.week(1)]
        try await CSVSink.withSink(options) { sink in
            try await sink.withRun(RunRequest(export: export, runID: "run")) { run in
                try await run.begin(
                    RunPlan(
                        windows: windows,
                        range: nil,
                        fingerprint: "f",
                        layout: Layout(size: "week", perAccount: false),
                        createdAt: Timestamp(milliseconds: 0)
                    )
                )
                for window in windows {
                    _ = try await run.load(Load(window: window, schema: schema)) { session in
                        try await session.write(session.encode(Batch(schema, rows: [["1", nil]])))
                        return Checkpoint(window, of: export, rows: 1, schema: schema)
                    }
                }
                return true
            }
        }
        let text = try String(decoding: inflateOneMember(folder.bytes("out.csv.gz")), as: UTF8.self)
        #expect(text == "\u{FEFF}week,note\r\n1,\r\n1,\r\n")
    }
}
