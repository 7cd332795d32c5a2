import ArgumentParser
import Foundation
import Jobs
import PipelineCore

/// Runs one query: `sluice export QUERY --into DEST`.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Runs one query and lands its rows in a file, a folder, a table or on standard output.",
        discussion: """
            The query is given by flags with the API's own names, or as the API's query object with --query.

            Example:
              sluice export --ds-id AW --ds-accounts 123-456-7890 \\
                  --fields Date,Campaign,Cost --start-date 2024-01-01 \\
                  --end-date yesterday --into spend.csv.gz
              sluice export --query query.json --into - | head
              sluice export --query query.json --into postgresql://etl@db/ads \\
                  --table ads.spend
            """
    )

    @OptionGroup(title: "Query") var query: QueryOptions

    @Option(
        help: ArgumentHelp(
            "Where rows land: a path ending in .csv, .csv.gz, .ndjson, .ndjson.gz or /, -, or postgresql://….",
            valueName: "dest"
        ),
        completion: .file()
    )
    var into: String

    @OptionGroup var landing: LandingOptions

    @Option(
        help: ArgumentHelp("Name of the export; by default made of the query without its dates.", valueName: "name")
    )
    var name: String?

    @Option(help: ArgumentHelp("At most so many rows.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Land rows as they were before the stages.")
    var beforeStages = false

    @Flag(help: "Refuse to replace a file that exists.")
    var noClobber = false

    @OptionGroup var loaded: LoadedOptions

    @Flag(help: "Accept a load with fewer rows than before, or none.")
    var allowShrink = false

    @OptionGroup var reports: ReportOptions

    @Flag(help: "Wait for another run of the same export to end instead of failing with exit code 9.")
    var wait = false

    @OptionGroup(title: "API") var connection: ConnectionOptions
    @OptionGroup(title: "Display") var display: DisplayOptions

    @concurrent func run() async throws {
        let setup = JobSetup()
        let code = try await setup.run(display, reports, ofJob: ExportFlags.jobName) { try jobRun(setup) }
        guard code == 0 else { throw ExitCode(code) }
    }

    private func jobRun(_ setup: JobSetup) throws -> JobRun {
        if noClobber, LandingOptions.isTable(into) {
            throw CommandFailure(.usage, "--no-clobber is for files; leave it out")
        }
        if noClobber, FileManager.default.fileExists(atPath: into) {
            throw CommandFailure(.destination, "\(into) exists; choose another name, or leave out --no-clobber")
        }
        var job = try job(setup)
        setup.override(&job.api, connection)
        // Rows without stages are other rows: with the stages gone, so is what they would share with rows that had them.
        if beforeStages { job.exports = job.exports.map(\.withoutStages) }
        var options = RunOptions()
        options.allowShrink = allowShrink
        options.keepsExisting = noClobber
        try loaded.apply(to: &options.plan)
        options.waits = wait
        return JobRun(
            job: job,
            installed: installedSinks,
            options: options,
            credential: try connection.credential(environment: setup.environment)
        )
    }

    private func job(_ setup: JobSetup) throws -> Job {
        var flags = ExportFlags()
        try query.add(to: &flags)
        if let limit {
            guard limit > 0 else { throw CommandFailure(.usage, "--limit must be at least 1") }
            flags.setQuery("max_rows", String(limit), flag: "--limit")
        }
        try landing.add(to: &flags, into: into)
        do {
            return try flags.job(named: name, setup.context)
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }
}
