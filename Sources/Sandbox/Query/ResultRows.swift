import NIOCore

/// The finished rows of a query: which ones, in which order; rendered a page at a time.
struct ResultRows: Sendable {
    let query: DataQuery
    let count: Int
    private static let pieceLength = 1 << 20
    private let renderer: RowRenderer
    private let style: EscapeStyle
    /// The rows that passed the filter, sorted; nil when all rows stand in their own order.
    private let order: [Int]?
    /// The rows where the query splits or compares; nil where the metadata describe every column.
    private let wide: WideRows?

    /// Plans the result.
    ///
    /// CPU work in the number of rows when the query filters, sorts, splits or compares, next to none otherwise.
    init(_ query: DataQuery, options: SandboxOptions) throws(APIFailure) {
        self.query = query
        style = options.escapeStyle
        let grain = query.columns.map(\.field.content.grain).min() ?? .range
        let settings = RowRenderer.Settings(
            seed: options.seed,
            rowsPerBlock: max(0, options.rowsPerDay),
            hostileRate: options.hostileRate,
            style: style,
            decodesJSON: query.settings.decodesJSON
        )
        func renderer(_ fields: [SourceField], of days: DaySpan? = query.days) -> RowRenderer {
            RowRenderer(
                source: query.source,
                fields: fields,
                accounts: query.accounts,
                spans: days?.cut(by: grain) ?? [],
                settings: settings
            )
        }
        let rows = renderer(query.columns.map(\.field))
        self.renderer = rows
        var order: [Int]?
        if let text = query.filter {
            let filter = try RowFilter(parsing: text, source: query.source)
            let fields = filter.fields
            let cells = renderer(fields)
            order = (0..<rows.rowCount).filter { filter.accepts(cells.values(ofRow: $0, columns: fields.count)) }
        }
        if !query.order.isEmpty {
            let cells = renderer(query.order.map(\.field))
            let keyed = (order ?? Array(0..<rows.rowCount)).map { row in
                (row: row, key: cells.values(ofRow: row, columns: query.order.count))
            }
            order = keyed.sorted { Self.precedes($0, $1, by: query.order) }.map(\.row)
        }
        self.order = order
        let compared = query.comparison.map { renderer(query.columns.map(\.field), of: $0.days) }
        wide =
            query.isWide ? WideRows(query, order: order ?? Array(0..<rows.rowCount), rows, compared: compared) : nil
        count = min(wide?.rows.count ?? order?.count ?? rows.rowCount, query.maxRows, options.rowCap)
    }

    private static func precedes(
        _ left: (row: Int, key: [CellValue]),
        _ right: (row: Int, key: [CellValue]),
        by order: [DataQuery.Order]
    ) -> Bool {
        for (index, key) in order.enumerated() {
            let (first, second) =
                key.isDescending ? (right.key[index], left.key[index]) : (left.key[index], right.key[index])
            if key.field.role == .metric {
                let (a, b) = (first.number ?? -.infinity, second.number ?? -.infinity)
                if a != b { return a < b }
            } else if first.text != second.text {
                return first.text < second.text
            }
        }
        return left.row < right.row
    }

    /// The columns' display names, as the header row has them.
    var labels: [String] { wide?.labels ?? query.columns.map(\.field.name) }

    /// Where each field's cells stand in a row; nil for a field that is split into columns.
    var places: [Int?] { wide?.places ?? query.columns.indices.map { $0 } }

    /// The rows that exist of a page.
    func existing(_ page: PageRange) -> Range<Int> {
        let start = min(page.start, count)
        return start..<(page.limit.map { min(count, start + $0) } ?? count)
    }

    /// Renders the value of `data`, an array of rows with the header row first when the query wants one, in pieces.
    func render(_ rows: Range<Int>) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(rows.count * 64, Self.pieceLength * 5 / 4))
        bytes.append(UInt8(ascii: "["))
        var needsComma = false
        if !query.settings.noHeaders {
            var header = JSONWriter(style: style)
            header.array { for label in labels { $0.string(nil, label) } }
            bytes.append(contentsOf: header.bytes)
            needsComma = true
        }
        for row in rows {
            if needsComma { bytes.append(UInt8(ascii: ",")) }
            needsComma = true
            if let wide {
                bytes.append(contentsOf: wide.rows[row])
            } else {
                renderer.appendRow(order?[row] ?? row, to: &bytes)
            }
            if bytes.count >= Self.pieceLength {
                pieces.append(ByteBuffer(bytes: bytes))
                bytes.removeAll(keepingCapacity: true)
            }
        }
        bytes.append(UInt8(ascii: "]"))
        pieces.append(ByteBuffer(bytes: bytes))
        return pieces
    }
}

extension RowRenderer {
    /// The cells of a row, read back.
    fileprivate func values(ofRow row: Int, columns: Int) -> [CellValue] {
        (0..<columns).map { column in
            var json: [UInt8] = []
            appendCell(column, ofRow: row, to: &json)
            return CellValue(json: json)
        }
    }
}
