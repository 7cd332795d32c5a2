#if Postgres
import ByteCodecs
import PipelineCore
import PostgresTesting
import Testing

@testable import PostgresSink

/// What binary COPY loads, what text COPY loads and what the server reads from plain texts are the same rows.
@Suite("COPY into a real server")
struct CopyRoundTripTests {
    /// A cell as a batch holds it, and the text that means the same to the server.
    struct Value {
        var kind: Cell.Kind
        var bytes: [UInt8]
        var text: String

        init(_ kind: Cell.Kind, _ bytes: String, means text: String? = nil) {
            self.kind = kind
            self.bytes = Array(bytes.utf8)
            self.text = text ?? bytes
        }
    }

    private static func values(_ kind: Cell.Kind, _ texts: String...) -> [Value] { texts.map { Value(kind, $0) } }

    static let columns: [(name: String, type: ColumnType, sql: String, values: [Value])] = [
        (
            "words", .text, "text",
            values(.text, "", "a", "käyttö 🛒", "NULL", "/N", String(repeating: "x", count: 70_000))
                + values(
                    .raw,
                    "\\N",
                    "\\.",
                    "\t\n\r\u{8}\u{B}\u{C}\u{1}\u{7F}",
                    "\\x41\\101",
                    "\"'",
                    "\u{FEFF}a",
                    "a\\"
                )
                + [
                    Value(.escaped, #"\"\\\/\b\f\n\r\t"#, means: "\"\\/\u{8}\u{C}\n\r\t"),
                    Value(.escaped, #"\u00e4\ud83d\uDE00\\u0041"#, means: "ä😀\\u0041"),
                    Value(.number, "1.50"), Value(.bool, "true"), Value(.json, #"{"a": "\n"}"#),
                ]
        ),
        (
            "amount", .decimal(nil), "numeric",
            values(
                .number,
                "0",
                "-0",
                "-0.00",
                "1",
                "-1",
                "12.50",
                "9999",
                "10000",
                "10001",
                "100000000",
                "0.1",
                "0.0001",
                "0.00001",
                "0.00010000",
                "-1234567.891",
                "99999999.99999999",
                "9999999999999999",
                "1234567890123.456",
                "999999999999.999",
                "123456789012345678901234567890.123456789",
                "1e3",
                "1.50E-3",
                "-1e-20",
                "0e5",
                "1e131071",
                "9e-16383",
                "5000.0005",
                "100e-2",
                "9.9e+400",
                "0.000e1"
            ) + [Value(.number, "0e99999999999999999999", means: "0")]
        ),
        (
            "sized", .decimal(DecimalSize(precision: 18, scale: 6)), "numeric(18,6)",
            values(.number, "0.000000", "-123456789012.123456", "1.500000", "7")
        ),
        (
            "count", .int64, "bigint",
            values(.number, "0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993")
                + [Value(.number, "12.0", means: "12")]
        ),
        (
            "share", .double, "double precision",
            values(
                .number,
                "0",
                "-0.0",
                "0.1",
                "3.141592653589793",
                "1.7976931348623157e308",
                "5e-324",
                "-2.5e-310",
                "0.30000000000000004",
                "123456789012345678901234567890",
                "1e22",
                "1e23",
                "9007199254740993"
            )
        ),
        ("flag", .bool, "boolean", values(.bool, "true", "false") + values(.text, "yes", "OFF")),
        (
            "day", .date, "date",
            values(
                .text,
                "0001-01-01",
                "1582-10-10",
                "1900-02-28",
                "1999-12-31",
                "2000-01-01",
                "2024-02-29",
                "9999-12-31"
            )
        ),
        (
            "moment", .timestamp, "timestamp",
            values(
                .text,
                "0001-01-01 00:00:00",
                "1999-12-31 23:59:59.999999",
                "2000-01-01 00:00:00",
                "2024-02-29T12:34:56.5",
                "9999-12-31 23:59:59.999999",
                "1969-07-20 20:17:40.000001"
            )
        ),
        (
            "extra", .json, "json",
            values(.json, #"{"b" : [1, 2.50, "\u00e4\n"], "a": null}"#, "[]", "[\n1\n]") + values(.number, "1.50", "-0")
                + values(.bool, "true")
                + [
                    Value(.text, "käyttö", means: "\"käyttö\""), Value(.escaped, #"\"\t"#, means: #""\"\t""#),
                    Value(.raw, "\u{1}\"\\", means: #""\u0001\"\\""#),
                    Value(.json, #"{"a":"\u0000"}"#),
                ]
        ),
    ]

    private static var schema: Schema { Schema(columns.map { Column(name: $0.name, type: $0.type) }) }

    /// So many rows in which every value of a column stands beside others of the next; nil is null.
    private static func rows(_ count: Int) -> [[Value?]] {
        (0..<count).map { row in
            columns.enumerated().map { index, column in
                let place = (row * (index + 1) + row / 7) % (column.values.count + 1)
                return place < column.values.count ? column.values[place] : nil
            }
        }
    }

    private static func batch(_ rows: [[Value?]]) -> Batch {
        var (bytes, cells) = ([UInt8](), [Cell]())
        for value in rows.joined() {
            guard let value else {
                cells.append(.null)
                continue
            }
            cells.append(Cell(value.kind, offset: bytes.count, length: value.bytes.count))
            bytes += value.bytes
        }
        return Batch(schema: schema, bytes: bytes, cells: cells, rowCount: rows.count)
    }

    @Test("loads what the server reads from plain texts, in both formats", .timeLimit(.minutes(10)))
    func equality() async throws {
        let rows = Self.rows(420)
        let batch = Self.batch(rows)
        let names = Self.columns.map { SQLText.name($0.name) }.joined(separator: ", ")
        try await withDatabaseConnection { connection, database in
            for table in ["plain", "by_text", "by_binary"] {
                let columns = Self.columns.map { "\(SQLText.name($0.name)) \($0.sql)" }.joined(separator: ", ")
                try await connection.execute("CREATE TABLE \(table) (number bigint, note text, key uuid, \(columns))")
            }
            let casts = Self.columns.enumerated().map { "$\($0.offset + 1)::\($0.element.sql)" }
            try await connection.transaction {
                for row in rows {
                    try await connection.query(
                        "INSERT INTO plain VALUES (-7, E'a\\tb\\\\', '000102030405060708090a0b0c0d0e0f', "
                            + casts.joined(separator: ", ") + ")",
                        row.map { $0?.text }
                    )
                }
            }
            let constants: [CopyConstant] = [.int64(-7), .text("a\tb\\")]
            let keys = rows.flatMap { _ in UInt8(0)..<16 }
            func load(_ table: String, _ format: String, _ bytes: [UInt8]) async throws {
                let count = try await connection.transaction {
                    try await connection.beginCopy(
                        "COPY \(table) (number, note, key, \(names)) FROM STDIN WITH (FORMAT \(format))"
                    )
                    try await connection.write(bytes)
                    return try await connection.finishCopy()
                }
                #expect(count == rows.count)
            }
            var text: [UInt8] = []
            try CopyTextRenderer(schema: Self.schema, constants: constants, hasKey: true, json: .json)
                .render(batch, keys: keys, into: &text)
            try await load("by_text", "text", text)
            var binary = CopyBinaryRenderer.header
            try CopyBinaryRenderer(schema: Self.schema, constants: constants, hasKey: true, json: .json)
                .render(batch, keys: keys, into: &binary)
            try await load("by_binary", "binary", binary + CopyBinaryRenderer.trailer)

            // As texts, which tell 12.5 from 12.50 and -0 from 0, and which json has.
            func whole(_ table: String) -> String {
                "SELECT number, note, key, \(Self.columns.map { "\(SQLText.name($0.name))::text" }.joined(separator: ", ")) FROM \(table)"
            }
            for table in ["by_text", "by_binary"] {
                for (one, other) in [("plain", table), (table, "plain")] {
                    let difference = try await connection.query("\(whole(one)) EXCEPT ALL \(whole(other)) LIMIT 3")
                    #expect(difference.values == [], "\(one) without \(other)")
                }
            }
        }
    }

    @Test("into jsonb, in both formats")
    func jsonb() async throws {
        let schema = Schema([Column(name: "extra", type: .json)])
        let values = Self.columns.last?.values.dropLast() ?? []
        var (bytes, cells) = ([UInt8](), [Cell]())
        for value in values {
            cells.append(Cell(value.kind, offset: bytes.count, length: value.bytes.count))
            bytes += value.bytes
        }
        let batch = Batch(schema: schema, bytes: bytes, cells: cells, rowCount: values.count)
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (extra jsonb)")
            var text: [UInt8] = []
            try CopyTextRenderer(schema: schema).render(batch, into: &text)
            var binary = CopyBinaryRenderer.header
            try CopyBinaryRenderer(schema: schema).render(batch, into: &binary)
            try await connection.beginCopy("COPY t FROM STDIN")
            try await connection.write(text)
            _ = try await connection.finishCopy()
            try await connection.beginCopy("COPY t FROM STDIN WITH (FORMAT binary)")
            try await connection.write(binary + CopyBinaryRenderer.trailer)
            _ = try await connection.finishCopy()
            let found = try await connection.query("SELECT extra::text FROM t").values.map { $0[0] }
            let expected = try await connection.query(
                "SELECT v::jsonb::text FROM unnest($1::text[]) WITH ORDINALITY AS u (v, n) ORDER BY n",
                [
                    "{"
                        + values.map {
                            "\"" + $0.text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
                        }.joined(separator: ",") + "}"
                ]
            ).values.map { $0[0] }
            #expect(found == expected + expected)
        }
    }
}
#endif
