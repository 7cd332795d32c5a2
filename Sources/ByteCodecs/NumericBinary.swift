import PipelineCore

/// PostgreSQL's `numeric` as its binary protocol sends it: how many groups of four digits, the weight of the first, the
/// sign, the scale, the groups (`numeric_recv` in `numeric.c`). All are 16 bits wide, the highest byte first.
extension ByteWriter {
    /// How many bytes a number of `count` bytes takes at most, its length in front included.
    @inline(__always) static func numericRoom(_ count: Int) -> Int { 12 &+ count &+ 4 }

    /// Appends a number of up to 16 bytes without an exponent, its length in front; there must be room for it and
    /// `overshoot`.
    ///
    /// - Returns: False, and nothing appended, where it is anything else.
    @inline(__always)
    mutating func appendNumeric(plain text: Span<UInt8>, _ offset: Int, _ length: Int) -> Bool {
        guard length <= 16, length > 0 else { return false }
        let end = offset &+ length
        let isNegative = text[offset] == UInt8(ascii: "-")
        var digits: UInt64 = 0
        var point = end
        var position = isNegative ? offset &+ 1 : offset
        guard position < end else { return false }
        while position < end {
            let digit = text[position] &- UInt8(ascii: "0")
            if digit < 10 {
                digits = digits &* 10 &+ UInt64(digit)
            } else if text[position] == UInt8(ascii: "."), point == end, position &+ 1 < end {
                point = position
            } else {
                return false
            }
            position &+= 1
        }
        let scale = point == end ? 0 : end &- 1 &- point
        // So many zeros make the fraction end with a group.
        switch scale & 3 {
        case 1: digits &*= 1000
        case 2: digits &*= 100
        case 3: digits &*= 10
        default: break
        }
        var fractionGroups = (scale &+ 3) >> 2
        var groups: UInt64 = 0
        var count = 0
        while digits != 0 {
            let (quotient, group) = digits.quotientAndRemainder(dividingBy: 10_000)
            digits = quotient
            if group == 0, count == 0 {
                fractionGroups &-= 1
                continue
            }
            // A fifth group: 16 digits whose fraction does not end with one.
            guard count < 4 else { return false }
            groups = groups >> 16 | group << 48
            count &+= 1
        }
        let weight = count == 0 ? 0 : count &- fractionGroups &- 1
        let sign: UInt64 = isNegative && count > 0 ? 0x4000 : 0
        let head = UInt64(8 &+ 2 &* count) << 32 | UInt64(count) << 16 | UInt64(UInt16(truncatingIfNeeded: weight))
        append(word: head.byteSwapped, keeping: 8)
        append(word: (sign << 48 | UInt64(scale) << 32).byteSwapped, keeping: 4)
        append(word: groups.byteSwapped, keeping: 2 &* count)
        return true
    }

    /// Appends any number that `numeric` holds, its length in front; there must be `numericRoom` for it.
    @inline(never)
    static func appendNumeric(_ number: DecimalText, _ text: Span<UInt8>, to output: ByteWriter) -> ByteWriter {
        var output = output
        let places = DecimalText.Places(number, text)
        // Rounded towards negative infinity: place -1 is in group -1.
        let (first, last) = places.count == 0 ? (0, 1) : (places.first >> 2, places.last >> 2)
        let count = places.count == 0 ? 0 : first - last + 1
        output.append(bigEndian: UInt32(8 + 2 * count))
        output.append(bigEndian: UInt16(count))
        output.append(bigEndian: UInt16(truncatingIfNeeded: first))
        output.append(bigEndian: UInt16(number.isNegative && count > 0 ? 0x4000 : 0))
        output.append(bigEndian: UInt16(number.scale))
        guard count > 0 else { return output }
        for group in stride(from: first, through: last, by: -1) {
            let value = (0..<4).reversed().reduce(0) { $0 * 10 + UInt16(places.digit(group * 4 + $1, text) & 15) }
            output.append(bigEndian: value)
        }
        return output
    }

    /// Appends two bytes, the higher first; there must be room for `overshoot`.
    @inline(__always) mutating func append(bigEndian value: UInt16) {
        append(word: UInt64(value.byteSwapped), keeping: 2)
    }

    /// Appends four bytes, the highest first; there must be room for `overshoot`.
    @inline(__always) mutating func append(bigEndian value: UInt32) {
        append(word: UInt64(value.byteSwapped), keeping: 4)
    }

    /// Appends eight bytes, the highest first.
    @inline(__always) mutating func append(bigEndian value: UInt64) {
        append(word: value.byteSwapped, keeping: 8)
    }
}
