package import PipelineCore

/// A window of an export's grid and the days of it that are wanted.
package struct WantedWindow: Hashable, Sendable {
    /// The window.
    package var window: Window
    /// The days wanted, at an edge of the range fewer than the cell's; nil where the query has none.
    package var days: DateRange?
}

extension PlannerInput {
    /// The grid's size as it applies: a query without days cannot be cut.
    var effectiveSize: WindowSize { range == nil ? .all : size }

    /// The windows wanted, in row order.
    package var wanted: [WantedWindow] { windows(keeping: []) }

    /// The windows wanted and those that together cover again what `checkpoints` cover, in row order.
    ///
    /// Where each account is a window of its own, an account no longer wanted keeps the days it has.
    func windows(keeping checkpoints: some Sequence<Checkpoint>) -> [WantedWindow] {
        var days: [Place: DateRange?] = [:]
        func want(_ range: DateRange?, of accounts: [String?]) {
            for cell in effectiveSize.cells(meeting: range) {
                for account in accounts {
                    let place = Place(cell: cell, account: account)
                    days.updateValue(DateRange.hull(cell.days(of: range), days[place] ?? nil), forKey: place)
                }
            }
        }
        want(range, of: perAccount ? accounts : [nil])
        if range != nil {
            for checkpoint in checkpoints {
                guard let covers = checkpoint.covers else { continue }
                want(covers, of: perAccount ? checkpoint.accounts : [nil])
            }
        }
        let windows = days.map { place, days in
            WantedWindow(window: Window(export: export, cell: place.cell, account: place.account), days: days)
        }
        return windows.sorted { $0.window < $1.window }
    }
}

/// Where a window stands in the grid.
private struct Place: Hashable {
    var cell: GridCell
    var account: String?
}

extension DateRange {
    /// The smallest range that holds those of the two that are there.
    static func hull(_ left: DateRange?, _ right: DateRange?) -> DateRange? {
        guard let left, let right else { return left ?? right }
        return left.hull(right)
    }

    /// The smallest range that holds all of `ranges`; nil where there are none.
    static func hull(_ ranges: some Sequence<DateRange?>) -> DateRange? {
        ranges.reduce(nil) { hull($0, $1) }
    }
}
