import Foundation

/// One million rows over HTTP into a compressed file, against pigz on the same CSV.
struct GzipBenchmarks {
    let setting: Setting

    private static let weeks = 10
    /// One page per window, and no count that looks as if the API had cut it.
    private static let rowsPerWindow = 99_991
    private static let rows = Double(weeks * rowsPerWindow)

    func run(_ report: inout Report) async throws {
        try await setting.withFolder("gzip") { folder in
            try await RowServer.with(rows: Self.rowsPerWindow) { baseURL, server in
                let rounds = setting.rounds
                try await compare(level: 6, rounds, limit: 1.25, mark: 0.52, folder, baseURL, server, &report)
                // A third as long, and so measured three times as often: less is left to the machine's moods.
                try await compare(level: 1, rounds * 3, limit: 1.5, mark: 1.25, folder, baseURL, server, &report)
            }
            try await RowServer.with(rows: Self.rowsPerWindow, compressed: true) { baseURL, server in
                try await exportOnly(level: 1, folder, baseURL, server, &report)
            }
        }
    }

    private func compare(
        level: Int,
        _ rounds: Int,
        limit: Double,
        mark: Double,
        _ folder: String,
        _ baseURL: String,
        _ server: Int32,
        _ report: inout Report
    ) async throws {
        let (path, csv) = (folder + "/out.csv.gz", folder + "/rows.csv")
        let plain = ExportJob(baseURL: baseURL, folder: folder, into: "csv: {path: \"\(csv)\"}", weeks: Self.weeks)
        _ = try await plain.run(setting.sluice, removing: [csv])
        let job = ExportJob(
            baseURL: baseURL,
            folder: folder,
            into: "csv: {path: \"\(path)\", level: \(level)}",
            weeks: Self.weeks
        )
        report.section(
            "csv.gz, level \(level): \(Int(Self.rows)) rows in \(Self.weeks) windows over HTTP into one file;"
                + " median of \(rounds) in turns; load \(Machine.load)"
        )
        let serverBefore = Machine.processorSeconds(of: server)
        var processor = 0.0
        let timings = try await inTurns(
            rounds,
            [
                {
                    let usage = try await job.run(setting.sluice, removing: [path])
                    processor += usage.processorSeconds
                    return usage.seconds
                },
                {
                    let usage = try await Child(["pigz", "-p2", "-\(level)", "-k", "-f", csv]).ended()
                    guard usage.exitCode == 0 else { throw BenchmarkError("pigz ended with \(usage.exitCode)") }
                    return usage.seconds
                },
            ]
        )
        let (exported, pigz) = (timings[0].median, timings[1].median)
        let share = (Machine.processorSeconds(of: server) - serverBefore) / timings[0].seconds.reduce(0, +)
        report.line(
            "sluice run",
            "\(exported.fixed(2)) s wall, \((processor / Double(rounds)).fixed(2)) s CPU, \(size(path))"
        )
        report.line(
            "  in rows",
            (Self.rows / exported / 1e6).fixed(2) + " M rows/s",
            value: Self.rows / exported / 1e6,
            .mark(mark)
        )
        report.line("pigz -p2 -\(level) on the CSV", "\(pigz.fixed(2)) s wall, \(size(csv + ".gz")) from \(size(csv))")
        report.line(
            "  sluice : pigz",
            (exported / pigz).fixed(2) + " times the wall time of pigz alone",
            value: exported / pigz,
            .ratio(atMost: limit, gate: limit * 1.4)
        )
        report.line("  the server's share", "\((share * 100).fixed(0)) % of one core while sluice ran")
    }

    private func exportOnly(
        level: Int,
        _ folder: String,
        _ baseURL: String,
        _ server: Int32,
        _ report: inout Report
    ) async throws {
        let path = folder + "/out.csv.gz"
        let job = ExportJob(
            baseURL: baseURL,
            folder: folder,
            into: "csv: {path: \"\(path)\", level: \(level)}",
            weeks: Self.weeks
        )
        let timings = try await inTurns(
            setting.rounds,
            [{ try await job.run(setting.sluice, removing: [path]).seconds }]
        )
        report.line(
            "  the same from answers that are gzipped",
            "\(timings[0].median.fixed(2)) s, \((Self.rows / timings[0].median / 1e6).fixed(2)) M rows/s"
        )
    }
}

/// One million rows over HTTP into files that are not compressed.
struct NDJSONBenchmarks {
    let setting: Setting

    private static let weeks = 10
    private static let rowsPerWindow = 99_991
    private static let rows = Double(weeks * rowsPerWindow)

    func run(_ report: inout Report) async throws {
        try await setting.withFolder("ndjson") { folder in
            try await RowServer.with(rows: Self.rowsPerWindow) { baseURL, server in
                let (file, lake) = (folder + "/out.ndjson", folder + "/lake")
                report.section(
                    "NDJSON, not compressed: \(Int(Self.rows)) rows in \(Self.weeks) windows over HTTP;"
                        + " median of \(setting.rounds) in turns; load \(Machine.load)"
                )
                func job(_ into: String) -> ExportJob {
                    ExportJob(baseURL: baseURL, folder: folder, into: into, weeks: Self.weeks)
                }
                let single = job("ndjson: {path: \"\(file)\"}")
                let parts = job("ndjson: {path: \"\(lake)/\", compression: none}")
                let serverBefore = Machine.processorSeconds(of: server)
                var processor = [0.0, 0.0]
                let timings = try await inTurns(
                    setting.rounds,
                    [
                        {
                            let usage = try await single.run(setting.sluice, removing: [file])
                            processor[0] += usage.processorSeconds
                            return usage.seconds
                        },
                        {
                            let usage = try await parts.run(setting.sluice, removing: [lake])
                            processor[1] += usage.processorSeconds
                            return usage.seconds
                        },
                    ]
                )
                let all = timings.flatMap(\.seconds).reduce(0, +)
                let share = (Machine.processorSeconds(of: server) - serverBefore) / all
                for (index, (name, goal)) in [("one file", Report.Goal.none), ("a folder", .mark(1.5))].enumerated() {
                    let rate = Self.rows / timings[index].median / 1e6
                    let cpu = (processor[index] / Double(setting.rounds)).fixed(2)
                    report.line(
                        name,
                        "\(timings[index].median.fixed(2)) s wall, \(cpu) s CPU, \(rate.fixed(2)) M rows/s",
                        value: rate,
                        goal
                    )
                }
                report.line("  the server's share", "\((share * 100).fixed(0)) % of one core; \(size(file)) of rows")
            }
        }
    }
}

/// The size of a file for people.
func size(_ path: String) -> String {
    let bytes = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    return (Double(bytes ?? 0) / 1e6).short + " MB"
}
