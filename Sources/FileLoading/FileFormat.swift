public import PipelineCore

/// A file format, as a sink brings it: what a file is named, begins with, and how rows look in it.
///
/// Everything else about files is this room's: staging, compression, commit, join.
public protocol FileFormat: Sendable {
    /// The sink's kind, which is also the extension of file names: `csv`.
    var name: String { get }

    /// The options that decide how rows look, as text: rows of formats with the same name and dialect may stand in one
    /// file. Empty for formats without options.
    var dialect: String { get }

    /// Ties the format to the columns of a window.
    ///
    /// - Parameter schema: The columns that land.
    /// - Returns: What renders batches of exactly these columns.
    /// - Throws: `SinkError` with the code `.schema` where the format cannot hold these columns.
    func renderer(for schema: Schema) throws(SinkError) -> any RowRenderer
}

/// A file format tied to a schema.
public protocol RowRenderer: Sendable {
    /// What every file begins with, uncompressed: a byte-order mark, a header row; empty for formats without.
    var header: [UInt8] { get }

    /// Appends the rows of a batch; called for many batches at once from several threads.
    ///
    /// - Parameters:
    ///   - batch: Rows with the schema the renderer is tied to.
    ///   - output: Takes the bytes; it is reused from batch to batch, so that its storage is allocated once.
    /// - Throws: `SinkError` with the code `.value` where a value has no form in the format.
    func render(_ batch: Batch, into output: inout [UInt8]) throws(SinkError)
}

/// How the bytes of a file are compressed.
public enum FileCompression: Hashable, Sendable {
    /// Not at all.
    case none
    /// As one gzip member (RFC 1952), deflated at a level from 1 to 9.
    case gzip(level: Int)

    /// The level where none is asked for: zlib's own default.
    public static let defaultLevel = 6
    /// The levels there are.
    static let levels = 1...9
    /// What error texts ask for.
    static let expectedLevel = "1 (fast) to 9 (small)"
}
