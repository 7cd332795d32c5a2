/// A date as nearly all are: `2024-02-28` (ISO 8601), and not later in its month than such a month always is long.
///
/// It is told in one look at its bytes; what is not plain is left to `DateText`.
enum PlainDay {
    /// Whether the ten bytes from `start` on are a plain date.
    static func isPlain(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        let bytes = unsafe bytes.bytes
        // `2024-02-`, the first byte in the lowest place, and `28`: what is left of a digit is its value, of a dash 0.
        let head = UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
        let digits = head ^ 0x2D30_302D_3030_3030
        let tail = UInt16(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt16.self))
        let dayDigits = tail ^ 0x3030
        // A byte that leaves more has its top bit set, or carries into it.
        let excess = digits | ((digits & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7F76_767F_7676_7676)
        let dayExcess = dayDigits | ((dayDigits & 0x7F7F) &+ 0x7676)
        guard excess & 0x8080_8080_8080_8080 == 0, dayExcess & 0x8080 == 0 else { return false }

        let month = (digits >> 40 & 0xFF) * 10 + (digits >> 48 & 0xFF)
        let day = (dayDigits & 0xFF) * 10 + dayDigits >> 8
        let hasYear = digits & 0xFFFF_FFFF != 0
        return hasYear && (1...12).contains(month) && day > 0 && day <= (month == 2 ? 28 : 30)
    }
}
