import PipelineCore
import TestSupport
import Testing

@testable import Extraction

@Suite("Parts of a window")
struct QueryPartTests {
    static func days(_ start: Int, _ end: Int) -> DateRange? { DateRange(Day(number: start), Day(number: end)) }

    static func ids(_ count: Int) -> [String] { (0..<count).map { "a\($0)" } }

    @Test("Days are cut before accounts, down to one day")
    func days() {
        let part = QueryPart(days: Self.days(0, 6), accounts: ["a", "b"])
        #expect(
            part.pieces(byDate: true, byAccount: true) == [
                QueryPart(days: Self.days(0, 3), accounts: ["a", "b"]),
                QueryPart(days: Self.days(4, 6), accounts: ["a", "b"]),
            ]
        )
        let day = QueryPart(days: Self.days(3, 3), accounts: ["a", "b", "c"])
        #expect(
            day.pieces(byDate: true, byAccount: true) == [
                QueryPart(days: Self.days(3, 3), accounts: ["a", "b"]),
                QueryPart(days: Self.days(3, 3), accounts: ["c"]),
            ]
        )
        #expect(part.pieces(byDate: false, byAccount: true)?.map(\.accounts) == [["a"], ["b"]])
        #expect(part.pieces(byDate: false, byAccount: false) == nil)
        #expect(day.pieces(byDate: true, byAccount: false) == nil)
        #expect(QueryPart(days: nil, accounts: ["a"]).pieces(byDate: true, byAccount: true) == nil)
    }

    @Test("A piece never has more accounts than a query may name", arguments: [2, 3, 199, 200, 201, 350])
    func manyAccounts(count: Int) throws {
        let pieces = try #require(
            QueryPart(days: nil, accounts: Self.ids(count)).pieces(byDate: true, byAccount: true)
        )
        #expect(pieces.count == max(2, (count + 99) / 100))
        #expect(pieces.allSatisfy { (1...100).contains($0.accounts.count) })
        #expect(pieces.flatMap(\.accounts) == Self.ids(count))
    }

    @Test("A list that only the API can take apart is never cut: its accounts may be named beside it")
    func lists() {
        let part = QueryPart(days: Self.days(1, 1), accounts: ["list.europe", "a"])
        #expect(part.pieces(byDate: true, byAccount: true) == nil)
    }

    // MARK: PartTree

    private static func leaves(_ parts: [QueryPart]) -> [PartTree.Leaf] { parts.map { PartTree.Leaf(part: $0) } }

    /// A tree of one leaf over `count` days.
    private static func tree(_ count: Int) -> PartTree {
        PartTree(QueryPart(days: days(0, count - 1), accounts: []), query: nil)
    }

    @Test(
        "What parts tell of the result they replaced",
        arguments: [
            ([3, nil], .open), ([11, nil], .cut(count: 10)), ([6, 5], .cut(count: 10)), ([6, 4], .whole(count: 10)),
            ([6, 3], .shrunk(count: 10, parts: 9)), ([10, 0], .open), ([0, 10], .open),
            ([10, 10], .cut(count: 10)),
        ] as [([Int?], PartTree.Verdict)]
    )
    func verdicts(rows: [Int?], verdict: PartTree.Verdict) throws {
        var tree = Self.tree(2)
        let pieces = try #require(tree[0].part.pieces(byDate: true, byAccount: false))
        tree.split(0, count: 10, into: Self.leaves(pieces))
        for (index, rows) in rows.enumerated() { tree[index].rows = rows }
        #expect(tree.verdicts == [verdict])
    }

    @Test("Forgetting answers keeps the queries")
    func forget() {
        let query = KnownQuery(part: Self.tree(1)[0].part, scheduleID: "s", sentAt: Timestamp(milliseconds: 0))
        var tree = PartTree(query.part, query: query)
        (tree[0].meta, tree[0].rows) = (ResultMeta(), 5)
        tree.forgetAnswers()
        #expect(tree[0].query == query)
        #expect(tree[0].meta == nil && tree[0].rows == nil)
    }

    @Test("Splits of splits keep days whole, in order and once, and add up", arguments: 0..<200)
    func property(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        let days = Int.random(in: 2...40, using: &generator)
        // Rows of each day; a split's count is some number, its verdict is about the days it was made of.
        let rows = (0..<days).map { _ in Int.random(in: 0...9, using: &generator) }
        var tree = Self.tree(days)
        var splits: [(count: Int, days: Range<Int>)] = []
        for _ in 0..<Int.random(in: 1...20, using: &generator) {
            let index = Int.random(in: 0..<tree.leaves.count, using: &generator)
            guard let range = tree[index].part.days, let pieces = tree[index].part.pieces(byDate: true, byAccount: true)
            else { continue }
            let count = Int.random(in: 0...60, using: &generator)
            tree.split(index, count: count, into: Self.leaves(pieces))
            splits.append((count, range.start.number..<range.end.number + 1))
        }
        #expect(tree.leaves.flatMap { Array($0.part.days?.days.map(\.number) ?? []) } == Array(0..<days))
        for index in tree.leaves.indices {
            let range = try #require(tree[index].part.days)
            tree[index].rows = rows[range.start.number...range.end.number].reduce(0, +)
        }
        for (verdict, split) in zip(tree.verdicts, splits) {
            let sum = rows[split.days].reduce(0, +)
            switch verdict {
            case .cut(let count): #expect(sum > count && count == split.count)
            case .whole(let count): #expect(sum == count && count == split.count)
            case .shrunk(let count, let parts): #expect(sum < count && parts == sum && count == split.count)
            case .open: #expect(sum == split.count)
            }
        }
        #expect(tree.verdicts.count == splits.count)
    }
}
