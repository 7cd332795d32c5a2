import Yams

/// Reads YAML text into nodes that know where they were written.
///
/// Plain scalars follow YAML 1.2 (`yes` is a text, `2024-01-01` is a text); anchors, aliases and `<<` work, tags do not.
struct YAMLReader {
    /// More nodes than any job needs; aliases of aliases would otherwise grow without end.
    private static let nodeLimit = 100_000

    let source: String
    private let lines: [Substring]
    private var nodes = 0

    /// Reads one YAML document.
    ///
    /// - Parameters:
    ///   - text: The document.
    ///   - source: The file or flag it came from, for error texts.
    /// - Returns: The document; nil where the text holds none.
    /// - Throws: `JobFileError` with the place of the mistake.
    static func read(_ text: String, source: String) throws(JobFileError) -> JobNode? {
        var reader = YAMLReader(source: source, text: text)
        let root: Yams.Node?
        do {
            // The encoding is given: by default Yams asks the environment, and prints what it finds.
            root = try Yams.Parser(yaml: text, encoding: .utf8).singleRoot()
        } catch {
            throw reader.plainWords(error)
        }
        guard let root else { return nil }
        return try reader.node(root)
    }

    private init(source: String, text: String) {
        self.source = source
        lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    }

    private func location(_ mark: Yams.Mark?) -> JobLocation {
        JobLocation(source, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    private mutating func node(_ node: Yams.Node) throws(JobFileError) -> JobNode {
        let location = location(node.mark)
        nodes += 1
        guard nodes <= Self.nodeLimit else {
            throw JobFileError("the file holds more than \(Self.nodeLimit) values, aliases counted", at: location)
        }
        switch node {
        case .alias: throw JobFileError("an alias without its anchor", at: location)
        case .scalar(let scalar):
            let tag = scalar.tag.description
            guard ["", "!", "tag:yaml.org,2002:str"].contains(tag) else {
                throw JobFileError(
                    "tags such as '\(tag)' are not used here; ${NAME} reads the environment",
                    at: location
                )
            }
            return JobNode(.scalar(scalar.string, plain: scalar.style == .plain && tag.isEmpty), at: location)
        case .sequence(let sequence):
            var elements: [JobNode] = []
            for element in sequence { elements.append(try self.node(element)) }
            return JobNode(.list(Self.joinedParentheses(elements)), at: location)
        case .mapping(let mapping): return JobNode(.map(try members(mapping)), at: location)
        }
    }

    private mutating func members(_ mapping: Yams.Node.Mapping) throws(JobFileError) -> [JobMember] {
        var own: [JobMember] = []
        var names: Set<String> = []
        var merged: [JobMember] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                throw JobFileError(
                    "a key must be a single word; put a key that holds ${…} in quotes",
                    at: location(key.mark)
                )
            }
            // Yams takes `1` and `"1"` for two keys.
            guard names.insert(name.string).inserted else {
                throw JobFileError("the key '\(name.string)' is written twice in this map", at: location(key.mark))
            }
            let value = try node(value)
            guard name.string == "<<", name.style == .plain else {
                own.append(JobMember(name.string, at: location(key.mark), value))
                continue
            }
            let sources = value.elements ?? [value]
            guard sources.allSatisfy({ if case .map = $0.content { true } else { false } }) else {
                throw JobFileError("'<<' takes a map, or a list of maps", at: location(key.mark))
            }
            merged += sources.flatMap(\.members)
        }
        own += merged.filter { names.insert($0.name).inserted }
        return Self.joinedParentheses(own)
    }
}

// MARK: Types with a comma inside braces

extension YAMLReader {
    /// Puts `{cost: decimal(18,6)}` together again: YAML cuts the unquoted text at its comma.
    private static func joinedParentheses(_ members: [JobMember]) -> [JobMember] {
        members.reduce(into: []) { joined, member in
            guard let last = joined.indices.last, member.value.isNull,
                let text = joined[last].value.openText, case .scalar = member.value.content
            else { return joined.append(member) }
            joined[last].value.content = .scalar(text + "," + member.name, plain: true)
        }
    }

    /// The same for `[decimal(18,6)]`.
    private static func joinedParentheses(_ elements: [JobNode]) -> [JobNode] {
        elements.reduce(into: []) { joined, element in
            guard let last = joined.indices.last, let text = joined[last].openText,
                case .scalar(let next, plain: true) = element.content
            else { return joined.append(element) }
            joined[last].content = .scalar(text + "," + next, plain: true)
        }
    }
}

extension JobNode {
    /// The text of a scalar without quotes that leaves a parenthesis open.
    fileprivate var openText: String? {
        guard case .scalar(let text, plain: true) = content else { return nil }
        let depth = text.reduce(0) { $0 + ($1 == "(" ? 1 : $1 == ")" ? -1 : 0) }
        return depth > 0 ? text : nil
    }
}

// MARK: Syntax errors

extension YAMLReader {
    /// What a YAML error means for someone who does not know YAML's grammar.
    private func plainWords(_ error: any Error) -> JobFileError {
        guard let error = error as? YamlError else {
            return JobFileError("the file cannot be read: \(error)", at: JobLocation(source, line: 1, column: 1))
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            return plainWords(problem, mark, opened: context?.mark)
        case .duplicatedKeysInMapping(let keys, let context): return duplicate(keys, first: context.mark)
        case .reader(_, let offset, let value, let yaml):
            let code = String(UInt32(bitPattern: value), radix: 16, uppercase: true)
            return JobFileError(
                "the character U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code) is not allowed in YAML",
                at: location(ofCharacter: offset ?? 0, in: yaml)
            )
        default: return JobFileError("not YAML: \(error)", at: JobLocation(source, line: 1, column: 1))
        }
    }

    private func plainWords(_ problem: String, _ mark: Yams.Mark, opened: Yams.Mark?) -> JobFileError {
        let character = character(at: mark)
        let message: String
        var place = mark
        switch problem {
        case _ where character == "\t", _ where problem.contains("tab character"):
            message = "a tab cannot indent YAML; use spaces"
        case "found character that cannot start any token":
            message = "a value cannot start with '\(character.map(String.init) ?? "")'; put it in quotes"
        case "mapping values are not allowed in this context":
            message = "unexpected ':'; put a text that holds ': ' in quotes, and check the indentation of this line"
        case "did not find expected key":
            message = "this line does not line up with the keys above it; check its indentation and its quotes"
        case "did not find expected '-' indicator":
            message = "expected '- ' here: this line does not line up with the list above it"
        case "block sequence entries are not allowed in this context":
            message = "unexpected '- ' here; a list starts on its own line"
        case "could not find expected ':'":
            place = opened ?? mark
            message = "expected ':' after this key"
        case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
            let open = problem.hasSuffix("'}'") ? "{" : "["
            guard character != nil || mark.line < lines.count, let opened else {
                place = opened ?? mark
                message = "this '\(open)' is never closed"
                break
            }
            message = """
                the '\(open)' opened at line \(opened.line), column \(opened.column) is not closed, or a comma is \
                missing before this; put a value that holds { } [ ] or a comma in quotes, such as "${NAME}"
                """
        case "found unexpected end of stream":
            place = opened ?? mark
            message = "this quote is never closed"
        case "found unknown escape character":
            message = #"unknown escape after '\' in double quotes; in single quotes a '\' stands for itself"#
        case "did not find expected node content": message = "a value is missing here"
        case "found undefined alias": message = "an alias (*name) without its anchor (&name)"
        case "but found another document": message = "a job is one YAML document; a second one starts here"
        case _ where problem.hasPrefix("Maximum nesting level"): message = "nested too deeply"
        default: message = "not YAML: \(problem)"
        }
        return JobFileError(message, at: location(place))
    }

    private func character(at mark: Yams.Mark) -> Unicode.Scalar? {
        guard lines.indices.contains(mark.line - 1) else { return nil }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first
    }

    private func location(ofCharacter offset: Int, in yaml: String) -> JobLocation {
        let before = yaml.prefix(offset).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return JobLocation(source, line: max(1, before.count), column: (before.last?.unicodeScalars.count ?? 0) + 1)
    }

    /// Yams names the first of the two; the second is the next line of the same block that starts with the same key.
    private func duplicate(_ keys: [String], first: Yams.Mark) -> JobFileError {
        let name = keys.first ?? ""
        let message = "the key '\(name)' is written twice"
        let indentation = String(repeating: " ", count: first.column - 1)
        for index in lines.indices.dropFirst(first.line) {
            let line = lines[index]
            guard line.hasPrefix(indentation) || line.allSatisfy(\.isWhitespace) else { break }
            let rest = line.dropFirst(first.column - 1)
            guard ["\(name):", "\"\(name)\":", "'\(name)':"].contains(where: { rest.hasPrefix($0) }) else { continue }
            return JobFileError(
                "\(message), first on line \(first.line)",
                at: JobLocation(source, line: index + 1, column: first.column)
            )
        }
        return JobFileError("\(message) in this map", at: location(first))
    }
}
