public import PipelineCore

/// The way of a batch from the reader to the sinks: its cells are typed, then go through the stages in order.
///
/// A stage numbers the rows it rejects by their place in the batch it was given. The pipeline knows which rows earlier
/// stages took out, and turns these places into row numbers of the window.
public struct BoundPipeline: BoundStage {
    /// The columns of the batches it takes.
    public let input: Schema
    /// The columns of the batches it hands on.
    public let output: Schema
    private let stages: [any BoundStage]

    /// Ties stages to the columns that are read.
    ///
    /// Each column is typed as `input` says, except where the stages cast it: then the cast alone decides what fits.
    /// - Parameters:
    ///   - input: The columns as they land without stages.
    ///   - stages: What happens to them, in order.
    /// - Throws: `StageError` with the code `.schema` of the first stage that does not fit the columns.
    public init(reading input: Schema, through stages: [any Stage]) throws(StageError) {
        var schema = input
        var bound: [any BoundStage] = []
        var cast: Set<String> = []
        for stage in stages {
            let next = try stage.bind(to: schema)
            if let next = next as? BoundConversions {
                cast.formUnion(next.columns.compactMap { schema.columns[$0].field })
            }
            bound.append(next)
            schema = next.output
        }
        self.input = input
        output = schema
        self.stages = [BoundConversions(typing: input) { $0.field.map { !cast.contains($0) } ?? true }] + bound
    }

    /// Types the cells of a batch and takes it through the stages.
    ///
    /// - Parameters:
    ///   - batch: The rows as read, with the columns of `input`.
    ///   - rejects: Names the rows that the reader left out of the batch; takes those that some stage could not
    ///     convert. On return all of them stand in row order.
    /// - Throws: `StageError` where the window as a whole cannot go on.
    public func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
        guard batch.schema == input, batch.cells.count == batch.rowCount * batch.columnCount else {
            throw StageError(.schema, "the cells of a batch are not those of the columns the stages were tied to")
        }
        var rows = SurvivingRows(firstRow: batch.firstRow, count: batch.rowCount, without: rejects.rows)
        var rejected: [Reject] = []
        for stage in stages {
            var found = Rejects()
            try stage.process(&batch, rejecting: &found)
            guard let numbered = rows.remove(found.rows), rows.count == batch.rowCount else {
                throw StageError(.data, "a stage took out rows other than those it rejected")
            }
            rejected += numbered
        }
        guard !rejected.isEmpty else { return }
        let sorted = (rejects.rows + rejected).sorted { $0.row < $1.row }
        rejects = Rejects()
        for reject in sorted { rejects.append(reject) }
    }
}

/// The row numbers of the rows that are left of a batch.
private struct SurvivingRows {
    private let firstRow: Int
    private(set) var count: Int
    /// The numbers of the rows; nil as long as they run on from `firstRow` without a gap.
    private var numbers: [Int]?

    /// The numbers of `count` rows from `firstRow` on, without those that were left out before.
    init(firstRow: Int, count: Int, without rejects: [Reject]) {
        self.firstRow = firstRow
        self.count = count
        let missing = Set(rejects.lazy.map(\.row).filter { $0 >= firstRow })
        guard !missing.isEmpty else { return }
        numbers = Array((firstRow...).lazy.filter { !missing.contains($0) }.prefix(count))
    }

    /// Takes out rows that were numbered by their present places.
    ///
    /// Returns them with their numbers in the window; nil where one is not there or out of order.
    mutating func remove(_ rejects: [Reject]) -> [Reject]? {
        guard !rejects.isEmpty else { return [] }
        let old = numbers ?? Array(firstRow..<(firstRow + count))
        var kept: [Int] = []
        kept.reserveCapacity(count)
        var numbered = rejects
        var next = 0
        for index in rejects.indices {
            let place = rejects[index].row - firstRow
            guard place >= next, place < count else { return nil }
            kept += old[next..<place]
            next = place + 1
            numbered[index].row = old[place]
        }
        kept += old[next...]
        (numbers, count) = (kept, kept.count)
        return numbered
    }
}
