/// A day of the proleptic Gregorian calendar, counted from 1970-01-01.
struct CivilDay: Hashable, Comparable, Sendable {
    let number: Int

    init(number: Int) { self.number = number }

    /// The day with these figures; nil when the calendar has none.
    init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month),
            (1...Self.daysInMonth(year: year, month: month)).contains(day)
        else { return nil }
        number = Self.number(year: year, month: month, day: day)
    }

    /// Reads `YYYY-MM-DD`, nothing else.
    init?(iso text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2D }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// Howard Hinnant's `days_from_civil`.
    private static func number(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func daysInMonth(year: Int, month: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Howard Hinnant's `civil_from_days`.
    var components: (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    var iso: String {
        let (year, month, day) = components
        var bytes: [UInt8] = []
        bytes.appendDigits(UInt64(max(0, year)), width: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDigits(UInt64(month), width: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendDigits(UInt64(day), width: 2)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// 1 for Monday to 7 for Sunday; 1970-01-01 was a Thursday.
    var isoWeekday: Int { ((number + 3) % 7 + 7) % 7 + 1 }

    /// The ISO 8601 week and the year it belongs to.
    var isoWeek: (year: Int, week: Int) {
        let thursday = CivilDay(number: number - isoWeekday + 4)
        let year = thursday.components.year
        return (year, (thursday.number - Self.number(year: year, month: 1, day: 1)) / 7 + 1)
    }

    var firstOfWeek: CivilDay { CivilDay(number: number - isoWeekday + 1) }

    var firstOfMonth: CivilDay { CivilDay(number: number - components.day + 1) }

    var firstOfYear: CivilDay { CivilDay(number: Self.number(year: components.year, month: 1, day: 1)) }

    func addingDays(_ days: Int) -> CivilDay { CivilDay(number: number + days) }

    /// The same day `months` later, or the month's last day when it is shorter.
    func addingMonths(_ months: Int) -> CivilDay {
        let (year, month, day) = components
        let index = year * 12 + month - 1 + months
        let (newYear, newMonth) = (index / 12, index % 12 + 1)
        let newDay = min(day, Self.daysInMonth(year: newYear, month: newMonth))
        return CivilDay(number: Self.number(year: newYear, month: newMonth, day: newDay))
    }

    static func < (left: CivilDay, right: CivilDay) -> Bool { left.number < right.number }
}

/// A closed run of days: what one row stands for, or what a query asks for.
struct DaySpan: Hashable, Sendable {
    var first: CivilDay
    var last: CivilDay

    var dayCount: Int { last.number - first.number + 1 }
}

/// How long a time one row stands for: the finest time field of a query decides.
enum Grain: Int, Comparable, Sendable {
    case day, week, month, year, range

    static func < (left: Grain, right: Grain) -> Bool { left.rawValue < right.rawValue }
}

extension DaySpan {
    /// This span cut at the calendar boundaries of `grain`; a part at either edge holds only the days in the span.
    func cut(by grain: Grain) -> [DaySpan] {
        var parts: [DaySpan] = []
        var next = first
        while next <= last {
            let end =
                switch grain {
                case .day: next
                case .week: next.firstOfWeek.addingDays(6)
                case .month: next.firstOfMonth.addingMonths(1).addingDays(-1)
                case .year: next.firstOfYear.addingMonths(12).addingDays(-1)
                case .range: last
                }
            parts.append(DaySpan(first: next, last: min(end, last)))
            next = end.addingDays(1)
        }
        return parts
    }
}
