import ArgumentParser
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI

/// Shows what the destinations hold: `sluice status JOB.yaml`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what the destinations hold: windows, rows, gaps, freshness, last runs.",
        discussion: """
            Reads the destinations alone; needs no API key and changes nothing.

            Example:
              sluice status nightly.yaml
              sluice status nightly.yaml --export google_ads --output json
            """
    )

    @Argument(help: ArgumentHelp("The job file.", valueName: "job.yaml"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("Only this export; may be repeated.", valueName: "name"))
    var export: [String] = []

    @Option(help: ArgumentHelp("table or json.", valueName: "format"))
    var output: Format = .table

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    @concurrent func run() async throws {
        let setup = JobSetup()
        let statuses: [ExportStatus]
        do {
            var options = RunOptions()
            options.exports = export
            let run = JobRun(
                job: try JobFile.read(path, setup.context),
                installed: installedSinks,
                options: options,
                credential: .tokenProvider { _ in
                    throw SupermetricsError(.authentication, "status asks the API nothing")
                }
            )
            statuses = try await run.status()
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
        switch output {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            Terminal.write(String(decoding: try encoder.encode(statuses), as: UTF8.self) + "\n")
        case .table: Terminal.write(Self.text(statuses, now: .now))
        }
        guard statuses.allSatisfy({ $0.problem == nil }) else {
            throw ExitCode(FailureKind.destination.exitCode)
        }
    }

    private static func text(_ statuses: [ExportStatus], now: Timestamp) -> String {
        var table = Table(
            header: ["export", "windows", "rows", "days", "missing", "unsettled", "newest rows", "destination"],
            rightAligned: [1, 2, 4, 5]
        )
        for status in statuses {
            let knows = status.problem == nil && status.hasLedger
            table.rows.append([
                status.export, knows ? "\(status.windows)" : "-", knows ? Figure.count(status.rows) : "-",
                status.covers?.description ?? "-", knows ? "\(status.gaps.reduce(0) { $0 + $1.windows })" : "-",
                knows ? "\(status.unsettled)" : "-",
                status.newest.map { "\(Figure.duration(max(0, now.seconds(since: $0)))) ago" } ?? "-",
                status.destination,
            ])
        }
        return table.text + statuses.flatMap { remarks($0) }.map { $0 + "\n" }.joined()
    }

    /// What the table has no room for, a line each.
    private static func remarks(_ status: ExportStatus) -> [String] {
        var lines: [String] = []
        func add(_ text: String) { lines.append("\(status.export): \(text)") }
        func list(_ names: [String]) -> String {
            names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
        }
        if let problem = status.problem { add("error: \(problem)") }
        if status.problem == nil, !status.hasLedger { add("a single file keeps no account of its windows") }
        for (outlook, next) in [
            (ExportStatus.Gap.Outlook.due, "the next run loads it"), (.waits, "append loads it once it has settled"),
            (.never, "append has loaded its window, and loads none twice"),
        ] {
            let gaps = status.gaps.filter { $0.outlook == outlook }.map { gap in
                let days = gap.days?.description ?? "everything"
                return gap.account.map { "\(days) of account \($0)" } ?? days
            }
            if !gaps.isEmpty { add("not there: \(list(gaps)); \(next)") }
        }
        let due = status.gone.filter { !status.goneForGood.contains($0) }
        if !due.isEmpty { add("rows are gone of \(list(due)); the next run loads them again") }
        if !status.goneForGood.isEmpty {
            let why = status.appends ? "append loads no window twice" : "they are no longer wanted and stay away"
            add("rows are gone of \(list(status.goneForGood)); \(why)")
        }
        if status.stale > 0 {
            add(
                "\(status.stale) windows were loaded under another fingerprint: run with --reload=stale or --accept-stale"
            )
        }
        if let staged = status.staged { add("an unfinished run has \(staged) windows waiting; the next run goes on") }
        for failed in status.failed.suffix(3) { add("failed: \(failed.window) at \(failed.at): \(failed.failure)") }
        if !status.removedAccounts.isEmpty { add("no longer wanted, kept: account \(list(status.removedAccounts))") }
        for run in status.lastRuns {
            add("run \(run.id): \(run.windows) windows, \(Figure.count(run.rows)) rows, fetched until \(run.fetchedAt)")
        }
        return lines
    }
}
