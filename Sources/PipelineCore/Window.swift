/// The unit a user names: one export of one job.
public struct ExportID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The job's name.
    public var job: String
    /// The export's name within the job.
    public var export: String

    /// The export `export` of the job `job`.
    public init(job: String, export: String) {
        self.job = job
        self.export = export
    }

    /// `job/export`.
    public var description: String { "\(job)/\(export)" }
}

/// A window's id in every sink: a 64-bit hash of its identity, the same on every machine.
public struct WindowID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The hash.
    public let value: Int64

    /// The id with this hash.
    public init(_ value: Int64) { self.value = value }

    /// Ordered by the hash; says nothing about time.
    public static func < (left: WindowID, right: WindowID) -> Bool { left.value < right.value }

    /// Sixteen hexadecimal digits.
    public var description: String {
        let digits = String(UInt64(bitPattern: value), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension WindowID: Codable {
    /// Decodes the sixteen hexadecimal digits.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a window id")
        }
        self.init(Int64(bitPattern: value))
    }

    /// Encodes the sixteen hexadecimal digits: as a JSON number it would lose digits in many readers.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// One cell of an export's calendar grid: a run of whole days fixed on the calendar, or everything.
public enum GridCell: Hashable, Sendable, CustomStringConvertible {
    /// The only cell of a grid that is not cut.
    case all
    /// The full days of the cell, whether or not all of them are wanted.
    case days(DateRange)

    /// `all`, or the days as `2024-01-01..2024-01-07`.
    public var description: String {
        switch self {
        case .all: "all"
        case .days(let days): days.description
        }
    }

    /// Reads what `description` writes; nil for anything else.
    public init?(_ text: String) {
        guard text != "all" else {
            self = .all
            return
        }
        let utf8 = Array(text.utf8)
        guard utf8.count == 22, utf8[10] == UInt8(ascii: "."), utf8[11] == UInt8(ascii: "."),
            let start = Day(String(text.prefix(10))), let end = Day(String(text.suffix(10))),
            let days = DateRange(start, end)
        else { return nil }
        self = .days(days)
    }
}

extension GridCell: Comparable {
    /// By first day, then by last; `all` comes first.
    public static func < (left: GridCell, right: GridCell) -> Bool {
        switch (left, right) {
        case (.all, .days): true
        case (_, .all): false
        case (.days(let left), .days(let right)): (left.start, left.end) < (right.start, right.end)
        }
    }
}

extension GridCell: Codable {
    /// Decodes the text of the cell.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let cell = GridCell(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a grid cell")
        }
        self = cell
    }

    /// Encodes the text of the cell.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// One cell of an export's grid, for one account where the export is cut by account: the unit of query, commit, retry.
public struct Window: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Its id in every sink.
    public var id: WindowID
    /// The cell of the grid.
    public var cell: GridCell
    /// The account, where the export is cut by account.
    public var account: String?

    /// The window with this identity.
    public init(id: WindowID, cell: GridCell, account: String? = nil) {
        self.id = id
        self.cell = cell
        self.account = account
    }

    /// The cell, and the account where there is one.
    public var description: String { account.map { "\(cell) account \($0)" } ?? cell.description }
}

extension Window: Comparable {
    /// By cell, then by account: the order of rows in a single file.
    public static func < (left: Window, right: Window) -> Bool {
        (left.cell, left.account ?? "") < (right.cell, right.account ?? "")
    }
}
