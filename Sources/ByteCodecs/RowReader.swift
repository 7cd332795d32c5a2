public import PipelineCore

/// Reads the bodies of one window's pages into batches of rows, as their bytes arrive.
///
/// A body is a JSON object (RFC 8259) with `meta` and `data`, or `error`, in any order; `data` is an array of rows,
/// a row an array of cells. Bytes are copied once, into the arena of the open batch, and read once. The open batch
/// goes on from body to body, so that batches are the same however the rows were paged and the bytes cut: a batch ends
/// after the first row at which the bytes of its rows, brackets included, reach the batch size.
///
/// For each body: `beginBody`, then `next` until it returns nil for every chunk, then `finish` until `.end`. After an
/// error or a body that broke off: `abandonBody`, which keeps the whole rows. After the last body: `flush`.
public struct RowReader: Sendable {
    /// The columns of every row; must be set between `.rowsBegin` and the first row, and then kept.
    public var schema: Schema?

    /// Bytes given to the scanner at a time, few enough that they are still in the fast cache when they are read.
    private static let pieceSize = 32 << 10
    /// Cells for which there is room at a time.
    private static let cellRoom = 4096
    /// The step in which batches differ in the cells they have room for.
    private static let cellStep = 16384
    /// Dead bytes between rows and what is unread, from which on closing the gap is worth it.
    private static let gapSize = 4 << 10

    private enum Member {
        case meta
        case data
        case error
        case other
    }

    private enum State {
        /// The root object has not begun.
        case start
        /// A member's name can follow, or the end of the object where there was no member yet.
        case member(isFirst: Bool)
        /// The value of a member follows.
        case value(Member)
        /// Inside `data`.
        case rows
        /// A comma or the end of the object follows.
        case behindValue
        /// The root object is closed.
        case closed
    }

    private let storage: BatchStorage
    private var scanner: RowScanner
    private var state = State.start
    private var facts = BodyFacts()
    private var seen: (meta: Bool, data: Bool, error: Bool) = (false, false, false)
    /// Whether a header row comes before the body's rows.
    private var isBeforeHeader = false

    /// The rows of the open batch, then unread bytes from `position`, then the scanner's padding.
    private var arena = [UInt8](repeating: 0, count: JSONScanner.padding)
    private var cells: [Cell] = []
    /// Whether there is room for a whole batch, and for how many cells there is to be.
    private var hasRoom = false
    private var cellCapacity = 0
    private var position = 0
    /// How far the arena must be filled before the value at `position` is tried again; doubles with each try, so that
    /// the tries together cost no more than the value.
    private var retryAt = 0
    /// The last row read, where it went away with a batch.
    private var takenLastRow: [UInt8] = []

    /// A reader at the begin of a window.
    ///
    /// - Parameters:
    ///   - batchSize: The bytes of rows after which a batch ends.
    ///   - limits: How much a body may ask for.
    ///   - storage: Where the memory of batches comes from; whoever uses a batch up gives it back there.
    public init(
        batchSize: Int = 1 << 20,
        limits: ReadLimits = ReadLimits(),
        storage: BatchStorage = BatchStorage()
    ) {
        scanner = RowScanner(batchSize: batchSize, limits: limits)
        self.storage = storage
    }

    /// Rows read from all bodies, bad ones included.
    public var rowCount: Int { scanner.windowRows }

    /// The last row read, as sent, brackets included; empty where there was none.
    public var lastRow: [UInt8] { scanner.lastRow.isEmpty ? takenLastRow : Array(arena[scanner.lastRow]) }

    /// Begins another body.
    ///
    /// - Parameters:
    ///   - expectedRow: The row, as sent, that the body must begin with; it is left out, and its absence is the error
    ///     `.firstRowDiffers`. Nil where the first row is new.
    ///   - hasHeader: Whether the first element of `data` is no row but names the columns; it may be missing
    ///     where there are no rows. The schema need not be known before it is read.
    public mutating func beginBody(expecting expectedRow: [UInt8]? = nil, hasHeader: Bool = false) {
        scanner.beginBody(expecting: expectedRow)
        isBeforeHeader = hasHeader
        state = .start
        facts = BodyFacts()
        seen = (false, false, false)
        retryAt = 0
    }

    /// Takes bytes of `chunk` from `offset` on until there is an event.
    ///
    /// - Parameters:
    ///   - chunk: Bytes that follow those of the chunk before.
    ///   - offset: How many bytes of the chunk are taken; 0 for a new chunk, and then left to the reader.
    /// - Returns: The next event; nil when the whole chunk is taken.
    /// - Throws: `ReadError` where the body cannot be read; only `abandonBody` may follow.
    public mutating func next(from chunk: Span<UInt8>, at offset: inout Int) throws(ReadError) -> ReadEvent? {
        while true {
            if filled >= retryAt, let event = try advance() { return event }
            let count = min(chunk.count - offset, RowReader.pieceSize)
            guard count > 0 else { return nil }
            take(chunk.extracting(offset..<offset + count))
            offset += count
        }
    }

    /// The next event after the last byte of the body.
    ///
    /// - Returns: What was still to be read, and at last `.end`.
    /// - Throws: `ReadError` where the body is not whole; only `abandonBody` may follow.
    public mutating func finish() throws(ReadError) -> ReadEvent {
        if let event = try advance() { return event }
        guard case .closed = state else { throw ReadError(.truncated, offset: facts.byteCount) }
        return .end(currentFacts)
    }

    /// Leaves a body before its end: whole rows that were read are kept, the rest of its bytes is dropped.
    ///
    /// - Returns: What was read of the body.
    @discardableResult
    public mutating func abandonBody() -> BodyFacts {
        arena.removeLast(arena.count - scanner.lastRow.upperBound)
        position = arena.count
        arena.append(contentsOf: repeatElement(0, count: JSONScanner.padding))
        state = .closed
        return currentFacts
    }

    /// Takes the open batch after the last body.
    ///
    /// - Returns: The rows since the last batch and those left out; nil where there are none.
    public mutating func flush() -> (batch: Batch, badRows: [BadRow])? {
        guard !scanner.lastRow.isEmpty else { return nil }
        return takeBatch()
    }

    private var filled: Int { arena.count - JSONScanner.padding }

    private var currentFacts: BodyFacts {
        var facts = facts
        facts.rowCount = scanner.bodyRows
        return facts
    }

    private mutating func take(_ piece: Span<UInt8>) {
        facts.byteCount += piece.count
        // What fits one piece, such as an answer without rows or one that is still waited with, takes no more.
        if !hasRoom, filled > 0 { makeRoom() }
        let gap = scanner.lastRow.upperBound..<position
        if gap.count >= RowReader.gapSize {
            arena.removeSubrange(gap)
            position -= gap.count
            retryAt -= gap.count
        }
        arena.removeLast(JSONScanner.padding)
        arena.append(piece, 0..<piece.count)
        arena.append(contentsOf: repeatElement(0, count: JSONScanner.padding))
    }

    /// Makes room for a batch behind what is unread.
    private mutating func makeRoom() {
        hasRoom = true
        var room = storage.take()
        room.bytes.reserveCapacity(arenaCapacity)
        room.bytes.append(contentsOf: arena)
        swap(&room.bytes, &arena)
        room.cells.reserveCapacity(cellCapacity)
        room.cells.append(contentsOf: cells)
        swap(&room.cells, &cells)
    }

    /// A full batch, the piece that fills it and a row more.
    private var arenaCapacity: Int { min(scanner.batchSize, 1 << 20) + 2 * RowReader.pieceSize }

    private mutating func takeBatch() -> (batch: Batch, badRows: [BadRow]) {
        takenLastRow = lastRow
        var (bytes, cells): ([UInt8], [Cell]) = ([], [])
        swap(&bytes, &arena)
        swap(&cells, &self.cells)
        arena.append(contentsOf: bytes[position...])
        bytes.removeLast(bytes.count - scanner.lastRow.upperBound)
        position = 0
        retryAt = 0
        hasRoom = false
        // The next batch is likely to have about as many; in large steps, so that it finds memory of its size.
        cellCapacity = (cells.count / RowReader.cellStep + 1) * RowReader.cellStep + RowReader.cellRoom
        if filled > 0 { makeRoom() }
        let badRows = scanner.badRows
        let batch = Batch(
            schema: schema ?? Schema([]),
            bytes: bytes,
            cells: cells,
            rowCount: scanner.batchRows,
            firstRow: scanner.windowRows - scanner.batchRows - badRows.count
        )
        scanner.beginBatch()
        return (batch, badRows)
    }

    // MARK: Steps

    private mutating func advance() throws(ReadError) -> ReadEvent? {
        do throws(ScanStop) {
            while true {
                if let event = try step() { return event }
            }
        } catch {
            switch error {
            case .incomplete:
                guard filled - position <= valueLimit else { throw located(.tooLong(limit: valueLimit), at: position) }
                retryAt = position + 2 * (filled - position)
                return nil
            case .problem(let problem, let place):
                // Had the bytes come slowly, the limit would have been met before a fault behind it.
                guard place - position <= valueLimit else { throw located(.tooLong(limit: valueLimit), at: position) }
                throw located(problem, at: place, column: scanner.stoppedColumn)
            }
        }
    }

    /// How long what begins at `position` may be.
    private var valueLimit: Int {
        if case .rows = state { scanner.limits.rowBytes } else { scanner.limits.valueBytes }
    }

    private func located(_ problem: ReadError.Problem, at place: Int, column: Int? = nil) -> ReadError {
        let offset = facts.byteCount - (filled - place)
        guard case .rows = state else { return ReadError(problem, offset: offset) }
        return ReadError(problem, offset: offset, row: scanner.windowRows, column: column)
    }

    /// Reads one part of the body; `position` moves only past whole parts.
    private mutating func step() throws(ScanStop) -> ReadEvent? {
        switch state {
        case .rows: return try rows()
        case .start:
            try expect(UInt8(ascii: "{"), .notAnObject)
            state = .member(isFirst: true)
        case .member(let isFirst):
            skipSpace()
            if isFirst, byte == UInt8(ascii: "}") {
                position += 1
                state = .closed
            } else {
                state = .value(try memberName())
            }
        case .value(.data):
            skipSpace()
            return try dataBegin()
        case .value(let member):
            skipSpace()
            let value = try value()
            state = .behindValue
            return event(of: member, value)
        case .behindValue:
            skipSpace()
            if byte == UInt8(ascii: "}") {
                position += 1
                state = .closed
            } else {
                try expect(UInt8(ascii: ","))
                state = .member(isFirst: false)
            }
        case .closed:
            skipSpace()
            throw JSONScanner.unexpected(position, limit: filled)
        }
        return nil
    }

    private var byte: UInt8 { arena[position] }

    private mutating func skipSpace() {
        var end = position
        JSONScanner.skipSpace(arena.span, &end)
        position = end
    }

    private mutating func expect(_ expected: UInt8, _ problem: ReadError.Problem = .syntax) throws(ScanStop) {
        skipSpace()
        guard byte == expected else { throw JSONScanner.unexpected(position, limit: filled, problem) }
        position += 1
    }

    private mutating func memberName() throws(ScanStop) -> Member {
        var end = position
        let name = try JSONScanner.memberName(arena.span, &end, limit: filled)
        guard end - position <= valueLimit else { throw .problem(.tooLong(limit: valueLimit), at: position) }
        if let fault = name.fault { throw .problem(.badText(fault.fault), at: fault.position) }
        let range = position + 1..<name.position
        var text: [UInt8] = []
        JSONText.appendUnescaped(arena.span.extracting(range), to: &text)
        let member: Member
        let isRepeated: Bool
        switch text {
        case Array("meta".utf8): (member, isRepeated, seen.meta) = (.meta, seen.meta, true)
        case Array("data".utf8): (member, isRepeated, seen.data) = (.data, seen.data, true)
        case Array("error".utf8): (member, isRepeated, seen.error) = (.error, seen.error, true)
        default: (member, isRepeated) = (.other, false)
        }
        if isRepeated { throw .problem(.repeatedMember, at: position) }
        position = end
        return member
    }

    /// Reads a whole value that is not `data`.
    private mutating func value() throws(ScanStop) -> Range<Int> {
        var end = position
        let limits = scanner.limits
        let fault = try JSONScanner.value(arena.span, &end, limit: filled, depthLimit: limits.depth)
        guard end - position <= limits.valueBytes else {
            throw .problem(.tooLong(limit: limits.valueBytes), at: position)
        }
        if let fault { throw .problem(.badText(fault.fault), at: fault.position) }
        defer { position = end }
        return position..<end
    }

    private mutating func event(of member: Member, _ value: Range<Int>) -> ReadEvent? {
        switch member {
        case .meta:
            facts.hasMeta = true
            return .meta(Array(arena[value]))
        case .error where arena[value.lowerBound] != UInt8(ascii: "n"):
            facts.hasError = true
            return .error(Array(arena[value]))
        case .error, .data, .other:
            return nil
        }
    }

    private mutating func dataBegin() throws(ScanStop) -> ReadEvent? {
        switch byte {
        case UInt8(ascii: "["):
            position += 1
            state = .rows
            facts.hasData = true
            return .rowsBegin(afterMeta: facts.hasMeta)
        case UInt8(ascii: "n"):
            var end = position
            try JSONScanner.literal("null", arena.span, &end, limit: filled)
            position = end
            state = .behindValue
            return nil
        default:
            throw JSONScanner.unexpected(position, limit: filled, .dataNotAnArray)
        }
    }

    /// The header row; nil where there is none because there are no rows.
    private mutating func header() throws(ScanStop) -> ReadEvent? {
        skipSpace()
        if byte == UInt8(ascii: "]") {
            isBeforeHeader = false
            position += 1
            state = .behindValue
            return nil
        }
        let range = try value()
        isBeforeHeader = false
        scanner.passHeader()
        return .header(Array(arena[range]))
    }

    private mutating func rows() throws(ScanStop) -> ReadEvent? {
        if isBeforeHeader { return try header() }
        guard let columns = schema?.columns.count else { throw .problem(.columnsUnknown, at: position) }
        switch try scanRows(columns) {
        case .full: return nil
        case .end:
            state = .behindValue
            return nil
        case .cut:
            let (batch, badRows) = takeBatch()
            return .batch(batch, badRows: badRows)
        }
    }

    private mutating func scanRows(_ columns: Int) throws(ScanStop) -> RowScanner.Rest {
        // Out of `self` for the call, so that the scanner may change while they are read and written.
        var (arena, cells): ([UInt8], [Cell]) = ([], [])
        swap(&arena, &self.arena)
        swap(&cells, &self.cells)
        defer {
            swap(&arena, &self.arena)
            swap(&cells, &self.cells)
        }
        let limit = arena.count - JSONScanner.padding
        var rest = RowScanner.Rest.full
        try cells.append(addingCapacity: max(columns, RowReader.cellRoom)) { room throws(ScanStop) in
            rest = try scanner.scan(arena.span, &position, limit: limit, columns: columns, into: &room)
        }
        return rest
    }
}
