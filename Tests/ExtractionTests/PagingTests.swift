import TestSupport
import Testing

@testable import Extraction

@Suite("Paging")
struct PagingTests {
    typealias Step = Paging.Step

    /// Pages as they come, `rows/asked`, with a `+` where a next page is announced; and the step after each.
    struct Course: CustomTestStringConvertible {
        var name: String
        var announced: Int?
        var known = Paging.HeaderCounted.unknown
        var pages: [(rows: Int, asked: Int, hasNext: Bool)]
        var steps: [Step]
        var testDescription: String { name }
    }

    static let courses: [Course] = [
        Course(name: "one page", announced: 3, pages: [(3, 10, false)], steps: [.done]),
        Course(name: "an empty result", announced: 0, pages: [(0, 10, false)], steps: [.done]),
        Course(
            name: "two pages",
            announced: 13,
            pages: [(10, 10, true), (3, 10, false)],
            steps: [.page, .done]
        ),
        Course(
            name: "a total of whole pages ends without an empty one",
            announced: 20,
            pages: [(10, 10, true), (10, 10, false)],
            steps: [.page, .done]
        ),
        Course(
            name: "one row less than announced is to be proved",
            announced: 4,
            pages: [(3, 10, false)],
            steps: [.proveHeader(offset: 3)]
        ),
        Course(
            name: "one row less, the header known to be counted",
            announced: 4,
            known: .yes,
            pages: [(3, 10, false)],
            steps: [.done]
        ),
        Course(
            name: "one row less, the header known not to be counted",
            announced: 4,
            known: .no,
            pages: [(3, 10, false), (1, 10, false)],
            steps: [.page, .done]
        ),
        Course(
            name: "an empty result whose header is counted",
            announced: 1,
            pages: [(0, 10, false)],
            steps: [.proveHeader(offset: 0)]
        ),
        Course(
            name: "short pages go on where they ended",
            announced: 9,
            pages: [(4, 10, false), (4, 10, false), (1, 10, true)],
            steps: [.page, .proveHeader(offset: 8), .proveEnd(offset: 9)]
        ),
        Course(
            name: "another page behind all that was announced",
            announced: 4,
            known: .no,
            pages: [(4, 10, true)],
            steps: [.proveEnd(offset: 4)]
        ),
        Course(
            name: "another page behind an empty result means nothing",
            announced: 0,
            pages: [(0, 10, true)],
            steps: [.done]
        ),
        Course(
            name: "empty pages are asked for again, but not for ever",
            announced: 9,
            pages: [(4, 10, true), (0, 10, true), (0, 10, true), (0, 10, true)],
            steps: [
                .page, .page, .page,
                .contradiction("only 4 of 9 announced rows came"),
            ]
        ),
        Course(
            name: "more rows than announced",
            announced: 3,
            pages: [(5, 10, false)],
            steps: [.contradiction("5 rows came where 3 were announced")]
        ),
        Course(
            name: "as many as announced where one should be a header",
            announced: 4,
            known: .yes,
            pages: [(4, 10, false)],
            steps: [.contradiction("4 rows came where 3 were announced")]
        ),
        Course(
            name: "more rows than were asked for",
            announced: 12,
            pages: [(12, 10, false)],
            steps: [.done]
        ),
        Course(
            name: "no total, a short page is the last",
            announced: nil,
            pages: [(10, 10, false), (3, 10, false)],
            steps: [.page, .done]
        ),
        Course(
            name: "no total, whole pages end with an empty one",
            announced: nil,
            pages: [(10, 10, false), (0, 10, false)],
            steps: [.page, .done]
        ),
        Course(
            name: "no total, a next link after a short page",
            announced: nil,
            pages: [(4, 10, true), (10, 10, true), (0, 10, true)],
            steps: [.page, .page, .done]
        ),
    ]

    @Test("What is asked after each page", arguments: courses)
    func course(_ course: Course) {
        var paging = Paging(headerCounted: course.known)
        let isAccepted = paging.announce(course.announced)
        #expect(isAccepted)
        let steps = course.pages.map { page in
            paging.pageEnded(rows: page.rows, asked: page.asked, hasNextPage: page.hasNext)
        }
        #expect(steps == course.steps)
    }

    @Test("An empty answer proves that a result ends where it said, a row that its total was wrong")
    func end() {
        var paging = Paging(headerCounted: .no)
        _ = paging.announce(4)
        let question = paging.pageEnded(rows: 4, asked: 10, hasNextPage: true)
        #expect(question == .proveEnd(offset: 4))
        #expect(paging.endAnswered(rows: 0) == .done)
        #expect(paging.endAnswered(rows: 1) == .contradiction("more than the 4 announced rows came"))
    }

    @Test("An empty answer proves that the header is counted, a row that it is not; either holds from then on")
    func proof() {
        var counted = Paging(headerCounted: .unknown)
        _ = counted.announce(4)
        let question = counted.pageEnded(rows: 3, asked: 10, hasNextPage: false)
        #expect(question == .proveHeader(offset: 3))
        let proved = counted.headerAnswered(rows: 0)
        #expect(proved == .done)
        #expect(counted.headerCounted == .yes)
        #expect(counted.total == 3)

        var uncounted = Paging(headerCounted: .unknown)
        _ = uncounted.announce(4)
        _ = uncounted.pageEnded(rows: 3, asked: 10, hasNextPage: false)
        let goesOn = uncounted.headerAnswered(rows: 1)
        #expect(goesOn == .page)
        #expect(uncounted.headerCounted == .no)
        let ends = uncounted.pageEnded(rows: 1, asked: 10, hasNextPage: false)
        #expect(ends == .done)

        var direct = Paging(headerCounted: .unknown)
        _ = direct.announce(4)
        #expect(direct.total == nil)
        let whole = direct.pageEnded(rows: 4, asked: 10, hasNextPage: false)
        #expect(whole == .done)
        #expect(direct.headerCounted == .no)
    }

    @Test("Nothing is learned of the header from an empty result")
    func emptyTeachesNothing() {
        var paging = Paging(headerCounted: .unknown)
        _ = paging.announce(0)
        let ended = paging.pageEnded(rows: 0, asked: 10, hasNextPage: false)
        #expect(ended == .done)
        #expect(paging.headerCounted == .unknown)
    }

    @Test("A total that changes is refused, one that is missing is not")
    func changedTotal() {
        var paging = Paging(headerCounted: .unknown)
        let accepted = [nil, 20, nil, 20, 21].map { paging.announce($0) }
        #expect(accepted == [true, true, true, true, false])
        #expect(paging.announced == 20)
    }

    @Test("A page is expected only where there must be rows, whatever the header")
    func expectation() {
        var paging = Paging(headerCounted: .unknown)
        #expect(!paging.expectsMore(afterAsking: 10))
        _ = paging.announce(11)
        #expect(!paging.expectsMore(afterAsking: 10))
        #expect(paging.expectsMore(afterAsking: 9))
        var known = Paging(headerCounted: .no)
        _ = known.announce(11)
        #expect(known.expectsMore(afterAsking: 10))
        #expect(!known.expectsMore(afterAsking: 11))
    }

    /// A server of `rows` rows that never lies but may be stingy.
    private struct Server {
        var rows: Int
        var countsHeader: Bool?
        var generator: SeededRandom
        var requests = 0
        var pages = 0

        mutating func page(_ offset: Int, _ limit: Int) -> (Range<Int>, hasNext: Bool) {
            requests += 1
            pages += 1
            let whole = min(offset, rows)..<min(rows, offset + limit)
            // Every third page or so is short; one that is empty although rows are left would be an error.
            let isShort = whole.count > 1 && Int.random(in: 0..<3, using: &generator) == 0
            let given = isShort ? whole.prefix(Int.random(in: 1..<whole.count, using: &generator)) : whole[...]
            return (given.startIndex..<given.endIndex, given.endIndex < rows)
        }

        var total: Int? { countsHeader.map { rows + ($0 ? 1 : 0) } }
    }

    @Test("Against a stingy server every row comes exactly once, with no request too many", arguments: 0..<400)
    func property(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        let rows = Int.random(in: 0...60, using: &generator)
        let countsHeader: Bool? = [nil, true, false].randomElement(using: &generator) ?? nil
        let pageRows = Int.random(in: 1...25, using: &generator)
        var known = Paging.HeaderCounted.unknown
        var server = Server(rows: rows, countsHeader: countsHeader, generator: generator)
        // Two results of one run: what the first proves about the header holds for the second.
        for round in 0..<2 {
            (server.requests, server.pages) = (0, 0)
            var paging = Paging(headerCounted: known)
            var received: [Int] = []
            var proofs = 0
            var step = Step.page
            walk: while true {
                switch step {
                case .page:
                    let isAccepted = paging.announce(server.total)
                    #expect(isAccepted)
                    var (given, hasNext) = server.page(paging.received, pageRows)
                    if server.total == nil, given.count < pageRows { hasNext = given.endIndex < rows }
                    // Now and then a page breaks off, and its rest is asked for.
                    if given.count > 1, Int.random(in: 0..<5, using: &server.generator) == 0 {
                        let read = given.prefix(Int.random(in: 0..<given.count, using: &server.generator))
                        received += read
                        paging.brokeOff(rows: read.count)
                        step = .page
                        server.pages -= 1
                        continue
                    }
                    received += given
                    step = paging.pageEnded(rows: given.count, asked: pageRows, hasNextPage: hasNext)
                case .proveHeader(let offset):
                    proofs += 1
                    step = paging.headerAnswered(rows: offset < rows ? 1 : 0)
                case .proveEnd:
                    Issue.record("seed \(seed): the end of an honest result is in no doubt")
                    break walk
                case .done: break walk
                case .contradiction(let text):
                    Issue.record("seed \(seed): \(text)")
                    break walk
                }
            }
            #expect(received == Array(0..<rows), "seed \(seed)")
            if let total = paging.total { #expect(total == rows, "seed \(seed)") }
            #expect(proofs <= (round == 0 || known == .unknown ? 1 : 0), "seed \(seed)")
            known = known == .unknown ? paging.headerCounted : known
            if countsHeader == true, rows > 0 { #expect(known == .yes, "seed \(seed)") }
        }
    }
}
