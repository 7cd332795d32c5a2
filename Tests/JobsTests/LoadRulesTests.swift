import PipelineCore
import Testing

@testable import Jobs

@Suite("Rules of a load")
struct LoadRulesTests {
    private static let window = Window(export: Question.export, cell: .all, account: nil)

    private static func held(
        _ rows: Int,
        columns: [Column] = [],
        fingerprint: String = "F1",
        accepted: String? = nil
    ) -> Checkpoint {
        Checkpoint(
            window: window,
            export: Question.export,
            covers: nil,
            accounts: [],
            counts: RowCounts(api: rows, received: rows, loaded: rows),
            fetchedAt: Timestamp(milliseconds: 0),
            settled: true,
            fingerprint: fingerprint,
            acceptedFingerprint: accepted,
            layout: Layout(size: "all", perAccount: false),
            runID: "r",
            scheduleIDs: [],
            requestIDs: [],
            requests: 1,
            sampled: false,
            schema: Schema(columns)
        )
    }

    enum Verdict: Equatable { case fine, warned, refused }

    private func judge(_ rules: LoadRules, _ loaded: Int, _ before: Int?, allowShrink: Bool = false) -> Verdict {
        do {
            return try rules.judge(loaded: loaded, replacing: before ?? 0, allowShrink: allowShrink).isEmpty
                ? .fine : .warned
        } catch {
            return .refused
        }
    }

    @Test(
        "A result without rows: refused where there were some, unless the job says otherwise",
        arguments: [
            (nil, nil, .fine), (nil, 0, .fine), (nil, 1, .refused), (.allow, nil, .fine), (.allow, 500, .fine),
            (.warn, nil, .warned), (.warn, 500, .warned), (.fail, nil, .refused), (.fail, 0, .refused),
            (.fail, 500, .refused),
        ] as [(EmptyRule?, Int?, Verdict)]
    )
    func empty(rule: EmptyRule?, before: Int?, verdict: Verdict) {
        #expect(judge(LoadRules(onEmpty: rule), 0, before) == verdict)
        #expect(judge(LoadRules(onEmpty: rule), 0, before, allowShrink: true) == .fine)
    }

    @Test(
        "A load that would lose more than the limit of a hundred rows or more is refused",
        arguments: [
            ("50%", 50, 100, .fine), ("50%", 49, 100, .refused), ("50%", 1, 99, .fine), ("50%", 100, 100, .fine),
            ("50%", 500, 100, .fine), ("50%", 49, nil, .fine), (nil, 1, 100_000, .fine), ("10%", 89, 100, .refused),
            ("10%", 90, 100, .fine), ("0%", 99, 100, .refused), ("100%", 1, 100, .fine),
            // Shares that no binary fraction is.
            ("29%", 71, 100, .fine), ("29%", 70, 100, .refused), ("0.57%", 9943, 10_000, .fine),
            ("0.57%", 9942, 10_000, .refused),
        ] as [(String?, Int, Int?, Verdict)]
    )
    func shrink(share: String?, loaded: Int, before: Int?, verdict: Verdict) {
        let limit = share.flatMap { Percentage($0) }
        #expect(judge(LoadRules(shrinkLimit: limit), loaded, before) == verdict)
        #expect(judge(LoadRules(shrinkLimit: limit), loaded, before, allowShrink: true) == .fine)
    }

    /// The days of January 2024 from the first to the last of these numbers.
    private static func range(_ days: ClosedRange<Int>) throws -> DateRange {
        let first = try #require(Day("2024-01-01"))
        return try #require(DateRange(first.advanced(by: days.lowerBound - 1), first.advanced(by: days.upperBound - 1)))
    }

    private static func fetch(_ days: ClosedRange<Int>?, replacing previous: Checkpoint) throws -> WindowFetch {
        WindowFetch(
            window: Self.window,
            days: try days.map(Self.range),
            accounts: ["A"],
            targets: [WindowFetch.Target(sink: 0, reason: .whole, previous: previous)],
            fresh: true,
            attach: nil
        )
    }

    @Test(
        "Rows are compared with those of the same days, or fewer",
        arguments: [
            (1...7, 1...7, 40), (1...7, 3...4, 40), (6...7, 1...7, 0), (nil, nil, 40),
        ] as [(ClosedRange<Int>?, ClosedRange<Int>?, Int)]
    )
    func replaced(days: ClosedRange<Int>?, covers: ClosedRange<Int>?, rows: Int) throws {
        var held = Self.held(40)
        held.covers = try covers.map(Self.range)
        let fetch = try Self.fetch(days, replacing: held)
        #expect(fetch.rowsReplaced(in: fetch.targets[0]) == rows)
    }

    @Test("Accounts that are not asked for any more are named when their rows go")
    func lostAccounts() throws {
        var held = Self.held(40)
        held.accounts = ["B", "A", "C"]
        var fetch = try Self.fetch(nil, replacing: held)
        #expect(fetch.accountsLost(from: fetch.targets[0]) == "account B, C is no longer asked for: its rows went")
        fetch.accounts = ["C", "A", "B"]
        #expect(fetch.accountsLost(from: fetch.targets[0]) == nil)
    }

    @Test("A refusal says what came, what stays and what to do")
    func texts() {
        let empty = #expect(throws: Refusal.self) {
            try LoadRules().judge(loaded: 0, replacing: 12, allowShrink: false)
        }
        #expect(
            empty?.description
                == "no rows came where 12 were loaded before; the old data stay: check the account and its login, then"
                + " allow it with --allow-shrink or on_empty: allow"
        )
        let shrunk = #expect(throws: Refusal.self) {
            try LoadRules(shrinkLimit: Percentage("25%")).judge(
                loaded: 7,
                replacing: 400,
                allowShrink: false
            )
        }
        #expect(
            shrunk?.description
                == "7 rows came where 400 were loaded before, a loss of more than 25%; the old data stay: check the"
                + " account, then allow it with --allow-shrink or on_shrink"
        )
    }

    // MARK: Columns

    private static let date = Column(name: "date", type: .date)
    private static let cost = Column(name: "cost", type: .decimal(nil))

    private func judge(_ rule: SchemaChangeRule, _ columns: [Column], _ previous: Checkpoint?) -> Refusal? {
        do {
            try LoadRules(onSchemaChange: rule).judge(Schema(columns), replacing: previous, fingerprint: "F1")
            return nil
        } catch {
            return error
        }
    }

    @Test("Other columns under the same fingerprint are refused, unless schemas may evolve")
    func columns() {
        let held = Self.held(1, columns: [Self.date, Self.cost])
        #expect(judge(.fail, [Self.date, Self.cost], held) == nil)
        #expect(judge(.fail, [Self.date], nil) == nil)
        #expect(judge(.evolve, [Self.date], held) == nil)
        let gone = judge(.fail, [Self.date], held)
        #expect(gone?.description.contains("gone: cost decimal") == true)
        #expect(gone?.description.contains("on_schema_change: evolve") == true)
        let typed = judge(.fail, [Self.date, Column(name: "cost", type: .text)], held)
        #expect(typed?.description.contains("gone: cost decimal; new: cost text") == true)
        #expect(judge(.fail, [Self.cost, Self.date], held)?.description.contains("their order") == true)
    }

    @Test("Columns that rows make may come and change places, and not go")
    func passingColumns() {
        func isRefused(_ columns: [Column], _ previous: Checkpoint) -> Bool {
            do {
                let schema = Schema(columns)
                try LoadRules().judge(schema, replacing: previous, fingerprint: "F1", isNamedByHeader: true)
                return false
            } catch {
                return true
            }
        }
        let held = Self.held(1, columns: [Self.date, Self.cost])
        #expect(!isRefused([Self.cost, Self.date], held))
        #expect(!isRefused([Self.date, Column(name: "tablets", type: .text), Self.cost], held))
        #expect(isRefused([Self.date, Column(name: "tablets", type: .text)], held))
        #expect(isRefused([Self.date, Column(name: "cost", type: .text)], held))
    }

    @Test("A window without rows has no columns to keep")
    func columnsOfNothing() {
        #expect(judge(.fail, [Self.date, Self.cost], Self.held(0, columns: [Self.date])) == nil)
    }

    @Test("Columns change with the export: another fingerprint is no surprise")
    func otherFingerprint() {
        #expect(judge(.fail, [Self.cost], Self.held(1, columns: [Self.date], fingerprint: "F0")) == nil)
        #expect(judge(.fail, [Self.cost], Self.held(1, columns: [Self.date], fingerprint: "F0", accepted: "F1")) == nil)
    }
}
