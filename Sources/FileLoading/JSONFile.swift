import FoundationEssentials
import PipelineCore

/// Small JSON files that people and other programs read: pretty, keys sorted, names in snake_case.
enum JSONFile {
    static func bytes(_ value: some Encodable, for path: String) throws(SinkError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try Array(encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw SinkError(.destination, "cannot write \(path): its content has no form in JSON (\(error))")
        }
    }

    /// Writes the file so that it is there whole or not at all, and durably.
    static func write(_ value: some Encodable, to path: String, draft: String? = nil) throws(SinkError) {
        try FileSystem.replace(path, with: bytes(value, for: path), draft: draft)
    }

    /// Reads the file; nil where there is none.
    ///
    /// - Throws: `SinkError` where it holds something else, with what to do.
    static func read<Value: Decodable>(_ type: Value.Type, from path: String) throws(SinkError) -> Value? {
        guard let bytes = try FileSystem.contents(of: path) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as UnknownVersion {
            throw SinkError(
                .destination,
                "\(path) has version \(error.version) of its format, which this program does not know; "
                    + "use the program that wrote it, or a newer one"
            )
        } catch {
            throw SinkError(
                .destination,
                "\(path) is damaged or was not written by this program; remove it together with the "
                    + "folder around it, and what it noted is loaded again"
            )
        }
    }

    /// A file of a later version of this program.
    struct UnknownVersion: Error {
        var version: Int
    }
}
