import Foundation
import Glibc

/// A private PgBouncer in front of a private server, which gives every transaction another session.
public enum PgBouncer {
    /// Whether the program is there.
    public static var isInstalled: Bool { program != nil }

    private static var program: String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin"]
        return folders.map { "\($0)/pgbouncer" }.first(where: FileManager.default.isExecutableFile)
    }

    /// Runs one for the time of `body`.
    ///
    /// - Parameters:
    ///   - server: The server behind it.
    ///   - sessions: How many sessions of the server it shares out per database.
    ///   - body: Uses it, by a port of the loopback interface where everybody is trusted.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, or why it could not be started.
    public static func with<R>(
        _ server: PostgresServer,
        sessions: Int,
        _ body: (_ port: Int) async throws -> R
    ) async throws -> R {
        guard let program else { throw Program.Failure(description: "no pgbouncer; apt-get install pgbouncer") }
        let folder = server.folder + "/pgbouncer-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let reservation = try ReservedPort()
        let port = reservation.number
        let settings = """
            [databases]
            * = host=\(server.folder) port=\(server.port) user=\(PostgresServer.user)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = \(sessions)
            max_client_conn = 100
            logfile = \(folder)/log
            """
        try Data((settings + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/settings"))
        if geteuid() == 0 {
            // It refuses to run as root, as the server does.
            var status = stat()
            _ = unsafe stat(server.folder + "/data", &status)
            unsafe chown(folder, status.st_uid, status.st_gid)
        }
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 else {
            throw Program.Failure(description: "cannot make a pipe")
        }
        // The shell ends it when the pipe is closed: by this function, or by the kernel with this process.
        let script = """
            trap '' INT TERM HUP
            "$@" >/dev/null 2>&1 & pid=$!
            read -r line
            kill "$pid"; wait "$pid"
            """
        let words = server.asUser + [program, "--quiet", folder + "/settings"]
        let shell = try Program.spawn(
            ["setsid", "sh", "-c", script, "sh"] + words,
            input: ends[0],
            output: "/dev/null",
            errors: "/dev/null"
        )
        Program.reap(shell)
        close(ends[0])
        defer { withExtendedLifetime(reservation) { _ = close(ends[1]) } }
        let database = PostgresDatabase(server: server, name: "postgres")
        let url = "postgresql://\(PostgresServer.user)@127.0.0.1:\(port)/\(database.name)"
        for _ in 0..<100 {
            if (try? await server.psql(url, ["--command=SELECT 1"], input: "")) != nil { return try await body(port) }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Program.Failure(
            description: "pgbouncer does not answer: "
                + ((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "no log")
        )
    }
}
