import PipelineCore

/// A destination that is a folder with one folder per window in it; every call is synchronous.
struct Folder: Sendable {
    let root: String
    let formatName: String
    /// Whether to try to exchange two folders in one step, as most file systems can.
    var exchanges = true

    var workspace: Workspace { Workspace(path: root + "/.staging") }
    /// As a user would write it.
    var description: String { root + "/" }
    private var replaceJournalPath: String { workspace.path + "/replace.json" }

    // MARK: What is there

    func ledger(of export: ExportID, in form: String) throws(SinkError) -> Ledger {
        let windows = try self.windows(of: export)
        var ledger = Ledger(reload: try workspace.reload(), staged: try workspace.staged(of: export, in: form))
        for window in windows {
            let checkpoint = window.note.checkpoint
            ledger.checkpoints[checkpoint.window.id] = checkpoint
            if try !WindowFolders.isWhole(window, in: root) { ledger.gone.insert(checkpoint.window.id) }
        }
        // A run killed between a commit and the end of its notes leaves notes of what the checkpoint already tells.
        ledger.attempts = try workspace.attempts().filter { attempt in
            ledger.checkpoints[attempt.window.id]?.scheduleIDs.contains(attempt.scheduleID) != true
        }
        return ledger
    }

    /// The windows that are visible.
    ///
    /// - Throws: `SinkError` where they belong to another export or are in another format.
    func windows(of export: ExportID) throws(SinkError) -> [WindowFolders.Entry] {
        let windows = try WindowFolders.read(root)
        for window in windows {
            let owner = window.note.checkpoint.export
            guard owner == export else {
                throw SinkError(
                    .configuration,
                    "\(description) holds windows of the export \(owner), so \(export) cannot load "
                        + "into it; give each export a folder of its own"
                )
            }
            guard window.note.parts.allSatisfy({ $0.name.hasPrefix("part-0.\(formatName)") }) else {
                throw SinkError(
                    .configuration,
                    "\(description) holds files of another format (\(window.path)), so no "
                        + "\(formatName) can be loaded into it; give each format a folder of its own"
                )
            }
        }
        return windows
    }

    // MARK: A run

    /// Completes what a killed run had decided, removes what it left, and makes the folder the run writes in.
    func recover(_ lease: Lease) throws(SinkError) {
        try lease.alone { () throws(SinkError) in
            for name in try workspace.scratchNames where name == lease.slot.name || !lease.isHeld(slotNamed: name) {
                let scratch = workspace.path + "/" + name
                for file in try FileSystem.names(in: scratch) where file.hasPrefix("swap-") && file.hasSuffix(".json") {
                    guard let journal = try JSONFile.read(SwapJournal.self, from: "\(scratch)/\(file)") else {
                        continue
                    }
                    try journal.complete(in: root, trash: scratch + "/trash")
                }
                try FileSystem.removeTree(scratch)
            }
            if let journal = try JSONFile.read(SwapJournal.self, from: replaceJournalPath) { try complete(journal) }
            if lease.slot == .whole { try workspace.removeLeavings(lease) }
        }
        try FileSystem.makeFolders(workspace.scratchPath(lease))
    }

    func begin(_ plan: RunPlan, of export: ExportID, in form: String, _ lease: Lease) throws(SinkError) {
        try lease.verify()
        guard !plan.replacesAll || lease.slot == .whole else {
            throw SinkError(
                .configuration,
                "\(description): a shard cannot replace all windows of an export; run without --shard"
            )
        }
        try accept(plan, of: export)
        try workspace.addReload(plan.reload)
        if plan.replacesAll {
            try workspace.beginStaging(plan, of: export, in: form)
        } else if lease.slot == .whole {
            try workspace.dropStaged()
        }
    }

    /// Notes at each window whose rows stay that they stay under the plan's fingerprint.
    private func accept(_ plan: RunPlan, of export: ExportID) throws(SinkError) {
        guard !plan.accepted.isEmpty else { return }
        let accepted = Set(plan.accepted)
        for window in try windows(of: export) where accepted.contains(window.note.checkpoint.window.id) {
            var note = window.note
            note.checkpoint.acceptedFingerprint = plan.fingerprint
            let path = "\(root)/\(window.path)/\(WindowNote.fileName)"
            try JSONFile.write(note, to: path, draft: "\(workspace.path)/\(WindowNote.fileName)")
        }
        try workspace.removeReload(plan.accepted)
    }

    /// Makes the folder `loaded`, which is complete and durable, the window's folder, in one step.
    func publish(_ loaded: String, as window: Window, scratch: String, _ lease: Lease) throws(SinkError) {
        let target = root + "/" + window.folderPath
        try FileSystem.makeFolders(FileSystem.parent(target))
        try lease.verify()
        FaultPoint.pass("file.window.before-rename")
        if try !FileSystem.exists(target) {
            try FileSystem.rename(loaded, to: target)
        } else {
            let isExchanged = exchanges ? try FileSystem.exchange(loaded, target) : false
            if !isExchanged { try swap(loaded, target, scratch: scratch) }
        }
        try FileSystem.sync(folder: FileSystem.parent(target))
        FaultPoint.pass("file.window.after-rename")
        try FileSystem.removeTree(loaded)
        try workspace.settle(window.id)
    }

    /// Two renames under a journal, for file systems that cannot exchange.
    private func swap(_ loaded: String, _ target: String, scratch: String) throws(SinkError) {
        func below(_ path: String) -> String {
            String(decoding: path.utf8.dropFirst(root.utf8.count + 1), as: UTF8.self)
        }
        let journal = SwapJournal(moves: [SwapJournal.Move(from: below(loaded), to: below(target))])
        let name = String(decoding: loaded.utf8.dropFirst(scratch.utf8.count + 1), as: UTF8.self)
        let (path, trash) = ("\(scratch)/swap-\(name).json", "\(scratch)/trash-\(name)")
        try JSONFile.write(journal, to: path)
        try journal.complete(in: root, trash: trash)
        try FileSystem.removeFile(path)
        try FileSystem.removeTree(trash)
    }

    /// Puts the staged windows in the place of all that is visible.
    func replaceAll(_ plan: RunPlan, _ lease: Lease) throws(SinkError) {
        try workspace.requireAll(of: plan, description)
        let entering = try WindowFolders.outerNames(workspace.stagedPath)
        // Only folders with a checkpoint leave: others are not this program's.
        let present = try WindowFolders.read(root).compactMap { $0.path.split(separator: "/").first.map(String.init) }
        let leaving = Set(present).subtracting(entering)
        try lease.verify()
        let journal = SwapJournal(
            moves: entering.map { SwapJournal.Move(from: ".staging/staged/\($0)", to: $0) },
            removals: leaving.sorted()
        )
        FaultPoint.pass("file.replace.before-journal")
        try JSONFile.write(journal, to: replaceJournalPath)
        FaultPoint.pass("file.replace.after-journal")
        try complete(journal)
    }

    private func complete(_ journal: SwapJournal) throws(SinkError) {
        let trash = workspace.path + "/trash"
        try journal.complete(in: root, trash: trash)
        FaultPoint.pass("file.replace.after-swap")
        try workspace.dropStaged()
        try workspace.settleAll()
        try FileSystem.removeFile(replaceJournalPath)
        try FileSystem.removeTree(trash)
    }

    /// Rebuilds the manifest and leaves no more behind than a later run can use.
    func end(_ export: ExportID, _ lease: Lease) throws(SinkError) {
        try lease.verify()
        try FileSystem.removeTree(workspace.scratchPath(lease))
        let rebuilt = Result { () throws(SinkError) in
            try lease.alone { () throws(SinkError) in try rebuildManifest(of: export) }
        }
        // A folder that turned out to be another export's is left as it was found.
        try workspace.leave(lease)
        try rebuilt.get()
    }

    private func rebuildManifest(of export: ExportID) throws(SinkError) {
        let windows = try self.windows(of: export)
        let path = "\(root)/\(Manifest.fileName)"
        let (bytes, old) = (
            try JSONFile.bytes(Manifest(export, windows), for: path), try FileSystem.contents(of: path)
        )
        if old == bytes || old == nil && windows.isEmpty { return }
        try FileSystem.replace(path, with: bytes, draft: "\(workspace.path)/\(Manifest.fileName)")
    }
}

extension Workspace {
    /// The staged windows of `plan`, all of them, in its order.
    ///
    /// - Throws: `SinkError` where one is missing: the caller says the run is complete, and it is not.
    @discardableResult func requireAll(
        of plan: RunPlan,
        _ destination: String
    ) throws(SinkError) -> [WindowFolders.Entry] {
        var staged: [WindowID: WindowFolders.Entry] = [:]
        for entry in try stagedWindows() { staged[entry.note.checkpoint.window.id] = entry }
        var result: [WindowFolders.Entry] = []
        for window in plan.windows {
            guard let entry = staged[window.id] else {
                throw SinkError(
                    .destination,
                    "\(destination): the window \(window) was not loaded, so nothing is replaced; run again"
                )
            }
            result.append(entry)
        }
        return result
    }
}
