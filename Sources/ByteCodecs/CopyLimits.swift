public import PipelineCore

/// What a column of a table that somebody else made takes less than sluice's own would.
public struct CopyLimit: Hashable, Sendable {
    /// How its type is narrower.
    public enum Form: Hashable, Sendable {
        /// Text of at most so many characters: `character varying(n)`.
        case characters(Int)
        /// Whole numbers of less than 64 bits: `integer`, `smallint`.
        case range(ClosedRange<Int64>)
        /// `jsonb` for JSON.
        case jsonb
    }

    /// How its type is narrower; nil where it is not.
    public var form: Form?
    /// Whether it takes null.
    public var takesNull: Bool
    /// The type as the server writes it, for the reason.
    public var type: String

    /// A limit of a column of this type.
    public init(_ form: Form?, takesNull: Bool = true, type: String) {
        self.form = form
        self.takesNull = takesNull
        self.type = type
    }
}

/// Tells which values do not fit the narrower columns of a table, before a server sees them.
///
/// It would refuse most of them, one at a time and with all the rows of the COPY, and cut spaces off the end of a text
/// that is too long ("Character Types").
public struct CopyLimits: Sendable {
    private let limits: [(column: Int, limit: CopyLimit)]
    private let width: Int

    /// The limits of a table's columns.
    ///
    /// - Parameters:
    ///   - limits: By the name of the column.
    ///   - schema: The columns of the batches.
    public init(_ limits: [String: CopyLimit], schema: Schema) {
        self.limits = schema.columns.enumerated().compactMap { index, column in
            limits[column.name].map { (index, $0) }
        }
        width = schema.columns.count
    }

    /// The first value of a batch that does not fit; nil where all do.
    public func firstMisfit(in batch: borrowing Batch) -> CopyMisfit? {
        guard !limits.isEmpty else { return nil }
        let (cells, bytes) = (batch.cells.span, batch.bytes.span)
        var scratch: [UInt8] = []
        for row in 0..<batch.rowCount {
            if let misfit = misfit(in: row, cells, bytes, &scratch) { return misfit }
        }
        return nil
    }

    /// The first such value of every row that has one, row by row.
    public func misfits(in batch: borrowing Batch) -> [CopyMisfit] {
        guard !limits.isEmpty else { return [] }
        let (cells, bytes) = (batch.cells.span, batch.bytes.span)
        var scratch: [UInt8] = []
        return (0..<batch.rowCount).compactMap { misfit(in: $0, cells, bytes, &scratch) }
    }

    private func misfit(
        in row: Int,
        _ cells: Span<Cell>,
        _ bytes: Span<UInt8>,
        _ scratch: inout [UInt8]
    ) -> CopyMisfit? {
        for (column, limit) in limits {
            let cell = cells[row &* width &+ column]
            guard !Self.fits(cell, limit, bytes, &scratch) else { continue }
            return CopyMisfit(row: row, column: column, reason: Self.reason(cell, limit, bytes))
        }
        return nil
    }

    private static func fits(
        _ cell: Cell,
        _ limit: CopyLimit,
        _ bytes: Span<UInt8>,
        _ scratch: inout [UInt8]
    ) -> Bool {
        guard cell.kind != .null else { return limit.takesNull }
        switch limit.form {
        case nil: return true
        case .characters(let most):
            // No character has less than a byte, in the cell or out of it.
            guard cell.length > most else { return true }
            scratch.removeAll(keepingCapacity: true)
            cell.appendText(in: bytes, to: &scratch)
            return scratch.count { $0 & 0xC0 != 0x80 } <= most
        case .range(let range):
            scratch.removeAll(keepingCapacity: true)
            cell.appendText(in: bytes, to: &scratch)
            // What is no whole number at all is no matter of limits.
            return DecimalText(scratch.span)?.int64(scratch.span).map(range.contains) ?? true
        case .jsonb: return CopyCheck.reason(jsonb: cell.kind, bytes.extracting(cell.range)) == nil
        }
    }

    private static func reason(_ cell: Cell, _ limit: CopyLimit, _ bytes: Span<UInt8>) -> String {
        guard cell.kind != .null else { return "null, which the column of the table does not take" }
        return switch limit.form {
        case .characters, nil: "longer than \(limit.type), the column of the table"
        case .range: "out of the range of \(limit.type), the column of the table"
        case .jsonb: CopyCheck.reason(jsonb: cell.kind, bytes.extracting(cell.range)) ?? "not jsonb"
        }
    }
}
