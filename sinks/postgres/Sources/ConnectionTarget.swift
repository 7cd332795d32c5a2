#if Postgres
import CLibpq
import Glibc

/// Which server to connect to: a connection string as libpq documents it, a URL or `key=value` pairs.
///
/// Service files, PGPASSFILE, the environment and every TLS option work as in `psql`.
struct ConnectionTarget: Hashable, Sendable {
    /// The connection string; holds the password where the user wrote it there.
    private let text: String
    /// The server, database and user as a URL without secrets; equal where the connection leads to the same place.
    let destination: String
    private let defaults: [Option]

    struct Option: Hashable, Sendable {
        var name: String
        var value: String
    }

    /// Reads a connection string; an empty one leaves everything to the environment.
    ///
    /// - Throws: `DatabaseError` where it is none. Its text does not quote the string, which may hold a password.
    init(_ text: String) throws(DatabaseError) {
        var set = try Self.parse(text)
        self.text = text
        let service = set["service"] ?? Self.environment("PGSERVICE")
        // What a service file sets is not known here, and an option that is passed would win over it.
        defaults = service == nil ? Self.defaults(set) : []
        if service == nil { set.merge(Self.systemDefaults()) { own, _ in own } }
        destination = Self.describe(set, service: service)
    }

    /// What is passed to `PQconnectdbParams`: later options win over earlier ones, and the string over the defaults.
    var parameters: [Option] {
        defaults + [Option(name: "dbname", value: text), Option(name: "client_encoding", value: "UTF8")]
    }

    /// What libpq leaves to the kernel, or waits for without end.
    ///
    /// A peer that is gone is noticed after about a minute of silence. Sent bytes may stay unread far longer: a server
    /// that waits for a lock or a checkpoint reads nothing, and the kernel counts that against `tcp_user_timeout`.
    private static func defaults(_ set: [String: String]) -> [Option] {
        var options = [
            Option(name: "fallback_application_name", value: "sluice"),
            Option(name: "keepalives_idle", value: "30"), Option(name: "keepalives_interval", value: "10"),
            Option(name: "keepalives_count", value: "3"), Option(name: "tcp_user_timeout", value: "300000"),
        ]
        if environment("PGCONNECT_TIMEOUT") == nil { options.append(Option(name: "connect_timeout", value: "10")) }
        return options.filter { set[$0.name] == nil }
    }

    private static func describe(_ set: [String: String], service: String?) -> String {
        func plain(_ text: String) -> String {
            text.utf8.map { byte in
                let isPlain =
                    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || "-._~,:".utf8.contains(byte)
                let digits = String(byte, radix: 16, uppercase: true)
                return isPlain ? String(UnicodeScalar(byte)) : "%" + (digits.count < 2 ? "0" : "") + digits
            }.joined()
        }
        var text = "postgresql://"
        if let user = set["user"] { text += plain(user) + "@" }
        // The folder of a socket stands there percent-encoded, as libpq reads it.
        text += plain(set["host"] ?? set["hostaddr"] ?? "")
        if let port = set["port"], port != "5432" { text += ":" + plain(port) }
        text += "/" + plain(set["dbname"] ?? set["user"] ?? "")
        if let service { text += "?service=" + plain(service) }
        return text
    }

    private static func parse(_ text: String) throws(DatabaseError) -> [String: String] {
        guard !text.utf8.contains(0) else { throw .unusable("the connection string holds a NUL") }
        var reason: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(text, &reason) else {
            defer { unsafe PQfreemem(reason) }
            let words = unsafe reason.map { unsafe String(cString: $0) } ?? "out of memory"
            throw .unusable(
                "the connection string cannot be read: \(withoutQuotations(words)); write a URL, postgresql://user@host/db,"
                    + " or host=… dbname=…"
            )
        }
        defer { unsafe PQconninfoFree(options) }
        return unsafe values(options)
    }

    /// What libpq takes where nothing is set: the environment, then what it was built with.
    private static func systemDefaults() -> [String: String] {
        guard let options = unsafe PQconndefaults() else { return [:] }
        defer { unsafe PQconninfoFree(options) }
        return unsafe values(options)
    }

    private static func values(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val, unsafe value.pointee != 0 {
                unsafe values[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        return values
    }

    /// libpq's reasons quote the string, and with it perhaps the password.
    private static func withoutQuotations(_ text: String) -> String {
        DatabaseError.oneLine(text).split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .map { index, part in index.isMultiple(of: 2) ? String(part) : "…" }.joined()
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
        return unsafe String(cString: value)
    }
}
#endif
