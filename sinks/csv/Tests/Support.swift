import Foundation
import PipelineCore
import PipelineTesting
import TestSupport

/// What a reader sees below `path`: the plain content of every file of rows, in window order.
func visibleFiles(_ path: String) throws -> [[UInt8]] {
    guard let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType else {
        return []
    }
    let files: [String] =
        type == .typeDirectory
        ? try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
            .filter { $0.hasPrefix("window=") && $0.contains("/part-") }.map { path + "/" + $0 }
        : [path]
    return try files.map { file in
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: file)))
        return bytes.starts(with: [0x1F, 0x8B]) ? try inflateOneMember(bytes) : bytes
    }
}

/// The rejected rows that stand beside the rows below `path`, read back from their files.
func visibleRejects(_ path: String) throws -> [Reject] {
    struct Line: Decodable {
        var window: String
        var row: Int
        var page: Int?
        var request_id: String?
        var column: String
        var stage: String
        var rule: String
    }
    let isFolder = path.hasSuffix("/")
    guard !isFolder || FileManager.default.fileExists(atPath: path) else { return [] }
    let files =
        isFolder
        ? try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
            .filter { $0.hasPrefix("window=") && $0.hasSuffix("/_rejected.ndjson.gz") }.map { path + $0 }
        : [path + ".rejected.ndjson.gz"].filter { FileManager.default.fileExists(atPath: $0) }
    return try files.flatMap { file in
        try inflateOneMember(Array(Data(contentsOf: URL(fileURLWithPath: file)))).split(separator: UInt8(ascii: "\n"))
    }.map { line in
        let facts = try JSONDecoder().decode(
            Line.self,
            from: Data(String(decoding: line, as: UTF8.self).replacing("\\ud800", with: "").utf8)
        )
        // The cells come last, as they were handed over.
        let text = String(decoding: line, as: UTF8.self)
        let cells = text.range(of: "\"cells\":").map { text[$0.upperBound...].dropLast() } ?? ""
        var reject = Reject(
            row: facts.row - 1,
            column: facts.column,
            stage: facts.stage,
            rule: facts.rule,
            cells: Array(cells.utf8)
        )
        (reject.page, reject.requestID) = (facts.page ?? 0, facts.request_id)
        return reject
    }
}

extension Window {
    /// Week `number` of 2024, counted from 0.
    static func week(_ number: Int, account: String? = nil) -> Window {
        let start = Day(number: 19_723 + 7 * number)
        let cell = DateRange(start, start.advanced(by: 6)).map(GridCell.days) ?? .all
        return Window(id: WindowID(Int64(1000 + number)), cell: cell, account: account)
    }
}
