import Foundation

/// A folder of its own for one test, removed with it.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func bytes(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }

    /// The content of a file, inflated where it is gzipped.
    package func plain(_ name: String) throws -> [UInt8] {
        let bytes = try bytes(name)
        return bytes.starts(with: [0x1F, 0x8B]) ? try inflateOneMember(bytes) : bytes
    }

    package func text(_ name: String) throws -> String { String(decoding: try plain(name), as: UTF8.self) }

    package func write(_ text: String, to name: String) throws {
        try makeFolder(URL(fileURLWithPath: name).deletingLastPathComponent().relativePath)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    package func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
    }

    /// Takes a file or folder away in one step, whoever writes into it meanwhile.
    package func remove(_ name: String) throws {
        let bin = try TemporaryFolder()
        try FileManager.default.moveItem(atPath: path + "/" + name, toPath: bin.path + "/removed")
    }

    package func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    /// Every file and folder below, hidden ones included, as sorted paths.
    package func listing(_ below: String = "") -> [String] {
        ((try? FileManager.default.subpathsOfDirectory(atPath: path + "/" + below)) ?? []).sorted()
    }

    /// What `ls` shows of the folder.
    package func visible(_ below: String = "") -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + below)) ?? [])
            .filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Every file below with its content.
    package func files(_ below: String = "") throws -> [String: [UInt8]] {
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
