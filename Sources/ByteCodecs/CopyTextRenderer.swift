public import PipelineCore

/// Renders batches as rows of `COPY … FROM STDIN` in the format `text` (PostgreSQL, COPY, "Text Format"): tabs between
/// values, `\N` for null.
///
/// Each row has the constants, then the key where there is one, then the columns. The server reads every value by the
/// type of its column, so a table may have others than those that sluice would choose.
public struct CopyTextRenderer: Sendable {
    private let types: [ColumnType]
    private let check: CopyCheck
    private let hasKey: Bool
    /// The constants, each with its tab, and room for reading past them.
    private let start: [UInt8]
    private let startCount: Int
    /// How many bytes a byte of a cell can become.
    private let growth: Int

    /// A renderer of batches with the columns of `schema`.
    ///
    /// - Parameters:
    ///   - schema: The columns.
    ///   - constants: What each row begins with.
    ///   - hasKey: Whether each row has a `uuid` behind the constants.
    ///   - json: The type of the columns of JSON.
    public init(schema: Schema, constants: [CopyConstant] = [], hasKey: Bool = false, json: CopyJSON = .jsonb) {
        types = schema.columns.map(\.type)
        self.hasKey = hasKey
        check = CopyCheck(schema: schema, json: json)
        // A control character in a JSON string takes six bytes, and its backslash one more.
        growth = types.contains(.json) ? 7 : 2
        var start: [UInt8] = []
        for constant in constants {
            switch constant {
            case .int64(let value): start += value.description.utf8
            case .text(let text):
                let text = Array(text.utf8)
                ByteWriter.append(to: &start, room: 2 * text.count + ByteWriter.overshoot) { writer in
                    writer = Self.appendText(text.span, to: writer) ?? writer
                }
            }
            start.append(0x09)
        }
        startCount = start.count
        self.start = start + [UInt8](repeating: 0, count: ByteWriter.overshoot)
    }

    /// Appends the rows of a batch, which has as many columns as the schema.
    ///
    /// - Parameters:
    ///   - batch: The rows.
    ///   - keys: 16 bytes for each row, where the renderer has keys; otherwise empty.
    ///   - output: Takes the rows; after an error it holds some of them.
    /// - Throws: `CopyMisfit`, the first there is; `CopyCheck` tells them all.
    public func render(
        _ batch: borrowing Batch,
        keys: [UInt8] = [],
        into output: inout [UInt8]
    ) throws(CopyMisfit) {
        precondition(batch.cells.count == batch.rowCount * types.count, "cells do not fit the columns")
        let keyCount = CopyBinaryRenderer.keyCount
        precondition(keys.count == (hasKey ? batch.rowCount * keyCount : 0), "keys do not fit the rows")
        let cells = batch.cells.span
        let bytes = batch.bytes.span
        let keys = keys.span
        var scratch: [UInt8] = []
        var row = 0
        var misfit: Int?
        while row < batch.rowCount, misfit == nil {
            ByteWriter.append(to: &output, room: max(64 << 10, room(cells, row))) { writer in
                repeat {
                    writer.append(start.span, 0, startCount)
                    if hasKey {
                        writer = Self.appendKey(keys.extracting(row * keyCount..<(row + 1) * keyCount), to: writer)
                        if !types.isEmpty { writer.append(0x09) }
                    }
                    misfit = columns(cells, row, bytes, &scratch, into: &writer)
                    writer.append(0x0A)
                    row &+= 1
                } while misfit == nil && row < batch.rowCount && room(cells, row) <= writer.room
            }
        }
        guard let misfit else { return }
        throw check.misfit(cells[(row - 1) * types.count + misfit], row: row - 1, column: misfit, bytes)
    }

    /// How many bytes a row can take at most, and what bulk copies need besides.
    @inline(__always) private func room(_ cells: Span<Cell>, _ row: Int) -> Int {
        var count = 0
        for index in row &* types.count..<(row &+ 1) &* types.count { count &+= cells[index].length }
        // Two bytes of null and a tab, or two quotes and a tab; a number may be written without its exponent.
        return growth &* count &+ types.count &* 8 &+ startCount &+ 2 &* CopyBinaryRenderer.keyCount &+ 2
            &+ ByteWriter.overshoot
    }

    /// Appends the columns of a row; the first that does not fit, or nil.
    @inline(__always)
    private func columns(
        _ cells: Span<Cell>,
        _ row: Int,
        _ bytes: Span<UInt8>,
        _ scratch: inout [UInt8],
        into output: inout ByteWriter
    ) -> Int? {
        let types = types.span
        let first = row &* types.count
        for index in types.indices {
            if index > 0 { output.append(0x09) }
            let cell = cells[first &+ index]
            switch cell.kind {
            case .null:
                output.append(word: 0x4E5C, keeping: 2)
                continue
            case .text:
                switch types[index] {
                case .text:
                    output.append(bytes, cell.offset, cell.length)
                    continue
                case .date where DateText.day(bytes.extracting(cell.range)) != nil:
                    output.append(bytes, cell.offset, cell.length)
                    continue
                default: break
                }
            case .number:
                // What is short and has no exponent is within the range of `numeric` and `double precision`; and within
                // that of `bigint`, if it is shorter still and has no point.
                switch types[index] {
                case .decimal where cell.length <= 300, .double where cell.length <= 300:
                    if output.append(bytes, cell.offset, cell.length, unless: Word.letters) { continue }
                case .int64 where cell.length <= 18:
                    if output.append(bytes, cell.offset, cell.length, unless: Word.lettersAndPoints) { continue }
                default: break
                }
            case .escaped:
                if case .text = types[index], Self.isCopyText(bytes, cell.range) {
                    output.append(bytes, cell.offset, cell.length)
                    continue
                }
            case .bool:
                if case .bool = types[index] {
                    output.append(bytes, cell.offset, cell.length)
                    continue
                }
            case .raw, .json: break
            }
            guard let written = value(cell, bytes, index, &scratch, to: output) else { return index }
            output = written
        }
        return nil
    }

    /// Whether the inside of a JSON string means the same in COPY: all but `\u` does.
    private static func isCopyText(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while true {
            position = JSONText.firstBackslash(bytes, position..<range.upperBound)
            guard position + 1 < range.upperBound else { return true }
            if bytes[position + 1] == UInt8(ascii: "u") { return false }
            position += 2
        }
    }

    /// Appends what is not copied as it is; nil where PostgreSQL has no form for it.
    @inline(never)
    private func value(
        _ cell: Cell,
        _ bytes: Span<UInt8>,
        _ column: Int,
        _ scratch: inout [UInt8],
        to output: ByteWriter
    ) -> ByteWriter? {
        scratch.removeAll(keepingCapacity: true)
        switch types[column] {
        case .text:
            cell.appendText(in: bytes, to: &scratch)
            return Self.appendText(scratch.span, to: output)
        case .json:
            guard check.reason(cell, column, bytes) == nil else { return nil }
            let room = 6 * cell.length + 2 + ByteWriter.overshoot
            ByteWriter.append(to: &scratch, room: room) { $0 = JSONText.appendValue(cell, bytes, to: $0) }
            return Self.appendText(scratch.span, to: output)
        case .int64:
            cell.appendText(in: bytes, to: &scratch)
            guard let value = DecimalText(scratch.span)?.int64(scratch.span) else { return nil }
            // The server takes digits alone.
            return Self.appendText(Array(value.description.utf8).span, to: output)
        case .decimal, .double, .bool, .date, .timestamp:
            guard check.reason(cell, column, bytes) == nil else { return nil }
            cell.appendText(in: bytes, to: &scratch)
            // The server stumbles over the exponent of a zero before it sees that it is one.
            if case .decimal = types[column], let number = DecimalText(scratch.span), number.isZero(scratch.span) {
                scratch = [UInt8(ascii: "0")] + (number.scale > 0 ? [UInt8(ascii: ".")] : [])
                scratch += [UInt8](repeating: UInt8(ascii: "0"), count: number.scale)
            }
            return Self.appendText(scratch.span, to: output)
        }
    }

    /// Appends text of any content with COPY's escapes; nil where it holds a NUL.
    private static func appendText(_ text: Span<UInt8>, to output: ByteWriter) -> ByteWriter? {
        var output = output
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case 0: return nil
            case 0x09: output.append(word: 0x745C, keeping: 2)
            case 0x0A: output.append(word: 0x6E5C, keeping: 2)
            case 0x0D: output.append(word: 0x725C, keeping: 2)
            case UInt8(ascii: "\\"): output.append(word: 0x5C5C, keeping: 2)
            default: output.append(byte)
            }
        }
        return output
    }

    /// Appends 16 bytes as the hexadecimal digits of a `uuid`.
    private static func appendKey(_ key: Span<UInt8>, to output: ByteWriter) -> ByteWriter {
        var output = output
        func digit(_ value: UInt8) -> UInt8 { (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) + value }
        for index in key.indices {
            output.append(digit(key[index] >> 4))
            output.append(digit(key[index] & 15))
        }
        return output
    }
}
