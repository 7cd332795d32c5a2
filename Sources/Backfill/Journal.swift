import Dispatch
import FoundationEssentials
import Glibc
import SupermetricsAPI

/// Why a journal cannot be used.
public enum JournalError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Another run holds it.
    case locked(path: String)
    /// It holds something else than the journal of this team's backfills.
    case unreadable(path: String, reason: String)
    /// The file system refuses.
    case failed(path: String, action: String, reason: String)

    /// What failed, why, and what to do.
    public var description: String {
        switch self {
        case .locked(let path):
            "another run holds the journal \(path); wait for its end, or give --journal another path"
        case .unreadable(let path, let reason): "the journal \(path) cannot be used: \(reason)"
        case .failed(let path, let action, let reason):
            "cannot \(action) the journal \(path): \(reason); check the folder, or give --journal another path"
        }
    }
}

/// The durable record of a run: one JSON object per line, on disk before what it announces is done.
///
/// The file is locked while it is open, and the lock ends with the process.
final class Journal: Sendable {
    /// What was in the file when it was opened.
    let records: [JournalRecord]
    private let path: String
    private let file: Int32
    /// Blocking calls of the file, off the shared pool.
    private let queue = DispatchQueue(label: "sluice.journal")

    /// Whose backfills a journal is about: ids of teams, transfers and backfills mean something on their server only.
    struct Owner: Hashable, Sendable {
        /// Scheme, host and port.
        var server: String
        var teamID: Int
    }

    private struct Header: Codable {
        static let kind = "backfill journal"

        var kind = Self.kind
        var version = 1
        var server: String
        var teamID: Int

        enum CodingKeys: String, CodingKey {
            case kind, version, server
            case teamID = "team_id"
        }
    }

    /// Opens or creates a journal and reads it.
    ///
    /// A last line without its end was never acted upon, and is cut off.
    /// - Throws: `JournalError`.
    init(path: String, owner: Owner) throws(JournalError) {
        self.path = path
        let file = unsafe open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.failure(path, "open") }
        self.file = file
        do throws(JournalError) {
            guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
                if errno == EWOULDBLOCK { throw .locked(path: path) }
                throw Self.failure(path, "lock")
            }
            let text = try Self.contents(of: file, path)
            let whole = text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            if whole < text.count {
                guard ftruncate(file, off_t(whole)) == 0 else { throw Self.failure(path, "shorten") }
            }
            records = try Self.records(text[..<whole], path, owner)
            if whole == 0 {
                try Self.write(try Self.line(Header(server: owner.server, teamID: owner.teamID), path), to: file, path)
                try Self.syncFolder(of: path)
            }
        } catch {
            close(file)
            throw error
        }
    }

    deinit { close(file) }

    /// Appends a record and waits until it is on disk.
    func append(_ record: JournalRecord) async throws(JournalError) {
        let (path, file) = (path, file)
        let line = try Self.line(record, path)
        let result: Result<Void, JournalError> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(
                    returning: Result { () throws(JournalError) in try Self.write(line, to: file, path) }
                )
            }
        }
        try result.get()
    }

    /// Reads a journal without locking or changing it; nothing where there is none.
    static func read(path: String, owner: Owner) throws(JournalError) -> [JournalRecord] {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return [] }
            throw failure(path, "open")
        }
        defer { close(file) }
        let text = try contents(of: file, path)
        return try records(text[..<(text.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)], path, owner)
    }

    private static func records(
        _ text: ArraySlice<UInt8>,
        _ path: String,
        _ owner: Owner
    ) throws(JournalError) -> [JournalRecord] {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        guard let first = lines.first else { return [] }
        let decoder = JSONDecoder()
        guard let header = try? decoder.decode(Header.self, from: Data(first)),
            header.kind == Header.kind
        else {
            throw .unreadable(path: path, reason: "it is no journal of backfills; give --journal another path")
        }
        guard header.version == 1 else {
            throw .unreadable(path: path, reason: "it was written by another version of sluice")
        }
        guard header.server == owner.server else {
            throw .unreadable(
                path: path,
                reason: "it is about backfills at \(header.server), not at \(owner.server); give --journal another path"
            )
        }
        guard header.teamID == owner.teamID else {
            throw .unreadable(path: path, reason: "it belongs to team \(header.teamID); give --journal another path")
        }
        var records: [JournalRecord] = []
        for (index, line) in lines.enumerated().dropFirst() {
            guard let record = try? decoder.decode(JournalRecord.self, from: Data(line)) else {
                throw .unreadable(path: path, reason: "line \(index + 1) cannot be read")
            }
            records.append(record)
        }
        return records
    }

    private static func line(_ value: some Encodable, _ path: String) throws(JournalError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw .failed(path: path, action: "write", reason: "\(error)")
        }
    }

    private static func contents(of file: Int32, _ path: String) throws(JournalError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, "read") }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    private static func write(_ line: [UInt8], to file: Int32, _ path: String) throws(JournalError) {
        var rest = line[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(file, bytes.baseAddress, bytes.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path, "write") }
            rest = rest.dropFirst(count)
        }
        guard fsync(file) == 0 else { throw failure(path, "write") }
    }

    /// Makes the new file's name durable.
    private static func syncFolder(of path: String) throws(JournalError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, "open the folder of") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path, "write the folder of") }
    }

    private static func failure(_ path: String, _ action: String) -> JournalError {
        let reason = unsafe String(cString: strerror(errno))
        return .failed(path: path, action: action, reason: reason)
    }
}
