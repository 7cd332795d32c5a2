#if Postgres
import ByteCodecs
import PipelineCore

/// How the rejected rows of one load travel into the ledger: by COPY, with what they share in every row.
struct RejectedRows: Sendable {
    /// Rows are held until so many bytes of them are there, since a connection runs one COPY at a time.
    static let bufferedBytes = 4 << 20

    private static let columns = [
        Column(name: "row_number", type: .int64), Column(name: "page", type: .int64),
        Column(name: "column_name", type: .text), Column(name: "stage", type: .text), Column(name: "rule", type: .text),
        Column(name: "request_id", type: .text), Column(name: "cells", type: .json),
    ]
    private static let shared = ["table_schema", "table_name", "job", "export", "run_id", "window_id"]

    private let renderer: CopyTextRenderer

    /// Rows of `window`, rejected in the run `runID`.
    init(of window: Window, _ export: ExportID, runID: String, in table: TableName) {
        renderer = CopyTextRenderer(
            schema: Schema(Self.columns),
            constants: [
                .text(table.schema), .text(table.name), .text(export.job), .text(export.export), .text(runID),
                .int64(window.id.value),
            ],
            json: .json
        )
    }

    /// The statement that begins the COPY into `table`.
    static func copyStatement(into table: String) -> String {
        let names = (shared + columns.map(\.name)).map(SQLText.name).joined(separator: ", ")
        return "COPY \(table) (\(names)) FROM STDIN"
    }

    /// Appends the rows.
    ///
    /// - Parameters:
    ///   - rejects: The rows.
    ///   - output: Takes them.
    /// - Throws: `CopyMisfit` where a text holds what PostgreSQL's texts cannot.
    func render(_ rejects: Rejects, into output: inout [UInt8]) throws(CopyMisfit) {
        var batch = Batch(schema: Schema(Self.columns), bytes: [], cells: [], rowCount: rejects.rows.count)
        func append(_ kind: Cell.Kind, _ bytes: some Collection<UInt8>) {
            batch.cells.append(Cell(kind, offset: batch.bytes.count, length: bytes.count))
            batch.bytes += bytes
        }
        for reject in rejects.rows {
            append(.number, "\(reject.row + 1)".utf8)
            append(reject.page > 0 ? .number : .null, reject.page > 0 ? Array("\(reject.page)".utf8) : [])
            for text in [reject.column, reject.stage, reject.rule] { append(.raw, text.utf8) }
            append(reject.requestID == nil ? .null : .raw, Array((reject.requestID ?? "").utf8))
            append(.json, reject.cells.isEmpty ? Array("{}".utf8) : reject.cells)
        }
        try renderer.render(batch, into: &output)
    }
}
#endif
