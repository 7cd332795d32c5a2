import TestSupport
import Testing

/// A job file as a user would write it, with a line for each thing a test is about.
struct JobText {
    var name = "e2e"
    var api = "{poll_interval: 20ms}"
    var exports = [ExportText()]

    /// A job of one export, the usual one with a change.
    static func one(api: String? = nil, _ change: (inout ExportText) -> Void = { _ in }) -> JobText {
        var job = JobText()
        if let api { job.api = api }
        change(&job.exports[0])
        return job
    }

    var yaml: String {
        "name: \(name)\napi: \(api)\nexports:\n" + exports.map(\.yaml).joined()
    }
}

/// One export of a job file.
struct ExportText {
    var name = "ads"
    var source = "AW"
    var accounts = #"["123-456-7890"]"#
    var fields = "[Date, Campaign, Clicks, Cost]"
    var start = "2024-01-01"
    var end = "2024-01-28"
    /// Further keys of the query.
    var query: [String] = []
    var window = "{size: week}"
    /// Further keys of the export.
    var more: [String] = []
    var into = ["csv: {path: out/}"]

    var yaml: String {
        var lines = ["- name: \(name)", "  query:"]
        lines += ["ds_id: \(source)", "ds_accounts: \(accounts)", "fields: \(fields)"].map { "    " + $0 }
        lines += ["start_date: \(start)", "end_date: \(end)"].map { "    " + $0 } + query.map { "    " + $0 }
        lines += ["window: \(window)"].map { "  " + $0 } + more.map { "  " + $0 } + ["  into:"]
        lines += into.map { "    - " + $0 }
        return lines.map { "  " + $0 + "\n" }.joined()
    }
}

extension World {
    /// Writes the job and runs it.
    @discardableResult func run(
        _ job: JobText,
        _ arguments: String...,
        expecting exitCode: Int32 = 0,
        environment: [String: String] = [:],
        location: SourceLocation = #_sourceLocation
    ) async throws -> Sluice.Outcome {
        try folder.write(job.yaml, to: "job.yaml")
        let outcome = try await run(["run", "job.yaml"] + arguments, environment: environment, location: location)
        #expect(outcome.exitCode == exitCode, "\(outcome.everything)", sourceLocation: location)
        return outcome
    }
}
