public import PipelineCore

/// `derive`: makes columns of expressions, in order, so that one may use those before it.
///
/// - Schema: each column stands behind the others, typed `decimal`, `text`, `bool`, `date` or `timestamp` as its
///   expression is; a name that is there already keeps its place and gets the new values.
/// - Cost per row: a few nanoseconds per operator, some tens for a quotient; no allocation.
/// - Example: `derive: {ctr: "clicks / impressions"}`; see <doc:Expressions>.
public struct DeriveStage: Stage {
    /// A column and what it is made of.
    public struct Derivation: Hashable, Sendable {
        /// The column's name.
        public var column: String
        /// The expression.
        public var expression: String

        /// Makes `column` of `expression`.
        public init(_ column: String, _ expression: String) {
            self.column = column
            self.expression = expression
        }
    }

    private let derivations: [Derivation]

    /// Makes columns of expressions.
    public init(_ derivations: [Derivation]) { self.derivations = derivations }

    /// Ties the stage to columns; the expressions must fit them.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        var schema = input
        var steps: [BoundDerive.Step] = []
        for derivation in derivations {
            let (step, column) = try Self.step(derivation, over: schema)
            if step.place < schema.columns.count {
                schema.columns[step.place] = column
            } else {
                schema.columns.append(column)
            }
            steps.append(step)
        }
        return BoundDerive(input: input, output: schema, steps: steps)
    }

    private static func requireName(_ name: String) throws(StageError) {
        guard name.isEmpty || name.hasPrefix(ColumnName.reservedPrefix) else { return }
        throw StageError(
            .schema,
            "\(Self.name): '\(name)': a column needs a name that does not begin with '\(ColumnName.reservedPrefix)'"
        )
    }

    private static func step(
        _ derivation: Derivation,
        over schema: Schema
    ) throws(StageError) -> (BoundDerive.Step, Column) {
        let name = derivation.column
        try requireName(name)
        do throws(ExpressionError) {
            let expression = try Expression(derivation.expression)
            let place = schema.index(of: name) ?? schema.columns.count
            // A column alone is copied as it is, with its type and all its digits.
            if case .column(let source) = expression.kind, let copied = schema.index(of: source) {
                var column = schema.columns[copied]
                column.name = name
                return (BoundDerive.Step(place: place, name: name, source: .column(copied)), column)
            }
            let compiled = try ExpressionCompiler.compile(expression, over: schema)
            let type: ColumnType =
                switch compiled.type {
                case .number: .decimal(nil)
                case .bool: .bool
                case .date: .date
                case .timestamp: .timestamp
                case .text, .null, .unknown: .text
                }
            return (
                BoundDerive.Step(place: place, name: name, source: .program(compiled)), Column(name: name, type: type)
            )
        } catch {
            throw error.of("\(Self.name): '\(name)'")
        }
    }
}

extension DeriveStage: NamedStage {
    static let name = "derive"

    init(arguments: StageArgument) throws(StageError) {
        var derivations: [Derivation] = []
        for entry in try arguments.entries(of: Self.name, example: "{ctr: \"clicks / impressions\"}") {
            try Self.requireName(entry.key)
            guard let text = entry.value.name else {
                throw StageError(.schema, "\(Self.name): '\(entry.key)': an expression is a text; put it in quotes")
            }
            do throws(ExpressionError) { _ = try Expression(text) } catch {
                throw error.of("\(Self.name): '\(entry.key)'")
            }
            derivations.append(Derivation(entry.key, text))
        }
        self.init(derivations)
    }
}

extension DeriveStage: NameCheckedStage {
    /// The columns it would hand on, of whatever type, if it finds those it names.
    package func names(from input: Schema) throws(StageError) -> Schema {
        var schema = input
        for derivation in derivations {
            do throws(ExpressionError) {
                _ = try ExpressionCompiler.check(Expression(derivation.expression), over: schema)
            } catch {
                throw error.of("\(Self.name): '\(derivation.column)'")
            }
            if schema.index(of: derivation.column) == nil {
                schema.columns.append(Column(name: derivation.column, type: .text))
            }
        }
        return schema
    }
}

struct BoundDerive: TracedStage {
    /// One column to make.
    struct Step: Sendable {
        enum Source: Sendable {
            case column(Int)
            case program(ExpressionCompiler.Compiled)
        }

        var place: Int
        var name: String
        var source: Source

        fileprivate var columns: [Int] {
            switch source {
            case .column(let column): [column]
            case .program(let compiled): compiled.columns
            }
        }
    }

    let output: Schema
    let readColumns: [Int]
    private let steps: [Step]
    /// Of every column of the output, the columns of the input it shows.
    private let origins: [[Int]]

    init(input: Schema, output: Schema, steps: [Step]) {
        self.output = output
        self.steps = steps
        var origins = input.columns.indices.map { [$0] }
        var read: Set<Int> = []
        for step in steps {
            let own = Set(step.columns.flatMap { origins[$0] }).sorted()
            read.formUnion(own)
            if step.place < origins.count { origins[step.place] = own } else { origins.append(own) }
        }
        self.origins = origins
        readColumns = read.sorted()
    }

    func sources(of place: Int) -> [Int] { origins[place] }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        var rejected: [Reject] = []
        for step in steps {
            if step.place == batch.columnCount {
                batch.appendColumn(Column(name: step.name, type: .text))
            }
            switch step.source {
            case .column(let column):
                let width = batch.columnCount
                for row in 0..<batch.rowCount {
                    batch.cells[row * width + step.place] = batch.cells[row * width + column]
                }
            case .program(let compiled): rejected += try run(compiled.program, step, &batch)
            }
        }
        batch.schema = output
        for reject in rejected.sorted(by: { $0.row < $1.row }) { rejects.append(reject) }
    }

    private func run(_ program: ColumnProgram, _ step: Step, _ batch: inout Batch) throws(StageError) -> [Reject] {
        var machine = ColumnMachine(program, &batch)
        var (gone, rejects): ([Int], [Reject]) = ([], [])
        for first in stride(from: 0, to: batch.rowCount, by: ColumnMachine.run) {
            let count = min(ColumnMachine.run, batch.rowCount - first)
            machine.execute(&batch, first: first, count: count)
            for row in 0..<count {
                let mark = write(machine, program.result, row, to: step.place, of: first + row, &batch)
                guard mark >= Mark.firstFault else { continue }
                gone.append(first + row)
                rejects.append(
                    program.reject(mark, row: batch.rowNumber(at: first + row), stage: DeriveStage.name, step.name)
                )
            }
            try batch.requireAddressable(for: DeriveStage.name)
        }
        batch.removeRows(at: gone)
        return rejects
    }

    @inline(__always)
    private func write(
        _ machine: borrowing ColumnMachine,
        _ result: ColumnProgram.Register,
        _ row: Int,
        to place: Int,
        of target: Int,
        _ batch: inout Batch
    ) -> UInt8 {
        let index = target * batch.columnCount + place
        switch result {
        case .number(let register):
            let value = machine.number(at: row, register)
            guard value.mark == Mark.value else {
                batch.cells[index] = .null
                return value.mark
            }
            let start = batch.bytes.count
            value.append(to: &batch.bytes)
            batch.cells[index] = Cell(.number, offset: start, length: batch.bytes.count - start)
            return Mark.value
        case .truth(let register):
            let truth = machine.truth(at: row, register)
            guard truth < Mark.null else {
                batch.cells[index] = .null
                return truth
            }
            let start = batch.bytes.count
            batch.bytes += (truth == Mark.isTrue ? "true" : "false").utf8
            batch.cells[index] = Cell(.bool, offset: start, length: batch.bytes.count - start)
            return Mark.value
        case .text(let register):
            let text = machine.text(at: row, register)
            batch.cells[index] = text.kind == .raw ? text : .null
            return text.mark
        }
    }
}

extension ColumnProgram {
    /// The reject that a fault makes of a row; `name` is what it belongs to where it lies with no column.
    func reject(_ mark: UInt8, row: Int, stage: String, _ name: String) -> Reject {
        let fault = faults[min(Int(mark - Mark.firstFault), faults.count - 1)]
        return Reject(row: row, column: fault.column ?? name, stage: stage, rule: fault.rule)
    }
}

extension Batch {
    /// Fails where the bytes have grown beyond what a cell can point to.
    func requireAddressable(for stage: String) throws(StageError) {
        guard bytes.count <= UInt32.max else {
            throw StageError(.data, "\(stage): the values of one batch take more than 4 GiB; make smaller ones")
        }
    }
}

/// A stage that minds the types of columns, and can be checked without them as far as that goes.
package protocol NameCheckedStage: Stage {
    /// The columns it would hand on, of whatever type.
    ///
    /// - Throws: `StageError` where a column it names is not there, or what it says is wrong whatever types they have.
    func names(from input: Schema) throws(StageError) -> Schema
}
