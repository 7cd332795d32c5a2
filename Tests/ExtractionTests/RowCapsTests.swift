import Testing

@testable import Extraction

@Suite("Row caps")
struct RowCapsTests {
    private let caps = RowCaps()

    private func mayBeCut(_ count: Int, source: String = "AW") -> Bool {
        caps.mayBeCut(count, limit: 1_000_000, source: source)
    }

    @Test(
        "A result at the limit asked for, or of a round number of rows, may be cut",
        arguments: [
            (0, false), (9999, false), (10_000, true), (10_001, false), (15_000, false), (20_000, true),
            (999_999, false), (1_000_000, true), (1_000_001, true),
        ]
    )
    func doubt(count: Int, isDoubtful: Bool) { #expect(mayBeCut(count) == isDoubtful) }

    @Test("A limit below ten thousand counts too, and an empty result never")
    func smallLimit() {
        #expect(caps.mayBeCut(500, limit: 500, source: "AW"))
        #expect(caps.isAtCap(500, limit: 500, source: "AW"))
        #expect(!caps.mayBeCut(499, limit: 500, source: "AW"))
        #expect(!caps.mayBeCut(0, limit: 0, source: "AW"))
    }

    @Test("A proven cap makes other round numbers believable, in its source alone")
    func proven() {
        caps.noteCut(50_000, source: "AW")
        #expect(mayBeCut(50_000))
        #expect(caps.isAtCap(50_000, limit: 1_000_000, source: "AW"))
        #expect(!mayBeCut(40_000))
        #expect(!caps.isAtCap(49_999, limit: 1_000_000, source: "AW"))
        #expect(mayBeCut(40_000, source: "FA"))
        #expect(!caps.isAtCap(50_000, limit: 1_000_000, source: "FA"))
        caps.noteCut(20_000, source: "AW")
        #expect(mayBeCut(20_000))
    }

    @Test("A whole result of so many rows makes shorter round ones believable")
    func whole() {
        caps.noteWhole(30_000, source: "AW")
        #expect(!mayBeCut(30_000) && !mayBeCut(10_000))
        #expect(mayBeCut(40_000))
        caps.noteWhole(10_000, source: "AW")
        #expect(!mayBeCut(30_000))
    }

    @Test("A longer result proves that a cap is none")
    func disproved() {
        caps.noteCut(10_000, source: "AW")
        #expect(!mayBeCut(10_003))
        #expect(!caps.isAtCap(10_000, limit: 1_000_000, source: "AW"))
        #expect(mayBeCut(20_000))
    }
}
