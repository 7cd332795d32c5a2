import SupermetricsAPI
import TestSupport
import Testing

@testable import Backfill

@Suite struct BackfillPlanTests {
    private static func range(_ text: String) throws -> DayRange { try #require(DayRange(text)) }

    @Test func monthsNewestFirst() throws {
        let goal = BackfillGoal(transferID: 2, range: try Self.range("2024-01-15..2024-03-10"))
        let plan = BackfillPlan(goal, BackfillSettings(teamID: 1))
        #expect(
            plan.chunks.map(\.description)
                == ["2024-03-01..2024-03-10", "2024-02-01..2024-02-29", "2024-01-15..2024-01-31"]
        )
        #expect(plan.dayCount == 56)
    }

    @Test func weeksBeginOnMonday() throws {
        var settings = BackfillSettings(teamID: 1)
        settings.chunk = .week
        settings.order = .oldest
        let goal = BackfillGoal(transferID: 2, range: try Self.range("2023-12-30..2024-01-09"))
        #expect(
            BackfillPlan(goal, settings).chunks.map(\.description)
                == ["2023-12-30..2023-12-31", "2024-01-01..2024-01-07", "2024-01-08..2024-01-09"]
        )
    }

    /// Ranges are inclusive: one shared day is a day the other backfill covers.
    @Test func leavesOutWhatAnotherCovers() throws {
        let goal = BackfillGoal(transferID: 2, range: try Self.range("2024-01-01..2024-01-31"))
        func backfill(_ id: Int, _ days: String, _ status: BackfillStatus, transfer: Int = 2) throws -> BackfillSnapshot
        {
            BackfillSnapshot(id: id, transferID: transfer, range: try Self.range(days), status: status)
        }
        let plan = BackfillPlan(
            goal,
            BackfillSettings(teamID: 1),
            done: DaySet([try Self.range("2024-01-20")]),
            active: [
                try backfill(7, "2023-12-01..2024-01-01", .running),
                try backfill(8, "2024-01-10..2024-01-12", .created),
                try backfill(9, "2024-01-15..2024-01-16", .failed), try backfill(10, "2024-01-15", .completed),
                try backfill(11, "2024-01-15", .running, transfer: 3), try backfill(12, "2024-01-31", "PROCESSING"),
            ]
        )
        #expect(
            plan.chunks.map(\.description) == [
                "2024-01-21..2024-01-30", "2024-01-13..2024-01-19", "2024-01-02..2024-01-09",
            ]
        )
        #expect(plan.covered.map(\.backfillID) == [7, 8, 12])
        #expect(plan.covered.map(\.range.description) == ["2024-01-01", "2024-01-10..2024-01-12", "2024-01-31"])
        #expect(plan.done.count == 1)
    }

    @Test(arguments: [("month", 31), ("week", 7), ("day", 1), ("10 days", 10), ("10days", 10)])
    func readsChunkSizes(_ text: String, _ longest: Int) throws {
        #expect(try #require(ChunkSize(text)).longest == longest)
    }

    @Test(arguments: ["", "0 days", "year", "days", "-1 days", "1.5 days"]) func refusesChunkSizes(_ text: String) {
        #expect(ChunkSize(text) == nil)
    }

    /// Against the plainest definition: day by day.
    @Test func chunksCoverExactlyTheDaysLeft() throws {
        var random = SeededRandom(seed: 5)
        for round in 0..<4000 {
            let first = CalendarDay(number: 19_000 + .random(in: 0...400, using: &random))
            let wanted = try #require(DayRange(first, first.advanced(by: .random(in: 0...200, using: &random))))
            func anyRange() -> DayRange {
                let start = first.advanced(by: .random(in: -20...220, using: &random))
                return DayRange(start, start.advanced(by: .random(in: 0...50, using: &random))) ?? DayRange(start)
            }
            var settings = BackfillSettings(teamID: 1)
            let sizes: [ChunkSize] = [.month, .week, .days(1), .days(10), .days(45)]
            settings.chunk = sizes.randomElement(using: &random) ?? .month
            settings.order = random.chance(0.5) ? .newest : .oldest
            settings.maxRunsPerDay = random.chance(0.3) ? .random(in: 1...40, using: &random) : nil
            let done = DaySet((0..<Int.random(in: 0...3, using: &random)).map { _ in anyRange() })
            let words: [BackfillStatus] = [
                "CREATED", "scheduled", "RUNNING", "FAILED", "COMPLETED", "CANCELLED", "NEW",
            ]
            let active = (0..<Int.random(in: 0...3, using: &random)).map { id in
                BackfillSnapshot(
                    id: id,
                    transferID: random.chance(0.8) ? 2 : 3,
                    range: anyRange(),
                    status: words.randomElement(using: &random) ?? .created
                )
            }
            let plan = BackfillPlan(BackfillGoal(transferID: 2, range: wanted), settings, done: done, active: active)

            let atWork = active.filter {
                $0.transferID == 2 && !["failed", "completed", "cancelled"].contains($0.status.rawValue.lowercased())
            }
            let expected = (wanted.first...wanted.last).filter { day in
                !done.contains(day) && !atWork.contains { $0.range.first <= day && day <= $0.range.last }
            }
            let planned = plan.chunks.flatMap { Array($0.first...$0.last) }
            #expect(planned.sorted() == expected, "round \(round)")
            #expect(plan.chunks.allSatisfy { $0.dayCount <= settings.longestChunk }, "round \(round)")
            let ends = plan.chunks.map(\.first)
            #expect(ends == (settings.order == .oldest ? ends.sorted() : ends.sorted(by: >)), "round \(round)")
        }
    }
}
