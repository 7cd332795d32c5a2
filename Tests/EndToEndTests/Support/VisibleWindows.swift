import Crypto
import Foundation
import TestSupport

/// A window's folder as a reader finds it: its note, and the rows the note names.
struct VisibleWindow {
    /// The path below the destination, such as `window=2024-01-01..2024-01-07`.
    var path: String
    var note: WindowNoteFile
    /// The rows, inflated.
    var rows: [UInt8]

    var cell: String { note.window.cell }
    /// The days the rows cover, as `start..end`.
    var covers: String { note.covers.map { "\($0.start)..\($0.end)" } ?? "" }
}

/// What `_checkpoint.json` says.
struct WindowNoteFile: Decodable {
    struct Window: Decodable {
        var cell: String
        var account: String?
        var id: String
    }

    struct Days: Decodable {
        var start: String
        var end: String
    }

    struct Counts: Decodable {
        var api: Int
        var received: Int
        var loaded: Int
    }

    struct Part: Decodable {
        var name: String
        var rows: Int
        var bytes: Int
        var sha256: String
    }

    var window: Window
    var covers: Days?
    var accounts: [String]
    var counts: Counts
    var settled: Bool
    var fingerprint: String
    var parts: [Part]
    var requests: Int
    var scheduleIDs: [String]
    var runID: String

    enum CodingKeys: String, CodingKey {
        case window, covers, accounts, counts, settled, fingerprint, parts, requests
        case scheduleIDs = "schedule_ids"
        case runID = "run_id"
    }
}

/// What is wrong with a folder that a reader can see.
struct NotWhole: Error, CustomStringConvertible {
    var description: String
}

extension TemporaryFolder {
    /// Every visible window of a destination, in window order, each proved to be whole.
    ///
    /// - Throws: `NotWhole` where a window folder lacks its note, or a part is not what its note says.
    func windows(_ destination: String = "out") throws -> [VisibleWindow] {
        var windows: [VisibleWindow] = []
        for outer in visible(destination) where outer.hasPrefix("window=") {
            let inner = visible("\(destination)/\(outer)")
            let accounts = inner.filter { $0.hasPrefix("account=") }.map { "\(outer)/\($0)" }
            for path in accounts.isEmpty ? [outer] : accounts { windows.append(try window(path, of: destination)) }
        }
        return windows
    }

    private func window(_ path: String, of destination: String) throws -> VisibleWindow {
        let folder = "\(destination)/\(path)"
        guard exists("\(folder)/_checkpoint.json") else { throw NotWhole(description: "\(path) has no checkpoint") }
        let note = try JSONDecoder().decode(WindowNoteFile.self, from: Data(bytes("\(folder)/_checkpoint.json")))
        var rows: [UInt8] = []
        for part in note.parts {
            let bytes = try bytes("\(folder)/\(part.name)")
            let digest = SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            guard bytes.count == part.bytes, digest == part.sha256 else {
                throw NotWhole(description: "\(path)/\(part.name) is not what its note says")
            }
            rows += try plain("\(folder)/\(part.name)")
        }
        let others = visible(folder).filter { name in
            name != "_checkpoint.json" && !note.parts.contains { $0.name == name }
        }
        guard others.isEmpty else {
            throw NotWhole(description: "\(path) holds \(others), which its note does not name")
        }
        return VisibleWindow(path: path, note: note, rows: rows)
    }

    /// All rows of a destination that a reader sees, window after window: the header of CSV once.
    func landed(_ destination: String) throws -> [UInt8] {
        guard !destination.hasSuffix("/") else {
            let parts = try windows(String(destination.dropLast())).map(\.rows)
            guard let header = parts.first?.prefix(through: "\n"), header.first != UInt8(ascii: "{") else {
                return Array(parts.joined())
            }
            return header + parts.flatMap { $0.dropFirst(header.count) }
        }
        return try plain(destination)
    }

    /// The rows of CSV at a destination, without the header.
    func csvRows(_ destination: String) throws -> [[String?]] { Array(CSV.rows(try landed(destination)).dropFirst()) }

    /// The columns of CSV at a destination.
    func csvHeader(_ destination: String) throws -> [String] {
        CSV.rows(try landed(destination)).first?.map { $0 ?? "" } ?? []
    }
}

extension [UInt8] {
    fileprivate func prefix(through scalar: Unicode.Scalar) -> [UInt8] {
        firstIndex(of: UInt8(ascii: scalar)).map { Array(self[...$0]) } ?? self
    }
}
