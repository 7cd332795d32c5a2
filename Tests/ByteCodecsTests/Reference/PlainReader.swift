import ByteCodecs
import PipelineCore

/// A cell with its own bytes.
struct PlainCell: Hashable {
    var kind: Cell.Kind
    var bytes: [UInt8]

    init(_ kind: Cell.Kind, _ bytes: [UInt8] = []) {
        self.kind = kind
        self.bytes = bytes
    }
}

/// What a body holds, however it was read.
struct BodyContent: Equatable {
    struct Bad: Equatable {
        var row: Int
        var column: Int
        var fault: TextFault
    }

    var meta: [UInt8]?
    var error: [UInt8]?
    /// Nil where there is no `data`.
    var rowsAfterMeta: Bool?
    /// The header row, as sent, where there is one.
    var header: [UInt8]?
    /// Good rows alone.
    var rows: [[PlainCell]] = []
    var bad: [Bad] = []
    /// All rows.
    var rowCount = 0
    var lastRow: [UInt8] = []
}

/// Reads a whole body from its tree; what `RowReader` is compared with.
enum PlainReader {
    struct Refused: Error {}

    static func read(
        _ body: [UInt8],
        columns: Int,
        hasHeader: Bool = false,
        limits: ReadLimits = ReadLimits()
    ) throws -> BodyContent {
        let root = try PlainJSON(whole: body)
        guard root.kind == .object else { throw Refused() }
        var content = BodyContent()
        var names: [String] = []
        for member in root.members {
            guard let name = member.name.text else { throw Refused() }
            let value = member.value
            if ["meta", "data", "error"].contains(name) {
                if names.contains(name) { throw Refused() }
                names.append(name)
            }
            if name == "data", value.kind == .array {
                content.rowsAfterMeta = content.meta != nil
                let header = hasHeader ? value.elements.first : nil
                if let header {
                    guard header.fault == nil, header.depth <= limits.depth, header.bytes.count <= limits.valueBytes
                    else {
                        throw Refused()
                    }
                }
                content.header = header?.bytes
                for row in value.elements.dropFirst(header == nil ? 0 : 1) {
                    try add(row, to: &content, columns: columns, limits: limits)
                }
                continue
            }
            if name == "data", value.kind != .null { throw Refused() }
            guard value.fault == nil, value.depth <= limits.depth, value.bytes.count <= limits.valueBytes else {
                throw Refused()
            }
            if name == "meta" { content.meta = value.bytes }
            if name == "error", value.kind != .null { content.error = value.bytes }
        }
        return content
    }

    private static func add(_ row: PlainJSON, to content: inout BodyContent, columns: Int, limits: ReadLimits) throws {
        guard row.kind == .array, row.elements.count == columns, row.bytes.count <= limits.rowBytes else {
            throw Refused()
        }
        for cell in row.elements where cell.depth > limits.depth { throw Refused() }
        if let column = row.elements.firstIndex(where: { $0.fault != nil }), let fault = row.elements[column].fault {
            content.bad.append(.init(row: content.rowCount, column: column, fault: fault))
        } else {
            content.rows.append(row.elements.map(PlainReader.cell))
        }
        content.rowCount += 1
        content.lastRow = row.bytes
    }

    static func cell(_ value: PlainJSON) -> PlainCell {
        switch value.kind {
        case .null: PlainCell(.null)
        case .bool: PlainCell(.bool, value.bytes)
        case .number: PlainCell(.number, value.bytes)
        case .string(let isEscaped): PlainCell(isEscaped ? .escaped : .text, Array(value.bytes.dropFirst().dropLast()))
        case .array, .object: PlainCell(.json, value.bytes)
        }
    }
}
