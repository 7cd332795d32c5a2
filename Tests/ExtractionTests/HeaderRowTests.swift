import PipelineCore
import Sandbox
import SupermetricsAPI
import Testing

@testable import Extraction

/// Results with a field split into columns, and comparisons: the header row alone names their columns.
@Suite("Columns named by the header row", .timeLimit(.minutes(10)))
struct HeaderRowTests {
    private static let split: JSONObject = [
        "ds_id": "AW", "ds_accounts": ["123-456-7890"],
        "fields": ["Date", ["id": "Device", "split": "column"], "Impressions"],
    ]

    private static func named(_ fields: JSONValue) -> JSONObject {
        var query = World.query
        query["fields"] = fields
        return query
    }

    /// The rows of the split query, made of those of the plain one.
    private func pivoted(_ world: World) async throws -> [[JSONValue]] {
        let rows = try await world.expected(Self.named(["Date", "Device", "Impressions"]))
        var (devices, days): ([String], [String]) = ([], [])
        var sums: [[String]: Int] = [:]
        for row in rows {
            let (day, device) = (try #require(row[0].textValue), try #require(row[1].textValue))
            if !devices.contains(device) { devices.append(device) }
            if !days.contains(day) { days.append(day) }
            sums[[day, device], default: 0] += try #require(row[2].textValue.flatMap { Int($0) })
        }
        return days.map { day in
            [.string(day)] + devices.map { device in sums[[day, device]].map { .number(JSONNumber($0)) } ?? .null }
        }
    }

    static let manners: [WindowRowsTests.Manner] = WindowRowsTests.manners.filter { $0.pageRows == 7 }

    @Test("A split result comes whole, in one page with its header row, in every manner of the API", arguments: manners)
    func splits(_ manner: WindowRowsTests.Manner) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.dialect, options.headerCount) = (manner.dialect, manner.headerCount)
            (options.dataFirst, options.queryTime) = (manner.dataFirst, manner.queryTime)
            (options.omitsNulls, options.hostileRate) = (manner.dataFirst, 0)
        }
        try await withWorld(change, settings: { $0.pageRows = manner.pageRows }) { world in
            let expected = try await pivoted(world)
            let reading = try await world.read(Self.split)
            expectSame(reading.rows, expected)
            #expect(reading.fields.map(\.id) == ["Date", "Computers", "Mobile devices", "Tablets"])
            #expect(reading.fields.map(\.isMetric) == [false, true, true, true])
            #expect(
                reading.fields.map(\.dataType) == ["string.time.date"] + Array(repeating: "int.number.value", count: 3)
            )
            #expect(reading.facts.announced == 7 && reading.facts.received == 7)
            let log = world.sandbox.requests
            #expect(log.first { $0.phase == .submit }?.parameters["settings"] == #"{"no_headers":false}"#)
            #expect(log.filter { $0.phase == .submit }.count == 1)
            // Where the total may count the header row, one request proves that nothing is behind.
            #expect(log.filter { $0.phase == .page }.count == (manner.headerCount == .never ? 0 : 1))
        }
    }

    @Test("Nested arrays and field_split are read as splits; several metrics keep their columns apart")
    func spellings() async throws {
        try await withWorld({ $0.hostileRate = 0 }) { world in
            let expected = try await pivoted(world)
            #expect(HeaderRow.isSplit(["id": "Device", "field_split": "COLUMN"]))
            expectSame(try await world.read(Self.named(["Date", ["Device"], "Impressions"])).rows, expected)
            let both = try await world.read(Self.named(["Date", ["Device"], "Impressions", "Clicks"]))
            #expect(both.fields.map(\.id).dropFirst().first == "Impressions Computers")
            #expect(both.fields.map(\.id).last == "Clicks Tablets" && both.fields.count == 7)
            expectSame(both.rows.map { Array($0[0...3]) }, expected)
        }
    }

    @Test("A compared column stands beside its metric", arguments: ["value", "abs_change", nil])
    func comparison(show: String?) async throws {
        try await withWorld({ $0.hostileRate = 0 }) { world in
            var query = Self.named(["Date", "Impressions", "Cost"])
            let own = try await world.expected(query)
            let before = QueryPart(
                days: DateRange(Day(number: 19_716), Day(number: 19_722)),
                accounts: World.week.accounts
            )
            let other = try await world.expected(query, before)
            query["compare_type"] = "prev_range"
            query["compare_show"] = show.map { .string($0) }
            let reading = try await world.read(query)
            #expect(
                reading.fields.map(\.id) == [
                    "Date", "Impressions", "Impressions (prev_range)", "Cost", "Cost (prev_range)",
                ]
            )
            expectSame(reading.rows.map { [$0[0], $0[1], $0[3]] }, own)
            func number(_ value: JSONValue) -> Double { value.textValue.flatMap { Double($0) } ?? .nan }
            for (row, compared) in zip(reading.rows, zip(own, other)) {
                let change = number(compared.0[1]) - number(compared.1[1])
                switch show {
                case "value": #expect(row[2] == compared.1[1])
                case "abs_change": #expect(number(row[2]) == change)
                default: #expect(abs(number(row[2]) - change * 100 / number(compared.1[1])) < 1e-5)
                }
            }
        }
    }

    @Test("A result without rows is whole, with its header row or without")
    func empty() async throws {
        try await withWorld({ $0.rowsPerDay = 0 }) { world in
            let reading = try await world.read(Self.split)
            #expect(reading.rows.isEmpty && reading.fields.map(\.id) == ["Date"])
        }
    }

    @Test(
        "What breaks off, comes short or changes is read once more from the start, and never believed",
        arguments: [Fault.Name.cut, .cutEndOfFile, .shortPage, .changedTotal, .badJSON]
    )
    func faults(_ name: Fault.Name) async throws {
        try await withWorld({ $0.hostileRate = 0 }) { world in
            let expected = try await pivoted(world)
            world.sandbox.update { $0.faults = [Fault(.named(name), amount: .times(1))] }
            expectSame(try await world.read(Self.split).rows, expected)
            world.sandbox.update { $0.faults = [Fault(.named(name))] }
            await #expect(throws: (any Error).self) { _ = try await world.read(Self.split) }
        }
    }

    @Test("A result as long as the limit is refused, not cut in halves whose columns may differ")
    func limit() async throws {
        try await withWorld({ $0.hostileRate = 0 }, settings: { $0.rowLimit = 7 }) { world in
            let error = await #expect(throws: ExtractionError.self) { _ = try await world.read(Self.split) }
            #expect(error?.code == .incomplete)
            #expect(world.sandbox.requests.filter { $0.phase == .submit }.count == 1)
        }
    }

    // MARK: Names

    private func fields(_ header: JSONValue?) throws -> ResultMeta {
        var meta = try ResultMetaTests.fields(
            #"{"id":"date","field_name":"Date","field_type":"dim","data_type":"string.time.date","data_column":0},"#
                + #"{"id":"dev","field_name":"Device","field_type":"dim","field_split":"column"},"#
                + #"{"id":"m","field_name":"Sessions","field_type":"met","data_type":"float.currency.value","data_column":1}"#,
            result: #"{"total_columns":4,"total_rows":3}"#
        )
        #expect(meta.fieldsProblem?.contains("split into columns") == true)
        meta.name(columns: header)
        return meta
    }

    @Test("Labels name the columns: repeated ones are numbered, an empty one is called so, a field keeps its id")
    func labels() throws {
        let meta = try fields(["Date", "a", "", "a", nil, "a", 7])
        #expect(meta.fieldsProblem == nil)
        #expect(meta.fields.map(\.id) == ["date", "a", "(empty)", "a 2", "(empty) 2", "a 3", "7"])
        #expect(meta.fields.dropFirst().allSatisfy { $0.isMetric && $0.dataType == "float.currency.value" })
        // A comparison: the metric's own column is the field.
        #expect(try fields(["Date", "Sessions", "Sessions"]).fields.map(\.id) == ["date", "m", "Sessions 2"])
        #expect(try fields(nil).fields.map(\.id) == ["date", "m"])
    }

    @Test("No label takes another's name, nor a field's id, in whatever order they come")
    func clashes() throws {
        #expect(try fields(["Date", "a", "a", "a 2"]).fields.map(\.id) == ["date", "a", "a 3", "a 2"])
        #expect(try fields(["Date", "a 2", "a", "a"]).fields.map(\.id) == ["date", "a 2", "a", "a 3"])
        #expect(try fields(["Date", "date", "m"]).fields.map(\.id) == ["date", "date 2", "m 2"])
    }

    @Test("A first row that is no header row is not swallowed")
    func noHeader() throws {
        #expect(try fields(["2024-01-01", 5, 7]).fieldsProblem?.contains("should name the columns") == true)
        for row: JSONValue in [[], "x", [["Date"]], ["a": 1]] { #expect(try fields(row).fieldsProblem != nil) }
    }

    @Test("A query tells by itself whether the header row is needed")
    func asked() {
        #expect(!HeaderRow.names(columnsOf: World.query))
        #expect(!HeaderRow.names(columnsOf: Self.named("Date,Cost")))
        #expect(!HeaderRow.names(columnsOf: Self.named([["id": "Device", "split": "row"], "Cost"])))
        #expect(HeaderRow.names(columnsOf: Self.split))
        for (type, isNamed) in [("none", false), ("", false), ("prev_year", true), ("custom", true)] {
            var query = World.query
            query["compare_type"] = .string(type)
            #expect(HeaderRow.names(columnsOf: query) == isNamed)
        }
    }
}
