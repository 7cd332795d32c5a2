import Conversion
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

/// Checks a tree against its shape and collects what does not fit.
struct ShapeCheck {
    /// What does not fit, in the order it was found.
    private(set) var mistakes: [JobMistake] = []

    /// Checks one value.
    ///
    /// - Parameters:
    ///   - node: The value.
    ///   - shape: What it may look like.
    ///   - name: What error texts call it.
    mutating func check(_ node: JobNode, _ shape: Shape, named name: String) {
        guard !node.isUnresolved else { return }
        guard shape.hasKind(of: node) else { return expect(shape, named: name, at: node) }
        switch shape {
        case .text, .any, .destination: break
        case .word(let words):
            guard let text = node.text, !words.contains(text) else { return }
            let nearest = node.interpolated.isEmpty ? NearestName.find(text, in: words) : nil
            let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
            expect(shape, named: name, at: node, hint: hint)
        case .bool: if node.bool == nil { expect(shape, named: name, at: node) }
        case .whole(let range):
            guard let value = node.text.flatMap({ Int($0) }), range.contains(value) else {
                return expect(shape, named: name, at: node)
            }
        case .positive:
            guard let value = node.text.flatMap({ Double($0) }), value > 0, value.isFinite else {
                return expect(shape, named: name, at: node)
            }
        case .notation(let notation):
            if let text = node.text, !notation.accepts(text) { expect(shape, named: name, at: node) }
        case .list(of: let element, let nonEmpty):
            let elements = node.elements ?? []
            if nonEmpty, elements.isEmpty {
                mistakes.append(JobMistake("'\(name)' is an empty list", at: node.location))
            }
            for each in elements { check(each, element, named: "each of '\(name)'") }
        case .map(of: let value):
            for member in node.members { check(member.value, value, named: member.name) }
        case .object(let object): check(node, object)
        case .oneKey(let fields): checkOneKey(node, fields, named: name)
        case .either(let shapes):
            guard let fitting = shapes.first(where: { $0.hasKind(of: node) }) else { return }
            // A scalar may fit several: only when it fits none is it wrong.
            let trials = shapes.filter { $0.hasKind(of: node) }.map { shape in
                var trial = ShapeCheck()
                trial.check(node, shape, named: name)
                return trial.mistakes
            }
            guard trials.allSatisfy({ !$0.isEmpty }) else { return }
            if case .scalar = node.content, trials.count > 1 { return expect(shape, named: name, at: node) }
            check(node, fitting, named: name)
        }
    }

    private mutating func check(_ node: JobNode, _ object: ObjectShape) {
        let known = object.fields.filter { $0.refusal == nil }.map(\.name)
        for member in node.members {
            guard let field = object.fields.first(where: { $0.name == member.name }) else {
                unknown(member, in: object.name, known: known)
                continue
            }
            if let refusal = field.refusal {
                mistakes.append(JobMistake("'\(field.name)' cannot be written here: \(refusal)", at: member.location))
            } else if field.isRequired, member.value.text == "" {
                mistakes.append(JobMistake("'\(field.name)' is empty", at: member.value.location))
            } else if !member.value.isNull {
                check(member.value, field.shape, named: field.name)
            } else if !field.shape.mayBeLeftEmpty || field.isRequired {
                mistakes.append(
                    JobMistake("'\(field.name)' has no value; expected \(field.shape.expected)", at: member.location)
                )
            }
        }
        for field in object.fields where field.isRequired && !node.members.contains(where: { $0.name == field.name }) {
            mistakes.append(JobMistake("\(object.name) has no '\(field.name)': \(field.summary)", at: node.location))
        }
    }

    private mutating func checkOneKey(_ node: JobNode, _ fields: [Field], named name: String) {
        guard let member = node.members.first, node.members.count == 1 else {
            mistakes.append(
                JobMistake("\(name) must have exactly one key, not \(node.members.count)", at: node.location)
            )
            return
        }
        guard let field = fields.first(where: { $0.name == member.name }) else {
            let known = fields.map(\.name)
            let hint = NearestName.hint(for: member.name, in: known, called: "stages")
            mistakes.append(JobMistake("unknown stage '\(member.name)'\(hint)", at: member.location))
            return
        }
        check(member.value, field.shape, named: field.name)
    }

    /// Reports a key nobody knows.
    mutating func unknown(_ member: JobMember, in name: String, known: [String]) {
        let hint = NearestName.hint(for: member.name, in: known, called: "keys")
        mistakes.append(JobMistake("unknown key '\(member.name)' in \(name)\(hint)", at: member.location))
    }

    private mutating func expect(_ shape: Shape, named name: String, at node: JobNode, hint: String = "") {
        let subject = name.contains(" ") ? name : "'\(name)'"
        mistakes.append(
            JobMistake("\(subject) must be \(shape.expected), not \(node.shown)\(hint)", at: node.location)
        )
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
