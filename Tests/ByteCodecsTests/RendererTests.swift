import ByteCodecs
import PipelineCore
import TestSupport
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private let schema = Schema([
    Column(name: "day", type: .date), Column(name: "campaign", type: .text), Column(name: "cost", type: .decimal(nil)),
    Column(name: "is \"on\"", type: .bool), Column(name: "tags", type: .json),
])

private let rows: [[PlainCell]] = [
    [
        PlainCell(.text, bytes("2024-02-29")), PlainCell(.text, bytes("Brand, Finland; käyttö")),
        PlainCell(.number, bytes("12.50")), PlainCell(.bool, bytes("true")), PlainCell(.json, bytes(#"["a",1]"#)),
    ],
    [PlainCell(.null), PlainCell(.null), PlainCell(.null), PlainCell(.null), PlainCell(.null)],
    [
        PlainCell(.raw, bytes("1999-12-31")), PlainCell(.text), PlainCell(.number, bytes("-0.00000000000000000001")),
        PlainCell(.bool, bytes("false")), PlainCell(.json, bytes("{}")),
    ],
    [
        PlainCell(.text, bytes("=1+1")), PlainCell(.escaped, bytes(#"say \"hi\"\n\u00e4"#)),
        PlainCell(.number, bytes("9007199254740993")), PlainCell(.text, bytes("true")), PlainCell(.number, bytes("7")),
    ],
    [
        PlainCell(.raw, bytes("a\"\\\u{1}\t")), PlainCell(.number, bytes("-11473971231")),
        PlainCell(.text, bytes("n/a")), PlainCell(.number, bytes("1")), PlainCell(.text, bytes("NULL")),
    ],
    [
        PlainCell(.bool, bytes("true")), PlainCell(.json, bytes(#"{"k": "v\n"}"#)), PlainCell(.raw), PlainCell(.null),
        PlainCell(.null),
    ],
]

private func csv(_ change: (inout CSVOptions) -> Void = { _ in }) -> String {
    var options = CSVOptions()
    change(&options)
    let renderer = CSVRenderer(schema: schema, options: options)
    var output = renderer.header
    renderer.render(Batch(schema: schema, rows: rows), into: &output)
    return text(output)
}

@Suite("CSV")
struct CSVRendererTests {
    @Test("quotes what needs it and keeps null and the empty text apart")
    func minimal() {
        #expect(
            csv() == """
                day,campaign,cost,"is ""on\""",tags
                2024-02-29,"Brand, Finland; käyttö",12.50,true,"[""a"",1]"
                ,,,,
                1999-12-31,"",-0.00000000000000000001,false,{}
                =1+1,"say ""hi""
                ä",9007199254740993,true,7
                "a""\\\u{1}\t",-11473971231,n/a,1,NULL
                true,"{""k"": ""v\\n""}","",,

                """
        )
    }

    @Test("follows its options")
    func options() {
        let all = csv {
            $0.quote = .all
            $0.delimiter = UInt8(ascii: ";")
            $0.lineEnding = .crlf
            $0.bom = true
            $0.null = "NULL"
            $0.escapeFormulas = true
        }
        #expect(
            all.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init) == [
                "\u{FEFF}\"day\";\"campaign\";\"cost\";\"is \"\"on\"\"\";\"tags\"",
                #""2024-02-29";"Brand, Finland; käyttö";"12.50";"true";"[""a"",1]""#, "NULL;NULL;NULL;NULL;NULL",
                #""1999-12-31";"";"-0.00000000000000000001";"false";"{}""#,
                "\"'=1+1\";\"say \"\"hi\"\"\nä\";\"9007199254740993\";\"true\";\"7\"",
                "\"a\"\"\\\u{1}\t\";\"-11473971231\";\"n/a\";\"1\";\"NULL\"",
                #""true";"{""k"": ""v\n""}";"";NULL;NULL"#, "",
            ]
        )
        let nonnumeric = csv {
            $0.quote = .nonnumeric
            $0.header = false
        }.split(separator: "\n")
        #expect(nonnumeric[0] == #""2024-02-29","Brand, Finland; käyttö",12.50,"true","[""a"",1]""#)
        #expect(nonnumeric[1] == ",,,,")
        #expect(nonnumeric.last == #""true","{""k"": ""v\n""}","",,"#)
        let null = csv { $0.null = "NULL" }.split(separator: "\n")
        #expect(null[2] == "NULL,NULL,NULL,NULL,NULL")
        #expect(null[6].hasSuffix(#",n/a,1,"NULL""#))
    }

    @Test("refuses options whose rows no reader could take apart")
    func problems() {
        for delimiter in ["\"", "\n", "\r", "0", "e", ".", "-", "\u{0}"] {
            var options = CSVOptions()
            options.delimiter = bytes(delimiter)[0]
            #expect(options.problem != nil)
        }
        for delimiter in [",", ";", "|", "\t"] {
            var options = CSVOptions()
            options.delimiter = bytes(delimiter)[0]
            #expect(options.problem == nil)
            options.null = "a\(delimiter)b"
            #expect(options.problem != nil)
        }
    }

    @Test("equals a plain renderer and is taken apart again, for random rows and options", arguments: 0..<8)
    func property(part: Int) throws {
        for seed in 0..<60 {
            var (schema, rows, random) = try randomRows(seed: UInt64(part * 1000 + seed))
            var options = CSVOptions()
            options.delimiter = random.pick(bytes(",;|\t"))
            options.quote = random.pick(CSVOptions.Quote.allCases)
            options.lineEnding = random.pick(CSVOptions.LineEnding.allCases)
            options.null = random.pick(["", "", "NULL", "a", "0"])
            options.escapeFormulas = random.below(3) == 0
            #expect(options.problem == nil)
            let renderer = CSVRenderer(schema: schema, options: options)
            var output: [UInt8] = []
            renderer.render(Batch(schema: schema, rows: rows), into: &output)
            #expect(text(output) == (try PlainRenderers.csv(rows, schema, options)))

            guard !options.escapeFormulas, !schema.columns.isEmpty else { continue }
            let parsed = PlainRenderers.parseCSV(text(output), delimiter: options.delimiter)
            try #require(parsed.count == rows.count)
            for (fields, row) in zip(parsed, rows) {
                let values = fields.map { $0.isQuoted || $0.value != options.null ? $0.value : nil }
                #expect(values == (try row.map(PlainRenderers.text)))
            }
        }
    }
}

@Suite("NDJSON")
struct NDJSONRendererTests {
    @Test("writes one object per row, strings in text columns and own digits elsewhere")
    func golden() {
        var output: [UInt8] = []
        NDJSONRenderer(schema: schema).render(Batch(schema: schema, rows: rows), into: &output)
        #expect(
            text(output) == #"""
                {"day":"2024-02-29","campaign":"Brand, Finland; käyttö","cost":12.50,"is \"on\"":true,"tags":["a",1]}
                {"day":null,"campaign":null,"cost":null,"is \"on\"":null,"tags":null}
                {"day":"1999-12-31","campaign":"","cost":-0.00000000000000000001,"is \"on\"":false,"tags":{}}
                {"day":"=1+1","campaign":"say \"hi\"\n\u00e4","cost":9007199254740993,"is \"on\"":"true","tags":7}
                {"day":"a\"\\\u0001\t","campaign":"-11473971231","cost":"n/a","is \"on\"":1,"tags":"NULL"}
                {"day":"true","campaign":"{\"k\": \"v\\n\"}","cost":"","is \"on\"":null,"tags":null}

                """#
        )
    }

    @Test("equals a plain renderer and is read again, for random rows", arguments: 0..<8)
    func property(part: Int) throws {
        for seed in 0..<60 {
            let (schema, rows, _) = try randomRows(seed: UInt64(50_000 + part * 1000 + seed))
            var output: [UInt8] = []
            NDJSONRenderer(schema: schema).render(Batch(schema: schema, rows: rows), into: &output)
            #expect(text(output) == (try PlainRenderers.ndjson(rows, schema)))
            let lines = output.split(separator: 0x0A).map(Array.init)
            try #require(lines.count == rows.count)
            for (line, row) in zip(lines, rows) {
                let object = try PlainJSON(whole: line)
                #expect(object.members.map(\.name.text) == schema.names)
                for (member, cell) in zip(object.members, row) {
                    let value = member.value
                    let expected = try PlainRenderers.text(cell)
                    guard value.kind != .null else {
                        #expect(expected == nil)
                        continue
                    }
                    // Outside strings line breaks are left out.
                    #expect(
                        value.text == expected || value.bytes == bytes(expected ?? "").filter { $0 != 10 && $0 != 13 }
                    )
                }
            }
        }
    }

    @Test("writes long rows, and rows at the end of the bytes, past no one's memory")
    func long() throws {
        let schema = Schema.numbered(2)
        let rows = (0..<50).map { count in
            [PlainCell(.raw, [UInt8](repeating: 1, count: count * 1000)), PlainCell(.text, bytes("end"))]
        }
        var ndjson: [UInt8] = []
        NDJSONRenderer(schema: schema).render(Batch(schema: schema, rows: rows), into: &ndjson)
        #expect(text(ndjson) == (try PlainRenderers.ndjson(rows, schema)))
        var csv: [UInt8] = []
        CSVRenderer(schema: schema).render(Batch(schema: schema, rows: rows), into: &csv)
        #expect(text(csv) == (try PlainRenderers.csv(rows, schema, CSVOptions())))
    }
}

/// Rows as a reader would give them, some changed as a stage would change them.
private func randomRows(seed: UInt64) throws -> (Schema, [[PlainCell]], SeededRandom) {
    var json = RandomJSON(seed: seed)
    json.badText = .max
    let columns = json.random.below(5)
    let body = bytes(#"{"data":"#) + json.rows(columns: columns, count: 0) + bytes("}")
    var rows = try PlainReader.read(body, columns: columns).rows
    for _ in 0..<json.random.below(30) {
        rows.append(
            try (0..<columns).map { _ in
                if json.random.below(5) == 0 {
                    return PlainCell(
                        .raw,
                        bytes(json.random.pick(["", "a", "\"", "\\", "\u{0}\u{1F}", "-1", "\r\n", "0"]))
                    )
                }
                return PlainReader.cell(try PlainJSON(whole: json.value(depth: 2)))
            }
        )
    }
    let types: [ColumnType] = [.text, .decimal(nil), .int64, .double, .bool, .date, .timestamp, .json]
    let schema = Schema((0..<columns).map { Column(name: "column \"\($0)\"\n", type: json.random.pick(types)) })
    return (schema, rows, json.random)
}
