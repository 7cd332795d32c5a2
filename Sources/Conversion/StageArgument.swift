import PipelineCore

/// What a job file writes behind a stage's name, whatever the file's syntax.
public indirect enum StageArgument: Hashable, Sendable {
    /// Nothing.
    case null
    /// True or false.
    case bool(Bool)
    /// A number with its own digits.
    case number(String)
    /// Text.
    case text(String)
    /// Values in order.
    case list([StageArgument])
    /// Keys with values, in the order written.
    case map([Entry])

    /// A key with its value.
    public struct Entry: Hashable, Sendable {
        /// The key.
        public var key: String
        /// The value.
        public var value: StageArgument

        /// The value of `key`.
        public init(_ key: String, _ value: StageArgument) {
            self.key = key
            self.value = value
        }
    }
}

extension StageArgument {
    /// The text of a value that stands for a name; a name of digits alone need not be quoted.
    var name: String? {
        switch self {
        case .text(let text), .number(let text): text
        default: nil
        }
    }

    /// The text of a value that is one: of a number its digits, of a bool its name; nil for anything else.
    var scalarText: String? {
        switch self {
        case .text(let text), .number(let text): text
        case .bool(let bool): bool ? "true" : "false"
        case .null, .list, .map: nil
        }
    }

    /// The names of a list of columns.
    func columnNames(of stage: String) throws(StageError) -> [String] {
        guard case .list(let values) = self, !values.isEmpty else {
            throw StageError(.schema, "\(stage): expected a list of columns, as in `\(stage): [date, cost]`")
        }
        var names: [String] = []
        for (index, value) in values.enumerated() {
            guard let name = value.name else {
                throw StageError(.schema, "\(stage): entry \(index + 1) is not a column's name; put it in quotes")
            }
            names.append(name)
        }
        return names
    }

    /// The entries of a map that is not empty.
    func entries(of stage: String, example: String) throws(StageError) -> [Entry] {
        guard case .map(let entries) = self, !entries.isEmpty else {
            throw StageError(.schema, "\(stage): expected columns as keys, as in `\(stage): \(example)`")
        }
        return entries
    }
}
