import ByteCodecs
import PipelineCore

/// Renders rows as strings, value by value; what the renderers are compared with.
enum PlainRenderers {
    /// The text a cell stands for; nil for null.
    static func text(_ cell: PlainCell) throws -> String? {
        switch cell.kind {
        case .null: nil
        case .escaped: try PlainJSON(whole: [0x22] + cell.bytes + [0x22]).text
        case .text, .raw, .number, .bool, .json: String(decoding: cell.bytes, as: UTF8.self)
        }
    }

    static func csv(_ rows: [[PlainCell]], _ schema: Schema, _ options: CSVOptions) throws -> String {
        let delimiter = String(decoding: [options.delimiter], as: UTF8.self)
        let end = options.lineEnding == .lf ? "\n" : "\r\n"
        return try rows.map { row in
            try zip(row, schema.columns).map { cell, column in
                guard var value = try text(cell) else { return options.null }
                let isText = [.text, .escaped, .raw, .json].contains(cell.kind)
                if options.escapeFormulas, isText, let first = value.unicodeScalars.first,
                    "=+-@\t\r".unicodeScalars.contains(first)
                {
                    value = "'" + value
                }
                let isNumeric = ["decimal", "int64", "double"].contains { column.type.description.hasPrefix($0) }
                let isNumber = cell.kind == .number && isNumeric
                let mustQuote =
                    value.isEmpty || value == options.null
                    || value.unicodeScalars.contains { "\"\r\n".unicodeScalars.contains($0) || String($0) == delimiter }
                let wantsQuote = options.quote == .all || (options.quote == .nonnumeric && !isNumber)
                guard mustQuote || wantsQuote else { return value }
                return "\"" + value.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
            }.joined(separator: delimiter) + end
        }.joined()
    }

    static func ndjson(_ rows: [[PlainCell]], _ schema: Schema) throws -> String {
        try rows.map { row in
            let members = try zip(row, schema.columns).map { cell, column in
                let isString = [.text, .date, .timestamp].contains(column.type)
                let value: String
                switch cell.kind {
                case .null: value = "null"
                case .text, .escaped: value = "\"" + String(decoding: cell.bytes, as: UTF8.self) + "\""
                case .number, .bool, .json:
                    let plain = String(decoding: cell.bytes, as: UTF8.self)
                    value = isString ? quoted(plain) : String(plain.unicodeScalars.filter { $0 != "\n" && $0 != "\r" })
                case .raw: value = quoted(try text(cell) ?? "")
                }
                return quoted(column.name) + ":" + value
            }
            return "{" + members.joined(separator: ",") + "}\n"
        }.joined()
    }

    private static func quoted(_ text: String) -> String {
        let short: [Unicode.Scalar: String] = [
            "\"": "\\\"", "\\": "\\\\", "\u{8}": "\\b", "\u{C}": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
        ]
        return "\""
            + text.unicodeScalars.map { scalar in
                if let escape = short[scalar] { return escape }
                guard scalar.value < 0x20 else { return String(scalar) }
                let digits = String(scalar.value, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined() + "\""
    }

    /// Takes CSV apart (RFC 4180); a value that was quoted is told from one that was not.
    static func parseCSV(_ text: String, delimiter: UInt8) -> [[(value: String, isQuoted: Bool)]] {
        let bytes = Array(text.utf8)
        var rows: [[(value: String, isQuoted: Bool)]] = []
        var row: [(value: String, isQuoted: Bool)] = []
        var position = 0
        while position < bytes.count {
            var value: [UInt8] = []
            let isQuoted = bytes[position] == UInt8(ascii: "\"")
            if isQuoted {
                position += 1
                while bytes[position] != UInt8(ascii: "\"") || bytes[position + 1] == UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\"") ? 2 : 1
                    value.append(bytes[position - 1])
                }
                position += 1
            } else {
                while ![delimiter, 0x0D, 0x0A].contains(bytes[position]) {
                    value.append(bytes[position])
                    position += 1
                }
            }
            row.append((String(decoding: value, as: UTF8.self), isQuoted))
            if bytes[position] == 0x0D { position += 1 }
            if bytes[position] == 0x0A {
                rows.append(row)
                row = []
            }
            position += 1
        }
        return rows
    }
}
