import ArgumentParser
import Foundation
import Jobs
import SupermetricsAPI

/// Flags of every command that makes one call of the API and shows what came of it.
struct CallOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Form of the output; by default a table on a terminal and JSON elsewhere.",
            valueName: "format"
        )
    )
    var output: OutputFormat?

    @Flag(help: "Print the request, without the key, and send nothing.")
    var dryRun = false

    @OptionGroup(title: "API") var connection: ConnectionOptions

    /// The team, from the flag or the environment.
    func teamID() throws -> Int {
        try connection.teamID()
    }

    /// Makes a call and writes its value, or the request where only that is wanted.
    ///
    /// - Parameters:
    ///   - question: what is asked before the call where it changes the account; nil for calls that do not.
    ///   - call: makes the call.
    ///   - shown: what is written of its value.
    /// - Throws: `CommandFailure`.
    func run<Value>(
        asking question: Question? = nil,
        _ call: (SupermetricsClient) throws -> Call<Value, SupermetricsClient>,
        shown: (Value) -> Shown
    ) async throws {
        try await withClient { client in
            let call = try call(client)
            guard !dryRun else { return Terminal.write("\(try call.preview)") }
            // Mistakes are told before anybody is asked.
            _ = try call.preview
            try question?.ask()
            Output(format: format).write(shown(try await call.value))
        }
    }

    /// The form of the output.
    var format: OutputFormat { .chosen(output) }

    /// Opens a client by the flags, and turns what goes wrong into a failure of the command.
    func withClient<R>(_ body: (SupermetricsClient) async throws -> R) async throws -> R {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try connection.clientConfiguration(environment, needsCredential: !dryRun).attended
        do {
            return try await withSupermetricsClient(configuration, body)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension SupermetricsClient.Configuration {
    /// The settings where a person waits, who is told of waits and is better told of a long one.
    var attended: Self {
        var configuration = self
        configuration.longestRetryWait = .seconds(60)
        configuration.onRetry = { error, wait in
            guard wait >= .seconds(2) else { return }
            Terminal.writeError("\(error.message); trying again in \(wait.components.seconds) s\n")
        }
        return configuration
    }
}

/// What is asked before a call that changes the account.
struct Question {
    /// The question, without the answers to choose from.
    var text: String
    /// Whether the answer was given with the command.
    var isAnswered: Bool

    /// Asks on a terminal.
    ///
    /// - Throws: `CommandFailure` where the answer is no, or nobody is there to answer.
    func ask() throws {
        guard !isAnswered else { return }
        guard Terminal.hasInputTerminal else {
            throw CommandFailure(.usage, "\(text) Nobody is here to answer; add --yes to go ahead")
        }
        Terminal.writeError("\(text) [y/N] ")
        guard ["y", "yes"].contains(readLine()?.lowercased() ?? "") else {
            throw CommandFailure(.usage, "nothing was changed")
        }
    }
}

/// The flag of commands that change the account.
struct ConfirmationOptions: ParsableArguments {
    @Flag(help: "Go ahead without asking.")
    var yes = false

    /// What is asked unless `--yes` was given.
    func question(_ text: String) -> Question { Question(text: text, isAnswered: yes) }
}

/// Reads what arguments stand for.
enum Reading {
    /// A day, `YYYY-MM-DD`.
    static func day(_ text: String) throws -> CalendarDay {
        guard let day = CalendarDay(text) else { throw ValidationError("'\(text)' is no day; write it YYYY-MM-DD") }
        return day
    }

    /// One of a closed set of words, case aside.
    static func word<Word: CaseIterable & RawRepresentable<String>>(_ text: String) throws -> Word {
        if let word = Word.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) { return word }
        throw ValidationError("'\(text)' is none of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
    }
}
