import Foundation
import Sandbox
import Testing

@Suite("Paging")
struct PagingTests {
    static let bare = #""settings":{"no_headers":true}"#

    @Test(
        "offset_start and the inclusive offset_end cut the rows without gap or overlap",
        arguments: [7, 20, 59, 60, 61]
    )
    func offsets(size: Int) async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let whole = try await client.post(queryJSON(Self.bare))
            #expect(whole.data?.count == 60)
            #expect(whole.next == nil)
            var pieces: [String] = []
            var start = 0
            while true {
                let page = try await client.post(
                    queryJSON(Self.bare + ",\"offset_start\":\(start),\"offset_end\":\(start + size - 1)")
                )
                let rows = try #require(page.data)
                #expect(rows.count == min(size, 60 - start))
                #expect(page.result["total_rows"] as? Int == 60)
                #expect((page.next == nil) == (start + size >= 60))
                #expect((page.previous == nil) == (start == 0))
                pieces.append(String(page.dataBytes.dropFirst().dropLast()))
                start += size
                if start >= 60 { break }
            }
            #expect("[\(pieces.joined(separator: ","))]" == whole.dataBytes)
        }
    }

    @Test("Beyond the end there are no rows")
    func beyond() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let page = try await client.post(queryJSON(Self.bare + #","offset_start":60,"offset_end":69"#))
            #expect(page.dataBytes == "[]")
            #expect(page.next == nil)
            let id = try #require(page.scheduleID)
            let results = try await client.get(
                "/query/results",
                "{\"schedule_id\":\"\(id)\",\"offset\":59,\"limit\":5}"
            )
            #expect(results.data?.count == 1)
        }
    }

    @Test("The header row stands on every page and takes no offset")
    func header() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let bare = try await client.post(queryJSON(Self.bare + #","offset_start":5,"offset_end":6"#))
            let page = try await client.post(queryJSON(#""offset_start":5,"offset_end":6"#))
            #expect(page.data?.first as? [String] == ["Date", "Campaign", "Impressions", "Cost"])
            #expect(page.data?.count == 3)
            #expect(page.dataBytes.hasSuffix(bare.dataBytes.dropFirst()))
            #expect(page.result["total_rows"] as? Int == 61)
        }
    }

    @Test(
        "total_rows counts the header as told",
        arguments: [
            (SandboxOptions.HeaderCount.whenPresent, true, 60), (.whenPresent, false, 61), (.always, true, 61),
            (.always, false, 61), (.never, true, 60), (.never, false, 60),
        ]
    )
    func total(count: SandboxOptions.HeaderCount, noHeaders: Bool, expected: Int) async throws {
        var options = SandboxOptions()
        options.headerCount = count
        try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(
                queryJSON("\"settings\":{\"no_headers\":\(noHeaders)}")
            )
            #expect(answer.result["total_rows"] as? Int == expected)
        }
    }

    @Test("Following the links gives all rows, from data, status and results")
    func links() async throws {
        var options = SandboxOptions()
        options.defaultPageRows = 25
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let first = try await client.get("/v2/query/data/json", queryJSON(Self.bare))
            let id = try #require(first.scheduleID)
            let starts = [
                first, try await client.get("/v2/query/status", "{\"schedule_id\":\"\(id)\"}"),
                try await client.get("/v2/query/results", "{\"schedule_id\":\"\(id)\",\"limit\":25}"),
            ]
            for start in starts {
                var page = start
                var count = try #require(page.data?.count)
                while let next = page.next {
                    #expect(next.hasPrefix(sandbox.baseURL + "/v2/query/"))
                    #expect(!next.contains(sandbox.apiKey))
                    page = try await client.send("GET", String(next.dropFirst(sandbox.baseURL.count)))
                    count += try #require(page.data?.count)
                }
                #expect(count == 60)
                #expect(page.previous != nil)
            }
        }
    }

    @Test("Links may point elsewhere, carry the key, and be missing after POST")
    func hostileLinks() async throws {
        var options = SandboxOptions()
        options.defaultPageRows = 10
        options.linkOrigin = "https://api.supermetrics.com"
        options.linksCarryKey = true
        options.linksForPOST = false
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let next = try #require(try await client.get("/query/data/json", queryJSON()).next)
            #expect(next.hasPrefix("https://api.supermetrics.com/query/data/json?json="))
            #expect(next.contains(sandbox.apiKey))
            #expect(try await client.post(queryJSON()).next == nil)
        }
    }

    @Test("max_rows and the licence's cap cut the result without a word")
    func caps() async throws {
        var options = SandboxOptions()
        options.rowCap = 50
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            #expect(try await client.post(queryJSON(Self.bare)).data?.count == 50)
            let asked = try await client.post(queryJSON(Self.bare + #","max_rows":17"#))
            #expect(asked.data?.count == 17)
            #expect(asked.result["total_rows"] as? Int == 17)
            #expect(try await client.post(queryJSON(Self.bare + #","max_rows":1000"#)).data?.count == 50)
        }
    }
}
