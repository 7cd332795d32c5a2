import CZlib
import Foundation

/// A folder of its own for one test, removed with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-e2e-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func bytes(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    /// The content of a file, inflated where it is gzipped.
    func plain(_ name: String) throws -> [UInt8] {
        let bytes = try bytes(name)
        return bytes.starts(with: [0x1F, 0x8B]) ? try inflateOneMember(bytes) : bytes
    }

    func text(_ name: String) throws -> String { String(decoding: try plain(name), as: UTF8.self) }

    func write(_ text: String, to name: String) throws {
        try makeFolder(URL(fileURLWithPath: name).deletingLastPathComponent().relativePath)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
    }

    /// Takes a file or folder away in one step, whoever writes into it meanwhile.
    func remove(_ name: String) throws {
        let bin = try TemporaryFolder()
        try FileManager.default.moveItem(atPath: path + "/" + name, toPath: bin.path + "/removed")
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    /// Every file and folder below, hidden ones included, as sorted paths.
    func listing(_ below: String = "") -> [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: path + "/" + below)) ?? []).sorted()
    }

    /// What `ls` shows of the folder.
    func visible(_ below: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + below)) ?? [])
            .filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Every file below with its content.
    func files(_ below: String = "") throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in listing(below) {
            let full = below.isEmpty ? name : below + "/" + name
            var isFolder: ObjCBool = false
            guard unsafe FileManager.default.fileExists(atPath: path + "/" + full, isDirectory: &isFolder),
                !isFolder.boolValue
            else { continue }
            files[name] = try bytes(full)
        }
        return files
    }
}

/// Why bytes are no whole gzip file.
struct NotOneMember: Error {
    var reason: String
}

/// The content of a gzip file that must be exactly one whole member (RFC 1952 §2.2).
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
