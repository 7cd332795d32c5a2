import ArgumentParser
import Jobs
import PipelineCore

/// Checks a job file: `sluice check JOB.yaml`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Checks a job file, then the API key, accounts, fields and destinations it names.",
        discussion: """
            Loads nothing and runs no query. With --offline only the file is read.

            Example:
              sluice check nightly.yaml --offline
            """
    )

    @Argument(help: ArgumentHelp("The job file.", valueName: "job.yaml"), completion: .file())
    var path: String

    @Flag(help: "Check the file alone, without the API and the destinations.")
    var offline = false

    @OptionGroup(title: "API") var connection: ConnectionOptions

    @concurrent func run() async throws {
        let setup = JobSetup()
        let job = try setup.job(at: path, connection)
        guard job.unsupported.isEmpty else {
            throw CommandFailure(.usage, job.unsupported.map(\.description).joined(separator: "\n"))
        }
        guard !offline else {
            let count = job.exports.count
            Terminal.write("\(path): no mistakes found, \(count) \(count == 1 ? "export" : "exports")\n")
            return
        }
        let run = JobRun(
            job: job,
            installed: installedSinks,
            options: RunOptions(),
            credential: try connection.credential(environment: setup.environment)
        )
        var failures: [FailureKind] = []
        do {
            try await run.check { finding in
                switch finding.state {
                case .fine: Terminal.write("ok       \(finding.text)\n")
                case .warning: Terminal.write("warning  \(finding.text)\n")
                case .failure(let kind):
                    failures.append(kind)
                    Terminal.write("error    \(finding.text)\n")
                }
            }
        } catch {
            throw CommandFailure(error)
        }
        let code = FailureKind.exitCode(failures: failures, somethingLoaded: false)
        guard code == 0 else { throw ExitCode(code) }
    }
}
