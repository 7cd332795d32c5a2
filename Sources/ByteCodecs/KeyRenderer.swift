public import PipelineCore

/// Renders the cells that identify a row in a form that is equal for equal values, whatever they were written like.
///
/// Each cell is a byte that tells what it holds, and, but for null, four bytes of length and a value: text decoded;
/// numbers of `decimal` and `int64` as their digits without zeros at either end and the place of the last (`-125e-1`);
/// `double` as its eight bytes, `date` as days, `timestamp` as seconds and nanoseconds since 1970. Null differs from the empty
/// text, and no two rows of different cells are the same bytes. JSON counts as written.
public struct KeyRenderer: Sendable {
    private let types: [ColumnType]
    private let columns: [Int]
    private let start: [UInt8]

    /// A renderer of the key of rows with the columns of `schema`.
    ///
    /// - Parameters:
    ///   - schema: The columns.
    ///   - columns: The places of those that identify a row.
    ///   - start: What each key begins with, to tell keys of one kind from those of others.
    public init(schema: Schema, columns: [Int], start: String) {
        types = schema.columns.map(\.type)
        self.columns = columns
        self.start = Array(start.utf8)
    }

    /// Appends the keys of a batch, one behind another.
    ///
    /// - Parameters:
    ///   - batch: The rows.
    ///   - output: Takes the keys.
    ///   - ends: Takes, for each row, where its key ends in `output`.
    public func render(_ batch: borrowing Batch, into output: inout [UInt8], ends: inout [Int]) {
        precondition(batch.cells.count == batch.rowCount * types.count, "cells do not fit the columns")
        let cells = batch.cells.span
        let bytes = batch.bytes.span
        // Two, so that no value needs memory of its own.
        var (scratch, canonical): ([UInt8], [UInt8]) = ([], [])
        for row in 0..<batch.rowCount {
            output.append(contentsOf: start)
            for column in columns {
                append(cells[row * types.count + column], types[column], bytes, &scratch, &canonical, to: &output)
            }
            ends.append(output.count)
        }
    }

    /// What a cell holds; the numbers are lasting, they are part of what is hashed.
    private enum Tag: UInt8 {
        case null = 0
        case text = 1
        case decimal = 2
        case double = 3
        case bool = 4
        case date = 5
        case timestamp = 6
        case json = 7
    }

    private func append(
        _ cell: Cell,
        _ type: ColumnType,
        _ bytes: Span<UInt8>,
        _ scratch: inout [UInt8],
        _ canonical: inout [UInt8],
        to output: inout [UInt8]
    ) {
        guard !cell.isNull else { return output.append(Tag.null.rawValue) }
        if cell.kind == .text, type == .text { return append(.text, bytes, cell.range, to: &output) }
        scratch.removeAll(keepingCapacity: true)
        guard type != .json else {
            ByteWriter.append(to: &scratch, room: 6 * cell.length + 2 + ByteWriter.overshoot) {
                $0 = JSONText.appendValue(cell, bytes, to: $0)
            }
            return append(.json, scratch.span, scratch.indices, to: &output)
        }
        cell.appendText(in: bytes, to: &scratch)
        let tag = normalise(&scratch, type, &canonical)
        append(tag, scratch.span, scratch.indices, to: &output)
    }

    private func append(_ tag: Tag, _ value: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        output.append(tag.rawValue)
        output.append(bigEndian: UInt32(truncatingIfNeeded: range.count))
        output.append(value, range)
    }

    /// Makes the text of a value the form that equal values share; text that is no value of the type stays.
    private func normalise(_ text: inout [UInt8], _ type: ColumnType, _ canonical: inout [UInt8]) -> Tag {
        switch type {
        case .text, .json: return .text
        case .decimal, .int64:
            guard let number = DecimalText(text.span) else { return .text }
            canonical.removeAll(keepingCapacity: true)
            number.appendCanonical(text.span, to: &canonical)
            swap(&text, &canonical)
            return .decimal
        case .double:
            guard let value = DoubleText.value(text.span) else { return .text }
            text.removeAll(keepingCapacity: true)
            // There are two zeros, and they are equal.
            text.append(bigEndian: value == 0 ? 0 : value.bitPattern)
            return .double
        case .bool:
            guard let value = BoolText.value(text.span) else { return .text }
            text.removeAll(keepingCapacity: true)
            text.append(value ? 1 : 0)
            return .bool
        case .date:
            guard let day = DateText.day(text.span) else { return .text }
            text.removeAll(keepingCapacity: true)
            text.append(bigEndian: Int32(day.number))
            return .date
        case .timestamp:
            guard let time = DateText.timestamp(text.span) else { return .text }
            text.removeAll(keepingCapacity: true)
            text.append(bigEndian: Int64(time.day.number) * 86_400 + Int64(time.second))
            text.append(bigEndian: Int32(time.nanosecond))
            return .timestamp
        }
    }
}

extension [UInt8] {
    /// Appends a number, its highest byte first.
    mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
        for shift in stride(from: Value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
