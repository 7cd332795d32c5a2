import ByteCodecs
import PipelineCore
import TestSupport
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private let allTypes: [ColumnType] = [.text, .decimal(nil), .int64, .double, .bool, .date, .timestamp, .json]

private func schema(_ types: [ColumnType]) -> Schema {
    Schema(types.enumerated().map { Column(name: "c\($0.offset)", type: $0.element) })
}

private func binary(_ rows: [[PlainCell]], _ types: [ColumnType], _ json: CopyJSON = .jsonb) throws -> [UInt8] {
    var output: [UInt8] = []
    let schema = schema(types)
    try CopyBinaryRenderer(schema: schema, json: json).render(Batch(schema: schema, rows: rows), into: &output)
    return output
}

private func text(_ rows: [[PlainCell]], _ types: [ColumnType], _ json: CopyJSON = .jsonb) throws -> [UInt8] {
    var output: [UInt8] = []
    let schema = schema(types)
    try CopyTextRenderer(schema: schema, json: json).render(Batch(schema: schema, rows: rows), into: &output)
    return output
}

@Suite("COPY")
struct CopyTests {
    static let numbers = [
        "0", "-0", "0.00", "1", "-1", "12.50", "9999", "10000", "10001", "100000000", "0.1", "0.0001", "0.00001",
        "0.00010000", "1234567.891", "99999999.99999999", "9999999999999999", "999999999999.999", "12345678901234.5",
        "1234567890123.456", "123456789012345678901234567890.123456789", "1e3", "1.5e3", "1.50E-3", "-1e-20", "0e5",
        "0.000e1", "0e99999999999999999999", "1e131071", "9e-16383", "1000000000000000000000000", "5000.0005",
        "0.12345678901234", "-00.5", "1e4", "1e-4", "12e-2", "100e-2",
    ]

    @Test("writes numbers with every digit and their scale", arguments: numbers)
    func numeric(number: String) throws {
        let row = [PlainCell(.number, bytes(number))]
        let expected = try #require(PlainCopy.numeric(number))
        #expect(try PlainCopy.decode(binary([row], [.decimal(nil)]), [.decimal(nil)], .jsonb) == [[expected]])
        let written = try #require(try PlainCopy.parse(text([row], [.decimal(nil)]))[0][0])
        #expect(PlainCopy.numeric(written) == expected)
    }

    /// Where other bytes follow, short numbers are read as words; alone, digit by digit.
    @Test("writes a number the same whatever follows it")
    func numericAmongBytes() throws {
        var random = SeededRandom(seed: 16)
        for number in Self.numbers + (0..<20_000).map({ _ in Self.number(&random) }) {
            let alone = try? binary([[PlainCell(.number, bytes(number))]], [.decimal(nil)])
            // What follows begins with what would go on with the number.
            let next = random.pick(["7", "0", ".", "-", "e", " "]) + "0123456789.-e\u{FF}"
            let row = [PlainCell(.number, bytes(number)), PlainCell(.raw, bytes(next))]
            let among = try? binary([row], [.decimal(nil), .text])
            guard let alone, let among else {
                #expect(alone == nil && among == nil, "\(number)")
                continue
            }
            #expect(among[2..<alone.count] == alone[2...], "\(number)")
            #expect(try PlainCopy.decode(alone, [.decimal(nil)], .jsonb) == [[PlainCopy.numeric(number)]], "\(number)")
        }
    }

    /// A number of up to 18 bytes, or something like one.
    private static func number(_ random: inout SeededRandom) -> String {
        let count = 1 + random.below(17)
        var digits = (0..<count).map { _ in
            random.pick(random.chance(0.4) ? ["0"] : Array("0123456789").map(String.init))
        }
        if random.chance(0.7) { digits.insert(".", at: random.below(count + 1)) }
        if random.chance(0.02) { digits.insert(random.pick([".", "-", "e", "/", ":", "x"]), at: random.below(count)) }
        return (random.chance(0.3) ? "-" : "") + digits.joined()
    }

    /// `bigint` is read by the server with neither point nor exponent, however the API wrote the number.
    static let wholeNumbers = [
        ("0", 0), ("-0", 0), ("42", 42), ("1e3", 1000), ("1E3", 1000), ("5.0", 5), ("-1.50e1", -15), ("0e5", 0),
        ("123456789012345678", 123_456_789_012_345_678), ("-12345678901234567", -12_345_678_901_234_567),
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("12345678.00", 12_345_678),
    ]

    @Test("writes whole numbers as digits alone", arguments: wholeNumbers)
    func wholeNumber(number: String, value: Int64) throws {
        // At the end of the bytes, and before others.
        for more in [[], [PlainCell(.text, bytes("and what follows"))]] {
            let (row, types) = (
                [PlainCell(.number, bytes(number))] + more, [.int64] + more.map { _ in ColumnType.text }
            )
            let written = try #require(try PlainCopy.parse(text([row], types))[0][0])
            #expect(written.allSatisfy { $0.isNumber || $0 == "-" })
            #expect(Int64(written) == value)
        }
    }

    static let unfit: [(ColumnType, PlainCell, String)] = [
        (.text, PlainCell(.raw, [0x61, 0]), "holds a NUL, which PostgreSQL's text cannot"),
        (.text, PlainCell(.escaped, bytes(#"a\n\u0000"#)), "holds a NUL, which PostgreSQL's text cannot"),
        (
            .decimal(nil), PlainCell(.number, bytes("1e131072")),
            "more digits than PostgreSQL's numeric has: 131072 before the point, 16383 behind"
        ),
        (
            .decimal(nil), PlainCell(.number, bytes("1e-16384")),
            "more digits than PostgreSQL's numeric has: 131072 before the point, 16383 behind"
        ),
        (.decimal(nil), PlainCell(.text, bytes("NaN")), "not a number"),
        (.decimal(nil), PlainCell(.text, bytes("Infinity")), "not a number"),
        (.int64, PlainCell(.number, bytes("9223372036854775808")), "not a whole number within 64 bits"),
        (.int64, PlainCell(.number, bytes("0.5")), "not a whole number within 64 bits"),
        (.double, PlainCell(.number, bytes("1e309")), "not within the range of a double"),
        (.double, PlainCell(.number, bytes("-1e-400")), "not within the range of a double"),
        (.double, PlainCell(.text, bytes("inf")), "not a number"),
        (.bool, PlainCell(.text, bytes("maybe")), "not true or false"),
        (.date, PlainCell(.text, bytes("2023-02-29")), "not a date"),
        (.date, PlainCell(.text, bytes("0000-01-01")), "not a date"),
        (.date, PlainCell(.text, bytes("infinity")), "not a date"),
        (.timestamp, PlainCell(.text, bytes("2024-02-29 24:00:00")), "not a date and time without a zone"),
        (.timestamp, PlainCell(.text, bytes("2024-02-29 12:00:00.1234567")), "more than 6 digits of a second"),
        (.json, PlainCell(.json, bytes(#"{"a":["\u0000"]}"#)), "holds a NUL, which PostgreSQL's jsonb cannot"),
        (.json, PlainCell(.escaped, bytes(#"\u0000"#)), "holds a NUL, which PostgreSQL's jsonb cannot"),
        (.json, PlainCell(.raw, [0]), "holds a NUL, which PostgreSQL's jsonb cannot"),
        (
            .json, PlainCell(.json, bytes(#"["\\u0000",1e200000]"#)),
            "more digits than PostgreSQL's numeric has: 131072 before the point, 16383 behind"
        ),
    ]

    @Test("refuses what PostgreSQL has no form for, by its place", arguments: unfit)
    func refuses(type: ColumnType, cell: PlainCell, reason: String) throws {
        let fine = PlainCell(.text, bytes("fine"))
        let rows = [[fine, PlainCell(.null)], [fine, cell], [fine, cell]]
        let expected = CopyMisfit(row: 1, column: 1, reason: reason)
        #expect(try #require(throws: CopyMisfit.self) { try binary(rows, [.text, type]) } == expected)
        #expect(try #require(throws: CopyMisfit.self) { try text(rows, [.text, type]) } == expected)
        let schema = schema([.text, type])
        let all = CopyCheck(schema: schema).misfits(in: Batch(schema: schema, rows: rows))
        #expect(all == [expected, CopyMisfit(row: 2, column: 1, reason: reason)])
    }

    @Test("leaves to `json` what `jsonb` has no form for")
    func json() throws {
        let rows = [[PlainCell(.json, bytes(#"{"a" : "\u0000",  "b":1e200000}"#))], [PlainCell(.raw, [0x22, 0])]]
        let expected = [[#"{"a" : "\u0000",  "b":1e200000}"#], [#""\"\u0000""#]]
        #expect(try PlainCopy.decode(binary(rows, [.json], .json), [.json], .json) == expected)
        #expect(try PlainCopy.parse(text(rows, [.json], .json)) == expected)
    }

    @Test("begins rows with constants and keys")
    func prefixes() throws {
        let schema = schema([.text])
        let batch = Batch(schema: schema, rows: [[PlainCell(.text, bytes("a"))], [PlainCell(.null)]])
        let constants: [CopyConstant] = [.int64(-2), .text("a\tb\\ä")]
        let keys = (0..<32).map { UInt8($0 * 8) }
        var output: [UInt8] = []
        try CopyTextRenderer(schema: schema, constants: constants, hasKey: true).render(
            batch,
            keys: keys,
            into: &output
        )
        #expect(
            String(decoding: output, as: UTF8.self) == """
                -2\ta\\tb\\\\ä\t00081018202830384048505860687078\ta
                -2\ta\\tb\\\\ä\t80889098a0a8b0b8c0c8d0d8e0e8f0f8\t\\N

                """
        )
        output = []
        try CopyBinaryRenderer(schema: schema, constants: constants, hasKey: true)
            .render(batch, keys: keys, into: &output)
        var start: [UInt8] = [0, 4, 0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 6]
        start += bytes("a\tb\\ä") + [0, 0, 0, 16]
        var expected: [UInt8] = start + keys.prefix(16) + [0, 0, 0, 1, 0x61]
        expected += start + keys.suffix(16) + [0xFF, 0xFF, 0xFF, 0xFF]
        #expect(output == expected)
        #expect(CopyBinaryRenderer.header.count == 19 && CopyBinaryRenderer.trailer == [0xFF, 0xFF])
    }

    @Test("means what a plain reading of the cells says, for random rows", arguments: 0..<8)
    func property(part: Int) throws {
        for seed in 0..<80 {
            var random = RandomCells(seed: UInt64(part * 1000 + seed))
            let types = (0..<random.random.below(6)).map { _ in random.random.pick(allTypes) }
            let form: CopyJSON = random.random.below(2) == 0 ? .json : .jsonb
            let rows = (0..<random.random.below(30)).map { _ in types.map { random.cell($0) } }
            let schema = schema(types)
            let batch = Batch(schema: schema, rows: rows)
            let expected = try rows.map { row in
                try zip(row, types).map { try PlainCopy.printed($0, $1, form) }
            }
            let misfits = expected.enumerated().flatMap { row, values in
                values.enumerated().filter { $0.element == .unfit }.map { [row, $0.offset] }
            }
            let found = CopyCheck(schema: schema, json: form).misfits(in: batch)
            #expect(found.map { [$0.row, $0.column] } == misfits)
            guard misfits.isEmpty else {
                #expect(throws: found[0]) { try binary(rows, types, form) }
                #expect(throws: found[0]) { try text(rows, types, form) }
                continue
            }
            let values = expected.map { $0.map(\.text) }
            #expect(try PlainCopy.decode(binary(rows, types, form), types, form) == values)
            guard !types.isEmpty else { continue }
            let read = try PlainCopy.parse(text(rows, types, form))
            try #require(read.count == rows.count)
            // The server reads what is written; that must mean the same.
            let meaning = try read.map { row in
                try zip(row, types).map { value, type -> String? in
                    guard let value else { return nil }
                    if type == .json { return value }
                    return try PlainCopy.printed(PlainCell(.raw, bytes(value)), type, form).text
                }
            }
            #expect(meaning == values)
        }
    }
}

/// Cells as columns hold them, and now and then as they do not.
private struct RandomCells {
    var random: SeededRandom
    private var json: RandomJSON

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        json = RandomJSON(seed: seed ^ 0xABCD)
        json.badText = .max
    }

    mutating func cell(_ type: ColumnType) -> PlainCell {
        if random.below(6) == 0 { return PlainCell(.null) }
        switch type {
        case .text: return text()
        case .decimal, .double: return PlainCell(.number, bytes(number()))
        case .int64:
            if random.below(200) == 0 { return PlainCell(.number, bytes("9223372036854775808")) }
            return PlainCell(.number, bytes(Int64(bitPattern: random.next() >> UInt64(random.below(60))).description))
        case .bool: return PlainCell(.bool, bytes(random.below(2) == 0 ? "true" : "false"))
        case .date: return PlainCell(.text, bytes(day()))
        case .timestamp:
            let clock = "\(day()) \(two(24)):\(two(60)):\(two(60))"
            let fraction = random.below(2) == 0 ? "" : "." + String(random.next() % 1_000_000 + 1_000_000).dropFirst()
            return PlainCell(.text, bytes(clock + fraction))
        case .json:
            guard random.below(4) > 0, let value = try? PlainJSON(whole: json.value(depth: 3)) else { return text() }
            return PlainReader.cell(value)
        }
    }

    private mutating func text() -> PlainCell {
        switch random.below(4) {
        case 0: PlainCell(.text, bytes(random.pick(["", "a", "käyttö 🛒", "\\N".replacing("\\", with: "/"), "NULL"])))
        case 1:
            PlainCell(.escaped, bytes(random.pick([#"a\tb"#, #"\\N"#, #"\u00e4\/\""#, #"\\u0000"#, #"\r\n\b\f\\."#])))
        case 2:
            PlainCell(.raw, bytes(random.pick(["\\N", "\\.", "\t", "\r\n", "a\u{1}\u{7F}", "\\", "\\x41", "\u{B}"])))
        default: PlainCell(.raw, random.below(60) == 0 ? [0x61, 0] : bytes("plain"))
        }
    }

    private mutating func number() -> String {
        func digits(_ count: Int) -> String { (0..<count).map { _ in random.below(10).description }.joined() }
        if random.below(300) == 0 { return random.pick(["1e131072", "1e-16384", "1e400", "-1e-400"]) }
        let whole = random.below(3) == 0 ? "0" : "\(1 + random.below(9))" + digits(random.below(20))
        let fraction = random.below(2) == 0 ? "" : "." + digits(1 + random.below(10))
        let exponent = random.below(8) == 0 ? random.pick(["e3", "E-7", "e+12", "e-1", "e0"]) : ""
        return (random.below(4) == 0 ? "-" : "") + whole + fraction + exponent
    }

    private mutating func day() -> String { Day(number: random.below(3_000_000) - 700_000).description }

    private mutating func two(_ bound: Int) -> String {
        (random.below(bound) + 100).description.dropFirst().description
    }
}
