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

    func ledger(of export: ExportID) throws(SinkError) -> Ledger {
        Ledger(
            attempts: try workspace.attempts(),
            reload: try workspace.reload(),
            staged: try workspace.staged(of: export)
        )
    }

    func begin(_ plan: RunPlan, of export: ExportID, _ lease: Lease) throws(SinkError) {
        try lease.verify()
        try workspace.addReload(plan.reload)
        try workspace.beginStaging(plan, of: export)
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
    func replace(with joined: String, _ windows: [WindowFolders.Entry], _ lease: Lease) throws {
        let rejected = joined + ".rejected"
        let hasRejected = try joinRejected(windows, into: rejected)
        try lease.verify()
        // The rows come last: whoever sees them finds the rows that were rejected beside them.
        if hasRejected { try FileSystem.rename(rejected, to: RejectedFile.path(beside: path)) }
        FaultPoint.pass("file.join.before-rename")
        try FileSystem.rename(joined, to: path)
        try FileSystem.sync(folder: FileSystem.parent(path))
        FaultPoint.pass("file.join.after-rename")
        if !hasRejected, try FileSystem.size(RejectedFile.path(beside: path)) != nil {
            try FileSystem.removeFile(RejectedFile.path(beside: path))
        }
        try workspace.settleAll()
        try workspace.dropStaged()
    }

    /// Joins the rejected rows of the windows; false where there are none.
    private func joinRejected(_ windows: [WindowFolders.Entry], into path: String) throws -> Bool {
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

/// Files joined into one must have the same columns.
enum ColumnAgreement {
    static func agree(_ first: Schema, _ second: Schema) -> Bool {
        first.columns.count == second.columns.count
            && zip(first.columns, second.columns).allSatisfy { $0.name == $1.name && $0.type == $1.type }
    }

    static func require(_ windows: [(window: Window, schema: Schema)], _ destination: String) throws(SinkError) {
        guard let first = windows.first else { return }
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
