import struct FoundationEssentials.Date

/// The three date forms of HTTP (RFC 9110, section 5.6.7), without a locale or a calendar object.
enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
    static func parse(_ text: String) -> Date? {
        let words = text.split { $0 == " " || $0 == "-" || $0 == "," }.dropFirst().map { $0.lowercased() }
        guard words.count >= 4 else { return nil }
        if let month = months.firstIndex(of: words[0]) {
            return date(year: words[3], month: month + 1, day: words[1], time: words[2])
        }
        guard let month = months.firstIndex(of: words[1]) else { return nil }
        return date(year: words[2], month: month + 1, day: words[0], time: words[3])
    }

    private static func date(year: String, month: Int, day: String, time: String) -> Date? {
        let clock = time.split(separator: ":").compactMap { Int($0) }
        guard var year = Int(year), let day = Int(day), 1...31 ~= day, clock.count == 3,
            0...23 ~= clock[0], 0...59 ~= clock[1], 0...60 ~= clock[2], 0...9999 ~= year
        else { return nil }
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let seconds = CalendarDay.number(year, month, day) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
        return Date(timeIntervalSince1970: Double(seconds))
    }
}

/// The wait a `Retry-After` field asks for (RFC 9110, section 10.2.3).
enum RetryAfter {
    static func parse(_ value: String?, now: Date) -> Duration? {
        guard let value = value?.trimmingSpaces, !value.isEmpty else { return nil }
        if value.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) {
            return .seconds(min(Int(value) ?? longest, longest))
        }
        guard let date = HTTPDate.parse(value) else { return nil }
        return .seconds(min(max(0, date.timeIntervalSince(now).rounded(.up)), Double(longest)))
    }

    /// The documented maximum is a day; longer values only have to survive arithmetic.
    private static let longest = 366 * 86_400
}

extension String {
    var trimmingSpaces: String {
        let end = lastIndex { !$0.isWhitespace }
        guard let start = firstIndex(where: { !$0.isWhitespace }), let end else { return "" }
        return String(self[start...end])
    }
}
