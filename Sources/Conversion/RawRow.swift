import ByteCodecs
import PipelineCore

/// A row as it was read, for quarantine.
enum RawRow {
    /// What stands for a cell that nobody may see.
    static let redacted = "[redacted]"

    /// One JSON object of the row, its columns as keys.
    ///
    /// - Parameters:
    ///   - cells: A cell per column.
    ///   - bytes: The bytes they stand in.
    ///   - schema: The columns as they were read.
    ///   - isShown: Of every column, whether its value may be shown.
    /// - Returns: UTF-8, even where the row held bytes that are none.
    static func json(_ cells: ArraySlice<Cell>, in bytes: [UInt8], of schema: Schema, showing isShown: [Bool])
        -> [UInt8]
    {
        var json: [UInt8] = [UInt8(ascii: "{")]
        for (index, (column, cell)) in zip(schema.columns, cells).enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            JSONText.appendQuoted(Array(column.name.utf8).span, to: &json)
            json.append(UInt8(ascii: ":"))
            guard isShown[index] || cell.isNull else {
                JSONText.appendQuoted(Array(redacted.utf8).span, to: &json)
                continue
            }
            switch cell.kind {
            case .null: json += "null".utf8
            case .number, .bool, .json: json += text(bytes[cell.range])
            case .text, .escaped:
                json.append(UInt8(ascii: "\""))
                json += text(bytes[cell.range])
                json.append(UInt8(ascii: "\""))
            case .raw: JSONText.appendQuoted(Array(text(bytes[cell.range])).span, to: &json)
            }
        }
        json.append(UInt8(ascii: "}"))
        return json.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }

    /// The bytes, with U+FFFD for those that are no UTF-8.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String.UTF8View {
        String(decoding: bytes, as: UTF8.self).utf8
    }
}
