#if Postgres
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// Rows that a table has no form for are told before the server sees them, and all of them.
@Suite struct PostgresMisfitTests {
    private static let schema = Schema([
        Column(name: "id", type: .text), Column(name: "note", type: .text), Column(name: "clicks", type: .int64),
        Column(name: "stock", type: .int64), Column(name: "day", type: .date),
        Column(name: "price", type: .decimal(DecimalSize(precision: 5, scale: 2))), Column(name: "extra", type: .json),
    ])

    private static let table = """
        CREATE SCHEMA ads;
        CREATE TABLE ads.rows (id text NOT NULL, note character varying(5), clicks smallint NOT NULL, stock integer,
            day date, price numeric(5,2), extra jsonb)
        """

    private static let plain: [String?] = ["id", "note", "1", "2", "2024-02-29", "123.45", "{}"]

    /// A value that fits or not, in a row that fits otherwise.
    private static let values: [(column: Int, value: String?, reason: String?)] = [
        (0, "a\u{0}b", "holds a NUL, which PostgreSQL's text cannot"),
        (0, nil, "null, which the column of the table does not take"), (1, "fünf!", nil), (1, "😀😀😀😀😀", nil),
        (1, "\"\\\n\t\r", nil), (1, nil, nil), (1, "", nil),
        (1, "sechs!", "longer than character varying(5), the column of the table"),
        (1, "\"\\\n\t\r\u{1}", "longer than character varying(5), the column of the table"),
        // The server would cut these spaces off and say nothing.
        (1, "fünf!   ", "longer than character varying(5), the column of the table"),
        (1, "a\u{0}bcdef", "holds a NUL, which PostgreSQL's text cannot"),
        (2, "32767", nil), (2, "-32768", nil), (2, "3e4", nil),
        (2, "32768", "out of the range of smallint, the column of the table"),
        (2, "-32769", "out of the range of smallint, the column of the table"),
        (2, "9223372036854775807", "out of the range of smallint, the column of the table"),
        (2, nil, "null, which the column of the table does not take"), (3, "2147483647", nil), (3, nil, nil),
        (3, "2147483648", "out of the range of integer, the column of the table"),
        (4, "0001-01-01", nil), (4, "9999-12-31", nil), (5, "-999.99", nil),
        (6, #"{"a": [1e3, "\u00e4"]}"#, nil),
        (6, #"{"a": "\u0000"}"#, "holds a NUL, which PostgreSQL's jsonb cannot"),
        (6, "1e200000", "more digits than PostgreSQL's numeric has: 131072 before the point, 16383 behind"),
    ]

    /// As a run does it: what does not fit goes to quarantine, and the server takes the rest as it is.
    @Test(arguments: LoadMode.allCases, [false, true]) func theyStayOutInEveryMode(
        _ mode: LoadMode,
        _ escaping: Bool
    ) async throws {
        let rows = Self.values.enumerated().map { index, value in
            var row = Self.plain
            row[0] = "id-\(index)"
            row[value.column] = value.value
            return row
        }
        let batch = Batch(Self.schema, rows: rows, firstRow: 100, escaping: escaping)
        let expected = Self.values.enumerated().compactMap { index, value in
            value.reason.map { Misfit(place: index, column: Self.schema.names[value.column], reason: $0) }
        }
        let fitting = rows.enumerated().filter { Self.values[$0.offset].reason == nil }.map(\.element)
        try await SinkWorld.with(mode: mode) { world in
            world.loader.options.adopt = true
            try await world.database.query(Self.table)
            let (window, export) = (Window.week(0), world.loader.export)
            try await world.loader.open { sink in
                try await sink.withRun(world.loader.request("run")) { run in
                    try await run.begin(world.loader.plan([window]))
                    let load = Load(window: window, schema: Self.schema, dimensions: ["id"])
                    _ = try await run.load(load) { session in
                        let error = #expect(throws: SinkError.self) { try session.encode(batch) }
                        #expect(error?.code == .value)
                        #expect(error?.description.contains("row 102, column id: null") == true)
                        #expect(session.misfits(in: batch) == expected)
                        let rest = Batch(Self.schema, rows: fitting, firstRow: 100, escaping: escaping)
                        #expect(session.misfits(in: rest) == [])
                        try await session.write(session.encode(rest))
                        return Checkpoint(window, of: export, rows: fitting.count, schema: Self.schema)
                    }
                    return true
                }
            }
            let found = try await world.rows(columns: ["id", "note"])
            #expect(Set(found) == Set(fitting.map { Array($0.prefix(2)) }))
            #expect(found.count == fitting.count)
        }
    }
}
#endif
