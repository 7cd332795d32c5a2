#if Postgres
import ByteCodecs
import Crypto
import PipelineCore

/// How the rows of one load travel to the server: their columns and form, and what is the same in every row.
struct CopyForm: Sendable {
    /// The columns of the COPY, in order.
    let columns: [String]
    /// What stands before the first row.
    let header: [UInt8] = []
    /// What stands behind the last row.
    let trailer: [UInt8] = []
    private let window: WindowID
    /// The positions of the key's columns; nil where rows carry no hash of their key.
    private let key: [Int]?
    private let keyNames: [String]
    private let export: ExportID
    private let schema: Schema

    init(
        _ load: Load,
        mode: LoadMode,
        key names: [String],
        export: ExportID,
        _ isExact: Bool
    ) throws(SinkError) {
        schema = load.schema
        window = load.window.id
        self.export = export
        guard mode == .merge else {
            (key, keyNames) = (nil, [])
            columns = load.schema.names + [OwnColumn.window]
            return
        }
        guard let names = names.isEmpty ? load.dimensions : names, !names.isEmpty else {
            throw SinkError(
                .configuration,
                "postgres: a stage leaves out a dimension of the query, so the rows have no key of their own; name the"
                    + " columns that identify a row: key: [date, …]"
            )
        }
        var positions: [Int] = []
        for name in names {
            guard let position = load.schema.index(of: name) else {
                throw SinkError(
                    .configuration,
                    "postgres: the key names the column '\(name)', and none of that name lands"
                )
            }
            positions.append(position)
        }
        (key, keyNames) = (positions, names)
        columns = load.schema.names + [OwnColumn.window, OwnColumn.key]
    }

    /// The columns for SQL.
    var columnList: String { columns.map(SQLText.name).joined(separator: ", ") }

    func copyStatement(into table: String) -> String { "COPY \(table) (\(columnList)) FROM STDIN" }

    func encode(_ batch: Batch) throws(SinkError) -> Block {
        var output: [UInt8] = []
        let width = batch.columnCount
        var text: [UInt8] = []
        for row in 0..<batch.rowCount {
            for column in 0..<width {
                if column > 0 { output.append(UInt8(ascii: "\t")) }
                let cell = batch.cells[row * width + column]
                guard !cell.isNull else {
                    output += Array("\\N".utf8)
                    continue
                }
                text.removeAll(keepingCapacity: true)
                cell.appendText(in: batch.bytes.span, to: &text)
                for byte in text {
                    switch byte {
                    case UInt8(ascii: "\\"): output += Array("\\\\".utf8)
                    case UInt8(ascii: "\n"): output += Array("\\n".utf8)
                    case UInt8(ascii: "\r"): output += Array("\\r".utf8)
                    case UInt8(ascii: "\t"): output += Array("\\t".utf8)
                    default: output.append(byte)
                    }
                }
            }
            output += Array("\t\(window.value)".utf8)
            if let key {
                var hasher = SHA256()
                for position in key {
                    let cell = batch.cells[row * width + position]
                    text.removeAll(keepingCapacity: true)
                    cell.appendText(in: batch.bytes.span, to: &text)
                    hasher.update(data: Array("\(export) \(cell.isNull) \(text.count) ".utf8) + text)
                }
                let digits = hasher.finalize().prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                output += Array("\t\(digits.joined())".utf8)
            }
            output.append(UInt8(ascii: "\n"))
        }
        return Block(bytes: output, rowCount: batch.rowCount, plainCount: output.count)
    }

    /// Says that rows of one window have the same key.
    func repeatedKey(in window: Window, _ destination: String) -> SinkError {
        SinkError(
            .value,
            "\(destination), window \(window): several rows have the same key (\(keyNames.joined(separator: ", "))), so"
                + " that one would hide the other; name the columns that tell them apart with key:, or dedupe them in"
                + " stages"
        )
    }
}
#endif
