package import Foundation
package import PipelineCore

/// A date of a query: an ISO date, or words that count from today.
///
/// The API leaves such words to its own clock and zone (Supermetrics API: get data, dates); here they become ISO dates
/// before anything is sent, in the job's time zone.
package struct RelativeDate: Hashable, Sendable {
    private enum Base: Hashable {
        case fixed(Day)
        case daysFromToday(Int)
        case monthsFromToday(Int)
        /// The first or last day of the period so many periods away from today's.
        case edge(Edge, CalendarPeriod, Int)
        /// The first or last day of a month, of this year where none is given.
        case monthEdge(Edge, month: Int, year: Int?)
        /// A weekday, 1 to 7, of the ISO week so many weeks away.
        case weekday(Int, weeksAway: Int)
        /// The nearest such weekday strictly after, or before, today.
        case nextWeekday(Int)
        case lastWeekday(Int)
    }
    private enum Edge { case first, last }

    /// What error texts ask for.
    package static let expected = """
        a date such as 2024-01-31, today, yesterday, 30 days ago, first day of this month, last day of last month, \
        first day of January or monday this week
        """

    private let base: Base

    /// Reads a date; nil for anything that is not understood.
    package init?(_ text: String) {
        guard let base = RelativeDate.parse(text) else { return nil }
        self.base = base
    }

    /// The day itself, where the text is an ISO date.
    package var fixed: Day? {
        guard case .fixed(let day) = base else { return nil }
        return day
    }

    /// The day the words mean when today is `today`; nil outside the years 1 to 9999.
    package func day(today: Day) -> Day? {
        let day = resolve(today)
        return Day.earliest <= day && day <= Day.latest ? day : nil
    }

    private func resolve(_ today: Day) -> Day {
        switch base {
        case .fixed(let day): return day
        case .daysFromToday(let days): return today.advanced(by: days)
        case .monthsFromToday(let months): return today.adding(months: months)
        case .edge(let edge, let period, let away):
            let start = period.start(today)
            return edge == .first ? period.move(start, by: away) : period.move(start, by: away + 1).advanced(by: -1)
        case .monthEdge(let edge, let month, let year):
            let january = today.startOfMonth.adding(months: 1 - today.civil.month)
            let start = january.adding(months: ((year ?? today.civil.year) - today.civil.year) * 12 + month - 1)
            return edge == .first ? start : start.endOfMonth
        case .weekday(let weekday, let weeks): return today.startOfWeek.advanced(by: weekday - 1 + 7 * weeks)
        case .nextWeekday(let weekday): return today.advanced(by: (weekday - today.weekday + 6) % 7 + 1)
        case .lastWeekday(let weekday): return today.advanced(by: -((today.weekday - weekday + 6) % 7 + 1))
        }
    }
}

// MARK: Reading

extension RelativeDate {
    private static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]

    private static func parse(_ text: String) -> Base? {
        if let day = Day(text) { return .fixed(day) }
        let words = words(of: text)
        switch words.count {
        case 1: return ["today": 0, "yesterday": -1, "tomorrow": 1][words[0]].map { .daysFromToday($0) }
        case 2: return weekday(words)
        case 3 where words[2] == "ago": return ago(words)
        case 3: return weekOf(words)
        case 5 where words[1] == "day" && words[2] == "of": return edge(words)
        case 4 where words[1] == "day" && words[2] == "of": return edge(words)
        default: return nil
        }
    }

    /// The words in lower case; `30-days-ago`, `30daysAgo` and `30 days ago` are the same three.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var last: Character?
        for character in text {
            guard character.isASCII, character.isLetter || character.isNumber else {
                guard " -_\t".contains(character) else { return [] }
                last = nil
                continue
            }
            let begins =
                switch last {
                case nil: true
                case let last?: last.isNumber != character.isNumber || (last.isLowercase && character.isUppercase)
                }
            if begins { words.append("") }
            words[words.count - 1] += character.lowercased()
            last = character
        }
        // `7daysago` has no seam before its last word.
        if words.count == 2, words[0].allSatisfy(\.isNumber), words[1].hasSuffix("ago") {
            words = [words[0], String(words[1].dropLast(3)), "ago"]
        }
        return words
    }

    /// `30 days ago`.
    private static func ago(_ words: [String]) -> Base? {
        guard let count = Int(words[0]), count <= 1_000_000 else { return nil }
        return switch words[1] {
        case "day", "days": .daysFromToday(-count)
        case "week", "weeks": .daysFromToday(-7 * count)
        case "month", "months": .monthsFromToday(-count)
        case "year", "years": .monthsFromToday(-12 * count)
        default: nil
        }
    }

    /// `last monday`, `next friday`.
    private static func weekday(_ words: [String]) -> Base? {
        guard let index = weekdays.firstIndex(of: words[1]) else { return nil }
        return switch words[0] {
        case "last": .lastWeekday(index + 1)
        case "next": .nextWeekday(index + 1)
        case "this": .weekday(index + 1, weeksAway: 0)
        default: nil
        }
    }

    /// `monday this week`.
    private static func weekOf(_ words: [String]) -> Base? {
        guard let index = weekdays.firstIndex(of: words[0]), words[2] == "week", let away = away(words[1])
        else { return nil }
        return .weekday(index + 1, weeksAway: away)
    }

    /// `first day of this month`, `last day of January`, `first day of January 2024`.
    private static func edge(_ words: [String]) -> Base? {
        guard let edge: Edge = ["first": .first, "last": .last][words[0]] else { return nil }
        if let month = months.firstIndex(where: { $0 == words[3] || $0.prefix(3) == words[3] }) {
            guard words.count == 5 else { return .monthEdge(edge, month: month + 1, year: nil) }
            guard words[4].count == 4, let year = Int(words[4]), year > 0 else { return nil }
            return .monthEdge(edge, month: month + 1, year: year)
        }
        guard words.count == 5, let away = away(words[3]), words[4] != "day",
            let period = CalendarPeriod(rawValue: words[4])
        else { return nil }
        return .edge(edge, period, away)
    }

    private static func away(_ word: String) -> Int? {
        ["this": 0, "last": -1, "previous": -1, "next": 1][word]
    }
}

extension Day {
    /// The calendar day that clocks in `zone` show at `now`.
    package init(_ now: Timestamp, in zone: TimeZone) {
        let date = Date(timeIntervalSince1970: Double(now.milliseconds) / 1000)
        self = now.adding(seconds: zone.secondsFromGMT(for: date)).day
    }
}
