public import PipelineCore

/// What a `RowReader` finds in a body, in the order of the bytes.
public enum ReadEvent: Sendable {
    /// The value of `meta`, as sent.
    case meta([UInt8])
    /// The value of `error`, as sent; an `error` that is null is no event.
    case error([UInt8])
    /// The array `data` begins; its rows are read once the reader has a schema.
    case rowsBegin(afterMeta: Bool)
    /// The first element of `data`, as sent, where `beginBody` was told that it is a header row.
    case header([UInt8])
    /// A batch is complete; the second part names the rows that were left out of it.
    case batch(Batch, badRows: [BadRow])
    /// The body was read to its end and is a whole JSON object.
    case end(BodyFacts)
}

/// A row that is left out of its batch because one of its values is no Unicode text.
public struct BadRow: Hashable, Sendable {
    /// The row's number within its window, counted from 0.
    public var row: Int
    /// The first bad cell's place in the row, counted from 0.
    public var column: Int
    /// What is wrong with the value.
    public var fault: TextFault
    /// Where the row stands in the batch's bytes, as sent.
    public var range: Range<Int>
    /// Its cells over the batch's bytes; those with bad text are as sent.
    public var cells: [Cell]
}

/// What one body held.
public struct BodyFacts: Hashable, Sendable {
    /// Rows, without a row that was only repeated.
    public var rowCount = 0
    /// Bytes.
    public var byteCount = 0
    /// Whether there was a `meta`.
    public var hasMeta = false
    /// Whether there was a `data` other than null.
    public var hasData = false
    /// Whether there was an `error` other than null.
    public var hasError = false
}

/// How much a body may ask of its reader.
public struct ReadLimits: Hashable, Sendable {
    /// Levels of arrays and objects within one value, 1 to 64.
    public var depth: Int
    /// Bytes of one row, at most `Cell.maximumLength`.
    public var rowBytes: Int
    /// Bytes of one value outside the rows, such as `meta`.
    public var valueBytes: Int

    /// Limits; a number out of range is moved to the nearest one in range.
    public init(depth: Int = 64, rowBytes: Int = 64 << 20, valueBytes: Int = 16 << 20) {
        self.depth = min(max(depth, 1), 64)
        self.rowBytes = min(max(rowBytes, 2), Cell.maximumLength)
        self.valueBytes = max(valueBytes, 2)
    }
}
