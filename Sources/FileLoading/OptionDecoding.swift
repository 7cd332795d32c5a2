/// How file sinks read their options, so that every mistake is told at its key with what may stand there.
extension KeyedDecodingContainer {
    /// The choice written under `key`; nil where there is none.
    ///
    /// - Parameters:
    ///   - type: The choices.
    ///   - key: The option.
    /// - Returns: The choice.
    /// - Throws: `DecodingError` at the key, with a text that names the choices.
    public func decodeChoice<Choice>(
        _ type: Choice.Type,
        forKey key: Key
    ) throws -> Choice? where Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
        guard let text = try decodeIfPresent(String.self, forKey: key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let choices = Choice.allCases.map(\.rawValue)
        let last = choices.last.map { choices.count > 1 ? " or \($0)" : $0 } ?? "nothing"
        throw DecodingError.dataCorruptedError(
            forKey: key,
            in: self,
            debugDescription: "expected \(choices.dropLast().joined(separator: ", "))\(last), found \(text)"
        )
    }

    /// The path written under `key`.
    ///
    /// - Parameter key: The option.
    /// - Returns: The path, which may name a file, a folder or standard output.
    /// - Throws: `DecodingError` at the key, with a text that says what it may be.
    public func decodePath(forKey key: Key) throws -> String {
        let path = try decode(String.self, forKey: key)
        guard let problem = FileTarget.problem(ofPath: path) else { return path }
        throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: problem)
    }

    /// The level of gzip written under `key`; nil where there is none.
    ///
    /// - Parameter key: The option.
    /// - Returns: The level, 1 to 9.
    /// - Throws: `DecodingError` at the key, with a text that says what it may be.
    public func decodeLevel(forKey key: Key) throws -> Int? {
        guard let level = try decodeIfPresent(Int.self, forKey: key) else { return nil }
        if FileCompression.levels.contains(level) { return level }
        throw DecodingError.dataCorruptedError(
            forKey: key,
            in: self,
            debugDescription: "expected \(FileCompression.expectedLevel), found \(level)"
        )
    }
}
