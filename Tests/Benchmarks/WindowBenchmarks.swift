import Foundation
import Sandbox

/// Many small windows against the sandbox: how well queries overlap, and how many requests they cost.
struct WindowBenchmarks {
    let setting: Setting

    private static let windows = 90
    private static let concurrent = 4

    func run(_ report: inout Report) async throws {
        try await setting.withFolder("windows") { folder in
            try await overlap(queryTime: 0.5, folder, &report)
            try await requests(folder, &report)
        }
    }

    /// Queries that take their time, so many at once: nothing but the queries may take time.
    private func overlap(queryTime: Double, _ folder: String, _ report: inout Report) async throws {
        let bound = Double((Self.windows + Self.concurrent - 1) / Self.concurrent) * queryTime
        report.section(
            "\(Self.windows) windows of a day, queries of \(queryTime.short) s, \(Self.concurrent) at once;"
                + " median of 3; load \(Machine.load)"
        )
        var options = SandboxOptions()
        options.queryTime = .seconds(queryTime)
        options.concurrentQueries = Self.concurrent
        let (timings, counts) = try await withSandbox(options) { sandbox in
            let job = job(sandbox, folder)
            var counts: [Int] = []
            let timings = try await inTurns(
                3,
                [
                    {
                        sandbox.clearRequests()
                        let usage = try await job.run(setting.sluice, removing: [folder + "/lake"])
                        counts.append(sandbox.requests.count)
                        return usage.seconds
                    }
                ]
            )
            return (timings[0], counts)
        }
        report.line("wall time", "\(timings.median.fixed(2)) s, where the queries alone take \(bound.fixed(2)) s")
        report.line(
            "  wall : bound",
            (timings.median / bound).fixed(3),
            value: timings.median / bound,
            .ratio(atMost: 1.1, gate: 1.3)
        )
        let perWindow = Double(counts.max() ?? 0) / Double(Self.windows)
        report.line("  requests per window", perWindow.fixed(2))
    }

    /// Queries that are quick: one request each.
    private func requests(_ folder: String, _ report: inout Report) async throws {
        report.section("\(Self.windows) windows of a day, quick queries; load \(Machine.load)")
        let (usage, count) = try await withSandbox { sandbox in
            let usage = try await job(sandbox, folder).run(setting.sluice, removing: [folder + "/lake"])
            return (usage, sandbox.requests.count)
        }
        let perWindow = Double(count) / Double(Self.windows)
        report.line("requests per window", perWindow.fixed(2), value: perWindow, .most(1, gate: 1))
        report.line(
            "wall time",
            "\(usage.seconds.fixed(2)) s, \((usage.seconds / Double(Self.windows) * 1e3).fixed(1)) ms a window"
        )
    }

    private func job(_ sandbox: Sandbox, _ folder: String) -> ExportJob {
        ExportJob(
            baseURL: sandbox.baseURL,
            folder: folder,
            into: "csv: {path: \"\(folder)/lake/\"}",
            weeks: 0,
            concurrentQueries: Self.concurrent,
            window: "day",
            fields: ["Date", "Campaign", "Clicks", "Cost"],
            apiKey: sandbox.apiKey,
            endDate: ExportJob.day(Self.windows - 1)
        )
    }
}
