#if Postgres
import Foundation
import PipelineCore
import PipelineTesting
import PostgresTesting
import Synchronization
import Testing

@testable import PostgresSink

/// A process killed at each fault point, and the run after it: the table shows all or nothing of a commit, and in the
/// end what a run that nothing stopped would have left.
@Suite struct PostgresCrashTests {
    static let points = FaultPoints.postgresTable + FaultPoints.postgresWindow + FaultPoints.postgresMerge

    @Test(arguments: LoadMode.allCases, points)
    func aFirstLoad(_ mode: LoadMode, diesAt point: String) async throws {
        guard mode == .merge || !FaultPoints.postgresMerge.contains(point) else { return }
        try await SinkWorld.with(mode: mode) { world in
            try await die(world, at: point, [0], replacesAll: false)
            let isVisible = point == "postgres.window.after-commit" && mode != .replace
            try await world.expectRows(isVisible ? Loader.rows(0, "new") : [])
            // The dead process has its lease no longer: nobody waits for it to expire.
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    @Test(arguments: LoadMode.allCases, FaultPoints.postgresWindow + FaultPoints.postgresMerge)
    func aReload(_ mode: LoadMode, diesAt point: String) async throws {
        guard mode == .merge || !FaultPoints.postgresMerge.contains(point) else { return }
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 1], "old")
            let before = try await world.loader.ledger().checkpoints
            try await die(world, at: point, [0], replacesAll: false)
            let isVisible = point == "postgres.window.after-commit" && mode != .replace
            try await world.expectRows(
                isVisible ? Loader.rows(0, "new") + Loader.rows(1, "old") : Loader.rows([0, 1], "old")
            )
            let after = try await world.loader.ledger()
            #expect(after.checkpoints == before && after.gone.isEmpty)
            try await world.loader.run([0, 1], "new")
            try await world.expectFinished(Loader.rows([0, 1], "new"))
        }
    }

    @Test(arguments: [LoadMode.replace, .replaceWindow, .merge], FaultPoints.postgresReplace)
    func aReplaceOfEverything(_ mode: LoadMode, diesAt point: String) async throws {
        try await SinkWorld.with(mode: mode) { world in
            try await world.loader.run([0, 5], "old")
            try await die(world, at: point, [0, 1], replacesAll: true)
            let isVisible = point == "postgres.replace.after-commit"
            try await world.expectRows(isVisible ? Loader.rows([0, 1], "new") : Loader.rows([0, 5], "old"))
            let staged = try await world.loader.ledger().staged
            #expect(staged?.checkpoints.count == (isVisible ? nil : 2), "what was loaded can be used again")
            try await world.loader.run([0, 1], "newer", replacesAll: true)
            try await world.expectFinished(Loader.rows([0, 1], isVisible ? "newer" : "new"))
        }
    }

    /// Every point that runs pass is one a test stops at.
    @Test func everyPointIsListed() async throws {
        try await SinkWorld.with { world in
            await #expect(processExitsWith: .success) { [url = world.database.url as String] in
                let passed = Passed()
                FaultPoint.install { passed.add($0) }
                for mode in LoadMode.allCases {
                    var loader = Loader(url: url, mode: mode)
                    loader.options.table = "ads.\(mode.rawValue)"
                    try await loader.run([0], "new")
                }
                let known =
                    FaultPoints.postgresTable + FaultPoints.postgresWindow + FaultPoints.postgresMerge
                    + FaultPoints.postgresReplace
                try #require(passed.names == Set(known))
            }
        }
    }

    /// A process that loads these weeks until it passes the point.
    private func die(_ world: SinkWorld, at point: String, _ weeks: [Int], replacesAll: Bool) async throws {
        let mode = world.loader.options.mode
        let all = replacesAll || mode == .replace
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                url = world.database.url as String, word = mode.rawValue as String, point = point as String,
                weeks = weeks as [Int], all = all as Bool
            ] in
            FaultPoint.install { if $0 == point { kill(getpid(), SIGKILL) } }
            let loader = Loader(url: url, mode: try #require(LoadMode(rawValue: word)))
            try await loader.run(weeks, "new", replacesAll: all)
        }
    }
}

private final class Passed: Sendable {
    private let storage = Mutex<Set<String>>([])
    func add(_ name: String) { storage.withLock { _ = $0.insert(name) } }
    var names: Set<String> { storage.withLock { $0 } }
}
#endif
