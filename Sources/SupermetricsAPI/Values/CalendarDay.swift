public import struct FoundationEssentials.Date

/// A day of the proleptic Gregorian calendar, without a time zone: `2024-02-29`.
public struct CalendarDay: Sendable, Hashable {
    /// Days since 1970-01-01.
    public let number: Int

    /// The day so many days after 1970-01-01.
    ///
    /// - Parameter number: days since then, negative for days before.
    public init(number: Int) {
        self.number = number
    }

    /// A day by its parts; nil for one no calendar has, such as 30 February.
    ///
    /// - Parameters:
    ///   - year: 1 to 9999.
    ///   - month: 1 to 12.
    ///   - day: 1 to the month's last.
    public init?(year: Int, month: Int, day: Int) {
        guard 1...9999 ~= year, 1...12 ~= month, 1...31 ~= day else { return nil }
        let number = Self.number(year, month, day)
        guard Self.parts(number) == (year, month, day) else { return nil }
        self.number = number
    }

    /// A day written `YYYY-MM-DD`; nil for anything else.
    ///
    /// - Parameter text: exactly ten characters.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return nil }
        let digits = [0..<4, 5..<7, 8..<10].map { bytes[$0] }
        guard digits.joined().allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        let parts = digits.map { $0.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } }
        self.init(year: parts[0], month: parts[1], day: parts[2])
    }

    /// The day in UTC at a time.
    ///
    /// - Parameter date: the time.
    public init(containing date: Date) {
        number = Int((date.timeIntervalSince1970 / 86_400).rounded(.down))
    }

    /// The day's first moment in UTC.
    public var start: Date { Date(timeIntervalSince1970: Double(number) * 86_400) }

    /// Year, month and day of the month.
    public var parts: (year: Int, month: Int, day: Int) { Self.parts(number) }
}

extension CalendarDay: CustomStringConvertible {
    /// The day as `YYYY-MM-DD`.
    public var description: String {
        let (year, month, day) = parts
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

extension CalendarDay: Strideable {
    /// How many days later `other` is.
    ///
    /// - Parameter other: another day.
    /// - Returns: the number of days, negative for an earlier one.
    public func distance(to other: CalendarDay) -> Int { other.number - number }

    /// The day so many days later.
    ///
    /// - Parameter days: how many, negative for earlier.
    /// - Returns: the day.
    public func advanced(by days: Int) -> CalendarDay { CalendarDay(number: number + days) }
}

extension CalendarDay {
    /// Howard Hinnant's `days_from_civil`, in integer arithmetic.
    static func number(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Howard Hinnant's `civil_from_days`.
    private static func parts(_ number: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400
        return month < 10 ? (year, month + 3, day) : (year + 1, month - 9, day)
    }
}
