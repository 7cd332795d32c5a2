import ByteCodecs
import PipelineCore

/// Reads the input as a body in every way there is and stops the process where they differ.
///
/// `RowReader` reads it whole and in chunks, the plain reader reads it as a tree. The first three bytes choose columns
/// and a header row, batch size and chunks.
private func compare(_ input: [UInt8]) {
    guard input.count > 3 else { return }
    let (columns, hasHeader) = (Int(input[0] % 5), input[0] >= 0x80)
    let batchSize = [1, 30, 200, 1 << 20][Int(input[1] % 4)]
    var random = UInt64(input[2]) | 1
    let body = Array(input[3...])

    let expected = try? PlainReader.read(body, columns: columns, hasHeader: hasHeader)
    let whole = Result { () throws(ReadError) in
        try ReaderDriver.content(of: body, columns: columns, batchSize: batchSize, hasHeader: hasHeader)
    }
    let chunked = Result { () throws(ReadError) in
        try ReaderDriver.content(of: body, columns: columns, batchSize: batchSize, hasHeader: hasHeader) {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return 1 + Int(random >> 60)
        }
    }
    precondition(whole == chunked, "chunks change the outcome: \(whole) \(chunked)")
    switch whole {
    case .success(let content):
        precondition(content == expected, "read as \(content), not \(String(describing: expected))")
    case .failure(let error): precondition(expected == nil, "refused: \(error)")
    }
    guard let rows = expected?.rows else { return }
    let batch = Batch(schema: .numbered(columns), rows: rows)
    var output: [UInt8] = []
    CSVRenderer(schema: batch.schema).render(batch, into: &output)
    NDJSONRenderer(schema: batch.schema).render(batch, into: &output)
    precondition(UTF8Check.firstInvalidByte(in: output.span) == nil, "bad text was rendered")
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The entry point SwiftPM gives an executable.
@c(FuzzRowReader_main) public func run(
    _ count: CInt,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count
    var arguments = unsafe arguments
    return unsafe runDriver(&count, &arguments) { bytes, length in
        compare(unsafe Array(UnsafeBufferPointer(start: bytes, count: length)))
        return 0
    }
}
