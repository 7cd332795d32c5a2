#if Postgres
import Foundation
import Glibc
import PostgresTesting
import Synchronization
import Testing

@testable import PostgresSink

/// Connects to a database of its own for the time of `body`.
func withDatabaseConnection<R>(
    _ body: (Connection, PostgresDatabase) async throws -> R
) async throws -> R {
    try await PostgresServer.shared().withDatabase { database in
        try await Connection.withConnection(to: ConnectionTarget(database.url)) { try await body($0, database) }
    }
}

@Suite("A connection")
struct ConnectionTests {
    @Test("returns rows as text, nulls apart, and passes parameters that need no quotes")
    func queries() async throws {
        try await withDatabaseConnection { connection, _ in
            let rows = try await connection.query(
                "SELECT $1::text AS \"a b\", $2::int + 1, $3::text, $4::text",
                ["it's \"\\ \n ä", "41", nil, ""]
            )
            #expect(rows.columns == ["a b", "?column?", "text", "text"])
            #expect(rows.values == [["it's \"\\ \n ä", "42", nil, ""]])
            #expect(
                try await connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")
                    == "INSERT 0 2"
            )
            #expect(try await connection.query("SELECT a FROM t WHERE a > 9").values == [])
            #expect(try await connection.query("SHOW client_encoding").first == "UTF8")
            #expect(await connection.serverVersion >= 120_000)
        }
    }

    @Test("quotes names and literals so that they mean themselves")
    func quotes() async throws {
        try await withDatabaseConnection { connection, _ in
            for text in ["a", "A b", "\"", "'", "\\", "a\"; DROP TABLE x; --", "ä\n", "$1", "\\'"] {
                let rows = try await connection.query("SELECT \(SQLText.literal(text)) AS \(SQLText.name(text))")
                #expect(rows.columns == [text])
                #expect(rows.values == [[text]])
                let old = try await connection.transaction {
                    try await connection.execute("SET LOCAL standard_conforming_strings = off")
                    return try await connection.query("SELECT \(SQLText.literal(text))")
                }
                #expect(old.first == text)
            }
        }
    }

    @Test("holds no thread of the shared pool while it waits for a lock", .timeLimit(.minutes(10)))
    func blocksAlone() async throws {
        try await withDatabaseConnection { holder, database in
            let count = ProcessInfo.processInfo.activeProcessorCount + 2
            let target = try ConnectionTarget(database.url)
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await holder.transaction {
                    try await holder.query("SELECT pg_advisory_xact_lock(7)")
                    for _ in 0..<count {
                        group.addTask {
                            try await Connection.withConnection(to: target) { waiting in
                                _ = try await waiting.query("SELECT pg_advisory_xact_lock(7)")
                            }
                        }
                    }
                    let waiters = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    while try await holder.query(waiters).first != "\(count)" { await Task.yield() }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("keeps remarks of the server")
    func notices() async throws {
        try await withDatabaseConnection { connection, _ in
            try await connection.execute("DROP TABLE IF EXISTS nothing")
            #expect(await connection.takeNotices() == ["NOTICE:  table \"nothing\" does not exist, skipping"])
            #expect(await connection.takeNotices() == [])
        }
    }

    @Test("commits what returned and rolls back what threw; settings end with their transaction")
    func transactions() async throws {
        struct Stop: Error {}
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int)")
            try await connection.transaction(settings: ["lock_timeout": "7s", "application_name": "it's"]) {
                #expect(try await connection.query("SHOW lock_timeout").first == "7s")
                #expect(try await connection.query("SHOW application_name").first == "it's")
                try await connection.execute("INSERT INTO t VALUES (1)")
            }
            #expect(try await connection.query("SHOW lock_timeout").first == "0")
            await #expect(throws: Stop.self) {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO t VALUES (2)")
                    throw Stop()
                }
            }
            #expect(await connection.isReusable)
            #expect(try await database.query("SELECT * FROM t") == "1")
            let error = try await #require(throws: DatabaseError.self) {
                try await connection.transaction {
                    try await connection.execute("INSERT INTO t VALUES (3)")
                    _ = try? await connection.execute("SELECT no_such_column")
                }
            }
            #expect(error.sqlState == "25P02", "a failed transaction answers COMMIT without an error")
            #expect(!error.isOutcomeUnknown)
            #expect(try await database.query("SELECT * FROM t") == "1")
        }
    }

    @Test("tells the server's errors with state, place and hint, without values")
    func errors() async throws {
        try await withDatabaseConnection { connection, _ in
            try await connection.execute(
                "CREATE TABLE spend (a int CONSTRAINT positive CHECK (a > 0), b text UNIQUE)"
            )
            func failure(_ sql: String) async throws -> DatabaseError {
                try await #require(throws: DatabaseError.self) { try await connection.execute(sql) }
            }
            let unknown = try await failure("SELECT bb FROM spend")
            #expect(unknown.sqlState == "42703")
            #expect(unknown.hint == "Perhaps you meant to reference the column \"spend.b\".")
            #expect(unknown.origin == .server && !unknown.isTransient)
            #expect(
                unknown.description
                    == "column \"bb\" does not exist (Perhaps you meant to reference the column \"spend.b\".) [42703]"
            )
            let check = try await failure("INSERT INTO spend VALUES (-4711, 'secret')")
            #expect(check.constraint == "positive" && check.table == "spend" && check.sqlState == "23514")
            try await connection.execute("INSERT INTO spend VALUES (1, 'secret')")
            let unique = try await failure("INSERT INTO spend VALUES (1, 'secret')")
            #expect(unique.constraint == "spend_b_key")
            let value = try await failure("SELECT 'secret'::int")
            #expect(value.sqlState == "22P02")
            for error in [check, unique, value] {
                #expect(!error.description.contains("secret") && !error.description.contains("4711"))
            }
            await #expect(throws: DatabaseError.self) { try await connection.execute("SELECT 1; COMIT") }
            #expect(await connection.isReusable)
        }
    }

    @Test("copies bytes cut anywhere and counts the rows")
    func copies() async throws {
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int, b text)")
            let line = String(repeating: "x", count: 90)
            let bytes = Array((0..<20_000).map { "\($0)\t\(line)\n" }.joined().utf8)
            let count = try await connection.transaction {
                try await connection.beginCopy("COPY t FROM STDIN")
                try await connection.write(Array(bytes[..<1]))
                try await connection.write([])
                try await connection.write(Array(bytes[1..<1_000_000]))
                try await connection.write(Array(bytes[1_000_000...]))
                return try await connection.finishCopy()
            }
            #expect(count == 20_000)
            #expect(
                try await database.query("SELECT count(*), sum(a), min(length(b)) FROM t") == "20000|199990000|90"
            )
            #expect(try await connection.query("SELECT 1").first == "1")
        }
    }

    @Test("tells which line and column of a COPY the server refused, not the value")
    func refusedCopy() async throws {
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int, b date)")
            let error = try await #require(throws: DatabaseError.self) {
                try await connection.transaction {
                    try await connection.beginCopy("COPY t FROM STDIN")
                    try await connection.write(Array("1\t2024-01-01\n2\t2024-13-45\n".utf8))
                    _ = try await connection.finishCopy()
                }
            }
            #expect(error.sqlState == "22008" && error.copyLine == 2 && error.column == "b" && error.table == "t")
            #expect(!error.description.contains("2024-13-45"))
            #expect(await connection.isReusable)
            #expect(try await database.query("SELECT count(*) FROM t") == "0")
        }
    }

    @Test("notices while it writes that the server has given up the COPY")
    func refusedEarly() async throws {
        try await withDatabaseConnection { connection, _ in
            try await connection.execute("CREATE TABLE t (a int)")
            let rows = Array(String(repeating: "1\n", count: 500_000).utf8)
            var written = 0
            let error = try await #require(throws: DatabaseError.self) {
                try await connection.transaction {
                    try await connection.beginCopy("COPY t FROM STDIN")
                    try await connection.write(Array("no number\n".utf8))
                    while written < 1000, try await !connection.write(rows) { written += 1 }
                    _ = try await connection.finishCopy()
                }
            }
            #expect(error.sqlState == "22P02" && error.copyLine == 1)
            #expect(written < 1000)
            #expect(try await connection.query("SELECT 1").first == "1")
        }
    }

    @Test("leaves nothing of a COPY that was failed, and can be used again")
    func failedCopy() async throws {
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int)")
            try await connection.begin()
            try await connection.beginCopy("COPY t FROM STDIN")
            try await connection.write(Array("1\n2\n".utf8))
            await connection.failCopy("enough")
            await connection.rollback()
            #expect(await connection.isReusable)
            #expect(try await database.query("SELECT count(*) FROM t") == "0")
            await connection.rollback()
            #expect(try await connection.query("SELECT 1").first == "1")
        }
    }

    @Test("ends a statement on the server when its task is cancelled", .timeLimit(.minutes(10)))
    func cancellation() async throws {
        try await withDatabaseConnection { connection, database in
            let task = Task {
                try await connection.transaction { try await connection.query("SELECT pg_sleep(600)") }
            }
            try await waitFor(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%'",
                "2",
                database
            )
            task.cancel()
            let error = try await #require(throws: DatabaseError.self) { try await task.value }
            #expect(error.origin == .cancellation)
            #expect(await connection.isReusable)
            #expect(try await connection.query("SELECT 1").first == "1")
            await #expect(throws: DatabaseError.self) {
                let late = Task {
                    while !Task.isCancelled { await Task.yield() }
                    return try await connection.query("SELECT 2")
                }
                late.cancel()
                return try await late.value
            }
        }
    }

    @Test("ends a COPY that is blocked behind a lock when its task is cancelled", .timeLimit(.minutes(10)))
    func cancelledCopy() async throws {
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int UNIQUE)")
            try await Connection.withConnection(to: ConnectionTarget(database.url)) { other in
                try await other.begin()
                try await other.execute("INSERT INTO t VALUES (1)")
                let task = Task {
                    try await connection.transaction {
                        try await connection.beginCopy("COPY t FROM STDIN")
                        let rows = Array((1..<200_000).map { "\($0)\n" }.joined().utf8)
                        while true { try await connection.write(rows) }
                    }
                }
                try await waitFor(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY t%'",
                    "1",
                    database
                )
                task.cancel()
                let error = try await #require(throws: DatabaseError.self) { try await task.value }
                #expect(error.origin == .cancellation)
                await other.rollback()
            }
            #expect(await connection.isReusable)
            #expect(try await database.query("SELECT count(*) FROM t") == "0")
        }
    }

    @Test("tells a lost connection as transient, and a COMMIT without an answer as unknown")
    func lost() async throws {
        try await withDatabaseConnection { connection, database in
            try await connection.execute("CREATE TABLE t (a int)")
            try await connection.begin()
            let id = try await connection.query("SELECT pg_backend_pid()").first ?? ""
            try await connection.beginCopy("COPY t FROM STDIN")
            try await connection.write(Array("1\n".utf8))
            try await database.query("SELECT pg_terminate_backend(\(id), 10000)")
            let error = try await #require(throws: DatabaseError.self) {
                while true { try await connection.write([UInt8](repeating: 0x31, count: 1 << 20)) }
            }
            #expect(error.origin == .connection && error.isTransient && !error.isOutcomeUnknown)
            #expect(await !connection.isReusable)
            await connection.rollback()

            try await Connection.withConnection(to: ConnectionTarget(database.url)) { connection in
                try await connection.begin()
                let id = try await connection.query("SELECT pg_backend_pid()").first ?? ""
                try await database.query("SELECT pg_terminate_backend(\(id), 10000)")
                let error = try await #require(throws: DatabaseError.self) { try await connection.commit() }
                #expect(error.isOutcomeUnknown && error.isTransient)
            }
        }
    }

    @Test("tells a refused connection from a server that is away")
    func refused() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            func failure(_ text: String) async throws -> DatabaseError {
                try await #require(throws: DatabaseError.self) {
                    try await Connection.withConnection(to: ConnectionTarget(text)) { _ in }
                }
            }
            let password = try await failure(database.tcpURL(password: "wrong-secret"))
            #expect(!password.isTransient && password.origin == .connection)
            #expect(password.message.contains("password authentication failed"))
            #expect(!password.description.contains("wrong-secret"))
            let noDatabase = try await failure(database.url.replacing("/\(database.name)", with: "/nowhere"))
            #expect(!noDatabase.isTransient)
            let noServer = try await failure("host=127.0.0.1 port=1 dbname=x user=x")
            #expect(noServer.isTransient)
            let nonsense = try await failure("host=127.0.0.1 port=1 sslmode=nonsense")
            #expect(!nonsense.isTransient)
        }
    }

    @Test("gives up on a server that does not answer when its task is cancelled", .timeLimit(.minutes(10)))
    func silentServer() async throws {
        // The kernel takes the connection; nobody says anything on it.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        let port = try #require(MeddlingProxy.listen(listener))
        let target = try ConnectionTarget("host=127.0.0.1 port=\(port) dbname=x user=x connect_timeout=3600")
        try await ConnectionPool.withPool(to: target, loads: 0) { pool in
            for _ in 0..<2 {
                let task = Task { try await pool.withConnection { _ in } }
                var arrival = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                while unsafe poll(&arrival, 1, 0) == 0 { await Task.yield() }
                let client = accept(listener, nil, nil)
                task.cancel()
                let error = try await #require(throws: DatabaseError.self) { try await task.value }
                #expect(error.origin == .cancellation)
                close(client)
            }
        }
    }

    @Test("takes a password from the string, and from PGPASSFILE's format through `passfile`")
    func passwords() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            try await Connection.withConnection(
                to: ConnectionTarget(database.tcpURL(password: PostgresServer.password))
            ) { connection in
                let rows = try await connection.query("SELECT current_user, host(inet_client_addr())")
                #expect(rows.values == [[PostgresServer.user, "127.0.0.1"]])
            }
            let path = server.folder + "/passfile-\(database.name)"
            let word = PostgresServer.password.replacing("\\", with: "\\\\").replacing(":", with: "\\:")
            try Data("127.0.0.1:*:*:\(PostgresServer.user):\(word)\n".utf8).write(to: URL(fileURLWithPath: path))
            unsafe chmod(path, 0o600)
            let text = "\(database.tcpURL())?passfile=\(path)"
            let answer = try await Connection.withConnection(to: ConnectionTarget(text)) { connection in
                try await connection.query("SELECT 1").first
            }
            #expect(answer == "1")
        }
    }
}

@Suite("A pool of connections")
struct ConnectionPoolTests {
    @Test("makes no more connections than it has slots, and uses them again")
    func slots() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let target = try ConnectionTarget(database.url)
            try await ConnectionPool.withPool(to: target, loads: 1) { pool in
                let backends = try await withThrowingTaskGroup(of: String?.self) { group in
                    for _ in 0..<12 {
                        group.addTask {
                            try await pool.withConnection { connection in
                                try await connection.query("SELECT pg_backend_pid(), pg_sleep(0.01)").first
                            }
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect((1...2).contains(backends.count))
            }
            try await waitFor(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = '\(database.name)'",
                "0",
                database
            )
        }
    }

    @Test("keeps a connection for the lease while loads hold and want the others")
    func loads() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let target = try ConnectionTarget(database.url)
            try await ConnectionPool.withPool(to: target, loads: 1) { pool in
                let first = try await pool.take(for: .load)
                let order = Order()
                let second = Task {
                    let connection = try await pool.take(for: .load)
                    order.add("second load")
                    await pool.give(connection, takenFor: .load)
                }
                for _ in 0..<20 { try await pool.withConnection { _ = try await $0.query("SELECT 1") } }
                order.add("notes")
                await pool.give(first, takenFor: .load)
                try await second.value
                #expect(order.events == ["notes", "second load"])
            }
        }
    }

    @Test("rolls back what was left open, and replaces a connection that was lost")
    func cleans() async throws {
        try await PostgresServer.shared().withDatabase { database in
            try await database.query("CREATE TABLE t (a int)")
            let target = try ConnectionTarget(database.url)
            try await ConnectionPool.withPool(to: target, loads: 0) { pool in
                try await pool.withConnection { connection in
                    try await connection.begin()
                    try await connection.execute("INSERT INTO t VALUES (1)")
                    try await connection.beginCopy("COPY t FROM STDIN")
                    try await connection.write(Array("2\n".utf8))
                }
                let first = try await pool.withConnection { connection in
                    #expect(try await connection.query("SELECT count(*) FROM t").first == "0")
                    return try await connection.query("SELECT pg_backend_pid()").first ?? ""
                }
                try await database.query("SELECT pg_terminate_backend(\(first), 10000)")
                let second = try await pool.withConnection { connection in
                    try await connection.query("SELECT pg_backend_pid()").first
                }
                #expect(second != first)
            }
        }
    }

    @Test("gives its slot to others when the connection cannot be made, or its waiter was cancelled")
    func cancelledWaiter() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let target = try ConnectionTarget(database.url)
            try await ConnectionPool.withPool(to: target, loads: 0) { pool in
                try await pool.withConnection { _ in
                    let waiter = Task { try await pool.withConnection { _ in } }
                    await Task.yield()
                    waiter.cancel()
                    let error = try await #require(throws: DatabaseError.self) { try await waiter.value }
                    #expect(error.origin == .cancellation)
                }
                try await pool.withConnection { connection in _ = try await connection.query("SELECT 1") }
            }
            let nowhere = try ConnectionTarget("host=127.0.0.1 port=1 dbname=x user=x")
            try await ConnectionPool.withPool(to: nowhere, loads: 0) { pool in
                for _ in 0..<3 {
                    await #expect(throws: DatabaseError.self) { try await pool.withConnection { _ in } }
                }
            }
        }
    }
}

@Suite("A server for tests")
struct PostgresServerTests {
    @Test("keeps what was committed when it is stopped as by a power failure", .timeLimit(.minutes(10)))
    func restarts() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            try await database.query("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            let connection = Connection()
            try await connection.open(ConnectionTarget(database.url))
            try await connection.begin()
            try await connection.execute("INSERT INTO t VALUES (2)")
            try await server.stop(.immediate)
            let error = try await #require(throws: DatabaseError.self) { try await connection.commit() }
            #expect(error.isOutcomeUnknown)
            await connection.close()
            let away = try await #require(throws: DatabaseError.self) {
                try await connection.open(ConnectionTarget(database.url))
            }
            #expect(away.isTransient)
            try await server.start()
            #expect(try await database.query("SELECT a FROM t") == "1")
        }
        try await server.remove()
    }
}

/// Asks again until the answer is the one expected; the test's time limit is what ends it otherwise.
func waitFor(_ sql: String, _ answer: String, _ database: PostgresDatabase) async throws {
    while try await database.query(sql) != answer { try Task.checkCancellation() }
}

/// What happened, in order.
private final class Order: Sendable {
    private let noted = Mutex<[String]>([])
    var events: [String] { noted.withLock { $0 } }
    func add(_ event: String) { noted.withLock { $0.append(event) } }
}
#endif
