import Foundation
import TestSupport

/// The built command, run as a user runs it: nothing of it is shared with the tests but its files and its words.
enum Sluice {
    /// `SLUICE_BINARY`; without it the debug build beside the test bundle.
    static let path = ProcessInfo.processInfo.environment["SLUICE_BINARY"] ?? pathBesideTests

    private static var pathBesideTests: String {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("sluice").path
    }

    /// What a run of the command came to.
    struct Outcome: Sendable {
        /// nil where a signal ended the process.
        var exitCode: Int32?
        /// The signal that ended the process; nil where it exited.
        var signal: Int32?
        var output: [UInt8]
        var errors: String
        var seconds: Double
        /// Whether the process had to be killed because it took longer than the test allows.
        var tookTooLong: Bool

        var text: String { String(decoding: output, as: UTF8.self) }
        /// Everything a person sees.
        var everything: String { text + errors }
    }

    /// A process of the command that is under way.
    final class Running: Sendable {
        private let process: ChildProcess
        private let ended: Task<Outcome, Never>

        /// Starts the command.
        ///
        /// - Parameters:
        ///   - program: What is run; the command itself, or a shell around it.
        ///   - arguments: What stands after the program.
        ///   - environment: All of the environment but `PATH`.
        ///   - folder: The working folder.
        ///   - input: What it reads from standard input; nil for nothing.
        ///   - terminal: The terminal that is its standard input instead.
        ///   - limit: The longest it may take; then it is killed.
        /// - Throws: What goes wrong on the way.
        init(
            _ program: String,
            _ arguments: [String],
            environment: [String: String],
            in folder: String,
            input: String?,
            terminal: PseudoTerminal? = nil,
            within limit: Duration
        ) throws {
            // Files, not pipes: they never fill up, and a killed process leaves what it had said.
            let files = try TemporaryFolder()
            if let input { try files.write(input, to: "in") }
            let started = ContinuousClock.now
            let process = try ChildProcess(
                program,
                arguments,
                environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
                    .merging(environment) { $1 },
                in: folder,
                ChildProcess.Streams(
                    input: terminal?.path ?? input.map { _ in files.path + "/in" },
                    output: files.path + "/out",
                    errors: files.path + "/err"
                )
            )
            self.process = process
            ended = Task {
                let watchdog = Task {
                    try await Task.sleep(for: limit)
                    process.send(SIGKILL)
                }
                let end = await process.end
                watchdog.cancel()
                let seconds = (ContinuousClock.now - started) / .seconds(1)
                var outcome = Outcome(
                    output: (try? files.bytes("out")) ?? [],
                    errors: String(decoding: (try? files.bytes("err")) ?? [], as: UTF8.self),
                    seconds: seconds,
                    tookTooLong: ContinuousClock.now - started >= limit
                )
                switch end {
                case .exited(let code): outcome.exitCode = code
                case .killed(let signal): outcome.signal = signal
                }
                return outcome
            }
        }

        /// Sends a signal unless the process has ended.
        func send(_ signal: Int32) { process.send(signal) }

        /// What it came to, once it has ended.
        var outcome: Outcome { get async { await ended.value } }
    }
}
