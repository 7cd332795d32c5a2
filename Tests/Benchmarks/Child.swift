import Dispatch
import Foundation
import Glibc

/// A program started to be measured.
struct Child {
    /// What a program that has ended cost.
    struct Usage {
        /// From start to end.
        var seconds: Double
        /// User and system time of all its threads.
        var processorSeconds: Double
        /// The most memory it had at once.
        var peakBytes: Int
        /// 0 where all is well.
        var exitCode: Int32
    }

    let pid: pid_t
    private let started = ContinuousClock.now

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: Its path, or its name to be found on PATH, and what follows it.
    ///   - environment: Set in addition to this process's.
    ///   - output: Where its standard output goes; nil to drop it.
    ///   - errors: Where its standard error goes; nil for this process's.
    /// - Throws: `BenchmarkError` where it cannot be started.
    init(
        _ arguments: [String],
        environment: [String: String] = [:],
        output: FileHandle? = nil,
        errors: FileHandle? = nil
    ) throws {
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let null = try FileHandle(forUpdating: URL(fileURLWithPath: "/dev/null"))
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, null.fileDescriptor, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, (output ?? null).fileDescriptor, 1)
        if let errors { unsafe posix_spawn_file_actions_adddup2(&actions, errors.fileDescriptor, 2) }
        var pid: pid_t = 0
        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var envp = unsafe merged.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        let result = unsafe posix_spawnp(&pid, arguments.first ?? "", &actions, nil, &argv, &envp)
        guard result == 0 else { throw BenchmarkError("cannot start \(arguments.first ?? ""): error \(result)") }
        self.pid = pid
    }

    /// Waits for its end; the wait blocks a thread of its own, none of the shared pool.
    func ended() async -> Usage {
        let (pid, started) = (pid, started)
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                var usage = rusage()
                while unsafe wait4(pid, &status, 0, &usage) < 0, errno == EINTR {}
                let times = [usage.ru_utime, usage.ru_stime].map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }
                continuation.resume(
                    returning: Usage(
                        seconds: (ContinuousClock.now - started) / .seconds(1),
                        processorSeconds: times.reduce(0, +),
                        peakBytes: usage.ru_maxrss * 1024,
                        exitCode: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
                    )
                )
            }
        }
    }

    /// Asks it to end, and waits until it has.
    func stop() async {
        kill(pid, SIGTERM)
        _ = await ended()
    }
}
