/// A run of rows, about 1 MiB of them: one arena of bytes and, row by row, a cell for each column.
///
/// The arena holds the bytes as the API sent them; a stage that changes a value appends the new bytes and points the
/// cell there. Bytes between the cells mean nothing.
public struct Batch: Sendable {
    /// The columns of every row.
    public var schema: Schema
    /// The arena.
    public var bytes: [UInt8]
    /// `rowCount × schema.columns.count` cells, row by row.
    public var cells: [Cell]
    /// How many rows.
    public var rowCount: Int
    /// The number of the first row within its window, counted from 0 before any stage.
    public var firstRow: Int
    /// The number of every row within its window; nil as long as they run on from `firstRow` without a gap.
    ///
    /// Rows that a stage made of one row have its number.
    public var rowNumbers: [Int]?

    /// A batch of rows that already stand in `bytes`; `cells` holds one cell per column for each of `rowCount` rows.
    public init(schema: Schema, bytes: [UInt8], cells: [Cell], rowCount: Int, firstRow: Int = 0) {
        self.schema = schema
        self.bytes = bytes
        self.cells = cells
        self.rowCount = rowCount
        self.firstRow = firstRow
    }

    /// How many cells a row has.
    public var columnCount: Int { schema.columns.count }

    /// The number within its window of the row at `place` in this batch.
    public func rowNumber(at place: Int) -> Int { rowNumbers?[place] ?? firstRow + place }
}

/// What an encoder hands its writer: the bytes to write and what they hold.
public struct Block: Sendable {
    /// The bytes, rendered and, where the destination is compressed, deflated.
    public var bytes: [UInt8]
    /// Rows in the block.
    public var rowCount: Int
    /// Bytes before compression; equal to `bytes.count` where there is none.
    public var plainCount: Int
    /// CRC-32 (RFC 1952 §8) of the bytes before compression; 0 where there is none.
    public var crc: UInt32

    /// A block of `rowCount` rows.
    public init(bytes: [UInt8], rowCount: Int, plainCount: Int, crc: UInt32 = 0) {
        self.bytes = bytes
        self.rowCount = rowCount
        self.plainCount = plainCount
        self.crc = crc
    }
}
