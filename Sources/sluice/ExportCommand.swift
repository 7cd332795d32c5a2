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
        )
    )
    var into: String

    @Option(help: ArgumentHelp("csv or ndjson, where the destination's name does not tell.", valueName: "format"))
    var format: FileFormat?

    @Option(help: ArgumentHelp("The table, where rows land in PostgreSQL.", valueName: "schema.name"))
    var table: String?

    @Option(
        help: ArgumentHelp(
            "How rows meet those in the table: replace_window (default), append, merge or replace.",
            valueName: "mode"
        )
    )
    var mode: String?

    @Option(help: ArgumentHelp("Columns that identify a row in merge, with commas.", valueName: "columns"))
    var key: String?

    @Option(help: ArgumentHelp("Cut into windows: day, week, month, 'N days' or all.", valueName: "size"))
    var window: String?

    @Flag(help: "Make each account a window of its own.")
    var perAccount = false

    @Option(
        help: ArgumentHelp(
            "A stage as in a job file, such as 'cast: {cost: decimal(18,6)}'; may be repeated.",
            valueName: "yaml"
        )
    )
    var stage: [String] = []

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

    @Flag(help: "Accept a load with fewer rows than before, or none.")
    var allowShrink = false

    @OptionGroup var reports: ReportOptions

    @Flag(help: "Wait for another run of the same export to end instead of failing with exit code 9.")
    var wait = false

    @OptionGroup(title: "API") var connection: ConnectionOptions
    @OptionGroup(title: "Display") var display: DisplayOptions

    enum FileFormat: String, ExpressibleByArgument, CaseIterable { case csv, ndjson }

    @concurrent func run() async throws {
        let setup = JobSetup()
        if noClobber, isTable { throw CommandFailure(.usage, "--no-clobber is for files; leave it out") }
        if noClobber, FileManager.default.fileExists(atPath: into) {
            throw CommandFailure(.destination, "\(into) exists; choose another name, or leave out --no-clobber")
        }
        var job = try job(setup)
        setup.override(&job.api, connection)
        var options = RunOptions()
        options.allowShrink = allowShrink
        options.beforeStages = beforeStages
        options.waits = wait
        let run = JobRun(
            job: job,
            installed: installedSinks,
            options: options,
            credential: try connection.credential(environment: setup.environment)
        )
        let code = try await setup.run(run, display, reports)
        guard code == 0 else { throw ExitCode(code) }
    }

    private func job(_ setup: JobSetup) throws -> Job {
        var flags = ExportFlags()
        try query.add(to: &flags)
        if let limit {
            guard limit > 0 else { throw CommandFailure(.usage, "--limit must be at least 1") }
            flags.setQuery("max_rows", String(limit), flag: "--limit")
        }
        if let window { flags.setWindow("size", window, flag: "--window") }
        if perAccount { flags.setWindow("per_account", "true", flag: "--per-account") }
        for yaml in stage { flags.addStage(yaml, flag: "--stage") }
        try addDestination(to: &flags)
        do {
            return try flags.job(named: name, setup.context)
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }

    private var isTable: Bool { into.hasPrefix("postgresql://") || into.hasPrefix("postgres://") }

    private func addDestination(to flags: inout ExportFlags) throws {
        let tableOptions = [("table", table), ("mode", mode), ("key", key)]
        guard isTable else {
            if let (name, _) = tableOptions.first(where: { $0.1 != nil }) {
                throw CommandFailure(.usage, "--\(name) is for PostgreSQL: give --into postgresql://…")
            }
            return flags.addDestination(try format(of: into).rawValue, [("path", into)], flag: "--into")
        }
        guard table != nil else {
            throw CommandFailure(.usage, "--into postgresql://… needs --table schema.name")
        }
        if format != nil { throw CommandFailure(.usage, "--format is for files; leave it out") }
        let given = tableOptions.compactMap { name, value in value.map { (name, $0) } }
        flags.addDestination("postgres", [("url", into)] + given, flag: "--into")
    }

    /// The format by `--format`, else by the destination's name; standard output and folders default to CSV.
    private func format(of path: String) throws -> FileFormat {
        if let format { return format }
        let name = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
        if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") { return .ndjson }
        if name.hasSuffix(".csv") || path == "-" || path.hasSuffix("/") { return .csv }
        var isFolder: ObjCBool = false
        if unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            return .csv
        }
        throw CommandFailure(
            .usage,
            "--into \(path): the name does not tell the format; end it in .csv, .csv.gz, .ndjson or .ndjson.gz,"
                + " or give --format"
        )
    }
}
