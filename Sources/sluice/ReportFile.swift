import Foundation
import Jobs

/// Files a command writes about its work, for people and for programs.
enum ReportFile {
    /// Writes a file in one rename, so that nobody reads half of it.
    ///
    /// A link stays one: what it leads to is written. What is no file, such as a device or a pipe, is written to as it is.
    ///
    /// - Throws: Why it could not be written.
    static func write(_ data: Data, to path: String) throws {
        if let stream = stream(path) { return try stream.write(contentsOf: data) }
        let file = target(path)
        guard isSpecial(file.path) else { return try data.write(to: file, options: .atomic) }
        try FileHandle(forWritingTo: file).write(contentsOf: data)
    }

    /// Writes the outcome of a run as JSON.
    ///
    /// - Throws: `CommandFailure` where it cannot be written.
    static func writeSummary(_ summary: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        do {
            try write(encoder.encode(summary) + Data("\n".utf8), to: path)
        } catch {
            throw CommandFailure(
                .destination,
                "the summary cannot be written to \(path); check the folder of --summary"
            )
        }
    }

    /// Whether the path leads to something that is written to as it is.
    static func isStream(_ path: String) -> Bool { stream(path) != nil || isSpecial(target(path).path) }

    /// The file that a path leads to.
    static func target(_ path: String) -> URL { URL(fileURLWithPath: path).resolvingSymlinksInPath() }

    /// A stream this process was given, by one of the names the shells and the kernel have for it.
    ///
    /// Opened by its name, a file behind it would be written from its start, beside what the stream itself writes.
    private static func stream(_ path: String) -> FileHandle? {
        switch path {
        case "/dev/stdout": return .standardOutput
        case "/dev/stderr": return .standardError
        default: break
        }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
            return Int32(path.dropFirst(folder.count)).map { FileHandle(fileDescriptor: $0, closeOnDealloc: false) }
        }
        return nil
    }

    private static func isSpecial(_ path: String) -> Bool {
        guard let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType else {
            return false
        }
        return [.typeCharacterSpecial, .typeBlockSpecial, .typeSocket, .typeUnknown].contains(type)
    }
}
