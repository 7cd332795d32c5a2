import CSVSink
import Foundation
import Jobs
import NDJSONSink
import SupermetricsAPI
import Testing

#if Postgres
import PostgresSink
import TestSupport
#endif

@Suite struct JobSchemaTests {
    /// The shipped file, beside the examples.
    private static let file = JobFixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("examples/sluice.schema.json")

    #if Postgres
    @Test func `The shipped schema is current`() throws {
        let schema = JobSchema.json(sinks: [CSVSink.self, NDJSONSink.self, PostgresSink.self])
        if JobFixtures.isRecording { try Data(schema.utf8).write(to: Self.file) }
        #expect(try String(contentsOf: Self.file, encoding: .utf8) == schema, "RECORD_FIXTURES=1 writes it anew")
    }
    #endif

    @Test func `Every key the linter knows is in the schema, and no other may be written`() throws {
        let schema = try JSONValue(parsing: Array(JobSchema.json(sinks: [CSVStub.self]).utf8))
        #expect(schema["additionalProperties"] == false)
        #expect(schema["required"] == ["name", "exports"])
        let export = try #require(schema["properties"]?["exports"]?["items"])
        #expect(export["additionalProperties"] == false)
        #expect(export["required"] == ["name", "query", "into"])
        let query = try #require(export["properties"]?["query"]?["properties"]?.objectValue)
        #expect(query["ds_id"] != nil)
        #expect(query["api_key"] == nil)
        let into = try #require(export["properties"]?["into"]?["items"])
        #expect(into["properties"]?["csv"]?["properties"]?["escape_formulas"] != nil)
        #expect(into["maxProperties"] == 1)
    }
}
