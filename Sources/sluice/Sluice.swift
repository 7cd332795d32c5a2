import ArgumentParser
import Conversion
import Foundation
import Jobs

/// The command `sluice`.
@main struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Runs Supermetrics queries and lands their rows complete, typed and exactly once.",
        discussion: """
            sluice demo                         see it work, without a key
            sluice export --ds-id AW --ds-accounts 123 --fields Date,Cost \\
                --start-date 2024-01-01 --end-date yesterday --into spend.csv.gz
            sluice run nightly.yaml             run a job; resumes by itself

            The API key is read from SUPERMETRICS_API_KEY, --api-key-file or --api-key-command.
            """,
        version: version,
        subcommands: [
            DemoCommand.self, ExportCommand.self, RunCommand.self, PlanCommand.self, CheckCommand.self,
            StatusCommand.self, SandboxCommand.self,
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
        Terminal.fillStandardStreams()
        Memory.staysFlat()
        FaultInjection.install()
        do {
            try checkCommandWords(CommandLine.arguments.dropFirst(), of: Sluice.self)
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            if let reason = Terminal.lostOutput { throw CommandFailure(.destination, reason) }
        } catch let error as CommandFailure {
            Terminal.writeError("error: \(error.message)\n")
            Terminal.exit(error.exitCode)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                Terminal.write(text + "\n")
            } else if !text.isEmpty {
                Terminal.writeError(text + "\n")
            }
            // The parser's own code for a usage error is 64; sluice documents 2.
            Terminal.exit(code == .validationFailure ? 2 : code.rawValue)
        }
    }

    /// Refuses a word that stands where a command must and is none; the parser would name the flags after it.
    private static func checkCommandWords(_ words: ArraySlice<String>, of command: any ParsableCommand.Type) throws {
        let configuration = command.configuration
        let subcommands = configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
        guard !subcommands.isEmpty, let word = words.first, !word.hasPrefix("-"), word != "help" else { return }
        guard let next = subcommands.first(where: { $0._commandName == word }) else {
            let names = subcommands.map { $0._commandName }
            let place = command == Sluice.self ? "sluice" : "sluice \(command._commandName)"
            throw CommandFailure(
                .usage,
                "there is no command '\(place) \(word)'\(NearestName.hint(for: word, in: names, called: "commands"))"
            )
        }
        try checkCommandWords(words.dropFirst(), of: next)
    }
}
