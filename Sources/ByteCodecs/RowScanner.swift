import PipelineCore

/// Reads the elements of `data` into cells: the inner loop of reading.
struct RowScanner {
    /// Why the loop came to rest.
    enum Rest {
        /// The cells have no room for another row.
        case full
        /// The open batch has reached its size.
        case cut
        /// The array is closed.
        case end
    }

    /// What can follow.
    private enum Place {
        /// A row or the end.
        case begin
        /// A row.
        case row
        /// A comma or the end.
        case behindRow
    }

    /// The bytes of rows after which a batch ends.
    let batchSize: Int
    let limits: ReadLimits

    /// Rows of the window read so far.
    private(set) var windowRows = 0
    /// Rows of this body read so far.
    private(set) var bodyRows = 0
    /// The column of the cell at which the last throw happened; nil between rows.
    private(set) var stoppedColumn: Int?

    /// Rows that have cells in the open batch.
    private(set) var batchRows = 0
    /// Rows of the open batch that hold bad text; they have no cells.
    private(set) var badRows: [BadRow] = []
    /// Where the last row of the open batch stands; empty where the batch has none.
    private(set) var lastRow = 0..<0

    private var batchBytes = 0
    private var place = Place.begin
    /// The row this body must begin with, which is then left out.
    private var expectedRow: [UInt8]?

    init(batchSize: Int, limits: ReadLimits) {
        self.batchSize = batchSize
        self.limits = limits
    }

    /// Prepares for another body, which must begin with `expectedRow` where there is one.
    mutating func beginBody(expecting expectedRow: [UInt8]?) {
        self.expectedRow = expectedRow
        bodyRows = 0
        place = .begin
    }

    /// Goes on behind an element that was no row.
    mutating func passHeader() { place = .behindRow }

    /// Forgets the open batch, which was taken.
    mutating func beginBatch() {
        batchRows = 0
        batchBytes = 0
        badRows = []
        lastRow = 0..<0
    }

    /// Reads rows from `position` on until there is a reason to rest.
    ///
    /// On a throw the whole rows before are kept, and `position` is where to try again.
    mutating func scan(
        _ bytes: Span<UInt8>,
        _ position: inout Int,
        limit: Int,
        columns: Int,
        into cells: inout OutputSpan<Cell>
    ) throws(ScanStop) -> Rest {
        stoppedColumn = nil
        while true {
            JSONScanner.skipSpace(bytes, &position)
            if place != .row {
                if bytes[position] == UInt8(ascii: "]") {
                    if expectedRow != nil { throw .problem(.firstRowDiffers, at: position) }
                    position += 1
                    return .end
                }
                if place == .behindRow {
                    guard bytes[position] == UInt8(ascii: ",") else {
                        throw JSONScanner.unexpected(position, limit: limit)
                    }
                    position += 1
                    place = .row
                    JSONScanner.skipSpace(bytes, &position)
                }
            }
            guard cells.freeCapacity >= columns else { return .full }
            let kept = cells.count
            let start = position
            var badCell: BadCell?
            var end = start
            do throws(ScanStop) {
                try row(bytes, &end, limit: limit, columns: columns, into: &cells, &badCell)
            } catch {
                stoppedColumn = end > start ? cells.count - kept : nil
                cells.removeLast(cells.count - kept)
                throw error
            }
            guard end - start <= limits.rowBytes else {
                cells.removeLast(columns)
                throw .problem(.tooLong(limit: limits.rowBytes), at: start)
            }
            place = .behindRow
            if let expected = expectedRow.take() {
                cells.removeLast(columns)
                guard bytes.holds(expected, at: start..<end) else { throw .problem(.firstRowDiffers, at: start) }
                position = end
                continue
            }
            if let badCell {
                let read = (kept..<kept + columns).map { cells.span[$0] }
                cells.removeLast(columns)
                badRows.append(
                    BadRow(
                        row: windowRows,
                        column: badCell.column,
                        fault: badCell.fault,
                        range: start..<end,
                        cells: read
                    )
                )
            } else {
                batchRows += 1
            }
            windowRows += 1
            bodyRows += 1
            lastRow = start..<end
            position = end
            batchBytes += end - start
            if batchBytes >= batchSize { return .cut }
        }
    }

    /// The first cell of a row that is no text.
    private struct BadCell {
        var column: Int
        var fault: TextFault
    }

    @inline(__always)
    private func row(
        _ bytes: Span<UInt8>,
        _ position: inout Int,
        limit: Int,
        columns: Int,
        into cells: inout OutputSpan<Cell>,
        _ badCell: inout BadCell?
    ) throws(ScanStop) {
        guard bytes[position] == UInt8(ascii: "[") else {
            throw JSONScanner.unexpected(position, limit: limit, .rowNotAnArray)
        }
        position += 1
        JSONScanner.skipSpace(bytes, &position)
        if columns == 0 {
            guard bytes[position] == UInt8(ascii: "]") else {
                throw JSONScanner.unexpected(position, limit: limit, .cellCount(expected: 0))
            }
            position += 1
            return
        }
        var column = 0
        while true {
            let start = position
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let end = try JSONScanner.string(bytes, from: start + 1, limit: limit)
                position = end.position + 1
                cells.append(
                    Cell(end.isEscaped ? .escaped : .text, offset: start + 1, length: end.position - start - 1)
                )
                if let fault = end.fault, badCell == nil { badCell = BadCell(column: column, fault: fault.fault) }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                try JSONScanner.number(bytes, &position, limit: limit)
                cells.append(Cell(.number, offset: start, length: position - start))
            case UInt8(ascii: "n"):
                try JSONScanner.literal("null", bytes, &position, limit: limit)
                cells.append(.null)
            case UInt8(ascii: "t"):
                try JSONScanner.literal("true", bytes, &position, limit: limit)
                cells.append(Cell(.bool, offset: start, length: 4))
            case UInt8(ascii: "f"):
                try JSONScanner.literal("false", bytes, &position, limit: limit)
                cells.append(Cell(.bool, offset: start, length: 5))
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                let fault = try JSONScanner.value(bytes, &position, limit: limit, depthLimit: limits.depth)
                cells.append(Cell(.json, offset: start, length: position - start))
                if let fault, badCell == nil { badCell = BadCell(column: column, fault: fault.fault) }
            case UInt8(ascii: "]") where column == 0:
                throw .problem(.cellCount(expected: columns), at: position)
            default:
                throw JSONScanner.unexpected(position, limit: limit)
            }
            column += 1
            JSONScanner.skipSpace(bytes, &position)
            let separator = bytes[position]
            if column == columns {
                guard separator == UInt8(ascii: "]") else {
                    if separator == UInt8(ascii: ",") { throw .problem(.cellCount(expected: columns), at: position) }
                    throw JSONScanner.unexpected(position, limit: limit)
                }
                position += 1
                return
            }
            guard separator == UInt8(ascii: ",") else {
                if separator == UInt8(ascii: "]") { throw .problem(.cellCount(expected: columns), at: position) }
                throw JSONScanner.unexpected(position, limit: limit)
            }
            position += 1
            JSONScanner.skipSpace(bytes, &position)
        }
    }
}

extension Span<UInt8> {
    /// Whether `expected` stands in `range`.
    func holds(_ expected: [UInt8], at range: Range<Int>) -> Bool {
        guard expected.count == range.count else { return false }
        for index in expected.indices where self[range.lowerBound + index] != expected[index] { return false }
        return true
    }
}
