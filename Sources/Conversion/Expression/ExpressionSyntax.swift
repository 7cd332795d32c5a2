import PipelineCore

/// An expression of `derive` or `filter` as it was written: a tree whose parts know where they stand.
struct Expression {
    indirect enum Kind {
        case null
        case bool(Bool)
        case number(String)
        case text(String)
        case column(String)
        case negation(Expression)
        case arithmetic(Arithmetic, Expression, Expression)
        case comparison(Comparison, Expression, Expression)
        case membership(Expression, in: [Expression], isNegated: Bool)
        case nullTest(Expression, isNegated: Bool)
        case not(Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case call(String, [Expression])
    }

    enum Arithmetic: String { case add = "+", subtract = "-", multiply = "*", divide = "/" }

    enum Comparison: String {
        case equal = "=", notEqual = "<>", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
    }

    var kind: Kind
    /// The character it begins with, counted from 1.
    var position: Int

    /// Reads an expression.
    ///
    /// - Throws: `ExpressionError` at the first character that does not belong there.
    init(_ text: String) throws(ExpressionError) {
        var parser = try ExpressionParser(text)
        self = try parser.whole()
    }

    fileprivate init(_ kind: Kind, at position: Int) { (self.kind, self.position) = (kind, position) }
}

/// What is wrong with an expression, and at which of its characters.
struct ExpressionError: Error, Hashable {
    /// What is wrong, and what to do.
    var text: String
    /// The character, counted from 1.
    var position: Int

    init(_ text: String, at position: Int) { (self.text, self.position) = (text, position) }

    /// The error as one of a stage.
    func of(_ stage: String) -> StageError { StageError(.schema, "\(stage): character \(position): \(text)") }
}

/// A word of an expression.
private struct Token {
    enum Kind: Equatable {
        case number(String)
        case text(String)
        /// A name in double quotes, which is never a keyword.
        case quotedName(String)
        case word(String)
        case sign(String)
        case end
    }

    var kind: Kind
    var position: Int

    /// The token as a person would name it.
    var shown: String {
        switch kind {
        case .number(let text), .word(let text), .sign(let text): "'\(text)'"
        case .text: "a text"
        case .quotedName(let name): "\"\(name)\""
        case .end: "the end"
        }
    }
}

private struct ExpressionScanner {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    /// As a sum of so many terms is a tree as deep.
    private static let tokenLimit = 2000

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    static func tokens(of text: String) throws(ExpressionError) -> [Token] {
        var scanner = ExpressionScanner(text)
        var tokens: [Token] = []
        repeat {
            tokens.append(try scanner.next())
            guard tokens.count <= tokenLimit else {
                throw ExpressionError(
                    "more than \(tokenLimit) words and signs; use several columns of derive",
                    at: scanner.index
                )
            }
        } while tokens.last?.kind != .end
        return tokens
    }

    /// Signs that other languages have, each with how it is written here.
    private static let strangers: KeyValuePairs = [
        "||": "texts are joined with concat(a, b)", "&&": "write AND", "==": "write = for equality",
        "%": "remainders are not computed", "::": "a cast is a stage of its own",
    ]

    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }
    private var following: Unicode.Scalar? { index + 1 < scalars.count ? scalars[index + 1] : nil }

    private mutating func next() throws(ExpressionError) -> Token {
        while let scalar = current, scalar.properties.isWhitespace { index += 1 }
        let position = index + 1
        guard let scalar = current else { return Token(kind: .end, position: position) }
        if Self.isDigit(scalar) || (scalar == "." && following.map(Self.isDigit) ?? false) {
            return Token(kind: .number(try number(at: position)), position: position)
        }
        if scalar == "'" { return Token(kind: .text(try quoted(by: "'", at: position)), position: position) }
        if scalar == "\"" {
            return Token(kind: .quotedName(try quoted(by: "\"", at: position)), position: position)
        }
        if Self.beginsName(scalar) {
            return Token(kind: .word(take { Self.beginsName($0) || Self.isDigit($0) }), position: position)
        }
        for (sign, cure) in Self.strangers {
            let letters = Array(sign.unicodeScalars)
            guard scalars[index...].starts(with: letters) else { continue }
            throw ExpressionError("there is no '\(sign)'; \(cure)", at: position)
        }
        for sign in ["<>", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "(", ")", ","] {
            let letters = Array(sign.unicodeScalars)
            guard scalars[index...].starts(with: letters) else { continue }
            index += letters.count
            return Token(kind: .sign(sign == "!=" ? "<>" : sign), position: position)
        }
        throw ExpressionError("'\(scalar.escaped(asASCII: false))' means nothing here", at: position)
    }

    private mutating func take(while belongs: (Unicode.Scalar) -> Bool) -> String {
        var text = ""
        while let scalar = current, belongs(scalar) {
            text.unicodeScalars.append(scalar)
            index += 1
        }
        return text
    }

    private mutating func number(at position: Int) throws(ExpressionError) -> String {
        var text = take(while: Self.isDigit)
        if current == "." {
            index += 1
            text += "." + take(while: Self.isDigit)
        }
        if current == "e" || current == "E" {
            text += "e"
            index += 1
            if let sign = current, sign == "+" || sign == "-" {
                text.unicodeScalars.append(sign)
                index += 1
            }
            let digits = take(while: Self.isDigit)
            guard !digits.isEmpty else { throw ExpressionError("a number ends without its exponent", at: position) }
            text += digits
        }
        if let scalar = current, Self.beginsName(scalar) || scalar == "." {
            throw ExpressionError(
                "a number runs into '\(scalar)'; a column whose name begins with a digit is written in double quotes",
                at: position
            )
        }
        return text
    }

    /// What stands between two quotes, a doubled one standing for itself.
    private mutating func quoted(by quote: Unicode.Scalar, at position: Int) throws(ExpressionError) -> String {
        index += 1
        var text = ""
        while let scalar = current {
            index += 1
            if scalar == quote {
                guard current == quote else { return text }
                index += 1
            }
            text.unicodeScalars.append(scalar)
        }
        throw ExpressionError("a \(quote) has no end", at: position)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.value &- 0x30 < 10 }

    private static func beginsName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic
            || (scalar.value > 0x7F && scalar.properties.numericType != nil)
    }
}

/// Reads tokens from left to right; the rules stand in the order of their strength, the weakest first.
private struct ExpressionParser {
    private let tokens: [Token]
    private var index = 0
    private var depth = 0

    /// Parentheses, calls and signs within one another: more is nobody's expression, and would be a deep recursion.
    private static let depthLimit = 64
    private static let keywords: Set = ["and", "or", "not", "is", "in", "null", "true", "false"]

    /// Words that SQL has there, each with how it is written here.
    private static let strangers = [
        "between": "write a >= 1 AND a <= 9", "like": "compare with substring or split_part",
        "ilike": "compare lower(a) with substring or split_part", "when": "write if(condition, value, other value)",
        "as": "the column's name is the key before the expression",
    ]

    init(_ text: String) throws(ExpressionError) { tokens = try ExpressionScanner.tokens(of: text) }

    private var token: Token { tokens[index] }

    mutating func whole() throws(ExpressionError) -> Expression {
        let expression = try disjunction()
        guard token.kind == .end else {
            if case .word(let word) = token.kind, let cure = Self.strangers[word.lowercased()] {
                throw ExpressionError("there is no '\(word)'; \(cure)", at: token.position)
            }
            throw ExpressionError(
                "\(token.shown) does not go on the expression; is an operator missing?",
                at: token.position
            )
        }
        return expression
    }

    private mutating func disjunction() throws(ExpressionError) -> Expression {
        var left = try conjunction()
        while takeKeyword("or") { left = Expression(.or(left, try conjunction()), at: left.position) }
        return left
    }

    private mutating func conjunction() throws(ExpressionError) -> Expression {
        var left = try negation()
        while takeKeyword("and") { left = Expression(.and(left, try negation()), at: left.position) }
        return left
    }

    private mutating func negation() throws(ExpressionError) -> Expression {
        let position = token.position
        guard takeKeyword("not") else { return try comparison() }
        return try nested { parser throws(ExpressionError) in
            Expression(.not(try parser.negation()), at: position)
        }
    }

    private mutating func comparison() throws(ExpressionError) -> Expression {
        let left = try sum()
        if takeKeyword("is") {
            let isNegated = takeKeyword("not")
            guard takeKeyword("null") else { throw expected("null") }
            return try unchained(Expression(.nullTest(left, isNegated: isNegated), at: left.position))
        }
        let isNegated = peekKeyword("not") && peekKeyword("in", ahead: 1)
        if isNegated { index += 1 }
        if takeKeyword("in") {
            guard takeSign("(") else { throw expected("(") }
            let others = try list()
            let membership = Expression(.membership(left, in: others, isNegated: isNegated), at: left.position)
            return try unchained(membership)
        }
        guard case .sign(let sign) = token.kind, let comparison = Expression.Comparison(rawValue: sign) else {
            return left
        }
        index += 1
        let right = try sum()
        return try unchained(Expression(.comparison(comparison, left, right), at: left.position))
    }

    /// Refuses a comparison of a comparison, which nobody means.
    private func unchained(_ expression: Expression) throws(ExpressionError) -> Expression {
        if case .sign(let sign) = token.kind, Expression.Comparison(rawValue: sign) != nil {
            throw ExpressionError("comparisons do not chain; join two of them with AND", at: token.position)
        }
        return expression
    }

    private mutating func sum() throws(ExpressionError) -> Expression {
        var left = try product()
        while let sign = takeSign(["+", "-"]) {
            left = Expression(.arithmetic(sign == "+" ? .add : .subtract, left, try product()), at: left.position)
        }
        return left
    }

    private mutating func product() throws(ExpressionError) -> Expression {
        var left = try signed()
        while let sign = takeSign(["*", "/"]) {
            left = Expression(.arithmetic(sign == "*" ? .multiply : .divide, left, try signed()), at: left.position)
        }
        return left
    }

    private mutating func signed() throws(ExpressionError) -> Expression {
        let position = token.position
        guard takeSign("-") else { return try primary() }
        return try nested { parser throws(ExpressionError) in
            Expression(.negation(try parser.signed()), at: position)
        }
    }

    private mutating func primary() throws(ExpressionError) -> Expression {
        let token = token
        index += 1
        switch token.kind {
        case .number(let text): return Expression(.number(text), at: token.position)
        case .text(let text): return Expression(.text(text), at: token.position)
        case .quotedName(let name): return Expression(.column(name), at: token.position)
        case .sign("("):
            return try nested { parser throws(ExpressionError) in
                let inside = try parser.disjunction()
                guard parser.takeSign(")") else { throw parser.expected(")") }
                return inside
            }
        case .word(let word):
            if takeSign("(") {
                let arguments = try nested { parser throws(ExpressionError) in try parser.list() }
                return Expression(.call(word.lowercased(), arguments), at: token.position)
            }
            switch word.lowercased() {
            case "null": return Expression(.null, at: token.position)
            case "true": return Expression(.bool(true), at: token.position)
            case "false": return Expression(.bool(false), at: token.position)
            case let keyword where Self.keywords.contains(keyword): break
            default: return Expression(.column(word), at: token.position)
            }
        case .sign, .end: break
        }
        index -= 1
        throw ExpressionError("expected a value, found \(token.shown)", at: token.position)
    }

    /// The values up to a closing parenthesis; the opening one is taken.
    private mutating func list() throws(ExpressionError) -> [Expression] {
        if takeSign(")") { return [] }
        var values: [Expression] = []
        repeat { values.append(try disjunction()) } while takeSign(",")
        guard takeSign(")") else { throw expected(", or )") }
        return values
    }

    private mutating func nested<R>(_ body: (inout Self) throws(ExpressionError) -> R) throws(ExpressionError) -> R {
        depth += 1
        guard depth <= Self.depthLimit else {
            throw ExpressionError(
                "nested more than \(Self.depthLimit) deep; use several columns of derive",
                at: tokens[index - 1].position
            )
        }
        defer { depth -= 1 }
        return try body(&self)
    }

    private func expected(_ what: String) -> ExpressionError {
        ExpressionError("expected \(what), found \(token.shown)", at: token.position)
    }

    private func peekKeyword(_ keyword: String, ahead: Int = 0) -> Bool {
        guard index + ahead < tokens.count, case .word(let word) = tokens[index + ahead].kind else { return false }
        return word.lowercased() == keyword
    }

    private mutating func takeKeyword(_ keyword: String) -> Bool {
        guard peekKeyword(keyword) else { return false }
        index += 1
        return true
    }

    private mutating func takeSign(_ sign: String) -> Bool { takeSign([sign]) != nil }

    private mutating func takeSign(_ signs: [String]) -> String? {
        guard case .sign(let sign) = token.kind, signs.contains(sign) else { return nil }
        index += 1
        return sign
    }
}
