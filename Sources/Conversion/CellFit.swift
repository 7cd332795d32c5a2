import PipelineCore

/// Which cells of a column fit its type as they are.
struct CellFit: BitwiseCopyable, Sendable {
    /// The column's place in a row.
    let column: Int
    /// One bit per kind that fits whatever the bytes.
    private let kinds: UInt8
    /// Whether text fits that is a day.
    private let takesDays: Bool

    init(column: Int, kinds: [Cell.Kind], takesDays: Bool) {
        self.column = column
        self.kinds = kinds.reduce(0) { $0 | 1 << $1.rawValue }
        self.takesDays = takesDays
    }

    /// Whether the cell over `bytes` fits.
    @inline(__always)
    func covers(_ cell: Cell, in bytes: Span<UInt8>) -> Bool {
        if kinds >> cell.kind.rawValue & 1 != 0 { return true }
        return takesDays && cell.kind == .text && cell.length == 10 && PlainDay.isPlain(bytes, at: cell.offset)
    }
}
