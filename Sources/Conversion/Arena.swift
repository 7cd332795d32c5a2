import PipelineCore

extension Cell {
    /// A cell over bytes that stand in a batch.
    init(_ kind: Kind, over range: Range<Int>) { self.init(kind, offset: range.lowerBound, length: range.count) }
}

extension [UInt8] {
    /// A cell over the bytes that `write` appends.
    ///
    /// An arena that no cell could point into any more is a row that does not fit.
    mutating func cell(_ kind: Cell.Kind, _ write: (inout [UInt8]) -> Void) throws(Misfit) -> Cell {
        let start = count
        write(&self)
        guard count <= UInt32.max, count - start <= Cell.maximumLength else { throw Misfit("too long a value") }
        return Cell(kind, over: start..<count)
    }

    /// Appends bytes that stand in it already; a slice of itself would be a second owner, and cost a copy of the whole.
    mutating func appendOwn(_ range: Range<Int>) {
        for index in range { append(self[index]) }
    }
}
