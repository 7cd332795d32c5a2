import PipelineCore

/// PostgreSQL's `numeric` as its binary protocol sends it: how many groups of four digits, the weight of the first, the
/// sign, the scale, the groups (`numeric_recv` in `numeric.c`). All are 16 bits wide, the highest byte first.
extension ByteWriter {
    /// How many bytes a number of `count` bytes takes at most, its length in front included.
    @inline(__always) static func numericRoom(_ count: Int) -> Int { 12 &+ count &+ 4 }

    /// Appends a number of up to 16 bytes without an exponent, its length in front; there must be room for it and
    /// `overshoot`.
    ///
    /// - Returns: False, and nothing appended, where it is anything else, or stands at the very end of `text`.
    @inline(__always)
    mutating func appendNumeric(plain text: Span<UInt8>, _ offset: Int, _ length: Int) -> Bool {
        precondition(offset >= 0)
        guard length > 0, length <= 16, offset &+ 16 <= text.count else { return false }
        if length <= 8 {
            let word = unsafe text.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            if appendNumeric(word.littleEndian, length) { return true }
        }
        let word = unsafe text.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt128.self)
        guard let written = Self.appendNumeric(long: word.littleEndian, length, to: self) else { return false }
        self = written
        return true
    }

    @inline(never)
    private static func appendNumeric(long word: UInt128, _ length: Int, to output: ByteWriter) -> ByteWriter? {
        var output = output
        return output.appendNumeric(word, length) ? output : nil
    }

    /// Appends the number in the lowest `length` bytes of a word, the first the lowest.
    ///
    /// All bytes are worked on at once: a loop over digits ends where the processor does not expect it, which costs more
    /// than the digits.
    /// - Returns: False, and nothing appended, where it is no such number, or the word does not hold its digits and the
    ///   zeros that make its fraction end with a group.
    @inline(__always)
    private mutating func appendNumeric<Word: FixedWidthInteger & UnsignedInteger>(
        _ word: Word,
        _ length: Int
    ) -> Bool {
        let size = Word.bitWidth / 8
        // The last byte comes to stand in the highest place, digits of 0 below the first; a minus sign is 0x1D among
        // them, and the point 0x1E.
        let unused = 8 &* (size &- length)
        var digits = (word ^ Self.repeating(0x3030_3030_3030_3030)) << unused
        let isNegative = word & 0xFF == 0x2D
        if isNegative { digits ^= 0x1D << unused }
        var scale = 0
        let others = Self.nonDigits(digits)
        if others != 0 {
            // The first that is no digit may be the point; those before it move up to those behind it.
            let place = others.trailingZeroBitCount & ~7
            let before = digits & ((1 << place) &- 1)
            let behind = (digits ^ before) ^ 0x1E << place
            digits = before << 8 | behind
            scale = size &- 1 &- place >> 3
            guard scale > 0, Self.nonDigits(digits) == 0, behind & 0xFF << place == 0 else { return false }
        }
        let padding = 8 &* (-scale & 3)
        guard digits & ((1 << padding) &- 1) == 0 else { return false }
        digits >>= padding
        let groups =
            Self.groups(UInt64(truncatingIfNeeded: digits)) << 32
            | (size == 8 ? 0 : Self.groups(UInt64(truncatingIfNeeded: digits >> 64)))
        let leading = groups.leadingZeroBitCount >> 4
        let count = groups == 0 ? 0 : 4 &- leading &- groups.trailingZeroBitCount >> 4
        let weight = groups == 0 ? 0 : size / 4 &- 1 &- (scale &+ 3) >> 2 &- leading
        let sign: UInt64 = isNegative && groups != 0 ? 0x4000 : 0
        let head = UInt64(8 &+ 2 &* count) << 32 | UInt64(count) << 16 | UInt64(UInt16(truncatingIfNeeded: weight))
        append(word: head.byteSwapped, keeping: 8)
        append(word: (sign << 48 | UInt64(scale) << 32).byteSwapped, keeping: 4)
        append(word: (groups &<< UInt64(16 &* leading)).byteSwapped, keeping: 2 &* count)
        return true
    }

    /// Sets bits in each byte above 9, up to the first whose neighbour a carry may reach; none where all are digits.
    @inline(__always) private static func nonDigits<Word: FixedWidthInteger>(_ bytes: Word) -> Word {
        (bytes | (bytes &+ repeating(0x0606_0606_0606_0606))) & repeating(0xF0F0_F0F0_F0F0_F0F0)
    }

    @inline(__always) private static func repeating<Word: FixedWidthInteger>(_ bytes: UInt64) -> Word {
        Word(truncatingIfNeeded: UInt128(bytes) << 64 | UInt128(bytes))
    }

    /// Two groups of 16 bits, the first the higher, of eight digits, the first the lowest.
    @inline(__always) private static func groups(_ digits: UInt64) -> UInt64 {
        let pairs = (digits & 0x00FF_00FF_00FF_00FF) &* 10 &+ (digits >> 8) & 0x00FF_00FF_00FF_00FF
        let fours = (pairs & 0x0000_FFFF_0000_FFFF) &* 100 &+ (pairs >> 16) & 0x0000_FFFF_0000_FFFF
        return (fours & 0xFFFF) << 16 | fours >> 32
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
