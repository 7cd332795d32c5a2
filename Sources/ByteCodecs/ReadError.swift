/// Why the body of an answer cannot be read, and where.
///
/// It holds positions, never a byte of the body.
public struct ReadError: Error, Hashable, Sendable {
    /// What is wrong with a body.
    public enum Problem: Hashable, Sendable {
        /// The byte fits nothing that JSON allows there.
        case syntax
        /// The body ended before its root object did.
        case truncated
        /// The body is not a JSON object.
        case notAnObject
        /// `data` is neither an array nor null.
        case dataNotAnArray
        /// An element of `data` is not an array.
        case rowNotAnArray
        /// A row has more or fewer cells than there are columns.
        case cellCount(expected: Int)
        /// `meta`, `data` or `error` stands twice.
        case repeatedMember
        /// Arrays and objects are nested deeper than allowed.
        case tooDeep(limit: Int)
        /// A row, or a value outside the rows, is longer than allowed.
        case tooLong(limit: Int)
        /// Text outside the rows is no Unicode.
        case badText(TextFault)
        /// The first row is not the row that the reader was told to expect.
        case firstRowDiffers
        /// Rows begin although no columns were given.
        case columnsUnknown
    }

    /// What is wrong.
    public var problem: Problem
    /// The byte of the body at which it shows, counted from 0.
    public var offset: Int
    /// The row's number within its window, counted from 0; nil outside the rows.
    public var row: Int?
    /// The cell's place in its row, counted from 0; nil outside a row.
    public var column: Int?

    /// An error at this place.
    public init(_ problem: Problem, offset: Int, row: Int? = nil, column: Int? = nil) {
        self.problem = problem
        self.offset = offset
        self.row = row
        self.column = column
    }
}

extension ReadError: CustomStringConvertible {
    /// What is wrong, where, and what to do; rows and columns are counted from 1, as people do.
    public var description: String {
        var place = "byte \(offset)"
        if let row { place += ", row \(row + 1)" }
        if let column { place += ", column \(column + 1)" }
        return "cannot read the answer's body at \(place): \(problem)"
    }
}

extension ReadError.Problem: CustomStringConvertible {
    /// The problem and its cure, as a clause without a full stop.
    public var description: String {
        switch self {
        case .syntax: "it is not valid JSON; fetch it again"
        case .truncated: "it ends before its JSON object does; fetch it again"
        case .notAnObject: "it is not a JSON object; check the base URL and what stands between here and the API"
        case .dataNotAnArray: "`data` is not an array; ask for the format `json`"
        case .rowNotAnArray: "a row is not an array; ask for the format `json`"
        case .cellCount(let expected): "the row does not have \(expected) cells; check the fields of the query"
        case .repeatedMember: "a member of the root object stands twice; fetch it again"
        case .tooDeep(let limit): "values are nested deeper than \(limit) levels"
        case .tooLong(let limit): "a row or value is longer than \(limit) bytes"
        case .badText(let fault): "\(fault) outside the rows; fetch it again"
        case .firstRowDiffers: "it does not continue where the last one broke off; run the query again"
        case .columnsUnknown: "rows begin before the columns are known"
        }
    }
}

/// Why the inside of a JSON string is no Unicode text.
public enum TextFault: Hashable, Sendable, CustomStringConvertible {
    /// Bytes that are no UTF-8 (Unicode Standard, table 3-7).
    case invalidUTF8
    /// An escape of one half of a surrogate pair (RFC 8259 §8.2).
    case loneSurrogate

    /// The rule that is broken: `invalid UTF-8`, `lone surrogate`.
    public var description: String {
        switch self {
        case .invalidUTF8: "invalid UTF-8"
        case .loneSurrogate: "lone surrogate"
        }
    }
}
