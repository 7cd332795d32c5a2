import ByteCodecs
import PipelineCore

/// Reads whole bodies with a `RowReader`, cut into chunks, and gathers what it finds.
struct ReaderDriver {
    var reader: RowReader
    var content = BodyContent()
    /// The cut batches' rows, good and bad.
    var batchSizes: [Int] = []
    var facts: [BodyFacts] = []

    init(columns: Int, batchSize: Int = 1 << 20, limits: ReadLimits = ReadLimits()) {
        reader = RowReader(batchSize: batchSize, limits: limits)
        reader.schema = .numbered(columns)
    }

    /// Reads one body; `chunkSize` is asked for the size of every chunk.
    mutating func read(
        _ body: [UInt8],
        expecting row: [UInt8]? = nil,
        hasHeader: Bool = false,
        chunkSize: () -> Int = { .max }
    ) throws(ReadError) {
        reader.beginBody(expecting: row, hasHeader: hasHeader)
        try feed(body, chunkSize: chunkSize)
        while true {
            let event = try reader.finish()
            take(event)
            if case .end = event { return }
        }
    }

    /// Gives bytes of a body without ending it.
    mutating func feed(_ bytes: [UInt8], chunkSize: () -> Int = { .max }) throws(ReadError) {
        var start = 0
        while start < bytes.count {
            let end = start + min(max(chunkSize(), 1), bytes.count - start)
            let chunk = Array(bytes[start..<end])
            var offset = 0
            while let event = try reader.next(from: chunk.span, at: &offset) { take(event) }
            start = end
        }
    }

    /// Takes the open batch.
    mutating func flush() {
        if let (batch, badRows) = reader.flush() { take(batch, badRows) }
        content.rowCount = reader.rowCount
        content.lastRow = reader.lastRow
    }

    private mutating func take(_ event: ReadEvent) {
        switch event {
        case .meta(let value): content.meta = value
        case .error(let value): content.error = value
        case .rowsBegin(let afterMeta): content.rowsAfterMeta = afterMeta
        case .header(let row): content.header = row
        case .batch(let batch, let badRows): take(batch, badRows)
        case .end(let end): facts.append(end)
        }
    }

    private mutating func take(_ batch: Batch, _ badRows: [BadRow]) {
        precondition(batch.firstRow == batchSizes.reduce(0, +))
        batchSizes.append(batch.rowCount + badRows.count)
        content.rows += batch.plainRows
        for bad in badRows {
            content.bad.append(.init(row: bad.row, column: bad.column, fault: bad.fault))
            precondition(batch.bytes[bad.range].first == UInt8(ascii: "["))
        }
    }

    /// The content of a single body; nil where the reader refuses it.
    static func content(
        of body: [UInt8],
        columns: Int,
        batchSize: Int = 1 << 20,
        hasHeader: Bool = false,
        limits: ReadLimits = ReadLimits(),
        chunkSize: () -> Int = { .max }
    ) throws(ReadError) -> BodyContent {
        var driver = ReaderDriver(columns: columns, batchSize: batchSize, limits: limits)
        try driver.read(body, hasHeader: hasHeader, chunkSize: chunkSize)
        driver.flush()
        return driver.content
    }
}

extension Schema {
    /// Text columns named `c0`, `c1` and so on.
    static func numbered(_ count: Int) -> Schema {
        Schema((0..<count).map { Column(name: "c\($0)", type: .text) })
    }
}

extension Batch {
    /// The rows, each cell with its own bytes.
    var plainRows: [[PlainCell]] {
        (0..<rowCount).map { row in
            cells[row * columnCount..<(row + 1) * columnCount].map { PlainCell($0.kind, Array(bytes[$0.range])) }
        }
    }

    /// A batch of these rows.
    init(schema: Schema, rows: [[PlainCell]]) {
        var bytes: [UInt8] = []
        var cells: [Cell] = []
        for cell in rows.joined() {
            cells.append(Cell(cell.kind, offset: bytes.count, length: cell.bytes.count))
            bytes += cell.bytes
        }
        self.init(schema: schema, bytes: bytes, cells: cells, rowCount: rows.count)
    }
}
