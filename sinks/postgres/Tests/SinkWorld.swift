#if Postgres
import Foundation
import PipelineCore
import PipelineTesting
import PostgresTesting
import Testing

@testable import PostgresSink

/// A database of its own, and a sink into one table of it.
struct SinkWorld: Sendable {
    let database: PostgresDatabase
    var loader: Loader

    init(_ database: PostgresDatabase, mode: LoadMode = .replaceWindow) {
        self.database = database
        loader = Loader(url: database.url, mode: mode)
    }

    /// Makes a world for the time of `body`.
    ///
    /// - Parameters:
    ///   - mode: The mode of the sink.
    ///   - server: The server; nil for the one all tests share.
    ///   - body: Uses the world.
    /// - Throws: What `body` throws.
    static func with(
        mode: LoadMode = .replaceWindow,
        on server: PostgresServer? = nil,
        _ body: (inout SinkWorld) async throws -> Void
    ) async throws {
        // Every world takes some of the server's connections.
        await turnstile.enter()
        do {
            let own: PostgresServer
            if let server { own = server } else { own = try await .shared() }
            try await own.withDatabase { database in
                var world = SinkWorld(database, mode: mode)
                try await body(&world)
            }
        } catch {
            await turnstile.leave()
            throw error
        }
        await turnstile.leave()
    }

    private static let turnstile = Turnstile(places: 6)

    /// Lets so many in at once.
    private actor Turnstile {
        private var places: Int
        private var waiting: [CheckedContinuation<Void, Never>] = []

        init(places: Int) { self.places = places }

        func enter() async {
            guard places == 0 else {
                places -= 1
                return
            }
            await withCheckedContinuation { waiting.append($0) }
        }

        func leave() {
            if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
        }
    }

    /// The loader, its connections going through a proxy.
    func loader(through proxy: MeddlingProxy) -> Loader {
        var loader = loader
        let password = PostgresServer.password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        loader.options.url =
            "postgresql://\(PostgresServer.user)@127.0.0.1:\(proxy.port)/\(database.name)?password=\(password)"
        return loader
    }

    // MARK: Looking

    /// The rows of the table by window and place; none where there is no table.
    func rows(columns: [String] = ["id", "note", "amount"]) async throws -> [[String?]] {
        guard try await database.query("SELECT to_regclass('ads.rows')") != "" else { return [] }
        // As hexadecimal digits, since values may hold whatever would separate them.
        let values = columns.map { "coalesce(encode(convert_to(t.\"\($0)\"::text, 'UTF8'), 'hex'), '~')" }
        let text = try await database.query(
            """
            SELECT \(values.joined(separator: ", ")) FROM ads.rows AS t
            LEFT JOIN \(loader.options.ledger).windows AS w ON w.id = t._sluice_window AND w.table_name = 'rows'
            ORDER BY w.cell, t.ctid
            """
        )
        return Self.values(text)
    }

    /// Reads values in hexadecimal digits, `~` being null.
    private static func values(_ text: String) -> [[String?]] {
        text.split(separator: "\n").map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).map { value in
                guard value != "~" else { return nil }
                let digits = Array(value.utf8)
                let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { place in
                    UInt8(String(decoding: digits[place...place + 1], as: UTF8.self), radix: 16)
                }
                return String(decoding: bytes, as: UTF8.self)
            }
        }
    }

    /// The rows in quarantine, as the ledger tells of them.
    func rejected() async throws -> [Reject] {
        guard try await database.query("SELECT to_regclass('sluice.rejected')") != "" else { return [] }
        let values = ["row_number::text", "page::text", "column_name", "stage", "rule", "request_id", "cells::text"]
            .map { "coalesce(encode(convert_to(\($0), 'UTF8'), 'hex'), '~')" }
        let text = try await database.query("SELECT \(values.joined(separator: ", ")) FROM sluice.rejected")
        return Self.values(text).map { row in
            var reject = Reject(
                row: (row[0].flatMap { Int($0) } ?? 0) - 1,
                column: row[2] ?? "",
                stage: row[3] ?? "",
                rule: row[4] ?? "",
                cells: Array((row[6] ?? "").utf8)
            )
            reject.page = row[1].flatMap { Int($0) } ?? 0
            reject.requestID = row[5]
            return reject
        }
    }

    /// The table holds these rows, in any order, and nothing is left of staging, leases and notes.
    func expectFinished(_ rows: [[String?]], location: SourceLocation = #_sourceLocation) async throws {
        try await expectRows(rows, location: location)
        let ledger = try await loader.ledger()
        #expect(ledger.staged == nil && ledger.gone.isEmpty && ledger.reload.isEmpty, sourceLocation: location)
        let left = try await database.query(
            "SELECT relname FROM pg_class WHERE relname ~ '^staged_[0-9a-f]{16}$' AND relkind = 'r'"
        )
        #expect(left == "", "a staging table is left", sourceLocation: location)
        #expect(try await database.query("SELECT count(*) FROM sluice.leases") == "0", sourceLocation: location)
    }

    func expectRows(_ rows: [[String?]], location: SourceLocation = #_sourceLocation) async throws {
        let found = try await self.rows()
        #expect(
            found.map(\.debugDescription).sorted() == rows.map(\.debugDescription).sorted(),
            sourceLocation: location
        )
    }
}

/// Loads windows through a sink, as a run does.
struct Loader: Sendable {
    static let schema = Schema([
        Column(name: "id", type: .text, field: "id"), Column(name: "note", type: .text, field: "note"),
        Column(name: "amount", type: .decimal(nil)),
    ])

    var options: PostgresSink.Options
    var export = ExportID(job: "tests", export: "rows")
    /// What the export is called now, where that is another name.
    var current: ExportID?
    /// How failures are waited for: hardly.
    var retries = Retries(pauses: [10, 50, 200].map { .milliseconds($0) })
    var migrations = LedgerMigrations.current

    init(url: String, mode: LoadMode = .replaceWindow) {
        options = PostgresSink.Options(url: url, table: "ads.rows", mode: mode)
        if mode == .merge { options.key = ["id"] }
    }

    func open<R>(_ body: (PostgresSink) async throws -> R) async throws -> R {
        try await PostgresSink.withSink(options, migrations: migrations, retries: retries, body)
    }

    func request(_ runID: String, shard: String? = nil, waits: Bool = false) -> RunRequest {
        RunRequest(export: export, current: current, runID: runID, shard: shard.flatMap { Shard($0) }, waits: waits)
    }

    func plan(_ windows: [Window], replacesAll: Bool? = nil, reload: [WindowID] = []) -> RunPlan {
        RunPlan(
            windows: windows,
            range: nil,
            fingerprint: "f1",
            layout: Layout(size: "week", perAccount: false, mode: options.mode, key: options.key),
            reload: reload,
            replacesAll: replacesAll ?? (options.mode == .replace),
            createdAt: Timestamp(milliseconds: 1_718_000_000_000)
        )
    }

    static func rows(_ week: Int, _ note: String, count: Int = 20) -> [[String?]] {
        (0..<count).map { ["\(week)-\($0)", note, "\($0).50"] }
    }

    static func rows(_ weeks: [Int], _ note: String) -> [[String?]] { weeks.flatMap { rows($0, note) } }

    /// One run that loads these weeks of 2024, but for those an unfinished run has left staged.
    func run(
        _ weeks: [Int],
        _ note: String,
        replacesAll: Bool? = nil,
        schema: Schema = Loader.schema,
        rows: ((Int) -> [[String?]])? = nil
    ) async throws {
        let windows = weeks.map { Window.week($0) }
        try await open { sink in
            try await sink.withRun(request("run-\(note)")) { run in
                let plan = plan(windows, replacesAll: replacesAll)
                let ledger = try await run.ledger()
                let staged = plan.replacesAll ? ledger.staged?.usable(by: plan) ?? [:] : [:]
                try await run.begin(plan)
                for (week, window) in zip(weeks, windows) where staged[window.id] == nil {
                    try await load(run, window, rows?(week) ?? Self.rows(week, note), schema: schema)
                }
                return true
            }
        }
    }

    /// Loads a window in two blocks; `between` happens once the first is written.
    @discardableResult func load(
        _ run: any SinkRun,
        _ window: Window,
        _ rows: [[String?]],
        schema: Schema = Loader.schema,
        between: () async throws -> Void = {}
    ) async throws -> Checkpoint {
        try await run.load(Load(window: window, schema: schema, dimensions: ["id"])) { session in
            let middle = rows.count / 2
            for part in [0..<middle, middle..<rows.count] where !part.isEmpty {
                let batch = Batch(schema, rows: Array(rows[part]), firstRow: part.lowerBound)
                try await session.write(session.encode(batch))
                if part.lowerBound == 0 { try await between() }
            }
            return Checkpoint(window, of: export, rows: rows.count, schema: schema)
        }
    }

    func ledger() async throws -> Ledger { try await open { try await $0.ledger(of: export) } }
}

extension Window {
    /// Week `number` of 2024, counted from 0.
    static func week(_ number: Int) -> Window {
        let start = Day(number: 19_723 + 7 * number)
        let cell = DateRange(start, start.advanced(by: 6)).map(GridCell.days) ?? .all
        return Window(id: WindowID(Int64(number + 1) &* 0x1234_5678_9ABC_DEF1), cell: cell)
    }
}
#endif
