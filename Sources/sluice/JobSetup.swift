import ArgumentParser
import FileLoading
import Foundation
import Jobs
import Logging
import PipelineCore
import SupermetricsAPI

/// What every command that runs or reads a job begins with.
struct JobSetup {
    let environment = ProcessInfo.processInfo.environment

    /// What reading a job needs from outside the file.
    var context: JobContext {
        JobContext(environment: environment, now: .now, sinks: installedSinks)
    }

    /// Reads a job file and lets flags and environment override where the API is.
    func job(at path: String, _ connection: ConnectionOptions) throws -> Job {
        do {
            var job = try JobFile.read(path, context)
            override(&job.api, connection)
            return job
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }

    /// Flag, then environment, then job file, then default.
    func override(_ api: inout APISettings, _ connection: ConnectionOptions) {
        api.baseURL = connection.baseURL ?? environment.value("SUPERMETRICS_BASE_URL") ?? api.baseURL
        api.dtsBaseURL = connection.dtsBaseURL ?? environment.value("SUPERMETRICS_DTS_BASE_URL") ?? api.dtsBaseURL
    }

    /// Runs a job with progress and signals, prints the table, writes the reports, and returns the exit code.
    ///
    /// - Parameters:
    ///   - display: How progress is shown.
    ///   - reports: Files to write about the run; they tell of one that could not begin, too.
    ///   - job: The job's name, for a run that could not begin.
    ///   - run: Makes the run.
    /// - Returns: The exit code: a signal's, or the run's.
    /// - Throws: `CommandFailure` where the run cannot begin, or a report cannot be written.
    func run(
        _ display: DisplayOptions,
        _ reports: ReportOptions,
        ofJob job: @autoclosure () -> String,
        _ run: () throws -> JobRun
    ) async throws -> Int32 {
        let begun: (run: JobRun, log: Logger, isMachineRead: Bool)
        do {
            try reports.prepare()
            // A program that reads JSON from standard error finds nothing else there.
            let isMachineRead = try display.format(environment: environment) == .json
            begun = try (run(), display.logger(environment: environment), isMachineRead)
        } catch {
            let failure = CommandFailure(error)
            // Where a report cannot be written either, the failure itself is what the user must hear of.
            try? reports.write(RunSummary(ofJob: job(), failingWith: Failure(failure.kind, failure.message)))
            throw failure
        }
        return try await watch(begun.run, begun.log, display, reports, isMachineRead: begun.isMachineRead)
    }

    private func watch(
        _ run: JobRun,
        _ log: Logger,
        _ display: DisplayOptions,
        _ reports: ReportOptions,
        isMachineRead: Bool
    ) async throws -> Int32 {
        var log = log
        log[metadataKey: "run_id"] = "\(run.runID)"
        let progress = Progress(log: log, draws: display.drawsProgress(environment: environment))
        var run = run
        run.report = { progress.note($0) }
        let notice = "stopping: loads in flight are given up, what was committed stays"
        var (summary, signal) = try await Interrupts.watch(saying: isMachineRead ? nil : notice) { [run] in
            await progress.whileDrawing { await run.run() }
        }
        // Where rows are written, they stay alone.
        let outputHasRows = summary.exports.contains { $0.destinations.contains(FileTarget.standardOutput) }
        if !outputHasRows {
            Terminal.writeRemark(SummaryTable.text(summary))
        } else if !isMachineRead {
            Terminal.writeError(SummaryTable.text(summary))
        }
        for line in SummaryTable.failures(summary) {
            if isMachineRead { log.error("\(line)") } else { Terminal.writeError(line + "\n") }
        }
        summary.exitCode = signal ?? summary.exitCode
        try reports.write(summary)
        return summary.exitCode
    }
}

/// Files a run writes about itself.
struct ReportOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write the outcome as JSON to this file, also where the run cannot begin.",
            valueName: "file"
        ),
        completion: .file()
    )
    var summary: String?

    @Option(
        help: ArgumentHelp("Write figures for Prometheus' node_exporter to this file.", valueName: "file.prom"),
        completion: .file()
    )
    var metrics: String?

    /// Makes the files' folders, so that a mistake in a path is told before the work and not after it.
    ///
    /// - Throws: `CommandFailure` where a file could not be written.
    func prepare() throws {
        for (flag, path) in [("--summary", summary), ("--metrics", metrics)] {
            guard let path, !ReportFile.isStream(path) else { continue }
            let folder = ReportFile.target(path).deletingLastPathComponent()
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            guard !Self.isFolder(path) else {
                throw CommandFailure(.destination, "\(flag) \(path) is a folder; name a file in it")
            }
            guard Self.isFolder(folder.path), FileManager.default.isWritableFile(atPath: folder.path) else {
                throw CommandFailure(.destination, "\(flag) \(path) cannot be written; choose another folder")
            }
        }
    }

    /// Writes what was asked for about a run.
    ///
    /// - Throws: `CommandFailure` where a file cannot be written; the summary then tells of lost metrics.
    func write(_ summary: RunSummary) throws {
        var summary = summary
        var lost: CommandFailure?
        if let path = metrics {
            do {
                try MetricsFile.write(summary, to: path)
            } catch {
                let failure = CommandFailure(error)
                summary.failures.append(Failure(failure.kind, failure.message))
                summary.exitCode = failure.exitCode
                lost = failure
            }
        }
        if let path = self.summary { try ReportFile.writeSummary(summary, to: path) }
        if let lost { throw lost }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
