import Jobs
import PipelineCore

/// What a person reads at the end of a run: the table, and every failure with its cure.
enum SummaryTable {
    /// The table; nothing where no export began.
    static func text(_ summary: RunSummary) -> String {
        guard !summary.exports.isEmpty else { return "" }
        var table = Table(
            header: ["export", "done", "skipped", "failed", "rows", "bytes", "requests", "per window", "time"],
            rightAligned: [1, 2, 3, 4, 5, 6, 7, 8]
        )
        for export in summary.exports {
            let loaded = export.windows.filter { $0.state == .done }
            let perWindow =
                loaded.isEmpty ? "-" : tenths(Double(loaded.reduce(0) { $0 + $1.requests }) / Double(loaded.count))
            table.rows.append([
                export.name, "\(export.done)", "\(export.skipped)", "\(export.failed)", Figure.count(export.rows),
                Figure.bytes(export.bytes), Figure.count(export.requests), perWindow, Figure.duration(export.seconds),
            ])
        }
        return table.text
    }

    /// A line for each cause of failure.
    static func failures(_ summary: RunSummary) -> [String] {
        summary.exports.flatMap { export in export.failures.map { line($0, export: export.name) } }
            + summary.failures.map { line($0, export: nil) }
    }

    /// The failure, and the windows it stopped: the first three by name.
    private static func line(_ failure: Failure, export: String?) -> String {
        var place = export.map { "\($0)" } ?? ""
        if !failure.windows.isEmpty {
            place += " " + failure.windows.prefix(3).joined(separator: ", ")
            let others = failure.windows.count - 3
            if others > 0 { place += " and \(others) more \(others == 1 ? "window" : "windows")" }
        }
        let first = failure.isOfFirstWindow ? "in the first, " : ""
        return "failed: " + (place.isEmpty ? "" : place + ": ") + first + failure.message
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
