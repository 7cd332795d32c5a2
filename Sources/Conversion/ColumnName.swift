/// How a column's name is made from the id of the field it comes from.
public enum ColumnNaming: Hashable, Sendable {
    /// The id in `lower_snake_case`.
    case snakeCase
    /// The id as requested (`columns: keep`).
    case keep
}

/// Names of columns.
public enum ColumnName {
    /// What the names of sluice's own columns begin with.
    package static let reservedPrefix = "_sluice_"

    /// The id of a field in `lower_snake_case`; nil where it holds neither a letter nor a digit.
    ///
    /// A word begins at a capital after a small letter or a digit (`costUSD`, `7DayClick`), and at the last capital of
    /// several before a small letter (`HTTPServer`). Digits stay with what stands before them. Letters and digits of
    /// every script are kept; any other character, or several, separates words.
    public static func normalized(_ fieldID: String) -> String? {
        let characters = Array(fieldID)
        var name = ""
        var previous: Character?
        for (index, character) in characters.enumerated() {
            guard character.isLetter || character.isNumber else {
                previous = nil
                continue
            }
            let next = index + 1 < characters.count ? characters[index + 1] : nil
            if !name.isEmpty, beginsWord(character, after: previous, before: next) { name += "_" }
            name += character.lowercased()
            previous = character
        }
        return name.isEmpty ? nil : name
    }

    /// Whether `character` begins a word; `previous` is nil behind a separator.
    private static func beginsWord(_ character: Character, after previous: Character?, before next: Character?) -> Bool
    {
        guard let previous else { return true }
        guard character.isCapital else { return false }
        return previous.isCapital ? next.map { $0.isLowercase && !$0.isCapital } ?? false : true
    }
}

extension Character {
    /// Whether lower-casing changes it, so that a normalised name holds no capital and stays as it is.
    fileprivate var isCapital: Bool { lowercased() != String(self) }
}
