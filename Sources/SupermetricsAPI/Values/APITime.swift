public import struct FoundationEssentials.Date

/// A time as the API wrote it, and the moment it names.
///
/// The API writes times in several forms: `2025-01-01T00:00:00Z`, with fractions of a second, with `+00:00` or `+0000`,
/// with a space for the `T`, without a zone (read as UTC), or as a date alone (its first moment in UTC).
public struct APITime: Sendable, Hashable, CustomStringConvertible {
    /// The time as the API wrote it.
    public let text: String
    /// The moment; nil where the text has none of the known forms.
    public let date: Date?

    /// A time as the API writes it.
    ///
    /// - Parameter text: the time in any form.
    public init(_ text: String) {
        self.text = text
        date = Self.parse(text)
    }

    /// The same as ``text``.
    public var description: String { text }

    /// A moment in the form the API takes: `2025-01-01T00:00:00Z`, fractions of a second dropped.
    ///
    /// - Parameter date: the moment.
    /// - Returns: the text.
    public static func write(_ date: Date) -> String {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let day = CalendarDay(containing: date)
        let rest = seconds - day.number * 86_400
        let time = [rest / 3600, rest / 60 % 60, rest % 60].map { CalendarDay.padded($0, 2) }
        return "\(day)T\(time.joined(separator: ":"))Z"
    }

    private static func parse(_ text: String) -> Date? {
        guard let day = CalendarDay(String(text.prefix(10))) else { return nil }
        var rest = text.dropFirst(10)
        guard !rest.isEmpty else { return day.start }
        guard let separator = rest.popFirst(), "Tt ".contains(separator) else { return nil }
        let zoneStart = rest.firstIndex { "Zz+-".contains($0) } ?? rest.endIndex
        let clock = rest[..<zoneStart].split(separator: ":", omittingEmptySubsequences: false)
        guard 2...3 ~= clock.count, let hour = Self.digits(clock[0]), let minute = Self.digits(clock[1]),
            hour < 24, minute < 60, let offset = Self.offset(rest[zoneStart...])
        else { return nil }
        var seconds = 0.0
        if clock.count == 3 {
            let parts = clock[2].split(separator: ".", omittingEmptySubsequences: false)
            guard let whole = Self.digits(parts[0]), whole <= 60, parts.count <= 2 else { return nil }
            let fraction = parts.count == 2 ? Double("0.\(parts[1])") : 0
            guard let fraction else { return nil }
            seconds = Double(whole) + fraction
        }
        return day.start.addingTimeInterval(Double(hour * 3600 + minute * 60 - offset) + seconds)
    }

    /// Exactly two digits.
    private static func digits(_ text: Substring) -> Int? {
        guard text.utf8.count == 2, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return nil
        }
        return Int(text)
    }

    /// The zone's seconds ahead of UTC.
    private static func offset(_ zone: Substring) -> Int? {
        if zone.isEmpty || zone == "Z" || zone == "z" { return 0 }
        let digits = zone.dropFirst().filter { $0 != ":" }
        guard digits.count == 4, let hours = Self.digits(digits.prefix(2)), let minutes = Self.digits(digits.suffix(2))
        else { return nil }
        return (hours * 3600 + minutes * 60) * (zone.first == "-" ? -1 : 1)
    }
}
