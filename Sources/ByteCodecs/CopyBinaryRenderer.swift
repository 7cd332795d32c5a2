public import PipelineCore

/// Renders batches as rows of `COPY … WITH (FORMAT binary)` (PostgreSQL, COPY, "Binary Format").
///
/// Each row has the constants, then the key where there is one, then the columns. `decimal` becomes `numeric` with its
/// own digits and scale, `int64` `bigint`, `double` `double precision`, `bool` `boolean`, `date` `date`, `timestamp`
/// `timestamp`, `text` `text`; the server takes no other types for them, and rounds a `numeric` that its column limits.
public struct CopyBinaryRenderer: Sendable {
    private let types: [ColumnType]
    private let json: CopyJSON
    private let check: CopyCheck
    private let hasKey: Bool
    /// How many values a row has and its constants, and room for reading past them.
    private let start: [UInt8]
    private let startCount: Int
    /// How many bytes a byte of a cell can become.
    private let growth: Int

    /// What comes before the rows: the signature, no flags, no extension.
    public static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
    /// What comes behind the rows.
    public static let trailer: [UInt8] = [0xFF, 0xFF]
    /// How many bytes a key has.
    public static let keyCount = 16

    /// A renderer of batches with the columns of `schema`, of which there are less than 1600.
    ///
    /// - Parameters:
    ///   - schema: The columns.
    ///   - constants: What each row begins with.
    ///   - hasKey: Whether each row has a `uuid` behind the constants.
    ///   - json: The type of the columns of JSON.
    public init(schema: Schema, constants: [CopyConstant] = [], hasKey: Bool = false, json: CopyJSON = .jsonb) {
        types = schema.columns.map(\.type)
        self.json = json
        self.hasKey = hasKey
        check = CopyCheck(schema: schema, json: json)
        growth = types.contains(.json) ? 6 : 1
        var start: [UInt8] = []
        start.append(bigEndian: Int16(types.count + constants.count + (hasKey ? 1 : 0)))
        for constant in constants {
            switch constant {
            case .int64(let value):
                start.append(bigEndian: Int32(8))
                start.append(bigEndian: value)
            case .text(let text):
                start.append(bigEndian: Int32(text.utf8.count))
                start += text.utf8
            }
        }
        if hasKey { start.append(bigEndian: Int32(Self.keyCount)) }
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
        precondition(keys.count == (hasKey ? batch.rowCount * Self.keyCount : 0), "keys do not fit the rows")
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
                    if hasKey { writer.append(keys, row &* Self.keyCount, Self.keyCount) }
                    misfit = columns(cells, row, bytes, &scratch, into: &writer)
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
        return growth &* count &+ types.count &* ByteWriter.numericRoom(0) &+ startCount &+ Self.keyCount
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
            let cell = cells[first &+ index]
            switch cell.kind {
            case .null:
                output.append(word: 0xFFFF_FFFF, keeping: 4)
                continue
            case .text:
                switch types[index] {
                case .text:
                    output.append(bigEndian: UInt32(truncatingIfNeeded: cell.length))
                    output.append(bytes, cell.offset, cell.length)
                    continue
                case .date:
                    guard let day = DateText.day(bytes.extracting(cell.range)) else { return index }
                    output.append(day)
                    continue
                default: break
                }
            case .number:
                if case .decimal = types[index], output.appendNumeric(plain: bytes, cell.offset, cell.length) {
                    continue
                }
            case .escaped:
                if case .text = types[index] {
                    // The length stands in front of what it is the length of.
                    let length = output
                    output.append(bigEndian: UInt32(0))
                    guard let written = JSONText.appendUnescaped(bytes, cell.range, to: output) else { return index }
                    output = written.settingBigEndian(UInt32(output.room - written.room), at: length)
                    continue
                }
            case .raw, .bool, .json: break
            }
            if case .json = types[index] {
                guard let written = jsonValue(cell, bytes, index, to: output) else { return index }
                output = written
            } else if cell.kind == .escaped {
                scratch.removeAll(keepingCapacity: true)
                JSONText.appendUnescaped(bytes.extracting(cell.range), to: &scratch)
                guard let written = value(scratch.span, types[index], to: output) else { return index }
                output = written
            } else {
                guard let written = value(bytes.extracting(cell.range), types[index], to: output) else { return index }
                output = written
            }
        }
        return nil
    }

    /// Appends a value that is no JSON; nil where PostgreSQL has no form for it.
    @inline(never)
    private func value(_ text: Span<UInt8>, _ type: ColumnType, to output: ByteWriter) -> ByteWriter? {
        var output = output
        switch type {
        case .text:
            for index in text.indices where text[index] == 0 { return nil }
            output.append(bigEndian: UInt32(truncatingIfNeeded: text.count))
            output.append(text, 0, text.count)
        case .decimal:
            guard let number = DecimalText(text), number.fitsNumeric(text) else { return nil }
            output = ByteWriter.appendNumeric(number, text, to: output)
        case .int64:
            guard let value = DecimalText(text)?.int64(text) else { return nil }
            output.append(bigEndian: UInt32(8))
            output.append(bigEndian: UInt64(bitPattern: value))
        case .double:
            guard let value = DoubleText.value(text) else { return nil }
            output.append(bigEndian: UInt32(8))
            output.append(bigEndian: value.bitPattern)
        case .bool:
            guard let value = BoolText.value(text) else { return nil }
            output.append(bigEndian: UInt32(1))
            output.append(value ? 1 : 0)
        case .date:
            guard let day = DateText.day(text) else { return nil }
            output.append(day)
        case .timestamp:
            guard let time = DateText.timestamp(text), time.nanosecond % 1000 == 0 else { return nil }
            let seconds = Int64(time.day.number - ByteWriter.copyEpoch) * 86_400 + Int64(time.second)
            output.append(bigEndian: UInt32(8))
            output.append(bigEndian: UInt64(bitPattern: seconds * 1_000_000 + Int64(time.nanosecond / 1000)))
        case .json:
            return nil
        }
        return output
    }

    /// Appends a value of a column of JSON; nil where `jsonb` refuses it.
    @inline(never)
    private func jsonValue(_ cell: Cell, _ bytes: Span<UInt8>, _ column: Int, to output: ByteWriter) -> ByteWriter? {
        guard check.reason(cell, column, bytes) == nil else { return nil }
        var value = output
        // The length stands in front of what it is the length of.
        value.append(bigEndian: UInt32(0))
        if json == .jsonb { value.append(1) }
        value = JSONText.appendValue(cell, bytes, to: value)
        return value.settingBigEndian(UInt32(output.room - value.room - 4), at: output)
    }
}

extension ByteWriter {
    /// 2000-01-01, from which PostgreSQL counts days and microseconds, in days since 1970-01-01.
    fileprivate static var copyEpoch: Int { 10_957 }

    /// Appends a `date`, its length in front; there must be room for it and `overshoot`.
    @inline(__always) fileprivate mutating func append(_ day: Day) {
        append(bigEndian: 4 << 32 | UInt64(UInt32(truncatingIfNeeded: day.number &- Self.copyEpoch)))
    }
}

extension JSONText {
    /// Appends a cell as a JSON value: text as a string, the rest as written; there must be room for six bytes for each
    /// of its bytes, two quotes and the writer's overshoot.
    static func appendValue(_ cell: Cell, _ bytes: Span<UInt8>, to output: ByteWriter) -> ByteWriter {
        var output = output
        switch cell.kind {
        case .text, .escaped, .raw:
            output.append(UInt8(ascii: "\""))
            if cell.kind == .raw {
                output = appendEscaped(bytes.extracting(cell.range), to: output)
            } else {
                output.append(bytes, cell.offset, cell.length)
            }
            output.append(UInt8(ascii: "\""))
        case .number, .bool, .json: output.append(bytes, cell.offset, cell.length)
        case .null: output.append(word: 0x6C6C_756E, keeping: 4)
        }
        return output
    }
}
