/// One converter step over batches, as a job file names it.
///
/// A stage is bound once per window, to the schema that reaches it; every mistake that the schema alone shows is found
/// there, before the first row.
public protocol Stage: Sendable {
    /// Ties the stage to the columns that reach it.
    ///
    /// - Parameter input: The columns the stage before hands on.
    /// - Returns: The step over batches of exactly these columns.
    /// - Throws: `StageError` with the code `.schema` where the stage does not fit the columns.
    func bind(to input: Schema) throws(StageError) -> any BoundStage
}

/// A stage tied to a schema.
public protocol BoundStage: Sendable {
    /// The columns it hands on.
    var output: Schema { get }

    /// Changes the batch in place.
    ///
    /// Synchronous, CPU only, called for many batches at once from several threads. On return the batch has the columns
    /// of `output`.
    /// - Parameters:
    ///   - batch: The rows; values that grow are appended to its arena.
    ///   - rejects: Takes the rows that cannot be converted, each with its number in the window, in row order; such a
    ///     row is taken out of the batch. Rows that are taken out or added for another reason are counted.
    /// - Throws: `StageError` where the window as a whole cannot go on.
    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError)
}

/// A row that could not be read or converted.
public struct Reject: Hashable, Sendable {
    /// The row's number within its window, counted from 0.
    public var row: Int
    /// The column whose value did not fit.
    public var column: String
    /// The stage it failed in; `read` before any stage, `load` behind all of them.
    public var stage: String
    /// The rule it broke, as a sentence a user understands and without a value: `not a date`.
    public var rule: String
    /// The row as it came, one JSON object with its columns as keys; empty where nobody keeps it.
    ///
    /// A value that came as JSON stands in it as it was written, so that lone surrogates may occur; bytes that are no
    /// UTF-8 are replaced. Cells that a `hash` stage reads are left out and say so.
    public var cells: [UInt8]
    /// The page it came with, counted from 1 within the window; 0 where nobody knows.
    public var page: Int
    /// The API's id of the request that brought the page.
    public var requestID: String?
    /// Of a row that its reader left out: its cells over the bytes of the batch it was left out of.
    package var read: [Cell] = []

    /// A row that broke `rule` in `column`.
    public init(row: Int, column: String, stage: String = "read", rule: String, cells: [UInt8] = []) {
        self.row = row
        self.column = column
        self.stage = stage
        self.rule = rule
        self.cells = cells
        page = 0
    }
}

/// What of one batch did not make it through the stages: rows with their reasons, in row order, and counts of others.
public struct Rejects: Sendable {
    /// The rejected rows.
    public private(set) var rows: [Reject] = []
    /// Rows that a `filter` stage left out.
    public var filtered = 0
    /// Rows that a `dedupe` stage left out.
    public var deduplicated = 0
    /// Rows that an `unpivot` stage made beyond those that reached it.
    public var added = 0

    /// No rows.
    public init() {}

    /// These rows, which stand in row order.
    public init(_ rows: [Reject]) { self.rows = rows }

    /// Adds a row.
    public mutating func append(_ reject: Reject) { rows.append(reject) }

    /// Where each rejected row came from, as `origin` knows it by the row's number.
    public mutating func locate(_ origin: (Int) -> (page: Int, requestID: String?)) {
        for index in rows.indices { (rows[index].page, rows[index].requestID) = origin(rows[index].row) }
    }
}

/// Why a stage cannot be bound or cannot go on.
public struct StageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of mistake it is.
    public enum Code: Hashable, Sendable {
        /// The stage does not fit the columns: a mistake in the job file.
        case schema
        /// The data break a limit or rule of the stage.
        case data
    }

    /// What kind of mistake it is.
    public var code: Code
    /// What failed, on which column, why, and what to do; never a value.
    public var description: String

    /// An error with this text.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
