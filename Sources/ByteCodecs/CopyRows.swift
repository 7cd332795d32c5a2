public import PipelineCore

/// A value that a row of COPY begins with, the same in all rows.
public enum CopyConstant: Hashable, Sendable {
    /// A `bigint`.
    case int64(Int64)
    /// A `text`, without NUL.
    case text(String)
}

/// Which of PostgreSQL's types takes the columns of JSON.
public enum CopyJSON: Hashable, Sendable {
    /// `json`, which keeps a value as written.
    case json
    /// `jsonb`, which has no NUL within strings and no number that `numeric` has not.
    case jsonb
}

/// A value that PostgreSQL has no form for, and where it stands.
public struct CopyMisfit: Error, Hashable, Sendable {
    /// The row within its batch, counted from 0.
    public var row: Int
    /// The column, counted from 0.
    public var column: Int
    /// Why, as a clause to be read after the name of the column; never the value.
    public var reason: String

    /// A misfit at this place.
    public init(row: Int, column: Int, reason: String) {
        self.row = row
        self.column = column
        self.reason = reason
    }
}

/// Tells which values PostgreSQL has no form for, before a server sees them.
public struct CopyCheck: Sendable {
    private let types: [ColumnType]
    private let json: CopyJSON

    /// A check of batches with the columns of `schema`.
    public init(schema: Schema, json: CopyJSON = .jsonb) {
        types = schema.columns.map(\.type)
        self.json = json
    }

    /// Every misfit of a batch, row by row; several may be in one row.
    public func misfits(in batch: borrowing Batch) -> [CopyMisfit] {
        let cells = batch.cells.span
        let bytes = batch.bytes.span
        var misfits: [CopyMisfit] = []
        for index in cells.indices {
            let column = index % types.count
            guard let reason = reason(cells[index], column, bytes) else { continue }
            misfits.append(CopyMisfit(row: index / types.count, column: column, reason: reason))
        }
        return misfits
    }

    /// The misfit in a cell of which something stronger than a suspicion is known.
    func misfit(_ cell: Cell, row: Int, column: Int, _ bytes: Span<UInt8>) -> CopyMisfit {
        let reason = reason(cell, column, bytes) ?? "not \(types[column])"
        return CopyMisfit(row: row, column: column, reason: reason)
    }

    /// Why PostgreSQL has no form for the cell; nil where it has one.
    func reason(_ cell: Cell, _ column: Int, _ bytes: Span<UInt8>) -> String? {
        guard cell.kind == .escaped, types[column] != .json else {
            return reason(cell.kind, bytes.extracting(cell.range), types[column])
        }
        var text: [UInt8] = []
        JSONText.appendUnescaped(bytes.extracting(cell.range), to: &text)
        return reason(.raw, text.span, types[column])
    }

    private func reason(_ kind: Cell.Kind, _ text: Span<UInt8>, _ type: ColumnType) -> String? {
        guard kind != .null else { return nil }
        switch type {
        case .text: return Self.hasNUL(text) ? "holds a NUL, which PostgreSQL's text cannot" : nil
        case .decimal:
            guard let number = DecimalText(text) else { return "not a number" }
            return number.fitsNumeric(text) ? nil : Self.tooManyDigits
        case .int64:
            guard let number = DecimalText(text) else { return "not a number" }
            return number.int64(text) == nil ? "not a whole number within 64 bits" : nil
        case .double:
            guard DecimalText(text) != nil else { return "not a number" }
            return DoubleText.value(text) == nil ? "not within the range of a double" : nil
        case .bool: return BoolText.value(text) == nil ? "not true or false" : nil
        case .date: return DateText.day(text) == nil ? "not a date" : nil
        case .timestamp:
            guard let timestamp = DateText.timestamp(text) else { return "not a date and time without a zone" }
            return timestamp.nanosecond % 1000 == 0 ? nil : "more than 6 digits of a second"
        case .json: return json == .jsonb ? Self.reason(jsonb: kind, text) : nil
        }
    }

    private static let tooManyDigits =
        "more digits than PostgreSQL's numeric has: 131072 before the point, 16383 behind"

    private static func hasNUL(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where text[index] == 0 { return true }
        return false
    }

    /// What `jsonb` refuses although it is JSON; `json` takes everything but a NUL that is no escape.
    static func reason(jsonb kind: Cell.Kind, _ text: Span<UInt8>) -> String? {
        switch kind {
        case .null, .bool, .text: return nil
        case .raw: return hasNUL(text) ? "holds a NUL, which PostgreSQL's jsonb cannot" : nil
        case .number, .json, .escaped: break
        }
        var isInString = kind == .escaped
        var position = 0
        while position < text.count {
            let byte = text[position]
            if isInString {
                if byte == UInt8(ascii: "\\") {
                    if JSONText.isEscapedNUL(text, at: position) {
                        return "holds a NUL, which PostgreSQL's jsonb cannot"
                    }
                    position += 1
                } else if byte == UInt8(ascii: "\""), kind != .escaped {
                    isInString = false
                }
                position += 1
            } else if byte == UInt8(ascii: "-") || byte &- UInt8(ascii: "0") < 10 {
                let start = position
                while position < text.count, isOfNumber(text[position]) { position += 1 }
                let number = text.extracting(start..<position)
                guard let decimal = DecimalText(number), decimal.fitsNumeric(number) else { return tooManyDigits }
            } else {
                isInString = byte == UInt8(ascii: "\"")
                position += 1
            }
        }
        return nil
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "+") || byte | 0x20 == UInt8(ascii: "e")
    }
}

/// Numbers as IEEE 754 binary64.
enum DoubleText {
    /// Powers of ten that a double holds exactly.
    private static let powers: [Double] = (0...22).map { exponent in (0..<exponent).reduce(1) { value, _ in value * 10 }
    }

    /// The double nearest to the number; nil where there is none: too large, or too small to be told from 0.
    static func value(_ text: Span<UInt8>) -> Double? {
        if let value = plain(text) { return value }
        guard let number = DecimalText(text) else { return nil }
        var json: [UInt8] = []
        number.appendJSONNumber(text, to: &json)
        guard let value = Double(String(decoding: json, as: UTF8.self)), value.isFinite else { return nil }
        return value == 0 && !number.isZero(text) ? nil : value
    }

    /// A number of up to 15 digits without an exponent: both parts are exact, so one division rounds correctly.
    private static func plain(_ text: Span<UInt8>) -> Double? {
        guard text.count <= 16, !text.isEmpty else { return nil }
        let isNegative = text[0] == UInt8(ascii: "-")
        var (digits, count, fraction) = (0, 0, 0)
        var hasPoint = false
        for index in (isNegative ? 1 : 0)..<text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            if digit < 10 {
                digits = digits * 10 + Int(digit)
                count += 1
                if hasPoint { fraction += 1 }
            } else if text[index] == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else {
                return nil
            }
        }
        guard count > 0, count <= 15 else { return nil }
        let value = Double(digits) / powers[fraction]
        return isNegative ? -value : value
    }
}
