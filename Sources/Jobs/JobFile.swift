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
            text = try TextFile.contents(of: path, limit: sizeLimit)
        } catch {
            throw JobFileError(error.reason, at: JobLocation(path))
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        return try parse(text, source: path, context) { path throws(SecretFileError) in
            try TextFile.contents(of: path, relativeTo: folder)
        }
    }

    /// The name of the job in the file at `path`, also where the job makes no sense: else the file's, without its ending.
    ///
    /// - Parameters:
    ///   - path: The file; it need not be there.
    ///   - context: What reading a job needs from outside.
    /// - Returns: What reports of a job that cannot be run go by.
    package static func name(ofJobAt path: String, _ context: JobContext) -> String {
        let fileName = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        guard let text = try? TextFile.contents(of: path, limit: sizeLimit),
            let root = try? YAMLReader.read(text, source: path),
            let written = root["name"]
        else { return fileName }
        var mistakes: [JobMistake] = []
        // A secret is no name.
        let interpolation = Interpolation(environment: context.environment) { _ throws(SecretFileError) in
            throw SecretFileError("")
        }
        let name = interpolation.resolve(written, &mistakes).text ?? ""
        return name.isEmpty ? fileName : name
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
}
