/// Why a scan did not reach the end of what it was reading.
enum ScanStop: Error {
    /// The bytes end; with more of them the scan can be tried again from its start.
    case incomplete
    /// The byte at the position breaks a rule.
    case problem(ReadError.Problem, at: Int)
}

/// A place in a JSON string that is no Unicode text.
struct LocatedTextFault {
    var fault: TextFault
    var position: Int
}

/// Reads JSON values (RFC 8259) strictly from left to right, so that the first fault is the same wherever the bytes
/// were cut.
///
/// Only bytes below `limit` count. At least `padding` zero bytes follow them: a zero byte fits nowhere in JSON, so no
/// inner loop looks at the limit.
enum JSONScanner {
    /// How many zero bytes must follow the limit.
    static let padding = 16

    /// The stop for a byte that fits nothing; past the limit it says only that bytes are missing.
    static func unexpected(_ position: Int, limit: Int, _ problem: ReadError.Problem = .syntax) -> ScanStop {
        position >= limit ? .incomplete : .problem(problem, at: position)
    }

    @inline(__always) static func skipSpace(_ bytes: Span<UInt8>, _ position: inout Int) {
        while bytes[position] <= UInt8(ascii: " ") {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    /// What the inside of a string turned out to be.
    struct StringEnd {
        /// The position of the closing quote.
        var position: Int
        /// Whether an escape occurs.
        var isEscaped: Bool
        /// The first place that is no text.
        var fault: LocatedTextFault?
    }

    /// Reads the inside of a string from behind its opening quote.
    @inline(__always)
    static func string(_ bytes: Span<UInt8>, from start: Int, limit: Int) throws(ScanStop) -> StringEnd {
        var position = start
        while true {
            let word = bytes.word(position)
            let stops = Word.stringStops(word)
            guard stops != 0 else {
                position += 8
                continue
            }
            position += Word.firstMatch(stops)
            guard bytes[position] == UInt8(ascii: "\"") else {
                return try intricateString(bytes, from: position, limit: limit)
            }
            return StringEnd(position: position, isEscaped: false, fault: nil)
        }
    }

    /// Reads on in a string from a byte that is not plain ASCII text.
    @inline(never)
    private static func intricateString(
        _ bytes: Span<UInt8>,
        from start: Int,
        limit: Int
    ) throws(ScanStop) -> StringEnd {
        var position = start
        var end = StringEnd(position: start, isEscaped: false, fault: nil)
        while true {
            let stops = Word.stringStops(bytes.word(position))
            guard stops != 0 else {
                position += 8
                continue
            }
            position += Word.firstMatch(stops)
            let byte = bytes[position]
            if byte >= 0x80 {
                repeat {
                    let length = UTF8Check.sequenceLength(bytes, at: position)
                    if length > 0 {
                        position += length
                    } else {
                        if UTF8Check.reaches(bytes, from: position, limit: limit) { throw .incomplete }
                        if end.fault == nil { end.fault = .init(fault: .invalidUTF8, position: position) }
                        position += 1
                    }
                } while bytes[position] >= 0x80
            } else if byte == UInt8(ascii: "\"") {
                end.position = position
                return end
            } else if byte == UInt8(ascii: "\\") {
                end.isEscaped = true
                let isText = try escape(bytes, &position, limit: limit)
                if !isText, end.fault == nil { end.fault = .init(fault: .loneSurrogate, position: position - 6) }
            } else {
                throw unexpected(position, limit: limit)
            }
        }
    }

    /// Moves past an escape, and past a surrogate pair as a whole; false where it is half a pair.
    private static func escape(_ bytes: Span<UInt8>, _ position: inout Int, limit: Int) throws(ScanStop) -> Bool {
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
            return true
        case UInt8(ascii: "u"):
            let unit = try hexadecimal(bytes, position + 2, limit: limit)
            position += 6
            guard unit & 0xF800 == 0xD800 else { return true }
            guard unit & 0xFC00 == 0xD800 else { return false }
            guard bytes[position] == UInt8(ascii: "\\") else {
                if position >= limit { throw .incomplete }
                return false
            }
            guard bytes[position + 1] == UInt8(ascii: "u") else {
                if position + 1 >= limit { throw .incomplete }
                return false
            }
            guard try hexadecimal(bytes, position + 2, limit: limit) & 0xFC00 == 0xDC00 else { return false }
            position += 6
            return true
        default:
            throw unexpected(position + 1, limit: limit)
        }
    }

    private static func hexadecimal(_ bytes: Span<UInt8>, _ start: Int, limit: Int) throws(ScanStop) -> UInt32 {
        var value: UInt32 = 0
        for position in start..<start + 4 {
            guard let digit = hexadecimalDigit(bytes[position]) else { throw unexpected(position, limit: limit) }
            value = value << 4 | digit
        }
        return value
    }

    static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// Moves past a number (RFC 8259 §6), whose first byte is `-` or a digit.
    @inline(__always) static func number(_ bytes: Span<UInt8>, _ position: inout Int, limit: Int) throws(ScanStop) {
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        if bytes[position] == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits(bytes, &position, limit: limit)
        }
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            try digits(bytes, &position, limit: limit)
        }
        if bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
            try digits(bytes, &position, limit: limit)
        }
        // At the limit more digits may follow.
        if position >= limit { throw .incomplete }
    }

    /// Moves past one or more digits.
    @inline(__always)
    private static func digits(_ bytes: Span<UInt8>, _ position: inout Int, limit: Int) throws(ScanStop) {
        let start = position
        while true {
            let others = Word.nonDigits(bytes.word(position))
            guard others == 0 else {
                position += Word.firstMatch(others)
                break
            }
            position += 8
        }
        if position == start { throw unexpected(position, limit: limit) }
    }

    /// Moves past `true`, `false` or `null`, told by its first byte.
    @inline(__always)
    static func literal(
        _ word: StaticString,
        _ bytes: Span<UInt8>,
        _ position: inout Int,
        limit: Int
    ) throws(ScanStop) {
        for index in 0..<word.utf8CodeUnitCount {
            let expected = unsafe word.utf8Start[index]
            guard bytes[position + index] == expected else { throw unexpected(position + index, limit: limit) }
        }
        position += word.utf8CodeUnitCount
    }

    /// Moves past a value of any kind.
    ///
    /// - Returns: The first place in any of its strings that is no text.
    static func value(
        _ bytes: Span<UInt8>,
        _ position: inout Int,
        limit: Int,
        depthLimit: Int
    ) throws(ScanStop) -> LocatedTextFault? {
        var fault: LocatedTextFault?
        var depth = 0
        /// One bit per open level, the innermost lowest: set for an object.
        var objects: UInt64 = 0
        while true {
            var isOpening = false
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let end = try string(bytes, from: position + 1, limit: limit)
                fault = fault ?? end.fault
                position = end.position + 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                try number(bytes, &position, limit: limit)
            case UInt8(ascii: "t"): try literal("true", bytes, &position, limit: limit)
            case UInt8(ascii: "f"): try literal("false", bytes, &position, limit: limit)
            case UInt8(ascii: "n"): try literal("null", bytes, &position, limit: limit)
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                if depth == depthLimit { throw .problem(.tooDeep(limit: depthLimit), at: position) }
                depth += 1
                objects = objects << 1 | (bytes[position] == UInt8(ascii: "{") ? 1 : 0)
                position += 1
                isOpening = true
            default:
                throw unexpected(position, limit: limit)
            }
            // Behind a value: close what ends here, up to the place where the next value begins.
            while true {
                if depth == 0 { return fault }
                skipSpace(bytes, &position)
                let isObject = objects & 1 == 1
                if bytes[position] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    position += 1
                    depth -= 1
                    objects >>= 1
                    isOpening = false
                    continue
                }
                if !isOpening {
                    guard bytes[position] == UInt8(ascii: ",") else { throw unexpected(position, limit: limit) }
                    position += 1
                    skipSpace(bytes, &position)
                }
                if isObject {
                    let name = try memberName(bytes, &position, limit: limit)
                    fault = fault ?? name.fault
                    skipSpace(bytes, &position)
                }
                break
            }
        }
    }

    /// Moves past the name of a member and its colon.
    ///
    /// - Returns: The end of the name's string, which begins one behind `position` at the call.
    static func memberName(_ bytes: Span<UInt8>, _ position: inout Int, limit: Int) throws(ScanStop) -> StringEnd {
        guard bytes[position] == UInt8(ascii: "\"") else { throw unexpected(position, limit: limit) }
        let end = try string(bytes, from: position + 1, limit: limit)
        position = end.position + 1
        skipSpace(bytes, &position)
        guard bytes[position] == UInt8(ascii: ":") else { throw unexpected(position, limit: limit) }
        position += 1
        return end
    }
}
