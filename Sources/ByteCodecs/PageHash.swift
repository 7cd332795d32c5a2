/// A 64-bit hash of rows as sent, by which a page that came twice is recognised; no defence against an attacker.
///
/// It depends on the rows' bytes and where each row ends, not on what stands between rows.
struct PageHash {
    private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Adds the row that stands in `range` of `bytes`.
    @inline(__always) mutating func add(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var left = value
        var right = value ^ UInt64(truncatingIfNeeded: range.count)
        var position = range.lowerBound
        while position + 32 <= range.upperBound {
            left = PageHash.mix(left ^ bytes.word(position), bytes.word(position + 8) ^ 0xA076_1D64_78BD_642F)
            right = PageHash.mix(right ^ bytes.word(position + 16), bytes.word(position + 24) ^ 0xE703_7ED1_A0B4_28DB)
            position += 32
        }
        if range.count >= 32 {
            // The last 32 bytes once more or in part: cheaper than a loop over the rest.
            position = range.upperBound - 32
            left = PageHash.mix(left ^ bytes.word(position), bytes.word(position + 8) ^ 0xA076_1D64_78BD_642F)
            right = PageHash.mix(right ^ bytes.word(position + 16), bytes.word(position + 24) ^ 0xE703_7ED1_A0B4_28DB)
        } else {
            while position < range.upperBound {
                // The scanner's padding makes the load safe; bytes behind the row are masked out.
                let rest = range.upperBound - position
                let mask = rest >= 8 ? UInt64.max : (1 << UInt64(rest * 8)) &- 1
                left = PageHash.mix(left ^ (bytes.word(position) & mask), 0xA076_1D64_78BD_642F)
                position += 8
            }
        }
        value = PageHash.mix(left ^ 0x8EBC_6AF0_9C88_C6E3, right ^ 0x5899_65CC_7537_4CC3)
    }

    @inline(__always) private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
