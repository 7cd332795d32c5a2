import Foundation
import Synchronization

/// Runs programs of the system.
///
/// With `posix_spawn`, because Foundation's `Process` reads all open files of this one, and crashes when many tests open
/// and close them meanwhile.
enum Program {
    /// How a program ended.
    struct Result: Sendable {
        /// Its exit code; 128 and more for a signal.
        var exitCode: Int32
        /// What it wrote.
        var output: String
        var errors: String
    }

    /// A program could not be started, or failed.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - words: The program, looked for on PATH, and its arguments.
    ///   - input: What it reads.
    /// - Returns: How it ended.
    /// - Throws: `Failure` where it could not be started.
    static func run(_ words: [String], input: String = "") async throws -> Result {
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-pg-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        func file(_ name: String) -> URL { scratch.appendingPathComponent(name) }
        try Data(input.utf8).write(to: file("in"))
        let reading = unsafe open(file("in").path, O_RDONLY | O_CLOEXEC)
        defer { close(reading) }
        let id = try spawn(words, input: reading, output: file("out").path, errors: file("err").path)
        let status = await status(of: id)
        return Result(
            exitCode: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F,
            output: String(decoding: (try? Data(contentsOf: file("out"))) ?? Data(), as: UTF8.self),
            errors: String(decoding: (try? Data(contentsOf: file("err"))) ?? Data(), as: UTF8.self)
        )
    }

    /// Runs a program that must succeed; what it wrote.
    @discardableResult static func succeed(_ words: [String], input: String = "") async throws -> String {
        let result = try await run(words, input: input)
        guard result.exitCode == 0 else {
            let reason = result.errors.isEmpty ? result.output : result.errors
            throw Failure(description: "\(words.joined(separator: " ")) ended with \(result.exitCode): \(reason)")
        }
        return result.output
    }

    /// Starts a program with nothing open but its standard streams.
    static func spawn(_ words: [String], input: Int32, output: String, errors: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        // The server outlives what other tests have open, and would keep their sockets.
        for file in 3..<filesToClose { unsafe posix_spawn_file_actions_addclose(&actions, file) }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        var variables = unsafe ProcessInfo.processInfo.environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer { unsafe (arguments + variables).forEach { unsafe free($0) } }
        var id: pid_t = 0
        let number = unsafe posix_spawnp(&id, words[0], &actions, &attributes, &arguments, &variables)
        guard number == 0 else {
            throw Failure(description: "cannot start \(words[0]): \(unsafe String(cString: strerror(number)))")
        }
        return id
    }

    /// One more than the highest file that may be open when a program begins; others may be opened meanwhile.
    private static var filesToClose: Int32 {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return (open.compactMap { Int32($0) }.max() ?? 3) + 64
    }

    /// Takes note of the end of a program that nobody waits for: what watches children for exit tests would otherwise
    /// find it dead for ever.
    static func reap(_ id: pid_t) { Task { _ = await status(of: id) } }

    /// Waits for the end of a program; its status as `waitpid` tells it.
    private static func status(of id: pid_t) async -> Int32 {
        await withCheckedContinuation { continuation in
            // A thread of its own waits, as nothing else may block.
            Thread.detachNewThread {
                var status: Int32 = 0
                while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
    }
}
