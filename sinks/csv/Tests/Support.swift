import CZlib
import Foundation
import PipelineCore
import PipelineTesting

/// A folder of its own for one test, removed with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Every file and folder below, as paths, sorted.
    func listing(_ below: String = "") throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path + "/" + below).sorted()
    }

    func contents(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }
}

struct NotOneMember: Error {
    var reason: String
}

/// The content of a gzip file that must be exactly one member (RFC 1952 §2.2), as a reader without luck needs it.
func inflateOneMember(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = unsafe z_stream()
    guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        throw NotOneMember(reason: "no memory")
    }
    defer { unsafe inflateEnd(&stream) }
    var (input, output, chunk) = (bytes, [UInt8](), [UInt8](repeating: 0, count: 1 << 16))
    return try unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        var result = Z_OK
        while result == Z_OK {
            result = unsafe chunk.withUnsafeMutableBufferPointer { target in
                unsafe stream.next_out = target.baseAddress
                unsafe stream.avail_out = UInt32(target.count)
                return unsafe inflate(&stream, Z_NO_FLUSH)
            }
            output += unsafe chunk[..<(chunk.count - Int(stream.avail_out))]
        }
        guard result == Z_STREAM_END else { throw NotOneMember(reason: "inflate says \(result)") }
        guard unsafe stream.avail_in == 0 else { throw NotOneMember(reason: "bytes follow the member") }
        return output
    }
}

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

/// A reader of CSV by RFC 4180 and no more, which tells a quoted empty field from one without quotes.
func readCSV(_ bytes: [UInt8]) -> [[String?]] {
    var (rows, row, field) = ([[String?]](), [String?](), [UInt8]())
    var (isQuoted, wasQuoted) = (false, false)
    var index = 0
    func endField() {
        row.append(field.isEmpty && !wasQuoted ? nil : String(decoding: field, as: UTF8.self))
        (field, wasQuoted) = ([], false)
    }
    while index < bytes.count {
        defer { index += 1 }
        switch (bytes[index], isQuoted) {
        case (UInt8(ascii: "\""), true) where index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\""):
            field.append(bytes[index])
            index += 1
        case (UInt8(ascii: "\""), true): isQuoted = false
        case (UInt8(ascii: "\""), false): (isQuoted, wasQuoted) = (true, true)
        case (UInt8(ascii: ","), false): endField()
        case (UInt8(ascii: "\n"), false):
            endField()
            rows.append(row)
            row = []
        case (let byte, _): field.append(byte)
        }
    }
    return rows
}

extension Window {
    /// Week `number` of 2024, counted from 0.
    static func week(_ number: Int, account: String? = nil) -> Window {
        let start = Day(number: 19_723 + 7 * number)
        let cell = DateRange(start, start.advanced(by: 6)).map(GridCell.days) ?? .all
        return Window(id: WindowID(Int64(1000 + number)), cell: cell, account: account)
    }
}
