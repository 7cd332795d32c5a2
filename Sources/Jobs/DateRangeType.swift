package import PipelineCore

/// The API's named date ranges, as far as their meaning is known (Supermetrics API: get data, dates).
package enum DateRangeType {
    /// What error texts ask for.
    package static let expected = """
        today, yesterday, last_N_days, this_month, last_month, last_N_months (weeks, quarters and years alike; \
        last_week_sun_sat for weeks from Sunday), or such a range with _inc, which includes today
        """

    /// More periods than any source has days.
    private static let mostPeriods = 36_500

    /// The days a named range means when today is `today`; nil where the name's meaning is not known.
    ///
    /// A range that is not `_inc` ends yesterday at the latest; on the first day of a period, `this_…` is the period
    /// before, as the API does it. `last_N_…` are the N whole periods before today's, and with `_inc` today's as far as
    /// it has come.
    package static func days(_ name: String, today: Day) -> DateRange? {
        var words = name.split(separator: "_", omittingEmptySubsequences: false)[...]
        let yesterday = today.advanced(by: -1)
        if words == ["today"] { return DateRange(today) }
        if words == ["yesterday"] { return DateRange(yesterday) }
        let includesToday = words.last == "inc"
        if includesToday { words.removeLast() }
        let end = includesToday ? today : yesterday
        let weekBegins = weekday(takenFrom: &words)
        let edge = words.popFirst()
        let count = edge == "last" ? words.first.flatMap { Int($0) } : nil
        if count != nil { words.removeFirst() }
        guard words.count == 1, let word = words.first, let period = period(word, isPlural: count != nil),
            period == .week || weekBegins == nil, (1...mostPeriods).contains(count ?? 1)
        else { return nil }
        // A week from Sunday is one from Monday, a day earlier.
        let shift = weekBegins == .sunday ? 1 : 0
        func start(_ day: Day) -> Day { period.start(day.advanced(by: shift)).advanced(by: -shift) }
        let range: DateRange? =
            switch edge {
            case "this": DateRange(start(end), end)
            case "last":
                DateRange(
                    period.move(start(today), by: -(count ?? 1)),
                    includesToday ? today : start(today).advanced(by: -1)
                )
            default: nil
            }
        return range.flatMap { $0.start >= .earliest ? $0 : nil }
    }

    private enum Weekday { case monday, sunday }

    /// The day on which weeks begin, where the words end in one that says so.
    private static func weekday(takenFrom words: inout ArraySlice<Substring>) -> Weekday? {
        let weekday: Weekday
        switch words.suffix(2) {
        case ["mon", "sun"]: weekday = .monday
        case ["sun", "sat"]: weekday = .sunday
        default: return nil
        }
        words.removeLast(2)
        return weekday
    }

    /// `month`, or `months` behind a number; a day alone has a name of its own.
    private static func period(_ word: Substring, isPlural: Bool) -> CalendarPeriod? {
        guard isPlural else { return word == "day" ? nil : CalendarPeriod(rawValue: String(word)) }
        return word.hasSuffix("s") ? CalendarPeriod(rawValue: String(word.dropLast())) : nil
    }
}
