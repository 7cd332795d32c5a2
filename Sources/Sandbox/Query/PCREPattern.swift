/// A pattern as PHP's PCRE functions take it: `/pattern/i` with delimiters, or bare.
struct PCREPattern {
    private let regex: Regex<AnyRegexOutput>

    /// Nil when the pattern cannot be compiled or carries a modifier other than `i`, `u`, `m`, `s`.
    init?(_ text: String) {
        var body = text[...]
        var modifiers: Substring = ""
        if let delimiter = text.first, delimiter.isASCII, !delimiter.isLetter, !delimiter.isNumber,
            !#"\^.[("#.contains(delimiter), let end = text.lastIndex(of: delimiter), end > text.startIndex
        {
            body = text[text.index(after: text.startIndex)..<end]
            modifiers = text[text.index(after: end)...]
        }
        guard modifiers.allSatisfy({ "iums".contains($0) }), var regex = try? Regex(String(body)) else { return nil }
        if modifiers.contains("i") { regex = regex.ignoresCase() }
        if modifiers.contains("m") { regex = regex.anchorsMatchLineEndings() }
        if modifiers.contains("s") { regex = regex.dotMatchesNewlines() }
        self.regex = regex
    }

    func matches(_ text: String) -> Bool { (try? regex.firstMatch(in: text)) ?? nil != nil }
}
