public import PipelineCore

/// The way of a batch from the reader to the sinks: its cells are typed, then go through the stages in order.
public struct BoundPipeline: BoundStage {
    /// The columns of the batches it takes.
    public let input: Schema
    /// The columns of the batches it hands on.
    public let output: Schema
    /// What to do with the batch, in order.
    private let stages: [any BoundStage]
    /// Of every column of `input`, whether its raw cells may be shown: those that a `hash` stage reads may not.
    private let isShown: [Bool]
    private let keepsRejects: Bool

    /// Ties stages to the columns that are read.
    ///
    /// Each column is typed as `input` says, except where the stages cast it: then the cast alone decides what fits.
    /// - Parameters:
    ///   - input: The columns as they land without stages.
    ///   - stages: What happens to them, in order.
    ///   - keepsRejects: Whether a rejected row comes with its cells, as quarantine needs them.
    /// - Throws: `StageError` with the code `.schema` of the first stage that does not fit the columns.
    public init(
        reading input: Schema,
        through stages: [any Stage],
        keepsRejects: Bool = false
    ) throws(StageError) {
        var schema = input
        var bound: [any BoundStage] = []
        var cast: Set<String> = []
        // The columns of `input` whose values the columns of `schema` show.
        var origins = input.columns.indices.map { Set([$0]) }
        var hidden: Set<Int> = []
        for stage in stages {
            let next = try stage.bind(to: schema)
            if let next = next as? BoundConversions {
                cast.formUnion(next.columns.compactMap { schema.columns[$0].field })
            }
            let traced = next as? any TracedStage
            for column in traced?.hiddenColumns ?? [] { hidden.formUnion(origins[column]) }
            origins = next.output.columns.indices.map { column in
                let sources = traced.map { $0.sources(of: column) } ?? Array(origins.indices)
                return sources.reduce(into: []) { $0.formUnion(origins[$1]) }
            }
            bound.append(next)
            schema = next.output
        }
        self.input = input
        output = schema
        self.stages = [BoundConversions(typing: input) { $0.field.map { !cast.contains($0) } ?? true }] + bound
        isShown = input.columns.indices.map { !hidden.contains($0) }
        self.keepsRejects = keepsRejects
    }

    /// How many of its stages need batches in row order.
    public var orderedCount: Int { stages.count { $0 is any OrderedStage } }

    /// Types the cells of a batch and takes it through the stages; batches come in row order where a stage needs it.
    ///
    /// - Parameters:
    ///   - batch: The rows as read, with the columns of `input`.
    ///   - rejects: Names the rows that the reader left out of the batch; takes those that some stage could not
    ///     convert. On return all of them stand in row order.
    /// - Throws: `StageError` where the window as a whole cannot go on.
    public func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        var way = try BatchOnItsWay(batch, rejects, through: self)
        for stage in stages { try way.process(&batch, stage.process) }
        rejects = way.rejects(of: batch, showing: isShown, keepsRejects)
    }

    /// Does the same for batches that are on their way side by side.
    ///
    /// - Parameters:
    ///   - batch: The rows as read, with the columns of `input`.
    ///   - rejects: As in the other function.
    ///   - wait: Returns when it is the batch's turn at the ordered stage of that number.
    ///   - pass: Says that the batch has had its turn there.
    ///   - land: Takes the batch at the end of its way; may reject rows as a stage may, so that they come with their
    ///     cells.
    /// - Throws: `StageError`, and what `wait` throws.
    public func process(
        _ batch: inout Batch,
        rejecting rejects: inout Rejects,
        wait: (Int) async throws -> Void,
        pass: (Int) -> Void,
        land: (inout Batch, inout Rejects) -> Void = { _, _ in }
    ) async throws {
        var way = try BatchOnItsWay(batch, rejects, through: self)
        var turn = 0
        for stage in stages {
            guard stage is any OrderedStage else {
                try way.process(&batch, stage.process)
                continue
            }
            try await wait(turn)
            try way.process(&batch, stage.process)
            pass(turn)
            turn += 1
        }
        try way.process(&batch, land)
        rejects = way.rejects(of: batch, showing: isShown, keepsRejects)
    }

    /// What is known of a batch while it goes through the stages.
    private struct BatchOnItsWay {
        private var found: Rejects
        private var rejected: [Reject] = []
        /// The rows as they were read.
        private let cells: [Cell]
        private let numbers: [Int]?
        private let firstRow: Int
        private let input: Schema

        init(_ batch: Batch, _ left: Rejects, through pipeline: BoundPipeline) throws(StageError) {
            guard batch.schema == pipeline.input, batch.cells.count == batch.rowCount * batch.columnCount else {
                throw StageError(.schema, "the cells of a batch are not those of the columns the stages were tied to")
            }
            (input, found, firstRow) = (pipeline.input, left, batch.firstRow)
            cells = pipeline.keepsRejects ? batch.cells : []
            let missing = Set(left.rows.lazy.map(\.row).filter { $0 >= batch.firstRow })
            numbers =
                missing.isEmpty
                ? batch.rowNumbers
                : Array((firstRow...).lazy.filter { !missing.contains($0) }.prefix(batch.rowCount))
        }

        mutating func process(
            _ batch: inout Batch,
            _ stage: (inout Batch, inout Rejects) throws(StageError) -> Void
        ) throws(StageError) {
            if batch.rowNumbers == nil, let numbers { batch.rowNumbers = numbers }
            let before = batch.rowCount
            var found = Rejects()
            try stage(&batch, &found)
            let isOrdered = zip(found.rows, found.rows.dropFirst()).allSatisfy {
                $0.row < $1.row || self.found.added > 0
            }
            let gone = found.rows.count + found.filtered + found.deduplicated
            guard isOrdered, before + found.added == batch.rowCount + gone else {
                throw StageError(.data, "a stage took out rows other than those it rejected")
            }
            rejected += found.rows
            self.found.filtered += found.filtered
            self.found.deduplicated += found.deduplicated
            self.found.added += found.added
        }

        func rejects(of batch: Batch, showing isShown: [Bool], _ keepsRejects: Bool) -> Rejects {
            guard !(rejected.isEmpty && found.rows.isEmpty) else { return found }
            var all = (found.rows + rejected).sorted { $0.row < $1.row }
            for index in all.indices where keepsRejects {
                let cells = all[index].read.isEmpty ? self.cells(ofRow: all[index].row) : all[index].read[...]
                all[index].cells = RawRow.json(cells, in: batch.bytes, of: input, showing: isShown)
            }
            for index in all.indices { all[index].read = [] }
            var result = Rejects(all)
            (result.filtered, result.deduplicated, result.added) = (found.filtered, found.deduplicated, found.added)
            return result
        }

        private func cells(ofRow row: Int) -> ArraySlice<Cell> {
            let place = numbers.map { numbers in numbers.partitioningIndex { $0 >= row } } ?? row - firstRow
            let width = input.columns.count
            return cells[(place * width)..<(place * width + width)]
        }
    }
}

extension [Int] {
    /// The first index whose element satisfies a condition that all behind it satisfy too.
    fileprivate func partitioningIndex(where isBehind: (Int) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// A stage whose outcome depends on the order of rows: it gets the batches of a window one by one.
protocol OrderedStage: BoundStage {}

/// A stage that knows from which columns its own come.
protocol TracedStage: BoundStage {
    /// The places of the columns that reach it whose values the column at `place` of its output shows.
    func sources(of place: Int) -> [Int]
    /// The places of the columns that reach it whose values nobody may see.
    var hiddenColumns: [Int] { get }
}

extension TracedStage {
    /// The column at the same place.
    func sources(of place: Int) -> [Int] { [place] }
    /// None.
    var hiddenColumns: [Int] { [] }
}
