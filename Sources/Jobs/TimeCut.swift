/// Whether a query may be cut in time: only if its fields hold a date, or a coarser period that no cell boundary cuts.
///
/// Otherwise each window would hold sums over its own days, and no sum over all of them would be asked for.
package enum TimeCut: Hashable, Sendable {
    case allowed
    /// A period among the fields would be cut by a cell boundary, or no field holds a time at all.
    case refused
    /// The field ids alone do not tell; the API's field list does.
    case undecided

    /// A period of the calendar, as far as cells can keep it whole.
    private enum Period { case day, isoWeek, month, other }

    /// Judges by field ids, which are the source's own: only names every source uses the same way count.
    package static func judge(fieldIDs: [String], size: WindowSize) -> TimeCut {
        let verdict = judge(fieldIDs.map(period(fieldID:)), size, whenUnknown: .undecided)
        let mayHoldDate = fieldIDs.contains { id in
            period(fieldID: id) == nil && ["date", "day", "time"].contains { id.lowercased().contains($0) }
        }
        return verdict == .refused && mayHoldDate ? .undecided : verdict
    }

    /// Judges by the API's `data_type` of every field, such as `string.time.date` (Supermetrics API: field data types).
    package static func judge(dataTypes: [String], size: WindowSize) -> TimeCut {
        judge(dataTypes.map(period(dataType:)), size, whenUnknown: .refused)
    }

    /// Whether the field, by its id alone, surely holds the day of a row, so that rows of two cells differ in it.
    package static func holdsDay(fieldID: String) -> Bool { period(fieldID: fieldID) == .day }

    private static func judge(_ periods: [Period?], _ size: WindowSize, whenUnknown: TimeCut) -> TimeCut {
        let isKept = periods.contains { period in
            switch (period, size) {
            case (.day, _), (_, .all), (.isoWeek, .week), (.month, .month): true
            default: false
            }
        }
        if isKept || size == .all { return .allowed }
        return periods.contains { $0 != nil } ? .refused : whenUnknown
    }

    private static let periodsByID: [String: Period] = [
        "date": .day, "day": .day, "datetime": .day, "datehour": .day,
        "yearweekiso": .isoWeek, "isoyearisoweek": .isoWeek, "isoweek": .isoWeek, "weekiso": .isoWeek,
        "yearofweekiso": .other, "week": .other, "yearweek": .other,
        "month": .month, "yearmonth": .month,
        "year": .other, "quarter": .other, "yearquarter": .other,
    ]

    /// `Date`, `date`, `ga:date` and `year_month` are known; anything else may mean anything.
    private static func period(fieldID: String) -> Period? {
        let local = fieldID.split(separator: ":").last ?? ""
        // In `ga:day` and its like the day is that of the month.
        if fieldID.contains(":"), local.lowercased() == "day" { return .other }
        return periodsByID[local.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " }]
    }

    private static func period(dataType: String) -> Period? {
        let parts = dataType.lowercased().split(separator: ".")
        guard parts.count >= 3, parts[1] == "time" else { return nil }
        return switch parts[2] {
        case "date", "datetime": .day
        case "yearweekiso", "weekiso": .isoWeek
        case "yearmonth", "month": .month
        default: .other
        }
    }
}
