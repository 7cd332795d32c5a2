/// How rows look as CSV (RFC 4180).
public struct CSVOptions: Hashable, Sendable {
    /// Which values stand in quotes.
    public enum Quote: String, Hashable, Sendable, CaseIterable, Codable {
        /// Those that need it: with a delimiter, quote or line break inside, empty, or equal to the text of null.
        case minimal
        /// All but null.
        case all
        /// All but null and the numbers of numeric columns.
        case nonnumeric
    }

    /// What ends a line.
    public enum LineEnding: String, Hashable, Sendable, CaseIterable, Codable {
        /// A line feed.
        case lf
        /// Carriage return and line feed.
        case crlf
    }

    /// The byte between two values.
    public var delimiter: UInt8 = UInt8(ascii: ",")
    /// Which values stand in quotes.
    public var quote: Quote = .minimal
    /// What ends a line.
    public var lineEnding: LineEnding = .lf
    /// What stands for null; empty unless set.
    public var null: String = ""
    /// Whether a row of column names comes first.
    public var header = true
    /// Whether the file begins with the byte order mark of UTF-8, which some spreadsheets want.
    public var bom = false
    /// Whether text that a spreadsheet would take for a formula gets a `'` before it.
    public var escapeFormulas = false

    /// The defaults: comma, minimal quoting, line feeds, a header.
    public init() {}

    /// Why no reader could take the rows apart again, as a sentence for the user; nil where all is well.
    public var problem: String? {
        switch delimiter {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"),
            UInt8(ascii: "\""), 0x0A, 0x0D, 0x00, 0x80...:
            return "the delimiter must be one byte of ASCII that occurs in no number: `,`, `;`, `|` or a tab"
        default: break
        }
        for byte in null.utf8 where byte == delimiter || byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D {
            return "the text for null must hold no delimiter, quote or line break"
        }
        return nil
    }
}
