import Conversion
import PipelineCore
import Testing

@Suite struct CastTests {
    /// What a single cell becomes, or the rule it breaks.
    static func cast(_ value: Value, to type: String, format: String? = nil) throws -> Result<Value, Broken> {
        let type = try #require(ColumnType(type))
        let pattern = try format.map { text throws(StageError) in try DatePattern(text) }
        let schema = Schema(["before": .text, "it": .text, "after": .text])
        let bound = try CastStage([.init("it", to: type, format: pattern)]).bind(to: schema)
        var batch = Batch(schema, [[.text("a"), value, .raw("b")]], firstRow: 40)
        var rejects = Rejects()
        try bound.process(&batch, rejecting: &rejects)
        #expect(batch.schema.columns[1].type == type && batch.schema == bound.output)
        if let reject = rejects.rows.first {
            #expect(reject.row == 40 && reject.column == "it" && batch.rowCount == 0 && batch.cells.isEmpty)
            return .failure(Broken(rule: reject.rule))
        }
        #expect(batch.rows[0][0] == .text("a") && batch.rows[0][2] == .raw("b"))
        return .success(batch.rows[0][1])
    }

    struct Broken: Error, Hashable { var rule: String }

    static let fitting: [(Value, String, Value)] = [
        (.null, "text", .null), (.text(""), "text", .text("")), (.text("a"), "text", .text("a")),
        (.escaped(#"a\n"#), "text", .escaped(#"a\n"#)), (.number("12.50"), "text", .text("12.50")),
        (.bool("true"), "text", .text("true")), (.json(#"{"a":1}"#), "text", .raw(#"{"a":1}"#)),

        (.null, "decimal", .null), (.text(""), "decimal", .null), (.raw(""), "decimal", .null),
        (.number("1e5"), "decimal", .number("1e5")), (.number("-0"), "decimal", .number("-0")),
        (
            .text("12345678901234567890.123456789012345678901"), "decimal",
            .number("12345678901234567890.123456789012345678901")
        ),
        (.text("-1.5E+3"), "decimal", .number("-1.5E+3")), (.text("+5"), "decimal", .number("5")),
        (.text("007"), "decimal", .number("7")), (.text("-00.50"), "decimal", .number("-0.50")),
        (.text(".5"), "decimal", .number("0.5")), (.text("5."), "decimal", .number("5")),
        (.text("-.5e1"), "decimal", .number("-0.5e1")), (.text("000"), "decimal", .number("0")),
        (.escaped(#"1\u0032"#), "decimal", .number("12")), (.raw("42"), "decimal", .number("42")),

        (.number("12.5"), "decimal(18,6)", .number("12.500000")), (.number("12"), "decimal(5,2)", .number("12.00")),
        (.number("1.50000"), "decimal(3,2)", .number("1.50")), (.number("1.5e3"), "decimal(6,2)", .number("1500.00")),
        (.number("15e-3"), "decimal(6,3)", .number("0.015")), (.number("0.25"), "decimal(2,2)", .number("0.25")),
        (.number("-0.00"), "decimal(4,2)", .number("0.00")), (.number("-0.5"), "decimal(4,2)", .number("-0.50")),
        (.number("0e999999999999999999999"), "decimal(4,2)", .number("0.00")),
        (.text("0099"), "decimal(2,0)", .number("99")),
        (.number("123.000"), "decimal(3,0)", .number("123")), (.text(""), "decimal(3,0)", .null),

        (.number("12"), "int64", .number("12")), (.number("12.0"), "int64", .number("12")),
        (.number("1e3"), "int64", .number("1000")), (.number("1200e-2"), "int64", .number("12")),
        (.number("-0"), "int64", .number("0")), (.text("+7"), "int64", .number("7")),
        (.number("9223372036854775807"), "int64", .number("9223372036854775807")),
        (.number("-9223372036854775808"), "int64", .number("-9223372036854775808")),
        (.number("9007199254740993"), "int64", .number("9007199254740993")),

        (.number("0.1"), "double", .number("0.1")), (.number("1e308"), "double", .number("1e308")),
        (.number("5e-324"), "double", .number("5e-324")), (.text("+.5"), "double", .number("0.5")),
        (.number("0e-9999"), "double", .number("0e-9999")), (.text("5.e-324"), "double", .number("5e-324")),
        (.text(".017976931348623157e310"), "double", .number("0.017976931348623157e310")),

        (.bool("true"), "bool", .bool("true")), (.text("TRUE"), "bool", .bool("true")),
        (.text("No"), "bool", .bool("false")),
        (.text("yes"), "bool", .bool("true")), (.text("t"), "bool", .bool("true")),
        (.text("false"), "bool", .bool("false")),
        (.number("1"), "bool", .bool("true")),
        (.text("0"), "bool", .bool("false")), (.text(""), "bool", .null), (.null, "bool", .null),

        (.text("2024-02-29"), "date", .text("2024-02-29")), (.text("0001-01-01"), "date", .text("0001-01-01")),
        (.text("9999-12-31"), "date", .text("9999-12-31")),
        (.escaped(#"2024\u002d02-28"#), "date", .text("2024-02-28")),
        (.text(""), "date", .null), (.null, "date", .null),

        (.text("2023-11-29 19:21:17"), "timestamp", .text("2023-11-29 19:21:17")),
        (.text("2023-11-29T19:21:17"), "timestamp", .text("2023-11-29 19:21:17")),
        (.text("2023-11-29T19:21:17.123456"), "timestamp", .text("2023-11-29 19:21:17.123456")),
        (.text("2023-11-29"), "timestamp", .text("2023-11-29 00:00:00")), (.text(""), "timestamp", .null),

        (.json("[1,2]"), "json", .json("[1,2]")), (.number("1.0"), "json", .number("1.0")),
        (.bool("false"), "json", .bool("false")),
        (.escaped(#"{\"a\": [1, null]}"#), "json", .json(#"{"a": [1, null]}"#)),
        (.escaped(#"{\n\t\"a\":\"b\\n\"}\n"#), "json", .json("{\n\t\"a\":\"b\\n\"}")),
        (.text(" 12 "), "json", .number("12")),
        (.text("null"), "json", .null), (.text(""), "json", .null), (.raw(#""a""#), "json", .json(#""a""#)),
        (.raw(#""a\"\ud83d\ude00""#), "json", .json(#""a\"\ud83d\ude00""#)), (.text("true"), "json", .bool("true")),
        (.raw("[]"), "json", .json("[]")), (.raw("{}"), "json", .json("{}")),
    ]

    @Test("A value that fits is kept to the digit", arguments: fitting)
    func fits(value: Value, type: String, result: Value) throws {
        #expect(try Self.cast(value, to: type) == .success(result))
    }

    static let broken: [(Value, String, String)] = [
        (.text("(other)"), "decimal", "not a number"), (.text("1,234.5"), "decimal", "not a number"),
        (.text("12%"), "decimal", "not a number"), (.text(" 12"), "decimal", "not a number"),
        (.text("-"), "decimal", "not a number"), (.text("."), "decimal", "not a number"),
        (.text("1e"), "decimal", "not a number"),
        (.text("0x10"), "decimal", "not a number"), (.text("NaN"), "decimal", "not a number"),
        (.text("Infinity"), "decimal", "not a number"), (.text("1.2.3"), "decimal", "not a number"),
        (.text("--1"), "decimal", "not a number"), (.text("１２"), "decimal", "not a number"),
        (.raw("1\u{0}"), "decimal", "not a number"), (.bool("true"), "decimal", "not a number"),
        (.json("[1]"), "decimal", "not a number"), (.escaped(#"\n"#), "decimal", "not a number"),

        (.number("1.005"), "decimal(18,2)", "more digits than decimal(18,2) holds"),
        (.number("1e-3"), "decimal(18,2)", "more digits than decimal(18,2) holds"),
        (.number("1e-999999999999999999999"), "decimal(18,2)", "more digits than decimal(18,2) holds"),
        (.number("1000"), "decimal(5,2)", "more digits than decimal(5,2) holds"),
        (.number("1"), "decimal(2,2)", "more digits than decimal(2,2) holds"),
        (.number("1e999999999999999999999"), "decimal(18,2)", "more digits than decimal(18,2) holds"),

        (.number("12.5"), "int64", "not a whole number within 64 bits"),
        (.number("1e-1"), "int64", "not a whole number within 64 bits"),
        (.number("9223372036854775808"), "int64", "not a whole number within 64 bits"),
        (.number("-9223372036854775809"), "int64", "not a whole number within 64 bits"),
        (.number("1e19"), "int64", "not a whole number within 64 bits"), (.text("twelve"), "int64", "not a number"),

        (.number("1e309"), "double", "not within the range of a double"),
        (.number("1e-400"), "double", "not within the range of a double"), (.text("nan"), "double", "not a number"),

        (.text("ja"), "bool", "not true or false"), (.number("2"), "bool", "not true or false"),
        (.number("1.0"), "bool", "not true or false"), (.text("yes "), "bool", "not true or false"),
        (.raw("\u{11}"), "bool", "not true or false"), (.json("[]"), "bool", "not true or false"),

        (.text("2024-02-30"), "date", "not a date"), (.text("2023-02-29"), "date", "not a date"),
        (.text("0000-00-00"), "date", "not a date"), (.text("0000-01-01"), "date", "not a date"),
        (.text("2024-13-01"), "date", "not a date"), (.text("2024-00-10"), "date", "not a date"),
        (.text("2024-01-00"), "date", "not a date"), (.text("2024-1-1"), "date", "not a date"),
        (.text("(other)"), "date", "not a date"), (.text("2024-01-01 "), "date", "not a date"),
        (.text("2023-11-29 19:21:17"), "date", "not a date"), (.text("2024/01/01"), "date", "not a date"),
        (.text("20240101"), "date", "not a date"), (.number("20240101"), "date", "not a date"),
        (.text("2024-01-0a"), "date", "not a date"), (.text("202４-1-1"), "date", "not a date"),

        (.text("2023-11-29 24:00:00"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29 19:60:00"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29 19:21"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-31 19:21:17"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29_19:21:17"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29 19:21:17Z"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29T19:21:17+02:00"), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29 19:21:17."), "timestamp", "not a date and time without a zone"),
        (.text("2023-11-29 19:21:17.1234567"), "timestamp", "more than 6 digits of a second"),
        (.number("1701285677"), "timestamp", "not a date and time without a zone"),

        (.text("abc"), "json", "not JSON"), (.raw(#"{"a":}"#), "json", "not JSON"), (.text("[1,]"), "json", "not JSON"),
        (.text("[1 2]"), "json", "not JSON"), (.text("01"), "json", "not JSON"), (.text("[1] 2"), "json", "not JSON"),
        (.raw(#"{a:1}"#), "json", "not JSON"), (.raw(#"{"a":1"#), "json", "not JSON"),
        (.text("tru"), "json", "not JSON"),
        (.raw(#""\ud800""#), "json", "not JSON"), (.raw(#""\x""#), "json", "not JSON"),
        (.raw("\"\n\""), "json", "not JSON"),
        (.raw(#"""#), "json", "not JSON"), (.raw(#""\u12"#), "json", "not JSON"), (.text("   "), "json", "not JSON"),
        (.text(String(repeating: "[", count: 65) + String(repeating: "]", count: 65)), "json", "not JSON"),
        (.text(String(repeating: "[", count: 100_000)), "json", "not JSON"), (.text("[,1]"), "json", "not JSON"),
    ]

    @Test("A value that does not fit is a bad row, with the rule it breaks", arguments: broken)
    func misfits(value: Value, type: String, rule: String) throws {
        #expect(try Self.cast(value, to: type) == .failure(Broken(rule: rule)))
    }

    static let formats: [(Value, String, String, Value?)] = [
        (.text("29.02.2024"), "date", "%d.%m.%Y", .text("2024-02-29")),
        (.text("9.2.2024"), "date", "%d.%m.%Y", .text("2024-02-09")),
        (.number("20240229"), "date", "%Y%m%d", .text("2024-02-29")),
        (.text("29-FEB-24"), "date", "%d-%b-%y", .text("2024-02-29")),
        (.text("01 Jan 69"), "date", "%d %b %y", .text("1969-01-01")),
        (.text("01 jan 68"), "date", "%d %b %y", .text("2068-01-01")),
        (.text("2024|366"), "date", "%Y|%j", .text("2024-12-31")),
        (.text("2023-11-29 19:21:17"), "date", "%Y-%m-%d %H:%M:%S", .text("2023-11-29")),
        (.text("100% 2024/01/02"), "date", "100%% %Y/%m/%d", .text("2024-01-02")),
        (.raw("2024年1月2日"), "date", "%Y年%m月%d日", .text("2024-01-02")),
        (.text("29.11.2023 19:21"), "timestamp", "%d.%m.%Y %H:%M", .text("2023-11-29 19:21:00")),
        (.text("20231129T010203"), "timestamp", "%Y%m%dT%H%M%S", .text("2023-11-29 01:02:03")),
        (.text("29.11.2023"), "timestamp", "%d.%m.%Y", .text("2023-11-29 00:00:00")),
        (.text("2023|11"), "date", "%Y|%m", .text("2023-11-01")),
        (.text("2023|48"), "date", "%G|%V", .text("2023-11-27")),
        (.text("2020|53"), "date", "%G|%V", .text("2020-12-28")), (.text("2021|53"), "date", "%G|%V", nil),
        (.text("2026|01"), "date", "%G|%V", .text("2025-12-29")), (.text("2023|13"), "date", "%Y|%m", nil),
        (.text("2023-11-29T01:21:17+02:00"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", .text("2023-11-28 23:21:17")),
        (.text("2023-12-31T23:30:00-0130"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", .text("2024-01-01 01:00:00")),
        (.text("2023-12-31T23:30:00Z"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", .text("2023-12-31 23:30:00")),
        (.text("2023-12-31T23:30:00"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", nil),
        (.text("2023-12-31T23:30:00+2"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", nil),
        (.text("9999-12-31T23:30:00-01:00"), "timestamp", "%Y-%m-%dT%H:%M:%S%z", nil),
        (.text(""), "date", "%d.%m.%Y", .null), (.null, "date", "%d.%m.%Y", .null),
        (.text("30.02.2024"), "date", "%d.%m.%Y", nil), (.text("2024|367"), "date", "%Y|%j", nil),
        (.text("2023|366"), "date", "%Y|%j", nil), (.text("2023|0"), "date", "%Y|%j", nil),
        (.text("29.02.2024x"), "date", "%d.%m.%Y", nil), (.text("29.02.24"), "date", "%d.%m.%Y", nil),
        (.text("29.02"), "date", "%d.%m.%Y", nil), (.text("2024-02-29"), "date", "%d.%m.%Y", nil),
        (.text("01 Jam 24"), "date", "%d %b %y", nil), (.text("01 J"), "date", "%d %b %y", nil),
        (.text("0.1.2024"), "date", "%d.%m.%Y", nil), (.text("1.0.2024"), "date", "%d.%m.%Y", nil),
        (.text("1.1.0000"), "date", "%d.%m.%Y", nil), (.text("1.1.2024 24:00"), "timestamp", "%d.%m.%Y %H:%M", nil),
        (.bool("true"), "date", "%d.%m.%Y", nil), (.json("[]"), "timestamp", "%d.%m.%Y", nil),
    ]

    @Test("A format says how a date is written, to the byte", arguments: formats)
    func formatted(value: Value, type: String, format: String, result: Value?) throws {
        let name = type == "date" ? "a date" : "a date and time"
        let expected = result.map(Result.success) ?? .failure(Broken(rule: "not \(name) of the format"))
        #expect(try Self.cast(value, to: type, format: format) == expected)
    }

    @Test(
        "A format that makes no date is refused",
        arguments: [
            "", "%", "%Y", "%Y-%H", "%G", "%V", "%G-%m", "%Y-%V", "%d.%m", "%Y%y-%m-%d", "%Y-%m-%d %j", "%Y-%j-%m",
            "%B", "%Y-%m-%d%",
        ]
    )
    func badFormats(format: String) throws {
        let error = try #require(throws: StageError.self) { try DatePattern(format) }
        #expect(error.code == .schema && error.description.hasPrefix("format '\(format)': "))
    }
}
