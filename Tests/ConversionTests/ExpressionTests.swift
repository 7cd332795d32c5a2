import PipelineCore
import Testing

@testable import Conversion

@Suite struct ExpressionTests {
    private static let schema = Schema([
        "d": .date, "ts": .timestamp, "t": .text, "u": .text, "n": .decimal(nil), "m": .int64, "b": .bool, "j": .json,
        "7day": .decimal(nil), "empty": .text, "nothing": .decimal(nil),
    ])
    private static let row: [Value] = [
        .text("2024-02-29"), .text("2024-02-29 23:59:58.50"), .text("Hello Wörld"), .escaped(#" a\"b "#),
        .number("12.50"), .number("-4"), .bool("true"), .json("[1]"), .number("7"), .text(""), .null,
    ]

    /// What an expression makes of the row: its value with its type, or the rule that is broken.
    static func evaluate(_ expression: String) throws -> (Value?, ColumnType, rule: String?) {
        let bound = try DeriveStage([.init("it", expression)]).bind(to: schema)
        // Many rows, so that more than one run of them is made.
        let count = 3
        var (batch, rejects) = (Batch(schema, Array(repeating: row, count: count)), Rejects())
        try bound.process(&batch, rejecting: &rejects)
        let type = try #require(bound.output.columns.last?.type)
        if let reject = rejects.rows.first {
            #expect(rejects.rows.count == count && batch.rowCount == 0)
            return (nil, type, reject.rule)
        }
        let values = batch.rows.compactMap(\.last)
        #expect(Set(values).count == 1 && values.count == count)
        return (values.first, type, nil)
    }

    static let values: [(String, String?)] = [
        // Numbers keep the digits arithmetic gives them, and are exact.
        ("n", "12.50"), ("n + 1", "13.50"), ("n - m", "16.50"), ("n * m", "-50.00"), ("m / 2", "-2"),
        ("1 / 3", "0.33333333333333333333"), ("2 / 3", "0.66666666666666666667"), ("1 / 8", "0.125"),
        ("-2 / 3", "-0.66666666666666666667"), ("10 / 4", "2.5"), ("1 / 0", nil), ("n / (m + 4)", nil),
        ("0.1 + 0.2", "0.3"), ("1e3 + 1", "1001"), (".5 + 1.", "1.5"), ("1 - -1", "2"), ("--1", "1"),
        ("2 + 3 * 4", "14"), ("(2 + 3) * 4", "20"), ("8 / 2 / 2", "2"), ("\"7day\" * 2", "14"),
        ("99999999999999999999999999999999999999 + 0", "99999999999999999999999999999999999999"),
        ("12345678901234567890.123456789 * 10", "123456789012345678901.234567890"),
        ("1 / 1000000000000000000000", "0.000000000000000000001"), ("nothing + 1", nil), ("-nothing", nil),
        ("22 / 7", "3.1428571428571428571"), ("1e20 / 3", "33333333333333333333"), ("0 / 5", "0"),
        // Comparison and logic, with SQL's nulls.
        ("n > 12", "true"), ("n = 12.5", "true"), ("n <> 12.5", "false"), ("n != 12.5", "false"), ("m <= -4", "true"),
        ("n >= 13", "false"), ("n < nothing", nil), ("t = 'Hello Wörld'", "true"), ("t < 'a'", "true"),
        ("b", "true"), ("NOT b", "false"), ("b AND nothing > 1", nil), ("NOT b AND nothing > 1", "false"),
        ("b OR nothing > 1", "true"), ("NOT b OR nothing > 1", nil), ("NOT nothing > 1", nil),
        ("b = true", "true"), ("b <> (1 = 1)", "false"), ("null = null", nil), ("nothing IS NULL", "true"),
        ("n IS NOT NULL", "true"), ("empty IS NULL", "false"), ("empty = ''", "true"), ("null IS NULL", "true"),
        ("m IN (1, -4)", "true"), ("m IN (1, 2)", "false"), ("m IN (1, null)", nil), ("m NOT IN (1, 2)", "true"),
        ("t in ('x', 'Hello Wörld')", "true"), ("1 = 1 or 1 = 1 and 1 = 2", "true"), ("not not b", "true"),
        ("d > '2024-02-28'", "true"), ("d = '2024-02-29'", "true"), ("ts > d", "true"), ("ts > '2024-03-01'", "false"),
        ("ts = '2024-02-29T23:59:58.5'", "true"), ("d IN ('2024-02-29', null)", "true"),
        // Choices.
        ("coalesce(nothing, n)", "12.50"), ("coalesce(nothing, null, 0)", "0"), ("coalesce(empty, 'x')", ""),
        ("if(n > 1, 'many', 'few')", "many"), ("if(nothing > 1, 1, 2)", "2"), ("if(b, null, 1)", nil),
        ("if(b, d, '2020-01-01')", "2024-02-29"), ("coalesce(null, ts)", "2024-02-29 23:59:58.5"),
        // Texts.
        ("lower(t)", "hello wörld"), ("upper(t)", "HELLO WÖRLD"), ("upper('straße')", "STRASSE"), ("trim(u)", "a\"b"),
        ("substring(t, 7)", "Wörld"), ("substring(t, 8, 2)", "ör"), ("substring(t, 0, 3)", "He"),
        ("substring(t, -1, 3)", "H"), ("substring(t, 50)", ""), ("substring(t, 3, 0)", ""),
        ("split_part('a--b--c', '--', 2)", "b"), ("split_part('a--b--c', '--', -1)", "c"),
        ("split_part('a', '--', 2)", ""), ("split_part('a', '', 1)", "a"), ("split_part('a,b', ',', -3)", ""),
        ("replace('banana', 'an', 'AN')", "bANANa"), ("replace('aaa', 'aa', 'b')", "ba"),
        ("replace(t, '', 'x')", "Hello Wörld"),
        ("concat(t, '!', null, n, b, d)", "Hello Wörld!12.50true2024-02-29"), ("concat(null)", ""),
        ("'it''s'", "it's"), ("lower(null)", nil), ("trim('  \t x ')", "x"),
        // Dates.
        ("year(d)", "2024"), ("month(d)", "2"), ("day(ts)", "29"), ("year('2020-12-31')", "2020"),
        ("date_trunc('month', d)", "2024-02-01"), ("date_trunc('week', d)", "2024-02-26"),
        ("date_trunc('quarter', d)", "2024-01-01"), ("date_trunc('YEAR', d)", "2024-01-01"),
        ("date_trunc('hour', ts)", "2024-02-29 23:00:00"), ("date_trunc('day', ts)", "2024-02-29 00:00:00"),
        ("date_trunc('minute', ts)", "2024-02-29 23:59:00"), ("date_trunc('day', d)", "2024-02-29"),
        ("year(null)", nil),
    ]

    @Test("An expression has the value SQL gives it", arguments: values)
    func value(expression: String, expected: String?) throws {
        let (value, _, rule) = try Self.evaluate(expression)
        #expect(rule == nil)
        #expect((value == .null ? nil : value?.parts.1) == expected, "\(expression)")
    }

    @Test("Null is told from a number of any length, though nothing else can be done with a long one")
    func nullOfLongNumbers() throws {
        let schema = Schema(["it": .decimal(nil)])
        let rows: [[Value]] = [
            [.number("1e400")], [.null], [.number("1234567890123456789012345678901234567890.5")], [.text("")],
        ]
        for (expression, kept, rejected) in [
            ("it IS NOT NULL", [0, 2], []), ("it IS NULL", [1, 3], []), ("it IS NOT NULL AND it > 0", [], [0, 2]),
        ] {
            var (batch, rejects) = (Batch(schema, rows), Rejects())
            try FilterStage(expression).bind(to: schema).process(&batch, rejecting: &rejects)
            #expect(batch.rows == kept.map { rows[$0] } && rejects.rows.map(\.row) == rejected, "\(expression)")
        }
    }

    static let types: [(String, ColumnType)] = [
        ("n + 1", .decimal(nil)), ("n > 1", .bool), ("lower(t)", .text), ("d", .date), ("m", .int64), ("j", .json),
        ("coalesce(d, null)", .date), ("date_trunc('hour', ts)", .timestamp), ("null", .text),
        ("coalesce(m, 0)", .decimal(nil)),
    ]

    @Test("The column has the expression's type; a column alone keeps its own", arguments: types)
    func type(expression: String, expected: ColumnType) throws {
        #expect(try Self.evaluate(expression).1 == expected)
    }

    static let faults: [(String, String)] = [
        ("1e37 * 100", "a number of more than 38 digits, which no expression holds"),
        ("n + 1e37 * 1e37", "a number of more than 38 digits, which no expression holds"),
        // Found by the fuzzer: beyond 128 bits, where a quotient gets its zeros before the point.
        ("5e37 / 1e-5", "a number of more than 38 digits, which no expression holds"),
        (
            "99999999999999999999999999999999999999 / -1e-37",
            "a number of more than 38 digits, which no expression holds"
        ),
        ("substring(t, 1, -1)", "the start or length of substring is no whole number from 0 on"),
        ("substring(t, n)", "the start or length of substring is no whole number from 0 on"),
        ("split_part(t, ' ', 0)", "the number of split_part is no whole number other than 0"),
    ]

    @Test("What cannot be computed makes a bad row, never a rounded or wrapped value", arguments: faults)
    func fault(expression: String, rule: String) throws {
        #expect(try Self.evaluate(expression).rule == rule)
    }

    @Test(
        "With more columns than faults can be told apart, none is told for another",
        arguments: [0, 100, 125, 140, 199]
    )
    func manyFaults(bad: Int) throws {
        let names = (0..<200).map { "n\($0)" }
        let schema = Schema(names.map { Column(name: $0, type: .decimal(nil)) })
        let bound = try DeriveStage([.init("sum", names.joined(separator: " + "))]).bind(to: schema)
        let row = names.indices.map { $0 == bad ? Value.text("n/a") : .number("1") }
        var (batch, rejects) = (Batch(schema, [row]), Rejects())
        try bound.process(&batch, rejecting: &rejects)
        let reject = try #require(rejects.rows.first)
        #expect(reject.column == (bad > 125 ? "sum" : names[bad]))
        #expect(reject.rule == (bad > 125 ? "a value that cannot be computed" : "not a number"))
    }

    @Test("A fault on a way that is not taken is none")
    func lazyFaults() throws {
        #expect(try Self.evaluate("if(n > 100, n + 1e37 * 1e37, 1)").0 == .number("1"))
        #expect(try Self.evaluate("coalesce(n, 1e37 * 1e37)").0 == .number("12.50"))
        #expect(try Self.evaluate("n > 100 AND 1e37 * 1e37 > 1").0 == .bool("false"))
    }

    static let mistakes: [(String, Int, String)] = [
        ("", 1, "expected a value, found the end"), ("n +", 4, "expected a value"), ("(n", 3, "expected )"),
        ("n n", 3, "is an operator missing?"), ("n = = 1", 5, "expected a value"), ("1 < n < 3", 7, "do not chain"),
        ("x + 1", 1, "there is no column 'x'"), ("lower(n)", 7, "expected text, found a number"),
        ("t + 1", 1, "cast the column to decimal first"), ("n AND b", 1, "expected true or false, found a number"),
        ("lowr(t)", 1, "did you mean 'lower'?"), ("if(b, 1)", 1, "write if(condition, value, other value)"),
        ("if(b, 1, 'x')", 10, "expected a number, found text"), ("n IS 1", 6, "expected null"),
        ("n IN ()", 1, "at least one"), ("n IN 1", 6, "expected ("), ("'abc", 1, "has no end"),
        ("n @ 1", 3, "means nothing"),
        ("t || u", 3, "there is no '||'; texts are joined with concat(a, b)"), ("n == 1", 3, "write = for equality"),
        ("b && b", 3, "write AND"), ("n % 2", 3, "there is no '%'"), ("n::text", 2, "a stage of its own"),
        ("n BETWEEN 1 AND 2", 3, "there is no 'BETWEEN'; write a >= 1 AND a <= 9"),
        ("t like 'a'", 3, "there is no 'like'"),
        ("CASE WHEN b THEN 1 END", 6, "there is no 'WHEN'; write if(condition, value, other value)"),
        ("1.2.3", 1, "runs into '.'"), ("7day", 1, "double quotes"), ("1e", 1, "exponent"),
        ("j = 1", 1, "cast it to text"),
        ("d = 'yesterday'", 5, "is no date"), ("ts > '2024-13-01'", 6, "is no date and time"),
        ("date_trunc('decade', d)", 12, "there is no unit"), ("date_trunc('hour', d)", 12, "a date has no hour"),
        ("date_trunc(t, d)", 12, "the unit is a text"), ("coalesce(n, t)", 13, "expected a number, found text"),
        ("1e99", 1, "more than 38 digits"), ("and", 1, "expected a value"), ("not", 4, "expected a value"),
        (String(repeating: "(", count: 100) + "1", 65, "nested more than 64 deep"),
        (String(repeating: "- ", count: 100) + "1", 129, "nested more than 64 deep"),
        (Array(repeating: "1", count: 1200).joined(separator: "+"), 2001, "more than 2000 words"),
    ]

    @Test("A mistake is told with the character it stands at", arguments: mistakes)
    func mistake(expression: String, position: Int, part: String) throws {
        let error = try #require(throws: ExpressionError.self) {
            try ExpressionCompiler.compile(Expression(expression), over: Self.schema)
        }
        #expect(error.position == position && error.text.contains(part), "\(error)")
    }

    @Test("What is right with the types of columns is right without them", arguments: values.map(\.0) + types.map(\.0))
    func rightWithoutTypes(expression: String) throws {
        let tree = try Expression(expression)
        let found = try ExpressionCompiler.check(tree, over: Self.schema)
        guard expression != "j" else { return }
        let type = try ExpressionCompiler.compile(tree, over: Self.schema).type
        #expect(found == .unknown || found == type)
    }

    static let mistakesOfAnyType: [(String, Int, String)] = [
        ("x + 1", 1, "there is no column 'x'"), ("lowr(t)", 1, "did you mean 'lower'?"),
        ("if(b, 1)", 1, "write if(condition, value, other value)"),
        ("if(b, 1, 'x')", 10, "expected a number, found text"),
        ("lower(n + 1)", 7, "expected text, found a number"), ("n > 1 + 'x'", 9, "expected a number, found text"),
        ("(n > 1) + 1", 2, "expected a number, found true or false"), ("n + 1 AND b", 1, "expected true or false"),
        ("year(t, d)", 1, "write year(date)"), ("year('x')", 6, "is no date and time"),
        ("year(1)", 6, "expected a date"),
        ("date_trunc('decade', d)", 12, "there is no unit"), ("n + 1 = 'x'", 9, "expected a number, found text"),
        ("n IN (1, t, 'x')", 13, "expected a number, found text"),
        ("coalesce(n, upper(t), 1)", 23, "expected text, found a number"), ("1e99", 1, "more than 38 digits"),
    ]

    @Test("What is wrong whatever types columns have is found without them", arguments: mistakesOfAnyType)
    func mistakeOfAnyType(expression: String, position: Int, part: String) throws {
        let error = try #require(throws: ExpressionError.self) {
            try ExpressionCompiler.check(Expression(expression), over: Self.schema)
        }
        #expect(error.position == position && error.text.contains(part), "\(error)")
    }

    @Test("Where a type is unknown, what would be right with some type is no mistake")
    func rightWithSomeType() throws {
        for expression in [
            "year(coalesce(t, '2024-01-01'))", "date_trunc('hour', date_trunc('day', t))", "t = '2024-01-01 12:00:00'",
            "coalesce(t, d, '2024-01-01 12:00:00') > date_trunc('day', '2024-01-05')", "if(t, j, 1) + 1", "t + n",
            "lower(if(n, t, 'x'))", "NOT coalesce(n, d) AND t", "coalesce(t, 'x') = 1",
        ] {
            #expect(throws: Never.self) { try ExpressionCompiler.check(Expression(expression), over: Self.schema) }
        }
    }

    @Test("Columns that are not what their type says make bad rows that name the column")
    func badCells() throws {
        let schema = Schema(["d": .date, "n": .decimal(nil), "b": .bool])
        let rows: [[Value]] = [
            [.text("2024-01-01"), .number("1"), .bool("true")], [.text("(other)"), .number("1"), .bool("true")],
            [.text("2024-01-01"), .text("n/a"), .bool("true")], [.text("2024-01-01"), .number("1"), .text("maybe")],
            [.text("2024-01-01"), .number("1e40"), .bool("false")],
        ]
        let bound = try FilterStage("d > '2000-01-01' and n > 0 and b").bind(to: schema)
        var (batch, rejects) = (Batch(schema, rows, firstRow: 10), Rejects())
        try bound.process(&batch, rejecting: &rejects)
        #expect(batch.rows == [rows[0]] && rejects.filtered == 1)
        #expect(rejects.rows.map(\.row) == [11, 12, 13] && rejects.rows.map(\.column) == ["d", "n", "b"])
        #expect(rejects.rows.map(\.rule) == ["not a date", "not a number", "not true or false"])
    }
}
