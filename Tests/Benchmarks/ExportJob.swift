import Foundation

/// A job of one export over some weeks, and its run by the built command.
struct ExportJob {
    var baseURL: String
    /// Where the job file and the rows are put.
    var folder: String
    /// The destination: `csv: {path: "out.csv.gz", level: 6}`.
    var into: String
    var weeks: Int
    var pageRows = 100_000
    var concurrentQueries = 4
    /// `week`, or `day` for a window per day.
    var window = "week"
    var fields = SampleRows.columns.map(\.id)
    var account = "123-456-7890"
    /// With so many accounts, each has windows of its own; nil for one account in common windows.
    var accounts: Int?
    var apiKey = "benchmark"
    /// The last day; nil for that of the last week.
    var endDate: String?

    /// Runs the job from nothing, outputs of earlier runs removed first, and fails where it does not end well.
    func run(_ sluice: String, removing outputs: [String] = []) async throws -> Child.Usage {
        for output in outputs { try? FileManager.default.removeItem(atPath: output) }
        let path = folder + "/job.yaml"
        let log = folder + "/log.txt"
        try Data(yaml.utf8).write(to: URL(fileURLWithPath: path))
        try Data().write(to: URL(fileURLWithPath: log))
        let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        let usage = try await Child(
            [sluice, "run", path, "--no-progress"],
            environment: ["SUPERMETRICS_API_KEY": apiKey],
            errors: errors
        ).ended()
        guard usage.exitCode == 0 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw BenchmarkError("sluice ended with \(usage.exitCode): \(text.suffix(1000))")
        }
        return usage
    }

    private var accountList: String {
        let list = accounts.map { count in (0..<count).map { "\(account)\($0)" } } ?? [account]
        return list.map { "\"\($0)\"" }.joined(separator: ", ")
    }

    private var yaml: String {
        """
        name: benchmark
        api: {base_url: "\(baseURL)", requests_per_second: 10000, page_rows: \(pageRows), concurrent_queries: \(concurrentQueries)}
        exports:
          - name: rows
            query:
              ds_id: AW
              ds_accounts: [\(accountList)]
              fields: [\(fields.joined(separator: ", "))]
              start_date: 2024-01-01
              end_date: \(endDate ?? Self.day(weeks * 7 - 1))
            window: {size: \(window), per_account: \(accounts != nil)}
            into:
              - \(into)

        """
    }

    /// The day so many days after the first, a Monday.
    static func day(_ offset: Int) -> String {
        let first = Date(timeIntervalSince1970: 1_704_067_200)
        return first.addingTimeInterval(Double(offset) * 86_400).formatted(.iso8601.year().month().day())
    }
}

extension Setting {
    /// An empty folder for one group of measurements, removed afterwards.
    func withFolder<R>(_ name: String, _ body: (String) async throws -> R) async throws -> R {
        let path = "\(folder)/\(name)-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}
