/// A filter in the API's grammar: `<field> <op> <value> [AND|OR …]`, AND binding tighter, no parentheses
/// (Supermetrics API: filters).
struct RowFilter {
    enum Operator: String, CaseIterable {
        // Longest first, because `>` begins `>=`.
        case equal = "=="
        case notEqual = "!="
        case greaterOrEqual = ">="
        case lessOrEqual = "<="
        case contains = "=@"
        case containsNot = "!@"
        case matches = "=~"
        case matchesNot = "!~"
        case greater = ">"
        case less = "<"
    }

    struct Condition {
        var field: SourceField
        var test: Operator
        var value: String
        fileprivate var number: Double?
        fileprivate var pattern: PCREPattern?
    }

    /// A row passes when all conditions of one of these hold.
    private(set) var alternatives: [[Condition]]

    /// Reads a filter; the failure names the condition that cannot be used.
    init(parsing text: String, source: DataSource) throws(APIFailure) {
        alternatives = []
        for alternative in Self.split(text, at: " OR ") {
            var conditions: [Condition] = []
            for condition in Self.split(alternative, at: " AND ") {
                conditions.append(try Self.condition(condition, source: source))
            }
            alternatives.append(conditions)
        }
    }

    var fields: [SourceField] { alternatives.flatMap { $0.map(\.field) } }

    /// Splits at a word in upper or lower case.
    private static func split(_ text: String, at word: String) -> [String] {
        let (bytes, word) = (Array(text.utf8), Array(word.utf8))
        var parts: [String] = []
        var start = 0
        var index = 0
        while index + word.count <= bytes.count {
            // Clearing bit 5 makes ASCII letters upper case; a space, which has that bit, is compared as itself.
            let isWord = word.indices.allSatisfy { offset in
                let byte = bytes[index + offset]
                return byte == word[offset] || (word[offset] != 0x20 && byte & 0xDF == word[offset])
            }
            guard isWord else {
                index += 1
                continue
            }
            parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
            index += word.count
            start = index
        }
        return parts + [String(decoding: bytes[start...], as: UTF8.self)]
    }

    private static func condition(_ text: String, source: DataSource) throws(APIFailure) -> Condition {
        let trimmed = text.trimmingSpaces()
        let name = trimmed.prefix { !$0.isWhitespace && !"=!<>".contains($0) }
        let rest = trimmed.dropFirst(name.count).trimmingSpaces()
        guard let test = Operator.allCases.first(where: { rest.hasPrefix($0.rawValue) }), !name.isEmpty else {
            throw .invalid("filter", "'\(trimmed)' is not of the form <field> <operator> <value>.")
        }
        guard let field = source.field(String(name)) else {
            throw .invalid("filter", "field '\(name)' does not exist in \(source.id).")
        }
        let value = String(rest.dropFirst(test.rawValue.count).trimmingSpaces())
        var condition = Condition(field: field, test: test, value: value, number: Double(value))
        switch test {
        case .greater, .greaterOrEqual, .less, .lessOrEqual:
            if field.role == .metric, condition.number == nil {
                throw .invalid("filter", "'\(value)' is not a number, which \(test.rawValue) on \(field.id) needs.")
            }
        case .matches, .matchesNot:
            condition.pattern = PCREPattern(value)
            guard condition.pattern != nil else {
                throw .invalid("filter", "'\(value)' is not a pattern the server can use.")
            }
        case .equal, .notEqual, .contains, .containsNot: break
        }
        return condition
    }

    /// Whether a row passes, given the JSON of the cells of `fields`, in that order.
    func accepts(_ cells: [CellValue]) -> Bool {
        var next = 0
        var accepted = false
        for alternative in alternatives {
            var holds = true
            for condition in alternative {
                holds = condition.holds(for: cells[next]) && holds
                next += 1
            }
            accepted = accepted || holds
        }
        return accepted
    }
}

extension RowFilter.Condition {
    fileprivate func holds(for cell: CellValue) -> Bool {
        switch test {
        case .equal: isEqual(to: cell)
        case .notEqual: !isEqual(to: cell)
        case .contains: cell.text.lowercased().contains(value.lowercased())
        case .containsNot: !cell.text.lowercased().contains(value.lowercased())
        case .matches: pattern?.matches(cell.text) ?? false
        case .matchesNot: !(pattern?.matches(cell.text) ?? false)
        case .greater: compare(cell, >, >)
        case .greaterOrEqual: compare(cell, >=, >=)
        case .less: compare(cell, <, <)
        case .lessOrEqual: compare(cell, <=, <=)
        }
    }

    private func isEqual(to cell: CellValue) -> Bool {
        guard field.role == .metric, let number, let other = cell.number else { return cell.text == value }
        return number == other
    }

    private func compare(
        _ cell: CellValue,
        _ numbers: (Double, Double) -> Bool,
        _ texts: (String, String) -> Bool
    ) -> Bool {
        if field.role == .metric {
            guard let number, let other = cell.number else { return false }
            return numbers(other, number)
        }
        return texts(cell.text, value)
    }
}

/// A rendered cell read back for filtering and sorting.
struct CellValue {
    /// The text; empty for null.
    let text: String
    /// The value as a number, when it is one.
    let number: Double?

    init(json: [UInt8]) {
        if json.first != UInt8(ascii: "\"") {
            let token = String(decoding: json, as: UTF8.self)
            text = token == "null" ? "" : token
        } else if json.contains(UInt8(ascii: "\\")) {
            text = JSONValue.parse(json)?.scalarText ?? ""
        } else {
            text = String(decoding: json.dropFirst().dropLast(), as: UTF8.self)
        }
        number = Double(text)
    }
}
