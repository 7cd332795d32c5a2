/// Hexadecimal digits, padded.
enum HexText {
    /// 16 digits.
    static func word(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// 32 digits in upper case, grouped like a UUID, as the warehouse writes ids.
    static func dashed(_ high: UInt64, _ low: UInt64) -> String {
        var digits = (word(high) + word(low)).uppercased()[...]
        return [8, 4, 4, 4, 12].map { length in
            defer { digits = digits.dropFirst(length) }
            return String(digits.prefix(length))
        }.joined(separator: "-")
    }
}
