import Foundation
import Glibc

/// A private PostgreSQL server for tests: its own cluster in its own folder, gone when the test process is.
///
/// It is the Debian package's or whatever `initdb` is on PATH. PostgreSQL refuses to run as root; there it runs as the
/// user `postgres` or `nobody`. It listens on a socket in its folder, where everybody is trusted, and on a port of the
/// loopback interface, where a password is asked for. What is committed survives `stop` and `start`, although nothing
/// waits for the disk.
public actor PostgresServer {
    /// The superuser's name.
    public static let user = "sluice_test"
    /// The superuser's password, asked for on the port.
    public static let password = "it's a \"test\" %40 password"

    /// How a server is stopped.
    public enum StopMode: String, Sendable {
        /// Sessions are ended, the cluster is shut down properly.
        case fast
        /// As if the power had failed.
        case immediate
    }

    /// The folder of its socket.
    public nonisolated let folder: String
    /// The port, also of the socket.
    public nonisolated var port: Int { reservation.number }
    private nonisolated let reservation: ReservedPort
    private nonisolated let programs: String
    /// What runs a program as the server's user.
    nonisolated let asUser: [String]
    private nonisolated let guardian: Guardian

    /// The server shared by all tests of a process.
    public static func shared() async throws -> PostgresServer { try await sharedServer.value }

    private static let sharedServer = Task { try await PostgresServer.start() }

    /// Makes a cluster and starts it.
    ///
    /// - Parameter settings: Lines for its `postgresql.conf`.
    /// - Returns: The running server.
    /// - Throws: An error that says what went wrong, with the server's own words.
    public static func start(settings: [String] = []) async throws -> PostgresServer {
        let server = try PostgresServer()
        try await server.initialize(settings)
        try await server.start()
        return server
    }

    private init() throws {
        programs = try Self.findPrograms()
        let account = geteuid() == 0 ? ["postgres", "nobody"].lazy.compactMap(Account.init).first : nil
        if geteuid() == 0, account == nil {
            throw Program.Failure(
                description: "PostgreSQL does not run as root, and there is no user postgres or nobody"
            )
        }
        asUser =
            account.map { ["setpriv", "--reuid=\($0.user)", "--regid=\($0.group)", "--clear-groups", "--"] } ?? []
        // The path of a socket has at most 107 bytes; TMPDIR may be long, and closed to the other user.
        var template = Array("/tmp/sluice-pg-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw Program.Failure(description: "cannot make a folder in /tmp")
        }
        folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if let account { unsafe chown(folder, account.user, account.group) }
        reservation = try ReservedPort()
        guardian = try Guardian(of: folder)
    }

    /// The folder of the cluster.
    private nonisolated var data: String { folder + "/data" }

    private func initialize(_ settings: [String]) async throws {
        try Data(Self.password.utf8).write(to: URL(fileURLWithPath: folder + "/password"))
        try await run(
            "initdb",
            "--pgdata=\(data)",
            "--username=\(Self.user)",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--pwfile=\(folder)/password"
        )
        let lines =
            [
                "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(folder)'",
                // A process that dies loses nothing by this, only a machine that does.
                "fsync = off", "full_page_writes = off",
                "max_connections = 60", "shared_buffers = 64MB", "max_wal_size = 2GB", "log_min_messages = warning",
            ] + settings
        let path = data + "/postgresql.conf"
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Starts a server that was stopped; returns when it answers.
    public func start() async throws {
        do {
            try await run("pg_ctl", "start", "--pgdata=\(data)", "--wait", "--silent", "--log=\(folder)/log")
        } catch {
            throw Program.Failure(description: "\(error)\n\(log)")
        }
    }

    /// Stops the server; its databases stay for the next start.
    public func stop(_ mode: StopMode) async throws {
        try await run("pg_ctl", "stop", "--pgdata=\(data)", "--mode=\(mode.rawValue)", "--wait", "--silent")
    }

    /// Stops the server for good and removes its folder; otherwise that happens when the process ends.
    public func remove() async throws {
        try await stop(.immediate)
        guardian.dismiss()
    }

    /// What the server logged.
    public nonisolated var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    private func run(_ program: String, _ arguments: String...) async throws {
        // The other user may not be able to enter the working folder.
        try await Program.succeed(asUser + ["env", "-C", "/", "\(programs)/\(program)"] + arguments)
    }

    // MARK: Databases

    /// Makes an empty database for the time of `body`.
    ///
    /// - Parameter body: Uses the database; when it is over the database is dropped, whoever is still connected.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public nonisolated func withDatabase<R>(_ body: (PostgresDatabase) async throws -> R) async throws -> R {
        let name = "test_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        let administration = PostgresDatabase(server: self, name: "postgres")
        try await administration.query("CREATE DATABASE \(name) TEMPLATE template0")
        let outcome: Result<R, any Error>
        do {
            outcome = .success(try await body(PostgresDatabase(server: self, name: name)))
        } catch {
            outcome = .failure(error)
        }
        // A test may have stopped the server; it goes with its databases.
        _ = try? await administration.query("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        return try outcome.get()
    }

    /// The path of one of PostgreSQL's programs of the same version, such as `psql`.
    public nonisolated func program(_ name: String) -> String { "\(programs)/\(name)" }

    /// Runs `psql` on a connection string; what it wrote.
    nonisolated func psql(_ target: String, _ arguments: [String], input: String) async throws -> String {
        try await Program.succeed(
            [program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"] + arguments + [target],
            input: input
        )
    }

    // MARK: The machine

    private static func findPrograms() throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let debian = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? [])
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
        let folders = path.split(separator: ":").map(String.init) + versions.map { "\(debian)/\($0)/bin" }
        let found = folders.lazy.compactMap { folder -> String? in
            // A link to another folder's initdb does not find the server beside itself.
            let program = URL(fileURLWithPath: "\(folder)/initdb").resolvingSymlinksInPath()
            let home = program.deletingLastPathComponent().path
            let isWhole = ["initdb", "pg_ctl", "postgres", "psql"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: "\(home)/\($0)")
            }
            return isWhole ? home : nil
        }.first
        guard let found else {
            throw Program.Failure(
                description: "no PostgreSQL server on PATH or under \(debian); install it (apt-get install postgresql)"
            )
        }
        return found
    }

    private struct Account {
        var user: uid_t
        var group: gid_t

        init?(_ name: String) {
            guard let entry = unsafe getpwnam(name) else { return nil }
            user = unsafe entry.pointee.pw_uid
            group = unsafe entry.pointee.pw_gid
        }
    }
}

/// A database of a private server.
public struct PostgresDatabase: Sendable {
    /// Its server.
    public let server: PostgresServer
    /// Its name, which needs no quotes.
    public let name: String

    /// A connection string over the socket, where no password is needed.
    public var url: String {
        "postgresql://\(PostgresServer.user)@/\(name)?host=\(server.folder)&port=\(server.port)"
    }

    /// A connection string over the loopback interface, where the password is asked for; without it unless given.
    public func tcpURL(password: String? = nil) -> String {
        let word = password.flatMap { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) }
        let user = PostgresServer.user + (word.map { ":\($0)" } ?? "")
        return "postgresql://\(user)@127.0.0.1:\(server.port)/\(name)"
    }

    /// Runs SQL through `psql`.
    ///
    /// - Parameter sql: Statements, separated by semicolons; each is its own transaction.
    /// - Returns: The rows, each a line, values separated by `|`, null as nothing.
    /// - Throws: An error with `psql`'s words.
    @discardableResult public func query(_ sql: String) async throws -> String {
        let output = try await server.psql(url, ["--no-align", "--tuples-only"], input: sql)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }
}

/// Stops the server and removes its folder when this process ends, however it ends.
///
/// It is a shell that reads from a pipe until that is closed. The kernel closes it with this process.
private final class Guardian: Sendable {
    private let pipe: FileHandle

    init(of folder: String) throws {
        var ends: [Int32] = [0, 0]
        guard unsafe Glibc::pipe(&ends) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 else {
            throw Program.Failure(description: "cannot make a pipe")
        }
        let script = """
            trap '' INT TERM HUP
            read -r line
            server=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
            if [ -n "$server" ]; then
                kill -QUIT "$server" 2>/dev/null
                while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
            fi
            rm -rf "$0"
            """
        defer { close(ends[0]) }
        // A session of its own, so that what ends the tests' process group does not end it too.
        let shell = try Program.spawn(
            ["setsid", "sh", "-c", script, folder],
            input: ends[0],
            output: "/dev/null",
            errors: "/dev/null"
        )
        Program.reap(shell)
        pipe = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    }

    /// Lets it do its work now.
    func dismiss() { try? pipe.close() }
}
