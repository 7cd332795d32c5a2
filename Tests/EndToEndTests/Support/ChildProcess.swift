import Foundation
import Synchronization
import TestSupport

/// A process this test started, and how it ended.
///
/// Made with `posix_spawn`, because Foundation's `Process` reads all open files of this one, and crashes when many tests
/// open and close them meanwhile.
final class ChildProcess: Sendable {
    /// How a process ended.
    enum End: Sendable {
        case exited(Int32)
        case killed(by: Int32)
    }

    struct NotStarted: Error {
        var program: String
        var number: Int32
    }

    private let id: pid_t
    private let isOver = Mutex(false)
    private let ended: Task<End, Never>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: Its path.
    ///   - arguments: What stands after its name.
    ///   - environment: All of its environment.
    ///   - folder: Its working folder.
    ///   - streams: The files it reads from and writes to.
    /// - Throws: What goes wrong on the way.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        in folder: String,
        _ streams: Streams
    ) throws {
        let id = try Self.spawn(program, arguments, environment, folder, streams)
        self.id = id
        let (ends, end) = AsyncStream<End>.makeStream()
        // A thread of its own waits for it, as nothing else may block.
        Thread.detachNewThread {
            var status: Int32 = 0
            while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
            end.yield(status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(by: status & 0x7F))
            end.finish()
        }
        ended = Task {
            for await end in ends { return end }
            return .killed(by: 0)
        }
    }

    /// The files that are a process' standard input, output and errors; an input of nil is empty.
    struct Streams {
        var input: String?
        var output: String
        var errors: String
    }

    /// How it ended, once it has.
    var end: End {
        get async {
            let end = await ended.value
            isOver.withLock { $0 = true }
            return end
        }
    }

    /// Sends a signal; to be called before `end` has been waited for, and ignored after it.
    func send(_ signal: Int32) { isOver.withLock { if !$0 { kill(id, signal) } } }

    /// One more than the highest file that may be open when the child begins; others may be opened meanwhile.
    private static var filesToClose: Int32 {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return (open.compactMap { Int32($0) }.max() ?? 3) + 64
    }

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String],
        _ folder: String,
        _ streams: Streams
    ) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        let writing = O_WRONLY | O_CREAT | O_TRUNC
        unsafe posix_spawn_file_actions_addopen(&actions, 0, streams.input ?? "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, streams.output, writing, 0o644)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, streams.errors, writing, 0o644)
        // Sockets of sandboxes are not closed on exec, and a connection with a second owner does not end when it is closed.
        for file in 3..<Self.filesToClose { unsafe posix_spawn_file_actions_addclose(&actions, file) }

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        // glibc's own way to set the folder is not open to Swift; `env` becomes the program after it did.
        let line = ["env", "-C", folder, program] + arguments
        var words = unsafe line.map { unsafe strdup($0) } + [nil]
        var variables = unsafe environment.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        var id: pid_t = 0
        let number = unsafe posix_spawn(&id, "/usr/bin/env", &actions, &attributes, &words, &variables)
        guard number == 0 else { throw NotStarted(program: program, number: number) }
        return id
    }
}

/// Runs a program of the system to its end.
///
/// - Returns: Its exit code, 128 and more for a signal, and what it wrote to standard output and standard error.
func shellCommand(_ words: String...) async throws -> (exitCode: Int32, output: [UInt8], errors: String) {
    let folder = try TemporaryFolder()
    let child = try ChildProcess(
        words[0],
        Array(words.dropFirst()),
        environment: ProcessInfo.processInfo.environment,
        in: folder.path,
        ChildProcess.Streams(output: folder.path + "/out", errors: folder.path + "/err")
    )
    let end = await child.end
    let (output, errors) = (try folder.bytes("out"), try folder.text("err"))
    switch end {
    case .exited(let code): return (code, output, errors)
    case .killed(let signal): return (128 + signal, output, errors)
    }
}
