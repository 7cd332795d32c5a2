import Foundation
import Sandbox
import Synchronization
import TestSupport
import Testing

/// A sandbox, an empty folder, and the command run between them.
struct World: Sendable {
    let sandbox: Sandbox
    let folder: TemporaryFolder
    private let outcomes = Outcomes()

    private final class Outcomes: Sendable {
        let all = Mutex<[Sluice.Outcome]>([])
    }

    init(_ sandbox: Sandbox, _ folder: TemporaryFolder) {
        self.sandbox = sandbox
        self.folder = folder
    }

    /// Where the sandbox is and a key it accepts.
    var environment: [String: String] {
        ["SUPERMETRICS_API_KEY": sandbox.apiKey, "SUPERMETRICS_BASE_URL": sandbox.baseURL]
    }

    /// Starts `sluice` with these arguments.
    ///
    /// - Parameters:
    ///   - arguments: What stands after `sluice`.
    ///   - environment: Wins over the sandbox's key and address; an empty text takes a variable away.
    ///   - input: What it reads from standard input.
    ///   - limit: The longest it may take.
    /// - Returns: What came of it.
    /// - Throws: What goes wrong on the way.
    func start(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil,
        within limit: Duration = .seconds(60)
    ) throws -> Sluice.Running {
        let all = self.environment.merging(environment) { $1 }.filter { !$0.value.isEmpty }
        return try Sluice.Running(
            Sluice.path,
            arguments,
            environment: all,
            in: folder.path,
            input: input,
            within: limit
        )
    }

    /// Runs `sluice` with these arguments to its end, which must come in time.
    func sluice(
        _ arguments: String...,
        environment: [String: String] = [:],
        input: String? = nil,
        within limit: Duration = .seconds(60),
        location: SourceLocation = #_sourceLocation
    ) async throws -> Sluice.Outcome {
        try await run(arguments, environment: environment, input: input, within: limit, location: location)
    }

    /// As `sluice`, with the arguments as a list.
    func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil,
        within limit: Duration = .seconds(60),
        location: SourceLocation = #_sourceLocation
    ) async throws -> Sluice.Outcome {
        let outcome = try await start(arguments, environment: environment, input: input, within: limit).outcome
        note(outcome)
        #expect(
            !outcome.tookTooLong,
            "\(arguments) took longer than \(limit)\n\(outcome.errors)",
            sourceLocation: location
        )
        return outcome
    }

    /// Runs `sluice` on a terminal on which these lines are typed.
    func answering(
        _ lines: [String],
        _ arguments: [String],
        environment: [String: String] = [:],
        within limit: Duration = .seconds(60),
        location: SourceLocation = #_sourceLocation
    ) async throws -> Sluice.Outcome {
        let terminal = try PseudoTerminal(typing: lines)
        let outcome = try await Sluice.Running(
            Sluice.path,
            arguments,
            environment: self.environment.merging(environment) { $1 }.filter { !$0.value.isEmpty },
            in: folder.path,
            input: nil,
            terminal: terminal,
            within: limit
        ).outcome
        withExtendedLifetime(terminal) { note(outcome) }
        #expect(!outcome.tookTooLong, "\(arguments) took longer than \(limit)", sourceLocation: location)
        return outcome
    }

    /// Runs a line of the shell in which `"$@"` is `sluice` with these arguments.
    func shell(
        _ line: String,
        _ arguments: [String],
        within limit: Duration = .seconds(60),
        location: SourceLocation = #_sourceLocation
    ) async throws -> Sluice.Outcome {
        let outcome = try await Sluice.Running(
            "/bin/sh",
            ["-c", line, "sh", Sluice.path] + arguments,
            environment: environment,
            in: folder.path,
            input: nil,
            within: limit
        ).outcome
        note(outcome)
        #expect(!outcome.tookTooLong, "\(line) took longer than \(limit)", sourceLocation: location)
        return outcome
    }

    /// Takes note of what was said, so that it is searched for the key.
    func note(_ outcome: Sluice.Outcome) { outcomes.all.withLock { $0.append(outcome) } }

    /// Finds the key anywhere but in Authorization headers: in what was said, in files, in requests.
    func leaks() throws -> [String] {
        let key = Array(sandbox.apiKey.utf8)
        var found: [String] = []
        for outcome in outcomes.all.withLock({ $0 }) {
            if outcome.output.contains(key) { found.append("standard output") }
            if outcome.errors.utf8.contains(key) { found.append("standard error: \(outcome.errors)") }
        }
        for (name, bytes) in try folder.files() {
            let plain = bytes.starts(with: [0x1F, 0x8B]) ? (try? inflateOneMember(bytes)) ?? [] : []
            if bytes.contains(key) || plain.contains(key) || name.contains(sandbox.apiKey) {
                found.append("file \(name)")
            }
        }
        for request in sandbox.requests {
            let headers = request.headers.filter { $0.name.lowercased() != "authorization" }.map(\.value)
            if ([request.path] + request.parameters.values + headers).contains(where: { $0.contains(sandbox.apiKey) }) {
                found.append("request \(request.number) to \(request.path)")
            }
        }
        return found
    }

    /// Requests with a new query, in the order they came.
    var submissions: [RecordedRequest] {
        sandbox.requests.filter { $0.phase == .submit && $0.endpoint.hasPrefix("/query/data") }
    }

    /// The days of every query sent, as `start..end`.
    var queriedDays: [String] {
        submissions.map { "\($0.parameters["start_date"] ?? "")..\($0.parameters["end_date"] ?? "")" }
    }
}

/// Runs a test with a sandbox and a folder of its own, and looks for leaks of the key at its end.
///
/// Only so many worlds live at once, however many tests the runner starts.
func withWorld<R>(
    _ options: SandboxOptions = .small,
    location: SourceLocation = #_sourceLocation,
    _ body: (World) async throws -> R
) async throws -> R {
    await Turnstile.worlds.enter()
    defer { Turnstile.worlds.leave() }
    return try await withSandbox(options) { sandbox in
        let world = World(sandbox, try TemporaryFolder())
        let result = try await body(world)
        #expect(try world.leaks() == [], "the key is somewhere else than in the header", sourceLocation: location)
        return result
    }
}

/// Lets so many through at once, in the order they came.
final class Turnstile: Sendable {
    static let worlds = Turnstile(max(4, 2 * ProcessInfo.processInfo.activeProcessorCount))

    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func enter() async {
        await withCheckedContinuation { continuation in
            let enters = state.withLock { state in
                guard state.free == 0 else {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if enters { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}

extension SandboxOptions {
    /// Few rows, so that a test is about what happens and not about how much.
    static var small: SandboxOptions {
        var options = SandboxOptions()
        options.rowsPerDay = 3
        options.pageCacheBytes = 1 << 20
        return options
    }

    /// The options with a change.
    func with(_ change: (inout SandboxOptions) -> Void) -> SandboxOptions {
        var options = self
        change(&options)
        return options
    }
}
