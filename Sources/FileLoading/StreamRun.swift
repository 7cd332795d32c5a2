import Glibc
import PipelineCore
import Synchronization

/// The rows of a window on their way to standard output.
struct Spool: Sendable {
    let folder: String
    let path: String
    let count: Int
    let plainCount: Int
    let crc: UInt32
}

/// A run that writes windows to standard output, in the order of the plan, each when it is whole and those before it
/// are written.
///
/// Nothing can be taken back there: what a run that fails has written is a row of whole windows from the first on, but
/// for the last where the run is stopped while it is written. The process ignores SIGPIPE from then on.
final class StreamRun: SinkRun {
    private let files: FileTarget
    private let writer: StreamWriter
    private let spoolFolder: String
    private let attempts = Mutex<[Attempt]>([])
    private let loads = Mutex(0)

    private init(_ output: Int32, _ files: FileTarget, spoolFolder: String) {
        self.files = files
        self.spoolFolder = spoolFolder
        writer = StreamWriter(output, files)
    }

    static func withRun(
        _ output: Int32,
        _ files: FileTarget,
        _ request: RunRequest,
        _ body: (any SinkRun) async throws -> Bool
    ) async throws {
        guard request.shard == nil else {
            throw SinkError(.configuration, "standard output is written by one whole run; use a folder with --shard")
        }
        // A reader that goes away is to be an error, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let folder = try SpoolFolder.make()
        defer { try? FileSystem.removeTree(folder) }
        let run = StreamRun(output, files, spoolFolder: folder)
        guard try await body(run) else { return }
        try Task.checkCancellation()
        try await run.writer.finish()
    }

    func ledger() async throws(SinkError) -> Ledger { Ledger(attempts: attempts.withLock { $0 }) }

    func begin(_ plan: RunPlan) async throws(SinkError) { await writer.begin(plan) }

    func record(_ attempt: Attempt) async throws(SinkError) {
        attempts.withLock { attempts in
            attempts.removeAll { $0.scheduleID == attempt.scheduleID && $0.window.id == attempt.window.id }
            attempts.append(attempt)
        }
    }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        try await writer.require(load)
        let number = loads.withLock { number in
            number += 1
            return number
        }
        let session = PartSession(
            folder: "\(spoolFolder)/\(number)",
            fileName: "rows",
            framing: .fragment,
            encoder: try files.encoder(for: load.schema),
            of: load.window
        )
        do {
            try await session.start()
            let checkpoint = try await body(session)
            try Task.checkCancellation()
            try await writer.deliver(session.finishSpool(), of: load.window)
            attempts.withLock { $0.removeAll { $0.window.id == load.window.id } }
            return checkpoint
        } catch {
            await session.abandon()
            throw error
        }
    }
}

/// Where windows wait until they are written out.
private enum SpoolFolder {
    static func make() throws(SinkError) -> String {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let path = FileSystem.canonical(base) + "/sluice-\(getpid())-XXXXXX"
        var template = Array(path.utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else { return nil }
            return unsafe String(cString: made)
        }
        guard let made else { throw FileFailure.last("create a folder in", base).error }
        return made
    }
}

/// Writes whole windows to standard output, on a thread of its own.
private actor StreamWriter {
    private nonisolated let executor = QueueExecutor("sluice.output")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private static let name = FileTarget.standardOutput
    private let output: Descriptor
    private let files: FileTarget
    private let pieceSize: Int
    private var order: [Window] = []
    private var written = 0
    private var waiting: [WindowID: Spool] = [:]
    private var model: (window: Window, schema: Schema)?
    private var member = GzipMember()
    private var hasBegun = false
    /// Why nothing more can be written.
    private var failure: SinkError?

    init(_ output: Int32, _ files: FileTarget) {
        self.output = Descriptor(dup(output))
        self.files = files
        // What a pipe that can be written takes without letting the writer wait (pipe(7)); a file never does.
        pieceSize = self.output.isRegularFile ? 256 << 10 : Int(PIPE_BUF)
    }

    func begin(_ plan: RunPlan) { order = plan.windows }

    /// Fails unless the window has the columns of those before it.
    func require(_ load: Load) throws(SinkError) {
        if let failure { throw failure }
        guard let model else {
            if !load.schema.columns.isEmpty { model = (load.window, load.schema) }
            return
        }
        guard ColumnAgreement.agree(model.schema, load.schema) else {
            throw ColumnAgreement.error(model, (load.window, load.schema), Self.name)
        }
    }

    /// Takes a window; writes it, and those that waited for it, if it is its turn.
    func deliver(_ spool: Spool, of window: Window) throws {
        if let failure { throw failure }
        waiting[window.id] = spool
        while written < order.count, let next = waiting.removeValue(forKey: order[written].id) {
            // Before any window with columns there are no rows.
            if model != nil { try writeBeginning() }
            try copy(next)
            member.append(plainCount: next.plainCount, crc: next.crc)
            written += 1
        }
    }

    func finish() throws {
        guard written == order.count else {
            throw SinkError(
                .destination,
                "\(Self.name): the window \(order[written]) was not loaded, so what follows is not written"
            )
        }
        try writeBeginning()
        if files.compression != .none { try write(member.trailer) }
    }

    private func writeBeginning() throws {
        guard !hasBegun else { return }
        hasBegun = true
        if files.compression != .none { try write(GzipMember.header) }
        guard let model else { return }
        let header = try files.encoder(for: model.schema).header()
        try write(header.bytes)
        member.append(plainCount: header.plainCount, crc: header.crc)
    }

    private func copy(_ spool: Spool) throws {
        let file = try FileSystem.open(spool.path, O_RDONLY, to: "read")
        var (buffer, left) = ([UInt8](), spool.count)
        while left > 0 {
            try FileSystem.read(min(left, 256 << 10), from: file, spool.path, into: &buffer)
            guard !buffer.isEmpty else { throw SinkError(.destination, "\(spool.path) was cut; run again") }
            try write(buffer)
            left -= buffer.count
        }
        try FileSystem.removeTree(spool.folder)
    }

    /// Writes all of it as its reader takes it.
    ///
    /// - Throws: `SinkError`, then and from then on; `CancellationError` also while the reader takes nothing.
    private func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            try Task.checkCancellation()
            guard output.takesBytes(within: .milliseconds(100)) else { continue }
            let end = min(written + pieceSize, bytes.count)
            do throws(SinkError) {
                try FileSystem.write(bytes.span.extracting(written..<end), to: output, Self.name)
            } catch {
                failure = error
                throw error
            }
            written = end
        }
    }
}
