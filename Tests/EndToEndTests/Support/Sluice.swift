import Foundation
import Synchronization

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
        private let process: Process
        private let ended: Task<Outcome, Never>

        private final class Late: Sendable {
            let value = Mutex(false)
        }

        /// Starts the command.
        ///
        /// - Parameters:
        ///   - program: What is run; the command itself, or a shell around it.
        ///   - arguments: What stands after the program.
        ///   - environment: All of the environment but `PATH`.
        ///   - folder: The working folder.
        ///   - input: What it reads from standard input; nil for nothing.
        ///   - limit: The longest it may take; then it is killed.
        init(
            _ program: String, _ arguments: [String], environment: [String: String], in folder: String, input: String?, within limit: Duration
        ) throws {
            let streams = try TemporaryFolder()
            let (process, late) = (Process(), Late())
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
                .merging(environment) { $1 }
            process.currentDirectoryURL = URL(fileURLWithPath: folder)
            // Files, not pipes: they never fill up, and a killed process leaves what it had said.
            process.standardOutput = try streams.writing("out")
            process.standardError = try streams.writing("err")
            process.standardInput = FileHandle.nullDevice
            if let input { process.standardInput = try streams.reading("in", holding: input) }
            let (events, end) = AsyncStream<Void>.makeStream()
            process.terminationHandler = { _ in end.finish() }
            let started = ContinuousClock.now
            try process.run()
            self.process = process
            ended = Task {
                let watchdog = Task {
                    guard (try? await Task.sleep(for: limit)) != nil, process.isRunning else { return }
                    late.value.withLock { $0 = true }
                    kill(process.processIdentifier, SIGKILL)
                }
                for await _ in events {}
                watchdog.cancel()
                let isSignal = process.terminationReason == .uncaughtSignal
                return Outcome(
                    exitCode: isSignal ? nil : process.terminationStatus,
                    signal: isSignal ? process.terminationStatus : nil,
                    output: (try? streams.bytes("out")) ?? [],
                    errors: String(decoding: (try? streams.bytes("err")) ?? [], as: UTF8.self),
                    seconds: (ContinuousClock.now - started) / .seconds(1),
                    tookTooLong: late.value.withLock { $0 })
            }
        }

        /// Sends a signal unless the process has ended.
        func send(_ signal: Int32) {
            if process.isRunning { kill(process.processIdentifier, signal) }
        }

        /// What it came to, once it has ended.
        var outcome: Outcome { get async { await ended.value } }
    }
}
