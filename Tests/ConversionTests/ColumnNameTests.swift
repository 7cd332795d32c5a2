import Conversion
import PipelineCore
import TestSupport
import Testing

@Suite struct ColumnNameTests {
    @Test(
        "A field id becomes lower_snake_case",
        arguments: [
            ("Date", "date"), ("CampaignName", "campaign_name"), ("costUSD", "cost_usd"), ("ROAS", "roas"),
            ("HTTPServer", "http_server"), ("ga:sessions", "ga_sessions"), ("cost_7DayClick", "cost_7_day_click"),
            ("ga:goal1Completions", "ga_goal1_completions"), ("video25PercentRate", "video25_percent_rate"),
            ("utf8", "utf8"), ("p25_watched", "p25_watched"), ("GA4Property", "ga4_property"),
            ("3rdParty", "3rd_party"),
            ("already_snake", "already_snake"), ("SCREAMING_CASE", "screaming_case"), ("__a--b..c__", "a_b_c"),
            ("  Cost (USD) ", "cost_usd"), ("metrics.cost_micros", "metrics_cost_micros"), ("eCPM", "e_cpm"),
            ("Käyttäjä", "käyttäjä"), ("ÄITI", "äiti"), ("日本Rate", "日本_rate"), ("x²Y", "x²_y"), ("A", "a"),
            ("aB", "a_b"),
            ("7", "7"),
        ]
    )
    func normalised(id: String, name: String) { #expect(ColumnName.normalized(id) == name) }

    @Test("An id without a letter or digit has no name", arguments: ["", "_", "%%%", " - ", "🙂"])
    func nothingLeft(id: String) { #expect(ColumnName.normalized(id) == nil) }

    @Test("A name is its own normal form, whatever the id")
    func idempotent() {
        let pieces = ["a", "B", "ß", "İ", "7", "_", ":", "É", "\u{301}", "日", "𝐀", "ǅ", " ", "🙂", "HTTP", "id"]
        var random = SeededRandom(seed: 7)
        for _ in 0..<5000 {
            let id = (0..<Int.random(in: 0...8, using: &random))
                .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            guard let name = ColumnName.normalized(id) else { continue }
            #expect(ColumnName.normalized(name) == name)
            #expect(!name.hasPrefix("_") && !name.hasSuffix("_") && !name.contains("__"))
        }
    }
}
