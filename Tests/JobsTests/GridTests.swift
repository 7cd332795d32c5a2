import Jobs
import PipelineCore
import Testing

@Suite struct GridTests {
    @Test(
        "Sizes are read and written as a job file writes them",
        arguments: [
            ("day", WindowSize.day), ("week", .week), ("month", .month), ("all", .all), ("2 days", .days(2)),
            ("9999 days", .days(9999)),
        ]
    )
    func sizeText(text: String, size: WindowSize) {
        #expect(WindowSize(text) == size)
        #expect(size.description == text)
    }

    @Test("Spellings of one grid are one size", arguments: [("1 day", "day"), ("1 days", "day"), ("7days", "7 days")])
    func sizeSpelling(text: String, canonical: String) {
        #expect(WindowSize(text)?.description == canonical)
    }

    @Test(
        "What is no size is refused",
        arguments: [
            "", "Day", "weeks", "days", "0 days", "-1 days", "10000 days", "7", "7 weeks", "7 days ", " 7 days",
            "٧ days", "99999999999999999999 days",
        ]
    )
    func noSize(text: String) { #expect(WindowSize(text) == nil) }

    @Test(
        "A day belongs to the cell the calendar gives",
        arguments: [
            ("day", "2024-02-29", "2024-02-29..2024-02-29"),
            // 2024-01-01 is a Monday, 2023-12-31 the Sunday before.
            ("week", "2024-01-01", "2024-01-01..2024-01-07"), ("week", "2024-01-07", "2024-01-01..2024-01-07"),
            ("week", "2023-12-31", "2023-12-25..2023-12-31"), ("week", "1969-12-31", "1969-12-29..1970-01-04"),
            ("month", "2024-02-10", "2024-02-01..2024-02-29"), ("month", "2023-02-28", "2023-02-01..2023-02-28"),
            ("month", "2000-02-29", "2000-02-01..2000-02-29"), ("month", "1900-02-01", "1900-02-01..1900-02-28"),
            ("month", "2023-12-31", "2023-12-01..2023-12-31"),
            // Counted from 1970-01-01, a Thursday: 7 days is not a week.
            ("7 days", "1970-01-01", "1970-01-01..1970-01-07"), ("7 days", "2024-01-01", "2023-12-28..2024-01-03"),
            ("10 days", "2024-02-29", "2024-02-27..2024-03-07"), ("30 days", "2023-12-31", "2023-12-19..2024-01-17"),
            ("7 days", "1969-12-31", "1969-12-25..1969-12-31"), ("10 days", "1969-12-22", "1969-12-22..1969-12-31"),
            ("30 days", "1969-12-31", "1969-12-02..1969-12-31"),
            // No cell passes the last day an ISO date can write.
            ("week", "9999-12-31", "9999-12-27..9999-12-31"), ("all", "2024-01-01", "all"),
        ]
    )
    func cell(size: String, day: String, cell: String) throws {
        let size = try #require(WindowSize(size))
        let found = size.cell(holding: try #require(Day(day)))
        #expect(found.description == cell)
        #expect(GridCell(found.description) == found)
    }

    @Test("The cells of a range are those that hold a day of it")
    func cellsOfRange() throws {
        let range = try #require(DateRange("2024-01-03", "2024-03-02"))
        #expect(
            WindowSize.month.cells(meeting: range).map(\.description) == [
                "2024-01-01..2024-01-31", "2024-02-01..2024-02-29", "2024-03-01..2024-03-31",
            ]
        )
        #expect(WindowSize.week.cells(meeting: range).count == 9)
        #expect(WindowSize.day.cells(meeting: range).count == 60)
        #expect(WindowSize.all.cells(meeting: range) == [.all])
        #expect(WindowSize.week.cells(meeting: nil) == [.all])
    }

    @Test(
        "Cells tile the calendar, and a range that moves shifts no boundary",
        arguments: [WindowSize.day, .week, .month, .days(2), .days(5), .days(7), .days(30), .days(365)]
    )
    func tiling(size: WindowSize) throws {
        for start in stride(from: -800, through: 800, by: 13) {
            let range = try #require(DateRange(Day(number: start), Day(number: start + 400)))
            let moved = try #require(DateRange(Day(number: start + 1), Day(number: start + 401)))
            let cells = size.cells(meeting: range)
            var covered: [Day] = []
            for cell in cells {
                let days = try #require(cell.days(of: range))
                covered.append(contentsOf: days.days)
                for day in days.days { #expect(size.cell(holding: day) == cell) }
            }
            #expect(covered == Array(range.days))
            #expect(Set(cells).symmetricDifference(size.cells(meeting: moved)).count <= 2)
        }
    }

    @Test("The days of a range within a cell")
    func daysInCell() throws {
        let range = try #require(DateRange("2024-01-03", "2024-01-10"))
        #expect(WindowSize.week.cell(holding: range.start).days(of: range)?.description == "2024-01-03..2024-01-07")
        #expect(WindowSize.week.cell(holding: range.end).days(of: range)?.description == "2024-01-08..2024-01-10")
        #expect(WindowSize.month.cell(holding: try #require(Day("2024-02-01"))).days(of: range) == nil)
        #expect(GridCell.all.days(of: range) == range)
        #expect(GridCell.all.days(of: nil) == nil)
    }
}

extension DateRange {
    /// The days from one ISO date to another; nil where there are none.
    init?(_ start: String, _ end: String) {
        guard let start = Day(start), let end = Day(end) else { return nil }
        self.init(start, end)
    }
}
