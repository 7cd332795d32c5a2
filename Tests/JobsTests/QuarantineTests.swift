import PipelineCore
import PipelineTesting
import Sandbox
import SupermetricsAPI
import Testing

@testable import Jobs

@Suite("Quarantine and gates", .timeLimit(.minutes(10)))
struct QuarantineTests {
    /// Fails the rows of 2024-01-03 and 2024-01-10.
    private static func stages(_ extra: String = "") -> String {
        "stages: [{map: {date: {\"2024-01-03\": \"\", \"2024-01-10\": \"\"}}}, {cast: {date: date}}\(extra)]\n"
            + "contract: {date: {nullable: false}}"
    }

    @Test("Bad rows go to quarantine with cells, column, stage, rule, page, row and request id, the others land")
    func quarantine() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(
                world.yaml(Self.stages(", {hash: {columns: [ad_id], key: k}}") + "\non_bad_row: {action: quarantine}")
            )
            #expect(summary.exitCode == 0, "\(summary.texts)")
            let all = try await world.expected()
            let bad = all.enumerated().filter { ["2024-01-03", "2024-01-10"].contains($0.element[0]) }
            let rejects = world.store().rejects(of: RunWorld.export)
            #expect(rejects.count == bad.count && bad.count == 20)
            #expect(rejects.map(\.row) == bad.map { $0.offset % 70 })
            #expect(Set(rejects.map(\.rule)) == ["null, which the contract forbids"])
            #expect(Set(rejects.map(\.stage)) == ["contract"] && Set(rejects.map(\.column)) == ["date"])
            #expect(rejects.allSatisfy { $0.page == 1 && $0.requestID?.isEmpty == false })
            for (reject, row) in zip(rejects, bad) {
                let cells = try JSONValue(parsing: reject.cells)
                #expect(cells["date"]?.textValue == row.element[0] && cells["cost"]?.textValue == row.element[4])
                #expect(cells["ad_id"] == "[redacted]")
            }
            #expect(world.store().rows(of: RunWorld.export).count == all.count - bad.count)
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            let counts = ledger.checkpoints.values.map(\.counts)
            #expect(counts.allSatisfy(\.areBalanced) && counts.reduce(0) { $0 + $1.rejected } == 20)
            #expect(summary.export()?.rejected == 20 && summary.export()?.warnings.count == 2)
            #expect(summary.export()?.warnings.allSatisfy { $0.contains("10 bad rows in quarantine") } == true)
        }
    }

    @Test(
        "More bad rows than allowed refuse the window, or the window of the run that goes beyond",
        arguments: [
            ("9", 2, 0), ("10", 1, 10), ("19", 1, 10), ("20", 0, 20), ("14%", 2, 0), ("15%", 0, 20), ("0", 2, 0),
        ]
    )
    func limits(max: String, refused: Int, kept: Int) async throws {
        try await withRunWorld { world in
            let summary = try await world.run(
                world.yaml(Self.stages() + "\non_bad_row: {action: quarantine, max: \(max)}")
            )
            #expect(summary.exitCode == (refused > 0 ? 4 : 0), "\(summary.texts)")
            #expect(summary.export()?.failed == refused)
            #expect(world.store().rejects(of: RunWorld.export).count == kept)
            #expect(world.store().rows(of: RunWorld.export).count == 210 - 20 - refused * 60)
            for failure in summary.allFailures {
                #expect(failure.kind == .refused && failure.message.contains("more than \(max)"))
                #expect(
                    failure.message.contains("row 21, column date") || failure.message.contains("row 11, column date")
                )
            }
        }
    }

    static let refusals: [(String, String)] = [
        (
            "stages: [{cast: {account_id: int64}}]",
            "not a number (and 69 more bad rows); correct it at the source, cast the column"
        ),
        ("contract: {account_id: {type: int64}}", "or write the contract so that it allows it, or write on_bad_row"),
        (
            "stages: [{map: {account_id: {x: y, _other: fail}}}]",
            "not a value of the table (and 69 more bad rows); add the value to the table of map, or write another _other"
        ),
        (
            "stages: [{derive: {x: \"substring(account_id, 1, -1)\"}}]",
            "or write the expression of derive so that it does not meet it, or write on_bad_row: quarantine"
        ),
        (
            stages() + "\non_bad_row: {action: quarantine, max: 9}",
            "10 bad rows until it was given up, more than 9; the first: window"
        ),
        (
            stages() + "\non_bad_row: {action: quarantine, max: 14%}",
            "10 of 70 rows are bad, more than 14%; the first: window"
        ),
        (
            stages() + "\non_bad_row: {action: quarantine, max: 14%}",
            "or write the contract so that it allows it, or raise max of on_bad_row (request id"
        ),
        (
            stages() + "\non_bad_row: {action: quarantine, max: 19}",
            "10 bad rows, and 10 in windows of this run before, more than 19; the first: window"
        ),
    ]

    @Test(
        "A refusal for bad rows says how many there were, and what to do about rows of that stage",
        arguments: refusals
    )
    func cures(rules: String, text: String) async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml(rules))
            #expect(summary.allFailures.contains { $0.message.contains(text) }, "\(summary.texts)")
        }
    }

    @Test("Rows over several pages are told by the page they came with")
    func pages() async throws {
        try await withRunWorld { world in
            let summary = try await world.run(
                world.yaml(Self.stages() + "\non_bad_row: quarantine\nwindow: {size: all}", api: "page_rows: 15")
            )
            #expect(summary.exitCode == 0, "\(summary.texts)")
            let rejects = world.store().rejects(of: RunWorld.export)
            #expect(rejects.map(\.row) == Array(20..<30) + Array(90..<100))
            #expect(rejects.map(\.page) == rejects.map { $0.row / 15 + 1 })
            #expect(Set(rejects.compactMap(\.requestID)).count == Set(rejects.map(\.page)).count)
        }
    }

    @Test("dedupe with keep loads the largest row of each key, in row order, whatever stands before and behind it")
    func dedupeByMaximum() async throws {
        try await withRunWorld({ $0.rowsPerDay = 500 }) { world in
            let stages = """
                stages: [{filter: "impressions > 1000"}, {dedupe: {key: [date], keep: {max: impressions}}}, \
                {derive: {x: "cost * 2"}}]
                """
            let summary = try await world.run(world.yaml(stages))
            #expect(summary.exitCode == 0, "\(summary.texts)")
            var best: [String?: Int] = [:]
            let rows = try await world.expected()
            func impressions(_ row: Int) -> Double { rows[row][3].flatMap { Double($0) } ?? 0 }
            for row in rows.indices where impressions(row) > 1000 {
                if let rival = best[rows[row][0]], impressions(rival) >= impressions(row) { continue }
                best[rows[row][0]] = row
            }
            let expected = best.values.sorted().map { rows[$0] }
            #expect(
                world.store().rows(of: RunWorld.export).map { Array($0[0...4]) } == expected.map { Array($0[0...4]) }
            )
            let window = try #require(summary.export()?.windows.first)
            #expect(window.rows == 7 && window.filtered + window.deduplicated + 7 == 3500 && window.deduplicated > 0)
        }
    }

    @Test("dedupe keeps the first row of each key, whatever goes side by side, and every row is accounted for")
    func dedupe() async throws {
        try await withRunWorld({ $0.rowsPerDay = 500 }) { world in
            let stages =
                "stages: [{filter: \"impressions > 1000\"}, {dedupe: {key: [date]}}, {derive: {x: \"cost * 2\"}}]"
            let summary = try await world.run(world.yaml(stages))
            #expect(summary.exitCode == 0, "\(summary.texts)")
            var days: Set<String?> = []
            let first = try await world.expected().filter { row in
                (row[3].flatMap { Double($0) } ?? 0) > 1000 && days.insert(row[0]).inserted
            }
            #expect(world.store().rows(of: RunWorld.export).map { $0[2] } == first.map { $0[2] })
            let window = try #require(summary.export()?.windows.first)
            #expect(window.rows == 7 && window.filtered + window.deduplicated + 7 == 3500 && window.filtered > 0)
        }
    }

    static let expectations: [(String, Int32, String)] = [
        ("expect: {rows: \">= 70\"}", 0, ""),
        ("expect: {rows: \">= 71\"}", 8, "70 rows came where expect: rows wants >= 71"),
        ("expect: {days: all, accounts: all, unique: true}", 0, ""),
        ("expect: {unique: [date]}", 8, "63 rows have the key of another row"),
        ("expect: {unique: [dat]}", 2, "did you mean 'date'?"),
        ("expect: {accounts: all}\nstages: [{drop: [account_id]}]", 0, ""),
    ]

    @Test("A rule that no field of the query can show is a mistake of the job file, told after one window at a time")
    func unknownExpectation() async throws {
        try await withRunWorld { world in
            let fields = RunWorld.query.replacing("AccountID, ", with: "")
            let query = fields.replacing("2024-01-21", with: "2024-06-30")
            let summary = try await world.run(
                world.yaml("expect: {accounts: all}", query: query, api: "concurrent_queries: 1")
            )
            #expect(summary.exitCode == 2)
            #expect(summary.allFailures.first?.message.contains("add one, such as AccountID") == true)
            #expect(world.phases.filter { $0 == .submit }.count <= 3)
        }
    }

    @Test("What is expected of the rows is held before the commit, with the numbers", arguments: expectations)
    func expected(rule: String, code: Int32, text: String) async throws {
        try await withRunWorld { world in
            let summary = try await world.run(world.yaml(rule))
            #expect(summary.exitCode == code, "\(summary.texts)")
            #expect(summary.allFailures.map(\.message).joined().contains(text) || code == 0)
            #expect(world.store().rows(of: RunWorld.export).count == (code == 0 ? 210 : 0))
        }
    }

    @Test("Days and accounts without rows are told, or refuse the window where they are expected")
    func missing() async throws {
        try await withRunWorld { world in
            // A filter of the source leaves days out of two weeks, and one of two accounts out of all.
            let days = RunWorld.query + ", filter: \"Date != 2024-01-03 AND Date != 2024-01-04 AND Date != 2024-01-10\""
            let refused = try await world.run(world.yaml("expect: {days: all}", query: days))
            #expect(refused.exitCode == 4, "\(refused.texts)")
            #expect(refused.allFailures.map(\.windows.count) == [2])
            #expect(
                refused.allFailures.first?.message.contains("2024-01-03 and 1 other day of 7 have no rows") == true
            )
            let accounts =
                RunWorld.query.replacing("[\"123-456-7890\"]", with: "[\"123-456-7890\", \"987-654-3210\"]")
                + ", filter: \"AccountID != 987-654-3210\""
            let told = try await world.run(world.yaml(query: accounts, into: ["b"]))
            #expect(told.exitCode == 0, "\(told.texts)")
            #expect(told.exports.first?.warnings.first?.contains("no rows of account 987-654-3210") == true)
            let loud = try await world.run(world.yaml("expect: {accounts: all}", query: accounts, into: ["c"]))
            #expect(loud.exitCode == 8)
            #expect(loud.allFailures.first?.message.contains("1 of 2 accounts have no rows") == true)
        }
    }

    @Test("A contract pins types and values; what breaks it is a bad row, and a column that is not there an error")
    func contract() async throws {
        try await withRunWorld { world in
            let typed = try await world.run(
                world.yaml("contract: {impressions: {type: int64}, cost: {type: \"decimal(18,6)\", nullable: false}}")
            )
            #expect(typed.exitCode == 0, "\(typed.texts)")
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            let schema = try #require(ledger.checkpoints.values.first?.schema)
            #expect(
                schema.columns.map(\.type) == [
                    .date, .text, .text, .int64, .decimal(DecimalSize(precision: 18, scale: 6)),
                ]
            )
            let broken = try await world.run(
                world.yaml("contract: {account_id: {values: [\"1\"]}}", into: ["b"])
            )
            #expect(broken.exitCode == 8)
            #expect(broken.allFailures.first?.message.contains("not a value that the contract allows") == true)
            let error = try #require(throws: JobFileError.self) {
                try world.job(world.yaml("contract: {costs: {nullable: false}}"))
            }
            #expect("\(error)".contains("contract: there is no column 'costs'; did you mean 'cost'?"))
        }
    }

    @Test("Frozen columns stay as they are: another type is cast to the old one, another column refuses")
    func freeze() async throws {
        try await withRunWorld { world in
            _ = try await world.run(world.yaml("stages: [{cast: {impressions: int64}}]"))
            let other = try await world.run(world.yaml("on_schema_change: freeze")) { $0.plan.reload = .stale }
            #expect(other.exitCode == 0, "\(other.texts)")
            let ledger = try await MemorySink(.init(name: world.name())).ledger(of: RunWorld.export)
            #expect(ledger.checkpoints.values.allSatisfy { $0.schema.columns[3].type == .int64 })
            let fewer = try await world.run(world.yaml("on_schema_change: freeze\nstages: [{drop: [cost]}]")) {
                $0.plan.reload = .stale
            }
            #expect(fewer.exitCode == 8 && fewer.allFailures.first?.message.contains("gone: cost") == true)
            #expect(world.store().rows(of: RunWorld.export).count == 210)
        }
    }

    @Test("A turnstile lets numbers through in order, and wakes who is cancelled")
    func turnstile() async throws {
        let turnstile = Turnstile()
        var seen: [Int] = []
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in (0..<20).reversed() {
                group.addTask {
                    try await turnstile.wait(number)
                    return number
                }
            }
            for try await number in group {
                seen.append(number)
                turnstile.pass(number)
            }
        }
        #expect(seen == Array(0..<20))
        let waiting = Task { try await turnstile.wait(99) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
