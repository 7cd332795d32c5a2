import ArgumentParser
import Jobs
import PipelineCore

/// Runs a job: `sluice run JOB.yaml`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs a job: loads every window that is due; a run that died resumes by itself.",
        discussion: """
            Example:
              sluice run nightly.yaml --summary summary.json
              sluice run nightly.yaml --export google_ads --start-date 2024-01-01 \\
                  --end-date 2024-01-31 --reload=all
            """
    )

    @Argument(help: ArgumentHelp("The job file.", valueName: "job.yaml"), completion: .file())
    var path: String

    @OptionGroup var selection: SelectionOptions

    @Flag(help: "Show what would be fetched and why, and fetch nothing; the same as `sluice plan`.")
    var dryRun = false

    @OptionGroup var reports: ReportOptions

    @Option(help: ArgumentHelp("Begin no further window after so many minutes.", valueName: "n"))
    var maxMinutes: Double?

    @Flag(help: "Wait for another run of the same export to end instead of failing with exit code 9.")
    var wait = false

    @OptionGroup(title: "API") var connection: ConnectionOptions
    @OptionGroup(title: "Display") var display: DisplayOptions

    @concurrent func run() async throws {
        if dryRun {
            try await PlanOutput.print(path, selection, connection, format: .table)
            return
        }
        let setup = JobSetup()
        let code = try await setup.run(display, reports, ofJob: JobFile.name(ofJobAt: path, setup.context)) {
            try jobRun(setup)
        }
        guard code == 0 else { throw ExitCode(code) }
    }

    private func jobRun(_ setup: JobSetup) throws -> JobRun {
        let job = try setup.job(at: path, connection)
        var options = try selection.runOptions(for: job)
        options.waits = wait
        options.maxMinutes = maxMinutes
        return JobRun(
            job: job,
            installed: installedSinks,
            options: options,
            credential: try connection.credential(environment: setup.environment)
        )
    }
}

/// Which exports and windows of a job are run, and again.
struct SelectionOptions: ParsableArguments {
    @Option(name: .customLong("export"), help: ArgumentHelp("Only this export; may be repeated.", valueName: "name"))
    var exports: [String] = []

    @Option(help: ArgumentHelp("Only windows from this day on; a window itself stays whole.", valueName: "date"))
    var startDate: String?

    @Option(help: ArgumentHelp("Only windows up to this day.", valueName: "date"))
    var endDate: String?

    @OptionGroup var loaded: LoadedOptions

    @Flag(help: "Accept loads with fewer rows than before, or none.")
    var allowShrink = false

    @Flag(help: "Only windows that failed last time.")
    var onlyFailed = false

    @Option(help: ArgumentHelp("Only part I of N of the windows, for several machines.", valueName: "I/N"))
    var shard: String?

    /// What was asked of a run of `job`, in whose time zone relative days are meant.
    func runOptions(for job: Job) throws -> RunOptions {
        var options = RunOptions()
        options.exports = exports
        options.allowShrink = allowShrink
        options.plan.onlyFailed = onlyFailed
        try loaded.apply(to: &options.plan)
        if let shard {
            guard let part = Shard(shard) else {
                throw CommandFailure(
                    .usage,
                    "--shard '\(shard)' is not of the form I/N with I from 1 to N, such as 2/4"
                )
            }
            options.plan.shard = part
        }
        options.plan.chosen = try chosenDays(today: Day(.now, in: job.timeZone))
        return options
    }

    private func chosenDays(today: Day) throws -> DateRange? {
        guard startDate != nil || endDate != nil else { return nil }
        func day(_ text: String?, _ flag: String, or other: Day) throws -> Day {
            guard let text else { return other }
            guard let day = RelativeDate(text)?.day(today: today) else {
                throw CommandFailure(.usage, "\(flag) '\(text)' is not a date: use \(RelativeDate.expected)")
            }
            return day
        }
        let start = try day(startDate, "--start-date", or: .earliest)
        let end = try day(endDate, "--end-date", or: .latest)
        guard let days = DateRange(start, end) else {
            throw CommandFailure(.usage, "--start-date \(start) is after --end-date \(end)")
        }
        return days
    }
}

/// What becomes of windows that are loaded already.
struct LoadedOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Load again: stale (another query or stages) or all.", valueName: "stale|all"))
    var reload: ReloadChoice?

    @Flag(help: "Keep windows that were loaded with another query or other stages.")
    var acceptStale = false

    /// Hands the choice on to the planner.
    func apply(to plan: inout PlanOptions) throws {
        if reload != nil, acceptStale {
            throw CommandFailure(.usage, "--reload and --accept-stale exclude each other; give one of them")
        }
        plan.reload = reload?.planned ?? .none
        plan.acceptStale = acceptStale
    }
}

/// The values of `--reload`.
enum ReloadChoice: String, ExpressibleByArgument, CaseIterable {
    case stale, all

    var planned: PlanOptions.Reload {
        switch self {
        case .stale: .stale
        case .all: .all
        }
    }
}
