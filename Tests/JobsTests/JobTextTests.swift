import Jobs
import Testing

@Suite struct JobTextTests {
    @Test(arguments: [
        ("500ms", 500), ("30s", 30_000), ("5 min", 300_000), ("5min", 300_000), ("4 h", 14_400_000),
        ("1 hour", 3_600_000), ("7 days", 604_800_000), ("1 day", 86_400_000), ("2 weeks", 1_209_600_000),
        ("1.5 s", 1500), ("0s", 0), ("10 seconds", 10_000), ("3 Minutes", 180_000), ("0.5h", 1_800_000),
    ])
    func `Durations`(text: String, milliseconds: Int) {
        #expect(Duration(jobText: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "5", "s", "-5s", "+5s", "5 s s", "5 fortnights", ".5s", "5.s", "1e3s", "1..2s", "5\ts",
        "99999999999999999999 days", "11 years", "20000 weeks", "٣ s",
    ])
    func `What is no duration`(text: String) { #expect(Duration(jobText: text) == nil) }

    @Test func `Whole days`() {
        #expect(Duration(jobText: "7 days")?.wholeDays == 7)
        #expect(Duration(jobText: "48 h")?.wholeDays == 2)
        #expect(Duration(jobText: "0 days")?.wholeDays == 0)
        #expect(Duration(jobText: "36 h")?.wholeDays == nil)
        #expect(Duration(jobText: "1 ms")?.wholeDays == nil)
    }

    @Test func `Percentages and limits`() {
        #expect(Percentage("50%")?.isExceeded(by: 100, of: 200) == false)
        #expect(Percentage("50%")?.isExceeded(by: 101, of: 200) == true)
        #expect(Percentage("0.1 %")?.description == "0.1%")
        for text in ["", "%", "50", "101%", "100.1%", "-1%", "a%", "1.2.3%", ".5%", "1.%"] {
            #expect(Percentage(text) == nil)
        }
        #expect(RowLimit("100") == .rows(100))
        #expect(RowLimit("0.1%")?.allows(1, of: 1000) == true)
        #expect(RowLimit("0.1%")?.allows(2, of: 1000) == false)
        #expect(RowLimit("2")?.allows(2, of: 1000) == true)
        #expect(RowLimit("2")?.allows(3, of: 1000) == false)
        #expect(RowLimit("-1") == nil)
    }

    @Test(arguments: [
        (">= 1", [1, 2], [0]), (">1", [2], [0, 1]), ("<= 5", [0, 5], [6]), ("< 5", [4], [5]), ("= 3", [3], [2, 4]),
        ("==3", [3], [4]),
    ])
    func `Row rules`(text: String, kept: [Int], broken: [Int]) throws {
        let rule = try #require(RowRule(text))
        for rows in kept { #expect(rule.allows(rows)) }
        for rows in broken { #expect(!rule.allows(rows)) }
    }

    @Test func `What is no row rule`() {
        for text in ["", "1", "=> 1", ">= x", ">= -1", "!= 1", ">="] { #expect(RowRule(text) == nil) }
    }
}
