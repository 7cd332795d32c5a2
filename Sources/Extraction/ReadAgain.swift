/// Why a window must be read again from its first row.
struct ReadAgain: Error {
    enum Cause {
        /// Answers contradicted each other; the query's result may be read once more.
        case contradiction(String)
        /// The page at this offset came with the rows of the page before it.
        case repeated(offset: Int)
        /// The API no longer has the result of this leaf.
        case gone(leaf: Int)
        /// The result of this leaf, of so many rows, may have been cut; it is replaced by these parts.
        case pieces(leaf: Int, count: Int, [QueryPart])
        /// The parts gave fewer rows than the result they replaced.
        case shrunk(count: Int, parts: Int)
    }

    var cause: Cause
    var requestID: String?

    /// Whether this may happen only so often; taking a result to pieces ends by itself.
    var countsAsFailure: Bool {
        guard case .pieces = cause else { return true }
        return false
    }

    /// Changes the tree so that the next reading can do better.
    func apply(to tree: inout PartTree, request: WindowRequest) {
        switch cause {
        case .contradiction: tree.forgetAnswers()
        case .repeated(let offset):
            tree.repeatedPages.insert(offset)
            tree.forgetAnswers()
        case .gone(let leaf): tree[leaf] = PartTree.Leaf(part: tree[leaf].part)
        case .pieces(let leaf, let count, let parts):
            tree.split(leaf, count: count, into: parts.map { PartTree.Leaf(part: $0, query: request.known(for: $0)) })
        case .shrunk: tree = PartTree(request.part, query: nil)
        }
    }

    /// What to say of a window that was read again often enough.
    var failure: ExtractionError {
        let text =
            switch cause {
            case .contradiction(let text): text
            case .repeated(let offset): "the page at row \(offset) came with the rows of the page before it"
            case .gone: "the API dropped the query's result before it could be read"
            case .shrunk(let count, let parts):
                "a result of \(count) rows became \(parts) when it was fetched in parts: the data changed meanwhile"
            case .pieces: "the result may have been cut"
            }
        return ExtractionError(
            .incomplete,
            "\(text); nothing of the window was loaded, run again later",
            requestID: requestID
        )
    }
}
