#if Postgres
import ByteCodecs
import Crypto
import PipelineCore

/// How the rows of one load travel to the server: their columns and form, and what is the same in every row.
struct CopyForm: Sendable {
    private enum Renderer {
        case binary(CopyBinaryRenderer)
        case text(CopyTextRenderer)
    }

    /// The columns of the COPY, in order.
    let columns: [String]
    private let renderer: Renderer
    private let window: Window
    private let schema: Schema
    private let key: MergeKey?
    /// Where an adopted table takes less than one of sluice's own.
    private let limits: CopyLimits
    private let blocks: BlockStorage

    /// How rows of `load` travel.
    ///
    /// - Parameters:
    ///   - load: The window, its columns and its dimensions.
    ///   - options: Mode and key.
    ///   - export: The export; a key means its rows alone.
    ///   - fit: How the values meet the columns of the table.
    ///   - blocks: Memory for the rows.
    /// - Throws: `SinkError` with the code `.configuration` where `merge` has no key.
    init(
        _ load: Load,
        _ options: PostgresSink.Options,
        export: ExportID,
        _ fit: TargetTable.Fit,
        blocks: BlockStorage
    ) throws(SinkError) {
        schema = load.schema
        window = load.window
        self.blocks = blocks
        let isMerge = options.mode == .merge
        // Without columns there are no rows that would need one.
        key = isMerge && !schema.columns.isEmpty ? try MergeKey(options.key, load, export) : nil
        columns = [OwnColumn.window] + (isMerge ? [OwnColumn.key] : []) + load.schema.names
        let constants = [CopyConstant.int64(load.window.id.value)]
        limits = CopyLimits(fit.limits, schema: load.schema)
        renderer =
            fit.isExact
            ? .binary(
                CopyBinaryRenderer(schema: load.schema, constants: constants, hasKey: key != nil, json: .json)
            )
            : .text(CopyTextRenderer(schema: load.schema, constants: constants, hasKey: key != nil, json: .json))
    }

    /// The columns for SQL.
    var columnList: String { columns.map(SQLText.name).joined(separator: ", ") }

    /// What stands before the first row.
    var header: [UInt8] { isBinary ? CopyBinaryRenderer.header : [] }
    /// What stands behind the last row.
    var trailer: [UInt8] { isBinary ? CopyBinaryRenderer.trailer : [] }

    private var isBinary: Bool { if case .binary = renderer { true } else { false } }

    /// The statement that begins the COPY into `table`.
    func copyStatement(into table: String) -> String {
        "COPY \(table) (\(columnList)) FROM STDIN WITH (FORMAT \(isBinary ? "binary" : "text"))"
    }

    func encode(_ batch: Batch) throws(SinkError) -> Block {
        var output = blocks.take(for: batch.bytes.count)
        let keys = key?.keys(of: batch) ?? []
        do throws(CopyMisfit) {
            if let misfit = limits.firstMisfit(in: batch) { throw misfit }
            switch renderer {
            case .binary(let renderer): try renderer.render(batch, keys: keys, into: &output)
            case .text(let renderer): try renderer.render(batch, keys: keys, into: &output)
            }
        } catch {
            throw SinkError(
                .value,
                "window \(window), row \(batch.rowNumber(at: error.row) + 1), column \(schema.columns[error.column].name):"
                    + " \(error.reason); correct it at the source, cast the column, or leave its field out"
            )
        }
        return Block(bytes: output, rowCount: batch.rowCount, plainCount: output.count)
    }

    /// The rows that `encode` has no form for.
    func misfits(in batch: Batch) -> [Misfit] {
        let found = CopyCheck(schema: schema, json: .json).misfits(in: batch) + limits.misfits(in: batch)
        var misfits: [Misfit] = []
        for misfit in found.sorted(by: { ($0.row, $0.column) < ($1.row, $1.column) })
        where misfit.row != misfits.last?.place {
            let column = schema.columns[misfit.column].name
            misfits.append(Misfit(place: misfit.row, column: column, reason: misfit.reason))
        }
        return misfits
    }

    /// Says that rows of one window have the same key.
    func repeatedKey(_ destination: String) -> SinkError {
        SinkError(
            .value,
            "\(destination), window \(window): several rows have the same key"
                + " (\(key?.names.joined(separator: ", ") ?? "")), so that one would hide the other; name the columns that"
                + " tell them apart with key:, or dedupe them in stages"
        )
    }
}

/// The key of a row in `merge`: 16 bytes of SHA-256 over its key cells in a canonical form.
struct MergeKey: Sendable {
    /// The columns of the key.
    let names: [String]
    private let renderer: KeyRenderer

    /// The key that the options name, or the dimensions of the query.
    ///
    /// Keys of two exports never meet: each touches only its own rows of a table they share.
    init(_ chosen: [String], _ load: Load, _ export: ExportID) throws(SinkError) {
        guard let names = chosen.isEmpty ? load.dimensions : chosen, !names.isEmpty else {
            throw SinkError(
                .configuration,
                "postgres: a stage leaves out a dimension of the query, so the rows have no key of their own; name the"
                    + " columns that identify a row: key: [date, …]"
            )
        }
        self.names = names
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
        renderer = KeyRenderer(
            schema: load.schema,
            columns: positions,
            start: "\(export.job.utf8.count):\(export.job)\(export.export.utf8.count):\(export.export)"
        )
    }

    /// 16 bytes for each row.
    func keys(of batch: Batch) -> [UInt8] {
        var (rendered, ends): ([UInt8], [Int]) = ([], [])
        renderer.render(batch, into: &rendered, ends: &ends)
        var keys: [UInt8] = []
        keys.reserveCapacity(ends.count * CopyBinaryRenderer.keyCount)
        var start = 0
        for end in ends {
            var hash = SHA256()
            unsafe rendered.withUnsafeBytes { unsafe hash.update(bufferPointer: .init(rebasing: $0[start..<end])) }
            keys += hash.finalize().prefix(CopyBinaryRenderer.keyCount)
            start = end
        }
        return keys
    }
}
#endif
