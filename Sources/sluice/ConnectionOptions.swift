import ArgumentParser
import Dispatch
import Foundation
import Jobs
import Logging
import SupermetricsAPI
import Synchronization

/// Flags every command that talks to the API takes; each is looked for as a flag, then in the environment.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("File that holds the API key or OAuth token.", valueName: "path"),
        completion: .file()
    )
    var apiKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "Command that prints the API key or token; asked again when the API refuses it.",
            valueName: "cmd"
        )
    )
    var apiKeyCommand: String?

    @Option(help: ArgumentHelp("Base URL of the API [env: SUPERMETRICS_BASE_URL].", valueName: "url"))
    var baseURL: String?

    @Option(help: ArgumentHelp("Base URL of the warehouse API [env: SUPERMETRICS_DTS_BASE_URL].", valueName: "url"))
    var dtsBaseURL: String?

    @Option(help: ArgumentHelp("Team id [env: SUPERMETRICS_TEAM_ID].", valueName: "id"))
    var team: String?

    /// The credential, from the first place that has one.
    func credential(environment: [String: String]) throws -> Credential {
        guard apiKeyFile == nil || apiKeyCommand == nil else {
            throw CommandFailure(.usage, "--api-key-file and --api-key-command exclude each other; give one of them")
        }
        do {
            if let path = apiKeyFile { return try .apiKey(Self.read(path)) }
            if let command = apiKeyCommand { return KeyCommand(command).credential }
            if let key = environment.value("SUPERMETRICS_API_KEY") { return try .apiKey(key) }
        } catch let error as SupermetricsError {
            throw CommandFailure(.authentication, "the API key cannot be used: \(error.message)")
        }
        throw CommandFailure(
            .authentication,
            "no API key; set SUPERMETRICS_API_KEY, or use --api-key-file PATH or --api-key-command CMD"
                + " (try `sluice demo` to see sluice work without a key)"
        )
    }

    /// The credential for commands that may do without one; its absence shows when the API is first asked.
    func credentialIfNeeded(_ environment: [String: String]) -> Credential {
        do {
            return try credential(environment: environment)
        } catch {
            let message = CommandFailure(error).message
            return .tokenProvider { _ in throw SupermetricsError(.authentication, message) }
        }
    }

    /// The team: flag, then environment, then `other`.
    func teamID(else other: Int? = nil) throws -> Int {
        let environment = ProcessInfo.processInfo.environment
        guard let text = team ?? environment.value("SUPERMETRICS_TEAM_ID") ?? other.map(String.init) else {
            throw CommandFailure(.usage, "no team; use --team ID or set SUPERMETRICS_TEAM_ID")
        }
        guard let id = Int(text) else {
            throw CommandFailure(.usage, "the team '\(text)' is no whole number; see --team")
        }
        return id
    }

    /// A client's settings by flags and environment.
    func clientConfiguration(
        _ environment: [String: String],
        needsCredential: Bool = true
    ) throws -> SupermetricsClient.Configuration {
        let credential =
            try needsCredential ? credential(environment: environment) : credentialIfNeeded(environment)
        var configuration = SupermetricsClient.Configuration(credential: credential)
        configuration.baseURL = baseURL ?? environment.value("SUPERMETRICS_BASE_URL") ?? configuration.baseURL
        configuration.dtsBaseURL = dtsBaseURL ?? environment.value("SUPERMETRICS_DTS_BASE_URL")
        return configuration
    }

    private static func read(_ path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure(.authentication, "the API key file \(path) cannot be read; check --api-key-file")
        }
    }
}

extension [String: String] {
    /// A variable of the environment; nil where it is empty too, as settings left open in a container are.
    func value(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }
}

/// A command that prints the API key: run once, and again when the API refuses what it printed.
private final class KeyCommand: Sendable {
    private let command: String
    private let latest = Mutex<Task<String, any Error>?>(nil)

    init(_ command: String) { self.command = command }

    var credential: Credential {
        .tokenProvider { request in
            // Windows that begin together share one run of the command.
            try await self.latest.withLock { latest in
                if request == .current, let latest { return latest }
                let task = Task { try await self.output() }
                latest = task
                return task
            }.value
        }
    }

    /// What the command prints, run by the shell on a thread of its own; its standard error is shown to the user.
    private func output() async throws -> String {
        let command = command
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try Self.run(command) }) }
        }
    }

    private static func run(_ command: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw SupermetricsError(
                .authentication,
                "the command of --api-key-command ended with exit code \(process.terminationStatus)",
                advice: "run it by hand"
            )
        }
        let key = String(decoding: data, as: UTF8.self)
        guard !key.allSatisfy(\.isWhitespace) else {
            throw SupermetricsError(
                .authentication,
                "the command of --api-key-command printed nothing",
                advice: "run it by hand"
            )
        }
        return key
    }
}

/// Flags for the log and the progress display.
struct DisplayOptions: ParsableArguments {
    @Option(help: ArgumentHelp("trace, debug, info, warning or error [env: SLUICE_LOG_LEVEL].", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("text or json [env: SLUICE_LOG_FORMAT].", valueName: "format"))
    var logFormat: String?

    @Flag(help: "Log lines instead of a progress display, as is done off a terminal.")
    var noProgress = false

    func logger(environment: [String: String]) throws -> Logger {
        let levelName = logLevel ?? environment.value("SLUICE_LOG_LEVEL") ?? "info"
        guard let level = Logger.Level(rawValue: levelName.lowercased()) else {
            throw CommandFailure(.usage, "no log level '\(levelName)'; use trace, debug, info, warning or error")
        }
        return Logs.make(level: level, format: try format(environment: environment))
    }

    /// How log lines are written.
    func format(environment: [String: String]) throws -> Logs.Format {
        let name = logFormat ?? environment.value("SLUICE_LOG_FORMAT") ?? "text"
        guard let format = Logs.Format(rawValue: name.lowercased()) else {
            throw CommandFailure(.usage, "no log format '\(name)'; use text or json")
        }
        return format
    }

    /// Whether progress is drawn; on a dumb terminal it is not.
    func drawsProgress(environment: [String: String]) -> Bool {
        !noProgress && Terminal.hasErrorTerminal && environment["TERM"] != "dumb"
    }
}
