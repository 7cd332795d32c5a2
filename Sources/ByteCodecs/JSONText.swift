/// The text inside JSON strings (RFC 8259 §7), and back.
public enum JSONText {
    /// Appends the text that the inside of a valid JSON string stands for.
    ///
    /// - Parameters:
    ///   - bytes: Holds the inside of a string; every escape in it is valid, and surrogates come in pairs.
    ///   - range: Where the inside stands.
    ///   - text: Takes the UTF-8.
    public static func appendUnescaped(_ bytes: Span<UInt8>, _ range: Range<Int>, to text: inout [UInt8]) {
        text.reserveCapacity(text.count + range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = bytes[position]
            guard byte == UInt8(ascii: "\\"), position + 1 < range.upperBound else {
                text.append(byte)
                position += 1
                continue
            }
            let letter = bytes[position + 1]
            position += 2
            switch letter {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = codeUnit(bytes, position, below: range.upperBound)
                position += 4
                if scalar & 0xFC00 == 0xD800 {
                    let low = codeUnit(bytes, position + 2, below: range.upperBound)
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                    position += 6
                }
                appendUTF8(scalar, to: &text)
            default: text.append(letter)
            }
        }
    }

    /// Appends text as a JSON string, its quotes included.
    ///
    /// - Parameters:
    ///   - text: UTF-8 of any content.
    ///   - json: Takes the string.
    public static func appendQuoted(_ text: [UInt8], to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        ByteWriter.append(to: &json, room: 6 * text.count) { writer in
            writer = appendEscaped(text.span, 0..<text.count, to: writer)
        }
        json.append(UInt8(ascii: "\""))
    }

    /// Appends text as the inside of a JSON string; there must be room for six bytes for each of its bytes.
    @inline(never)
    static func appendEscaped(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: ByteWriter) -> ByteWriter {
        var output = output
        for position in range {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): break
            case 0x20...:
                output.append(byte)
                continue
            default: break
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

    static func unescaped(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var text: [UInt8] = []
        appendUnescaped(bytes, range, to: &text)
        return text
    }

    private static func codeUnit(_ bytes: Span<UInt8>, _ start: Int, below end: Int) -> UInt32 {
        var value: UInt32 = 0
        for position in start..<start + 4 where position < end {
            value = value << 4 | (JSONScanner.hexadecimalDigit(bytes[position]) ?? 0)
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
