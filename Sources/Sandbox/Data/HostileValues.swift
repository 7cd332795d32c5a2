/// Values that break readers which take the data for tidy: one list for texts, one for numbers.
enum HostileValues {
    /// Texts with quotes, separators, line ends, escapes, formulas, and spellings loaders take for null or an end mark.
    static let texts: [String] = [
        "He said \"no, thanks\"", "a,b;c|d", "line one\nline two", "CR\r\nLF", "tab\there", #"C:\new\table\"#, "\"",
        "'; DROP TABLE x; --",
        "👩‍👩‍👧‍👦 🇫🇮 🚀", "=HYPERLINK(\"http://x.example\",\"y\")", "+1", "-2+3", "@SUM(A1:A9)", #"\N"#, #"\."#, "NULL", "null",
        "NaN",
        "a\u{2028}b\u{2029}c", "\u{FEFF}bom", " leading and trailing ", "e\u{301}\u{202E}rtl", "\u{1}\u{7F}",
        "%00 %s {0}",
        String(repeating: "long ", count: 200),
    ]

    /// What stands where a text was declared: nothing, in both spellings, and bare numbers.
    static let notTexts = ["\"\"", "null", "11473971231", "12345678901234567890", "\"007\""]

    /// What stands where a whole number was declared.
    static let integers = ["null", "\"\"", "12.0", "\"1234\"", "0", "-1", "9007199254740993", "\"9007199254740993\""]

    /// What stands where a decimal number was declared.
    static let decimals = [
        "null", "\"\"", "0.1234567890123456789012345678901234", "\"0.10\"", "0", "-0.01", "1.0e-5",
        "12345678901234567890.000000001",
    ]

    /// The JSON spellings of what may stand in a text column.
    static func textTokens(_ style: EscapeStyle) -> [[UInt8]] {
        texts.map { jsonString($0, style) } + notTexts.map { Array($0.utf8) }
    }

    static func jsonString(_ text: String, _ style: EscapeStyle) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendJSONString(text, style: style)
        return bytes
    }
}
