public import PipelineCore

/// Renders batches as CSV (RFC 4180), UTF-8.
///
/// Null and the empty text stay apart: null is written as the text of null, which is never quoted, and a text that is
/// empty or equal to it always is. Numbers keep their own digits.
public struct CSVRenderer: Sendable {
    private let options: CSVOptions
    private let columnNames: [String]
    /// Per column: whether its numbers are numbers, not text.
    private let isNumeric: [Bool]
    /// The text of null, and room for reading past it.
    private let null: [UInt8]
    private let nullCount: Int
    /// The delimiter in every place.
    private let delimiters: UInt64
    /// Whether text needs a look at its delimiters alone.
    private let isPlain: Bool

    /// A renderer of batches with the columns of `schema`; options with a `problem` give rows no reader can take apart.
    public init(schema: Schema, options: CSVOptions = CSVOptions()) {
        self.options = options
        columnNames = schema.names
        isNumeric = schema.columns.map { column in
            switch column.type {
            case .decimal, .int64, .double: true
            case .text, .bool, .date, .timestamp, .json: false
            }
        }
        null = Array(options.null.utf8) + [UInt8](repeating: 0, count: ByteWriter.overshoot)
        nullCount = options.null.utf8.count
        delimiters = Word.all(options.delimiter)
        isPlain = options.quote == .minimal && !options.escapeFormulas && nullCount == 0
    }

    /// What comes before the rows: the byte order mark and the names, where the options want them.
    public var header: [UInt8] {
        var output: [UInt8] = options.bom ? [0xEF, 0xBB, 0xBF] : []
        guard options.header, !columnNames.isEmpty else { return output }
        for (index, name) in columnNames.enumerated() {
            if index > 0 { output.append(options.delimiter) }
            let name = Array(name.utf8)
            ByteWriter.append(to: &output, room: 2 * name.count + CSVRenderer.roomPerCell) { writer in
                writer = text(name.span, 0..<name.count, to: writer)
            }
        }
        output.append(contentsOf: options.lineEnding == .lf ? [0x0A] : [0x0D, 0x0A])
        return output
    }

    /// Appends the lines of a batch, which has as many columns as the schema.
    public func render(_ batch: borrowing Batch, into output: inout [UInt8]) {
        let columns = columnNames.count
        precondition(batch.cells.count == batch.rowCount * columns, "cells do not fit the columns")
        let cells = batch.cells.span
        let bytes = batch.bytes.span
        var scratch: [UInt8] = []
        var row = 0
        while row < batch.rowCount {
            ByteWriter.append(to: &output, room: max(64 << 10, room(cells, row))) { writer in
                repeat {
                    self.row(cells, row, bytes, &scratch, into: &writer)
                    row += 1
                } while row < batch.rowCount && room(cells, row) <= writer.room
            }
        }
    }

    /// Two quotes, a delimiter and a mark against formulas.
    private static let roomPerCell = 4

    /// How many bytes a row can take at most, and what bulk copies need besides.
    @inline(__always) private func room(_ cells: Span<Cell>, _ row: Int) -> Int {
        let columns = columnNames.count
        var count = 0
        for index in row &* columns..<(row &+ 1) &* columns { count &+= cells[index].length }
        return 2 &* count &+ columns &* (nullCount &+ CSVRenderer.roomPerCell) &+ 2 &+ ByteWriter.overshoot
    }

    @inline(__always)
    private func row(
        _ cells: Span<Cell>,
        _ row: Int,
        _ bytes: Span<UInt8>,
        _ scratch: inout [UInt8],
        into output: inout ByteWriter
    ) {
        let columns = isNumeric.span
        let first = row &* columns.count
        for index in columns.indices {
            if index > 0 { output.append(options.delimiter) }
            let cell = cells[first &+ index]
            switch cell.kind {
            case .null:
                output.append(null.span, 0, nullCount)
            case .text:
                if isPlain, cell.length > 0,
                    output.append(bytes, cell.offset, cell.length, unless: { Word.matches($0, delimiters) })
                {
                    continue
                }
                output = text(bytes, cell.range, to: output)
            case .number, .bool:
                if isPlain || isBare(cell.kind, isNumeric: columns[index], bytes, cell.range) {
                    output.append(bytes, cell.offset, cell.length)
                } else {
                    output.append(UInt8(ascii: "\""))
                    output.append(bytes, cell.offset, cell.length)
                    output.append(UInt8(ascii: "\""))
                }
            case .escaped:
                if isPlain,
                    let written = JSONText.appendUnescaped(bytes, cell.range, to: output, unless: delimiters)
                {
                    output = written
                    continue
                }
                scratch.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(bytes.extracting(cell.range), to: &scratch)
                output = text(scratch.span, 0..<scratch.count, to: output)
            case .raw, .json:
                output = text(bytes, cell.range, to: output)
            }
        }
        if options.lineEnding == .crlf { output.append(0x0D) }
        output.append(0x0A)
    }

    private func isBare(_ kind: Cell.Kind, isNumeric: Bool, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        switch options.quote {
        case .minimal: !isNullText(bytes, range)
        case .all: false
        case .nonnumeric: kind == .number && isNumeric && !isNullText(bytes, range)
        }
    }

    /// Appends a value that is text, quoted where it must be.
    @inline(never)
    private func text(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: ByteWriter) -> ByteWriter {
        var output = output
        var isQuoted = options.quote != .minimal || range.isEmpty || isNullText(bytes, range)
        if !isQuoted {
            for index in range {
                let byte = bytes[index]
                if byte == options.delimiter || byte == UInt8(ascii: "\"") || byte == 0x0A || byte == 0x0D {
                    isQuoted = true
                    break
                }
            }
        }
        let isFormula = options.escapeFormulas && !range.isEmpty && CSVRenderer.beginsFormula(bytes[range.lowerBound])
        if isQuoted { output.append(UInt8(ascii: "\"")) }
        if isFormula { output.append(UInt8(ascii: "'")) }
        for index in range {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") { output.append(byte) }
            output.append(byte)
        }
        if isQuoted { output.append(UInt8(ascii: "\"")) }
        return output
    }

    private func isNullText(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count == nullCount else { return false }
        for index in 0..<nullCount where bytes[range.lowerBound + index] != null[index] { return false }
        return true
    }

    /// Whether a spreadsheet takes text that begins so for a formula (OWASP: CSV injection).
    private static func beginsFormula(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0D: true
        default: false
        }
    }
}
