import PipelineCore
import Synchronization

/// A run that loads all windows of one file.
final class SingleFileRun: SinkRun {
    private let file: SingleFile
    private let files: FileTarget
    private let request: RunRequest
    private let lease: Lease
    private let queue: DiskQueue
    private let joined: JoinedFile
    private let progress = Mutex(Progress())

    private struct Progress {
        var plan: RunPlan?
        var loads = 0
        /// A window whose columns the others must have.
        var model: (window: Window, schema: Schema)?
        /// Whether the model was loaded by an earlier run.
        var isReused = false
        /// Whether what earlier runs staged does not fit what this one loads.
        var isStale = false
    }

    private init(_ file: SingleFile, _ files: FileTarget, _ request: RunRequest, _ lease: Lease, _ queue: DiskQueue) {
        self.file = file
        self.files = files
        self.request = request
        self.lease = lease
        self.queue = queue
        joined = JoinedFile(in: file.workspace, files, runID: request.runID)
    }

    static func withRun(
        _ file: SingleFile,
        _ files: FileTarget,
        _ request: RunRequest,
        _ body: (any SinkRun) async throws -> Bool
    ) async throws {
        guard request.shard == nil else {
            throw SinkError(
                .configuration,
                "\(file.path): one file is written by one whole run; use a folder (a path that ends "
                    + "with /) with --shard"
            )
        }
        let queue = DiskQueue()
        try await queue.run { () throws(SinkError) in try file.requirePlace(keeping: request.keepsExisting) }
        let lease = try await Lease.acquire(in: file.workspace.path, of: file.path, request, on: queue)
        defer { lease.release() }
        let run = SingleFileRun(file, files, request, lease, queue)
        do {
            try await queue.run { () throws(SinkError) in try file.prepare(lease) }
            let isComplete = try await body(run)
            try Task.checkCancellation()
            if isComplete { try await run.finish() }
        } catch {
            let isStale = run.progress.withLock { $0.isStale }
            // The first error is the one to tell; what could not be tidied is tidied by the next run.
            try? await queue.run { () throws(SinkError) in
                if isStale { try file.workspace.dropStaged() }
                try file.end(lease)
            }
            throw error
        }
        try await queue.run { () throws(SinkError) in try file.end(lease) }
    }

    func ledger() async throws(SinkError) -> Ledger {
        try await queue.run { () throws(SinkError) in
            try self.file.ledger(of: self.request.export, in: self.files.form)
        }
    }

    /// Joins the windows and makes them visible.
    private func finish() async throws {
        guard let plan = progress.withLock({ $0.plan }) else { return }
        let (windows, mode) = try await queue.run { () throws(SinkError) in
            (try self.file.windows(of: plan), try FileSystem.permissions(self.file.path))
        }
        try await joined.finish(windows, mode: mode)
        try await queue.run {
            try self.file.replace(
                with: self.joined.path,
                windows,
                mode: mode,
                keeping: self.request.keepsExisting,
                self.lease
            )
        }
    }

    func begin(_ plan: RunPlan) async throws(SinkError) {
        let staged = try await queue.run { () throws(SinkError) in
            try self.file.begin(plan, of: self.request.export, in: self.files.form, self.lease)
            return try self.file.workspace.stagedWindows()
        }
        await joined.begin(plan.windows, staged: staged)
        progress.withLock { progress in
            progress.plan = plan
            let checkpoints = staged.lazy.map(\.note.checkpoint)
            guard let first = checkpoints.first(where: { !$0.schema.columns.isEmpty }) else { return }
            progress.model = (first.window, first.schema)
            progress.isReused = true
        }
    }

    func record(_ attempt: Attempt) async throws(SinkError) {
        try await queue.run { () throws(SinkError) in
            try self.lease.verify()
            try self.file.workspace.record(attempt)
        }
    }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        let folder = try openLoad(load)
        let session = PartSession(
            folder: folder,
            fileName: files.fragmentName,
            framing: .fragment,
            encoder: try files.encoder(for: load.schema),
            of: load.window
        )
        do {
            let note = try await session.run(under: lease, body) { [file] loaded, note throws(SinkError) in
                try JSONFile.write(note, to: "\(loaded)/\(WindowNote.fileName)")
                try file.workspace.stage(loaded, as: load.window)
            }
            await joined.add(WindowFolders.Entry(path: load.window.folderPath, note: note))
            return note.checkpoint
        } catch {
            // Without this window there will be no whole: what is joined would only take room from the others.
            guard await joined.giveUp(), var failure = error as? SinkError, failure.code == .destination else {
                throw error
            }
            // The head start may have taken the very room that the window needed.
            failure.isTransient = true
            throw failure
        }
    }

    /// The folder to load into, if the window's columns are those of the others.
    private func openLoad(_ load: Load) throws(SinkError) -> String {
        let (number, disagreement) = progress.withLock { progress in
            progress.loads += 1
            guard let model = progress.model, !ColumnAgreement.agree(model.schema, load.schema) else {
                if !load.schema.columns.isEmpty { progress.model = progress.model ?? (load.window, load.schema) }
                return (progress.loads, SinkError?.none)
            }
            progress.isStale = progress.isReused
            return (progress.loads, ColumnAgreement.error(model, (load.window, load.schema), file.path))
        }
        if let disagreement { throw disagreement }
        return file.workspace.loadPath(number, of: request.runID, lease)
    }
}
