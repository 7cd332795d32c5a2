import Glibc
import PipelineCore

/// The hidden folder beside the visible rows: notes of the run that is under way, and what is not visible yet.
///
/// `attempts/WINDOW/` and `reload/WINDOW` are notes, `staged/` holds windows that become visible together, and each run
/// writes in `run/`, or each shard in `shard-I-of-N/`. Every call is synchronous and durable when it returns.
struct Workspace: Sendable {
    let path: String

    private var attemptsPath: String { path + "/attempts" }
    private var reloadPath: String { path + "/reload" }
    var stagedPath: String { path + "/staged" }
    private var planPath: String { stagedPath + "/plan.json" }
    var scratchNames: [String] {
        get throws(SinkError) {
            try FileSystem.names(in: path).filter { $0 == Slot.whole.name || $0.hasPrefix("shard-") }
        }
    }

    /// The folder in which a run writes what nobody looks at yet.
    func scratchPath(_ lease: Lease) -> String { "\(path)/\(lease.slot.name)" }

    /// The folder of a run's load; not even a run that lost its lease and does not know it yet has the same.
    func loadPath(_ number: Int, of runID: String, _ lease: Lease) -> String {
        "\(scratchPath(lease))/\(runID.percentEncoded)-\(number)"
    }

    // MARK: Attempts

    func record(_ attempt: Attempt) throws(SinkError) {
        let folder = "\(attemptsPath)/\(attempt.window.id)"
        try FileSystem.makeFolders(folder)
        try JSONFile.write(attempt, to: "\(folder)/\(attempt.scheduleID.percentEncoded).json")
    }

    /// The attempts noted, oldest first.
    func attempts() throws(SinkError) -> [Attempt] {
        var result: [Attempt] = []
        for window in try FileSystem.names(in: attemptsPath) {
            for name in try FileSystem.names(in: "\(attemptsPath)/\(window)") where name.hasSuffix(".json") {
                if let attempt = try JSONFile.read(Attempt.self, from: "\(attemptsPath)/\(window)/\(name)") {
                    result.append(attempt)
                }
            }
        }
        return result.sorted { ($0.startedAt, $0.scheduleID) < ($1.startedAt, $1.scheduleID) }
    }

    // MARK: Windows to load again

    func addReload(_ windows: [WindowID]) throws(SinkError) {
        guard !windows.isEmpty else { return }
        try FileSystem.makeFolders(reloadPath)
        for window in windows {
            _ = try FileSystem.open("\(reloadPath)/\(window)", O_WRONLY | O_CREAT, to: "create")
        }
        try FileSystem.sync(folder: reloadPath)
    }

    func removeReload(_ windows: [WindowID]) throws(SinkError) {
        for window in windows { try FileSystem.removeFile("\(reloadPath)/\(window)") }
    }

    func reload() throws(SinkError) -> Set<WindowID> {
        Set(try FileSystem.names(in: reloadPath).compactMap(WindowID.init(hexadecimal:)))
    }

    /// Drops every note that the window is still to be loaded.
    func settle(_ window: WindowID) throws(SinkError) {
        // The attempts go last: as long as one is there, `finishSettling` sees that this was not done.
        try removeReload([window])
        try FileSystem.removeTree("\(attemptsPath)/\(window)")
    }

    /// Does what a run left undone that died between the commit of a window and the end of `settle`: a query whose rows
    /// are committed is noted as one to be found again.
    func finishSettling(_ committed: Checkpoint) throws(SinkError) {
        let noted = try FileSystem.names(in: "\(attemptsPath)/\(committed.window.id)")
        guard committed.scheduleIDs.contains(where: { noted.contains("\($0.percentEncoded).json") }) else { return }
        try settle(committed.window.id)
    }

    /// Drops the notes of all windows.
    func settleAll() throws(SinkError) {
        try FileSystem.removeTree(attemptsPath)
        try FileSystem.removeTree(reloadPath)
    }

    // MARK: Windows that become visible together

    /// The plan under which windows are staged, the export they belong to, and the form of their rows.
    struct StagedPlan: Codable, Sendable {
        var export: ExportID
        var plan: RunPlan
        var form: String
    }

    /// The unfinished run of `export` that staged windows with rows in this form; nil where there is none.
    func staged(of export: ExportID, in form: String) throws(SinkError) -> Ledger.Staged? {
        guard let planned = try JSONFile.read(StagedPlan.self, from: planPath), planned.export == export,
            planned.form == form
        else { return nil }
        var checkpoints: [WindowID: Checkpoint] = [:]
        for entry in try stagedWindows() { checkpoints[entry.note.checkpoint.window.id] = entry.note.checkpoint }
        return Ledger.Staged(plan: planned.plan, checkpoints: checkpoints)
    }

    /// The staged windows whose files are whole, in window order.
    func stagedWindows() throws(SinkError) -> [WindowFolders.Entry] {
        var whole: [WindowFolders.Entry] = []
        for entry in try WindowFolders.read(stagedPath) where try WindowFolders.isWhole(entry, in: stagedPath) {
            whole.append(entry)
        }
        return whole
    }

    /// Starts or goes on staging the windows of `plan`: keeps what a run of it can use, removes the rest.
    func beginStaging(_ plan: RunPlan, of export: ExportID, in form: String) throws(SinkError) {
        var planned = StagedPlan(export: export, plan: plan, form: form)
        if let staged = try staged(of: export, in: form) {
            let usable = staged.usable(by: plan)
            for entry in try WindowFolders.read(stagedPath) where usable[entry.note.checkpoint.window.id] == nil {
                try FileSystem.removeTree("\(stagedPath)/\(entry.path)")
            }
            // What was loaded first says how long the whole may be used.
            if !usable.isEmpty { planned.plan.createdAt = staged.plan.createdAt }
        } else {
            try dropStaged()
        }
        try FileSystem.makeFolders(stagedPath)
        try JSONFile.write(planned, to: planPath)
    }

    /// Keeps the folder `loaded` until all windows of the run are loaded.
    func stage(_ loaded: String, as window: Window) throws(SinkError) {
        let target = stagedPath + "/" + window.folderPath
        try FileSystem.removeTree(target)
        try FileSystem.makeFolders(FileSystem.parent(target))
        try FileSystem.rename(loaded, to: target)
        try FileSystem.sync(folder: FileSystem.parent(target))
        try settle(window.id)
    }

    /// Removes the staged windows; from its first step on no run uses any of them.
    func dropStaged() throws(SinkError) {
        try FileSystem.removeFile(planPath)
        try FileSystem.removeTree(stagedPath)
    }

    // MARK: Beginning and end

    /// Removes what killed runs left, all of it but the notes; for a run that nobody shares the folder with.
    ///
    /// - Parameter lease: The run's own.
    /// - Throws: `SinkError` where something cannot be removed.
    func removeLeavings(_ lease: Lease) throws(SinkError) {
        let kept = [attemptsPath, reloadPath, stagedPath] + lease.paths
        for name in try FileSystem.names(in: path) where !kept.contains("\(path)/\(name)") {
            try FileSystem.removeTree("\(path)/\(name)")
        }
    }

    /// Lets nobody look into the folder who may not read a file with these permissions.
    func hide(behind mode: mode_t) {
        // Another user's folder stays as that user made it.
        guard let present = try? FileSystem.permissions(path) else { return }
        _ = unsafe chmod(path, present & (0o700 | mode & 0o066 | (mode & 0o044) >> 2))
    }

    /// Removes the folder unless another run shares it or it holds something a later run can use.
    func leave(_ lease: Lease) throws(SinkError) {
        try lease.forgetHolder()
        guard try lease.excludeOthers() else { return }
        for folder in [attemptsPath, reloadPath] {
            for name in try FileSystem.names(in: folder) { FileSystem.removeEmptyFolder("\(folder)/\(name)") }
            FileSystem.removeEmptyFolder(folder)
        }
        if try WindowFolders.outerNames(stagedPath).isEmpty { try dropStaged() }
        guard try FileSystem.names(in: path) == [Lease.fileName] else { return }
        // The lock goes last: until then nobody else can have begun.
        try FileSystem.removeFile(path + "/" + Lease.fileName)
        FileSystem.removeEmptyFolder(path)
    }
}

extension WindowID {
    /// Reads what `description` writes; nil for anything else.
    fileprivate init?(hexadecimal text: String) {
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else { return nil }
        self.init(Int64(bitPattern: value))
    }
}
