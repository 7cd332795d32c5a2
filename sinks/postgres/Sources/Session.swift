#if Postgres
import CLibpq
import Glibc
import Synchronization

/// One connection of libpq; every call may block.
@safe final class Session {
    private var pointer: OpaquePointer?
    /// What ends its statements from outside.
    let interrupter: Interrupter
    private let notices = Notices()
    /// Whether the server has said something in this COPY that is no remark, or not yet a whole one.
    private var hasSpoken = false

    /// Connects.
    init(_ target: ConnectionTarget) throws(DatabaseError) {
        let pointer = unsafe Self.withParameters(target) { names, values in
            unsafe PQconnectdbParams(names, values, 1)
        }
        guard let pointer = unsafe pointer else { throw .unusable("out of memory") }
        guard unsafe PQstatus(pointer) == CONNECTION_OK else {
            let message = unsafe DatabaseError.oneLine(String(cString: PQerrorMessage(pointer)))
            unsafe PQfinish(pointer)
            throw DatabaseError(
                origin: .connection,
                message: message,
                isTransient: Self.mayAnswerLater(target, message)
            )
        }
        unsafe self.pointer = unsafe pointer
        interrupter = unsafe Interrupter(pointer)
        unsafe Self.widenLocalSocket(PQsocket(pointer))
        let context = unsafe Unmanaged.passUnretained(notices).toOpaque()
        _ = unsafe PQsetNoticeProcessor(
            pointer,
            { context, message in
                guard let context = unsafe context, let message = unsafe message else { return }
                let notices = unsafe Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue()
                notices.add(unsafe String(cString: message))
            },
            context
        )
    }

    deinit { close() }

    /// Ends the connection; what was not committed is not.
    func close() {
        guard let pointer = unsafe pointer else { return }
        interrupter.close()
        unsafe PQfinish(pointer)
        unsafe self.pointer = nil
    }

    /// libpq tells no SQLSTATE for a connection that failed: a server that lets itself be pinged refused this one for
    /// good, unless it only was full.
    private static func mayAnswerLater(_ target: ConnectionTarget, _ message: String) -> Bool {
        let answer = unsafe withParameters(target) { names, values in unsafe PQpingParams(names, values, 1) }
        switch answer {
        case PQPING_REJECT, PQPING_NO_RESPONSE: return true
        case PQPING_OK:
            return ["too many", "no more connections", "connection slots"].contains { message.contains($0) }
        default: return false
        }
    }

    private static func withParameters<R>(
        _ target: ConnectionTarget,
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> R
    ) -> R {
        let parameters = target.parameters
        return unsafe withCStrings(parameters.map(\.name)) { names in
            unsafe withCStrings(parameters.map(\.value)) { values in unsafe body(names, values) }
        }
    }

    /// Gives a connection within the machine room for more rows than the server takes while this process is not running.
    ///
    /// Linux wakes who waits to send only once three quarters of a local socket are empty (unix(7) says nothing of it),
    /// and by then a server that copies rows soon has nothing to do. TCP's buffers grow by themselves, and would no
    /// longer (tcp(7)); the system caps what is asked for at net.core.wmem_max.
    private static func widenLocalSocket(_ socket: Int32) {
        var (domain, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        guard unsafe getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0, domain == AF_UNIX else { return }
        var room = Int32(1 << 20)
        _ = unsafe setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, size)
    }

    // MARK: State

    /// Whether no transaction is open and none failed.
    var isIdle: Bool { unsafe PQtransactionStatus(pointer) == PQTRANS_IDLE }

    /// Whether the connection is open as far as can be told without asking the server.
    var isOpen: Bool { unsafe PQstatus(pointer) == CONNECTION_OK }

    /// Whether the server has not closed the connection meanwhile; reads what it said.
    var isStillOpen: Bool {
        var socket = unsafe pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
        // The first read may get its last words, the next one then the end.
        while isOpen, unsafe poll(&socket, 1, 0) == 1 {
            guard unsafe PQconsumeInput(pointer) == 1 else { return false }
        }
        return isOpen
    }

    /// 150018 for 15.18; 0 where the connection is lost.
    var serverVersion: Int { unsafe Int(PQserverVersion(pointer)) }

    /// What the server remarked since the last call.
    func takeNotices() -> [String] { notices.take() }

    // MARK: Statements

    /// Runs one statement or several, separated by semicolons and, unless they say otherwise, one transaction.
    ///
    /// - Returns: What the last one was (`COMMIT`, `INSERT 0 3`).
    @discardableResult func execute(_ sql: String) throws(DatabaseError) -> String {
        let result = unsafe PQexec(pointer, sql)
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        return unsafe String(cString: PQcmdStatus(result))
    }

    /// Runs one statement with `$1`, `$2`… as text.
    func query(_ sql: String, _ parameters: [String?]) throws(DatabaseError) -> Rows {
        let result = unsafe withCStrings(parameters) { values in
            unsafe PQexecParams(pointer, sql, Int32(parameters.count), nil, values, nil, nil, 0)
        }
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        return unsafe Rows(result)
    }

    // MARK: COPY

    /// Begins a COPY FROM STDIN.
    func beginCopy(_ sql: String) throws(DatabaseError) {
        let result = unsafe PQexec(pointer, sql)
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        guard unsafe PQresultStatus(result) == PGRES_COPY_IN else {
            throw .unusable("the statement is no COPY FROM STDIN")
        }
        unsafe PQsetnonblocking(pointer, 1)
        hasSpoken = false
    }

    /// Sends the next bytes of the COPY.
    ///
    /// - Returns: Whether the server has said something by now that libpq keeps to itself until the COPY ends: mostly
    ///   why it has given it up, and swallows what else is sent; or how a setting has changed.
    /// - Throws: `DatabaseError` where the connection is lost or the task cancelled.
    func write(_ bytes: Span<UInt8>) throws(DatabaseError) -> Bool {
        // libpq keeps as much memory as it was ever given at once, and a cancellation is noticed between two pieces.
        var start = 0
        while start < bytes.count {
            guard !Task.isCancelled else { throw .cancelled }
            try listen(within: 0)
            let end = min(start + Self.pieceCount, bytes.count)
            let status = unsafe bytes.extracting(start..<end).withUnsafeBytes { piece in
                unsafe PQputCopyData(
                    pointer,
                    piece.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(piece.count)
                )
            }
            guard status == 1 else { throw lost() }
            while case let unsent = unsafe PQflush(pointer), unsent != 0 {
                guard unsent == 1 else { throw lost() }
                try listen(within: -1)
            }
            start = end
        }
        return hasSpoken
    }

    /// Ends the COPY; how many rows the server took.
    func finishCopy() throws(DatabaseError) -> Int {
        unsafe PQsetnonblocking(pointer, 0)
        guard unsafe PQputCopyEnd(pointer, nil) == 1 else { throw lost() }
        var rows = 0
        var failure: DatabaseError?
        while let result = unsafe PQgetResult(pointer) {
            defer { unsafe PQclear(result) }
            do throws(DatabaseError) {
                unsafe try check(result)
                rows = unsafe Int(String(cString: PQcmdTuples(result))) ?? rows
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return rows
    }

    /// Ends the COPY, if one is open, so that the server drops what it took.
    func failCopy(_ reason: String) {
        guard unsafe PQtransactionStatus(pointer) == PQTRANS_ACTIVE else { return }
        _ = failure(endingCopy: reason)
    }

    /// With the five bytes of its header a whole number of libpq's pieces of 8 KiB: it sends those at once, and what is
    /// over only when it is flushed, which would be a message of its own for five bytes.
    private static let pieceCount = (128 << 10) - 5

    /// Waits until the server takes more or has something to say, and takes that in.
    ///
    /// - Parameter time: How long at most, in milliseconds; -1 for as long as it takes.
    /// - Throws: `DatabaseError` where the connection is lost.
    private func listen(within time: Int32) throws(DatabaseError) {
        let events = time == 0 ? POLLIN : POLLIN | POLLOUT
        var socket = unsafe pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
        guard unsafe poll(&socket, 1, time) == 1, socket.revents & ~Int16(POLLOUT) != 0 else { return }
        let count = notices.count
        guard unsafe PQconsumeInput(pointer) == 1 else { throw failure(endingCopy: "the connection is lost") }
        // Hands remarks over; all else waits for the end of the COPY, and so does what stands behind it.
        _ = unsafe PQisBusy(pointer)
        hasSpoken = hasSpoken || notices.count == count
    }

    /// Ends the COPY with a failure; why the server thinks that it failed.
    private func failure(endingCopy reason: String) -> DatabaseError {
        unsafe PQsetnonblocking(pointer, 0)
        _ = unsafe PQputCopyEnd(pointer, reason)
        var failure: DatabaseError?
        while let result = unsafe PQgetResult(pointer) {
            do throws(DatabaseError) { unsafe try check(result) } catch { failure = failure ?? error }
            let isCopy = unsafe PQresultStatus(result) == PGRES_COPY_IN
            unsafe PQclear(result)
            // The end could not even be sent.
            if isCopy { break }
        }
        return failure ?? lost()
    }

    // MARK: Failures

    private func check(_ result: OpaquePointer?) throws(DatabaseError) {
        switch unsafe PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_COPY_IN, PGRES_EMPTY_QUERY: return
        default: break
        }
        guard let result = unsafe result, let state = unsafe Self.field(result, .sqlState) else { throw lost() }
        let fields = unsafe DatabaseError.Fields(
            sqlState: state,
            message: Self.field(result, .message),
            detail: Self.field(result, .detail),
            hint: Self.field(result, .hint),
            context: Self.field(result, .context),
            table: Self.field(result, .table),
            column: Self.field(result, .column),
            constraint: Self.field(result, .constraint)
        )
        let severity = unsafe Self.field(result, .severity)
        throw DatabaseError(fields, isConnectionLost: !isOpen || severity == "FATAL" || severity == "PANIC")
    }

    /// The failure of a call that gave no result: the connection's.
    private func lost() -> DatabaseError {
        let message = unsafe pointer.map { unsafe DatabaseError.oneLine(String(cString: PQerrorMessage($0))) }
        return DatabaseError(
            origin: .connection,
            message: message.flatMap { $0.isEmpty ? nil : $0 } ?? "the connection is closed",
            isTransient: true
        )
    }

    /// The codes of an error's fields, which C has as character literals and Swift not at all.
    private enum Field: Unicode.Scalar {
        /// Not translated, as `S` is.
        case severity = "V"
        case sqlState = "C"
        case message = "M"
        case detail = "D"
        case hint = "H"
        case context = "W"
        case table = "t"
        case column = "c"
        case constraint = "n"
    }

    private static func field(_ result: OpaquePointer, _ field: Field) -> String? {
        unsafe PQresultErrorField(result, Int32(field.rawValue.value)).map { unsafe String(cString: $0) }
    }
}

/// What a query returned.
struct Rows: Hashable, Sendable {
    /// The columns' names.
    var columns: [String] = []
    /// Row by row a text for each column; nil for null.
    var values: [[String?]] = []

    /// The only value of a query that returns one; nil where it is null or there is no row.
    var first: String? { values.first?.first ?? nil }

    init() {}

    fileprivate init(_ result: OpaquePointer?) {
        let count = unsafe PQnfields(result)
        columns = (0..<count).map { unsafe String(cString: PQfname(result, $0)) }
        values = unsafe (0..<PQntuples(result)).map { row in
            (0..<count).map { column in
                guard unsafe PQgetisnull(result, row, column) == 0 else { return nil }
                return unsafe String(cString: PQgetvalue(result, row, column))
            }
        }
    }
}

/// What the server remarked; few remarks are kept.
private final class Notices: Sendable {
    private struct State {
        var texts: [String] = []
        var count = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func add(_ text: String) {
        let line = DatabaseError.oneLine(text)
        state.withLock { state in
            state.count += 1
            if state.texts.count < 32 { state.texts.append(line) }
        }
    }

    func take() -> [String] {
        state.withLock { state in
            defer { state.texts = [] }
            return state.texts
        }
    }
}

/// The texts as C strings, nil as a null pointer, with a null pointer behind the last, for the time of `body`.
private func withCStrings<R>(_ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    var copies: [UnsafePointer<CChar>?] = unsafe []
    for text in texts { unsafe copies.append(text.flatMap { unsafe UnsafePointer(strdup($0)) }) }
    unsafe copies.append(nil)
    defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
    return unsafe body(copies)
}
#endif
