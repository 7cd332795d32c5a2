public import PipelineCore

/// Dates and times as the API writes them.
public enum DateText {
    /// Reads exactly `YYYY-MM-DD`, years 0001 to 9999; nil for anything else and for dates that do not exist.
    public static func day(_ text: Span<UInt8>) -> Day? {
        guard text.count == 10, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            let century = twoDigits(text, 0), let year = twoDigits(text, 2), let month = twoDigits(text, 5),
            let day = twoDigits(text, 8)
        else { return nil }
        return Day(year: century * 100 + year, month: month, day: day)
    }

    /// A date and a time of day without a zone.
    public struct Timestamp: Hashable, Sendable {
        /// The day.
        public var day: Day
        /// Seconds since the begin of the day, below 86 400.
        public var second: Int
        /// Nanoseconds since the begin of the second.
        public var nanosecond: Int
    }

    /// Reads `YYYY-MM-DD HH:MM:SS`, with a `T` in the middle or a space, and up to nine digits of a fraction; nil for
    /// anything else and for times that do not exist, leap seconds included.
    public static func timestamp(_ text: Span<UInt8>) -> Timestamp? {
        guard text.count >= 19, let day = day(text.extracting(0..<10)),
            text[10] == UInt8(ascii: " ") || text[10] == UInt8(ascii: "T"),
            text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
            let hour = twoDigits(text, 11), let minute = twoDigits(text, 14), let second = twoDigits(text, 17),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var nanosecond = 0
        if text.count > 19 {
            guard text[19] == UInt8(ascii: "."), (21...29).contains(text.count) else { return nil }
            for index in 20..<29 {
                let digit = index < text.count ? text[index] &- UInt8(ascii: "0") : 0
                guard digit < 10 else { return nil }
                nanosecond = nanosecond * 10 + Int(digit)
            }
        }
        return Timestamp(day: day, second: hour * 3600 + minute * 60 + second, nanosecond: nanosecond)
    }

    private static func twoDigits(_ text: Span<UInt8>, _ start: Int) -> Int? {
        let tens = text[start] &- UInt8(ascii: "0")
        let ones = text[start + 1] &- UInt8(ascii: "0")
        return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
    }
}
