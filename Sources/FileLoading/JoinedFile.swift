import Glibc
import PipelineCore

/// The file into which the windows of a run are joined, in the order of the plan.
///
/// Each window is joined as soon as those before it are, while later ones still load, so that little is left to do at
/// the end. Nothing depends on that head start: where it fails, or a window is no longer what was joined, `finish` joins
/// all of them anew.
actor JoinedFile {
    private nonisolated let executor = QueueExecutor("sluice.join")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Where it is written; no other run has this path, not even one that lost its lease and does not know it yet.
    nonisolated let path: String
    private let stagedPath: String
    private let files: FileTarget
    private var order: [Window] = []
    /// The windows that are staged and not in the file.
    private var waiting: [WindowID: WindowFolders.Entry] = [:]
    /// The windows that are in the file.
    private var entries: [WindowFolders.Entry] = []
    private var file: OutputFile?
    private var member = GzipMember()
    /// Whether no window is joined before the end any more.
    private var isGivenUp = false

    /// A file of the run `runID`, which is not made before it is needed.
    init(in workspace: Workspace, _ files: FileTarget, runID: String) {
        path = "\(workspace.path)/joined-\(runID.percentEncoded)"
        stagedPath = workspace.stagedPath
        self.files = files
    }

    /// Takes the windows in the order in which they are to stand, and those of them that earlier runs staged.
    func begin(_ order: [Window], staged: [WindowFolders.Entry]) {
        self.order = order
        for entry in staged { waiting[entry.note.checkpoint.window.id] = entry }
    }

    /// Takes a window that is staged now, and joins what can be joined by now.
    func add(_ window: WindowFolders.Entry) {
        guard !isGivenUp else { return }
        waiting[window.note.checkpoint.window.id] = window
        do {
            while entries.count < order.count, let next = waiting.removeValue(forKey: order[entries.count].id) {
                try append(next)
                file?.startWriteback()
            }
        } catch {
            // The windows are safe, and whatever is wrong is told where it matters: in `finish`.
            giveUp()
        }
    }

    /// Drops the head start: all is joined at the end.
    ///
    /// - Returns: Whether it took any room.
    @discardableResult func giveUp() -> Bool {
        defer { discard() }
        (isGivenUp, waiting) = (true, [:])
        return file != nil
    }

    /// Joins those of `windows` that are not joined yet, and brings the file to the device.
    ///
    /// - Parameters:
    ///   - windows: All windows, as they are staged.
    ///   - mode: The permissions the file gets; those of a new file where they are nil.
    /// - Throws: `SinkError`; `CancellationError`.
    func finish(_ windows: [WindowFolders.Entry], mode: mode_t?) throws {
        if !windows.starts(with: entries) { discard() }
        FaultPoint.pass("file.join.before")
        for window in windows[entries.count...] { try append(window) }
        if file == nil { try create(nil) }
        FaultPoint.pass("file.join.middle")
        if files.compression != .none { try file?.write(member.trailer) }
        if let mode, let file = file?.file { try FileSystem.setPermissions(mode, of: file, path) }
        try file?.sync()
    }

    private func append(_ window: WindowFolders.Entry) throws {
        let schema = window.note.checkpoint.schema
        guard !schema.columns.isEmpty else {
            // It has no rows either, and which names stand in front another window tells.
            entries.append(window)
            return
        }
        if file == nil { try create(schema) }
        for part in window.note.parts {
            let source = "\(stagedPath)/\(window.path)/\(part.name)"
            try file?.append(part.bytes, of: try FileSystem.open(source, O_RDONLY, to: "read"), source)
            if let fragment = part.fragment { member.append(plainCount: fragment.plainBytes, crc: fragment.crc32) }
        }
        entries.append(window)
    }

    /// Makes the file and writes what stands before the first row.
    private func create(_ schema: Schema?) throws(SinkError) {
        file = try OutputFile(creating: path, digesting: false)
        if files.compression != .none { try file?.write(GzipMember.header) }
        guard let schema else { return }
        let header = try files.encoder(for: schema).header()
        try file?.write(header.bytes)
        member.append(plainCount: header.plainCount, crc: header.crc)
    }

    private func discard() {
        file = nil
        (entries, member) = ([], GzipMember())
        try? FileSystem.removeFile(path)
    }
}
