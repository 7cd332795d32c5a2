import PipelineCore

/// What is known of a batch while it goes through the stages.
struct BatchOnItsWay: Sendable {
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

    /// Takes the rows at `places`, which ascend, out of the batch as duplicates.
    mutating func drop(_ places: [Int], of batch: inout Batch) {
        if batch.rowNumbers == nil, let numbers { batch.rowNumbers = numbers }
        found.deduplicated += places.count
        batch.removeRows(at: places)
    }

    /// How many bytes it keeps besides the batch.
    var memory: Int { (cells.count + (numbers?.count ?? 0)) * 8 }

    /// What was rejected of the batch, in row order, and what stages left out.
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
