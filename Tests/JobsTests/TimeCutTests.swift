import Jobs
import Testing

@Suite struct TimeCutTests {
    @Test(arguments: [
        (["Date", "Cost"], WindowSize.week, TimeCut.allowed), (["ga:date"], .days(10), .allowed),
        (["day"], .month, .allowed),
        (["Month", "Cost"], .month, .allowed), (["Month", "Cost"], .day, .refused), (["year_month"], .month, .allowed),
        (["yearMonth"], .week, .refused), (["YearWeekIso"], .week, .allowed), (["YearWeekIso"], .day, .refused),
        (["YearWeekIso"], .days(7), .refused), (["yearWeek"], .week, .refused), (["Year"], .month, .refused),
        (["quarter"], .month, .refused), (["Year", "Date"], .month, .allowed),
        (["Month", "created_date"], .day, .undecided),
        (["Campaign", "Cost"], .week, .undecided), (["Month"], .all, .allowed), (["ga:day", "Cost"], .week, .refused),
        ([], .week, .undecided),
    ])
    func `By field ids`(ids: [String], size: WindowSize, verdict: TimeCut) {
        #expect(TimeCut.judge(fieldIDs: ids, size: size) == verdict)
    }

    @Test(arguments: [
        (["string.time.date", "float.currency.value"], WindowSize.days(3), TimeCut.allowed),
        (["string.time.datetime"], .day, .allowed), (["string.time.yearmonth"], .month, .allowed),
        (["string.time.yearmonth"], .week, .refused), (["string.time.yearweekiso"], .week, .allowed),
        (["string.time.yearweek"], .week, .refused), (["string.time.year"], .month, .refused),
        (["string.text.value", "int.number.value"], .week, .refused), (["string.text.value"], .all, .allowed),
        (["string.time.dayofmonth"], .day, .refused), ([], .day, .refused),
    ])
    func `By the API's data types nothing stays undecided`(types: [String], size: WindowSize, verdict: TimeCut) {
        #expect(TimeCut.judge(dataTypes: types, size: size) == verdict)
    }

    @Test func `A size nobody chose gives way`() throws {
        let job = try JobFixtures.parse(
            JobFixtures.export(
                "query: {ds_id: AW, fields: [Month, Cost], start_date: 2024-01-01, end_date: today, max_rows: 5}"
            )
        )
        #expect(job.exports.first?.window.size == .all)
        #expect(job.exports.first?.window.isSizeChosen == false)
    }

    @Test(arguments: [
        ("2024-01-01", "2024-01-07", true), ("2024-01-01", "2024-01-08", false), ("2024-01-07", "today", false),
        ("yesterday", "yesterday", false),
    ])
    func `Rows may be limited where one window is all there will ever be`(start: String, end: String, may: Bool) throws
    {
        let query = "{ds_id: AW, fields: [Date, Cost], start_date: \(start), end_date: \(end), max_rows: 5}"
        let mistakes = JobFixtures.mistakes(JobFixtures.export("query: \(query)"))
        #expect(mistakes.isEmpty == may, "\(mistakes)")
    }
}
