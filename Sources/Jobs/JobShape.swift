import PipelineCore

/// What a value of the job file may look like: the one description that the linter and the JSON Schema both read.
indirect enum Shape: Sendable {
    /// Any text.
    case text
    /// One of a few words.
    case word([String])
    /// True or false.
    case bool
    /// A whole number.
    case whole(ClosedRange<Int>)
    /// A number above 0.
    case positive
    /// A text with a notation of its own.
    case notation(Notation)
    /// A list of values of one shape.
    case list(of: Shape, nonEmpty: Bool = false)
    /// Free keys, values of one shape.
    case map(of: Shape)
    /// Known keys.
    case object(ObjectShape)
    /// A map of exactly one known key: a stage.
    case oneKey([Field])
    /// The first of these that has the value's kind.
    case either([Shape])
    /// Anything, passed on as it is.
    case any
    /// An entry of `into:`; its keys are the sink's.
    case destination
}

/// A map with known keys.
struct ObjectShape: Sendable {
    /// What error texts call it.
    var name: String
    var fields: [Field]
}

/// One known key.
struct Field: Sendable {
    var name: String
    var shape: Shape
    var isRequired = false
    /// What it means, for editors.
    var summary: String
    /// Why it must not be written, where it must not; such a key is known only so that it can be refused well.
    var refusal: String?

    init(_ name: String, _ shape: Shape, required: Bool = false, _ summary: String) {
        self.name = name
        self.shape = shape
        isRequired = required
        self.summary = summary
    }

    /// A key that sluice sets itself.
    init(refused name: String, _ reason: String) {
        self.init(name, .any, "")
        refusal = reason
    }
}

/// A text with a notation of its own.
struct Notation: Sendable {
    /// What error texts ask for: `a duration such as 30s`.
    var expected: String
    /// A regular expression for editors; looser than `accepts`.
    var pattern: String
    /// Whether the text is of the notation.
    var accepts: @Sendable (String) -> Bool

    static let duration = Notation(
        expected: "a duration such as 500ms, 30s, 5 min, 4 h or 7 days",
        pattern: #"^[0-9.]+ ?[A-Za-z]+$"#,
        accepts: { Duration(jobText: $0).map { $0 > .zero } ?? false }
    )
    static let wholeDays = Notation(
        expected: "whole days, such as 7 days",
        pattern: #"^[0-9]+ ?[A-Za-z]+$"#,
        accepts: { Duration(jobText: $0)?.wholeDays != nil }
    )
    static let windowSize = Notation(
        expected: "day, week, month, all, or a number of days such as 10 days",
        pattern: #"^(day|week|month|all|[0-9]+ ?days?)$"#,
        accepts: { WindowSize($0) != nil }
    )
    static let chunkSize = Notation(
        expected: "day, week, month, or a number of days such as 10 days",
        pattern: #"^(day|week|month|[0-9]+ ?days?)$"#,
        accepts: { WindowSize($0).map { $0 != .all } ?? false }
    )
    static let percentage = Notation(
        expected: "a percentage from 0% to 100%",
        pattern: #"^[0-9.]+ ?%$"#,
        accepts: { Percentage($0) != nil }
    )
    static let rowLimit = Notation(
        expected: "a number of rows such as 100, or a percentage such as 0.1%",
        pattern: #"^[0-9.]+ ?%?$"#,
        accepts: { RowLimit($0) != nil }
    )
    static let date = Notation(
        expected: RelativeDate.expected,
        pattern: #"^.+$"#,
        accepts: { RelativeDate($0) != nil }
    )
    static let name = Notation(
        expected: "a name of 1 to 200 characters, other than '.' and '..', without '/' and control characters",
        pattern: #"^[^/]{1,200}$"#,
        accepts: Notation.isName
    )
    static let columnType = Notation(
        expected: "text, decimal, decimal(18,6), int64, double, bool, date, timestamp or json",
        pattern: #"^(text|decimal(\([0-9]+, ?[0-9]+\))?|int64|double|bool|date|timestamp|json)$"#,
        accepts: { ColumnType($0) != nil }
    )
    static let rowRule = Notation(
        expected: "a comparison such as '>= 1'",
        pattern: #"^(>=|>|<=|<|==|=) ?[0-9]+$"#,
        accepts: { RowRule($0) != nil }
    )

    private static func isName(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return (1...200).contains(scalars.count) && text != "." && text != ".."
            && scalars.allSatisfy { $0 != "/" && $0.properties.generalCategory != .control }
    }
}

extension Shape {
    /// What error texts ask for.
    var expected: String {
        switch self {
        case .text: "a text"
        case .word(let words): words.quotedAlternatives
        case .bool: "true or false"
        case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .positive: "a number above 0"
        case .notation(let notation): notation.expected
        case .list(of: let element, let nonEmpty):
            "a list of \(element.noun)" + (nonEmpty ? " with at least one entry" : "")
        case .map(of: let value): "a map to \(value.noun)"
        case .object(let object):
            "a map of " + object.fields.filter { $0.refusal == nil }.map(\.name).joined(separator: ", ")
        case .oneKey: "a map of one key"
        case .either(let shapes): shapes.map(\.expected).joined(separator: ", or ")
        case .any: "a value"
        case .destination: "a map of one key, the kind of destination, to its options"
        }
    }

    /// The thing a list is of.
    private var noun: String {
        switch self {
        case .text: "texts"
        case .object, .oneKey, .destination, .map: "maps"
        case .list: "lists"
        default: "values"
        }
    }

    /// Whether the value is of the kind (scalar, list, map) this shape asks for.
    func hasKind(of node: JobNode) -> Bool {
        switch (self, node.content) {
        case (.any, _): true
        case (.either(let shapes), _): shapes.contains { $0.hasKind(of: node) }
        case (.list, .list), (.map, .map), (.object, .map), (.oneKey, .map), (.destination, .map): true
        case (.list, _), (.map, _), (.object, _), (.oneKey, _), (.destination, _): false
        case (_, .scalar): !node.isNull
        default: false
        }
    }
}

extension Shape {
    /// Whether a key of this shape may stand without a value, as it does when everything under it is commented out.
    var mayBeLeftEmpty: Bool {
        switch self {
        case .object, .list, .map: true
        default: false
        }
    }
}

extension [String] {
    /// `'a', 'b' or 'c'`.
    var quotedAlternatives: String {
        let quoted = map { "'\($0)'" }
        guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }
}
