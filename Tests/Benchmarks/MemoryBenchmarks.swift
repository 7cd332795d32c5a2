import Foundation

/// The most memory an export has at once, for few and many rows, small and large pages.
struct MemoryBenchmarks {
    let setting: Setting

    private static let limit = 96.0

    func run(_ report: inout Report) async throws {
        report.section("Peak memory (ru_maxrss) of exports to csv.gz level 1, one run each; load \(Machine.load)")
        try await setting.withFolder("memory") { folder in
            try await RowServer.with(rows: 99_991) { baseURL, _ in
                for (name, path) in [("one file", "out.csv.gz"), ("a folder", "lake/")] {
                    func peak(_ weeks: Int) async throws -> Double {
                        try await self.peak(baseURL, folder, path, weeks: weeks, pageRows: 100_000)
                    }
                    let (few, many) = (try await peak(5), try await peak(50))
                    report.line("\(name), 500 000 rows", "\(few.fixed(1)) MiB")
                    report.line(
                        "\(name), 5 000 000 rows",
                        "\(many.fixed(1)) MiB",
                        value: many,
                        .most(Self.limit, gate: Self.limit * 1.25)
                    )
                    report.line(
                        "  many : few",
                        (many / few).fixed(2),
                        value: many / few,
                        .ratio(atMost: 1.1, gate: 1.3)
                    )
                }
                let small = try await peak(baseURL, folder, "lake/", weeks: 50, pageRows: 10_000)
                report.line(
                    "a folder, pages of 10 000 rows",
                    "\(small.fixed(1)) MiB",
                    value: small,
                    .most(Self.limit, gate: Self.limit * 1.25)
                )
            }
            try await RowServer.with(rows: 833_333) { baseURL, _ in
                let large = try await peak(baseURL, folder, "lake/", weeks: 6, pageRows: 1_000_000)
                report.line(
                    "a folder, pages of 833 333 rows",
                    "\(large.fixed(1)) MiB",
                    value: large,
                    .most(Self.limit, gate: Self.limit * 1.25)
                )
            }
        }
    }

    private func peak(
        _ baseURL: String,
        _ folder: String,
        _ path: String,
        weeks: Int,
        pageRows: Int
    ) async throws -> Double {
        let output = folder + "/" + path
        let job = ExportJob(
            baseURL: baseURL,
            folder: folder,
            into: "csv: {path: \"\(output)\", level: 1}",
            weeks: weeks,
            pageRows: pageRows
        )
        return Double(try await job.run(setting.sluice, removing: [output]).peakBytes) / 1_048_576
    }
}
