import PipelineCore

extension CellConversion {
    /// The bytes `true` or `false` of a `bool` column.
    func bool(_ value: Range<Int>, in bytes: inout [UInt8]) throws(Misfit) -> Cell {
        let word = bytes[value]
        let spelling = Self.spellings.first { spelling in
            spelling.word.utf8.count == word.count && zip(spelling.word.utf8, word).allSatisfy { $0 == lowered($1) }
        }
        guard let spelling else { throw misfit }
        return try bytes.cell(.bool) { $0.append(contentsOf: (spelling.truth ? "true" : "false").utf8) }
    }

    private static let spellings: [(word: String, truth: Bool)] = [
        ("true", true), ("false", false), ("1", true), ("0", false), ("yes", true), ("no", false),
    ]

    private func lowered(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
