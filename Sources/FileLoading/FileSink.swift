public import PipelineCore

/// A sink that writes files: it brings a format and options, this room does the rest.
public protocol FileSink: Sink {
    /// Where the rows land, and in what form.
    var files: FileTarget { get }
}

extension FileSink {
    /// The absolute path, with a `/` at the end of a folder; or `standard output`.
    public var destination: String {
        switch files.location {
        case .folder(let folder): folder.description
        case .file(let file): file.path
        case .stream: FileTarget.standardOutput
        }
    }

    /// A folder shows windows one by one, a file and standard output a whole run.
    public var scope: CommitScope {
        if case .folder = files.location { .window } else { .run }
    }

    /// `replace_window`: files know no other.
    public var mode: LoadMode { .replaceWindow }

    /// Empty: files have no keys.
    public var key: [String] { [] }

    /// Enough that files are never what limits a run.
    public var concurrentLoads: Int { 16 }

    /// What the folder holds; for a file, what an unfinished run left beside it.
    public func ledger(of export: ExportID) async throws(SinkError) -> Ledger {
        let queue = DiskQueue()
        return switch files.location {
        case .folder(let folder):
            try await queue.run { () throws(SinkError) in try folder.ledger(of: export, in: files.form) }
        case .file(let file):
            try await queue.run { () throws(SinkError) in try file.ledger(of: export, in: files.form) }
        case .stream: Ledger()
        }
    }

    /// Writes, locks and renames in a hidden folder beside the rows, and removes it.
    @discardableResult public func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote] {
        let queue = DiskQueue()
        let warnings: [String] =
            switch files.location {
            case .folder(let folder): try await queue.run { () throws(SinkError) in try folder.check() }
            case .file(let file): try await queue.run { () throws(SinkError) in try file.check() }
            case .stream: []
            }
        return warnings.map { SinkNote(.warning, $0) }
    }

    /// Holds the lock of the folder or file for the time of `body`.
    public func withRun(_ request: RunRequest, _ body: (any SinkRun) async throws -> Bool) async throws {
        switch files.location {
        case .folder(let folder): try await FolderRun.withRun(folder, files, request, body)
        case .file(let file): try await SingleFileRun.withRun(file, files, request, body)
        case .stream(let output): try await StreamRun.withRun(output, files, request, body)
        }
    }
}
