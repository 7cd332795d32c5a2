public import PipelineCore

/// Renders batches as NDJSON: one JSON object per row and line, its members in column order.
///
/// A column of type `text`, `date` or `timestamp` holds strings and nulls alone; in other columns a value keeps the
/// form it has. Numbers keep their own digits; JSON is kept as written but for line breaks, which are space there.
public struct NDJSONRenderer: Sendable {
    /// What is the same in every row for one column.
    private struct Member {
        /// The comma or opening brace, the name and the colon, in `names`.
        var offset: Int
        var count: Int
        /// Whether every value that is not null is written as a string.
        var isString: Bool
    }

    private var members: [Member] = []
    /// Every member's `,"name":"`, and room for reading past the last.
    private var names: [UInt8] = []

    /// A renderer of batches with the columns of `schema`.
    public init(schema: Schema) {
        for (index, column) in schema.columns.enumerated() {
            let offset = names.count
            names.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            JSONText.appendQuoted(Array(column.name.utf8).span, to: &names)
            names.append(UInt8(ascii: ":"))
            let isString = column.type == .text || column.type == .date || column.type == .timestamp
            members.append(Member(offset: offset, count: names.count - offset, isString: isString))
            names.append(UInt8(ascii: "\""))
        }
        names.append(contentsOf: repeatElement(0, count: ByteWriter.memberOvershoot))
    }

    /// Appends the lines of a batch, which has as many columns as the schema.
    public func render(_ batch: borrowing Batch, into output: inout [UInt8]) {
        let columns = members.count
        precondition(batch.cells.count == batch.rowCount * columns, "cells do not fit the columns")
        guard columns > 0 else {
            for _ in 0..<batch.rowCount { output.append(contentsOf: "{}\n".utf8) }
            return
        }
        let cells = batch.cells.span
        let bytes = batch.bytes.span
        var first = 0
        while first < cells.count {
            ByteWriter.append(to: &output, room: max(64 << 10, room(cells, first))) { writer in
                repeat {
                    row(cells, first, bytes, into: &writer)
                    first += columns
                } while first < cells.count && room(cells, first) <= writer.room
            }
        }
    }

    /// How many bytes the row at `first` can take at most, and what bulk copies need besides.
    @inline(__always) private func room(_ cells: Span<Cell>, _ first: Int) -> Int {
        var length = 0
        for index in first..<first &+ members.count { length &+= cells[index].length }
        // The longest escape is `\u001f`, the longest value without bytes `null`.
        return 6 &* length &+ names.count &+ 5 &* members.count &+ ByteWriter.memberOvershoot
    }

    @inline(__always)
    private func row(_ cells: Span<Cell>, _ first: Int, _ bytes: Span<UInt8>, into output: inout ByteWriter) {
        let members = members.span
        let names = names.span
        for index in members.indices {
            let member = members[index]
            let cell = cells[first &+ index]
            switch cell.kind {
            case .null:
                output.append(names, member.offset, member.count)
                output.append(word: 0x6C6C_756E, keeping: 4)
            case .text, .escaped, .number, .bool:
                // The quotation marks are counted, not decided on: kinds change too often from cell to cell to be guessed.
                let isQuoted = member.isString || cell.kind == .text || cell.kind == .escaped
                let quotes = isQuoted ? 1 : 0
                output.append(
                    names,
                    member.offset,
                    member.count &+ quotes,
                    bytes,
                    cell.offset,
                    cell.length,
                    quotes: quotes
                )
            case .json where !member.isString:
                output.append(names, member.offset, member.count)
                output = JSONText.appendOnOneLine(bytes.extracting(cell.range), to: output)
            case .raw, .json:
                output.append(names, member.offset, member.count &+ 1)
                output = JSONText.appendEscaped(bytes.extracting(cell.range), to: output)
                output.append(UInt8(ascii: "\""))
            }
        }
        output.append(word: 0x0A7D, keeping: 2)
    }
}
