import PipelineCore
import Synchronization

/// A run that loads windows into a folder.
final class FolderRun: SinkRun {
    private let folder: Folder
    private let files: FileTarget
    private let request: RunRequest
    private let lease: Lease
    private let queue: DiskQueue
    private let progress = Mutex(Progress())

    private struct Progress {
        var plan: RunPlan?
        var loads = 0
    }

    private init(_ folder: Folder, _ files: FileTarget, _ request: RunRequest, _ lease: Lease, _ queue: DiskQueue) {
        self.folder = folder
        self.files = files
        self.request = request
        self.lease = lease
        self.queue = queue
    }

    private var scratch: String { folder.workspace.scratchPath(lease) }

    static func withRun(
        _ folder: Folder,
        _ files: FileTarget,
        _ request: RunRequest,
        _ body: (any SinkRun) async throws -> Bool
    ) async throws {
        let queue = DiskQueue()
        let lease = try await Lease.acquire(
            in: folder.workspace.path,
            of: folder.description,
            request,
            on: queue
        )
        defer { lease.release() }
        let run = FolderRun(folder, files, request, lease, queue)
        do {
            try await queue.run { () throws(SinkError) in
                try folder.recover(lease)
                for window in try folder.windows(of: request.export) {
                    try folder.workspace.finishSettling(window.note.checkpoint)
                }
            }
            let isComplete = try await body(run)
            try Task.checkCancellation()
            if isComplete { try await run.finish() }
        } catch {
            // The first error is the one to tell; what could not be tidied is tidied by the next run.
            try? await queue.run { () throws(SinkError) in try folder.end(request.export, lease) }
            throw error
        }
        try await queue.run { () throws(SinkError) in try folder.end(request.export, lease) }
    }

    func ledger() async throws(SinkError) -> Ledger {
        try await queue.run { () throws(SinkError) in
            try self.folder.ledger(of: self.request.export, in: self.files.form)
        }
    }

    func begin(_ plan: RunPlan) async throws(SinkError) {
        try await queue.run { () throws(SinkError) in
            try self.folder.begin(plan, of: self.request.export, in: self.files.form, self.lease)
        }
        progress.withLock { $0.plan = plan }
    }

    func record(_ attempt: Attempt) async throws(SinkError) {
        try await queue.run { () throws(SinkError) in
            try self.lease.verify()
            try self.folder.workspace.record(attempt)
        }
    }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        let (number, replacesAll) = progress.withLock { progress in
            progress.loads += 1
            return (progress.loads, progress.plan?.replacesAll ?? false)
        }
        let session = PartSession(
            folder: folder.workspace.loadPath(number, of: request.runID, lease),
            fileName: files.partName,
            framing: .file,
            encoder: try files.encoder(for: load.schema),
            of: load.window
        )
        let note = try await session.run(under: lease, body) {
            [folder, lease, scratch] loaded, note throws(SinkError) in
            try JSONFile.write(note, to: "\(loaded)/\(WindowNote.fileName)")
            if replacesAll {
                try folder.workspace.stage(loaded, as: load.window)
            } else {
                try folder.publish(loaded, as: load.window, scratch: scratch, lease)
            }
        }
        return note.checkpoint
    }

    /// Makes the windows visible where the plan replaces all.
    private func finish() async throws(SinkError) {
        guard let plan = progress.withLock({ $0.plan }), plan.replacesAll else { return }
        try await queue.run { () throws(SinkError) in try self.folder.replaceAll(plan, self.lease) }
    }
}

extension PartSession {
    /// Runs `body` over a new file and, unless it throws, is cancelled or the lease is lost, publishes the folder with
    /// the note to keep, which it returns.
    nonisolated func run(
        under lease: Lease,
        _ body: (any LoadSession) async throws -> Checkpoint,
        publish: @Sendable (_ folder: String, WindowNote) throws(SinkError) -> Void
    ) async throws -> WindowNote {
        do {
            try await start()
            let checkpoint = try await body(self)
            try Task.checkCancellation()
            return try await commit { part, rejected throws(SinkError) in
                try lease.verify()
                let note = WindowNote(checkpoint: checkpoint, parts: [part], rejected: rejected)
                try publish(self.folder, note)
                return note
            }
        } catch {
            await abandon()
            // Who takes the lease away takes the folder too: the loss is the cause to tell, not the missing file.
            if let error = error as? SinkError, error.code == .destination { try await verify(lease) }
            throw error
        }
    }

    private func verify(_ lease: Lease) throws(SinkError) { try lease.verify() }
}
