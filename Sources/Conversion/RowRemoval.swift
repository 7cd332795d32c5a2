import PipelineCore

extension Batch {
    /// Takes out the rows at `positions`, which ascend; the others keep their order.
    mutating func removeRows(at positions: [Int]) {
        guard var kept = positions.first else { return }
        let width = columnCount
        for (index, gone) in positions.enumerated() {
            let next = index + 1 < positions.count ? positions[index + 1] : rowCount
            for row in (gone + 1)..<max(next, gone + 1) {
                for column in 0..<width { cells[kept * width + column] = cells[row * width + column] }
                kept += 1
            }
        }
        rowCount -= positions.count
        cells.removeLast(positions.count * width)
    }
}
