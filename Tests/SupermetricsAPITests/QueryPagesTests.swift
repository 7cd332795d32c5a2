import Foundation
import Testing

@testable import SupermetricsAPI

private typealias Answer = ScriptedServer.Answer

/// A server that runs one query and gives its rows in either dialect.
private struct PagedServer: Sendable {
    var rows: Int
    /// What it says the total is; nil for nothing.
    var total: Int?
    /// The most rows it gives at once, whatever was asked for.
    var cap = Int.max
    var usesScheduleID = true
    /// Whether a page that is not the last says so.
    var hasLinks = false
    /// Whether a result without rows has no `data`.
    var omitsNoRows = false

    func answer(_ request: ScriptedServer.Request, _ index: Int) -> Answer {
        let id = usesScheduleID ? #""schedule_id":"sid","# : ""
        if index == 0 { return .json(#"{"meta":{"request_id":"r0",\#(id)"status_code":"pending"}}"#, status: 202) }
        let json = URLComponents(string: request.uri)?.queryItems?.first { $0.name == "json" }?.value ?? ""
        let asked = (try? JSONValue(parsing: Array(json.utf8)))?.objectValue ?? JSONObject()
        let start = asked.int("offset") ?? asked.int("offset_start") ?? 0
        let end = asked.int("limit").map { start + $0 } ?? asked.int("offset_end").map { $0 + 1 } ?? Int.max
        let range = start..<max(start, min(rows, end, start + min(cap, rows)))
        let data = range.map { "[\"row\",\($0)]" }.joined(separator: ",")
        let result = total.map { #","result":{"total_rows":\#($0)}"# } ?? ""
        let next = hasLinks && range.upperBound < rows ? #","paginate":{"prev":null,"next":"/next"}"# : ""
        let member = omitsNoRows && rows == 0 ? "" : #","data":[\#(data)]"#
        return .json(#"{"meta":{"request_id":"r",\#(id)"status_code":"SUCCESS"\#(result)\#(next)}\#(member)}"#)
    }
}

@Suite("Pages of queries")
struct QueryPagesTests {
    private static func pages<Client: TestedClient>(
        _: Client.Type,
        _ script: PagedServer,
        perPage: Int
    ) async throws -> ([QueryPage], [ScriptedServer.Request]) {
        try await withServer({ script.answer($0, $1) }) { server in
            let pages = try await Client.open(configuration(server)) { client in
                try await Client.pages(client.queries.pages(["ds_id": "AW"], rowsPerPage: perPage))
            }
            return (pages, server.requests)
        }
    }

    @Test(
        "every row comes once, whatever the API says of the total and however it is asked",
        arguments: [0, 1, 4, 5, 10, 11],
        [nil, 0, 1] as [Int?]
    )
    func complete(rows: Int, header: Int?) async throws {
        for usesScheduleID in [true, false] {
            let script = PagedServer(rows: rows, total: header.map { rows + $0 }, usesScheduleID: usesScheduleID)
            let (pages, sent) = try await Self.pages(SupermetricsClient.self, script, perPage: 5)
            #expect(pages.flatMap(\.rows).compactMap { $0[1].intValue } == Array(0..<rows))
            #expect(pages.map(\.offset) == stride(from: 0, to: rows, by: 5).map(\.self))
            #expect(pages.allSatisfy { $0.rows.count <= 5 && !$0.rows.isEmpty })
            #expect(
                sent[0].text
                    == #"{"ds_id":"AW","sync_timeout":0,"offset_start":0,"offset_end":4,"settings":{"no_headers":true}}"#
            )
            let looks = usesScheduleID ? "/query/status" : "/query/data/json"
            let fetches = usesScheduleID ? "/query/results" : "/query/data/json"
            #expect(sent[1].path == looks && sent.dropFirst(2).allSatisfy { $0.path == fetches })
        }
    }

    @Test("a server that gives fewer rows than asked for is asked again")
    func capped() async throws {
        let script = PagedServer(rows: 11, total: 12, cap: 3)
        let (pages, _) = try await Self.pages(SupermetricsClient.self, script, perPage: 5)
        #expect(pages.flatMap(\.rows).compactMap { $0[1].intValue } == Array(0..<11))
    }

    @Test("where no total is known, a short page with another behind it is not the last", arguments: [true, false])
    func linked(usesScheduleID: Bool) async throws {
        let script = PagedServer(rows: 11, cap: 3, usesScheduleID: usesScheduleID, hasLinks: true)
        let (pages, _) = try await Self.pages(SupermetricsClient.self, script, perPage: 5)
        #expect(pages.flatMap(\.rows).compactMap { $0[1].intValue } == Array(0..<11))
    }

    @Test("more pages than the total accounts for are an error, not left out")
    func moreThanSaid() async throws {
        let error = try await failure {
            let script = PagedServer(rows: 10, total: 5, hasLinks: true)
            _ = try await Self.pages(SupermetricsClient.self, script, perPage: 5)
        }
        #expect(error.kind == .protocolViolation && error.message.contains("5"))
    }

    @Test("a result that says it has no rows needs no data", arguments: [0, 1])
    func withoutData(total: Int) async throws {
        let script = PagedServer(rows: 0, total: total, omitsNoRows: true)
        let (pages, _) = try await Self.pages(SupermetricsClient.self, script, perPage: 5)
        #expect(pages.isEmpty)
    }

    @Test("the blocking client reads the same pages")
    func blocking() async throws {
        let script = PagedServer(rows: 11, total: 11)
        let (pages, _) = try await Self.pages(SupermetricsBlockingClient.self, script, perPage: 5)
        #expect(pages.map(\.rows.count) == [5, 5, 1])
    }

    @Test("rows that are missing, or more than there are said to be, are an error", arguments: [20, 7])
    func mismatch(total: Int) async throws {
        let error = try await failure {
            _ = try await Self.pages(SupermetricsClient.self, PagedServer(rows: 10, total: total), perPage: 5)
        }
        #expect(error.kind == .protocolViolation && error.message.contains("\(total)"))
    }

    @Test("a page is asked for only when it is wanted")
    func lazy() async throws {
        let script = PagedServer(rows: 100, total: 100)
        try await withServer({ script.answer($0, $1) }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                for try await page in client.queries.pages(["ds_id": "AW"], rowsPerPage: 10) where page.offset >= 20 {
                    break
                }
            }
            #expect(server.requests.count == 4)
        }
    }

    @Test("what cannot be a page is refused before the query is sent", arguments: [0, -1, 100_001])
    func refused(rowsPerPage: Int) async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let error = try await failure {
                    for try await _ in client.queries.pages(["ds_id": "AW"], rowsPerPage: rowsPerPage) {}
                }
                #expect(error.kind == .client)
            }
            #expect(server.requests.isEmpty)
        }
    }
}
