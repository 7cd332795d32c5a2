import ByteCodecs
import PipelineCore
import TestSupport
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

// A span is no argument for the macros.
private func decimal(_ text: [UInt8]) -> DecimalText? { DecimalText(text.span) }
private func isJSONNumber(_ text: [UInt8]) -> Bool { DecimalText.isJSONNumber(text.span) }
private func int64(_ text: [UInt8]) -> Int64? { DecimalText(text.span)?.int64(text.span) }
private func day(_ text: String) -> Day? { DateText.day(bytes(text).span) }
private func timestamp(_ text: String) -> DateText.Timestamp? { DateText.timestamp(bytes(text).span) }
private func bool(_ text: String) -> Bool? { BoolText.value(bytes(text).span) }

@Suite("Decimal text")
struct DecimalTextTests {
    static let lenient: [(text: String, expected: String)] = [
        ("0", "0"), ("-0", "-0"), ("+5", "5"), ("007", "7"), ("-007.50", "-7.50"), (".5", "0.5"), ("-.5", "-0.5"),
        ("5.", "5"), ("5.e3", "5e3"), ("+.5E-07", "0.5E-07"), ("1e400", "1e400"), ("000", "0"),
        ("123456789012345678901234567890.0001", "123456789012345678901234567890.0001"),
    ]

    @Test("normalises lenient numbers to JSON's grammar with their own digits", arguments: lenient)
    func normalise(text: String, expected: String) throws {
        let text = bytes(text)
        let number = try #require(decimal(text))
        var output: [UInt8] = []
        number.appendJSONNumber(text.span, to: &output)
        #expect(output == bytes(expected))
        #expect(isJSONNumber(output))
        #expect(isJSONNumber(text) == (text == output))
    }

    @Test(
        "is no number",
        arguments: [
            "", ".", "-", "+", "e5", "1e", "1e+", "--1", "+-1", "1,000", " 1", "1 ", "0x10", "1.2.3", "NaN", "\r1",
        ]
    )
    func noNumber(text: String) {
        #expect(decimal(bytes(text)) == nil)
        #expect(!isJSONNumber(bytes(text)))
    }

    static let wholeNumbers: [(text: String, expected: Int64?)] = [
        ("12", 12), ("12.0", 12), ("+007.000", 7), ("-12", -12), ("1.2e1", 12), ("120e-1", 12), ("0.000", 0),
        ("0e99999999999999999999", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
        ("9223372036854775808", nil), ("-9223372036854775809", nil), ("99999999999999999999", nil), ("12.5", nil),
        ("1e19", nil), ("1e-1", nil), ("1e99999999999999999999", nil), ("9007199254740993", 9_007_199_254_740_993),
    ]

    @Test("becomes a whole number where it is one", arguments: wholeNumbers)
    func wholeNumber(text: String, expected: Int64?) {
        #expect(decimal(bytes(text)) != nil)
        #expect(int64(bytes(text)) == expected)
    }

    static let fits: [(text: String, precision: Int, scale: Int, expected: String?)] = [
        ("12.5", 4, 2, "12.5"), ("12.50", 4, 2, "12.50"), ("12.500", 4, 2, "12.5"), ("100.0", 3, 0, "100"),
        ("12.505", 4, 2, nil),
        ("123.4", 4, 2, nil), ("0012.5", 4, 2, "12.5"), ("1.25e1", 4, 2, "12.5"), ("1250e-2", 4, 2, "12.5"),
        ("-0.05", 2, 2, "-0.05"), ("5e-2", 2, 2, "0.05"), ("5e-3", 2, 2, nil), ("1e1", 3, 0, "10"),
        ("1e3", 3, 0, nil),
        ("0e500", 3, 0, "0"), ("-0.000", 3, 2, "0"), ("0.00", 3, 2, "0.00"), ("1e999999999999", 1000, 0, nil),
        ("1e-999999999999", 1000, 1000, nil), (".5", 1, 1, "0.5"), ("7.", 1, 0, "7"),
    ]

    @Test("fits a size without losing a digit", arguments: fits)
    func fit(text: String, precision: Int, scale: Int, expected: String?) throws {
        let text = bytes(text)
        let size = try #require(DecimalSize(precision: precision, scale: scale))
        var output: [UInt8] = []
        switch try #require(decimal(text)).fit(size, text.span, to: &output) {
        case .asWritten: #expect(expected.map(bytes) == text && output.isEmpty)
        case .rewritten: #expect(expected.map(bytes) == output)
        case .tooLarge: #expect(expected == nil && output.isEmpty)
        }
    }

    @Test("keeps the value when it fits, against arithmetic on whole numbers")
    func fitProperty() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<2000 {
            let digits = Int64(random.below(1_000_000))
            let places = random.below(7)
            let exponent = random.below(9) - 4
            let padded = String(String(repeating: "0", count: 7) + String(digits))
            let text = bytes(padded.dropLast(places) + (places > 0 ? "." : "") + padded.suffix(places) + "e\(exponent)")
            let scale = random.below(5)
            let size = try #require(DecimalSize(precision: scale + random.below(5) + 1, scale: scale))
            // The value is digits × 10^shift units of the last place.
            let shift = exponent - places + scale
            var units: Int64? = digits
            for _ in 0..<abs(shift) {
                if shift > 0 { units = units.map { $0 * 10 } }
                if shift < 0 { units = units.flatMap { $0 % 10 == 0 ? $0 / 10 : nil } }
            }
            let limit = (0..<size.precision).reduce(Int64(1)) { value, _ in value * 10 }
            let expected = units.flatMap { $0 < limit ? $0 : nil }
            var output: [UInt8] = []
            let fit = try #require(decimal(text)).fit(size, text.span, to: &output)
            guard let expected else {
                #expect(fit == .tooLarge)
                continue
            }
            #expect(fit == .rewritten && isJSONNumber(output))
            let parts = String(decoding: output, as: UTF8.self).split(separator: ".")
            let fraction = parts.count > 1 ? String(parts[1]) : ""
            let zeros = String(repeating: "0", count: scale - fraction.count)
            #expect(Int64(String(parts[0]) + fraction + zeros) == expected)
        }
    }
}

@Suite("Dates and times")
struct DateTextTests {
    @Test("reads every day of the calendar as Day does")
    func days() {
        for number in stride(from: Day.earliest.number, through: Day.latest.number, by: 97) {
            #expect(day(Day(number: number).description)?.number == number)
        }
    }

    @Test(
        "refuses what is no date",
        arguments: [
            "", "2024-02-30", "2023-02-29", "1900-02-29", "0000-01-01", "2024-13-01", "2024-00-10", "2024-01-00",
            "2024-1-01", "24-01-01", "2024/01/01", "2024-01-01 ", "2024-01-011", "20240101", "2O24-01-01",
        ]
    )
    func noDay(text: String) { #expect(day(text) == nil) }

    @Test(
        "reads times without a zone",
        arguments: [
            ("2024-02-29 12:34:56", 45_296, 0), ("2024-02-29T00:00:00", 0, 0),
            ("2024-02-29 23:59:59.5", 86_399, 500_000_000),
            ("2024-02-29 00:00:01.123456789", 1, 123_456_789),
        ]
    )
    func readsTime(text: String, second: Int, nanosecond: Int) throws {
        let day = try #require(Day("2024-02-29"))
        let time = try #require(timestamp(text))
        #expect(time.day == day && time.second == second && time.nanosecond == nanosecond)
    }

    @Test(
        "refuses what is no time",
        arguments: [
            "2024-02-29", "2024-02-29 24:00:00", "2024-02-29 12:60:00", "2024-02-29 12:00:60", "2024-02-30 12:00:00",
            "2024-02-29 12:00", "2024-02-29 12:00:00.", "2024-02-29 12:00:00.1234567890", "2024-02-29 12:00:00Z",
            "2024-02-29_12:00:00", "2024-02-29 12:00:00.1x",
        ]
    )
    func noTimestamp(text: String) { #expect(timestamp(text) == nil) }
}

@Suite("Words and strings")
struct TextTests {
    @Test("reads words for truth in any case")
    func bools() {
        for word in ["true", "TRUE", "t", "Yes", "y", "on", "1"] { #expect(bool(word) == true) }
        for word in ["false", "F", "no", "N", "off", "0"] { #expect(bool(word) == false) }
        for word in ["", "tr", "2", "true ", "\u{11}", "wahr"] { #expect(bool(word) == nil) }
    }

    @Test(
        "decodes escapes",
        arguments: [
            (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#"a long run before \u00e4 and behind it"#, "a long run before ä and behind it"),
            (#"\u0000\u007f\u0080\u07ff\u0800\uffff"#, "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}"),
            (#"\ud800\udc00\uDBFF\uDFFF"#, "\u{10000}\u{10FFFF}"), ("ä🎉", "ä🎉"), ("", ""),
        ]
    )
    func unescape(inside: String, expected: String) {
        var text: [UInt8] = []
        JSONText.appendUnescaped(bytes(inside).span, to: &text)
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test("writes any text as a JSON string that stands for it")
    func quote() throws {
        for scalar in (0..<0x300).compactMap(Unicode.Scalar.init) {
            let text = "a\(Character(scalar))🎉"
            var json: [UInt8] = []
            JSONText.appendQuoted(bytes(text).span, to: &json)
            let value = try PlainJSON(whole: json)
            #expect(value.text?.utf8.elementsEqual(text.utf8) == true)
        }
    }

    @Test("gives a cell's text by its kind")
    func cellText() {
        let row: [(PlainCell, String)] = [
            (PlainCell(.null), ""), (PlainCell(.text, bytes("a")), "a"), (PlainCell(.escaped, bytes(#"\n"#)), "\n"),
            (PlainCell(.raw, bytes("\\n")), "\\n"), (PlainCell(.number, bytes("1.50")), "1.50"),
            (PlainCell(.bool, bytes("true")), "true"), (PlainCell(.json, bytes(#"["\n"]"#)), #"["\n"]"#),
        ]
        let batch = Batch(schema: .numbered(row.count), rows: [row.map(\.0)])
        for (cell, expected) in zip(batch.cells, row.map(\.1)) {
            var text: [UInt8] = []
            cell.appendText(in: batch.bytes.span, to: &text)
            #expect(String(decoding: text, as: UTF8.self) == expected)
        }
    }
}
