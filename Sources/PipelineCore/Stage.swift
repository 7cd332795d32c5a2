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
    ///   - rejects: Takes the rows that cannot be converted; such a row is taken out of the batch.
    /// - Throws: `StageError` where the window as a whole cannot go on.
    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError)
}

/// A row that a stage could not convert; holds no value of the row.
public struct Reject: Hashable, Sendable {
    /// The row's number within its window, counted from 0.
    public var row: Int
    /// The column whose value did not fit.
    public var column: String
    /// The rule it broke, as a sentence a user understands: `not a date`.
    public var rule: String

    /// A row that broke `rule` in `column`.
    public init(row: Int, column: String, rule: String) {
        self.row = row
        self.column = column
        self.rule = rule
    }
}

/// The rows of one batch that did not make it through the stages, in row order.
public struct Rejects: Sendable {
    /// The rejected rows.
    public private(set) var rows: [Reject] = []

    /// No rows.
    public init() {}

    /// Adds a row.
    public mutating func append(_ reject: Reject) { rows.append(reject) }
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
