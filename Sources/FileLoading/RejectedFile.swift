import Foundation
import PipelineCore

/// The rejected rows of a window, beside its rows: gzipped NDJSON, one object per row.
final class RejectedFile {
    /// Its name in a window's folder.
    static let name = "_rejected.ndjson.gz"

    private let framing: Framing
    private var file: OutputFile
    private var member = GzipMember()
    private var rows = 0
    private let deflater = Deflater(level: 6)

    /// A new file in `folder`.
    init(in folder: String, _ framing: Framing) throws(SinkError) {
        self.framing = framing
        file = try OutputFile(creating: folder + "/" + Self.name, digesting: framing == .file)
        if framing == .file { try file.write(GzipMember.header) }
    }

    /// The name of the file beside `path`, which holds the rejected rows of all its windows.
    static func path(beside path: String) -> String { path + ".rejected.ndjson.gz" }

    func append(_ rejects: Rejects, of window: Window) throws(SinkError) {
        var lines: [UInt8] = []
        for reject in rejects.rows { lines += Self.line(reject, of: window) }
        guard !lines.isEmpty else { return }
        var deflated: [UInt8] = []
        deflater.deflate(lines, into: &deflated)
        try file.write(deflated)
        member.append(plainCount: lines.count, crc: crc32(lines))
        rows += rejects.rows.count
    }

    /// Ends the file durably.
    func finish() throws(SinkError) -> PartNote {
        if framing == .file { try file.write(member.trailer) }
        try file.sync()
        return PartNote(
            name: Self.name,
            rows: rows,
            bytes: file.count,
            sha256: file.sha256,
            fragment: framing == .fragment
                ? PartNote.Fragment(plainBytes: member.plainCount, crc32: member.crc) : nil
        )
    }

    /// What is known of a row, in the order of the keys.
    private struct Facts: Encodable {
        var window: String
        var row: Int
        var page: Int?
        var requestID: String?
        var column: String
        var stage: String
        var rule: String

        enum CodingKeys: String, CodingKey {
            case window, row, page, column, stage, rule
            case requestID = "request_id"
        }
    }

    private static func line(_ reject: Reject, of window: Window) -> [UInt8] {
        let facts = Facts(
            window: window.description,
            row: reject.row + 1,
            page: reject.page > 0 ? reject.page : nil,
            requestID: reject.requestID,
            column: reject.column,
            stage: reject.stage,
            rule: reject.rule
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var line = (try? encoder.encode(facts)).map { Array($0) } ?? Array("{}".utf8)
        // The cells are JSON already.
        line.removeLast()
        line += (line.count > 1 ? #","cells":"# : #""cells":"#).utf8
        line += reject.cells.isEmpty ? Array("null".utf8) : reject.cells
        line += "}\n".utf8
        return line
    }
}
