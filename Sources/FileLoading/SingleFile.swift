import Glibc
import PipelineCore

/// A destination that is one file, replaced as a whole; every call is synchronous.
struct SingleFile: Sendable {
    let path: String
    /// Where a run of it keeps what is not visible yet: `.NAME.sluice` beside it.
    let workspace: Workspace

    init(_ path: String) {
        self.path = path
        let folder = FileSystem.parent(path)
        let name = path.utf8.dropFirst(folder == "/" ? 1 : folder.utf8.count + 1)
        workspace = Workspace(
            path: (folder == "/" ? "" : folder) + "/." + String(decoding: name, as: UTF8.self) + ".sluice"
        )
    }

    private var rejectedPath: String { RejectedFile.path(beside: path) }

    private static func exists(_ path: String) -> SinkError {
        SinkError(.destination, "\(path) exists; choose another name, or leave out --no-clobber")
    }

    /// Fails where the file could not be put into its place at the end, whatever is loaded.
    ///
    /// - Parameter keepsExisting: Whether a file that is there stands in the way.
    /// - Throws: `SinkError` saying what stands in the way and what to do.
    func requirePlace(keeping keepsExisting: Bool) throws(SinkError) {
        let folder = FileSystem.parent(path)
        if try FileSystem.exists(folder) {
            _ = try FileSystem.open(folder, O_RDONLY | O_DIRECTORY, to: "read the folder")
        }
        for place in [path, rejectedPath] {
            // Also finds names that are too long.
            guard let kind = try FileSystem.kind(place) else { continue }
            if keepsExisting { throw Self.exists(place) }
            guard kind == .folder else { continue }
            throw FileFailure(action: "replace", path: place, number: EISDIR).error
        }
        guard FileSystem.isMountPoint(path) else { return }
        throw SinkError(
            .destination,
            "\(path) is a mount by itself, so that no new file can take its place; mount the folder around it instead, "
                + "or write to another path"
        )
    }

    /// Removes what killed runs left, and makes the folder the run writes in.
    func prepare(_ lease: Lease) throws(SinkError) {
        try workspace.removeLeavings(lease)
        if let mode = try FileSystem.permissions(path) { workspace.hide(behind: mode) }
        try FileSystem.makeFolders(workspace.scratchPath(lease))
    }

    func ledger(of export: ExportID, in form: String) throws(SinkError) -> Ledger {
        Ledger(
            attempts: try workspace.attempts(),
            reload: try workspace.reload(),
            staged: try workspace.staged(of: export, in: form)
        )
    }

    func begin(_ plan: RunPlan, of export: ExportID, in form: String, _ lease: Lease) throws(SinkError) {
        try lease.verify()
        try workspace.addReload(plan.reload)
        try workspace.beginStaging(plan, of: export, in: form)
    }

    /// The staged windows of `plan` in its order.
    ///
    /// - Throws: `SinkError` where one is missing, or has other columns than the rest.
    func windows(of plan: RunPlan) throws(SinkError) -> [WindowFolders.Entry] {
        let windows = try workspace.requireAll(of: plan, path)
        try ColumnAgreement.require(windows.map { ($0.note.checkpoint.window, $0.note.checkpoint.schema) }, path)
        return windows
    }

    /// Puts the file `joined`, into which `windows` were joined, in the place of the file, in one step.
    ///
    /// - Parameters:
    ///   - joined: The new file.
    ///   - windows: The windows in it.
    ///   - mode: The permissions of the rejected rows; those of a new file where they are nil.
    ///   - keepsExisting: Whether to fail instead where there is a file now.
    ///   - lease: The run's own.
    /// - Throws: `SinkError`, with `.leaseLost` where the lease is gone; `CancellationError`.
    func replace(
        with joined: String,
        _ windows: [WindowFolders.Entry],
        mode: mode_t?,
        keeping keepsExisting: Bool,
        _ lease: Lease
    ) throws {
        let rejected = joined + ".rejected"
        let hasRejected = try joinRejected(windows, into: rejected, mode: mode)
        try lease.verify()
        // The rows come last: whoever sees them finds the rows that were rejected beside them.
        if hasRejected { try put(rejected, in: rejectedPath, keeping: keepsExisting) }
        FaultPoint.pass("file.join.before-rename")
        do {
            try put(joined, in: path, keeping: keepsExisting)
        } catch {
            if hasRejected, keepsExisting { try? FileSystem.removeFile(rejectedPath) }
            throw error
        }
        try FileSystem.sync(folder: FileSystem.parent(path))
        FaultPoint.pass("file.join.after-rename")
        if !hasRejected, !keepsExisting { try FileSystem.removeFile(rejectedPath) }
        try workspace.settleAll()
        try workspace.dropStaged()
    }

    private func put(_ file: String, in place: String, keeping keepsExisting: Bool) throws(SinkError) {
        guard keepsExisting else { return try FileSystem.rename(file, to: place) }
        guard try FileSystem.rename(file, toNew: place) else { throw Self.exists(place) }
    }

    /// Joins the rejected rows of the windows; false where there are none.
    private func joinRejected(_ windows: [WindowFolders.Entry], into path: String, mode: mode_t?) throws -> Bool {
        guard windows.contains(where: { $0.note.rejected != nil }) else { return false }
        var joined = try OutputFile(creating: path, digesting: false)
        var member = GzipMember()
        try joined.write(GzipMember.header)
        for window in windows {
            guard let part = window.note.rejected, let fragment = part.fragment else { continue }
            let source = "\(workspace.stagedPath)/\(window.path)/\(part.name)"
            try joined.append(part.bytes, of: try FileSystem.open(source, O_RDONLY, to: "read"), source)
            member.append(plainCount: fragment.plainBytes, crc: fragment.crc32)
        }
        try joined.write(member.trailer)
        if let mode { try FileSystem.setPermissions(mode, of: joined.file, path) }
        try joined.sync()
        return true
    }

    /// Leaves no more behind than a later run can use.
    func end(_ lease: Lease) throws(SinkError) {
        try lease.verify()
        try workspace.removeLeavings(lease)
        try workspace.leave(lease)
    }
}

/// Files joined into one must have the same columns, but for those without any.
enum ColumnAgreement {
    static func agree(_ first: Schema, _ second: Schema) -> Bool {
        if first.columns.isEmpty || second.columns.isEmpty { return true }
        return first.columns.count == second.columns.count
            && zip(first.columns, second.columns).allSatisfy { $0.name == $1.name && $0.type == $1.type }
    }

    static func require(_ windows: [(window: Window, schema: Schema)], _ destination: String) throws(SinkError) {
        guard let first = windows.first(where: { !$0.schema.columns.isEmpty }) else { return }
        for other in windows where !agree(first.schema, other.schema) { throw error(first, other, destination) }
    }

    static func error(
        _ first: (window: Window, schema: Schema),
        _ other: (window: Window, schema: Schema),
        _ destination: String
    ) -> SinkError {
        func text(_ schema: Schema) -> String {
            schema.columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
        }
        return SinkError(
            .schema,
            "\(destination): the windows of one file need the same columns, but \(first.window) has "
                + "(\(text(first.schema))) and \(other.window) has (\(text(other.schema))); pin the types with "
                + "`contract` or `cast`, or load into a folder"
        )
    }
}
