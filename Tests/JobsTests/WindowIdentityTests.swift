import Jobs
import PipelineCore
import Testing

@Suite struct WindowIdentityTests {
    // The vectors were computed apart from this code:
    // python3 -c 'import hashlib,struct; p=lambda t: struct.pack(">Q",len(t.encode()))+t.encode();
    //   print(hashlib.sha256(p("nightly-ads")+p("google_ads")+p("2024-01-01..2024-01-07")+b"\0").digest()[:8].hex())'
    @Test(
        "A window's id is the same on every machine",
        arguments: [
            ("nightly-ads", "google_ads", "2024-01-01..2024-01-07", String?.none, "b101e4b89d462faa"),
            ("nightly-ads", "google_ads", "2024-01-01..2024-01-07", "123-456-7890", "a96d7d61505d34b8"),
            ("nightly-ads", "google_ads", "2024-01-01..2024-01-07", "", "9295752f5e6a422c"),
            ("nightly-ads", "google_ads", "all", nil, "fe9480940b45a32a"),
            ("työ", "päivä", "2024-02-01..2024-02-29", "ä", "0a57fd464c852dcf"),
            ("", "", "all", nil, "ccf188f13e09c3ce"),
        ]
    )
    func vectors(job: String, export: String, cell: String, account: String?, id: String) throws {
        let export = ExportID(job: job, export: export)
        let cell = try #require(GridCell(cell))
        #expect(WindowID(export: export, cell: cell, account: account).description == id)
        let window = Window(export: export, cell: cell, account: account)
        #expect(window == Window(id: window.id, cell: cell, account: account))
    }

    @Test("Names that run together when put side by side stay different windows")
    func noRunningTogether() throws {
        let pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")]
        let ids = pairs.map { WindowID(export: ExportID(job: $0, export: $1), cell: .all, account: nil) }
        #expect(Set(ids).count == pairs.count)
    }

    @Test("A fingerprint covers every part, and which part it is")
    func fingerprint() {
        let query = Array(#"{"ds_id":"AW"}"#.utf8)
        #expect(
            Fingerprint(query: query).text == "345944fbd7f7b5e45a7450e79bc634624d0291f7e7e5edeb8273b296a4c38e67"
        )
        let full = Fingerprint(
            query: query,
            stages: Array("drop note".utf8),
            columns: Array("keep".utf8),
            contract: Array("c".utf8),
            hashKeys: Array("k".utf8)
        )
        #expect(full.text == "34674d6d5916a50da20269e46bc58aeb87090d28b662a36c5d1948a0358926f2")
        let part = Array("x".utf8)
        let single = [
            Fingerprint(query: part), Fingerprint(query: [], stages: part), Fingerprint(query: [], columns: part),
            Fingerprint(query: [], contract: part), Fingerprint(query: [], hashKeys: part),
        ]
        #expect(Set(single.map(\.text)).count == single.count)
    }
}
