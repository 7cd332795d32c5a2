import Foundation
import Jobs
import PipelineCore

/// A run's figures in Prometheus' text format, for the textfile collector of node_exporter.
enum MetricsFile {
    /// One figure, for each set of labels.
    struct Metric {
        var name: String
        var help: String
        var samples: [(labels: [(String, String)], value: String)]
    }

    /// Writes the figures of a run.
    static func write(_ summary: RunSummary, to path: String) throws {
        try write(metrics(summary), to: path)
    }

    /// Writes the file in one rename, so that a collector never reads half of it.
    static func write(_ metrics: [Metric], to path: String) throws {
        do {
            try ReportFile.write(Data(text(metrics).utf8), to: path)
        } catch {
            throw CommandFailure(
                .destination,
                "the metrics cannot be written to \(path); check the folder of --metrics"
            )
        }
    }

    private static func metrics(_ summary: RunSummary) -> [Metric] {
        let job = [("job", summary.job)]
        func perExport(_ value: (ExportSummary) -> String) -> [(labels: [(String, String)], value: String)] {
            summary.exports.map { (job + [("export", $0.name)], value($0)) }
        }
        let windows = summary.exports.flatMap { export in
            [("done", export.done), ("skipped", export.skipped), ("failed", export.failed)].map { state, count in
                (labels: job + [("export", export.name), ("state", state)], value: "\(count)")
            }
        }
        let ended = Double(summary.endedAt.milliseconds) / 1000
        return [
            Metric(
                name: "sluice_run_end_timestamp_seconds",
                help: "When the last run ended.",
                samples: [(job, "\(ended)")]
            ),
            Metric(
                name: "sluice_run_duration_seconds",
                help: "How long the last run took.",
                samples: [(job, "\(summary.endedAt.seconds(since: summary.startedAt))")]
            ),
            Metric(
                name: "sluice_run_exit_code",
                help: "Exit code of the last run; 0 means everything wanted is loaded.",
                samples: [(job, "\(summary.exitCode)")]
            ),
            Metric(name: "sluice_windows", help: "Windows of the last run by what became of them.", samples: windows),
            Metric(
                name: "sluice_rows_loaded",
                help: "Rows loaded by the last run.",
                samples: perExport { "\($0.rows)" }
            ),
            Metric(
                name: "sluice_requests",
                help: "HTTP requests the last run spent on windows, loaded or not.",
                samples: perExport { "\($0.requests)" }
            ),
        ]
    }

    private static func text(_ metrics: [Metric]) -> String {
        metrics.map { metric in
            let head = "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) gauge\n"
            return head + metric.samples.map { "\(metric.name){\(labels($0.labels))} \($0.value)\n" }.joined()
        }.joined()
    }

    private static func labels(_ labels: [(String, String)]) -> String {
        labels.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }.joined(separator: ",")
    }
}
