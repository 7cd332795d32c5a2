import ArgumentParser
import Foundation

/// The command `sluice`.
@main struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Runs Supermetrics queries and lands their rows complete, typed and exactly once.",
        discussion: """
            sluice demo                         see it work, without a key
            sluice export --ds-id AW --ds-accounts 123 --fields Date,Cost \\
                --start-date 2024-01-01 --end-date yesterday --into spend.csv.gz
            sluice init                         write a job file, by flags or by answers
            sluice run nightly.yaml             run a job; resumes by itself

            The API key is read from SUPERMETRICS_API_KEY, --api-key-file or --api-key-command.
            """,
        version: version,
        subcommands: [
            DemoCommand.self, ExportCommand.self, RunCommand.self, PlanCommand.self, CheckCommand.self,
            StatusCommand.self, InitCommand.self, SandboxCommand.self,
        ],
        groupedSubcommands: [
            CommandGroup(
                name: "API",
                subcommands: [
                    QueriesCommand.self, AccountsCommand.self, FieldsCommand.self, SegmentsCommand.self,
                    LoginsCommand.self, LoginLinksCommand.self, DataSourcesCommand.self, TeamsCommand.self,
                    ConnectorsCommand.self, ConnectionsCommand.self, TransfersCommand.self, BackfillCommand.self,
                ]
            )
        ]
    )

    static let version = "0.1.0"

    static func main() async {
        Memory.staysFlat()
        FaultInjection.install()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as CommandFailure {
            Terminal.writeError("error: \(error.message)\n")
            Terminal.exit(error.exitCode)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                print(text)
            } else if !text.isEmpty {
                Terminal.writeError(text + "\n")
            }
            // The parser's own code for a usage error is 64; sluice documents 2.
            Terminal.exit(code == .validationFailure ? 2 : code.rawValue)
        }
    }
}
