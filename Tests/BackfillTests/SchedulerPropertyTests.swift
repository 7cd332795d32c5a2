import SupermetricsAPI
import TestSupport
import Testing

@testable import Backfill

/// Whatever order answers, losses and crashes come in.
@Suite struct SchedulerPropertyTests {
    private static func settings(_ random: inout SeededRandom) -> BackfillSettings {
        var settings = BackfillSettings(teamID: 1)
        let sizes: [ChunkSize] = [.month, .week, .days(1), .days(10)]
        settings.chunk = sizes.randomElement(using: &random) ?? .month
        settings.order = random.chance(0.5) ? .newest : .oldest
        settings.active = .random(in: 1...4, using: &random)
        settings.retries = .random(in: 0...3, using: &random)
        settings.maxRunsPerDay = random.chance(0.2) ? .random(in: 10...60, using: &random) : nil
        return settings
    }

    private static func goals(_ random: inout SeededRandom) throws -> [BackfillGoal] {
        try (0..<Int.random(in: 1...4, using: &random)).map { place in
            let first = CalendarDay(number: 19_700 + .random(in: 0...30, using: &random))
            let last = first.advanced(by: .random(in: 0...30, using: &random))
            return BackfillGoal(transferID: 100 + place, range: try #require(DayRange(first, last)))
        }
    }

    /// Every wanted day is loaded exactly once, or was refused more often than it may be repeated, and is named.
    @Test(arguments: 0..<20) func loadsEveryDayOnce(_ part: Int) throws {
        for round in 0..<75 {
            let seed = UInt64(part * 1000 + round)
            var random = SeededRandom(seed: seed)
            var settings = Self.settings(&random)
            let goals = try Self.goals(&random)
            var weather = Simulation.Weather()
            weather.failures = random.chance(0.5) ? .random(in: 0...0.3, using: &random) : 0
            weather.lostAnswers = random.chance(0.5) ? .random(in: 0...0.5, using: &random) : 0
            weather.failedRuns = random.chance(0.6) ? .random(in: 0...0.3, using: &random) : 0
            weather.failuresPerDay = .random(in: 1...4, using: &random)
            weather.crashes = random.chance(0.5) ? .random(in: 1...6, using: &random) : 0
            weather.failedBlocks = random.chance(0.3)
            // One that was adopted after a lost answer is cancelled with leave only.
            settings.mayCancelOthers = weather.failedBlocks
            weather.failedRunsFail = random.chance(0.8)
            weather.reported = [1, 1, 0.5, 0].randomElement(using: &random) ?? 1
            // Something has to tell that runs failed.
            weather.hasCounters = !weather.failedRunsFail || random.chance(0.8)
            if random.chance(0.2) { weather.words = ["RUNNING": "PROCESSING", "COMPLETED": "DONE"] }
            if random.chance(0.2) { weather.listLimit = .random(in: 0...3, using: &random) }
            var simulation = Simulation(settings, goals, weather, seed: seed)
            simulation.play()
            #expect(simulation.faults == [], "seed \(seed)")
            guard simulation.faults.isEmpty else { return }
            let summary = try #require(simulation.summary)
            #expect(summary.stop == nil, "seed \(seed)")
            for transfer in summary.transfers {
                let loaded = simulation.completions(transfer.transferID)
                #expect(loaded.values.allSatisfy { $0 == 1 }, "seed \(seed)")
                #expect(DaySet(days: loaded.keys) == transfer.done, "seed \(seed)")
                let missing = DaySet(transfer.failures.flatMap(\.days.ranges))
                #expect(transfer.missing == missing, "seed \(seed)")
                // A day may fail for good only if it failed more often than it may be repeated; crashes do not count.
                if weather.failuresPerDay <= settings.retries {
                    #expect(missing.isEmpty, "seed \(seed) \(transfer.failures.map(\.message))")
                }
                if weather.failedRuns == 0 { #expect(missing.isEmpty, "seed \(seed)") }
            }
        }
    }

    /// Others create, cancel and remove backfills meanwhile: the limits hold, the run ends, and what it says is so.
    @Test(arguments: 0..<10) func staysHonestAmongOthers(_ part: Int) throws {
        for round in 0..<40 {
            let seed = UInt64(500_000 + part * 1000 + round)
            var random = SeededRandom(seed: seed)
            let settings = Self.settings(&random)
            let goals = try Self.goals(&random)
            var weather = Simulation.Weather()
            weather.failures = random.chance(0.5) ? 0.1 : 0
            weather.lostAnswers = random.chance(0.5) ? 0.2 : 0
            weather.failedRuns = random.chance(0.5) ? 0.1 : 0
            weather.crashes = random.chance(0.3) ? 3 : 0
            weather.failedBlocks = random.chance(0.5)
            weather.meddling = 0.7
            weather.runsAreListed = true
            var simulation = Simulation(settings, goals, weather, seed: seed)
            simulation.play()
            // A day that somebody else loads meanwhile may be loaded by us too: that is no fault of ours.
            let faults = simulation.faults.filter { !$0.contains("asked for again") }
            #expect(faults == [], "seed \(seed)")
            guard let summary = simulation.summary else { continue }
            for transfer in summary.transfers {
                let loaded = DaySet(days: simulation.completions(transfer.transferID).keys)
                #expect(transfer.done.subtracting(loaded).isEmpty, "seed \(seed)")
                #expect(transfer.missing == DaySet(transfer.failures.flatMap(\.days.ranges)), "seed \(seed)")
            }
        }
    }
}
