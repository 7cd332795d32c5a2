import PipelineCore

/// What `_checkpoint.json` holds: the checkpoint of a window, and the files that hold its rows.
struct WindowNote: Hashable, Sendable {
    static let fileName = "_checkpoint.json"
    /// The version of the format that this program writes, and the highest it reads.
    static let version = 1

    var checkpoint: Checkpoint
    var parts: [PartNote]
    /// The file of the rows in quarantine; nil where there are none.
    var rejected: PartNote?
}

/// One file of a window's rows.
struct PartNote: Hashable, Sendable, Codable {
    /// Its name within the window's folder.
    var name: String
    var rows: Int
    var bytes: Int
    /// Lower-case hex; nil for a fragment.
    var sha256: String?
    /// What a fragment holds, told for the join; nil for a file of its own.
    var fragment: Fragment?

    /// A run of rows without the frame of a file.
    struct Fragment: Hashable, Sendable, Codable {
        var plainBytes: Int
        /// CRC-32 of the plain bytes where the fragment is deflated, else 0.
        var crc32: UInt32

        enum CodingKeys: String, CodingKey {
            case plainBytes = "plain_bytes"
            case crc32
        }
    }
}

extension WindowNote: Codable {
    private enum Key: String, CodingKey { case version, parts, rejected }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let version = try container.decode(Int.self, forKey: .version)
        guard version <= Self.version else { throw JSONFile.UnknownVersion(version: version) }
        parts = try container.decode([PartNote].self, forKey: .parts)
        rejected = try container.decodeIfPresent(PartNote.self, forKey: .rejected)
        checkpoint = try Checkpoint(from: decoder)
    }

    /// The checkpoint's own keys, with the version and the parts beside them.
    func encode(to encoder: any Encoder) throws {
        try checkpoint.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.version, forKey: .version)
        try container.encode(parts, forKey: .parts)
        try container.encodeIfPresent(rejected, forKey: .rejected)
    }
}

extension Window {
    /// The window's folder below the destination's: `window=2024-01-01..2024-01-07`, `…/account=ID` percent-encoded.
    var folderPath: String {
        let outer = "window=\(cell)"
        return account.map { outer + "/account=" + $0.percentEncoded } ?? outer
    }
}

extension String {
    /// The text with every byte but letters, digits, `-`, `_`, `.` and `~` of ASCII written `%XX` (RFC 3986 §2.1).
    var percentEncoded: String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The windows that stand in a folder, one folder each.
enum WindowFolders {
    /// A window's folder, by its path below the folder that holds them all.
    struct Entry: Hashable, Sendable {
        var path: String
        var note: WindowNote
    }

    /// Every window with a checkpoint below `root`, in window order.
    ///
    /// A folder that is exchanged or removed meanwhile is told as it was before or after, or not at all.
    static func read(_ root: String) throws(SinkError) -> [Entry] {
        var entries: [Entry] = []
        for outer in try names(root, prefix: "window=") {
            for path in try [outer] + names(root + "/" + outer, prefix: "account=").map({ outer + "/" + $0 }) {
                let file = "\(root)/\(path)/\(WindowNote.fileName)"
                // A copy under another name is somebody's own.
                if let note = try JSONFile.read(WindowNote.self, from: file), note.checkpoint.window.folderPath == path
                {
                    entries.append(Entry(path: path, note: note))
                }
            }
        }
        return entries.sorted { $0.note.checkpoint.window < $1.note.checkpoint.window }
    }

    /// Whether every file of the window is there with the size it had.
    static func isWhole(_ entry: Entry, in root: String) throws(SinkError) -> Bool {
        for part in entry.note.parts {
            guard try FileSystem.size("\(root)/\(entry.path)/\(part.name)") == part.bytes else { return false }
        }
        return true
    }

    /// The names of the outermost window folders, empty ones included.
    static func outerNames(_ root: String) throws(SinkError) -> [String] { try names(root, prefix: "window=") }

    private static func names(_ folder: String, prefix: String) throws(SinkError) -> [String] {
        try FileSystem.names(in: folder).filter { $0.hasPrefix(prefix) }
    }
}
