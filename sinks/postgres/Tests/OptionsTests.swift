#if Postgres
import Foundation
import PipelineCore
import Testing

@testable import PostgresSink

@Suite struct PostgresOptionsTests {
    typealias Options = PostgresSink.Options

    private func decode(_ text: String) throws -> Options {
        try JSONDecoder().decode(Options.self, from: Data(text.utf8))
    }

    @Test func optionsAreReadFromTheJobFile() throws {
        #expect(try decode(#"{"table": "ads.spend"}"#) == Options(table: "ads.spend"))
        let text = """
            {"url": "postgresql://db/ads", "table": "ads.spend", "mode": "merge", "key": ["date", "campaign"],
             "vanished": "keep", "ledger": "etl", "adopt": true, "existing": "keep", "grants": {"select": ["bi", "x y"]},
             "connections": 2}
            """
        #expect(
            try decode(text)
                == Options(
                    url: "postgresql://db/ads",
                    table: "ads.spend",
                    mode: .merge,
                    key: ["date", "campaign"],
                    vanished: .keep,
                    ledger: "etl",
                    adopt: true,
                    existing: .keep,
                    readers: ["bi", "x y"],
                    connections: 2
                )
        )
        let keys = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]).keys
        #expect(Set(keys) == Set(Options.CodingKeys.allCases.map(\.stringValue)))
        let flags = #"{"table": "t", "mode": "merge", "key": "date, campaign"}"#
        #expect(try decode(flags).key == ["date", "campaign"])
    }

    @Test(arguments: [
        (#"{"table": "a.b.c"}"#, "table", "schema.name"), (#"{"table": "a."}"#, "table", "schema.name"),
        (#"{"table": "a.\#(String(repeating: "x", count: 64))"}"#, "table", "keeps 63 bytes"),
        (#"{"table": "t", "key": ["a"]}"#, "key", "mode: merge"),
        (#"{"table": "t", "vanished": "keep"}"#, "vanished", "mode: merge"),
        (#"{"table": "t", "mode": "merge", "key": ["a", "a"]}"#, "key", "twice"),
        (#"{"table": "t", "existing": "keep"}"#, "existing", "adopt: true"),
        (#"{"table": "t", "connections": 0}"#, "connections", "1 to 64"),
        (#"{"table": "t", "ledger": ""}"#, "ledger", "schema"),
        (#"{"table": "t", "grants": {"insert": ["a"]}}"#, "insert", "select"),
    ])
    func aWrongOptionSaysWhatMayStandThere(_ text: String, _ key: String, _ hint: String) throws {
        let error = #expect(throws: DecodingError.self) { try decode(text) }
        guard case .dataCorrupted(let context) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(context.codingPath.last?.stringValue == key && context.debugDescription.contains(hint), "\(context)")
    }

    @Test(arguments: [
        ("rows", nil, "rows"), ("ads.rows", "ads", "rows"), ("Ads.Rows", "Ads", "Rows"),
        (#""a.b"."c"#, nil, ""), (#""a.b"."c ""d""""#, "a.b", #"c "d""#), (#"ads."x y""#, "ads", "x y"),
        (#"a"b"#, nil, ""), (".rows", nil, ""), ("", nil, ""),
    ])
    func tablesAreNamedAsWritten(_ text: String, _ schema: String?, _ name: String) throws {
        guard !name.isEmpty else {
            _ = #expect(throws: WrittenTableName.Mistake.self) { try WrittenTableName(text) }
            return
        }
        let table = try WrittenTableName(text)
        #expect(table.schema == schema && table.name == name)
    }
}
#endif
