import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI
import Testing

@Suite struct RelativeDateTests {
    /// Friday, 15 March of a leap year.
    static let today = "2024-03-15"

    @Test(arguments: [
        ("2024-02-29", "2024-02-29"), ("today", "2024-03-15"), ("Yesterday", "2024-03-14"), ("tomorrow", "2024-03-16"),
        ("0 days ago", "2024-03-15"), ("1 day ago", "2024-03-14"), ("7 days ago", "2024-03-08"),
        ("30-days-ago", "2024-02-14"), ("7daysAgo", "2024-03-08"), ("7daysago", "2024-03-08"),
        ("30DaysAgo", "2024-02-14"), ("2 weeks ago", "2024-03-01"), ("2-weeks-ago", "2024-03-01"),
        ("1 month ago", "2024-02-15"), ("13 months ago", "2023-02-15"), ("1 year ago", "2023-03-15"),
        ("first day of this month", "2024-03-01"), ("last day of this month", "2024-03-31"),
        ("first day of last month", "2024-02-01"), ("last day of last month", "2024-02-29"),
        ("first day of previous month", "2024-02-01"), ("first day of next month", "2024-04-01"),
        ("last day of next month", "2024-04-30"), ("first day of this year", "2024-01-01"),
        ("last day of last year", "2023-12-31"), ("first day of this quarter", "2024-01-01"),
        ("last day of last quarter", "2023-12-31"), ("first day of this week", "2024-03-11"),
        ("last day of this week", "2024-03-17"), ("first day of January", "2024-01-01"),
        ("last day of february", "2024-02-29"), ("last day of Feb 2023", "2023-02-28"),
        ("first day of December 2023", "2023-12-01"), ("monday this week", "2024-03-11"),
        ("sunday this week", "2024-03-17"), ("sunday last week", "2024-03-10"), ("friday next week", "2024-03-22"),
        ("last friday", "2024-03-08"), ("next friday", "2024-03-22"), ("last thursday", "2024-03-14"),
        ("next saturday", "2024-03-16"), ("last saturday", "2024-03-09"),
    ])
    func `Words mean days`(text: String, day: String) throws {
        let today = try #require(Day(Self.today))
        #expect(RelativeDate(text)?.day(today: today)?.description == day)
    }

    @Test(arguments: [
        "", " ", "now", "someday", "2024-02-30", "2024-2-1", "20240201", "-7 days", "7 days", "days ago", "x days ago",
        "7 fortnights ago", "monday", "monday this month", "first day of", "first day of smarch",
        "first day of january 24", "day of this month", "third day of this month", "1 day ago tomorrow",
        "99999999999999999999 days ago", "7.5 days ago", "first  day  of  this  month  !", "gestern", "２ days ago",
    ])
    func `Anything else is no date`(text: String) { #expect(RelativeDate(text) == nil) }

    @Test(arguments: [
        ("2024-03-31", "1 month ago", "2024-02-29"), ("2023-03-31", "1 month ago", "2023-02-28"),
        ("2024-02-29", "1 year ago", "2023-02-28"), ("2024-01-01", "yesterday", "2023-12-31"),
        ("2024-01-01", "last day of last month", "2023-12-31"), ("2024-12-31", "first day of next month", "2025-01-01"),
        ("2024-01-01", "first day of last quarter", "2023-10-01"), ("2024-03-11", "last monday", "2024-03-04"),
        ("2024-03-11", "monday this week", "2024-03-11"), ("2024-03-17", "monday this week", "2024-03-11"),
    ])
    func `Edges of months, years and weeks`(today: String, text: String, day: String) throws {
        let today = try #require(Day(today))
        #expect(RelativeDate(text)?.day(today: today)?.description == day)
    }

    @Test func `A day out of the calendar is none`() throws {
        let today = try #require(Day(Self.today))
        #expect(RelativeDate("3000 years ago")?.day(today: today) == nil)
        #expect(RelativeDate("1000000 days ago")?.day(today: today) == nil)
    }

    @Test(arguments: [
        // Helsinki is UTC+2, from 2024-03-31 03:00 local UTC+3.
        ("2024-03-15T21:59:59.000Z", "Europe/Helsinki", "2024-03-15"),
        ("2024-03-15T22:00:00.000Z", "Europe/Helsinki", "2024-03-16"),
        ("2024-06-15T20:59:59.000Z", "Europe/Helsinki", "2024-06-15"),
        ("2024-06-15T21:00:00.000Z", "Europe/Helsinki", "2024-06-16"),
        // The nights when clocks change.
        ("2024-03-31T00:59:59.000Z", "Europe/Helsinki", "2024-03-31"),
        ("2024-03-31T21:00:00.000Z", "Europe/Helsinki", "2024-04-01"),
        ("2024-10-27T21:59:59.000Z", "Europe/Helsinki", "2024-10-27"),
        ("2024-10-27T22:00:00.000Z", "Europe/Helsinki", "2024-10-28"),
        ("2024-03-10T04:59:59.000Z", "America/New_York", "2024-03-09"),
        ("2024-03-10T05:00:00.000Z", "America/New_York", "2024-03-10"),
        ("2024-03-11T03:59:59.000Z", "America/New_York", "2024-03-10"),
        ("2024-03-11T04:00:00.000Z", "America/New_York", "2024-03-11"),
        ("2024-03-15T10:15:00.000Z", "Pacific/Kiritimati", "2024-03-16"),
        ("2024-03-15T10:59:59.000Z", "Pacific/Pago_Pago", "2024-03-14"),
        ("2024-03-15T18:15:00.000Z", "Asia/Kathmandu", "2024-03-16"),
        ("2024-03-15T18:14:59.000Z", "Asia/Kathmandu", "2024-03-15"),
        ("1969-12-31T23:59:59.999Z", "UTC", "1969-12-31"),
    ])
    func `Today is the day of the time zone`(now: String, zone: String, day: String) throws {
        let day = try #require(Day(day))
        #expect(Day(try #require(Timestamp(now)), in: try #require(TimeZone(identifier: zone))) == day)
    }

    @Test(arguments: [
        ("today", "2024-03-15..2024-03-15"), ("yesterday", "2024-03-14..2024-03-14"),
        ("last_7_days", "2024-03-08..2024-03-14"), ("last_28_days", "2024-02-16..2024-03-14"),
        ("last_1_days", "2024-03-14..2024-03-14"), ("last_week_mon_sun", "2024-03-04..2024-03-10"),
        ("last_week_sun_sat", "2024-03-03..2024-03-09"), ("this_month", "2024-03-01..2024-03-14"),
        ("this_month_inc", "2024-03-01..2024-03-15"), ("last_month", "2024-02-01..2024-02-29"),
        ("last_3_months", "2023-12-01..2024-02-29"), ("last_6_months", "2023-09-01..2024-02-29"),
        ("last_quarter", "2023-10-01..2023-12-31"), ("this_year_inc", "2024-01-01..2024-03-15"),
        ("last_year", "2023-01-01..2023-12-31"), ("last_year_inc", "2023-01-01..2024-03-15"),
    ])
    func `Named ranges mean days`(name: String, days: String) throws {
        #expect(DateRangeType.days(name, today: try #require(Day(Self.today)))?.description == days)
    }

    /// What a named range means on some days: the last of a year, a leap day, a Sunday, the first of a year and quarter.
    static let ranges: [(name: String, today: String, days: String)] = [
        ("last_7_days_inc", "2024-03-15", "2024-03-08..2024-03-15"),
        ("last_1_days_inc", "2024-01-01", "2023-12-31..2024-01-01"),
        ("last_30_days_inc", "2024-03-01", "2024-01-31..2024-03-01"),
        ("this_week", "2024-03-15", "2024-03-11..2024-03-14"),
        ("this_week_inc", "2024-03-15", "2024-03-11..2024-03-15"),
        ("this_week_mon_sun", "2024-03-11", "2024-03-04..2024-03-10"),
        ("this_week_mon_sun_inc", "2024-03-11", "2024-03-11..2024-03-11"),
        ("this_week_mon_sun", "2024-03-17", "2024-03-11..2024-03-16"),
        ("this_week_sun_sat", "2024-03-17", "2024-03-10..2024-03-16"),
        ("this_week_sun_sat_inc", "2024-03-17", "2024-03-17..2024-03-17"),
        ("this_week_sun_sat", "2024-03-16", "2024-03-10..2024-03-15"),
        ("last_week", "2024-03-17", "2024-03-04..2024-03-10"),
        ("last_week_mon_sun", "2024-03-17", "2024-03-04..2024-03-10"),
        ("last_week_sun_sat", "2024-03-17", "2024-03-10..2024-03-16"),
        ("last_week_sun_sat_inc", "2024-03-17", "2024-03-10..2024-03-17"),
        ("last_week_inc", "2024-01-01", "2023-12-25..2024-01-01"),
        ("last_2_weeks", "2024-01-03", "2023-12-18..2023-12-31"),
        ("last_4_weeks_inc", "2024-02-29", "2024-01-29..2024-02-29"),
        ("last_2_weeks_sun_sat", "2024-03-15", "2024-02-25..2024-03-09"),
        ("this_month", "2024-03-01", "2024-02-01..2024-02-29"),
        ("this_month_inc", "2024-03-01", "2024-03-01..2024-03-01"),
        ("this_month", "2024-02-29", "2024-02-01..2024-02-28"),
        ("last_month", "2025-03-31", "2025-02-01..2025-02-28"),
        ("last_month_inc", "2024-02-29", "2024-01-01..2024-02-29"),
        ("last_3_months_inc", "2024-01-01", "2023-10-01..2024-01-01"),
        ("last_12_months", "2024-12-31", "2023-12-01..2024-11-30"),
        ("this_quarter", "2024-05-15", "2024-04-01..2024-05-14"),
        ("this_quarter", "2024-04-01", "2024-01-01..2024-03-31"),
        ("this_quarter_inc", "2024-12-31", "2024-10-01..2024-12-31"),
        ("last_quarter", "2024-02-29", "2023-10-01..2023-12-31"),
        ("last_quarter_inc", "2024-02-29", "2023-10-01..2024-02-29"),
        ("last_2_quarters", "2024-12-31", "2024-04-01..2024-09-30"),
        ("this_year", "2024-01-01", "2023-01-01..2023-12-31"),
        ("this_year", "2024-12-31", "2024-01-01..2024-12-30"),
        ("this_year_inc", "2024-12-31", "2024-01-01..2024-12-31"),
        ("last_2_years", "2024-02-29", "2022-01-01..2023-12-31"),
        ("last_2_years_inc", "2024-02-29", "2022-01-01..2024-02-29"),
    ]

    @Test(arguments: ranges)
    func `Ranges follow the calendar`(name: String, today: String, days: String) throws {
        #expect(DateRangeType.days(name, today: try #require(Day(today)))?.description == days)
    }

    @Test(arguments: [
        "custom", "last_0_days", "last_x_days", "last_-1_days", "last_7_day", "last_3_month", "last_days", "last_day",
        "this_day", "this_2_weeks", "next_month", "last_month_mon_sun", "last_week_sat_fri", "last_7_days_inc_inc",
        "today_inc", "last_9999_years", "last_36501_days", "last__days", "_inc", "",
    ])
    func `Ranges of doubtful meaning are refused`(name: String) throws {
        #expect(DateRangeType.days(name, today: try #require(Day(Self.today))) == nil)
    }

    @Test func `A query's days are resolved in the job's time zone`() throws {
        let query = ExportQuery(["start_date": "first day of this month", "end_date": "today"])
        let now = try #require(Timestamp("2024-03-31T21:30:00.000Z"))
        let helsinki = try #require(TimeZone(identifier: "Europe/Helsinki"))
        #expect(try query.days(now: now, zone: .gmt)?.description == "2024-03-01..2024-03-31")
        #expect(try query.days(now: now, zone: helsinki)?.description == "2024-04-01..2024-04-01")
        #expect(try ExportQuery(["ds_id": "AW"]).days(now: now, zone: .gmt) == nil)
        let named = ExportQuery(["date_range_type": "last_month"])
        #expect(try named.days(now: now, zone: helsinki)?.description == "2024-03-01..2024-03-31")
        let weeks = ExportQuery(["date_range_type": "last_2_weeks_inc"])
        #expect(try weeks.days(now: now, zone: .gmt)?.description == "2024-03-11..2024-03-31")
        #expect(try weeks.days(now: now, zone: helsinki)?.description == "2024-03-18..2024-04-01")
    }
}
