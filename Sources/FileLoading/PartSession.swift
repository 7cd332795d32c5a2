import PipelineCore

/// How the rows of a window stand in the file they are written to.
enum Framing: Sendable {
    /// A file of its own, header and trailer included.
    case file
    /// Rows alone, to be joined with those of other windows.
    case fragment
}

/// One window being written to one file, in a folder nobody looks into.
actor PartSession: LoadSession {
    private nonisolated let executor = QueueExecutor("sluice.window")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    nonisolated let encoder: BlockEncoder
    /// The folder, which the session makes and, unless it is published, removes; no other run has its name.
    nonisolated let folder: String
    private let name: String
    private let framing: Framing
    private var file: OutputFile?
    private var member = GzipMember()
    private var rows = 0
    private let window: Window
    private var rejected: RejectedFile?

    init(folder: String, fileName: String, framing: Framing, encoder: BlockEncoder, of window: Window) {
        self.folder = folder
        self.encoder = encoder
        self.framing = framing
        self.window = window
        name = fileName
    }

    private var isGzip: Bool { encoder.tools.compression != .none }

    func start() throws(SinkError) {
        // The folder around it was made under the lease. Where that is gone, so is the lease, and nothing is made anew.
        try FileSystem.makeNewFolder(folder)
        file = try OutputFile(creating: folder + "/" + name, digesting: framing == .file)
        guard framing == .file else { return }
        if isGzip { try file?.write(GzipMember.header) }
        try append(encoder.header())
    }

    nonisolated func encode(_ batch: Batch) throws(SinkError) -> Block { try encoder.encode(batch) }

    func write(_ block: Block) throws(SinkError) {
        try append(block)
        encoder.recycle(block)
    }

    func quarantine(_ rejects: Rejects) throws(SinkError) {
        if rejected == nil { rejected = try RejectedFile(in: folder, framing) }
        try rejected?.append(rejects, of: window)
    }

    private func append(_ block: Block) throws(SinkError) {
        try file?.write(block.bytes)
        member.append(plainCount: block.plainCount, crc: block.crc)
        rows += block.rowCount
    }

    /// Ends the file durably and hands it to `publish`, which moves the folder to where it belongs.
    func commit<R: Sendable>(
        _ publish: @Sendable (_ rows: PartNote, _ rejected: PartNote?) throws(SinkError) -> R
    ) throws(SinkError) -> R {
        if framing == .file, isGzip { try file?.write(member.trailer) }
        FaultPoint.pass("file.part.before-sync")
        try file?.sync()
        FaultPoint.pass("file.part.after-sync")
        let rejects = try rejected?.finish()
        rejected = nil
        let fragment = PartNote.Fragment(plainBytes: member.plainCount, crc32: member.crc)
        let note = PartNote(
            name: name,
            rows: rows,
            bytes: file?.count ?? 0,
            sha256: file?.sha256,
            fragment: framing == .fragment ? fragment : nil
        )
        file = nil
        return try publish(note, rejects)
    }

    /// Ends the file without bringing it to the device: it is read once, and its folder is the reader's to remove.
    func finishSpool() throws(SinkError) -> Spool {
        guard rejected == nil else {
            throw SinkError(
                .configuration,
                "\(FileTarget.standardOutput) has no place for bad rows; load into a file, or write on_bad_row: fail"
            )
        }
        try file?.flush()
        let count = file?.count ?? 0
        file = nil
        return Spool(
            folder: folder,
            path: folder + "/" + name,
            count: count,
            plainCount: member.plainCount,
            crc: member.crc
        )
    }

    /// Removes what was written.
    func abandon() {
        file = nil
        rejected = nil
        try? FileSystem.removeTree(folder)
    }
}
