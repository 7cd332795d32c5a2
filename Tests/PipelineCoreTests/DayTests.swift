import PipelineCore
import Testing

/// A calendar that counts one day after the other.
private struct PlainCalendar {
    var year = 1
    var month = 1
    var day = 1
    /// 0001-01-01 was a Monday.
    var weekday = 1

    static func length(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    mutating func advance() {
        weekday = weekday % 7 + 1
        day += 1
        if day > PlainCalendar.length(month, year) { (day, month) = (1, month + 1) }
        if month > 12 { (month, year) = (1, year + 1) }
    }

    var text: String {
        func padded(_ value: Int, _ width: Int) -> String {
            String(repeating: "0", count: width - String(value).count) + String(value)
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }
}

@Suite("Day")
struct DayTests {
    @Test("agrees with a plain calendar on every day of years 0001 to 9999")
    func everyDay() {
        var calendar = PlainCalendar()
        var faults = 0
        for number in Day.earliest.number...Day.latest.number {
            let day = Day(number: number)
            let (year, month, dayOfMonth) = day.civil
            if (year, month, dayOfMonth) != (calendar.year, calendar.month, calendar.day) { faults += 1 }
            if day.weekday != calendar.weekday { faults += 1 }
            if Day(year: year, month: month, day: dayOfMonth) != day { faults += 1 }
            if number % 367 == 0 {
                if day.description != calendar.text || Day(calendar.text) != day { faults += 1 }
                if day.startOfMonth.civil != (calendar.year, calendar.month, 1) { faults += 1 }
                let length = PlainCalendar.length(calendar.month, calendar.year)
                if day.endOfMonth.civil != (calendar.year, calendar.month, length) { faults += 1 }
                if day.startOfWeek.weekday != 1 || day.startOfWeek.distance(to: day) != day.weekday - 1 { faults += 1 }
            }
            calendar.advance()
        }
        #expect(faults == 0)
        #expect(calendar.year == 10_000)
    }

    @Test("knows the day everything is counted from")
    func epoch() {
        #expect(Day(number: 0).description == "1970-01-01")
        #expect(Day(number: 0).weekday == 4)
        #expect(Day.earliest.description == "0001-01-01")
        #expect(Day.latest.description == "9999-12-31")
    }

    @Test(
        "refuses what is no date",
        arguments: [
            "", "2024-2-01", "2024-02-1", "2023-02-29", "1900-02-29", "2024-00-01", "2024-13-01", "2024-04-31",
            "0000-12-31", "2024-01-01 ", "+2024-01-01", "2024/01/01", "２024-01-01",
        ]
    )
    func refuses(text: String) { #expect(Day(text) == nil) }

    @Test(
        "adds months, staying within the month",
        arguments: [
            ("2024-01-31", 1, "2024-02-29"), ("2023-01-31", 1, "2023-02-28"), ("2024-03-31", -1, "2024-02-29"),
            ("2024-01-15", -1, "2023-12-15"), ("2024-01-15", -25, "2021-12-15"), ("2024-12-31", 12, "2025-12-31"),
            ("2024-06-30", 0, "2024-06-30"),
        ]
    )
    func months(start: String, months: Int, end: String) throws {
        #expect(try #require(Day(start)).adding(months: months).description == end)
    }

    @Test("is coded as its text")
    func coding() throws {
        let day = try #require(Day("2024-02-29"))
        #expect(try codedText(day) == "2024-02-29")
        #expect(try decoded(Day.self, "2024-02-29") == day)
        #expect(throws: DecodingError.self) { try decoded(Day.self, "2024-02-30") }
    }
}

@Suite("DateRange")
struct DateRangeTests {
    private func range(_ start: Int, _ end: Int) throws -> DateRange {
        try #require(DateRange(Day(number: start), Day(number: end)))
    }

    @Test("is a set of days, for all small ranges")
    func sets() throws {
        #expect(DateRange(Day(number: 1), Day(number: 0)) == nil)
        for (start, end) in (0..<7).flatMap({ start in (start..<7).map { (start, $0) } }) {
            let first = try range(start, end)
            #expect(first.dayCount == end - start + 1)
            #expect(first.days.map(\.number) == Array(start...end))
            for (otherStart, otherEnd) in (0..<7).flatMap({ start in (start..<7).map { (start, $0) } }) {
                let second = try range(otherStart, otherEnd)
                let common = Set(start...end).intersection(otherStart...otherEnd)
                #expect(first.intersection(second)?.days.map(\.number) == (common.isEmpty ? nil : common.sorted()))
                #expect(first.contains(second) == Set(start...end).isSuperset(of: otherStart...otherEnd))
                #expect(first.hull(second) == (try range(min(start, otherStart), max(end, otherEnd))))
            }
        }
    }

    @Test("is cut into halves that make up the whole")
    func halves() throws {
        #expect(DateRange(Day(number: 3)).halves == nil)
        for end in 1..<40 {
            let whole = try range(0, end)
            let (first, second) = try #require(whole.halves)
            #expect(first.start == whole.start && second.end == whole.end)
            #expect(first.end.advanced(by: 1) == second.start)
            #expect((0...1).contains(first.dayCount - second.dayCount))
        }
    }

    @Test("reads as its two days")
    func text() throws { #expect(try range(0, 6).description == "1970-01-01..1970-01-07") }
}
