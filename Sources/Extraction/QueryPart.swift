package import PipelineCore

/// The days and accounts one query asks for: a window's, or a part of them.
package struct QueryPart: Hashable, Sendable {
    /// Accounts a query may name one by one (Supermetrics API: query data); more are asked for as the job names them.
    static let maximumAccounts = 100

    /// Nil where the query has no dates.
    package var days: DateRange?
    /// Resolved account ids; empty where the source has none.
    package var accounts: [String]

    /// The part of these days and accounts.
    package init(days: DateRange?, accounts: [String]) {
        self.days = days
        self.accounts = accounts
    }

    /// Both halves: by date as long as there are two days, then by account; nil where neither may be cut.
    ///
    /// Accounts come in more than two pieces where a query could not name half of them, and in none where one of them
    /// is a list that only the API can take apart.
    func pieces(byDate: Bool, byAccount: Bool) -> [QueryPart]? {
        if byDate, let (early, late) = days?.halves {
            return [early, late].map { QueryPart(days: $0, accounts: accounts) }
        }
        guard byAccount, accounts.count > 1, !accounts.contains(where: { $0.hasPrefix("list.") }) else { return nil }
        let size = min((accounts.count + 1) / 2, Self.maximumAccounts)
        return stride(from: 0, to: accounts.count, by: size).map { first in
            QueryPart(days: days, accounts: Array(accounts[first..<min(first + size, accounts.count)]))
        }
    }
}

/// The queries whose rows, one after the other, make a window: one, or several where a result may have been cut.
struct PartTree: Sendable {
    /// One query of the window.
    struct Leaf: Sendable {
        var part: QueryPart
        /// The query that was sent for exactly this part; nil where none was, or its result is gone.
        var query: KnownQuery?
        /// What the finished query said of its result, where that was asked before its rows.
        var meta: ResultMeta?
        /// Rows of its result, once they are known.
        var rows: Int?
    }

    /// What the parts tell of the result they replaced.
    enum Verdict: Equatable, Sendable {
        /// They have more rows: the result was cut at so many.
        case cut(count: Int)
        /// They have as many rows: the result was whole.
        case whole(count: Int)
        /// They have fewer rows: the data changed meanwhile.
        case shrunk(count: Int, parts: Int)
        /// Nothing yet, or nothing at all: one part alone has all the rows, so it may be cut in the same place.
        case open
    }

    private struct Split: Sendable {
        var count: Int
        /// The leaves that took the place of the result.
        var leaves: Range<Int>
    }

    private(set) var leaves: [Leaf]
    private var splits: [Split] = []

    /// Whether rows are taken from pages of finished results alone, none of them from the answer that says that a query
    /// has finished: the same row may look different there.
    var isWary = false

    init(_ part: QueryPart, query: KnownQuery?) { leaves = [Leaf(part: part, query: query)] }

    subscript(_ index: Int) -> Leaf {
        get { leaves[index] }
        set { leaves[index] = newValue }
    }

    /// Puts pieces in the place of the leaf whose result of `count` rows may have been cut.
    ///
    /// - Parameters:
    ///   - index: The leaf.
    ///   - count: The rows of its result.
    ///   - pieces: What takes its place, in row order.
    mutating func split(_ index: Int, count: Int, into pieces: [Leaf]) {
        for other in splits.indices {
            let leaves = splits[other].leaves
            if leaves.contains(index) {
                splits[other].leaves = leaves.lowerBound..<(leaves.upperBound + pieces.count - 1)
            } else if index < leaves.lowerBound {
                splits[other].leaves =
                    (leaves.lowerBound + pieces.count - 1)..<(leaves.upperBound + pieces.count - 1)
            }
        }
        splits.append(Split(count: count, leaves: index..<(index + pieces.count)))
        leaves.replaceSubrange(index...index, with: pieces)
    }

    /// Forgets what was said of the results, so that it is asked again; the queries themselves stay.
    mutating func forgetAnswers() {
        for index in leaves.indices { (leaves[index].meta, leaves[index].rows) = (nil, nil) }
    }

    /// What is known by now of every result that was replaced by parts.
    var verdicts: [Verdict] {
        splits.map { split in
            let rows = leaves[split.leaves].map(\.rows)
            let sum = rows.reduce(0) { $0 + ($1 ?? 0) }
            if sum > split.count { return .cut(count: split.count) }
            if rows.contains(nil) { return .open }
            if sum < split.count { return .shrunk(count: split.count, parts: sum) }
            return rows.contains(split.count) ? .open : .whole(count: split.count)
        }
    }
}
