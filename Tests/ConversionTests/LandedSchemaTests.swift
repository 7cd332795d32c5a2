import Conversion
import PipelineCore
import Testing

@Suite struct LandedSchemaTests {
    @Test("Fields land in columns named after the ids requested, typed by their metadata")
    func columns() throws {
        let schema = try Schema(landing: [
            LandedField(id: "Date", dataType: "string.time.date"),
            LandedField(id: "CampaignName", dataType: "string.text.value"),
            LandedField(id: "costUSD", dataType: "float.currency.value", isMetric: true),
        ])
        #expect(
            schema.columns == [
                Column(name: "date", type: .date, field: "Date"),
                Column(name: "campaign_name", type: .text, field: "CampaignName"),
                Column(name: "cost_usd", type: .decimal(nil), field: "costUSD"),
            ]
        )
    }

    @Test("`columns: keep` takes the ids as they are")
    func keep() throws {
        let fields = ["Cost", "cost", "%"].map { LandedField(id: $0) }
        #expect(try Schema(landing: fields, naming: .keep).names == ["Cost", "cost", "%"])
    }

    @Test(
        "An error names the ids and the cure",
        arguments: [
            (["Cost", "clicks", "cost"], ColumnNaming.snakeCase, ["'Cost'", "'cost'", "`columns: keep`"]),
            (["Cost", "Cost"], .snakeCase, ["'Cost' is requested twice", "once"]),
            (["Cost", "Cost"], .keep, ["'Cost' is requested twice", "once"]),
            (["%%%"], .snakeCase, ["'%%%'", "no letter or digit", "`columns: keep`"]),
            ([""], .keep, ["no letter or digit"]),
            (["_sluice_window"], .keep, ["'_sluice_window'", "sluice's own"]),
        ]
    )
    func refused(ids: [String], naming: ColumnNaming, parts: [String]) throws {
        let error = try #require(throws: StageError.self) {
            try Schema(landing: ids.map { LandedField(id: $0) }, naming: naming)
        }
        #expect(error.code == .schema)
        for part in parts { #expect(error.description.contains(part)) }
    }

    @Test(
        "A data type gives a column type; what is doubtful is text",
        arguments: [
            ("float.currency.value", true, ColumnType.decimal(nil)), ("int.number.value", true, .decimal(nil)),
            ("float.number.percentage", true, .decimal(nil)), ("int.duration.seconds", true, .decimal(nil)),
            ("", true, .decimal(nil)), ("percent", true, .decimal(nil)), ("float", true, .decimal(nil)),
            ("string.text.value", true, .text), ("string", true, .text), ("bool", true, .text),
            ("string.time.date", true, .date), ("string.time.date", false, .date), ("STRING.TIME.DATE", false, .date),
            ("string.time.datetime", false, .text), ("string.time.yearmonth", false, .text),
            ("string.time.week", false, .text), ("int.number.value", false, .decimal(nil)),
            ("float.number.ratio", false, .decimal(nil)), ("string.number.value", false, .decimal(nil)),
            ("string.currency.value", false, .decimal(nil)), ("float.currency", false, .decimal(nil)),
            ("string.currency.code", false, .text), ("int.duration.seconds", false, .text),
            ("string.text.value", false, .text), ("string.geo.latitude", false, .text), ("bool", false, .text),
            ("", false, .text), ("number", false, .text), ("..", false, .text), ("int.time.date", false, .text),
        ]
    )
    func types(dataType: String, isMetric: Bool, type: ColumnType) {
        #expect(ColumnType(dataType: dataType, isMetric: isMetric) == type)
    }
}
