import Jobs
import PipelineCore

/// The table at the end of a run, and every failure with its cure.
enum SummaryTable {
    static func text(_ summary: RunSummary) -> String {
        var table = Table(
            header: ["export", "done", "skipped", "failed", "rows", "bytes", "requests", "per window", "time"],
            rightAligned: [1, 2, 3, 4, 5, 6, 7, 8]
        )
        for export in summary.exports {
            let perWindow = export.done > 0 ? tenths(Double(export.requests) / Double(export.done)) : "-"
            table.rows.append([
                export.name, "\(export.done)", "\(export.skipped)", "\(export.failed)", Figure.count(export.rows),
                Figure.bytes(export.bytes), Figure.count(export.requests), perWindow, Figure.duration(export.seconds),
            ])
        }
        var text = table.text
        for export in summary.exports {
            for failure in export.failures { text += "\n" + failureText(failure, export: export.name) }
        }
        for failure in summary.failures { text += "\n" + failureText(failure, export: nil) }
        return text
    }

    /// The failure, and the windows it stopped: the first three by name.
    static func failureText(_ failure: Failure, export: String?) -> String {
        var place = export.map { "\($0)" } ?? ""
        if !failure.windows.isEmpty {
            place += " " + failure.windows.prefix(3).joined(separator: ", ")
            if failure.windows.count > 3 { place += " and \(failure.windows.count - 3) more windows" }
        }
        return "failed: " + (place.isEmpty ? "" : place + ": ") + failure.message + "\n"
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
