import PipelineCore

/// A stretch of the calendar by which dates are told.
enum CalendarPeriod: String {
    case day
    /// From Monday to Sunday.
    case week
    case month, quarter, year

    /// The first day of the period that holds `day`.
    func start(_ day: Day) -> Day {
        switch self {
        case .day: day
        case .week: day.startOfWeek
        case .month: day.startOfMonth
        case .quarter: day.startOfMonth.adding(months: -((day.civil.month - 1) % 3))
        case .year: day.startOfMonth.adding(months: 1 - day.civil.month)
        }
    }

    /// The day so many periods after `day`.
    func move(_ day: Day, by count: Int) -> Day {
        switch self {
        case .day: day.advanced(by: count)
        case .week: day.advanced(by: 7 * count)
        case .month: day.adding(months: count)
        case .quarter: day.adding(months: 3 * count)
        case .year: day.adding(months: 12 * count)
        }
    }
}
