/// What the cells of a column may hold once they are typed.
///
/// Its text is what a job file writes: `text`, `decimal`, `decimal(18,6)`, `int64`, `double`, `bool`, `date`,
/// `timestamp`, `json`.
public enum ColumnType: Hashable, Sendable, LosslessStringConvertible {
    /// UTF-8 text; the empty text and null are different values.
    case text
    /// Decimal digits of any precision, kept as written; with a size, exactly so many digits.
    case decimal(DecimalSize?)
    /// A whole number from -2^63 to 2^63-1.
    case int64
    /// An IEEE 754 binary64.
    case double
    /// True or false.
    case bool
    /// A calendar day, `2024-02-29`.
    case date
    /// A date and time without a zone, `2024-02-29 12:00:00`.
    case timestamp
    /// A JSON value, kept as written.
    case json

    /// Reads the text of a type; nil where there is no such type.
    public init?(_ text: String) {
        switch text {
        case "text": self = .text
        case "decimal": self = .decimal(nil)
        case "int64": self = .int64
        case "double": self = .double
        case "bool": self = .bool
        case "date": self = .date
        case "timestamp": self = .timestamp
        case "json": self = .json
        default:
            guard text.hasPrefix("decimal("), text.hasSuffix(")") else { return nil }
            let parts = text.dropFirst(8).dropLast().split(separator: ",", omittingEmptySubsequences: false)
            let numbers = parts.map { part in Int(part.drop { $0 == " " }) }
            guard parts.count == 2, let precision = numbers[0], let scale = numbers[1],
                let size = DecimalSize(precision: precision, scale: scale)
            else { return nil }
            self = .decimal(size)
        }
    }

    /// The text of the type, as a job file writes it.
    public var description: String {
        switch self {
        case .text: "text"
        case .decimal(nil): "decimal"
        case .decimal(let size?): "decimal(\(size.precision),\(size.scale))"
        case .int64: "int64"
        case .double: "double"
        case .bool: "bool"
        case .date: "date"
        case .timestamp: "timestamp"
        case .json: "json"
        }
    }
}

/// How many digits a sized decimal has in all, and how many of them after the point.
public struct DecimalSize: Hashable, Sendable {
    /// All digits, 1 to 1000 (the limit of PostgreSQL's `numeric`).
    public let precision: Int
    /// Digits after the point, 0 to `precision`.
    public let scale: Int

    /// Nil where the numbers are out of range.
    public init?(precision: Int, scale: Int) {
        guard (1...1000).contains(precision), (0...precision).contains(scale) else { return nil }
        self.precision = precision
        self.scale = scale
    }
}

extension ColumnType: Codable {
    /// Decodes the text of a type.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let type = ColumnType(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no such column type")
        }
        self = type
    }

    /// Encodes the text of the type.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
