import Foundation
import Testing

@testable import Sandbox

@Suite("Dates")
struct DateTests {
    /// 2024-03-01 was a Friday, and the first of a month after a leap day.
    static func today() throws -> CivilDay { try #require(CivilDay(iso: "2024-03-01")) }

    @Test(
        "Relative dates",
        arguments: [
            ("2024-02-29", "2024-02-29"), ("today", "2024-03-01"), ("Yesterday", "2024-02-29"),
            ("tomorrow", "2024-03-02"),
            ("7 days ago", "2024-02-23"), ("30-days-ago", "2024-01-31"), ("7daysAgo", "2024-02-23"),
            ("1 day ago", "2024-02-29"),
            ("2 weeks ago", "2024-02-16"), ("12 months ago", "2023-03-01"), ("1yearago", "2023-03-01"),
            ("first day of this month", "2024-03-01"), ("last day of this month", "2024-03-31"),
            ("first day of last month", "2024-02-01"), ("last day of last month", "2024-02-29"), ("2023-02-29", nil),
            ("soon", nil),
            ("2024-1-1", nil), ("days ago", nil), ("", nil), ("2024-01-01T00:00", nil),
        ] as [(String, String?)]
    )
    func expressions(text: String, expected: String?) throws {
        #expect(DateExpression.day(text, today: try Self.today())?.iso == expected)
    }

    @Test(
        "Named ranges",
        arguments: [
            ("today", "2024-03-01", "2024-03-01"), ("last_7_days", "2024-02-23", "2024-02-29"),
            ("last_7_days_inc", "2024-02-23", "2024-03-01"), ("last_28_days", "2024-02-02", "2024-02-29"),
            ("last_week_mon_sun", "2024-02-19", "2024-02-25"), ("last_week_sun_sat", "2024-02-18", "2024-02-24"),
            ("this_month", "2024-02-01", "2024-02-29"), ("this_month_inc", "2024-03-01", "2024-03-01"),
            ("last_month", "2024-02-01", "2024-02-29"), ("last_3_months", "2023-12-01", "2024-02-29"),
            ("this_year_inc", "2024-01-01", "2024-03-01"), ("last_year", "2023-01-01", "2023-12-31"),
            ("last_year_inc", "2023-01-01", "2024-03-01"), ("last_0_days", nil, nil), ("next_week", nil, nil),
        ] as [(String, String?, String?)]
    )
    func ranges(type: String, first: String?, last: String?) throws {
        let range = DateExpression.range(type, today: try Self.today())
        #expect(range?.first.iso == first)
        #expect(range?.last.iso == last)
    }

    @Test("Days, weeks and weekdays agree with Foundation's ISO calendar over sixty years")
    func calendar() throws {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for number in stride(from: -3_700, to: 22_000, by: 17) {
            let day = CivilDay(number: number)
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let parts = calendar.dateComponents(
                [.year, .month, .day, .weekday, .weekOfYear, .yearForWeekOfYear],
                from: date
            )
            #expect(day.components == (parts.year ?? 0, parts.month ?? 0, parts.day ?? 0))
            #expect(day.isoWeek == (parts.yearForWeekOfYear ?? 0, parts.weekOfYear ?? 0))
            #expect(day.isoWeekday % 7 + 1 == parts.weekday)
            #expect(CivilDay(iso: day.iso) == day)
        }
    }

    @Test("Today is taken in the zone of the settings, else of the sandbox")
    func zones() async throws {
        let clock = ManualClock(start: Date(timeIntervalSince1970: 1_704_063_600))
        var options = SandboxOptions()
        options.clock = clock
        options.now = { clock.date }
        try await withSandbox(options) { sandbox in
            let client = RawClient(sandbox: sandbox)
            let utc = try await client.post(queryJSON(from: "today", to: "today"))
            #expect(utc.query["start_date"] as? String == "2023-12-31")
            let helsinki = try await client.post(
                queryJSON(#""settings":{"timezone":"Europe/Helsinki"}"#, from: "today", to: "today")
            )
            #expect(helsinki.query["start_date"] as? String == "2024-01-01")
            #expect(utc.headers["date"] == "Sun, 31 Dec 2023 23:00:00 GMT")
        }
    }
}
