import Foundation
import Sandbox

/// A thousand backfills at once: what coordinating and watching them asks of the API, and the memory it takes.
///
/// The sandbox's list of incomplete backfills is shorter than that, as the API's may be, so that most of them have to be
/// asked for one by one.
struct BackfillBenchmarks {
    let setting: Setting

    private static let transfers = 1000
    /// The most requests the client sends in any one second.
    private static let rateLimit = 20.0
    /// 100 MB.
    private static let memoryLimit = 100e6 / 1_048_576

    func run(_ report: inout Report) async throws {
        var options = SandboxOptions()
        options.transferIDs = Array(1...Self.transfers)
        // A day of work takes longer than the measurement: all are at work, and none comes to its end.
        options.backfills.dayTime = .seconds(3600)
        options.requestLogLimit = 1_000_000
        try await setting.withFolder("backfills") { folder in
            try await withSandbox(options) { sandbox in
                report.section(
                    "\(Self.transfers) backfills at once, one run each for a set time; the list shows"
                        + " \(sandbox.options.backfills.listLimit) of them; load \(Machine.load)"
                )
                let spec = folder + "/history.yaml"
                try Data(
                    """
                    team: \(sandbox.teamID)
                    from: 2024-01-01
                    to: 2024-01-31
                    active: \(Self.transfers)
                    transfers: [\(sandbox.transferIDs.map(String.init).joined(separator: ", "))]

                    """.utf8
                ).write(to: URL(fileURLWithPath: spec))
                try await measure("backfill run, nothing created before", ["run", spec], 2, sandbox, folder, &report)
                let ids = sandbox.backfillHistory.backfills.map { "\($0.backfillID)" }
                guard ids.count == Self.transfers else {
                    throw BenchmarkError("\(ids.count) backfills were created in place of \(Self.transfers)")
                }
                try await measure("backfill run again", ["run", spec], 1, sandbox, folder, &report)
                try await measure("backfill watch", ["watch"] + ids, 1, sandbox, folder, &report)
            }
        }
    }

    private func measure(
        _ name: String,
        _ arguments: [String],
        _ minutes: Int,
        _ sandbox: Sandbox,
        _ folder: String,
        _ report: inout Report
    ) async throws {
        let log = folder + "/log.txt"
        try Data().write(to: URL(fileURLWithPath: log))
        sandbox.clearRequests()
        let usage = try await Child(
            [setting.sluice, "backfill"] + arguments
                + ["--team", "\(sandbox.teamID)", "--max-minutes", "\(minutes)", "--no-progress"],
            environment: [
                "SUPERMETRICS_API_KEY": sandbox.apiKey, "SUPERMETRICS_BASE_URL": sandbox.baseURL,
                "SUPERMETRICS_DTS_BASE_URL": sandbox.baseURL,
            ],
            errors: try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        ).ended()
        let requests = sandbox.requests
        // 5: its time was up, and nothing was loaded yet. 404: a transfer had no backfill before.
        guard usage.exitCode == 5, requests.allSatisfy({ [200, 201, 204, 404].contains($0.status) }) else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw BenchmarkError("sluice ended with \(usage.exitCode): \(text.suffix(1000))")
        }
        let times = requests.map(\.date.timeIntervalSince1970).sorted()
        let rate = Double(requests.count) / usage.seconds
        let busiest = Double(Self.busiestSecond(times))
        report.line(
            "\(name), \(minutes) min",
            "\(requests.count) requests in \(usage.seconds.fixed(0)) s, \(usage.processorSeconds.fixed(1)) s CPU"
        )
        report.line(
            "  requests per second",
            rate.fixed(1),
            value: rate,
            .most(Self.rateLimit, gate: Self.rateLimit)
        )
        // The client counts when requests leave: those held up on their way arrive together with the next.
        report.line("  arrived in the busiest second", busiest.short)
        let memory = Double(usage.peakBytes) / 1_048_576
        report.line(
            "  peak memory",
            "\(memory.fixed(1)) MiB",
            value: memory,
            .most(Self.memoryLimit, gate: Self.memoryLimit)
        )
        let asked = Dictionary(grouping: requests) { "\($0.phase)" }.mapValues(\.count)
        report.note(
            "asked: " + asked.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        )
    }

    /// The most of these times, sorted and in seconds, within any one second.
    private static func busiestSecond(_ times: [Double]) -> Int {
        var most = 0
        var first = 0
        for (index, time) in times.enumerated() {
            while time - times[first] >= 1 { first += 1 }
            most = max(most, index - first + 1)
        }
        return most
    }
}
