import SupermetricsAPI
import TestSupport
import Testing

@testable import Backfill

@Suite struct DaySetTests {
    /// A set of days of the plainest kind.
    private static func plain(_ set: DaySet) -> Set<Int> { Set(set.days.map(\.number)) }

    private static func random(_ random: inout SeededRandom) -> DaySet {
        DaySet(
            (0..<Int.random(in: 0...6, using: &random)).map { _ in
                let first = CalendarDay(number: .random(in: 0...40, using: &random))
                return DayRange(first, first.advanced(by: .random(in: 0...9, using: &random))) ?? DayRange(first)
            }
        )
    }

    @Test func behavesLikeASetOfDays() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<5000 {
            let (one, other) = (Self.random(&random), Self.random(&random))
            let (left, right) = (Self.plain(one), Self.plain(other))
            #expect(Self.plain(one.union(other)) == left.union(right))
            #expect(Self.plain(one.subtracting(other)) == left.subtracting(right))
            #expect(Self.plain(one.intersection(other)) == left.intersection(right))
            #expect(one.count == left.count)
            #expect((0...60).allSatisfy { one.contains(CalendarDay(number: $0)) == left.contains($0) })
            // The fewest ranges: two neighbours never touch.
            #expect(zip(one.ranges, one.ranges.dropFirst()).allSatisfy { $0.last.distance(to: $1.first) > 1 })
            #expect(DaySet(days: one.days) == one)
        }
    }

    @Test(arguments: ["2024-01-01..2024-01-31", "2024-02-29"]) func readsWhatItWrites(_ text: String) throws {
        #expect(try #require(DayRange(text)).description == text)
    }

    @Test(arguments: ["", "2024-01-02..2024-01-01", "2024-02-30", "2024-01-01..", "2024-01-01..2024-01-02..2024-01-03"])
    func refusesWhatIsNoRange(_ text: String) {
        #expect(DayRange(text) == nil)
    }
}
