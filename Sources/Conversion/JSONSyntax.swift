import ByteCodecs

/// Finds where a JSON value (RFC 8259) ends, in UTF-8 that is known to be well-formed.
struct JSONSyntax {
    /// Where the next byte stands.
    private(set) var position: Int
    private let end: Int
    private var depth = 0

    /// Arrays and objects within one another; the reader of pages allows as many.
    private static let depthLimit = 64

    /// Begins at the first byte of `range` that is no white space.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        (position, end) = (range.lowerBound, range.upperBound)
        skipSpace(bytes)
    }

    /// Whether nothing but white space is left.
    mutating func isAtEnd(_ bytes: Span<UInt8>) -> Bool {
        skipSpace(bytes)
        return position == end
    }

    /// Moves past a value; false where there is none.
    mutating func value(_ bytes: Span<UInt8>) -> Bool {
        guard position < end else { return false }
        switch bytes[position] {
        case UInt8(ascii: "{"): return members(bytes, until: UInt8(ascii: "}"), named: true)
        case UInt8(ascii: "["): return members(bytes, until: UInt8(ascii: "]"), named: false)
        case UInt8(ascii: "\""): return string(bytes)
        case UInt8(ascii: "t"): return literal(bytes, "true")
        case UInt8(ascii: "f"): return literal(bytes, "false")
        case UInt8(ascii: "n"): return literal(bytes, "null")
        default: return number(bytes)
        }
    }

    private mutating func members(_ bytes: Span<UInt8>, until close: UInt8, named: Bool) -> Bool {
        depth += 1
        guard depth <= JSONSyntax.depthLimit else { return false }
        position += 1
        skipSpace(bytes)
        var isFirst = true
        while !take(bytes, close) {
            guard isFirst || take(bytes, UInt8(ascii: ",")) else { return false }
            isFirst = false
            skipSpace(bytes)
            if named {
                guard position < end, bytes[position] == UInt8(ascii: "\""), string(bytes) else { return false }
                skipSpace(bytes)
                guard take(bytes, UInt8(ascii: ":")) else { return false }
                skipSpace(bytes)
            }
            guard value(bytes) else { return false }
            skipSpace(bytes)
        }
        depth -= 1
        return true
    }

    private mutating func string(_ bytes: Span<UInt8>) -> Bool {
        position += 1
        while position < end {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard escape(bytes) else { return false }
            case ..<0x20: return false
            default: break
            }
        }
        return false
    }

    private mutating func escape(_ bytes: Span<UInt8>) -> Bool {
        guard position < end else { return false }
        let letter = bytes[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            guard let unit = codeUnit(bytes) else { return false }
            // Half a surrogate pair is no text.
            guard unit & 0xF800 == 0xD800 else { return true }
            guard unit < 0xDC00, take(bytes, UInt8(ascii: "\\")), take(bytes, UInt8(ascii: "u")) else { return false }
            return codeUnit(bytes).map { $0 & 0xFC00 == 0xDC00 } ?? false
        default: return false
        }
    }

    private mutating func codeUnit(_ bytes: Span<UInt8>) -> UInt32? {
        guard end - position >= 4 else { return nil }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else { return nil }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    private mutating func number(_ bytes: Span<UInt8>) -> Bool {
        let start = position
        while position < end, JSONSyntax.isOfNumber(bytes[position]) { position += 1 }
        return DecimalText.isJSONNumber(bytes.extracting(start..<position))
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func literal(_ bytes: Span<UInt8>, _ word: String) -> Bool {
        word.utf8.allSatisfy { take(bytes, $0) }
    }

    private mutating func take(_ bytes: Span<UInt8>, _ byte: UInt8) -> Bool {
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }
}
