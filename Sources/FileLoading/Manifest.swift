import PipelineCore

/// `_manifest.json` of a folder: every file of rows with its count, size and digest, derived from the checkpoints.
struct Manifest: Codable, Hashable, Sendable {
    static let fileName = "_manifest.json"

    /// One file of rows.
    struct Part: Codable, Hashable, Sendable {
        /// Below the folder the manifest stands in.
        var path: String
        var rows: Int
        var bytes: Int
        var sha256: String
    }

    var version = 1
    var export: ExportID
    var rows: Int
    var bytes: Int
    /// In window order.
    var parts: [Part]

    init(_ export: ExportID, _ windows: [WindowFolders.Entry]) {
        self.export = export
        parts = windows.flatMap { window in
            window.note.parts.map { part in
                Part(
                    path: "\(window.path)/\(part.name)",
                    rows: part.rows,
                    bytes: part.bytes,
                    sha256: part.sha256 ?? ""
                )
            }
        }
        rows = parts.reduce(0) { $0 + $1.rows }
        bytes = parts.reduce(0) { $0 + $1.bytes }
    }
}
