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
    let keepsRejects: Bool
    /// How many stages stand up to the last one that needs all rows of a window at once; 0 where none does.
    private let heldCount: Int

    /// Ties stages to the columns that are read.
    ///
    /// Each column is typed as `input` says, except where a cast is the first that goes by its values: then the cast
    /// alone decides what fits.
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
        var cast: Set<Int> = []
        // Of every column of `schema`, the column of `input` whose cells it holds as they were read, if any.
        var untouched: [Int?] = Array(input.columns.indices)
        // The columns of `input` whose values the columns of `schema` show.
        var origins = input.columns.indices.map { Set([$0]) }
        var hidden: Set<Int> = []
        for stage in stages {
            let next = try stage.bind(to: schema)
            let traced = next as? any TracedStage
            let read = (traced?.readColumns ?? Array(origins.indices)).compactMap { untouched[$0] }
            if next is BoundConversions { cast.formUnion(read) }
            for column in traced?.hiddenColumns ?? [] { hidden.formUnion(origins[column]) }
            let sources = next.output.columns.indices.map { column in
                traced.map { $0.sources(of: column) } ?? Array(origins.indices)
            }
            origins = sources.map { $0.reduce(into: []) { $0.formUnion(origins[$1]) } }
            untouched = sources.map { sources in
                sources.count == 1 ? untouched[sources[0]].flatMap { read.contains($0) ? nil : $0 } : nil
            }
            bound.append(next)
            schema = next.output
        }
        self.input = input
        output = schema
        self.stages = [BoundConversions(typing: input, except: cast)] + bound
        heldCount = (self.stages.lastIndex { $0 is any HoldingStage } ?? -1) + 1
        isShown = input.columns.indices.map { !hidden.contains($0) }
        self.keepsRejects = keepsRejects
    }

    /// How many of its stages need batches in row order.
    public var orderedCount: Int { stages.count { $0 is any OrderedStage } }

    /// Whether a stage needs all rows of a window before the first can go on: then `hold` comes first.
    public var holdsRows: Bool { heldCount > 0 }

    /// Types the cells of a batch and takes it through the stages; batches come in row order where a stage needs it, and
    /// all rows of a window in one batch where a stage holds them.
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

    /// Takes all batches of a window, one by one, as far as the last stage that needs all of them at once.
    ///
    /// - Parameter next: The next batch as read, and the rows of it that were left out; nil after the last.
    /// - Returns: The batches, to be taken on by `process` in their order.
    /// - Throws: What `next` throws; `StageError` where a stage cannot go on, or the rows take more memory than it allows.
    public func hold(_ next: () async throws -> (batch: Batch, rejects: Rejects)?) async throws -> HeldRows {
        let start = stages.firstIndex { $0 is any HoldingStage } ?? 0
        let limit = stages.lazy.compactMap { ($0 as? any HoldingStage)?.memoryLimit }.min() ?? .max
        var (batches, ways): ([Batch], [BatchOnItsWay]) = ([], [])
        var memory = 0
        while case (var batch, let rejects)? = try await next() {
            var way = try BatchOnItsWay(batch, rejects, through: self)
            for stage in stages[..<start] { try way.process(&batch, stage.process) }
            memory += batch.bytes.count + (batch.cells.count + (batch.rowNumbers?.count ?? 0)) * 8 + way.memory
            guard memory <= limit else {
                throw StageError(
                    .data,
                    "\(DedupeStage.name): to know which rows stay, the rows of a window wait for the last one, and they take"
                        + " more than \(limit >> 20) MiB; make its windows smaller, or leave out `keep`"
                )
            }
            batches.append(batch)
            ways.append(way)
        }
        for stage in stages[start..<heldCount] {
            guard let stage = stage as? any HoldingStage else {
                for index in batches.indices { try ways[index].process(&batches[index], stage.process) }
                continue
            }
            for (index, surplus) in try stage.surplus(among: batches).enumerated() {
                ways[index].drop(surplus, of: &batches[index])
            }
        }
        return HeldRows(Array(zip(batches, ways)))
    }

    /// Does the same for batches that are on their way side by side.
    ///
    /// - Parameters:
    ///   - batch: The rows as read, with the columns of `input`; or as `held` handed them out.
    ///   - rejects: As in the other function.
    ///   - number: The batch's number within its window, counted from 0.
    ///   - held: Where the batch comes from, if it was held; nil if it was just read.
    ///   - wait: Returns when it is the batch's turn at the ordered stage of that number.
    ///   - pass: Says that the batch has had its turn there.
    ///   - land: Takes the batch at the end of its way; may reject rows as a stage may, so that they come with their
    ///     cells.
    /// - Throws: `StageError`, and what `wait` throws.
    public func process(
        _ batch: inout Batch,
        rejecting rejects: inout Rejects,
        number: Int,
        held: HeldRows? = nil,
        wait: (Int) async throws -> Void,
        pass: (Int) -> Void,
        land: (inout Batch, inout Rejects) -> Void = { _, _ in }
    ) async throws {
        let known = held?.takeWay(number)
        var way = try known ?? BatchOnItsWay(batch, rejects, through: self)
        let done = known == nil ? 0 : heldCount
        var turn = stages[..<done].count { $0 is any OrderedStage }
        for stage in stages[done...] {
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
}

/// A stage whose outcome depends on the order of rows: it gets the batches of a window one by one.
protocol OrderedStage: BoundStage {}

/// A stage that knows which rows go on once it has seen all of a window.
protocol HoldingStage: TracedStage {
    /// How many bytes those rows may take.
    var memoryLimit: Int { get }
    /// Of every batch of a window, in row order, the rows that do not go on: their places, ascending.
    func surplus(among batches: [Batch]) throws(StageError) -> [[Int]]
}

extension HoldingStage {
    /// Takes the batch for all rows of its window.
    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        let gone = try surplus(among: [batch])[0]
        rejects.deduplicated += gone.count
        batch.removeRows(at: gone)
    }
}

/// A stage that knows from which columns its own come.
protocol TracedStage: BoundStage {
    /// The places of the columns that reach it whose values the column at `place` of its output shows.
    func sources(of place: Int) -> [Int]
    /// The places of the columns that reach it by whose values it goes, so that they must be of their types.
    var readColumns: [Int] { get }
    /// The places of the columns that reach it whose values nobody may see.
    var hiddenColumns: [Int] { get }
}

extension TracedStage {
    /// The column at the same place.
    func sources(of place: Int) -> [Int] { [place] }
    /// None.
    var readColumns: [Int] { [] }
    /// None.
    var hiddenColumns: [Int] { [] }
}
