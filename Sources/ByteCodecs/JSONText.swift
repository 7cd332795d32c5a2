/// The text of JSON strings (RFC 8259 §7), read and written.
public enum JSONText {
    /// Appends the text that the inside of a JSON string stands for.
    ///
    /// - Parameters:
    ///   - inside: What stands between the quotes; every escape in it is valid, and surrogates come in pairs.
    ///   - text: Takes the UTF-8.
    public static func appendUnescaped(_ inside: Span<UInt8>, to text: inout [UInt8]) {
        var position = 0
        while position < inside.count {
            let escape = firstBackslash(inside, from: position)
            text.append(inside, position..<escape)
            guard escape + 1 < inside.count else { return }
            position = escape + 2
            switch inside[escape + 1] {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = codeUnit(inside, position)
                position += 4
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (codeUnit(inside, position + 2) & 0x3FF)
                    position += 6
                }
                appendUTF8(scalar, to: &text)
            case let letter: text.append(letter)
            }
        }
    }

    /// Appends text as a JSON string, quotes included, with no more escapes than JSON demands.
    ///
    /// - Parameters:
    ///   - text: UTF-8 of any content.
    ///   - json: Takes the string.
    public static func appendQuoted(_ text: Span<UInt8>, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        ByteWriter.append(to: &json, room: 6 * text.count) { writer in writer = appendEscaped(text, to: writer) }
        json.append(UInt8(ascii: "\""))
    }

    /// Appends text as the inside of a JSON string; there must be room for six bytes for each of its bytes.
    @inline(never)
    static func appendEscaped(_ text: Span<UInt8>, to output: ByteWriter) -> ByteWriter {
        var output = output
        for position in text.indices {
            let byte = text[position]
            if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                output.append(byte)
                continue
            }
            output.append(UInt8(ascii: "\\"))
            switch byte {
            case 0x08: output.append(UInt8(ascii: "b"))
            case 0x09: output.append(UInt8(ascii: "t"))
            case 0x0A: output.append(UInt8(ascii: "n"))
            case 0x0C: output.append(UInt8(ascii: "f"))
            case 0x0D: output.append(UInt8(ascii: "r"))
            case ..<0x20:
                output.append(UInt8(ascii: "u"))
                output.append(UInt8(ascii: "0"))
                output.append(UInt8(ascii: "0"))
                output.append(UInt8(ascii: "0") + byte >> 4)
                output.append((byte & 15 < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) + byte & 15)
            default: output.append(byte)
            }
        }
        return output
    }

    /// Appends a JSON value without its line breaks, which can only be white space between its parts.
    @inline(never)
    static func appendOnOneLine(_ json: Span<UInt8>, to output: ByteWriter) -> ByteWriter {
        var output = output
        for position in json.indices where json[position] != 0x0A && json[position] != 0x0D {
            output.append(json[position])
        }
        return output
    }

    private static func firstBackslash(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while position + 8 <= bytes.count {
            let matches = Word.matches(bytes.word(position), Word.all(UInt8(ascii: "\\")))
            if matches != 0 { return position + Word.firstMatch(matches) }
            position += 8
        }
        while position < bytes.count, bytes[position] != UInt8(ascii: "\\") { position += 1 }
        return position
    }

    /// The four hexadecimal digits from `start`; places past the end count as 0.
    private static func codeUnit(_ bytes: Span<UInt8>, _ start: Int) -> UInt32 {
        var value: UInt32 = 0
        for position in start..<start + 4 {
            value <<= 4
            if position < bytes.count { value |= JSONScanner.hexadecimalDigit(bytes[position]) ?? 0 }
        }
        return value
    }

    private static func appendUTF8(_ scalar: UInt32, to text: inout [UInt8]) {
        func trail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F }
        switch scalar {
        case ..<0x80: text.append(UInt8(truncatingIfNeeded: scalar))
        case ..<0x800:
            text.append(0xC0 | UInt8(truncatingIfNeeded: scalar >> 6))
            text.append(trail(0))
        case ..<0x10000:
            text.append(0xE0 | UInt8(truncatingIfNeeded: scalar >> 12))
            text.append(trail(6))
            text.append(trail(0))
        default:
            text.append(0xF0 | UInt8(truncatingIfNeeded: scalar >> 18))
            text.append(trail(12))
            text.append(trail(6))
            text.append(trail(0))
        }
    }
}
