import ArgumentParser
import Conversion
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI

/// Writes a job file: `sluice init`.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Writes a commented job file from flags; on a terminal asks for what they leave out.",
        discussion: """
            The query and its destination are given as for `sluice export`. With an API key, accounts and fields are \
            listed to choose from. Connection strings and keys of stages become references to the environment; a file \
            that exists is left alone without --force.

            Example:
              sluice init
              sluice init nightly.yaml --ds-id AW --ds-accounts 123-456-7890 \\
                  --fields Date,Campaign,Cost --start-date '90 days ago' \\
                  --end-date yesterday --into lake/google_ads/ --contract
            """
    )

    @Argument(
        help: ArgumentHelp("The file to write; - for standard output.", valueName: "job.yaml"),
        completion: .file()
    )
    var path = "job.yaml"

    @OptionGroup(title: "Query") var query: QueryOptions

    @Option(
        help: ArgumentHelp(
            "Where rows land: a path ending in .csv, .csv.gz, .ndjson, .ndjson.gz or /, -, or postgresql://….",
            valueName: "dest"
        ),
        completion: .file()
    )
    var into: String?

    @OptionGroup var landing: LandingOptions

    @Option(help: ArgumentHelp("Name of the export; by default made of the data source.", valueName: "name"))
    var name: String?

    @Flag(help: "Pin the types of the columns in `contract:`, by the API's metadata and a query over a few days.")
    var contract = false

    @Flag(help: "Replace the file if it exists.")
    var force = false

    @OptionGroup(title: "API") var connection: ConnectionOptions

    @concurrent func run() async throws {
        try refuseToReplace()
        let setup = JobSetup()
        var (flags, landing) = (ExportFlags(), landing)
        try query.add(to: &flags)
        let destination = try await complete(&flags, &landing, setup)
        try landing.add(to: &flags, into: destination)
        let exportName = exportName(flags)
        let draft: JobDraft
        do {
            let job = try flags.job(named: exportName, setup.context)
            guard job.unsupported.isEmpty else { throw JobFileError(job.unsupported) }
            if contract { flags.setContract(try await agreed(job, setup)) }
            draft = try flags.draft(of: isOutput ? exportName : jobName, named: exportName, setup.context)
        } catch let error as JobFileError {
            throw CommandFailure(.usage, "\(error)")
        }
        try write(draft.text(file: isOutput ? "job.yaml" : path))
        for variable in draft.variables {
            Terminal.writeError("set \(variable): the file reads a secret from it, which it must not hold itself\n")
        }
        if !isOutput { Terminal.write("\(path) is written; next: sluice check \(path)\n") }
    }

    private var isOutput: Bool { path == "-" }

    /// The job's name: that of the file.
    private var jobName: String {
        URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    }

    private func exportName(_ flags: ExportFlags) -> String {
        name ?? flags.queryText("ds_id").flatMap(ColumnName.normalized) ?? "export"
    }

    // MARK: What is missing

    /// Asks for what the flags left out; without a terminal, that is an error.
    ///
    /// - Returns: The destination.
    private func complete(
        _ flags: inout ExportFlags,
        _ landing: inout LandingOptions,
        _ setup: JobSetup
    ) async throws -> String {
        // What is wrong comes before what is missing.
        do {
            try flags.check()
        } catch {
            throw CommandFailure(.usage, "\(error)")
        }
        guard Terminal.hasInputTerminal else {
            let needed = [("ds_id", "--ds-id"), ("fields", "--fields")].filter { !flags.hasQuery($0.0) }.map(\.1)
            let missing = needed + (into == nil ? ["--into"] : [])
            guard let into, missing.isEmpty else {
                throw CommandFailure(
                    .usage,
                    "missing: \(missing.joined(separator: ", ")); standard input is no terminal on which to ask for more"
                )
            }
            return into
        }
        guard let configuration = try? connection.clientConfiguration(setup.environment).attended else {
            return try await InitDialogue(client: nil).complete(&flags, &landing, into: into, name: exportName)
        }
        do {
            return try await withSupermetricsClient(configuration) { client in
                try await InitDialogue(client: client).complete(&flags, &landing, into: into, name: exportName)
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    /// What the columns of the export can be held to, after a look at a few rows.
    private func agreed(_ job: Job, _ setup: JobSetup) async throws -> [ContractStage.Term] {
        var job = job
        setup.override(&job.api, connection)
        let run = JobRun(
            job: job,
            installed: installedSinks,
            options: RunOptions(),
            credential: try connection.credential(environment: setup.environment)
        )
        let sample: ExportSample
        do {
            sample = try await run.sample(job.exports[0])
        } catch {
            throw CommandFailure(error)
        }
        let days = sample.days.map { " of \($0)" } ?? ""
        Terminal.writeError("the contract follows the API's metadata and \(sample.rows) rows\(days)\n")
        for (rule, count) in sample.rejects.sorted(by: { $0.key < $1.key }) {
            Terminal.writeError(
                "\(count) rows\(days) cannot be converted: '\(rule.column)': \(rule.rule); cast the column otherwise, or"
                    + " set on_bad_row\n"
            )
        }
        if !sample.passing.isEmpty {
            Terminal.writeError(
                "the contract leaves out \(sample.passing.joined(separator: ", ")): the rows make these columns, and other"
                    + " rows make others; `unpivot` turns them into columns that stay\n"
            )
        }
        return sample.contract
    }

    // MARK: The file

    /// Fails where the file exists and may not be replaced: before anything is asked.
    private func refuseToReplace() throws {
        guard !path.hasSuffix("/") else {
            throw CommandFailure(.usage, "\(path) is a folder; name a file, such as \(path)job.yaml")
        }
        guard !isOutput, !force, FileManager.default.fileExists(atPath: path) else { return }
        throw exists
    }

    private var exists: CommandFailure {
        CommandFailure(.destination, "\(path) exists and stays as it is; choose another name, or use --force")
    }

    private func write(_ text: String) throws {
        guard !isOutput else { return Terminal.write(text) }
        do {
            let data = Data(text.utf8)
            guard !force else { return try ReportFile.write(data, to: path) }
            try data.write(to: ReportFile.target(path), options: .withoutOverwriting)
        } catch CocoaError.fileWriteFileExists {
            throw exists
        } catch {
            throw CommandFailure(.destination, "\(path) cannot be written; check its folder and the permissions")
        }
    }
}
