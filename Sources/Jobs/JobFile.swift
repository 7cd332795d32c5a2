import Foundation

/// Reads job files.
package enum JobFile {
    /// No job needs more; a wrong path may name anything.
    private static let sizeLimit = 4 << 20

    /// Reads the job file at `path`.
    ///
    /// - Parameters:
    ///   - path: The file; secret files it names are relative to its folder.
    ///   - context: What reading a job needs from outside.
    /// - Returns: The job.
    /// - Throws: `JobFileError` with every mistake of the file.
    package static func read(_ path: String, _ context: JobContext) throws(JobFileError) -> Job {
        let text: String
        do throws(SecretFileError) {
            text = try contents(of: path, limit: sizeLimit)
        } catch {
            throw JobFileError(error.reason, at: JobLocation(path))
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        return try parse(text, source: path, context) { path throws(SecretFileError) in
            try contents(of: URL(fileURLWithPath: path, relativeTo: folder).path, limit: 1 << 20)
        }
    }

    /// Reads the text of a job file.
    ///
    /// - Parameters:
    ///   - text: The YAML.
    ///   - source: The file's name, for error texts.
    ///   - context: What reading a job needs from outside.
    ///   - secretFile: Reads what `${file:PATH}` names.
    /// - Returns: The job.
    /// - Throws: `JobFileError` with every mistake of the text; a YAML syntax error hides all others.
    package static func parse(
        _ text: String,
        source: String,
        _ context: JobContext,
        secretFile: (_ path: String) throws(SecretFileError) -> String
    ) throws(JobFileError) -> Job {
        guard let root = try YAMLReader.read(text, source: source), !root.isNull else {
            throw JobFileError(
                "the file is empty; a job has at least a name and exports",
                at: JobLocation(source, line: 1, column: 1)
            )
        }
        var reader = JobReader(context)
        // The closure does not outlive the call.
        let resolved = withoutActuallyEscaping(secretFile) { secretFile in
            Interpolation(environment: context.environment, readFile: secretFile).resolve(root, &reader.mistakes)
        }
        return try reader.job(resolved)
    }

    private static func contents(of path: String, limit: Int) throws(SecretFileError) -> String {
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
