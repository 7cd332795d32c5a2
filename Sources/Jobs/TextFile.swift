import Foundation

/// Why a file cannot be read.
package struct SecretFileError: Error, Hashable, Sendable {
    /// A short sentence without the file's content.
    package var reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// Small text files: jobs and secrets.
enum TextFile {
    /// The text of a secret, whose path may be relative to `folder`; nil is the working folder.
    static func contents(of path: String, relativeTo folder: URL?) throws(SecretFileError) -> String {
        try contents(of: URL(fileURLWithPath: path, relativeTo: folder).path, limit: 1 << 20)
    }

    /// The text of a file of at most `limit` bytes, without a byte order mark.
    static func contents(of path: String, limit: Int) throws(SecretFileError) -> String {
        guard FileManager.default.fileExists(atPath: path) else { throw SecretFileError("there is no such file") }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw SecretFileError("the file cannot be opened; check its permissions")
        }
        defer { try? handle.close() }
        var bytes: [UInt8] = []
        do {
            // A pipe hands out its bytes piece by piece.
            while bytes.count <= limit, let piece = try handle.read(upToCount: 64 << 10), !piece.isEmpty {
                bytes += piece
            }
        } catch {
            throw SecretFileError("the file cannot be read; is it a folder?")
        }
        guard bytes.count <= limit else { throw SecretFileError("the file is longer than \(limit >> 20) MiB") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SecretFileError("the file is not UTF-8 text")
        }
        return text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    }
}
