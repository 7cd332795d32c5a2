import Foundation
import Sandbox
import Testing

@Suite("Data")
struct DataTests {
    static let bare = #""settings":{"no_headers":true}"#
    static let everyField: [(source: String, account: String)] = [("AW", "123"), ("FA", "123"), ("GAWA", "123")]

    /// All field ids of a source, as the sandbox lists them.
    static func fields(_ source: String, _ client: RawClient) async throws -> String {
        let answer = try await client.get("/query/fields", "{\"ds_id\":\"\(source)\"}")
        let ids = (answer.json?["data"] as? [[String: Any]] ?? []).compactMap { $0["field_id"] as? String }
        return "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }

    @Test("The rows of a range are the rows of its parts, one after the other", arguments: ["AW", "FA", "GAWA"])
    func concatenation(source: String) async throws {
        var options = SandboxOptions()
        options.rowsPerDay = 7
        options.hostileRate = 0.1
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let fields = try await Self.fields(source, client)
            func rows(_ start: String, _ end: String) async throws -> Substring {
                let answer = try await client.post(
                    queryJSON(
                        Self.bare,
                        source: source,
                        accounts: #""list.all_accounts""#,
                        fields: fields,
                        from: start,
                        to: end
                    )
                )
                return answer.dataBytes.dropFirst().dropLast()
            }
            let whole = try await rows("2023-12-25", "2024-01-10")
            for cut in ["2023-12-25", "2023-12-31", "2024-01-09"] {
                let day = try #require(ISO8601DateFormatter().date(from: cut + "T00:00:00Z"))
                let next = ISO8601DateFormatter().string(from: day.addingTimeInterval(86_400)).prefix(10)
                let parts = try await [rows("2023-12-25", cut), rows(String(next), "2024-01-10")]
                #expect(parts.joined(separator: ",") == whole)
            }
        }
    }

    @Test("Coarser periods make fewer rows, and none without a time field makes one per account and row")
    func grains() async throws {
        var options = SandboxOptions()
        options.rowsPerDay = 3
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            for (fields, count) in [
                ("Date", 60), ("Yearweekiso", 10), ("Yearmonth", 4), ("Campaign", 2), ("Date,Yearmonth", 60),
            ] {
                let answer = try await client.post(
                    queryJSON(Self.bare, fields: "\"\(fields),Cost\"", from: "2024-01-15", to: "2024-02-13")
                )
                #expect(answer.data?.count == count * 3, "\(fields)")
            }
            let weeks = try await client.post(
                queryJSON(
                    Self.bare,
                    accounts: "\"123\"",
                    fields: "\"Yearmonth,Yearweekiso\"",
                    from: "2024-12-30",
                    to: "2024-12-30"
                )
            )
            #expect(weeks.data?.first as? [String] == ["2024|12", "2025|01"])
        }
    }

    @Test("The same seed gives the same bytes in another sandbox, another seed does not")
    func seeds() async throws {
        var bodies: [String] = []
        for seed: UInt64 in [1, 1, 2] {
            var options = SandboxOptions()
            options.seed = seed
            bodies.append(
                try await withSandbox(options) { sandbox in
                    try await RawClient(sandbox: sandbox).post(queryJSON()).dataBytes
                }
            )
        }
        #expect(bodies[0] == bodies[1])
        #expect(bodies[0] != bodies[2])
    }

    @Test("Every body is JSON under every form of writing", arguments: ["AW", "FA", "GAWA"])
    func validity(source: String) async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let fields = try await Self.fields(source, client)
            for bits in 0..<16 {
                sandbox.update {
                    $0.hostileRate = 0.5
                    $0.escapesSlashes = bits & 1 != 0
                    $0.escapesUnicode = bits & 2 != 0
                    $0.dataFirst = bits & 4 != 0
                    $0.omitsNulls = bits & 8 != 0
                }
                let answer = try await client.post(
                    queryJSON(
                        "\"schedule_id\":\"v\(bits)\",\"settings\":{\"decode_json_fields\":\(bits & 1 == 0)}",
                        source: source,
                        accounts: "\"list.all_accounts\"",
                        fields: fields
                    )
                )
                let rows = try #require(answer.data)
                #expect(rows.allSatisfy { $0.count == rows[0].count })
                #expect(answer.query["compare_type"] is NSNull == (bits & 8 == 0))
                let text = String(decoding: answer.body, as: UTF8.self)
                #expect(text.hasPrefix(bits & 4 == 0 ? "{\"meta\":" : "{\"data\":"))
                #expect(answer.body.allSatisfy { $0 < 0x80 } == (bits & 2 != 0))
            }
        }
    }

    @Test("Hostile values are there by default, and not at rate 0")
    func hostile() async throws {
        var options = SandboxOptions()
        options.rowsPerDay = 40
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let json = queryJSON(
                Self.bare,
                accounts: "\"list.all_accounts\"",
                fields: #"["Date","Campaign","Headline","Cost","Clicks"]"#,
                to: "2024-01-31"
            )
            let hostile = try await client.post(json)
            let texts = Set((hostile.data ?? []).compactMap { $0[2] as? String })
            for text in [
                "", #"\N"#, #"\."#, "line one\nline two", "CR\r\nLF", "=HYPERLINK(\"http://x.example\",\"y\")",
                "\u{FEFF}bom",
            ] {
                #expect(texts.contains(text))
            }
            #expect((hostile.data ?? []).contains { $0[2] is NSNull })
            #expect(hostile.dataBytes.contains("0.1234567890123456789012345678901234"))
            #expect(hostile.dataBytes.contains("9007199254740993"))
            sandbox.update { $0.hostileRate = 0 }
            let tame = try await client.post(
                queryJSON(
                    "\"schedule_id\":\"tame\"," + Self.bare,
                    accounts: "\"list.all_accounts\"",
                    fields: #"["Date","Campaign","Headline","Cost","Clicks"]"#,
                    to: "2024-01-31"
                )
            )
            #expect((tame.data ?? []).allSatisfy { $0[3] is NSNumber && $0[4] is NSNumber && $0[2] is String })
            #expect(!tame.dataBytes.contains("HYPERLINK"))
        }
    }

    @Test("Names are unique within a day and stay from day to day; ids keep 19 digits")
    func identity() async throws {
        try await withSandbox { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(
                queryJSON(Self.bare, fields: #"["Date","Campaign","CampaignID","AdID"]"#)
            )
            let rows = try #require(answer.data)
            let days = Dictionary(grouping: rows) { $0[0] as? String ?? "" }
            let names = days.values.map { $0.map { $0[1] as? String ?? "" } }
            #expect(names.allSatisfy { Set($0).count == 20 })
            #expect(Set(names.map(Set.init)).count == 1)
            #expect(rows.allSatisfy { ($0[2] as? String)?.count == 19 })
            let number = try #require(rows[0][3] as? NSNumber)
            #expect(number.int64Value > 1 << 53)
        }
    }

    @Test("meta.query.fields describes the columns as requested")
    func columns() async throws {
        try await withSandbox { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(
                queryJSON(source: "GAWA", accounts: "\"123\"", fields: #"["DATE",{"id":"sessions"}]"#)
            )
            let fields = try #require(answer.query["fields"] as? [[String: Any]])
            let expected: [[String: Any]] = [
                [
                    "id": "DATE", "field_id": "date", "field_name": "Date", "field_type": "dim", "field_split": "row",
                    "data_type": "string.time.date", "data_column": 0, "visible": true,
                ],
                [
                    "id": "sessions", "field_id": "sessions", "field_name": "Sessions", "field_type": "met",
                    "field_split": "row",
                    "data_type": "int.number.value", "data_column": 1, "visible": true,
                ],
            ]
            #expect(fields as NSArray == expected as NSArray)
            #expect(answer.query["start_date"] as? String == "2024-01-01")
            #expect(answer.result["total_columns"] as? Int == 2)
            #expect(answer.result["data_sampled"] is NSNull)
        }
    }

    @Test(
        "Filters keep exactly the rows that a reader of the whole would keep",
        arguments: [
            "Impressions > 50000", "Impressions <= 50000 AND Clicks >= 100", "Device == Tablets OR Cost < 10",
            "Campaign =@ brand",
            "Campaign !@ brand AND Device != Tablets", "Campaign =~ /^(brand|generic)/i", "Date >= 2024-01-02",
        ]
    )
    func filters(filter: String) async throws {
        var options = SandboxOptions()
        options.hostileRate = 0
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let fields = #"["Date","Campaign","Device","Impressions","Clicks","Cost"]"#
            let whole = try #require(try await client.post(queryJSON(Self.bare, fields: fields)).data)
            let kept = try await client.post(queryJSON("\"filter\":\"\(filter)\"," + Self.bare, fields: fields))
            func text(_ row: [Any], _ column: Int) -> String { row[column] as? String ?? "" }
            func number(_ row: [Any], _ column: Int) -> Double { (row[column] as? NSNumber)?.doubleValue ?? .nan }
            let expected = whole.filter { row in
                switch filter {
                case "Impressions > 50000": number(row, 3) > 50_000
                case "Impressions <= 50000 AND Clicks >= 100": number(row, 3) <= 50_000 && number(row, 4) >= 100
                case "Device == Tablets OR Cost < 10": text(row, 2) == "Tablets" || number(row, 5) < 10
                case "Campaign =@ brand": text(row, 1).lowercased().contains("brand")
                case "Campaign !@ brand AND Device != Tablets":
                    !text(row, 1).lowercased().contains("brand") && text(row, 2) != "Tablets"
                case "Campaign =~ /^(brand|generic)/i":
                    text(row, 1).lowercased().hasPrefix("brand") || text(row, 1).lowercased().hasPrefix("generic")
                default: text(row, 0) >= "2024-01-02"
                }
            }
            #expect(kept.data.map { $0 as NSArray } == expected as NSArray)
            #expect(expected.count < whole.count && !expected.isEmpty)
            #expect(kept.result["total_rows"] as? Int == expected.count)
        }
    }

    @Test("order_rows sorts by the fields named, stable, and pages keep the order")
    func order() async throws {
        var options = SandboxOptions()
        options.hostileRate = 0
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let json = queryJSON(
                "\"order_rows\":[\"Device desc\",\"Cost\"]," + Self.bare,
                fields: #"["Device","Cost","Date"]"#
            )
            let rows = try #require(try await client.post(json).data)
            let keys = rows.map { (($0[0] as? String) ?? "", ($0[1] as? NSNumber)?.doubleValue ?? 0) }
            for (left, right) in zip(keys, keys.dropFirst()) {
                #expect(left.0 > right.0 || (left.0 == right.0 && left.1 <= right.1))
            }
            let page = try await client.post(
                queryJSON(
                    "\"offset_start\":10,\"offset_end\":12,\"order_rows\":[\"Device desc\",\"Cost\"]," + Self.bare,
                    fields: #"["Device","Cost","Date"]"#
                )
            )
            #expect(page.data.map { $0 as NSArray } == Array(rows[10...12]) as NSArray)
        }
    }

    @Test("A split field becomes columns whose names stand in the header row alone, with the sums of its rows")
    func split() async throws {
        var options = SandboxOptions()
        options.hostileRate = 0
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let plain = try #require(
                try await client.post(queryJSON(Self.bare, fields: #"["Date","Device","Clicks"]"#)).data
            )
            let answer = try await client.post(queryJSON(fields: #"["Date",["Device"],"Clicks"]"#))
            let rows = try #require(answer.data)
            let header = try #require(rows.first as? [String])
            #expect(header == ["Date", "Computers", "Mobile devices", "Tablets"])
            for row in rows.dropFirst() {
                for (device, cell) in zip(header, row).dropFirst() {
                    let own = plain.filter { $0[0] as? String == row[0] as? String && $0[1] as? String == device }
                    let sum = own.reduce(0) { $0 + (($1[2] as? NSNumber)?.intValue ?? 0) }
                    #expect((cell as? NSNumber)?.intValue == sum)
                }
            }
            let fields = try #require(answer.query["fields"] as? [[String: Any]])
            #expect(fields.map { $0["field_split"] as? String } == ["row", "column", "row"])
            #expect(fields.map { $0["data_column"] as? Int } == [0, nil, 1])
            #expect(answer.result["total_columns"] as? Int == 4)
            #expect(answer.result["total_rows"] as? Int == rows.count)
        }
    }
}
