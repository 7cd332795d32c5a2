import PipelineCore

/// Dates of the form `2024-02-29` (ISO 8601).
enum ISODate {
    /// Whether the ten bytes from `start` on are a day of the calendar.
    static func isDay(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        let bytes = unsafe bytes.bytes
        // Eight bytes at once, `2024-02-`, the first in the lowest place: what is left of a digit is its value, and of
        // a dash nothing; more than that carries into the top bit of its byte.
        let head = UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
        let digits = head ^ 0x2D30_302D_3030_3030
        let tail = UInt16(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt16.self))
        let dayDigits = tail ^ 0x3030
        let excess = digits | ((digits & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7F76_767F_7676_7676)
        let dayExcess = dayDigits | ((dayDigits & 0x7F7F) &+ 0x7676)
        guard excess & 0x8080_8080_8080_8080 == 0, dayExcess & 0x8080 == 0 else { return false }

        func digit(_ place: UInt64) -> Int { Int(truncatingIfNeeded: digits >> (8 * place) & 0xFF) }
        let month = digit(5) * 10 + digit(6)
        let day = Int(dayDigits & 0xFF) * 10 + Int(dayDigits >> 8)
        let hasYear = digits & 0xFFFF_FFFF != 0
        // Every month has 28 days; the calendar is asked for the others only.
        if hasYear, (1...12).contains(month), (1...28).contains(day) { return true }
        let year = ((digit(0) * 10 + digit(1)) * 10 + digit(2)) * 10 + digit(3)
        return Day(year: year, month: month, day: day) != nil
    }
}
