package import PipelineCore

extension Batch {
    /// Takes out the rows at `positions`, which ascend; the others keep their order and their numbers.
    package mutating func removeRows(at positions: [Int]) {
        guard let first = positions.first else { return }
        let (width, rowCount) = (columnCount, rowCount)
        var numbers = rowNumbers ?? Array(firstRow..<(firstRow + rowCount))
        var cells = cells.mutableSpan
        var kept = first
        for (index, gone) in positions.enumerated() {
            let next = index + 1 < positions.count ? positions[index + 1] : rowCount
            for row in (gone + 1)..<max(next, gone + 1) {
                for column in 0..<width { cells[kept * width + column] = cells[row * width + column] }
                numbers[kept] = numbers[row]
                kept += 1
            }
        }
        numbers.removeLast(positions.count)
        rowNumbers = numbers
        self.rowCount -= positions.count
        self.cells.removeLast(positions.count * width)
    }

    /// Adds a column of nulls behind the others.
    ///
    /// Rows move apart from the last on, in the memory they have where it suffices.
    mutating func appendColumn(_ column: Column) {
        let (width, rowCount) = (columnCount, rowCount)
        schema.columns.append(column)
        cells.append(contentsOf: repeatElement(.null, count: rowCount))
        var cells = cells.mutableSpan
        for row in stride(from: rowCount - 1, through: 0, by: -1) {
            cells[row * (width + 1) + width] = .null
            for place in stride(from: width - 1, through: 0, by: -1) {
                cells[row * (width + 1) + place] = cells[row * width + place]
            }
        }
    }
}
