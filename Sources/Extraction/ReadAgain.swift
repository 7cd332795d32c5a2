import SupermetricsAPI

/// Why a window must be read again from its first row.
struct ReadAgain: Error {
    enum Cause {
        /// Answers contradicted each other; the query's result may be read once more.
        case contradiction(String)
        /// A page did not begin with the last row of the page before it.
        case seam
        /// The API no longer has the result of this leaf, and said so by this error.
        case gone(leaf: Int, SupermetricsError)
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
        case .seam:
            tree.isWary = true
            tree.forgetAnswers()
        case .gone(let leaf, _): tree[leaf] = PartTree.Leaf(part: tree[leaf].part)
        case .pieces(let leaf, let count, let parts):
            tree.split(leaf, count: count, into: parts.map { PartTree.Leaf(part: $0, query: request.known(for: $0)) })
        case .shrunk: tree = PartTree(request.part, query: nil)
        }
    }

    /// What to say of a window that was read again often enough.
    var failure: any Error {
        let text: String
        switch cause {
        case .gone(_, let error): return error
        case .contradiction(let contradiction): text = contradiction
        case .seam: text = "a page did not go on where the one before it ended"
        case .shrunk(let count, let parts):
            text = "a result of \(count) rows became \(parts) when it was fetched in parts: the data changed meanwhile"
        case .pieces: text = "the result may have been cut"
        }
        return ExtractionError(
            .incomplete,
            "\(text); nothing of the window was loaded, run again later",
            requestID: requestID
        )
    }
}
