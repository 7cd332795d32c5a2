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
            let escape = firstBackslash(inside, position..<inside.count)
            text.append(inside, position..<escape)
            guard escape + 1 < inside.count else { return }
            position = escape
            let unit = EncodedScalar(unescaped(inside, &position))
            for index in 0..<unit.count { text.append(UInt8(truncatingIfNeeded: unit.bytes >> UInt64(8 * index))) }
        }
    }

    /// Appends what `appendUnescaped` does for the string inside `range`, where it can stand in CSV without quotes.
    ///
    /// There must be room for `range.count` bytes and the writer's overshoot.
    /// - Parameters:
    ///   - bytes: Holds the string, and best more behind it, because bytes are looked at eight at a time.
    ///   - range: What stands between the quotes, as in the other function.
    ///   - output: Takes the UTF-8.
    ///   - delimiters: The delimiter in every place.
    /// - Returns: The writer with the text; nil where the text holds a delimiter, a quote or a line break.
    @inline(never)
    static func appendUnescaped(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        to output: ByteWriter,
        unless delimiters: UInt64
    ) -> ByteWriter? {
        var output = output
        var position = range.lowerBound
        while position < range.upperBound {
            let escape = firstBackslash(bytes, position..<range.upperBound)
            // Quotes and line breaks stand in a JSON string as escapes alone.
            guard output.append(bytes, position, escape - position, unless: { Word.matches($0, delimiters) }) else {
                return nil
            }
            guard escape + 1 < range.upperBound else { return output }
            position = escape
            let scalar = unescaped(bytes, &position)
            if scalar == UInt32(delimiters & 0xFF) || scalar == 0x22 || scalar == 0x0A || scalar == 0x0D { return nil }
            let encoded = EncodedScalar(scalar)
            output.append(word: encoded.bytes, keeping: encoded.count)
        }
        return output
    }

    /// Appends what `appendUnescaped` does for the string inside `range`.
    ///
    /// There must be room for `range.count` bytes and the writer's overshoot.
    /// - Parameters:
    ///   - bytes: Holds the string, and best more behind it, because bytes are looked at eight at a time.
    ///   - range: What stands between the quotes, as in the other function.
    ///   - output: Takes the UTF-8.
    /// - Returns: The writer with the text; nil where the text holds a NUL.
    @inline(never)
    static func appendUnescaped(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: ByteWriter) -> ByteWriter? {
        var output = output
        var position = range.lowerBound
        while position < range.upperBound {
            let escape = firstBackslash(bytes, position..<range.upperBound)
            output.append(bytes, position, escape - position)
            guard escape + 1 < range.upperBound else { return output }
            position = escape
            let scalar = unescaped(bytes, &position)
            guard scalar != 0 else { return nil }
            let encoded = EncodedScalar(scalar)
            output.append(word: encoded.bytes, keeping: encoded.count)
        }
        return output
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

    /// Whether the escape at `position` stands for U+0000.
    static func isEscapedNUL(_ inside: Span<UInt8>, at position: Int) -> Bool {
        guard position + 6 <= inside.count, inside[position + 1] == UInt8(ascii: "u") else { return false }
        for index in position + 2..<position + 6 where inside[index] != UInt8(ascii: "0") { return false }
        return true
    }

    static func firstBackslash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
        var position = range.lowerBound
        while position < range.upperBound, position + 8 <= bytes.count {
            let matches = Word.matches(bytes.word(position), Word.all(UInt8(ascii: "\\")))
            if matches != 0 { return min(position + Word.firstMatch(matches), range.upperBound) }
            position += 8
        }
        while position < range.upperBound, bytes[position] != UInt8(ascii: "\\") { position += 1 }
        return min(position, range.upperBound)
    }

    /// What the escape at `position`, a backslash and at least one byte, stands for; moves behind it.
    @inline(__always) private static func unescaped(_ bytes: Span<UInt8>, _ position: inout Int) -> UInt32 {
        let letter = bytes[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            let unit = codeUnit(bytes, position)
            position += 4
            guard unit & 0xFC00 == 0xD800 else { return unit }
            position += 6
            return 0x10000 + (unit & 0x3FF) << 10 + (codeUnit(bytes, position - 4) & 0x3FF)
        default: return UInt32(letter)
        }
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
}

/// The UTF-8 of one scalar value, the first byte in the lowest place.
private struct EncodedScalar {
    let bytes: UInt64
    let count: Int

    init(_ scalar: UInt32) {
        func trail(_ shift: UInt32) -> UInt64 { UInt64(0x80 | (scalar >> shift) & 0x3F) }
        switch scalar {
        case ..<0x80: (bytes, count) = (UInt64(scalar), 1)
        case ..<0x800: (bytes, count) = (UInt64(0xC0 | scalar >> 6) | trail(0) << 8, 2)
        case ..<0x10000: (bytes, count) = (UInt64(0xE0 | scalar >> 12) | trail(6) << 8 | trail(0) << 16, 3)
        default:
            bytes = UInt64(0xF0 | scalar >> 18) | trail(12) << 8 | trail(6) << 16 | trail(0) << 24
            count = 4
        }
    }
}
