import Conversion
import PipelineCore
import Testing

@Suite struct StagesTests {
    private let schema = Schema(["date": .date, "campaign": .text, "cost": .decimal(nil), "note": .text])

    private func output(_ name: String, _ arguments: StageArgument) throws -> Schema {
        try Stages.make(name, arguments).bind(to: schema).output
    }

    private func list(_ names: String...) -> StageArgument { .list(names.map(StageArgument.text)) }

    private func map(_ entries: KeyValuePairs<String, StageArgument>) -> StageArgument {
        .map(entries.map { StageArgument.Entry($0.key, $0.value) })
    }

    @Test("Each stage says what columns it hands on")
    func outputs() throws {
        #expect(try output("select", list("cost", "date")).names == ["cost", "date"])
        #expect(try output("drop", list("note", "date")).names == ["campaign", "cost"])
        let renamed = try output("rename", map(["campaign": .text("campaign_name"), "cost": .text("spend")]))
        #expect(renamed.names == ["date", "campaign_name", "spend", "note"])
        #expect(renamed.columns[1].field == "campaign")
        let swapped = try output("rename", map(["campaign": .text("note"), "note": .text("campaign")]))
        #expect(swapped.names == ["date", "note", "cost", "campaign"])
        let cast = try output(
            "cast",
            map([
                "cost": .text("decimal(18,6)"),
                "note": map(["type": .text("date"), "format": .text("%d.%m.%Y")]),
            ])
        )
        #expect(cast.columns.map(\.type) == [.date, .text, .decimal(DecimalSize(precision: 18, scale: 6)), .date])
    }

    @Test("A column named by digits alone need not be quoted")
    func numericNames() throws {
        let schema = Schema(["7": .text, "b": .text])
        #expect(try Stages.make("select", .list([.number("7")])).bind(to: schema).output.names == ["7"])
        let renamed = try Stages.make("rename", map(["b": .number("8")])).bind(to: schema)
        #expect(renamed.output.names == ["7", "8"])
    }

    @Test("Rows keep their values under select, drop and rename")
    func rows() throws {
        let rows: [[Value]] = (0..<50).map { row in
            [.text("2024-01-01"), .text("c\(row)"), .number("\(row).5"), row % 3 == 0 ? .null : .raw("n\"\(row)")]
        }
        let orders = [[2, 0], [3, 2, 1, 0], [1], [0, 1, 2, 3], [0, 1, 2], [3]]
        for order in orders {
            let names = order.map { StageArgument.text(schema.names[$0]) }
            let bound = try BoundPipeline(reading: schema, through: [Stages.make("select", .list(names))])
            var (batch, rejects) = (Batch(schema, rows), Rejects())
            try bound.process(&batch, rejecting: &rejects)
            #expect(batch.rows == rows.map { row in order.map { row[$0] } })
            #expect(batch.schema == bound.output)
            #expect(batch.cells.count == batch.rowCount * order.count)
        }
        let bound = try BoundPipeline(
            reading: schema,
            through: [
                Stages.make("drop", list("campaign")), Stages.make("rename", map(["note": .text("campaign")])),
                Stages.make("select", list("campaign", "date")),
            ]
        )
        var (batch, rejects) = (Batch(schema, rows), Rejects())
        try bound.process(&batch, rejecting: &rejects)
        #expect(batch.rows == rows.map { [$0[3], $0[0]] })
        #expect(bound.output.names == ["campaign", "date"])
    }

    @Test("An empty batch goes through")
    func emptyBatch() throws {
        let bound = try BoundPipeline(reading: schema, through: [Stages.make("select", list("cost"))])
        var (batch, rejects) = (Batch(schema, []), Rejects())
        try bound.process(&batch, rejecting: &rejects)
        #expect(batch.rowCount == 0 && batch.cells.isEmpty && batch.schema.names == ["cost"])
    }

    static let refusals: [(String, StageArgument, [String])] = {
        func map(_ entries: KeyValuePairs<String, StageArgument>) -> StageArgument {
            .map(entries.map { StageArgument.Entry($0.key, $0.value) })
        }
        return [
            ("select", .list([.text("campaing")]), ["select", "'campaing'", "did you mean 'campaign'?"]),
            ("select", .list([.text("zzzzzzzz")]), ["the columns are date, campaign, cost, note"]),
            ("select", .list([.text("campaign_name")]), ["did you mean 'campaign'?"]),
            ("select", .list([.text("DATE")]), ["did you mean 'date'?"]),
            ("select", .list([.text("cost"), .text("cost")]), ["'cost' is named twice"]),
            ("select", .list([]), ["list of columns"]), ("select", .text("cost"), ["list of columns"]),
            ("select", .null, ["list of columns"]), ("select", .list([.bool(false)]), ["entry 1", "quotes"]),
            ("drop", .list([.text("nope")]), ["drop", "did you mean 'note'?"]),
            ("drop", .list(["date", "campaign", "cost", "note"].map { .text($0) }), ["no column would be left"]),
            ("rename", .list([.text("date")]), ["rename", "columns as keys"]),
            ("rename", .map([]), ["columns as keys"]),
            ("rename", map(["campaign": .text("cost")]), ["'campaign'", "'cost'", "another name"]),
            ("rename", map(["date": .text("x"), "note": .text("x")]), ["'date'", "'note'", "'x'"]),
            ("rename", map(["note": .text("")]), ["'note' is empty"]),
            ("rename", map(["note": .bool(true)]), ["quotes"]),
            ("rename", map(["note": .text("_sluice_window")]), ["sluice's own"]),
            ("rename", map(["nota": .text("x")]), ["did you mean 'note'?"]),
            ("cast", .text("date"), ["columns as keys"]),
            ("cast", map(["cost": .text("decimel")]), ["'cost'", "'decimel'", "did you mean 'decimal'?"]),
            ("cast", map(["cost": .text("decimal(6,18)")]), ["decimal(p,s)"]),
            ("cast", map(["cost": .text("varchar")]), ["the types are text, decimal"]),
            ("cast", map(["cost": .number("1")]), ["no type"]), ("cast", map(["date": map([:])]), ["no type"]),
            ("cast", map(["date": map(["format": .text("%Y-%m-%d")])]), ["no type"]),
            ("cast", map(["date": map(["type": .text("date"), "fromat": .text("%Y")])]), ["did you mean 'format'?"]),
            ("cast", map(["date": map(["type": .bool(true)])]), ["type is not text"]),
            ("cast", map(["cost": map(["type": .text("text"), "format": .text("%Y-%m-%d")])]), ["leave it out"]),
            ("cast", map(["date": map(["type": .text("date"), "format": .text("%Q")])]), ["'%Q'", "use %Y"]),
            ("cast", map(["date": map(["type": .text("date"), "format": .text("%d.%m")])]), ["makes no date"]),
            ("cast", map(["clicks": .text("int64")]), ["cast", "'clicks'"]),
            (
                "cast", map(["cost": map(["type": .text("decimal"), "round": .text("half_even")])]),
                ["only a decimal(p,s)"]
            ),
            ("cast", map(["cost": map(["type": .text("decimal(4,2)"), "round": .text("up")])]), ["half_even"]),
            ("cast", map(["cost": map(["type": .text("date"), "format": .text("percent")])]), ["type: decimal"]),
            ("default", map(["cost": .text("free")]), ["'cost'", "does not fit its type, decimal"]),
            ("default", map(["cost": .null]), ["'cost'", "not a text"]), ("default", .null, ["columns as keys"]),
            ("map", map(["campaign": .text("x")]), ["'campaign' has no table"]),
            ("map", map(["campaign": map(["a": .list([])])]), ["becomes no text"]),
            ("map", map(["campagne": map(["a": .text("b")])]), ["did you mean 'campaign'?"]),
            ("hash", map(["columns": .list([.text("note")])]), ["key:"]),
            ("hash", map(["columns": .list([.text("note")]), "key": .text("")]), ["key:"]),
            ("hash", map(["columns": .list([.text("note")]), "kye": .text("k")]), ["did you mean 'key'?"]),
            ("derive", map(["x": .text("cost +")]), ["'x': character 7", "expected a value"]),
            ("derive", map(["x": .text("costs + 1")]), ["'x': character 1", "did you mean 'cost'?"]),
            ("derive", map(["_sluice_x": .text("1")]), ["does not begin with '_sluice_'"]),
            ("derive", map(["x": .list([])]), ["put it in quotes"]),
            ("filter", .text("cost"), ["character 1", "true or false"]), ("filter", .null, ["an expression"]),
            ("filter", .text("note > 1"), ["expected text, found a number"]),
            ("dedupe", .null, ["key: [date, account_id]"]),
            ("dedupe", map(["key": .list([.text("dat")])]), ["did you mean 'date'?"]),
            (
                "dedupe", map(["key": .list([.text("date")]), "keep": map(["max": .text("cots")])]),
                ["did you mean 'cost'?"]
            ),
            ("dedupe", map(["key": .list([.text("date")]), "keep": .text("last")]), ["keep: {max: updated_at}"]),
            (
                "dedupe", map(["key": .list([.text("date")]), "keep": map(["min": .text("cost")])]),
                ["{max: updated_at}"]
            ),
            (
                "unpivot",
                map(["columns": .list([.text("date"), .text("cost")]), "name": .text("n"), "value": .text("v")]),
                ["several types", "date date, cost decimal"]
            ),
            (
                "unpivot", map(["columns": .list([.text("cost")]), "name": .text("note"), "value": .text("v")]),
                ["two columns 'note'"]
            ),
            ("unpivot", map(["columns": .list([.text("cost")]), "name": .text("n")]), ["value: sessions"]),
            ("slect", .list([]), ["did you mean 'select'?"]),
            (
                "explode", .null,
                [
                    "no stage 'explode'",
                    "select, drop, rename, cast, default, map, hash, derive, filter, dedupe, unpivot",
                ]
            ),
        ]
    }()

    @Test("A mistake in the job file is told before any row", arguments: refusals)
    func refused(name: String, arguments: StageArgument, parts: [String]) throws {
        let error = try #require(throws: StageError.self) { try output(name, arguments) }
        #expect(error.code == .schema)
        for part in parts { #expect(error.description.contains(part)) }
    }
}
