import Crypto
import PipelineCore
import TestSupport
import Testing

@testable import Conversion

/// Stages that change values, rows or columns, each with the example its documentation gives.
@Suite struct RowStagesTests {
    /// What the stages, written as in a job file, make of the rows.
    private func run(
        _ stages: [(String, StageArgument)],
        _ schema: Schema,
        _ rows: [[Value]],
        keepsRejects: Bool = false
    ) throws -> (batch: Batch, rejects: Rejects) {
        let made = try stages.map { try Stages.make($0.0, $0.1) }
        let pipeline = try BoundPipeline(reading: schema, through: made, keepsRejects: keepsRejects)
        var (batch, rejects) = (Batch(schema, rows, firstRow: 100), Rejects())
        try pipeline.process(&batch, rejecting: &rejects)
        #expect(batch.schema == pipeline.output && batch.cells.count == batch.rowCount * batch.columnCount)
        return (batch, rejects)
    }

    private func map(_ entries: KeyValuePairs<String, StageArgument>) -> StageArgument {
        .map(entries.map { StageArgument.Entry($0.key, $0.value) })
    }

    private func list(_ names: String...) -> StageArgument { .list(names.map(StageArgument.text)) }

    @Test("default: {clicks: 0}")
    func defaults() throws {
        let schema = Schema(["clicks": .decimal(nil), "note": .text, "day": .date])
        let (batch, rejects) = try run(
            [("default", map(["clicks": .number("0"), "note": .text("-"), "day": .text("2024-01-01")]))],
            schema,
            [
                [.null, .null, .null], [.text(""), .text(""), .text("")],
                [.number("7"), .text("a"), .text("2024-02-29")],
                [.number("0.0"), .escaped("\\n"), .text("2024-02-29")],
            ]
        )
        #expect(rejects.rows.isEmpty)
        #expect(
            batch.rows == [
                [.number("0"), .raw("-"), .text("2024-01-01")], [.number("0"), .raw("-"), .text("2024-01-01")],
                [.number("7"), .text("a"), .text("2024-02-29")],
                [.number("0.0"), .escaped("\\n"), .text("2024-02-29")],
            ]
        )
    }

    @Test("map: {device: {m: mobile, d: desktop}}")
    func maps() throws {
        let schema = Schema(["device": .text, "code": .decimal(nil)])
        let rows: [[Value]] = [
            [.text("m"), .number("1")], [.escaped("\\u0064"), .number("1.0")], [.text("tablet"), .null],
            [.null, .number("2")], [.text(""), .number("3")],
        ]
        let table = map(["m": .text("mobile"), "d": .text("desktop"), "": .null])
        let (kept, _) = try run([("map", map(["device": table, "code": map(["1": .text("one")])]))], schema, rows)
        #expect(
            kept.rows == [
                [.raw("mobile"), .raw("one")], [.raw("desktop"), .raw("1.0")], [.text("tablet"), .null],
                [.null, .raw("2")], [.null, .raw("3")],
            ]
        )
        #expect(kept.schema.columns.map(\.type) == [.text, .text])
        for (other, expected) in [
            (StageArgument.null, Value.null), (.text("null"), .null), (.text("else"), .raw("else")),
        ] {
            let table = map(["m": .text("mobile"), "_other": other])
            let (batch, _) = try run([("map", map(["device": table]))], schema, rows)
            #expect(batch.rows.map { $0[0] } == [.raw("mobile"), expected, expected, .null, expected])
        }
        let strict = map(["m": .text("mobile"), "_other": .text("fail")])
        let (batch, rejects) = try run([("map", map(["device": strict]))], schema, rows)
        #expect(batch.rowCount == 2 && rejects.rows.map(\.row) == [101, 102, 104])
        #expect(Set(rejects.rows.map(\.rule)) == ["not a value of the table"])
    }

    @Test("A table finds each of its keys and nothing else")
    func tables() throws {
        var random = SeededRandom(seed: 31)
        for _ in 0..<60 {
            let keys = (0..<Int.random(in: 1...300, using: &random)).map { _ in
                String(Int.random(in: 0...2000, using: &random), radix: 36)
            }
            let table = Dictionary(keys.map { ($0, Optional("<\($0)>")) }) { first, _ in first }
            let stage = MapStage([.init("it", table, other: .null)])
            let schema = Schema(["it": .text])
            let probes = (0...2000).map { String($0, radix: 36) }
            var (batch, rejects) = (Batch(schema, probes.map { [.text($0)] }), Rejects())
            try stage.bind(to: schema).process(&batch, rejecting: &rejects)
            #expect(batch.rows.map { $0[0] } == probes.map { table[$0] == nil ? .null : .raw("<\($0)>") })
        }
    }

    @Test("hash: {columns: [email], key: …}")
    func hashes() throws {
        let schema = Schema(["email": .text, "id": .decimal(nil), "other": .text])
        let (batch, _) = try run(
            [("hash", map(["columns": list("email", "id"), "key": .text("pepper")]))],
            schema,
            [
                [.text("a@b.fi"), .number("11473971231"), .text("x")], [.escaped("a\\u0040b.fi"), .null, .null],
                [.text(""), .null, .null],
            ]
        )
        func mac(_ text: String) -> Value {
            let code = HMAC<SHA256>.authenticationCode(
                for: Array(text.utf8),
                using: SymmetricKey(data: Array("pepper".utf8))
            )
            return .text(code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        }
        #expect(batch.rows[0] == [mac("a@b.fi"), mac("11473971231"), .text("x")])
        #expect(batch.rows[1] == [mac("a@b.fi"), .null, .null] && batch.rows[2][0] == mac(""))
        #expect(batch.schema.columns.map(\.type) == [.text, .text, .text])
        // RFC 4231, test case 2.
        let (known, _) = try run(
            [("hash", map(["columns": list("email"), "key": .text("Jefe")]))],
            Schema(["email": .text]),
            [[.text("what do ya want for nothing?")]]
        )
        #expect(
            known.rows == [[.text("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")]]
        )
    }

    @Test("derive: {ctr: \"clicks / impressions\"}")
    func derives() throws {
        let schema = Schema(["impressions": .decimal(nil), "clicks": .decimal(nil), "name": .text])
        let (batch, rejects) = try run(
            [
                (
                    "derive",
                    map([
                        "ctr": .text("clicks / impressions"), "percent": .text("ctr * 100"),
                        "name": .text("upper(name)"), "copy": .text("clicks"),
                    ])
                )
            ],
            schema,
            [
                [.number("8"), .number("1"), .text("a")], [.number("0"), .number("5.0"), .null],
                [.text(""), .number("1"), .escaped("\\n")],
            ]
        )
        #expect(
            rejects.rows.isEmpty && batch.schema.names == ["impressions", "clicks", "name", "ctr", "percent", "copy"]
        )
        #expect(
            batch.rows == [
                [.number("8"), .number("1"), .raw("A"), .number("0.125"), .number("12.500"), .number("1")],
                [.number("0"), .number("5.0"), .null, .null, .null, .number("5.0")],
                [.null, .number("1"), .raw("\n"), .null, .null, .number("1")],
            ]
        )
    }

    @Test("filter: \"impressions > 0 AND note IS NOT NULL\"")
    func filters() throws {
        let schema = Schema(["impressions": .decimal(nil), "note": .text])
        let rows: [[Value]] = (0..<2000).map { [.number("\($0 % 3)"), $0 % 5 == 0 ? .null : .text("n\($0)")] }
        let (batch, rejects) = try run([("filter", .text("impressions > 0 AND note IS NOT NULL"))], schema, rows)
        let kept = (0..<2000).filter { $0 % 3 > 0 && $0 % 5 > 0 }
        #expect(batch.rows == kept.map { rows[$0] } && batch.rowNumbers == kept.map { $0 + 100 })
        #expect(rejects.filtered == 2000 - kept.count && rejects.rows.isEmpty)
    }

    @Test("dedupe: {key: [date, account_id]}")
    func dedupes() throws {
        let schema = Schema(["date": .date, "account_id": .text, "cost": .decimal(nil)])
        let rows: [[Value]] = [
            [.text("2024-01-01"), .text("a"), .number("1")], [.text("2024-01-01"), .text("b"), .number("2")],
            [.text("2024-01-01"), .text("a"), .number("3")], [.text("2024-01-01"), .null, .number("4")],
            [.text("2024-01-01"), .text(""), .number("5")], [.text("2024-01-01"), .null, .number("6")],
            [.text("2024-01-01"), .escaped("\\u0061"), .number("7")],
        ]
        let (batch, rejects) = try run([("dedupe", map(["key": list("date", "account_id")]))], schema, rows)
        #expect(batch.rows == [rows[0], rows[1], rows[3], rows[4]] && rejects.deduplicated == 3)
        let costs: [Value] = ["1", "1.0", "10e-1", "01", "1e0", "-0", "0", "0.10", ".1"].map { .text($0) }
        let (numbers, _) = try run(
            [("dedupe", map(["key": list("cost")]))],
            schema,
            costs.map { [.text("2024-01-01"), .null, $0] }
        )
        #expect(numbers.rows.map { $0[2] } == [.number("1"), .number("-0"), .number("0.10")])
    }

    @Test(
        "dedupe takes values for equal that land equal",
        arguments: [
            ("timestamp", ["2024-02-29 12:00:00.50", "2024-02-29T12:00:00.5"]),
            ("timestamp", ["2024-02-29", "2024-02-29 00:00:00.000"]),
            ("double", ["0.1", "0.1000000000000000055511151231257827"]), ("double", ["0", "-0.0"]),
            ("decimal", ["12.5", "1.250e1"]), ("bool", ["t", "YES"]),
        ]
    )
    func dedupesEqual(type: String, values: [String]) throws {
        let stages = [("cast", map(["it": .text(type)])), ("dedupe", map(["key": list("it")]))]
        let (batch, _) = try run(stages, Schema(["it": .text]), values.map { [.text($0)] })
        #expect(batch.rowCount == 1)
    }

    @Test("A contract allows the values it lists however they are written")
    func contractValues() throws {
        let schema = Schema(["time": .text, "cost": .text])
        let casts = CastStage([.init("time", to: .timestamp), .init("cost", to: .decimal(nil))])
        let contract = ContractStage([
            .init("time", values: ["2024-02-29 12:00:00.5", "2024-02-29"]), .init("cost", values: ["12.5"]),
        ])
        let pipeline = try BoundPipeline(reading: schema, through: [casts, contract])
        let rows: [[Value]] = [
            [.text("2024-02-29T12:00:00.500"), .text("12.50")], [.text("2024-02-29 00:00:00.0"), .null],
            [.text("2024-02-29 12:00:00"), .null], [.null, .text("12")], [.text("2024-02-29"), .text("1.25e1")],
        ]
        var (batch, rejects) = (Batch(schema, rows), Rejects())
        try pipeline.process(&batch, rejecting: &rejects)
        #expect(rejects.rows.map(\.row) == [2, 3] && rejects.rows.map(\.column) == ["time", "cost"])
    }

    @Test("dedupe keeps the first of each key over all batches of a window, and stops at its limit")
    func dedupeBatches() throws {
        var random = SeededRandom(seed: 41)
        let schema = Schema(["a": .text, "b": .decimal(nil)])
        let stage = DedupeStage(key: ["a", "b"], limit: 100_000)
        let bound = try stage.bind(to: schema)
        var (seen, kept, dropped): (Set<[String]>, Int, Int) = ([], 0, 0)
        for start in 0..<20 {
            let rows = (0..<500).map { _ in
                [String(Int.random(in: 0...60, using: &random)), String(Int.random(in: 0...60, using: &random))]
            }
            let fresh = rows.filter { seen.insert($0).inserted }
            var (batch, rejects) = (
                Batch(schema, rows.map { [.text($0[0]), .number($0[1])] }, firstRow: start * 500), Rejects()
            )
            try bound.process(&batch, rejecting: &rejects)
            #expect(batch.rows == fresh.map { [.text($0[0]), .number($0[1])] })
            kept += batch.rowCount
            dropped += rejects.deduplicated
        }
        #expect(kept == seen.count && kept + dropped == 10_000 && dropped > 0)
        let small = try DedupeStage(key: ["a"], limit: 2).bind(to: schema)
        var (batch, rejects) = (Batch(schema, ["x", "y", "z"].map { [.text($0), .null] }), Rejects())
        let error = try #require(throws: StageError.self) { try small.process(&batch, rejecting: &rejects) }
        #expect(error.code == .data && error.description.contains("more than 2 different keys"))
    }

    @Test("dedupe: {key: [campaign], keep: {max: updated_at}}")
    func dedupesByMaximum() throws {
        let schema = Schema(["campaign": .text, "updated_at": .timestamp, "cost": .decimal(nil), "live": .bool])
        let rows: [[Value]] = [
            [.text("a"), .text("2024-01-01 10:00:00"), .number("9"), .bool("false")],
            [.text("b"), .null, .number("-9"), .null],
            [.text("a"), .text("2024-01-01 10:00:00.50"), .number("10"), .bool("true")],
            [.text("c"), .null, .null, .bool("true")],
            [.text("a"), .text("2024-01-01 10:00:00.5"), .number("1e1"), .bool("true")],
            [.text("b"), .text("0001-01-01 00:00:00"), .number("-8.99"), .bool("false")],
        ]
        func kept(_ column: String) throws -> [Int] {
            let arguments = map(["key": list("campaign"), "keep": map(["max": .text(column)])])
            let (batch, rejects) = try run([("dedupe", arguments)], schema, rows)
            #expect(rejects.deduplicated == 3 && rejects.rows.isEmpty)
            #expect(batch.rows == (batch.rowNumbers ?? []).map { rows[$0 - 100] })
            return (batch.rowNumbers ?? []).map { $0 - 100 }
        }
        #expect(try kept("updated_at") == [2, 3, 5])
        #expect(try kept("cost") == [2, 3, 5])
        #expect(try kept("live") == [2, 3, 5])
        #expect(try kept("campaign") == [0, 1, 3])
        let json = DedupeStage(key: ["a"], maximum: "j")
        let error = try #require(throws: StageError.self) { try json.bind(to: Schema(["a": .text, "j": .json])) }
        #expect(error.code == .schema && error.description.contains("'j' is json"))
    }

    /// A value of a column, and what the reference compares.
    private struct Ranked {
        var value: Value
        var rank: Double
    }

    @Test("dedupe with keep finds the largest row of each key over all batches, as a plain search does")
    func dedupeMaximumBatches() async throws {
        var random = SeededRandom(seed: 43)
        let spellings: [(String, Double)] = [
            ("0", 0), ("-0", 0), ("1", 1), ("1.0", 1), ("10e-1", 1), ("-1", -1), ("-1.5", -1.5), ("1.49", 1.49),
            ("150", 150), ("1.5e2", 150), ("1e400", 1e300), ("-1e400", -1e300), ("1e-400", 1e-300),
            ("-1e-400", -1e-300),
            ("99999999999999999999999999999999999999", 1e38), ("100000000000000000000000000000000000000", 1.1e38),
        ]
        for (round, type) in [ColumnType.decimal(nil), .text, .date, .double].enumerated() {
            let schema = Schema(["id": .int64, "key": .text, "it": type])
            func value() -> Ranked {
                let number = Int.random(in: 0...28, using: &random)
                if Int.random(in: 0...9, using: &random) == 0 { return Ranked(value: .null, rank: -.infinity) }
                switch type {
                case .text:
                    return Ranked(
                        value: number % 2 == 0 ? .raw("é\(number + 10)") : .escaped("\\u00e9\(number + 10)"),
                        rank: Double(number)
                    )
                case .date:
                    return Ranked(value: .text("2024-02-\(number < 9 ? "0" : "")\(number + 1)"), rank: Double(number))
                case .double: return Ranked(value: .number("\(number - 14)"), rank: Double(number))
                default:
                    let (text, rank) = spellings[number % spellings.count]
                    return Ranked(value: .number(text), rank: rank)
                }
            }
            var (rows, ranks): ([[Value]], [Double]) = ([], [])
            for id in 0..<3000 {
                let ranked = value()
                rows.append([
                    .number("\(id)"), .text("\(Int.random(in: 0...(round * 200), using: &random))"), ranked.value,
                ])
                ranks.append(ranked.rank)
            }
            // A row is left out behind the stage, so that numbers are seen to stay right; another one is bad.
            let pipeline = try BoundPipeline(
                reading: schema,
                through: [
                    FilterStage("id <> 7"), DedupeStage(key: ["key"], maximum: "it"), FilterStage("id <> 2991"),
                    DedupeStage(key: ["id"]), CastStage([.init("key", to: .int64)]),
                ],
                keepsRejects: true
            )
            var best: [Value: Int] = [:]
            for row in rows.indices where row != 7 {
                if let rival = best[rows[row][1]], ranks[rival] >= ranks[row] { continue }
                best[rows[row][1]] = row
            }
            let expected = best.values.sorted().filter { $0 != 2991 }
            var starts = Array(stride(from: 0, to: rows.count, by: 170)).makeIterator()
            #expect(pipeline.holdsRows && pipeline.orderedCount == 1)
            let held = try await pipeline.hold {
                starts.next().map { start in
                    (Batch(schema, Array(rows[start..<min(start + 170, rows.count)]), firstRow: start), Rejects())
                }
            }
            var (found, numbers, deduplicated, filtered, number): ([[Value]], [Int], Int, Int, Int) = ([], [], 0, 0, 0)
            while case (var batch, var rejects)? = held.next() {
                try await pipeline.process(
                    &batch,
                    rejecting: &rejects,
                    number: number,
                    held: held,
                    wait: { #expect($0 == 0) },
                    pass: { #expect($0 == 0) }
                )
                found += batch.rows
                numbers += batch.rowNumbers ?? []
                deduplicated += rejects.deduplicated
                filtered += rejects.filtered
                #expect(rejects.rows.isEmpty)
                number += 1
            }
            #expect(numbers == expected, "\(type)")
            #expect(found.map { $0[2] } == expected.map { rows[$0][2] })
            #expect(deduplicated + filtered + found.count == rows.count && number == 18)
        }
    }

    @Test("dedupe with keep stops at its memory, and rows rejected behind it still come with their cells")
    func dedupeMaximumLimits() async throws {
        let schema = Schema(["key": .text, "it": .decimal(nil)])
        let rows: [[Value]] = [[.text("a"), .number("1")], [.text("b"), .number("5")], [.text("a"), .number("2")]]
        func hold(_ stages: [any Stage]) async throws -> (BoundPipeline, HeldRows) {
            let pipeline = try BoundPipeline(reading: schema, through: stages, keepsRejects: true)
            var batches = [Batch(schema, rows, firstRow: 10), Batch(schema, rows, firstRow: 13)].makeIterator()
            return (pipeline, try await pipeline.hold { batches.next().map { ($0, Rejects()) } })
        }
        let error = try await #require(throws: StageError.self) {
            _ = try await hold([DedupeStage(key: ["key"], maximum: "it", limit: 200)])
        }
        #expect(error.code == .data && error.description.contains("make its windows smaller"))
        let (pipeline, held) = try await hold([
            DedupeStage(key: ["key"], maximum: "it", limit: 2000), CastStage([.init("key", to: .int64)]),
        ])
        var (batch, rejects) = try #require(held.next())
        try await pipeline.process(&batch, rejecting: &rejects, number: 0, held: held, wait: { _ in }, pass: { _ in })
        #expect(batch.rowCount == 0 && rejects.deduplicated == 1 && rejects.rows.map(\.row) == [11, 12])
        #expect(
            rejects.rows.map { String(decoding: $0.cells, as: UTF8.self) } == [
                #"{"key":"b","it":5}"#, #"{"key":"a","it":2}"#,
            ]
        )
    }

    @Test("The digest of keys is the published SipHash-2-4-128")
    func sipHash() {
        // Key 00 01 … 0f; inputs of that many bytes 00 01 02 …; from the vectors of the reference implementation.
        let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
        let vectors: [(Int, [UInt8])] = [
            (0, [0xA3, 0x81, 0x7F, 0x04, 0xBA, 0x25, 0xA8, 0xE6, 0x6D, 0xF6, 0x72, 0x14, 0xC7, 0x55, 0x02, 0x93]),
            (1, [0xDA, 0x87, 0xC1, 0xD8, 0x6B, 0x99, 0xAF, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9B, 0x22, 0xFC, 0x45]),
        ]
        for (count, expected) in vectors {
            let input = (0..<count).map { UInt8($0) }
            let digest = SipHash.digest(input.span, key)
            #expect((0..<16).map { UInt8(truncatingIfNeeded: digest >> (8 * UInt128($0))) } == expected)
        }
    }

    @Test("unpivot: {columns: [desktop, mobile], name: device, value: sessions}")
    func unpivots() throws {
        let schema = Schema(["date": .date, "desktop": .decimal(nil), "note": .text, "mobile": .int64])
        let (batch, rejects) = try run(
            [
                (
                    "unpivot",
                    map(["columns": list("desktop", "mobile"), "name": .text("device"), "value": .text("sessions")])
                ), ("filter", .text("sessions IS NOT NULL")),
            ],
            schema,
            [
                [.text("2024-01-01"), .number("1"), .text("a"), .number("2")],
                [.text("2024-01-02"), .null, .text("b"), .number("3")],
            ]
        )
        #expect(
            batch.schema.names == ["date", "note", "device", "sessions"]
                && batch.schema.columns[3].type == .decimal(nil)
        )
        #expect(
            batch.rows == [
                [.text("2024-01-01"), .text("a"), .raw("desktop"), .number("1")],
                [.text("2024-01-01"), .text("a"), .raw("mobile"), .number("2")],
                [.text("2024-01-02"), .text("b"), .raw("mobile"), .number("3")],
            ]
        )
        #expect(rejects.added == 2 && rejects.filtered == 1 && batch.rowNumbers == [100, 100, 101])
    }

    @Test("cast: {share: {type: decimal, format: percent}, cost: {type: decimal(p,s), round: half_even}}")
    func casts() throws {
        let schema = Schema(["share": .text, "cost": .text])
        let cast = map([
            "share": map(["type": .text("decimal"), "format": .text("percent")]),
            "cost": map(["type": .text("decimal(4,2)"), "round": .text("half_even")]),
        ])
        let (batch, rejects) = try run(
            [("cast", cast)],
            schema,
            [
                [.text("12.5%"), .text("1.005")], [.number("100"), .text("1.015")],
                [.text("0.3 %"), .text("-1.0050001")],
                [.text("-5%"), .text("99.994")], [.text(""), .text("0.001")], [.text("1e2%"), .text("-0.001")],
                [.text("%"), .null], [.text("1"), .text("99.995")], [.text("1"), .text("1e9")],
            ]
        )
        #expect(
            batch.rows == [
                [.number("0.125"), .number("1.00")], [.number("1.00"), .number("1.02")],
                [.number("0.003"), .number("-1.01")],
                [.number("-0.05"), .number("99.99")], [.null, .number("0.00")], [.number("1"), .number("0.00")],
            ]
        )
        #expect(
            rejects.rows.map(\.rule) == [
                "not a percentage", "more digits than decimal(4,2) holds", "more digits than decimal(4,2) holds",
            ]
        )
    }

    @Test("A rejected row comes with its cells as they were read, those that are hashed left out")
    func rawCells() throws {
        let schema = Schema(["email": .text, "cost": .decimal(nil), "note": .text, "j": .json])
        let stages: [(String, StageArgument)] = [
            ("derive", map(["who": .text("concat(email, '!')")])), ("rename", map(["email": .text("mail")])),
            ("filter", .text("cost IS NOT NULL")), ("hash", map(["columns": list("who"), "key": .text("k")])),
            ("cast", map(["note": .text("int64")])),
        ]
        let (batch, rejects) = try run(
            stages,
            schema,
            [
                [.text("a@b"), .number("1.50"), .text("12"), .null], [.null, .null, .text("x"), .null],
                [.text("c@d"), .text("+1.50"), .escaped("\\ud83d\\ude00\\n"), .json("[1,\n2]")],
                [.null, .text("oops"), .raw("\"\u{1}"), .bool("true")],
            ],
            keepsRejects: true
        )
        #expect(batch.rowCount == 1 && rejects.filtered == 1)
        #expect(rejects.rows.map(\.row) == [102, 103] && rejects.rows.map(\.stage) == ["cast", "typing"])
        #expect(
            rejects.rows.map { String(decoding: $0.cells, as: UTF8.self) } == [
                #"{"email":"[redacted]","cost":"+1.50","note":"\ud83d\ude00\n","j":[1,2]}"#,
                #"{"email":null,"cost":"oops","note":"\"\u0001","j":true}"#,
            ]
        )
    }
}
