#if Postgres
import PipelineCore

/// Why a statement or a connection failed, as the server or libpq tells it, without the values of rows.
struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where the failure arose.
    enum Origin: Hashable, Sendable {
        /// The server refused; the connection is as good as before.
        case server
        /// The connection could not be made or is lost.
        case connection
        /// The task was cancelled.
        case cancellation
    }

    var origin: Origin
    /// Five characters (PostgreSQL, appendix A); nil where no server answered.
    var sqlState: String?
    /// One sentence.
    var message: String
    /// More of it; nil for errors about values, where it would name them.
    var detail: String?
    var hint: String?
    /// Which line of a COPY the server stumbled over, counted from 1, and which column.
    var copyLine: Int?
    var column: String?
    var table: String?
    var constraint: String?
    /// Whether the same statement may succeed when it is tried again, on a new connection where this one is lost.
    var isTransient: Bool
    /// Whether this was a COMMIT whose answer never came, so that only a look at the data tells what became of it.
    var isOutcomeUnknown = false

    /// The failure with what a user can do with it.
    var description: String {
        var text = message
        if let copyLine { text += ", row \(copyLine) of the COPY" }
        if let column, !message.contains("\"\(column)\"") { text += ", column \"\(column)\"" }
        if let constraint, !message.contains("\"\(constraint)\"") { text += ", constraint \"\(constraint)\"" }
        if let detail { text += ": \(detail)" }
        if let hint { text += " (\(hint))" }
        if let sqlState { text += " [\(sqlState)]" }
        return text
    }

    /// The same for the user of the sink.
    ///
    /// - Parameters:
    ///   - action: What was tried, to be read after "cannot".
    ///   - destination: The destination without secrets.
    /// - Returns: The error of the sink.
    func sinkError(_ action: String, _ destination: String) -> SinkError {
        SinkError(.destination, "cannot \(action) \(destination): \(description)", isTransient: isTransient)
    }
}

extension DatabaseError {
    static var cancelled: DatabaseError {
        DatabaseError(origin: .cancellation, message: "the run was stopped", isTransient: false)
    }

    /// A mistake in the connection string, or in how it is used.
    static func unusable(_ message: String) -> DatabaseError {
        DatabaseError(origin: .connection, message: message, isTransient: false)
    }

    /// What the server sent, field by field (PostgreSQL, "Error and Notice Message Fields").
    struct Fields {
        var sqlState: String?
        var message: String?
        var detail: String?
        var hint: String?
        var context: String?
        var table: String?
        var column: String?
        var constraint: String?
    }

    /// An error as the server sent it.
    ///
    /// - Parameters:
    ///   - fields: What it sent.
    ///   - isConnectionLost: Whether the connection ended with it.
    init(_ fields: Fields, isConnectionLost: Bool) {
        let place = CopyPlace(context: fields.context ?? "")
        self.init(
            origin: isConnectionLost ? .connection : .server,
            sqlState: fields.sqlState,
            message: Self.oneLine(fields.message ?? "the server gave no reason"),
            detail: fields.detail.map(Self.oneLine),
            hint: fields.hint.map(Self.oneLine),
            copyLine: place.line,
            column: fields.column ?? place.column,
            table: fields.table ?? place.table,
            constraint: fields.constraint,
            isTransient: isConnectionLost || Self.isTransient(fields.sqlState)
        )
        // Data exceptions and broken constraints quote the value they are about.
        guard let state = sqlState, state.hasPrefix("22") || state.hasPrefix("23") else { return }
        detail = nil
        message =
            state == "22P05"
            ? "a text holds a character that the encoding of the database has no form for; a database of UTF8 takes all"
            : Self.withoutValues(message, isData: state.hasPrefix("22"))
    }

    /// Whether a server that answers with this state may answer otherwise soon.
    static func isTransient(_ sqlState: String?) -> Bool {
        switch sqlState {
        case "40001", "40P01", "55P03": true  // serialization failure, deadlock, lock not available
        case "57P01", "57P02", "57P03": true  // the server is stopped or started
        case "53200", "53300": true  // out of memory, too many connections; a full disk stays full
        case "25P03": true  // the session was idle in its transaction for too long
        case let state?: state.hasPrefix("08")
        case nil: false
        }
    }

    /// Whether somebody else has just made what was to be made: of two at the same moment one meets the catalog's index.
    var isMadeAlready: Bool {
        let indexes = ["pg_namespace_nspname_index", "pg_type_typname_nsp_index"]
        return ["42P06", "42P07"].contains(sqlState) || constraint.map(indexes.contains) == true
    }

    /// A message without the values it quotes, whatever the language of the server.
    ///
    /// What is about data quotes little else, what is about constraints quotes names, and values only at its end.
    private static func withoutValues(_ message: String, isData: Bool) -> String {
        let quotes = #/["«»“”„「」]/#
        let end = message.firstMatch(of: #/:\s*["«»“”„「」]/#)?.range.lowerBound ?? message.endIndex
        let text = String(message[..<end])
        let marks = text.ranges(of: quotes)
        guard isData, let first = marks.first, let last = marks.last else { return text }
        return text[..<first.lowerBound] + "…" + text[last.upperBound...]
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
    }
}

/// What the context of an error says about a COPY: `COPY spend, line 3, column cost: "abc"`.
private struct CopyPlace {
    var table: String?
    var line: Int?
    var column: String?

    init(context: String) {
        guard let match = context.firstMatch(of: /(?m)^COPY (.+?), line (\d+)(?:, column ([^:]+))?/) else { return }
        table = String(match.1)
        line = Int(match.2)
        column = match.3.map(String.init)
    }
}
#endif
