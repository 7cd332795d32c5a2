import ByteCodecs
import PipelineCore

/// An expression as operations over whole columns: each takes registers of a run of rows and fills another.
///
/// Numbers, truth values and texts have registers of their own; texts are cells over the batch's bytes, and dates and
/// timestamps are texts in ISO 8601, whose order is that of their bytes.
struct ColumnProgram: Sendable {
    /// A register among those of its kind.
    enum Register: Sendable, Equatable {
        case number(Int)
        case truth(Int)
        case text(Int)
    }

    enum TextFunction: Sendable { case lower, upper, trim }

    enum DatePart: Sendable { case year, month, day }

    enum DateUnit: String, Sendable, CaseIterable { case year, quarter, month, week, day, hour, minute }

    enum Comparison: Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

        @inline(__always)
        func holds(_ order: Int) -> Bool {
            switch self {
            case .equal: order == 0
            case .notEqual: order != 0
            case .less: order < 0
            case .lessOrEqual: order <= 0
            case .greater: order > 0
            case .greaterOrEqual: order >= 0
            }
        }
    }

    /// What a text column holds besides text.
    enum TextForm: Sendable { case text, date, timestamp }

    enum Operation: Sendable {
        case loadNumber(column: Int, into: Int, fault: UInt8, excess: UInt8)
        case loadTruth(column: Int, into: Int, fault: UInt8)
        case loadText(column: Int, TextForm, into: Int, fault: UInt8)
        case add(Int, Int, into: Int, excess: UInt8)
        case subtract(Int, Int, into: Int, excess: UInt8)
        case multiply(Int, Int, into: Int, excess: UInt8)
        case divide(Int, Int, into: Int, excess: UInt8)
        case negate(Int, into: Int)
        case compareNumbers(Comparison, Int, Int, into: Int)
        case compareTexts(Comparison, Int, Int, into: Int)
        case compareTruths(Comparison, Int, Int, into: Int)
        case and(Int, Int, into: Int)
        case or(Int, Int, into: Int)
        case not(Int, into: Int)
        case isNull(Register, into: Int)
        /// Whether a column of numbers has none, however many digits those have.
        case hasNoNumber(column: Int, into: Int)
        case choose(Int, Register, Register, into: Register)
        case firstOf(Register, Register, into: Register)
        case change(TextFunction, Int, into: Int, fault: UInt8)
        case substring(Int, from: Int, count: Int?, into: Int, fault: UInt8)
        case splitPart(Int, Int, Int, into: Int, fault: UInt8)
        case replace(Int, Int, Int, into: Int, fault: UInt8)
        case concat([Int], into: Int, fault: UInt8)
        case textOfNumber(Int, into: Int)
        case textOfTruth(Int, into: Int)
        case part(DatePart, Int, into: Int)
        case truncate(DateUnit, Int, isTimestamp: Bool, into: Int)
        case midnight(Int, into: Int)
    }

    /// A register that holds one value in all places.
    enum Constant: Sendable {
        case number(Int, ExactDecimal)
        case truth(Int, UInt8)
        case text(Int, [UInt8])
        case noText(Int)
    }

    /// Why a row has no value: the rule, and the column it lies with; nil for the expression as a whole.
    struct Fault: Sendable, Hashable {
        var rule: String
        var column: String?
    }

    var operations: [Operation] = []
    var constants: [Constant] = []
    var faults: [Fault] = []
    var numberCount = 0
    var truthCount = 0
    var textCount = 0
    var result = Register.truth(0)
}

/// The registers of a program over one batch, filled for a run of rows at a time so that they stay in the cache.
struct ColumnMachine {
    /// Rows of a run.
    static let run = 512

    private let program: ColumnProgram
    private var numbers: [ExactDecimal]
    private var truths: [UInt8]
    private var texts: [Cell]
    private var scratch: [UInt8] = []

    /// Registers for `program`; the texts of its constants are appended to the batch's bytes.
    init(_ program: ColumnProgram, _ batch: inout Batch) {
        self.program = program
        numbers = Array(repeating: .null, count: program.numberCount * Self.run)
        truths = Array(repeating: Mark.null, count: program.truthCount * Self.run)
        texts = Array(repeating: .null, count: program.textCount * Self.run)
        for constant in program.constants {
            switch constant {
            case .number(let register, let value):
                for row in Self.rows(register) { numbers[row] = value }
            case .truth(let register, let value):
                for row in Self.rows(register) { truths[row] = value }
            case .text(let register, let bytes):
                let cell = Cell(.raw, offset: batch.bytes.count, length: bytes.count)
                batch.bytes += bytes
                for row in Self.rows(register) { texts[row] = cell }
            case .noText: break
            }
        }
    }

    private static func rows(_ register: Int) -> Range<Int> { register * run..<(register + 1) * run }

    /// The number of a row of the run in the result.
    func number(at row: Int, _ register: Int) -> ExactDecimal { numbers[register * Self.run + row] }
    /// The truth value, or mark.
    func truth(at row: Int, _ register: Int) -> UInt8 { truths[register * Self.run + row] }
    /// The text; a fault is told by `Cell.fault`.
    func text(at row: Int, _ register: Int) -> Cell { texts[register * Self.run + row] }

    /// Fills the registers for `count` rows of the batch from `first` on, at most a run of them.
    mutating func execute(_ batch: inout Batch, first: Int, count: Int) {
        for operation in program.operations { execute(operation, &batch, first, count) }
    }

    private mutating func execute(
        _ operation: ColumnProgram.Operation,
        _ batch: inout Batch,
        _ first: Int,
        _ count: Int
    ) {
        switch operation {
        case .loadNumber(let column, let target, let fault, let excess):
            loadNumbers(batch, column, first, count, into: target, fault, excess)
        case .loadTruth(let column, let target, let fault): loadTruths(batch, column, first, count, into: target, fault)
        case .loadText(let column, let form, let target, let fault):
            loadTexts(&batch, column, form, first, count, into: target, fault)
        case .add(let left, let right, let target, let excess):
            combine(left, right, target, count) { $0.adding($1, excess: excess) }
        case .subtract(let left, let right, let target, let excess):
            combine(left, right, target, count) { $0.subtracting($1, excess: excess) }
        case .multiply(let left, let right, let target, let excess):
            combine(left, right, target, count) { $0.multiplied(by: $1, excess: excess) }
        case .divide(let left, let right, let target, let excess):
            combine(left, right, target, count) { $0.divided(by: $1, excess: excess) }
        case .negate(let source, let target): combine(source, source, target, count) { number, _ in number.negated }
        case .compareNumbers(let comparison, let left, let right, let target):
            Self.compare(comparison, numbers, left, right, &truths, target, count)
        case .compareTexts(let comparison, let left, let right, let target):
            Self.compare(comparison, texts, left, right, &truths, target, count, batch.bytes.span)
        case .compareTruths(let comparison, let left, let right, let target):
            combineTruths(left, right, target, count) { left, right in
                let mark = left > Mark.null ? left : right > Mark.null ? right : max(left, right)
                guard left < Mark.null, right < Mark.null else { return mark }
                return comparison.holds(Int(left) - Int(right)) ? Mark.isTrue : Mark.isFalse
            }
        case .and(let left, let right, let target): combineTruths(left, right, target, count, Self.and)
        case .or(let left, let right, let target): combineTruths(left, right, target, count, Self.or)
        case .not(let source, let target):
            combineTruths(source, source, target, count) { truth, _ in truth < Mark.null ? 1 - truth : truth }
        case .hasNoNumber(let column, let target):
            for row in 0..<count {
                let cell = batch.cells[(first + row) * batch.columnCount + column]
                truths[target * Self.run + row] = cell.length == 0 ? Mark.isTrue : Mark.isFalse
            }
        default: executeRare(operation, &batch, count)
        }
    }

    /// False settles AND whatever the other side is, a fault included; so does true for OR.
    private static func and(_ left: UInt8, _ right: UInt8) -> UInt8 {
        if left == Mark.isFalse || right == Mark.isFalse { return Mark.isFalse }
        return left > Mark.null ? left : right > Mark.null ? right : max(left, right)
    }

    private static func or(_ left: UInt8, _ right: UInt8) -> UInt8 {
        if left == Mark.isTrue || right == Mark.isTrue { return Mark.isTrue }
        return left > Mark.null ? left : right > Mark.null ? right : max(left, right)
    }

    private mutating func executeRare(_ operation: ColumnProgram.Operation, _ batch: inout Batch, _ count: Int) {
        switch operation {
        case .isNull(let source, let target): testNull(source, target, count)
        case .choose(let condition, let yes, let no, let target): choose(condition, yes, no, target, count)
        case .firstOf(let first, let second, let target): take(first, or: second, target, count)
        case .change(let function, let source, let target, let fault):
            perText(source, target, count, &batch.bytes) { cell, bytes, scratch in
                Self.changed(cell, function, &bytes, &scratch, fault)
            }
        case .substring(let source, let from, let length, let target, let fault):
            for row in 0..<count {
                let (start, count) = (number(at: row, from), length.map { number(at: row, $0) })
                texts[target * Self.run + row] = Self.substring(
                    text(at: row, source),
                    start,
                    count,
                    batch.bytes.span,
                    fault
                )
            }
        case .splitPart(let source, let separator, let place, let target, let fault):
            for row in 0..<count {
                texts[target * Self.run + row] = Self.part(
                    of: text(at: row, source),
                    text(at: row, separator),
                    number(at: row, place),
                    batch.bytes.span,
                    fault
                )
            }
        case .replace(let source, let old, let new, let target, let fault):
            for row in 0..<count {
                texts[target * Self.run + row] = Self.replaced(
                    text(at: row, source),
                    text(at: row, old),
                    text(at: row, new),
                    &batch.bytes,
                    fault
                )
            }
        case .concat(let parts, let target, let fault):
            for row in 0..<count {
                var joined = Cell(.raw, offset: batch.bytes.count, length: 0)
                for part in parts { joined = Self.joined(joined, text(at: row, part), &batch.bytes, fault) }
                texts[target * Self.run + row] = joined
            }
        case .textOfNumber(let source, let target):
            for row in 0..<count {
                let value = number(at: row, source)
                guard value.mark == Mark.value else {
                    texts[target * Self.run + row] = Cell.marked(value.mark)
                    continue
                }
                let start = batch.bytes.count
                value.append(to: &batch.bytes)
                texts[target * Self.run + row] = Cell(.raw, over: start..<batch.bytes.count)
            }
        case .textOfTruth(let source, let target):
            for row in 0..<count {
                let value = truth(at: row, source)
                guard value < Mark.null else {
                    texts[target * Self.run + row] = Cell.marked(value)
                    continue
                }
                let start = batch.bytes.count
                batch.bytes += (value == Mark.isTrue ? "true" : "false").utf8
                texts[target * Self.run + row] = Cell(.raw, over: start..<batch.bytes.count)
            }
        case .part(let part, let source, let target):
            for row in 0..<count {
                numbers[target * Self.run + row] = Self.part(part, of: text(at: row, source), batch.bytes.span)
            }
        case .truncate(let unit, let source, let isTimestamp, let target):
            perText(source, target, count, &batch.bytes) { cell, bytes, _ in
                Self.truncated(cell, unit, isTimestamp: isTimestamp, &bytes)
            }
        case .midnight(let source, let target):
            perText(source, target, count, &batch.bytes) { cell, bytes, _ in
                let start = bytes.count
                bytes.appendOwn(cell.range)
                bytes += " 00:00:00".utf8
                return Cell(.raw, over: start..<bytes.count)
            }
        default: break
        }
    }

    // MARK: Columns into registers

    private mutating func loadNumbers(
        _ batch: borrowing Batch,
        _ column: Int,
        _ first: Int,
        _ count: Int,
        into target: Int,
        _ fault: UInt8,
        _ excess: UInt8
    ) {
        let (cells, bytes, width) = (batch.cells.span, batch.bytes.span, batch.columnCount)
        var numbers = numbers.mutableSpan
        let base = target * Self.run
        for row in 0..<count {
            let cell = cells[(first + row) * width + column]
            switch cell.kind {
            case .null: numbers[base + row] = .null
            case .number, .text, .raw:
                numbers[base + row] =
                    cell.length == 0
                    ? .null : ExactDecimal(bytes, cell.range, fault: fault, excess: excess)
            case .escaped, .bool, .json: numbers[base + row] = ExactDecimal(mark: fault)
            }
        }
    }

    private mutating func loadTruths(
        _ batch: borrowing Batch,
        _ column: Int,
        _ first: Int,
        _ count: Int,
        into target: Int,
        _ fault: UInt8
    ) {
        for row in 0..<count {
            let cell = batch.cells[(first + row) * batch.columnCount + column]
            truths[target * Self.run + row] =
                switch cell.kind {
                case .null: Mark.null
                case .bool: batch.bytes[cell.offset] == UInt8(ascii: "t") ? Mark.isTrue : Mark.isFalse
                default: fault
                }
        }
    }

    private mutating func loadTexts(
        _ batch: inout Batch,
        _ column: Int,
        _ form: ColumnProgram.TextForm,
        _ first: Int,
        _ count: Int,
        into target: Int,
        _ fault: UInt8
    ) {
        let width = batch.columnCount
        for row in 0..<count {
            var cell = batch.cells[(first + row) * width + column]
            if cell.kind == .escaped { cell = cell.unescaped(&batch.bytes, &scratch) }
            if form != .text, cell.length == 0 { cell = .null }
            if !cell.isNull {
                cell =
                    form.holds(cell, batch.bytes.span)
                    ? Cell(.raw, offset: cell.offset, length: form.length(of: cell, batch.bytes.span)) : .marked(fault)
            }
            texts[target * Self.run + row] = cell
        }
    }

    // MARK: Loops

    @inline(__always)
    private mutating func combine(
        _ left: Int,
        _ right: Int,
        _ target: Int,
        _ count: Int,
        _ body: (ExactDecimal, ExactDecimal) -> ExactDecimal
    ) {
        var numbers = numbers.mutableSpan
        let (left, right, target) = (left * Self.run, right * Self.run, target * Self.run)
        for row in 0..<count { numbers[target + row] = body(numbers[left + row], numbers[right + row]) }
    }

    @inline(__always)
    private mutating func combineTruths(
        _ left: Int,
        _ right: Int,
        _ target: Int,
        _ count: Int,
        _ body: (UInt8, UInt8) -> UInt8
    ) {
        var truths = truths.mutableSpan
        let (left, right, target) = (left * Self.run, right * Self.run, target * Self.run)
        for row in 0..<count { truths[target + row] = body(truths[left + row], truths[right + row]) }
    }

    private static func compare(
        _ comparison: ColumnProgram.Comparison,
        _ numbers: borrowing [ExactDecimal],
        _ left: Int,
        _ right: Int,
        _ truths: inout [UInt8],
        _ target: Int,
        _ count: Int
    ) {
        let numbers = numbers.span
        var truths = truths.mutableSpan
        let (leftBase, rightBase, base) = (left * run, right * run, target * run)
        for row in 0..<count {
            let (left, right) = (numbers[leftBase + row], numbers[rightBase + row])
            guard left.mark == Mark.value, right.mark == Mark.value else {
                truths[base + row] = left.mark > Mark.null ? left.mark : max(left.mark, right.mark)
                continue
            }
            truths[base + row] = comparison.holds(left.compared(to: right)) ? Mark.isTrue : Mark.isFalse
        }
    }

    private static func compare(
        _ comparison: ColumnProgram.Comparison,
        _ texts: borrowing [Cell],
        _ left: Int,
        _ right: Int,
        _ truths: inout [UInt8],
        _ target: Int,
        _ count: Int,
        _ bytes: Span<UInt8>
    ) {
        let texts = texts.span
        var truths = truths.mutableSpan
        let (leftBase, rightBase, base) = (left * run, right * run, target * run)
        for row in 0..<count {
            let (left, right) = (texts[leftBase + row], texts[rightBase + row])
            guard left.kind == .raw, right.kind == .raw else {
                truths[base + row] = left.mark > Mark.null ? left.mark : max(left.mark, right.mark)
                continue
            }
            truths[base + row] =
                comparison.holds(bytes.order(of: left.range, right.range)) ? Mark.isTrue : Mark.isFalse
        }
    }

    private mutating func perText(
        _ source: Int,
        _ target: Int,
        _ count: Int,
        _ bytes: inout [UInt8],
        _ body: (Cell, inout [UInt8], inout [UInt8]) -> Cell
    ) {
        for row in 0..<count {
            let cell = texts[source * Self.run + row]
            texts[target * Self.run + row] = cell.kind == .raw ? body(cell, &bytes, &scratch) : cell
        }
    }

    private func mark(_ register: ColumnProgram.Register, at row: Int) -> UInt8 {
        switch register {
        case .number(let register): number(at: row, register).mark
        case .truth(let register):
            truth(at: row, register) < Mark.null ? Mark.value : truth(at: row, register)
        case .text(let register): text(at: row, register).mark
        }
    }

    private mutating func testNull(_ source: ColumnProgram.Register, _ target: Int, _ count: Int) {
        for row in 0..<count {
            let mark = mark(source, at: row)
            truths[target * Self.run + row] =
                mark > Mark.null ? mark : mark == Mark.null ? Mark.isTrue : Mark.isFalse
        }
    }

    private mutating func choose(
        _ condition: Int,
        _ yes: ColumnProgram.Register,
        _ no: ColumnProgram.Register,
        _ target: ColumnProgram.Register,
        _ count: Int
    ) {
        for row in 0..<count {
            let truth = truth(at: row, condition)
            if truth > Mark.null {
                set(target, at: row, mark: truth)
            } else {
                copy(truth == Mark.isTrue ? yes : no, to: target, at: row)
            }
        }
    }

    private mutating func take(
        _ first: ColumnProgram.Register,
        or second: ColumnProgram.Register,
        _ target: ColumnProgram.Register,
        _ count: Int
    ) {
        for row in 0..<count { copy(mark(first, at: row) == Mark.null ? second : first, to: target, at: row) }
    }

    private mutating func copy(_ source: ColumnProgram.Register, to target: ColumnProgram.Register, at row: Int) {
        switch (source, target) {
        case (.number(let source), .number(let target)): numbers[target * Self.run + row] = number(at: row, source)
        case (.truth(let source), .truth(let target)): truths[target * Self.run + row] = truth(at: row, source)
        case (.text(let source), .text(let target)): texts[target * Self.run + row] = text(at: row, source)
        default: break
        }
    }

    private mutating func set(_ target: ColumnProgram.Register, at row: Int, mark: UInt8) {
        switch target {
        case .number(let register): numbers[register * Self.run + row] = ExactDecimal(mark: mark)
        case .truth(let register): truths[register * Self.run + row] = mark
        case .text(let register): texts[register * Self.run + row] = .marked(mark)
        }
    }
}

extension Cell {
    /// A text that is none: null, or a fault, which borrows a kind that no text register holds otherwise.
    static func marked(_ mark: UInt8) -> Cell {
        mark == Mark.null ? .null : Cell(.json, offset: 0, length: Int(mark))
    }

    /// What a cell of a text register holds.
    var mark: UInt8 {
        switch kind {
        case .raw: Mark.value
        case .null: Mark.null
        default: UInt8(truncatingIfNeeded: length)
        }
    }

    /// The text that the inside of a JSON string stands for, appended; `scratch` is room for it.
    func unescaped(_ bytes: inout [UInt8], _ scratch: inout [UInt8]) -> Cell {
        scratch.removeAll(keepingCapacity: true)
        appendText(in: bytes.span, to: &scratch)
        let start = bytes.count
        bytes += scratch
        return Cell(.raw, over: start..<bytes.count)
    }
}

extension Span<UInt8> {
    /// -1, 0 or 1 as the bytes of one range come before, equal or come behind those of the other.
    @inline(__always)
    func order(of left: Range<Int>, _ right: Range<Int>) -> Int {
        let count = min(left.count, right.count)
        var index = 0
        while index < count {
            let (one, other) = (self[left.lowerBound + index], self[right.lowerBound + index])
            if one != other { return one < other ? -1 : 1 }
            index += 1
        }
        return left.count < right.count ? -1 : left.count == right.count ? 0 : 1
    }
}
