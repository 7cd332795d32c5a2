import Foundation
import PipelineCore
import PipelineTesting
import Testing

@Suite struct MemorySinkTests {
    private let name = UUID().uuidString
    private let export = ExportID(job: "job", export: "export")
    private var store: MemoryStore { MemoryStore.named(name) }

    private func conformance(_ scope: CommitScope) -> SinkConformance {
        let (name, store, export) = (name, store, export)
        return SinkConformance(
            export: export,
            open: { body in
                try await MemorySink.withSink(MemorySink.Options(name: name, scope: scope)) { try await body($0) }
            },
            rows: { store.rows(of: export) },
            rejected: { store.rejects(of: export) },
            removeRows: { store.removeRows(of: $0.id, in: export) },
            breakLease: { store.breakLease(of: export) }
        )
    }

    @Test(arguments: [CommitScope.window, .run], SinkConformance.Law.allCases)
    func conforms(_ scope: CommitScope, to law: SinkConformance.Law) async throws {
        try await conformance(scope).check(law)
    }

    @Test func aTestMayMakeAnythingFail() async throws {
        let wanted = SinkError(.destination, "the disk is full")
        store.intercept { operation throws(SinkError) in
            if case .commit = operation { throw wanted }
        }
        let error = await #expect(throws: SinkError.self) {
            try await conformance(.window).check(.hostileValuesSurvive)
        }
        #expect(error == wanted)
        #expect(store.rows(of: export) == [])
    }

    @Test func theScopeIsWindowOrRun() throws {
        let options = try JSONDecoder().decode(
            MemorySink.Options.self,
            from: Data(#"{"name": "x", "scope": "forever"}"#.utf8)
        )
        #expect(throws: SinkError.self) { try MemorySink(options) }
    }

    @Test(arguments: ["a\"b\\c\nd\u{1}\u{1F}\t", "é👩‍👩‍👧‍👦", ""])
    func sampleRowsReadBackWhateverTheirForm(_ text: String) {
        let schema = Schema([Column(name: "a", type: .text), Column(name: "n", type: .decimal(nil))])
        let rows: [[String?]] = [[text, "1.50"], [nil, nil]]
        for escaping in [false, true] { #expect(Batch(schema, rows: rows, escaping: escaping).textRows == rows) }
    }
}
