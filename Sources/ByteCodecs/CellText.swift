public import PipelineCore

extension Cell {
    /// Appends the cell's value as text: strings decoded, numbers, booleans and JSON as written, nothing for null.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the cell's batch.
    ///   - text: Takes the UTF-8.
    public func appendText(in bytes: Span<UInt8>, to text: inout [UInt8]) {
        switch kind {
        case .null: break
        case .escaped: JSONText.appendUnescaped(bytes.extracting(range), to: &text)
        case .text, .raw, .number, .bool, .json: text.append(bytes, range)
        }
    }
}

extension [UInt8] {
    /// Appends the bytes of `source` in `range`.
    mutating func append(_ source: Span<UInt8>, _ range: Range<Int>) {
        unsafe source.extracting(range).withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}
