import Foundation
import Sandbox
import Testing

@Suite("Request encodings and prefixes")
struct EncodingTests {
    static let prefixes = ["", "/v2", "/enterprise/v2"]

    static let encodings: [(name: String, method: String, query: String, type: String, body: String)] = {
        let json = queryJSON()
        let encoded = RawClient.encode(json)
        let plain =
            "ds_id=AW&ds_accounts=123-456-7890,987-654-3210&fields=Date,Campaign,Impressions,Cost"
            + "&start_date=2024-01-01&end_date=2024-01-03"
        let brackets =
            "ds_id=AW&ds_accounts[]=123-456-7890&ds_accounts%5B%5D=987-654-3210&fields[]=Date&fields[]=Campaign"
            + "&fields[]=Impressions&fields[]=Cost&start_date=2024-01-01&end_date=2024-01-03"
        let form = "application/x-www-form-urlencoded"
        return [
            ("plain", "GET", plain, "", ""), ("brackets", "GET", brackets, "", ""),
            ("json", "GET", "json=\(encoded)", "", ""),
            ("post json", "POST", "", "application/json", json), ("post form", "POST", "", form, plain),
            ("post form json", "POST", "", form, "json=\(encoded)"),
            ("repeated key, last wins", "GET", "fields=Date&" + plain, "", ""),
            ("plain beside json", "GET", "json=\(encoded)&max_rows=1000", "", ""),
        ]
    }()

    @Test("Every encoding under every prefix gives the same rows", arguments: encodings.map(\.name), prefixes)
    func same(encoding: String, prefix: String) async throws {
        let (_, method, query, type, body) = try #require(Self.encodings.first { $0.name == encoding })
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let expected = try await client.post(queryJSON())
            #expect(expected.status == 200)
            let answer = try await client.send(
                method,
                "\(prefix)/query/data/json" + (query.isEmpty ? "" : "?\(query)"),
                headers: type.isEmpty ? [:] : ["Content-Type": type],
                body: body
            )
            #expect(answer.status == 200)
            #expect(answer.dataBytes == expected.dataBytes)
            // A client of another test may still ask for what listened on this port before.
            let queries = sandbox.requests.filter { $0.endpoint == "/query/data/json" }
            #expect(queries.count == 2)
            for query in queries { #expect(query.parameters["fields"] == "Date,Campaign,Impressions,Cost") }
        }
    }

    @Test("Spellings of one query share one generated schedule id")
    func canonical() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let first = try await client.post(queryJSON())
            let id = try #require(first.scheduleID)
            #expect(id.count == 64)
            #expect(id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
            let spelled = try await client.get(
                "/query/data/json",
                queryJSON(
                    "\"sync_timeout\":30,\"offset_start\":1,\"offset_end\":2",
                    accounts: "\"123-456-7890, 987-654-3210\"",
                    fields: "\"date,campaign,impressions,cost\""
                )
            )
            #expect(spelled.scheduleID == id)
            let other = try await client.post(queryJSON(from: "2024-01-02"))
            #expect(other.scheduleID != id)
        }
    }

    @Test("Repeated parameters are collected on demand, as the official Python client means them")
    func repeated() async throws {
        var options = SandboxOptions()
        options.collectsRepeatedParameters = true
        try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).send(
                "GET",
                "/query/data/json?ds_id=AW&ds_accounts=123&fields=Date&fields=Clicks&start_date=2024-01-01"
                    + "&end_date=2024-01-01"
            )
            #expect(answer.data?.first as? [String] == ["Date", "Clicks"])
        }
    }

    @Test("Plain parameters carry settings as PHP arrays and as JSON text")
    func settings() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let base =
                "/query/data/json?ds_id=AW&ds_accounts=123&fields=Date,Clicks&start_date=2024-01-01&end_date=2024-01-01"
            for suffix in [
                "settings[no_headers]=1", "settings=%7B%22no_headers%22%3Atrue%7D",
                "settings=no_headers=true,no_json_keys=true",
            ] {
                let answer = try await client.send("GET", "\(base)&\(suffix)")
                #expect(answer.data?.first?.first as? String == "2024-01-01", "\(suffix)")
            }
            let withHeader = try await client.send("GET", base)
            #expect(withHeader.data?.first as? [String] == ["Date", "Clicks"])
        }
    }

    @Test(
        "Accounts are chosen by text, array, list and pattern",
        arguments: [
            (#""123""#, ["123"]), (#""123-456-7890,123""#, ["123-456-7890", "123"]), (#"["123","123"]"#, ["123"]),
            (#""list.all_accounts""#, ["123-456-7890", "987-654-3210", "123", "555-000-1111", "555-000-2222"]),
            (#"{"filter_id":"^123"}"#, ["123-456-7890", "123"]), (#"{"filter_id":"/^123$/"}"#, ["123"]),
            (#"{"filter_name":"/example/i"}"#, ["123-456-7890", "987-654-3210"]),
        ]
    )
    func accounts(json: String, ids: [String]) async throws {
        try await withSandbox { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(queryJSON(accounts: json))
            #expect(answer.query["ds_accounts"] as? [String] == ids)
        }
    }

    @Test("Accounts and fields are listed")
    func discovery() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let accounts = try await client.get("/v2/query/accounts", #"{"ds_id":"AW","ds_users":"ADS@example.com"}"#)
            let logins = try #require(accounts.json?["data"] as? [[String: Any]])
            #expect(logins.count == 1)
            #expect(logins[0]["ds_user"] as? String == "ads@example.com")
            let listed = try #require(logins[0]["accounts"] as? [[String: Any]])
            #expect(listed.map { $0["account_id"] as? String } == ["123-456-7890", "987-654-3210", "123"])
            for source in ["AW", "FA", "GAWA"] {
                let fields = try await client.get("/enterprise/v2/query/fields", "{\"ds_id\":\"\(source)\"}")
                let rows = try #require(fields.json?["data"] as? [[String: Any]])
                #expect((12...20).contains(rows.count))
                let names = rows.compactMap { $0["field_name"] as? String }
                #expect(names.count == rows.count)
                let metrics = rows.filter { $0["@type"] as? String == "ds_metric" }
                #expect(
                    metrics.allSatisfy { $0["is_non_aggregatable"] is Bool && $0["field_type"] as? String == "met" }
                )
            }
            let repeated = try await client.get("/query/fields", #"{"ds_id":"GAWA"}"#)
            let names = (repeated.json?["data"] as? [[String: Any]] ?? []).compactMap { $0["field_name"] as? String }
            #expect(Set(names).count < names.count)
        }
    }
}
