/// How strings are escaped in answers, after the team settings `api_json_unescaped_slashes` and `…_unicode`.
struct EscapeStyle: Hashable, Sendable {
    /// `/` is written `\/`.
    var slashes: Bool
    /// Everything beyond ASCII is written `\uXXXX`.
    var unicode: Bool

    static let plain = EscapeStyle(slashes: false, unicode: false)
}

/// Writes JSON as bytes: commas are placed by the writer, keys appear in the order of the calls.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    let style: EscapeStyle
    private var needsComma = false

    init(style: EscapeStyle) { self.style = style }

    mutating func object(_ key: StaticString? = nil, _ body: (inout JSONWriter) -> Void) {
        begin(key, UInt8(ascii: "{"))
        body(&self)
        end(UInt8(ascii: "}"))
    }

    mutating func array(_ key: StaticString? = nil, _ body: (inout JSONWriter) -> Void) {
        begin(key, UInt8(ascii: "["))
        body(&self)
        end(UInt8(ascii: "]"))
    }

    mutating func string(_ key: StaticString? = nil, _ value: String) {
        separate(key)
        bytes.appendJSONString(value, style: style)
    }

    mutating func integer(_ key: StaticString? = nil, _ value: Int) { token(key, String(value)) }

    mutating func bool(_ key: StaticString? = nil, _ value: Bool) { token(key, value ? "true" : "false") }

    mutating func null(_ key: StaticString? = nil) { token(key, "null") }

    /// Writes text that is JSON already.
    mutating func token(_ key: StaticString? = nil, _ text: String) {
        separate(key)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func value(_ key: StaticString? = nil, _ value: JSONValue) {
        switch value {
        case .null: null(key)
        case .bool(let flag): bool(key, flag)
        case .integer(let number): integer(key, number)
        case .number(let number): token(key, String(number))
        case .string(let text): string(key, text)
        case .array(let elements): array(key) { for element in elements { $0.value(nil, element) } }
        case .object(let members):
            object(key) { writer in
                for (name, member) in members.sorted(by: { $0.key < $1.key }) { writer.member(name, member) }
            }
        }
    }

    private mutating func member(_ name: String, _ member: JSONValue) {
        separate(nil)
        bytes.appendJSONString(name, style: style)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
        value(nil, member)
    }

    private mutating func begin(_ key: StaticString?, _ bracket: UInt8) {
        separate(key)
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate(_ key: StaticString?) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
        guard let key else { return }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: key.description.utf8)
        bytes.append(contentsOf: "\":".utf8)
    }
}

extension [UInt8] {
    /// Appends a JSON string with its quotes.
    mutating func appendJSONString(_ text: String, style: EscapeStyle) {
        append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append(contentsOf: #"\""#.utf8)
            case "\\": append(contentsOf: #"\\"#.utf8)
            case "\n": append(contentsOf: #"\n"#.utf8)
            case "\r": append(contentsOf: #"\r"#.utf8)
            case "\t": append(contentsOf: #"\t"#.utf8)
            case "/" where style.slashes: append(contentsOf: #"\/"#.utf8)
            case _ where scalar.value < 0x20 || (style.unicode && !scalar.isASCII):
                for unit in String(scalar).utf16 { appendUnicodeEscape(unit) }
            default: append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func appendUnicodeEscape(_ unit: UInt16) {
        let digits = String(unit, radix: 16)
        append(contentsOf: #"\u"#.utf8)
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
        append(contentsOf: digits.utf8)
    }

    /// Appends a whole number in decimal digits, without making a String.
    mutating func appendDigits(_ value: UInt64) {
        guard value >= 10 else { return append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)) }
        appendDigits(value / 10)
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// Appends a whole number padded with zeros to `width` digits.
    mutating func appendDigits(_ value: UInt64, width: Int) {
        guard width > 1 else { return append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10)) }
        appendDigits(value / 10, width: width - 1)
        append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
    }
}
