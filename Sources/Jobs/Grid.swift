package import PipelineCore

/// How an export's days are cut into windows.
///
/// Cells stand fixed on the calendar: which cell a day belongs to depends on the day and the size alone, so a range
/// that moves never shifts a boundary.
package enum WindowSize: Hashable, Sendable {
    /// One day.
    case day
    /// Monday to Sunday.
    case week
    /// A calendar month.
    case month
    /// This many days, at least 1, counted from 1970-01-01.
    case days(Int)
    /// Everything in one window.
    case all
}

extension WindowSize: LosslessStringConvertible {
    /// The most days that `N days` may ask for.
    package static let maximumDays = 9999

    /// Reads `day`, `week`, `month`, `N days` (N from 1 to 9999) or `all`; nil for anything else.
    ///
    /// `1 day` is `day`, so that equal grids have equal sizes.
    package init?(_ text: String) {
        switch text {
        case "day": self = .day
        case "week": self = .week
        case "month": self = .month
        case "all": self = .all
        default:
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            let unit = text[digits.endIndex...].drop { $0 == " " }
            guard let count = Int(digits), (1...WindowSize.maximumDays).contains(count), unit == "day" || unit == "days"
            else { return nil }
            self = count == 1 ? .day : .days(count)
        }
    }

    /// The size as a job file writes it.
    package var description: String {
        switch self {
        case .day: "day"
        case .week: "week"
        case .month: "month"
        case .days(let count): "\(count) days"
        case .all: "all"
        }
    }
}

extension WindowSize {
    /// The cell that holds `day`, cut off at the first and last day an ISO date can write.
    package func cell(holding day: Day) -> GridCell {
        let first: Day
        let last: Day
        switch self {
        case .all: return .all
        case .day: (first, last) = (day, day)
        case .week: (first, last) = (day.startOfWeek, day.startOfWeek.advanced(by: 6))
        case .month: (first, last) = (day.startOfMonth, day.endOfMonth)
        case .days(let count):
            let remainder = day.number % count
            first = day.advanced(by: remainder < 0 ? -remainder - count : -remainder)
            last = first.advanced(by: count - 1)
        }
        return .days(DateRange(max(first, .earliest), min(last, .latest)) ?? DateRange(day))
    }

    /// The cells that hold at least one day of `range`, in order; `all` alone where the query has no days.
    package func cells(meeting range: DateRange?) -> [GridCell] {
        guard let range else { return [.all] }
        var cells: [GridCell] = []
        var next = range.start
        while next <= range.end {
            let cell = cell(holding: next)
            cells.append(cell)
            guard case .days(let days) = cell else { break }
            next = days.end.advanced(by: 1)
        }
        return cells
    }
}

extension GridCell {
    /// The days of `range` that lie in this cell; nil where there are none.
    package func days(of range: DateRange?) -> DateRange? {
        switch self {
        case .all: range
        case .days(let days): range.flatMap(days.intersection)
        }
    }

    /// Whether the cell holds a day of `range`; `all` meets every range.
    package func meets(_ range: DateRange) -> Bool {
        switch self {
        case .all: true
        case .days(let days): days.intersection(range) != nil
        }
    }
}
