package import PipelineCore

/// The days and accounts one query asks for: a window's, or a half of them.
package struct QueryPart: Hashable, Sendable {
    /// Nil where the query has no dates.
    package var days: DateRange?
    /// Resolved account ids; empty where the source has none.
    package var accounts: [String]

    package init(days: DateRange?, accounts: [String]) {
        self.days = days
        self.accounts = accounts
    }

    /// Both halves: by date as long as there are two days, then by account; nil where neither may be cut.
    func halves(byDate: Bool, byAccount: Bool) -> (QueryPart, QueryPart)? {
        if byDate, let (early, late) = days?.halves {
            return (QueryPart(days: early, accounts: accounts), QueryPart(days: late, accounts: accounts))
        }
        guard byAccount, accounts.count > 1 else { return nil }
        let middle = (accounts.count + 1) / 2
        return (
            QueryPart(days: days, accounts: Array(accounts[..<middle])),
            QueryPart(days: days, accounts: Array(accounts[middle...]))
        )
    }
}

/// The queries whose rows, one after the other, make a window: one, or its halves where a result may have been cut.
struct PartTree: Sendable {
    /// One query of the window.
    struct Leaf: Sendable {
        var part: QueryPart
        /// The query that was sent for exactly this part; nil where none was, or its result is gone.
        var query: KnownQuery?
        /// Rows that came, once all have.
        var rows: Int?
    }

    private struct Split: Sendable {
        /// Rows of the result that may have been cut.
        var count: Int
        /// The leaves that took its place.
        var leaves: Range<Int>
    }

    private(set) var leaves: [Leaf]
    private var splits: [Split] = []

    /// Offsets at which a page came with the rows of the page before it; seen twice, the rows are believed.
    var repeatedPages: Set<Int> = []

    init(_ part: QueryPart, query: KnownQuery?) { leaves = [Leaf(part: part, query: query)] }

    subscript(_ index: Int) -> Leaf {
        get { leaves[index] }
        set { leaves[index] = newValue }
    }

    /// Puts two halves in the place of the leaf whose result of `count` rows may have been cut.
    mutating func split(_ index: Int, count: Int, into halves: (QueryPart, QueryPart)) {
        for other in splits.indices {
            let leaves = splits[other].leaves
            if leaves.contains(index) {
                splits[other].leaves = leaves.lowerBound..<(leaves.upperBound + 1)
            } else if index < leaves.lowerBound {
                splits[other].leaves = (leaves.lowerBound + 1)..<(leaves.upperBound + 1)
            }
        }
        splits.append(Split(count: count, leaves: index..<(index + 2)))
        leaves.replaceSubrange(index...index, with: [Leaf(part: halves.0), Leaf(part: halves.1)])
    }

    /// Forgets the rows counted, before the window is read again.
    mutating func restart() { for index in leaves.indices { leaves[index].rows = nil } }

    /// What the halves told of each result they replaced: how many rows it had, and how many they gave.
    var verdicts: [(count: Int, halves: Int)] {
        splits.map { split in (split.count, leaves[split.leaves].reduce(0) { $0 + ($1.rows ?? 0) }) }
    }
}
