/// Checks that bytes are well-formed UTF-8 (Unicode Standard, table 3-7).
public enum UTF8Check {
    /// The offset of the first byte of `bytes` that begins no well-formed sequence; nil where all is well.
    public static func firstInvalidByte(in bytes: Span<UInt8>) -> Int? {
        var position = 0
        let count = bytes.count
        while position < count {
            if position + 32 <= count {
                let first = bytes.word(position) | bytes.word(position + 8)
                let second = bytes.word(position + 16) | bytes.word(position + 24)
                if (first | second) & Word.tops == 0 {
                    position += 32
                    continue
                }
            }
            if bytes[position] < 0x80 {
                position += 1
                continue
            }
            let length = sequenceLength(bytes, at: position)
            if length == 0 { return position }
            position += length
        }
        return nil
    }

    /// How long the well-formed sequence is that begins at `position` with a byte from 0x80; 0 where there is none.
    @inline(__always) static func sequenceLength(_ bytes: Span<UInt8>, at position: Int) -> Int {
        let available = bytes.count - position
        let lead = bytes[position]
        guard available >= 2 else { return 0 }
        let second = bytes[position + 1]
        switch lead {
        case 0xC2...0xDF:
            return isTrail(second) ? 2 : 0
        case 0xE0...0xEF:
            guard available >= 3, isSecond(second, after: lead), isTrail(bytes[position + 2]) else { return 0 }
            return 3
        case 0xF0...0xF4:
            guard available >= 4, isSecond(second, after: lead), isTrail(bytes[position + 2]),
                isTrail(bytes[position + 3])
            else { return 0 }
            return 4
        default:
            return 0
        }
    }

    /// Whether the ill-formed bytes from `position` are the beginning of a sequence that `limit` cuts off.
    static func reaches(_ bytes: Span<UInt8>, from position: Int, limit: Int) -> Bool {
        let length =
            switch bytes[position] {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        guard position + length > limit else { return false }
        guard position + 1 < limit else { return length > 1 }
        guard isSecond(bytes[position + 1], after: bytes[position]) else { return false }
        return position + 2 >= limit || isTrail(bytes[position + 2])
    }

    @inline(__always) private static func isTrail(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Shuts out overlong forms, surrogates and code points past U+10FFFF.
    @inline(__always) private static func isSecond(_ byte: UInt8, after lead: UInt8) -> Bool {
        switch lead {
        case 0xE0: byte >= 0xA0 && byte <= 0xBF
        case 0xED: byte >= 0x80 && byte <= 0x9F
        case 0xF0: byte >= 0x90 && byte <= 0xBF
        case 0xF4: byte >= 0x80 && byte <= 0x8F
        default: isTrail(byte)
        }
    }
}
