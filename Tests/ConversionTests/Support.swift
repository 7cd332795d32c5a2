import PipelineCore

/// A cell as a test writes it: the kind and the bytes.
enum Value: Hashable {
    case null
    case text(String)
    case escaped(String)
    case raw(String)
    case number(String)
    case bool(String)
    case json(String)

    var parts: (Cell.Kind, String) {
        switch self {
        case .null: (.null, "")
        case .text(let bytes): (.text, bytes)
        case .escaped(let bytes): (.escaped, bytes)
        case .raw(let bytes): (.raw, bytes)
        case .number(let bytes): (.number, bytes)
        case .bool(let bytes): (.bool, bytes)
        case .json(let bytes): (.json, bytes)
        }
    }

    init(_ cell: Cell, in bytes: [UInt8]) {
        let text = String(decoding: bytes[cell.range], as: UTF8.self)
        self =
            switch cell.kind {
            case .null: .null
            case .text: .text(text)
            case .escaped: .escaped(text)
            case .raw: .raw(text)
            case .number: .number(text)
            case .bool: .bool(text)
            case .json: .json(text)
            }
    }
}

extension Schema {
    /// Columns named and typed as given; each comes from a field of its name.
    init(_ columns: KeyValuePairs<String, ColumnType>) {
        self.init(columns.map { Column(name: $0.key, type: $0.value, field: $0.key) })
    }
}

extension Batch {
    /// A batch of the rows; a byte that belongs to no cell stands between any two.
    init(_ schema: Schema, _ rows: [[Value]], firstRow: Int = 0) {
        var (bytes, cells) = ([UInt8](), [Cell]())
        for value in rows.joined() {
            let (kind, text) = value.parts
            cells.append(kind == .null ? .null : Cell(kind, offset: bytes.count, length: text.utf8.count))
            bytes += Array(text.utf8) + [UInt8(ascii: "#")]
        }
        self.init(schema: schema, bytes: bytes, cells: cells, rowCount: rows.count, firstRow: firstRow)
    }

    /// The rows as a test reads them.
    var rows: [[Value]] {
        (0..<rowCount).map { row in
            cells[row * columnCount..<(row + 1) * columnCount].map { Value($0, in: bytes) }
        }
    }
}
