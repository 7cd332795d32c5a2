import CFileShims
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

    private var joinedPath: String { workspace.path + "/joined" }

    func begin(_ plan: RunPlan, of export: ExportID, _ lease: Lease) throws(SinkError) {
        try lease.verify()
        try workspace.addReload(plan.reload)
        try workspace.beginStaging(plan, of: export)
    }

    /// Joins the staged windows of `plan` in its order and puts the result in the place of the file, in one step.
    func replace(_ plan: RunPlan, _ files: FileTarget, _ lease: Lease) throws {
        let windows = try workspace.requireAll(of: plan, path)
        try ColumnAgreement.require(windows.map { ($0.note.checkpoint.window, $0.note.checkpoint.schema) }, path)
        FaultPoint.pass("file.join.before")
        var joined = try OutputFile(creating: joinedPath, digesting: false)
        var member = GzipMember()
        let isGzip = files.compression != .none
        if isGzip { try joined.write(GzipMember.header) }
        if let first = windows.first {
            let header = try files.encoder(for: first.note.checkpoint.schema).header()
            try joined.write(header.bytes)
            member.append(plainCount: header.plainCount, crc: header.crc)
        }
        for (number, window) in windows.enumerated() {
            for part in window.note.parts {
                let source = "\(workspace.stagedPath)/\(window.path)/\(part.name)"
                let file = try FileSystem.open(source, O_RDONLY, to: "read")
                try joined.append(part.bytes, of: file, source)
                if let fragment = part.fragment {
                    member.append(plainCount: fragment.plainBytes, crc: fragment.crc32)
                }
            }
            if number == 0 { FaultPoint.pass("file.join.middle") }
        }
        if isGzip { try joined.write(member.trailer) }
        try joined.sync()
        if let mode = try FileSystem.permissions(path) { fchmod(joined.file.raw, mode) }
        let hasRejected = try joinRejected(windows)
        try lease.verify()
        // The rows come last: whoever sees them finds the rows that were rejected beside them.
        if hasRejected { try FileSystem.rename(rejectedPath, to: RejectedFile.path(beside: path)) }
        FaultPoint.pass("file.join.before-rename")
        try FileSystem.rename(joinedPath, to: path)
        try FileSystem.sync(folder: FileSystem.parent(path))
        FaultPoint.pass("file.join.after-rename")
        if !hasRejected, try FileSystem.size(RejectedFile.path(beside: path)) != nil {
            try FileSystem.removeFile(RejectedFile.path(beside: path))
        }
        try workspace.settleAll()
        try workspace.dropStaged()
    }

    private var rejectedPath: String { workspace.path + "/rejected" }

    /// Joins the rejected rows of the windows; false where there are none.
    private func joinRejected(_ windows: [WindowFolders.Entry]) throws -> Bool {
        guard windows.contains(where: { $0.note.rejected != nil }) else { return false }
        var joined = try OutputFile(creating: rejectedPath, digesting: false)
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

extension OutputFile {
    /// Appends `count` bytes of a file, in the kernel where it can.
    ///
    /// - Throws: `SinkError`, also where the file is shorter; `CancellationError` between two pieces.
    mutating func append(_ count: Int, of source: Descriptor, _ sourcePath: String) throws {
        try flush()
        var left = count
        var buffer: [UInt8] = []
        var copiesInKernel = true
        while left > 0 {
            try Task.checkCancellation()
            var copied = 0
            if copiesInKernel {
                copied = sluice_copy_range(source.raw, file.raw, min(left, 64 << 20))
                if copied < 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) {
                    copiesInKernel = false
                    continue
                }
                if copied < 0 { throw FileFailure.last("write", path).error }
                advance(copied)
            } else {
                try FileSystem.read(min(left, 1 << 20), from: source, sourcePath, into: &buffer)
                copied = buffer.count
                try write(buffer)
            }
            guard copied > 0 else {
                throw SinkError(
                    .destination,
                    "\(sourcePath) is shorter than its note says; remove \(FileSystem.parent(sourcePath)) "
                        + "and run again"
                )
            }
            left -= copied
        }
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
