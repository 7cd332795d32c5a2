import ByteCodecs
import PipelineCore

/// What an expression is of.
enum ExpressionType: Hashable {
    case text, number, bool, date, timestamp
    /// Of NULL alone, which fits everywhere.
    case null
    /// Of a column whose type nobody knows yet, which may turn out to fit everywhere.
    case unknown

    init?(_ type: ColumnType) {
        switch type {
        case .text: self = .text
        case .decimal, .int64, .double: self = .number
        case .bool: self = .bool
        case .date: self = .date
        case .timestamp: self = .timestamp
        case .json: return nil
        }
    }

    var name: String {
        switch self {
        case .text: "text"
        case .number: "a number"
        case .bool: "true or false"
        case .date: "a date"
        case .timestamp: "a timestamp"
        case .null: "null"
        case .unknown: "of an unknown type"
        }
    }

    /// Whether it is right wherever a type is wanted.
    fileprivate var fitsEverywhere: Bool { self == .null || self == .unknown }
}

/// Turns an expression into a program over columns, its types checked.
struct ExpressionCompiler {
    private let schema: Schema
    /// Whether the types of the columns are those they will have; otherwise they may have any.
    private let knowsTypes: Bool
    private var program = ColumnProgram()
    private var loaded: [Int: Value] = [:]
    private var places: Set<Int> = []

    /// A part of the expression: where its values will be.
    private struct Value {
        var type: ExpressionType
        var register: ColumnProgram.Register
        /// The text of a literal, which stands for a date or timestamp where one is wanted.
        var literal: String?
    }

    /// What came of an expression.
    struct Compiled: Sendable {
        var program: ColumnProgram
        /// The type of the result; null where it is always null.
        var type: ExpressionType
        /// The places of the columns it reads, in order.
        var columns: [Int]
    }

    /// A compiler for expressions over the columns of `schema`.
    private init(_ schema: Schema, knowsTypes: Bool) {
        self.schema = schema
        self.knowsTypes = knowsTypes
    }

    /// The program of an expression over the columns of `schema`.
    static func compile(_ expression: Expression, over schema: Schema) throws(ExpressionError) -> Compiled {
        var compiler = ExpressionCompiler(schema, knowsTypes: true)
        let value = try compiler.value(of: expression)
        compiler.program.result = value.register
        return Compiled(program: compiler.program, type: value.type, columns: compiler.places.sorted())
    }

    /// The type of an expression over columns whose types are not known yet; what is wrong whatever they are is an error.
    static func check(_ expression: Expression, over schema: Schema) throws(ExpressionError) -> ExpressionType {
        var compiler = ExpressionCompiler(schema, knowsTypes: false)
        return try compiler.value(of: expression).type
    }

    // MARK: Registers and faults

    private mutating func newNumber() -> Int {
        program.numberCount += 1
        return program.numberCount - 1
    }

    private mutating func newTruth() -> Int {
        program.truthCount += 1
        return program.truthCount - 1
    }

    private mutating func newText() -> Int {
        program.textCount += 1
        return program.textCount - 1
    }

    private mutating func newRegister(for type: ExpressionType) -> ColumnProgram.Register {
        switch type {
        case .number: .number(newNumber())
        case .bool: .truth(newTruth())
        case .text, .date, .timestamp, .null, .unknown: .text(newText())
        }
    }

    private mutating func fault(_ rule: String, column: String? = nil) -> UInt8 {
        let fault = ColumnProgram.Fault(rule: rule, column: column)
        if let index = program.faults.firstIndex(of: fault) { return Mark.firstFault + UInt8(index) }
        let last = Int(UInt8.max - Mark.firstFault)
        // More kinds of fault than marks can tell apart share the last, which names none of them.
        if program.faults.count < last {
            program.faults.append(fault)
        } else if program.faults.count == last {
            program.faults.append(ColumnProgram.Fault(rule: "a value that cannot be computed", column: nil))
        }
        return Mark.firstFault + UInt8(program.faults.count - 1)
    }

    private mutating func excess(column: String? = nil) -> UInt8 {
        fault("a number of more than 38 digits, which no expression holds", column: column)
    }

    // MARK: Values

    private mutating func value(of expression: Expression) throws(ExpressionError) -> Value {
        switch expression.kind {
        case .null:
            let register = newText()
            program.constants.append(.noText(register))
            return Value(type: .null, register: .text(register))
        case .bool(let bool):
            let register = newTruth()
            program.constants.append(.truth(register, bool ? Mark.isTrue : Mark.isFalse))
            return Value(type: .bool, register: .truth(register))
        case .number(let text):
            let bytes = Array(text.utf8)
            let number = ExactDecimal(bytes.span, bytes.indices, fault: Mark.firstFault, excess: Mark.firstFault)
            guard number.mark == Mark.value else {
                throw ExpressionError("a number of more than 38 digits", at: expression.position)
            }
            let register = newNumber()
            program.constants.append(.number(register, number))
            return Value(type: .number, register: .number(register))
        case .text(let text): return literal(text, .text)
        case .column(let name): return try column(name, at: expression.position)
        case .negation(let part):
            let source = try number(part)
            let target = newNumber()
            program.operations.append(.negate(source, into: target))
            return Value(type: .number, register: .number(target))
        case .arithmetic(let sign, let left, let right): return try arithmetic(sign, left, right)
        case .comparison(let sign, let left, let right): return try comparison(sign, left, right)
        case .membership(let part, let others, let isNegated):
            return try membership(part, others, isNegated, at: expression.position)
        case .nullTest(let part, let isNegated): return try nullTest(part, isNegated)
        case .not(let part):
            let source = try truth(part)
            let target = newTruth()
            program.operations.append(.not(source, into: target))
            return Value(type: .bool, register: .truth(target))
        case .and(let left, let right): return try logic(left, right) { .and($0, $1, into: $2) }
        case .or(let left, let right): return try logic(left, right) { .or($0, $1, into: $2) }
        case .call(let name, let arguments): return try call(name, arguments, at: expression.position)
        }
    }

    private mutating func literal(_ text: String, _ type: ExpressionType) -> Value {
        let register = newText()
        program.constants.append(.text(register, Array(text.utf8)))
        return Value(type: type, register: .text(register), literal: text)
    }

    private mutating func column(_ name: String, at position: Int) throws(ExpressionError) -> Value {
        guard let place = schema.index(of: name) else {
            let hint = NearestName.hint(for: name, in: schema.names, called: "columns")
            throw ExpressionError("there is no column '\(name)'\(hint)", at: position)
        }
        places.insert(place)
        if let value = loaded[place] { return value }
        guard knowsTypes else { return Value(type: .unknown, register: .text(newText())) }
        guard let type = ExpressionType(schema.columns[place].type) else {
            throw ExpressionError(
                "'\(name)' is a json column, which no expression reads; cast it to text",
                at: position
            )
        }
        let value: Value
        switch type {
        case .number:
            let register = newNumber()
            program.operations.append(
                .loadNumber(
                    column: place,
                    into: register,
                    fault: fault("not a number", column: name),
                    excess: excess(column: name)
                )
            )
            value = Value(type: type, register: .number(register))
        case .bool:
            let register = newTruth()
            program.operations.append(
                .loadTruth(column: place, into: register, fault: fault("not true or false", column: name))
            )
            value = Value(type: type, register: .truth(register))
        case .text, .date, .timestamp, .null, .unknown:
            let register = newText()
            let form: ColumnProgram.TextForm = type == .date ? .date : type == .timestamp ? .timestamp : .text
            let rule = form == .date ? "not a date" : "not a date and time without a zone"
            program.operations.append(
                .loadText(column: place, form, into: register, fault: fault(rule, column: name))
            )
            value = Value(type: type, register: .text(register))
        }
        loaded[place] = value
        return value
    }

    /// The register of a part that must be a number.
    private mutating func number(_ expression: Expression) throws(ExpressionError) -> Int {
        let value = try value(of: expression)
        if case .number(let register) = value.register { return register }
        guard value.type.fitsEverywhere else { throw mismatch(value.type, .number, at: expression.position) }
        let register = newNumber()
        program.constants.append(.number(register, .null))
        return register
    }

    private mutating func truth(_ expression: Expression) throws(ExpressionError) -> Int {
        let value = try value(of: expression)
        if case .truth(let register) = value.register { return register }
        guard value.type.fitsEverywhere else { throw mismatch(value.type, .bool, at: expression.position) }
        let register = newTruth()
        program.constants.append(.truth(register, Mark.null))
        return register
    }

    private mutating func text(_ expression: Expression) throws(ExpressionError) -> Int {
        let value = try value(of: expression)
        if case .text(let register) = value.register, value.type == .text || value.type.fitsEverywhere {
            return register
        }
        throw mismatch(value.type, .text, at: expression.position)
    }

    private func mismatch(_ found: ExpressionType, _ wanted: ExpressionType, at position: Int) -> ExpressionError {
        let cure =
            switch (found, wanted) {
            case (.text, .number): "; cast the column to decimal first"
            case (.text, .date), (.text, .timestamp):
                "; cast the column to \(wanted == .date ? "date" : "timestamp") first"
            default: ""
            }
        return ExpressionError("expected \(wanted.name), found \(found.name)\(cure)", at: position)
    }

    // MARK: Operators

    private mutating func arithmetic(
        _ sign: Expression.Arithmetic,
        _ left: Expression,
        _ right: Expression
    ) throws(ExpressionError) -> Value {
        let (left, right) = (try number(left), try number(right))
        let target = newNumber()
        let excess = excess()
        let operation: ColumnProgram.Operation =
            switch sign {
            case .add: .add(left, right, into: target, excess: excess)
            case .subtract: .subtract(left, right, into: target, excess: excess)
            case .multiply: .multiply(left, right, into: target, excess: excess)
            case .divide: .divide(left, right, into: target, excess: excess)
            }
        program.operations.append(operation)
        return Value(type: .number, register: .number(target))
    }

    private mutating func logic(
        _ left: Expression,
        _ right: Expression,
        _ operation: (Int, Int, Int) -> ColumnProgram.Operation
    ) throws(ExpressionError) -> Value {
        let (left, right) = (try truth(left), try truth(right))
        let target = newTruth()
        program.operations.append(operation(left, right, target))
        return Value(type: .bool, register: .truth(target))
    }

    private mutating func nullTest(_ part: Expression, _ isNegated: Bool) throws(ExpressionError) -> Value {
        var target = newTruth()
        if case .column(let name) = part.kind, knowsTypes, let place = schema.index(of: name),
            ExpressionType(schema.columns[place].type) == .number
        {
            places.insert(place)
            program.operations.append(.hasNoNumber(column: place, into: target))
        } else {
            program.operations.append(.isNull(try value(of: part).register, into: target))
        }
        if isNegated {
            let turned = newTruth()
            program.operations.append(.not(target, into: turned))
            target = turned
        }
        return Value(type: .bool, register: .truth(target))
    }

    private mutating func comparison(
        _ sign: Expression.Comparison,
        _ left: Expression,
        _ right: Expression
    ) throws(ExpressionError) -> Value {
        let values = try alike([(try value(of: left), left.position), (try value(of: right), right.position)])
        return compare(sign.operation, values[0], values[1])
    }

    private mutating func compare(_ comparison: ColumnProgram.Comparison, _ left: Value, _ right: Value) -> Value {
        let target = newTruth()
        switch (left.register, right.register) {
        case (.number(let left), .number(let right)):
            program.operations.append(.compareNumbers(comparison, left, right, into: target))
        case (.truth(let left), .truth(let right)):
            program.operations.append(.compareTruths(comparison, left, right, into: target))
        case (.text(let left), .text(let right)):
            program.operations.append(.compareTexts(comparison, left, right, into: target))
        default: break
        }
        return Value(type: .bool, register: .truth(target))
    }

    private mutating func membership(
        _ part: Expression,
        _ others: [Expression],
        _ isNegated: Bool,
        at position: Int
    ) throws(ExpressionError) -> Value {
        guard !others.isEmpty else { throw ExpressionError("IN needs at least one value", at: position) }
        var parts = [(try value(of: part), part.position)]
        for other in others { parts.append((try value(of: other), other.position)) }
        let values = try alike(parts)
        var result = compare(.equal, values[0], values[1])
        for other in values.dropFirst(2) {
            let next = compare(.equal, values[0], other)
            guard case .truth(let left) = result.register, case .truth(let right) = next.register else { continue }
            let target = newTruth()
            program.operations.append(.or(left, right, into: target))
            result.register = .truth(target)
        }
        guard isNegated, case .truth(let source) = result.register else { return result }
        let target = newTruth()
        program.operations.append(.not(source, into: target))
        return Value(type: .bool, register: .truth(target))
    }

    /// Gives values one type: NULL takes that of the others, a text literal that of a date, a date that of a timestamp.
    private mutating func alike(_ parts: [(value: Value, position: Int)]) throws(ExpressionError) -> [Value] {
        var values = parts.map(\.value)
        let types = Set(values.map(\.type)).subtracting([.null])
        if types.contains(.unknown) { return try alikeAsFarAsKnown(parts) }
        let isTemporal = !types.isDisjoint(with: [.date, .timestamp])
        let isClocked = types.contains(.timestamp)
        let wanted: ExpressionType =
            isTemporal ? (isClocked ? .timestamp : .date) : parts.lazy.map(\.value.type).first { $0 != .null } ?? .text
        for (index, part) in parts.enumerated() {
            switch part.value.type {
            case wanted: break
            case .null: values[index] = null(of: wanted)
            case .text where isTemporal && part.value.literal != nil:
                values[index] = try moment(part.value.literal ?? "", wanted, at: part.position)
            case .date where wanted == .timestamp:
                guard case .text(let source) = part.value.register else { break }
                let target = newText()
                program.operations.append(.midnight(source, into: target))
                values[index] = Value(type: .timestamp, register: .text(target))
            default: throw mismatch(part.value.type, wanted, at: part.position)
            }
        }
        return values
    }

    /// Gives values one type where that of a column is unknown: a text literal may stand for a date then, so that only
    /// numbers and truth values say what the others must be.
    private mutating func alikeAsFarAsKnown(
        _ parts: [(value: Value, position: Int)]
    ) throws(ExpressionError) -> [Value] {
        let sure = parts.filter { !$0.value.type.fitsEverywhere && $0.value.literal == nil }
        let wanted = sure.isEmpty ? ExpressionType.unknown : try alike(sure)[0].type
        guard wanted == .number || wanted == .bool else {
            return parts.map { Value(type: .unknown, register: $0.value.register) }
        }
        if let literal = parts.first(where: { $0.value.literal != nil }) {
            throw mismatch(.text, wanted, at: literal.position)
        }
        return parts.map { $0.value.type == wanted ? $0.value : null(of: wanted) }
    }

    private mutating func null(of type: ExpressionType) -> Value {
        let register = newRegister(for: type)
        switch register {
        case .number(let register): program.constants.append(.number(register, .null))
        case .truth(let register): program.constants.append(.truth(register, Mark.null))
        case .text(let register): program.constants.append(.noText(register))
        }
        return Value(type: type, register: register)
    }

    /// The literal of a date or timestamp, which is compared as what it says.
    private mutating func moment(
        _ text: String,
        _ type: ExpressionType,
        at position: Int
    ) throws(ExpressionError) -> Value {
        let bytes = Array(text.utf8)
        let isDay = DateText.day(bytes.span) != nil
        if type == .date {
            guard isDay else { throw ExpressionError("'\(text)' is no date; write '2024-02-29'", at: position) }
            return literal(text, type)
        }
        if isDay { return literal(text + " 00:00:00", type) }
        guard DateText.timestamp(bytes.span) != nil, bytes.count <= 26 else {
            throw ExpressionError("'\(text)' is no date and time; write '2024-02-29 12:00:00'", at: position)
        }
        var plain = text.replacing("T", with: " ")
        if plain.contains(".") {
            while plain.hasSuffix("0") { plain.removeLast() }
            if plain.hasSuffix(".") { plain.removeLast() }
        }
        return literal(plain, type)
    }

    // MARK: Functions

    /// The functions there are, each with what it takes.
    static let functions: KeyValuePairs<String, String> = [
        "coalesce": "values, at least one", "if": "condition, value, other value", "lower": "text", "upper": "text",
        "trim": "text", "substring": "text, start, length", "split_part": "text, separator, number",
        "replace": "text, old, new", "concat": "values, at least one", "year": "date", "month": "date", "day": "date",
        "date_trunc": "'month', date",
    ]

    private mutating func call(
        _ name: String,
        _ arguments: [Expression],
        at position: Int
    ) throws(ExpressionError) -> Value {
        guard let usage = Self.functions.first(where: { $0.key == name })?.value else {
            let hint = NearestName.hint(for: name, in: Self.functions.map(\.key), called: "functions")
            throw ExpressionError("there is no function '\(name)'\(hint)", at: position)
        }
        func require(_ counts: ClosedRange<Int>) throws(ExpressionError) {
            guard counts.contains(arguments.count) else {
                throw ExpressionError("write \(name)(\(usage)); it has \(arguments.count) arguments", at: position)
            }
        }
        switch name {
        case "coalesce":
            try require(1...100)
            return try coalesce(arguments)
        case "if":
            try require(3...3)
            return try choice(arguments)
        case "lower", "upper", "trim":
            try require(1...1)
            let source = try text(arguments[0])
            let target = newText()
            let function: ColumnProgram.TextFunction = name == "lower" ? .lower : name == "upper" ? .upper : .trim
            program.operations.append(.change(function, source, into: target, fault: fault("too long a text")))
            return Value(type: .text, register: .text(target))
        case "substring":
            try require(2...3)
            let (source, from) = (try text(arguments[0]), try number(arguments[1]))
            let count = arguments.count == 3 ? try number(arguments[2]) : nil
            let target = newText()
            let fault = fault("the start or length of substring is no whole number from 0 on")
            program.operations.append(.substring(source, from: from, count: count, into: target, fault: fault))
            return Value(type: .text, register: .text(target))
        case "split_part":
            try require(3...3)
            let (source, separator) = (try text(arguments[0]), try text(arguments[1]))
            let place = try number(arguments[2])
            let target = newText()
            let fault = fault("the number of split_part is no whole number other than 0")
            program.operations.append(.splitPart(source, separator, place, into: target, fault: fault))
            return Value(type: .text, register: .text(target))
        case "replace":
            try require(3...3)
            let (source, old, new) = (try text(arguments[0]), try text(arguments[1]), try text(arguments[2]))
            let target = newText()
            program.operations.append(.replace(source, old, new, into: target, fault: fault("too long a text")))
            return Value(type: .text, register: .text(target))
        case "concat":
            try require(1...100)
            return try concat(arguments)
        case "year", "month", "day":
            try require(1...1)
            let source = try moment(arguments[0])
            guard case .text(let register) = source.register else { throw mismatch(source.type, .date, at: position) }
            let target = newNumber()
            let part: ColumnProgram.DatePart = name == "year" ? .year : name == "month" ? .month : .day
            program.operations.append(.part(part, register, into: target))
            return Value(type: .number, register: .number(target))
        default:
            try require(2...2)
            return try truncation(arguments)
        }
    }

    private mutating func coalesce(_ arguments: [Expression]) throws(ExpressionError) -> Value {
        var parts: [(Value, Int)] = []
        for argument in arguments { parts.append((try value(of: argument), argument.position)) }
        let values = try alike(parts)
        var result = values[0]
        for other in values.dropFirst() {
            let target = newRegister(for: result.type)
            program.operations.append(.firstOf(result.register, other.register, into: target))
            result = Value(type: result.type, register: target)
        }
        return result
    }

    private mutating func choice(_ arguments: [Expression]) throws(ExpressionError) -> Value {
        let condition = try truth(arguments[0])
        let values = try alike([
            (try value(of: arguments[1]), arguments[1].position), (try value(of: arguments[2]), arguments[2].position),
        ])
        let target = newRegister(for: values[0].type)
        program.operations.append(.choose(condition, values[0].register, values[1].register, into: target))
        return Value(type: values[0].type, register: target)
    }

    private mutating func concat(_ arguments: [Expression]) throws(ExpressionError) -> Value {
        var parts: [Int] = []
        for argument in arguments {
            let value = try value(of: argument)
            switch value.register {
            case .text(let register): parts.append(register)
            case .number(let register):
                let text = newText()
                program.operations.append(.textOfNumber(register, into: text))
                parts.append(text)
            case .truth(let register):
                let text = newText()
                program.operations.append(.textOfTruth(register, into: text))
                parts.append(text)
            }
        }
        let target = newText()
        program.operations.append(.concat(parts, into: target, fault: fault("too long a text")))
        return Value(type: .text, register: .text(target))
    }

    /// A part that must be a date or a timestamp.
    private mutating func moment(_ expression: Expression) throws(ExpressionError) -> Value {
        let value = try value(of: expression)
        switch value.type {
        case .date, .timestamp, .null, .unknown: return value
        case .text:
            guard let literal = value.literal else { break }
            let isDay = DateText.day(Array(literal.utf8).span) != nil
            return try moment(literal, isDay ? .date : .timestamp, at: expression.position)
        case .number, .bool: break
        }
        throw mismatch(value.type, .date, at: expression.position)
    }

    private mutating func truncation(_ arguments: [Expression]) throws(ExpressionError) -> Value {
        guard case .text(let name) = arguments[0].kind else {
            throw ExpressionError("the unit is a text, as in date_trunc('month', date)", at: arguments[0].position)
        }
        let units = ColumnProgram.DateUnit.allCases.map(\.rawValue)
        guard let unit = ColumnProgram.DateUnit(rawValue: name.lowercased()) else {
            let hint = NearestName.hint(for: name, in: units, called: "units")
            throw ExpressionError("there is no unit '\(name)'\(hint)", at: arguments[0].position)
        }
        let source = try moment(arguments[1])
        guard source.type != .date || (unit != .hour && unit != .minute) else {
            throw ExpressionError("a date has no \(name)", at: arguments[0].position)
        }
        guard case .text(let register) = source.register else {
            throw mismatch(source.type, .date, at: arguments[1].position)
        }
        let target = newText()
        let isTimestamp = source.type == .timestamp
        program.operations.append(.truncate(unit, register, isTimestamp: isTimestamp, into: target))
        let type: ExpressionType = source.type == .unknown ? .unknown : isTimestamp ? .timestamp : .date
        return Value(type: type, register: .text(target))
    }
}

extension Expression.Comparison {
    fileprivate var operation: ColumnProgram.Comparison {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        }
    }
}
