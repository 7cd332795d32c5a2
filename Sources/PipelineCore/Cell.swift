/// Where one value stands in a batch's bytes, and how those bytes are to be read; 8 bytes.
@frozen public struct Cell: BitwiseCopyable, Hashable, Sendable {
    /// How the bytes of a cell are to be read.
    @frozen public enum Kind: UInt8, Sendable {
        /// No value; its length is 0.
        case null = 0
        /// UTF-8 that is the same in JSON and as text: it holds no `"`, no `\` and no byte below 0x20.
        case text = 1
        /// The inside of a JSON string that holds at least one escape (RFC 8259 §7).
        case escaped = 2
        /// UTF-8 of any content, not escaped.
        case raw = 3
        /// A number in the grammar of RFC 8259 §6, with its own digits.
        case number = 4
        /// The bytes `true` or `false`.
        case bool = 5
        /// A JSON array or object, as written; in a column of JSON a string too, with its quotes.
        case json = 6
    }

    /// The largest length of one cell's bytes: 2^28 - 1.
    public static var maximumLength: Int { 0x0FFF_FFFF }

    @usableFromInline var bits: UInt64

    /// A cell of `length` bytes from `offset`; the offset is below 2^32, the length at most `maximumLength`.
    @inlinable public init(_ kind: Kind, offset: Int, length: Int) {
        bits =
            UInt64(truncatingIfNeeded: offset) << 32 | UInt64(truncatingIfNeeded: length) << 4 | UInt64(kind.rawValue)
    }

    /// The cell without a value.
    @inlinable public static var null: Cell { Cell(.null, offset: 0, length: 0) }

    /// The first byte's position in the batch's bytes.
    @inlinable public var offset: Int { Int(truncatingIfNeeded: bits >> 32) }
    /// How many bytes.
    @inlinable public var length: Int { Int(truncatingIfNeeded: (bits >> 4) & 0x0FFF_FFFF) }
    /// The bytes' positions.
    @inlinable public var range: Range<Int> { offset..<(offset + length) }
    /// How to read them.
    @inlinable public var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: bits & 15)) ?? .null }
    /// Whether there is no value.
    @inlinable public var isNull: Bool { bits & 15 == 0 }
}
