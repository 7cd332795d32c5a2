/// A word of the API from a set it may extend: words nobody knows are kept, and case does not count.
///
/// Known words are static members, so a `switch` reads like one over an enumeration with a `default`.
public protocol OpenWord: RawRepresentable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible
where RawValue == String, StringLiteralType == String {
    /// A word.
    ///
    /// - Parameter rawValue: the word as the API writes it.
    init(rawValue: String)
}

extension OpenWord {
    /// A word written as a literal.
    public init(stringLiteral value: String) {
        self.init(rawValue: value)
    }

    /// The word as the API wrote it.
    public var description: String { rawValue }

    /// Whether two words are the same but for case.
    public static func == (one: Self, other: Self) -> Bool {
        one.rawValue.lowercased() == other.rawValue.lowercased()
    }

    /// Hashes the word without regard to case.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(rawValue.lowercased())
    }
}
