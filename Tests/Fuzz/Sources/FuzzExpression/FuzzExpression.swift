import ByteCodecs
import Conversion
import PipelineCore

private let schema = Schema([
    Column(name: "n", type: .decimal(nil)), Column(name: "m", type: .int64), Column(name: "t", type: .text),
    Column(name: "d", type: .date), Column(name: "ts", type: .timestamp), Column(name: "b", type: .bool),
])

private let rows: [[(Cell.Kind, String)]] = [
    [
        (.number, "12.50"), (.number, "-7"), (.text, "Hello"), (.text, "2024-02-29"), (.text, "2024-02-29 23:59:58.5"),
        (.bool, "true"),
    ],
    [(.null, ""), (.null, ""), (.null, ""), (.null, ""), (.null, ""), (.null, "")],
    [
        (.number, "1e400"), (.text, "oops"), (.escaped, "a\\u00e9\\n"), (.raw, "(other)"), (.text, "2024-01-01"),
        (.bool, "false"),
    ],
    [
        (.number, "99999999999999999999999999999999999999"), (.number, "9223372036854775807"), (.raw, "Straße\0"),
        (.text, "9999-12-31"), (.text, "0001-01-01 00:00:00"), (.text, "yes"),
    ],
]

private func batch() -> Batch {
    var (bytes, cells): ([UInt8], [Cell]) = ([], [])
    for (kind, text) in rows.joined() {
        cells.append(kind == .null ? .null : Cell(kind, offset: bytes.count, length: text.utf8.count))
        bytes += text.utf8
    }
    return Batch(schema: schema, bytes: bytes, cells: cells, rowCount: rows.count)
}

/// Reads the input as an expression, and where it is one computes it: no input may crash, every row is accounted for,
/// and what comes out can be rendered.
private func check(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    let stages: [any Stage] = [DeriveStage([.init("it", text)]), FilterStage(text)]
    for stage in stages {
        guard let bound = try? stage.bind(to: schema) else { continue }
        var (batch, rejects) = (batch(), Rejects())
        do throws(StageError) { try bound.process(&batch, rejecting: &rejects) } catch {
            preconditionFailure("a window stopped: \(error)")
        }
        precondition(batch.rowCount + rejects.rows.count + rejects.filtered == rows.count, "rows were lost")
        precondition(batch.cells.count == batch.rowCount * batch.columnCount, "cells were lost")
        for cell in batch.cells where cell.kind == .number {
            let number = batch.bytes.span.extracting(cell.range)
            precondition(DecimalText.isJSONNumber(number), "no number was made")
        }
        var output: [UInt8] = []
        CSVRenderer(schema: batch.schema).render(batch, into: &output)
        NDJSONRenderer(schema: batch.schema).render(batch, into: &output)
        precondition(UTF8Check.firstInvalidByte(in: output.span) == nil, "bad text was rendered")
    }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The entry point SwiftPM gives an executable.
@c(FuzzExpression_main) public func run(
    _ count: CInt,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count
    var arguments = unsafe arguments
    return unsafe runDriver(&count, &arguments) { bytes, length in
        check(unsafe Array(UnsafeBufferPointer(start: bytes, count: length)))
        return 0
    }
}
