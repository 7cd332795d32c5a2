/// The rows of a result whose columns no metadata describe: of a field that is split into columns, or a comparison.
///
/// Their names stand in the header row alone (Supermetrics API: pivot, comparison).
/// How upstream names such columns is not documented. Here the columns of a split are named after its values, with the
/// metric's name in front where there are several metrics; a compared column after its metric and the comparison.
struct WideRows: Sendable {
    /// The header row.
    let labels: [String]
    /// Every row, as a JSON array.
    let rows: [[UInt8]]
    /// The first column of each field; nil for one that is split.
    let places: [Int?]

    /// Makes wide rows.
    ///
    /// - Parameters:
    ///   - query: A query that splits or compares.
    ///   - order: The rows of `renderer` in the result's order.
    ///   - renderer: The query's cells as if nothing were split or compared.
    ///   - compared: The same for the days compared with; nil where nothing is.
    init(_ query: DataQuery, order: [Int], _ renderer: RowRenderer, compared: RowRenderer?) {
        var places: [Int?] = []
        if let comparison = query.comparison, let compared {
            (labels, rows) = Self.compare(query, comparison, order, renderer, compared)
            var next = 0
            for column in query.columns {
                places.append(next)
                next += column.field.role == .metric ? 2 : 1
            }
        } else {
            (labels, rows) = Self.split(query, order, renderer)
            let metricCount = query.columns.count { $0.field.role == .metric }
            let dimensionCount = query.columns.count { $0.field.role == .dimension && !$0.isSplit }
            var (dimension, metric) = (0, dimensionCount)
            for column in query.columns {
                guard !column.isSplit else {
                    places.append(nil)
                    continue
                }
                let isMetric = column.field.role == .metric
                places.append(isMetric ? metric : dimension)
                if isMetric { metric += (labels.count - dimensionCount) / max(1, metricCount) } else { dimension += 1 }
            }
        }
        self.places = places
    }

    private static func cell(_ column: Int, _ row: Int, _ renderer: RowRenderer) -> [UInt8] {
        var json: [UInt8] = []
        renderer.appendCell(column, ofRow: row, to: &json)
        return json
    }

    private static func row(_ cells: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "[")] + cells.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }

    // MARK: Split

    private static func split(_ query: DataQuery, _ order: [Int], _ renderer: RowRenderer) -> ([String], [[UInt8]]) {
        let columns = query.columns.indices
        let dimensions = columns.filter { query.columns[$0].field.role == .dimension && !query.columns[$0].isSplit }
        let splits = columns.filter { query.columns[$0].isSplit }
        let metrics = columns.filter { query.columns[$0].field.role == .metric }
        // Rows by their dimensions and columns by their value, each in the order in which they first come.
        var (rows, places): ([[[UInt8]]], [[[UInt8]]: Int]) = ([], [:])
        var (values, valuePlaces): ([String], [String: Int]) = ([], [:])
        var sums: [[Int]: PlainDecimal] = [:]
        for index in order {
            let key = dimensions.map { cell($0, index, renderer) }
            let row = places[key] ?? rows.count
            if row == rows.count { rows.append(key) }
            places[key] = row
            let value = splits.map { CellValue(json: cell($0, index, renderer)).text }.joined(separator: " / ")
            let place = valuePlaces[value] ?? values.count
            if place == values.count { values.append(value) }
            valuePlaces[value] = place
            for (number, metric) in metrics.enumerated() {
                guard let cell = PlainDecimal(CellValue(json: cell(metric, index, renderer)).text) else { continue }
                sums[[row, number, place], default: PlainDecimal()].add(cell)
            }
        }
        let isOne = metrics.count == 1
        let labels = metrics.flatMap { metric in
            values.map { isOne ? $0 : "\(query.columns[metric].field.name) \($0)" }
        }
        let wide = rows.indices.map { index in
            let cells = metrics.indices.flatMap { metric in
                values.indices.map { sums[[index, metric, $0]].map { Array($0.text.utf8) } ?? Array("null".utf8) }
            }
            return row(rows[index] + cells)
        }
        return (dimensions.map { query.columns[$0].field.name } + labels, wide)
    }

    // MARK: Comparison

    private static func compare(
        _ query: DataQuery,
        _ comparison: DataQuery.Comparison,
        _ order: [Int],
        _ renderer: RowRenderer,
        _ compared: RowRenderer
    ) -> ([String], [[UInt8]]) {
        let labels = query.columns.flatMap { column in
            let name = column.field.name
            return column.field.role == .metric ? [name, "\(name) (\(comparison.type))"] : [name]
        }
        let rows = order.map { index in
            let cells = query.columns.indices.flatMap { column -> [[UInt8]] in
                let own = cell(column, index, renderer)
                guard query.columns[column].field.role == .metric else { return [own] }
                let other = index < compared.rowCount ? cell(column, index, compared) : Array("null".utf8)
                return [own, comparison.shown(own, other)]
            }
            return row(cells)
        }
        return (labels, rows)
    }
}

extension DataQuery.Comparison {
    /// The cell beside `own`, which `other` is compared with.
    fileprivate func shown(_ own: [UInt8], _ other: [UInt8]) -> [UInt8] {
        guard show != "value" else { return other }
        guard let own = PlainDecimal(CellValue(json: own).text), let other = PlainDecimal(CellValue(json: other).text)
        else {
            return Array("null".utf8)
        }
        let change = own.subtracting(other)
        guard show == "perc_change" else { return Array(change.text.utf8) }
        return Array((change.percent(of: other)?.text ?? "null").utf8)
    }
}

/// A number with up to six decimals, exactly.
struct PlainDecimal: Sendable {
    private static let places = 6
    private static let one: Int128 = 1_000_000
    private var millionths: Int128 = 0

    init() {}

    private init(millionths: Int128) { self.millionths = millionths }

    /// Reads digits with a point or without; nil for anything else and for more decimals.
    init?(_ text: String) {
        let isNegative = text.hasPrefix("-")
        let halves = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), let whole = Int128(halves[0]), whole >= 0, whole < 1 << 80 else {
            return nil
        }
        let decimals = halves.count == 2 ? String(halves[1]) : ""
        guard decimals.utf8.count <= Self.places, decimals.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        let padded = decimals + String(repeating: "0", count: Self.places - decimals.utf8.count)
        millionths = whole * Self.one + (Int128(padded) ?? 0)
        if isNegative { millionths = -millionths }
    }

    mutating func add(_ other: PlainDecimal) { millionths += other.millionths }

    func subtracting(_ other: PlainDecimal) -> PlainDecimal { PlainDecimal(millionths: millionths - other.millionths) }

    /// A hundred times its ratio to a number, cut to six decimals; nil where that number is zero.
    func percent(of other: PlainDecimal) -> PlainDecimal? {
        other.millionths == 0 ? nil : PlainDecimal(millionths: millionths * 100 * Self.one / other.millionths)
    }

    /// Its digits, without zeros at the end.
    var text: String {
        let (whole, rest) = millionths.magnitude.quotientAndRemainder(dividingBy: Self.one.magnitude)
        var text = (millionths < 0 ? "-" : "") + String(whole)
        guard rest > 0 else { return text }
        var decimals = String(String(rest + Self.one.magnitude).dropFirst())
        while decimals.hasSuffix("0") { decimals.removeLast() }
        text += "." + decimals
        return text
    }
}
