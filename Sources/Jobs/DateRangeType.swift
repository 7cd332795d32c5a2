package import PipelineCore

/// The API's named date ranges, as far as their meaning is known (Supermetrics API: get data, dates).
package enum DateRangeType {
    /// What error texts ask for.
    package static let expected = """
        today, yesterday, last_N_days, last_week_mon_sun, last_week_sun_sat, this_month, this_month_inc, last_month, \
        last_N_months, last_quarter, this_year_inc, last_year or last_year_inc
        """

    /// The days a named range means when today is `today`; nil where the name's meaning is not known.
    ///
    /// A range that is not `_inc` ends yesterday at the latest; `this_month` is the month before on the first of a month,
    /// as the API does it.
    package static func days(_ name: String, today: Day) -> DateRange? {
        let yesterday = today.advanced(by: -1)
        let month = today.startOfMonth
        let year = month.adding(months: 1 - month.civil.month)
        switch name {
        case "today": return DateRange(today)
        case "yesterday": return DateRange(yesterday)
        case "last_week_mon_sun":
            return DateRange(today.startOfWeek.advanced(by: -7), today.startOfWeek.advanced(by: -1))
        case "last_week_sun_sat":
            let sunday = today.advanced(by: -(today.weekday % 7))
            return DateRange(sunday.advanced(by: -7), sunday.advanced(by: -1))
        case "this_month": return DateRange(yesterday.startOfMonth, month == today ? yesterday.endOfMonth : yesterday)
        case "this_month_inc": return DateRange(month, today)
        case "last_month": return DateRange(month.adding(months: -1), month.advanced(by: -1))
        case "last_quarter":
            let quarter = month.adding(months: -((month.civil.month - 1) % 3))
            return DateRange(quarter.adding(months: -3), quarter.advanced(by: -1))
        case "this_year_inc": return DateRange(year, today)
        case "last_year": return DateRange(year.adding(months: -12), year.advanced(by: -1))
        case "last_year_inc": return DateRange(year.adding(months: -12), today)
        default: return last(name, yesterday: yesterday, month: month)
        }
    }

    /// `last_7_days`, `last_3_months`.
    private static func last(_ name: String, yesterday: Day, month: Day) -> DateRange? {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "last", let count = Int(parts[1]), (1...36_500).contains(count)
        else { return nil }
        return switch parts[2] {
        case "days": DateRange(yesterday.advanced(by: 1 - count), yesterday)
        case "months": DateRange(month.adding(months: -count), month.advanced(by: -1))
        default: nil
        }
    }
}
