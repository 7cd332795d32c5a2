/// A calendar day of the proleptic Gregorian calendar, without a time zone.
///
/// Its text is ISO 8601, `2024-02-29`; years run from 0001 to 9999, the range an ISO date of four digits can write.
public struct Day: Hashable, Sendable, LosslessStringConvertible {
    /// Days since 1970-01-01, which is 0.
    public let number: Int

    /// 0001-01-01.
    public static let earliest = Day(number: -719_162)
    /// 9999-12-31.
    public static let latest = Day(number: 2_932_896)

    /// The day `number` days after 1970-01-01.
    public init(number: Int) { self.number = number }

    /// The day of a calendar date; nil where the date does not exist.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Day.length(ofMonth: month, in: year)
        else { return nil }
        self.init(number: Day.number(year, month, day))
    }

    /// Reads exactly `YYYY-MM-DD`; nil for anything else and for dates that do not exist.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return nil }
        func digits(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in bytes[range] {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = digits(0..<4), let month = digits(5..<7), let day = digits(8..<10) else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// Year, month 1–12 and day of the month 1–31.
    public var civil: (year: Int, month: Int, day: Int) {
        // Days are counted from 0000-03-01 in eras of 400 years, so that a leap day ends its year.
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// ISO weekday: 1 is Monday, 7 is Sunday.
    public var weekday: Int { (((number + 3) % 7) + 7) % 7 + 1 }

    /// The Monday of the ISO week that holds this day.
    public var startOfWeek: Day { Day(number: number - (weekday - 1)) }

    /// The first day of this day's month.
    public var startOfMonth: Day { Day(number: number - (civil.day - 1)) }

    /// The last day of this day's month.
    public var endOfMonth: Day {
        let (year, month, day) = civil
        return Day(number: number - day + Day.length(ofMonth: month, in: year))
    }

    /// The day `months` calendar months later, on the last day of the month where this day of the month is missing.
    public func adding(months: Int) -> Day {
        let (year, month, day) = civil
        let index = year * 12 + (month - 1) + months
        let target = (year: index >= 0 ? index / 12 : (index - 11) / 12, month: ((index % 12) + 12) % 12 + 1)
        let length = Day.length(ofMonth: target.month, in: target.year)
        return Day(number: Day.number(target.year, target.month, min(day, length)))
    }

    /// ISO 8601, `2024-02-29`.
    public var description: String {
        let (year, month, day) = civil
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2)
    }

    private static func length(ofMonth month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func number(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Day: Strideable {
    /// Whole days from this day to `other`.
    public func distance(to other: Day) -> Int { other.number - number }
    /// The day `days` later.
    public func advanced(by days: Int) -> Day { Day(number: number + days) }
}

extension Day: Codable {
    /// Decodes the ISO 8601 text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let day = Day(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a date of the form YYYY-MM-DD")
        }
        self = day
    }

    /// Encodes the ISO 8601 text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
