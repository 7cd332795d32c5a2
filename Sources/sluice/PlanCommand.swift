import ArgumentParser
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI

/// Shows what a run would do: `sluice plan JOB.yaml`.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows which windows would be fetched and why, and what that costs; fetches nothing.",
        discussion: """
            Warns of metrics that cannot be added up where the job splits them; for that it asks the API, where it can.

            Example:
              sluice plan nightly.yaml
              sluice plan nightly.yaml --output json
            """
    )

    @Argument(help: ArgumentHelp("The job file.", valueName: "job.yaml"), completion: .file())
    var path: String

    @OptionGroup var selection: SelectionOptions

    @Option(help: ArgumentHelp("table or json.", valueName: "format"))
    var output: PlanOutput.Format = .table

    @OptionGroup(title: "API") var connection: ConnectionOptions

    @concurrent func run() async throws {
        try await PlanOutput.print(path, selection, connection, format: output)
    }
}

/// Prints a plan.
enum PlanOutput {
    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    static func print(
        _ path: String,
        _ selection: SelectionOptions,
        _ connection: ConnectionOptions,
        format: Format
    ) async throws {
        let setup = JobSetup()
        let job = try setup.job(at: path, connection)
        let run = JobRun(
            job: job,
            installed: installedSinks,
            options: try selection.runOptions(for: job),
            credential: connection.credentialIfNeeded(setup.environment)
        )
        let plans: [ExportPlan]
        do {
            plans = try await run.plan()
        } catch {
            throw CommandFailure(error)
        }
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            Terminal.write(String(decoding: try encoder.encode(plans), as: UTF8.self) + "\n")
        case .table: for plan in plans { Terminal.write(text(plan)) }
        }
    }

    private static func text(_ plan: ExportPlan) -> String {
        var table = Table(header: ["window", "action", "days", "because"])
        for line in plan.windows {
            table.rows.append([line.window, line.action, line.days?.description ?? "-", line.because])
        }
        var text = "\(plan.export) into \(plan.destinations.joined(separator: ", "))\n" + table.text
        text += "\(plan.due) windows to fetch, \(plan.skipped) need nothing; at least \(Figure.count(plan.requests))"
        text += " requests and \(Figure.duration(plan.seconds))"
        if let rows = plan.rows, let share = plan.monthlyRowShare {
            let tenths = Int((share * 1000).rounded())
            text +=
                "; about \(Figure.count(rows)) rows, \(tenths / 10).\(tenths % 10)% of a monthly quota of 10 000 000"
        } else if plan.due > 0 {
            text += "; rows are not known before a first load"
        }
        if !plan.kept.isEmpty { text += "\nno longer wanted, kept: " + plan.kept.joined(separator: ", ") }
        for warning in plan.warnings { text += "\nwarning: " + warning }
        return text + "\n\n"
    }
}
