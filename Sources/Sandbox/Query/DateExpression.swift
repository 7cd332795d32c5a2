/// Reads the fixed and relative dates of `start_date` and `end_date`, and the ranges of `date_range_type`.
///
/// The API takes whatever PHP's `strtotime` does; here are the forms its documentation and tools use
/// (Supermetrics API: dates): ISO dates, `today`, `yesterday`, `tomorrow`, `N days|weeks|months|years ago` with
/// spaces, hyphens or nothing between the words, `first|last day of this|last month`.
enum DateExpression {
    static func day(_ text: String, today: CivilDay) -> CivilDay? {
        if let day = CivilDay(iso: text) { return day }
        let word = text.lowercased().filter { !" -_".contains($0) }
        switch word {
        case "today", "now": return today
        case "yesterday": return today.addingDays(-1)
        case "tomorrow": return today.addingDays(1)
        case "firstdayofthismonth": return today.firstOfMonth
        case "lastdayofthismonth": return today.firstOfMonth.addingMonths(1).addingDays(-1)
        case "firstdayoflastmonth", "firstdayofpreviousmonth": return today.firstOfMonth.addingMonths(-1)
        case "lastdayoflastmonth", "lastdayofpreviousmonth": return today.firstOfMonth.addingDays(-1)
        default: return ago(word, today: today)
        }
    }

    private static func ago(_ word: String, today: CivilDay) -> CivilDay? {
        let digits = word.prefix { $0.isASCII && $0.isNumber }
        guard word.hasSuffix("ago"), let count = Int(digits), count <= 100_000 else { return nil }
        switch word.dropFirst(digits.count).dropLast(3) {
        case "day", "days": return today.addingDays(-count)
        case "week", "weeks": return today.addingDays(-7 * count)
        case "month", "months": return today.addingMonths(-count)
        case "year", "years": return today.addingMonths(-12 * count)
        default: return nil
        }
    }

    /// The days of a `date_range_type`, where `_inc` includes today; nil for one that is not known.
    static func range(_ type: String, today: CivilDay) -> DaySpan? {
        let yesterday = today.addingDays(-1)
        let isInclusive = type.hasSuffix("_inc")
        let end = isInclusive ? today : yesterday
        switch isInclusive ? String(type.dropLast(4)) : type {
        case "today": return DaySpan(first: today, last: today)
        case "yesterday": return DaySpan(first: yesterday, last: yesterday)
        case "last_week_mon_sun":
            let monday = today.firstOfWeek.addingDays(-7)
            return DaySpan(first: monday, last: monday.addingDays(6))
        case "last_week_sun_sat":
            let sunday = today.addingDays(-(today.isoWeekday % 7) - 7)
            return DaySpan(first: sunday, last: sunday.addingDays(6))
        // Without `_inc` the current period ends yesterday, so on its first day it is the one before.
        case "this_week", "this_week_mon_sun": return DaySpan(first: end.firstOfWeek, last: end)
        case "this_month": return DaySpan(first: end.firstOfMonth, last: end)
        case "this_year": return DaySpan(first: end.firstOfYear, last: end)
        case "last_week": return trailing(1, "weeks", today: today, includesCurrent: isInclusive)
        case "last_month": return trailing(1, "months", today: today, includesCurrent: isInclusive)
        case "last_year": return trailing(1, "years", today: today, includesCurrent: isInclusive)
        case let other:
            let words = other.split(separator: "_")
            guard words.count == 3, words[0] == "last", let count = Int(words[1]), (1...10_000).contains(count) else {
                return nil
            }
            return trailing(count, String(words[2]), today: today, includesCurrent: isInclusive)
        }
    }

    private static func trailing(_ count: Int, _ unit: String, today: CivilDay, includesCurrent: Bool) -> DaySpan? {
        let start: CivilDay
        let current: CivilDay
        switch unit {
        case "day", "days": (start, current) = (today.addingDays(-count), today)
        case "week", "weeks": (start, current) = (today.firstOfWeek.addingDays(-7 * count), today.firstOfWeek)
        case "month", "months": (start, current) = (today.firstOfMonth.addingMonths(-count), today.firstOfMonth)
        case "year", "years": (start, current) = (today.firstOfYear.addingMonths(-12 * count), today.firstOfYear)
        default: return nil
        }
        return DaySpan(first: start, last: includesCurrent ? today : current.addingDays(-1))
    }
}
