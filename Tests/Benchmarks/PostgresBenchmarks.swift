import Foundation
import PostgresTesting

/// Rows over HTTP into a table, against `psql` with the same rows ready in a file, on the same server.
///
/// `psql` fills a table like sluice's and builds the same index after the rows, as sluice does after a first load.
struct PostgresBenchmarks {
    let setting: Setting

    private static let weeks = 20
    private static let rowsPerWindow = 99_991
    private static let rows = Double(weeks * rowsPerWindow)
    private static let keysPerWindow = 97_777

    func run(_ report: inout Report) async throws {
        let server = try await PostgresServer.start(settings: [
            "shared_buffers = 512MB", "max_wal_size = 16GB", "checkpoint_timeout = 1h", "autovacuum = off",
        ])
        try await setting.withFolder("postgres") { folder in
            try await RowServer.with(rows: Self.rowsPerWindow) { baseURL, rowServer in
                try await server.withDatabase { database in
                    for connections in [1, 2] {
                        let contest = Contest(
                            setting: setting,
                            database: database,
                            folder: folder,
                            connections: connections,
                            job: job(baseURL, folder, database, connections)
                        )
                        try await compare(contest, rowServer, &report)
                    }
                    try await memory(baseURL, folder, database, &report)
                }
            }
            // A window whose rows are all different, or they would have the same key.
            try await RowServer.with(rows: Self.keysPerWindow) { baseURL, _ in
                try await server.withDatabase { database in try await merge(baseURL, folder, database, &report) }
            }
        }
        try await server.remove()
    }

    private func job(
        _ baseURL: String,
        _ folder: String,
        _ database: PostgresDatabase,
        _ connections: Int,
        weeks: Int = Self.weeks
    ) -> ExportJob {
        let options = "{url: \"\(database.url)\", table: public.spend, connections: \(connections)}"
        return ExportJob(baseURL: baseURL, folder: folder, into: "postgres: \(options)", weeks: weeks)
    }

    private func compare(_ contest: Contest, _ rowServer: Int32, _ report: inout Report) async throws {
        report.section(
            "PostgreSQL, \(contest.connections) connection\(contest.connections == 1 ? "" : "s"): \(Int(Self.rows)) rows"
                + " in \(Self.weeks) windows over HTTP into a new table, index included; median of \(setting.rounds) in"
                + " turns; load \(Machine.load)"
        )
        try await contest.prepare()
        let rowServerBefore = Machine.processorSeconds(of: rowServer)
        var processor = 0.0
        let timings = try await inTurns(
            setting.rounds,
            [
                {
                    let usage = try await contest.export()
                    processor += usage.processorSeconds
                    return usage.seconds
                }, { try await contest.copy(.binary) }, { try await contest.copy(.text) },
            ]
        )
        let (exported, binary, text) = (timings[0].median, timings[1].median, timings[2].median)
        let cpu = processor / Double(setting.rounds)
        func rate(_ seconds: Double) -> String { (Self.rows / seconds / 1e6).fixed(2) + " M rows/s" }
        report.line("sluice run", "\(exported.fixed(2)) s wall, \(cpu.fixed(2)) s CPU, \(rate(exported))")
        report.line("psql \\copy, binary", "\(binary.fixed(2)) s wall, \(rate(binary))")
        report.line("psql \\copy, text", "\(text.fixed(2)) s wall, \(rate(text))")
        report.line(
            "  sluice : psql, binary",
            (exported / binary).fixed(2) + " times the wall time of psql alone",
            value: exported / binary,
            .ratio(atMost: 1.15, gate: 1.5)
        )
        report.line("  sluice : psql, text", (exported / text).fixed(2))
        let share = (Machine.processorSeconds(of: rowServer) - rowServerBefore) / timings[0].seconds.reduce(0, +)
        report.line("  the row server's share", "\((share * 100).fixed(0)) % of one core while sluice ran")
    }

    /// What the key of `merge` and its index cost, with keys that are all new.
    ///
    /// Every window is one of another account, which is part of the key.
    private func merge(
        _ baseURL: String,
        _ folder: String,
        _ database: PostgresDatabase,
        _ report: inout Report
    ) async throws {
        let rows = Double(Self.weeks * Self.keysPerWindow)
        report.section(
            "PostgreSQL, mode merge, 1 connection: \(Int(rows)) rows of new keys in \(Self.weeks) windows over HTTP into a"
                + " new table, both indexes included; median of \(setting.rounds) in turns; load \(Machine.load)"
        )
        func contest(_ mode: String) -> Contest {
            let into = "postgres: {url: \"\(database.url)\", table: public.spend, mode: \(mode)}"
            var job = ExportJob(baseURL: baseURL, folder: folder, into: into, weeks: 1)
            job.accounts = Self.weeks
            return Contest(
                setting: setting,
                database: database,
                folder: folder,
                connections: 1,
                job: job,
                hasKey: mode == "merge"
            )
        }
        let (merge, replace) = (contest("merge"), contest("replace_window"))
        try await merge.prepare()
        var processor = [0.0, 0.0]
        let timings = try await inTurns(
            setting.rounds,
            [
                {
                    let usage = try await merge.export()
                    processor[0] += usage.processorSeconds
                    return usage.seconds
                },
                {
                    let usage = try await replace.export()
                    processor[1] += usage.processorSeconds
                    return usage.seconds
                }, { try await merge.copy(.binary) },
            ]
        )
        for (index, name) in ["sluice run, merge", "sluice run, replace_window"].enumerated() {
            let (wall, cpu) = (timings[index].median, processor[index] / Double(setting.rounds))
            report.line(
                name,
                "\(wall.fixed(2)) s wall, \(cpu.fixed(2)) s CPU, \((rows / wall / 1e6).fixed(2)) M rows/s"
            )
        }
        let psql = timings[2].median
        report.line("psql \\copy, binary, with the key's index", "\(psql.fixed(2)) s wall")
        report.line(
            "  merge : replace_window",
            (timings[0].median / timings[1].median).fixed(2) + " times the wall time"
        )
        report.line(
            "  merge : psql, binary",
            (timings[0].median / psql).fixed(2) + " times the wall time of psql alone"
        )
        let perRow = (processor[0] - processor[1]) / Double(setting.rounds) / rows * 1e9
        report.line("  keys, on the client", "\(perRow.fixed(0)) ns CPU per row")
    }

    private func memory(
        _ baseURL: String,
        _ folder: String,
        _ database: PostgresDatabase,
        _ report: inout Report
    ) async throws {
        report.section("Peak memory (ru_maxrss) of exports into a table, one run each; load \(Machine.load)")
        func peak(_ weeks: Int, _ connections: Int) async throws -> Double {
            try await database.query(Contest.reset)
            let usage = try await job(baseURL, folder, database, connections, weeks: weeks).run(setting.sluice)
            return Double(usage.peakBytes) / 1_048_576
        }
        for connections in [1, 4] {
            let (few, many) = (try await peak(5, connections), try await peak(50, connections))
            let name = "\(connections) connection\(connections == 1 ? "" : "s")"
            report.line("\(name), 500 000 rows", "\(few.fixed(1)) MiB")
            report.line("\(name), 5 000 000 rows", "\(many.fixed(1)) MiB", value: many, .most(96, gate: 120))
            report.line("  many : few", (many / few).fixed(2), value: many / few, .ratio(atMost: 1.1, gate: 1.3))
        }
    }
}

/// sluice and `psql` side by side.
private struct Contest {
    enum Format: String {
        case binary, text
    }

    var setting: Setting
    var database: PostgresDatabase
    var folder: String
    var connections: Int
    var job: ExportJob
    /// Whether rows have a key with an index, as in `merge`.
    var hasKey = false

    static let reset = """
        SET client_min_messages = warning;
        DROP TABLE IF EXISTS spend, copied; DROP SCHEMA IF EXISTS sluice CASCADE; CHECKPOINT;
        """

    /// Loads once, and writes the rows to files, one for each connection and format.
    func prepare() async throws {
        _ = try await export()
        let indexes = try await database.query("SELECT indexdef FROM pg_indexes WHERE tablename = 'spend'")
        guard indexes.split(separator: "\n").count == (hasKey ? 2 : 1), indexes.contains("(_sluice_window)") else {
            throw BenchmarkError("the table has other indexes than psql will be asked for: \(indexes)")
        }
        for part in 0..<connections {
            for (format, path) in [(Format.binary, path(.binary, part)), (.text, path(.text, part))] {
                let select = "SELECT * FROM spend WHERE (_sluice_window & 1048575) % \(connections) = \(part)"
                try await database.query("\\copy (\(select)) TO '\(path)' WITH (FORMAT \(format.rawValue))")
            }
        }
        try await database.query("DROP TABLE IF EXISTS model; CREATE TABLE model (LIKE spend)")
    }

    private func path(_ format: Format, _ part: Int) -> String { "\(folder)/rows-\(part).\(format.rawValue)" }

    /// One run of sluice into a table and a ledger that are not there yet.
    func export() async throws -> Child.Usage {
        try await database.query(Self.reset)
        return try await job.run(setting.sluice)
    }

    /// The seconds that `psql` takes for the same rows from files and the index.
    func copy(_ format: Format) async throws -> Double {
        let keyIndex = hasKey ? "; CREATE UNIQUE INDEX ON copied (_sluice_key)" : ""
        try await database.query(Self.reset + "CREATE TABLE copied (LIKE model)" + keyIndex)
        let start = ContinuousClock.now
        let children = try (0..<connections).map { part in
            try psql("\\copy copied FROM '\(path(format, part))' WITH (FORMAT \(format.rawValue))")
        }
        for child in children {
            let usage = await child.ended()
            guard usage.exitCode == 0 else { throw BenchmarkError("psql ended with \(usage.exitCode)") }
        }
        let usage = try await psql("CREATE INDEX ON copied (_sluice_window)").ended()
        guard usage.exitCode == 0 else { throw BenchmarkError("psql ended with \(usage.exitCode)") }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private func psql(_ command: String) throws -> Child {
        try Child([database.server.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, database.url])
    }
}
