public import PipelineCore

extension Batch {
    /// A batch of rows given as text, one text per cell, nil for null.
    ///
    /// Cells of numeric, `bool` and `json` columns keep their text as written; other cells hold plain text.
    /// - Parameters:
    ///   - schema: The columns.
    ///   - rows: The rows; each has one element per column.
    ///   - firstRow: The number of the first row within its window.
    ///   - escaping: Whether text that JSON would escape stands in the arena as the inside of a JSON string, as the API
    ///     sends it.
    public init(_ schema: Schema, rows: [[String?]], firstRow: Int = 0, escaping: Bool = false) {
        var bytes: [UInt8] = []
        var cells: [Cell] = []
        for row in rows {
            precondition(row.count == schema.columns.count, "a row needs one text per column")
            for (column, text) in zip(schema.columns, row) {
                guard let text else {
                    cells.append(.null)
                    continue
                }
                let start = bytes.count
                let kind = Cell.Kind(of: text, in: column.type, escaping: escaping)
                bytes += kind == .escaped ? JSONText.escaped(text) : Array(text.utf8)
                cells.append(Cell(kind, offset: start, length: bytes.count - start))
            }
        }
        self.init(schema: schema, bytes: bytes, cells: cells, rowCount: rows.count, firstRow: firstRow)
    }

    /// The rows as text, one text per cell, nil for null.
    public var textRows: [[String?]] {
        (0..<rowCount).map { row in
            cells[row * columnCount..<(row + 1) * columnCount].map { cell in
                guard !cell.isNull else { return nil }
                let content = Array(bytes[cell.range])
                return String(decoding: cell.kind == .escaped ? JSONText.unescaped(content) : content, as: UTF8.self)
            }
        }
    }
}

extension Cell.Kind {
    fileprivate init(of text: String, in type: ColumnType, escaping: Bool) {
        switch type {
        case .decimal, .int64, .double: self = .number
        case .bool: self = .bool
        case .json: self = .json
        case .text, .date, .timestamp:
            let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            self = isPlain ? .text : escaping ? .escaped : .raw
        }
    }
}

/// The inside of JSON strings (RFC 8259 §7), written for plainness: it is what faster code is compared with.
enum JSONText {
    private static let short: [(UInt8, UInt8)] = [
        (UInt8(ascii: "\""), UInt8(ascii: "\"")), (UInt8(ascii: "\\"), UInt8(ascii: "\\")), (0x08, UInt8(ascii: "b")),
        (0x0C, UInt8(ascii: "f")), (0x0A, UInt8(ascii: "n")), (0x0D, UInt8(ascii: "r")), (0x09, UInt8(ascii: "t")),
    ]

    static func escaped(_ text: String) -> [UInt8] {
        text.utf8.flatMap { byte -> [UInt8] in
            if let (_, letter) = short.first(where: { $0.0 == byte }) { return [UInt8(ascii: "\\"), letter] }
            guard byte < 0x20 else { return [byte] }
            return Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
        }
    }

    /// Leaves what is no escape as it stands.
    static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
                result.append(byte)
                continue
            }
            if letter == UInt8(ascii: "u") {
                result += Array(String(codeUnits(&rest)).utf8)
            } else {
                result.append(short.first { $0.1 == letter }?.0 ?? letter)
            }
        }
        return result
    }

    /// Reads the four digits after `\u`, and those of the low surrogate where one follows.
    private static func codeUnits(_ rest: inout ArraySlice<UInt8>) -> Character {
        func unit() -> UInt16 {
            defer { rest = rest.dropFirst(4) }
            return UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) ?? 0xFFFD
        }
        var units = [unit()]
        if UTF16.isLeadSurrogate(units[0]), rest.starts(with: Array("\\u".utf8)) {
            rest = rest.dropFirst(2)
            units.append(unit())
        }
        return Character(String(decoding: units, as: UTF16.self))
    }
}

extension Checkpoint {
    /// A checkpoint of a window that took one query, for tests.
    ///
    /// - Parameters:
    ///   - window: The window.
    ///   - export: Its export.
    ///   - rows: How many rows it holds.
    ///   - schema: The columns that landed.
    ///   - runID: The run that loaded it.
    ///   - fingerprint: The fingerprint of its export.
    public init(
        _ window: Window,
        of export: ExportID,
        rows: Int,
        schema: Schema,
        runID: String = "run-1",
        fingerprint: String = "f1"
    ) {
        var covers: DateRange?
        if case .days(let days) = window.cell { covers = days }
        self.init(
            window: window,
            export: export,
            covers: covers,
            accounts: window.account.map { [$0] } ?? ["a-1", "a-2"],
            counts: RowCounts(api: rows, received: rows, loaded: rows),
            fetchedAt: Timestamp(milliseconds: 1_718_000_000_123),
            settled: true,
            fingerprint: fingerprint,
            layout: Layout(size: "week", perAccount: window.account != nil),
            runID: runID,
            scheduleIDs: ["schedule-\(window.id)"],
            requestIDs: ["request-1", "request-2"],
            requests: 2,
            sampled: false,
            cacheTime: nil,
            schema: schema
        )
    }
}
