import PipelineCore

/// Keeps some columns of a batch, in some order; `select` and `drop` in their bound form.
struct Projection: TracedStage {
    let output: Schema
    private let inputCount: Int
    private let positions: [Int]

    init(of input: Schema, to positions: [Int]) {
        output = Schema(positions.map { input.columns[$0] })
        inputCount = input.columns.count
        self.positions = positions
    }

    func sources(of place: Int) -> [Int] { [positions[place]] }

    func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
        batch.schema = output
        guard !positions.elementsEqual(0..<inputCount) else { return }
        let rowCount = batch.rowCount
        pick(in: batch.cells.mutableSpan, rowCount: rowCount)
        batch.cells.removeLast(batch.cells.count - rowCount * positions.count)
    }

    /// Moves the chosen cells of each row to the front, row behind row.
    ///
    /// This is done in place, as fresh memory for the cells of a batch costs more than all the rest: no row ends behind
    /// its old end, and its cells are set aside before it is written.
    private func pick(in cells: consuming MutableSpan<Cell>, rowCount: Int) {
        var store = [Cell](repeating: .null, count: positions.count)
        var aside = store.mutableSpan
        let positions = positions.span
        var (old, new) = (0, 0)
        for _ in 0..<rowCount {
            for index in positions.indices { aside[index] = cells[old + positions[index]] }
            for index in positions.indices { cells[new + index] = aside[index] }
            old += inputCount
            new += positions.count
        }
    }
}
