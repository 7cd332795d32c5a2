import ByteCodecs
import PipelineCore

extension CellConversion {
    /// The text that the inside of a JSON string stands for.
    func unescaped(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        var text: [UInt8] = []
        JSONText.appendUnescaped(bytes.span.extracting(value), to: &text)
        return try bytes.cell(.raw) { $0 += text }
    }

    /// The bytes `true` or `false` of a `bool` column.
    func bool(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        guard let truth = BoolText.value(bytes.span.extracting(value)) else { throw misfit }
        return try bytes.cell(.bool) { $0 += truth.description.utf8 }
    }

    /// The value that the text of a `json` column is.
    func json(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        var syntax = JSONSyntax(bytes.span, value)
        let start = syntax.position
        guard syntax.value(bytes.span) else { throw misfit }
        let found = start..<syntax.position
        guard syntax.isAtEnd(bytes.span) else { throw misfit }
        switch bytes[start] {
        // A string keeps its quotes, or `"1"` and `1` would be the same where only texts can be written.
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""): return Cell(.json, over: found)
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return Cell(.bool, over: found)
        case UInt8(ascii: "n"): return .null
        default: return Cell(.number, over: found)
        }
    }
}
