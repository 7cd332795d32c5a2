import Conversion
import PipelineCore
import TestSupport
import Testing

@Suite struct BoundPipelineTests {
    private let schema = Schema(["date": .date, "campaign": .text, "cost": .decimal(nil)])

    private func run(
        _ rows: [[Value]],
        firstRow: Int = 0,
        left out: [Reject] = [],
        through stages: [any Stage] = []
    ) throws -> (Batch, [Reject]) {
        let pipeline = try BoundPipeline(reading: schema, through: stages)
        var (batch, rejects) = (Batch(schema, rows, firstRow: firstRow), Rejects())
        for reject in out { rejects.append(reject) }
        try pipeline.process(&batch, rejecting: &rejects)
        #expect(batch.schema == pipeline.output && batch.firstRow == firstRow)
        #expect(batch.cells.count == batch.rowCount * batch.columnCount)
        return (batch, rejects.rows)
    }

    @Test("What fits is not touched: same cells, same bytes")
    func clean() throws {
        let rows: [[Value]] = [
            [.text("2024-02-29"), .text("a"), .number("1.50")], [.null, .text(""), .null],
            [.text("2024-12-31"), .null, .number("1e5")], [.text("2024-01-01"), .escaped(#"\n"#), .number("-0")],
            [.text("2024-01-01"), .number("11473971231"), .number("12345678901234567890.5")],
            [.text("2024-01-01"), .bool("true"), .number("0")], [.text("2024-01-01"), .json("[1]"), .number("0")],
        ]
        let (batch, rejects) = try run(rows)
        #expect(batch.rows == rows && rejects.isEmpty)
        #expect(batch.bytes == Batch(schema, rows).bytes)
    }

    @Test("Numbers as text become numbers, and nothing becomes null except in text columns")
    func typed() throws {
        let (batch, rejects) = try run([
            [.text(""), .text(""), .text("")], [.raw(""), .raw(""), .text("12.0")], [.null, .null, .text("+7")],
        ])
        #expect(rejects.isEmpty)
        #expect(
            batch.rows == [
                [.null, .text(""), .null], [.null, .raw(""), .number("12.0")], [.null, .null, .number("7")],
            ]
        )
    }

    @Test("A bad row is told by its number in the window, its column and the rule, never its value")
    func rejected() throws {
        let (batch, rejects) = try run(
            [
                [.text("2024-02-30"), .text("a"), .number("1")], [.text("2024-01-01"), .text("b"), .text("(other)")],
                [.text("2024-01-02"), .text("c"), .number("2")], [.text("(other)"), .text("d"), .text("(other)")],
            ],
            firstRow: 1000
        )
        #expect(batch.rows == [[.text("2024-01-02"), .text("c"), .number("2")]])
        #expect(
            rejects == [
                Reject(row: 1000, column: "date", stage: "typing", rule: "not a date"),
                Reject(row: 1001, column: "cost", stage: "typing", rule: "not a number"),
                Reject(row: 1003, column: "date", stage: "typing", rule: "not a date"),
            ]
        )
    }

    @Test("A later stage's rejects have the right numbers although earlier ones took rows out")
    func numbering() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<300 {
            // Row by row: which stage refuses it, if any.
            let fates = (0..<Int.random(in: 0...40, using: &random)).map { _ in Int.random(in: 0...6, using: &random) }
            let first = Int.random(in: 0...5000, using: &random)
            let rows: [[Value]] = fates.enumerated().compactMap { index, fate in
                switch fate {
                case 0: nil
                case 1: [.text("x"), .text("\(index)"), .number("1")]
                case 2: [.text("2024-01-01"), .text("no number"), .number("1")]
                case 3: [.text("2024-01-01"), .text("\(index)"), .number("1.5")]
                default: [.text("2024-01-01"), .text("\(index)"), .number("1")]
                }
            }
            let leftOut = fates.indices.filter { fates[$0] == 0 }.map {
                Reject(row: first + $0, column: "campaign", rule: "invalid UTF-8")
            }
            let (batch, rejects) = try run(
                rows,
                firstRow: first,
                left: leftOut,
                through: [
                    CastStage([.init("cost", to: .int64)]), RenameStage([.init("campaign", to: "id")]),
                    SelectStage(["id", "cost", "date"]), CastStage([.init("id", to: .int64)]),
                ]
            )
            let expected: [Reject] = fates.enumerated().compactMap { index, fate in
                switch fate {
                case 0: Reject(row: first + index, column: "campaign", rule: "invalid UTF-8")
                case 1: Reject(row: first + index, column: "date", stage: "typing", rule: "not a date")
                case 2: Reject(row: first + index, column: "id", stage: "cast", rule: "not a number")
                case 3:
                    Reject(
                        row: first + index,
                        column: "cost",
                        stage: "cast",
                        rule: "not a whole number within 64 bits"
                    )
                default: nil
                }
            }
            #expect(rejects == expected)
            let kept = fates.indices.filter { fates[$0] > 3 }
            #expect(batch.rows == kept.map { [.number("\($0)"), .number("1"), .text("2024-01-01")] })
        }
    }

    @Test("A cast decides how a column is read, so that it can cure a column that the metadata call something else")
    func castOverTyping() throws {
        let rows: [[Value]] = [
            [.text("(other)"), .text("a"), .number("1")], [.text("2024-01-01"), .null, .text("n/a")],
        ]
        let casts = CastStage([.init("day", to: .text), .init("cost", to: .text)])
        let (batch, rejects) = try run(rows, through: [RenameStage([.init("date", to: "day")]), casts])
        #expect(rejects.isEmpty)
        #expect(
            batch.rows == [[.text("(other)"), .text("a"), .text("1")], [.text("2024-01-01"), .null, .text("n/a")]]
        )

        let german = CastStage([.init("date", to: .date, format: try DatePattern("%d.%m.%Y"))])
        let (dates, none) = try run([[.text("29.02.2024"), .text("a"), .number("1")]], through: [german])
        #expect(none.isEmpty && dates.rows[0][0] == .text("2024-02-29"))
    }

    @Test("What goes by a column's values before a cast of it has them typed, so that no cast changes what it does")
    func castBehindOthers() throws {
        let day = Value.text("2024-01-01")
        let missing: [[Value]] = [[day, .text("a"), .text("")], [day, .text("a"), .number("5")]]
        let toInt64 = CastStage([.init("cost", to: .int64)])
        let (largest, _) = try run(missing, through: [DedupeStage(key: ["campaign"], maximum: "cost"), toInt64])
        #expect(largest.rows == [missing[1]])

        let none: [[Value]] = [[day, .text("a"), .text("")], [day, .text("a"), .null]]
        let (first, _) = try run(none, through: [DedupeStage(key: ["cost"]), toInt64])
        #expect(first.rows == [[day, .text("a"), .null]])
        let table = MapStage([.init("cost", ["": "none"])])
        let (mapped, _) = try run(none, through: [table, CastStage([.init("cost", to: .text)])])
        #expect(mapped.rows.map { $0[2] } == [.null, .null])

        let rows: [[Value]] = [[day, .text("a"), .text("n/a")], [day, .text("b"), .escaped(#"\u0037"#)]]
        let copy = DeriveStage([.init("copy", "cost"), .init("twice", "cost * 2")])
        let (copied, rejects) = try run(rows, through: [copy, CastStage([.init("copy", to: .text)]), toInt64])
        #expect(rejects == [Reject(row: 0, column: "cost", stage: "typing", rule: "not a number")])
        #expect(copied.rows == [[day, .text("b"), .number("7"), .text("7"), .number("14")]])
        let (positive, _) = try run(rows, through: [FilterStage("cost > 0"), toInt64])
        #expect(positive.rows == [[day, .text("b"), .number("7")]])
    }

    @Test("A cast behind stages that go by other columns, or by none, still decides how its column is read")
    func castBehindStrangers() throws {
        let rows: [[Value]] = [[.text("29.02.2024"), .text("a"), .number("1")], [.null, .text("b"), .null]]
        let cast = CastStage([.init("day", to: .date, format: try DatePattern("%d.%m.%Y"))])
        let (batch, rejects) = try run(
            rows,
            through: [
                FilterStage("campaign IS NOT NULL"), DefaultStage([.init("cost", "0")]),
                UnpivotStage(["cost"], name: "name", value: "value"), RenameStage([.init("date", to: "day")]),
                SelectStage(["value", "day"]), cast,
            ]
        )
        #expect(rejects.isEmpty)
        #expect(batch.rows == [[.number("1"), .text("2024-02-29")], [.number("0"), .null]])
    }

    @Test("Cells stay right while the arena grows and is moved")
    func growth() throws {
        let rows: [[Value]] = (0..<3000).map { row in
            [.text("2024-01-01"), .escaped(#"{\"row\":\#(row)}"#), row % 7 == 0 ? .text("bad") : .text("+\(row)")]
        }
        let stages: [any Stage] = [
            CastStage([.init("cost", to: .decimal(DecimalSize(precision: 20, scale: 12)))]),
            CastStage([.init("campaign", to: .json), .init("date", to: .timestamp)]),
        ]
        let (batch, rejects) = try run(rows, through: stages)
        #expect(rejects.map(\.row) == (0..<3000).filter { $0 % 7 == 0 })
        #expect(
            batch.rows
                == (0..<3000).filter { $0 % 7 != 0 }.map { row in
                    [.text("2024-01-01 00:00:00"), .json(#"{"row":\#(row)}"#), .number("\(row).000000000000")]
                }
        )
    }

    @Test("Every row may be bad")
    func nothingLeft() throws {
        let (batch, rejects) = try run((0..<5).map { _ in [.text("x"), .null, .null] }, firstRow: 5)
        #expect(batch.rowCount == 0 && batch.cells.isEmpty && rejects.map(\.row) == [5, 6, 7, 8, 9])
    }

    @Test("Stages are tied to the columns the one before hands on, and the first mistake is told")
    func binding() throws {
        let stages: [any Stage] = [RenameStage([.init("cost", to: "spend")]), SelectStage(["cost"])]
        let error = try #require(throws: StageError.self) { try BoundPipeline(reading: schema, through: stages) }
        #expect(error.description.hasPrefix("select: there is no column 'cost'"))
    }

    @Test("A batch of other columns is refused")
    func foreignBatch() throws {
        let pipeline = try BoundPipeline(reading: schema, through: [])
        var (batch, rejects) = (Batch(Schema(["a": .text]), [[.null]]), Rejects())
        let error = try #require(throws: StageError.self) { try pipeline.process(&batch, rejecting: &rejects) }
        #expect(error.code == .schema)
    }

    @Test("A stage that loses rows stops the window", arguments: [[], [0], [7], [1, 0], [0, 0]])
    func losingRows(rejected: [Int]) throws {
        struct Loser: Stage, BoundStage {
            var output: Schema
            var rejected: [Int]

            func bind(to input: Schema) -> any BoundStage { self }

            func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
                batch.rowCount -= 2
                batch.cells.removeLast(2 * batch.columnCount)
                for row in rejected { rejects.append(Reject(row: row, column: "date", rule: "lost")) }
            }
        }
        let rows: [[Value]] = (0..<4).map { _ in [.null, .null, .null] }
        let error = try #require(throws: StageError.self) {
            try run(rows, through: [Loser(output: schema, rejected: rejected)])
        }
        #expect(error.code == .data)
    }
}
