/// How an export's dates are cut into the cells of a calendar grid.
package enum WindowSize: Hashable, Sendable, LosslessStringConvertible {
    case day
    /// Monday to Sunday.
    case week
    case month
    /// Runs of so many days, at least 2, counted from 1970-01-01.
    case days(Int)
    /// Not cut.
    case all

    /// Reads what the job file writes: `day`, `week`, `month`, `10 days`, `all`; nil for anything else.
    package init?(_ text: String) {
        switch text {
        case "day", "1 day": self = .day
        case "week": self = .week
        case "month": self = .month
        case "all": self = .all
        default:
            let (number, unit) = text.splitNumber
            guard unit == "days", let count = Int(number), (1...3660).contains(count) else { return nil }
            self = count == 1 ? .day : .days(count)
        }
    }

    /// As the job file writes it.
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
