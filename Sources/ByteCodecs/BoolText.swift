/// Truth values as words.
public enum BoolText {
    private static let trueWords: [[UInt8]] = ["true", "t", "yes", "y", "on", "1"].map { Array($0.utf8) }
    private static let falseWords: [[UInt8]] = ["false", "f", "no", "n", "off", "0"].map { Array($0.utf8) }

    /// Reads the words PostgreSQL takes for a boolean, in any case: `true t yes y on 1`, `false f no n off 0`.
    public static func value(_ text: Span<UInt8>) -> Bool? {
        if trueWords.contains(where: { isWord($0, text) }) { return true }
        if falseWords.contains(where: { isWord($0, text) }) { return false }
        return nil
    }

    private static func isWord(_ word: [UInt8], _ text: Span<UInt8>) -> Bool {
        guard word.count == text.count else { return false }
        for index in word.indices {
            let byte = text[index]
            let isCapital = byte &- UInt8(ascii: "A") < 26
            guard (isCapital ? byte | 0x20 : byte) == word[index] else { return false }
        }
        return true
    }
}
