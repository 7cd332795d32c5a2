import CSVSink
import FileLoading
import Foundation
import PipelineCore
import PipelineTesting
import Synchronization
import TestSupport
import Testing

/// A process killed at each fault point, and the run after it: the destination shows all or nothing of a commit, and in
/// the end what a run that nothing stopped would have left.
@Suite struct CrashTests {
    @Test(arguments: FaultPoints.folderWindow, [false, true])
    func aWindowOfAFolder(diesAt point: String, isReload: Bool) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lake/"
        if isReload { try await Scenario.load(path, "old", [0, 1]) }
        let before = isReload ? Scenario.rows("old", [0, 1]) : []
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, point] in
            Scenario.die(at: point)
            try await Scenario.load(path, "new", [0])
        }
        let seen = try visibleRows(path)
        let after = isReload ? Scenario.rows("new", [0]) + Scenario.rows("old", [1]) : Scenario.rows("new", [0])
        #expect(seen == (point == "file.window.after-rename" ? after : before))
        try await Scenario.load(path, "new", [0, 1])
        try expectFinished(path, Scenario.rows("new", [0, 1]), folder, "lake")
    }

    @Test(arguments: FaultPoints.folderReplace)
    func aReplaceOfAFolder(diesAt point: String) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/lake/"
        try await Scenario.load(path, "old", [0, 5])
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, point] in
            Scenario.die(at: point)
            try await Scenario.load(path, "new", [0, 1], replacesAll: true)
        }
        let decided = point != "file.replace.before-journal"
        if !decided { #expect(try visibleRows(path) == Scenario.rows("old", [0, 5])) }
        // A run that loads nothing completes what was decided before it.
        try await Scenario.load(path, "new", [])
        #expect(try visibleRows(path) == (decided ? Scenario.rows("new", [0, 1]) : Scenario.rows("old", [0, 5])))
        try await Scenario.load(path, "new", [0, 1], replacesAll: true)
        try expectFinished(path, Scenario.rows("new", [0, 1]), folder, "lake")
    }

    @Test(arguments: FaultPoints.singleFile, ["out.csv.gz", "out.csv"])
    func aFile(diesAt point: String, name: String) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/" + name
        try await Scenario.load(path, "old", [0, 1])
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, point] in
            Scenario.die(at: point)
            try await Scenario.load(path, "new", [0, 1])
        }
        #expect(
            try visibleRows(path) == Scenario.rows(point == "file.join.after-rename" ? "new" : "old", [0, 1])
        )
        let resumed = try await Scenario.load(path, "new", [0, 1])
        #expect(resumed == 0, "windows that were staged are not loaded again")
        #expect(try visibleRows(path) == Scenario.rows("new", [0, 1]))
        #expect(folder.listing() == [name])
    }

    /// Every point that a run passes is one a test stops at.
    @Test func everyPointIsListed() async throws {
        let folder = try TemporaryFolder()
        await #expect(processExitsWith: .success) { [path = folder.path as String] in
            let passed = Passed()
            FaultPoint.install { passed.add($0) }
            try await Scenario.load(path + "/lake/", "new", [0])
            try await Scenario.load(path + "/lake/", "new", [0], replacesAll: true)
            try await Scenario.load(path + "/out.csv", "new", [0])
            let known = Set(FaultPoints.folderWindow + FaultPoints.folderReplace + FaultPoints.singleFile)
            try #require(passed.names == known)
        }
    }

    private func visibleRows(_ path: String) throws -> [[String?]] {
        try visibleFiles(path).flatMap { CSV.rows($0).dropFirst() }
    }

    private func expectFinished(_ path: String, _ rows: [[String?]], _ folder: TemporaryFolder, _ name: String) throws {
        #expect(try visibleRows(path) == rows)
        let names = folder.listing(name)
        #expect(names.filter { $0.hasPrefix(".") } == [], "nothing hidden is left")
        #expect(names.contains("_manifest.json"))
    }
}

private final class Passed: Sendable {
    private let storage = Mutex<Set<String>>([])
    func add(_ name: String) { storage.withLock { _ = $0.insert(name) } }
    var names: Set<String> { storage.withLock { $0 } }
}

/// What the processes of these tests do.
enum Scenario {
    static let export = ExportID(job: "crash", export: "rows")
    static let schema = Schema([Column(name: "week", type: .text), Column(name: "note", type: .text)])

    static func rows(_ note: String, _ weeks: [Int]) -> [[String?]] {
        weeks.flatMap { week in (0..<50).map { ["\(week)-\($0)", note] } }
    }

    static func die(at point: String) {
        FaultPoint.install { if $0 == point { kill(getpid(), SIGKILL) } }
    }

    /// One run that loads what it finds missing; how many windows it loaded.
    @discardableResult static func load(
        _ path: String,
        _ note: String,
        _ weeks: [Int],
        replacesAll: Bool = false
    ) async throws -> Int {
        var loaded = 0
        try await CSVSink.withSink(CSVSink.Options(path: path)) { sink in
            try await sink.withRun(RunRequest(export: export, runID: "run-\(note)")) { run in
                let plan = RunPlan(
                    windows: weeks.map { Window.week($0) },
                    range: nil,
                    fingerprint: note,
                    layout: Layout(size: "week", perAccount: false),
                    replacesAll: replacesAll,
                    createdAt: Timestamp(milliseconds: 1_718_000_000_000)
                )
                let staged = try await run.ledger().staged?.usable(by: plan) ?? [:]
                guard !weeks.isEmpty else { return true }
                try await run.begin(plan)
                for week in weeks where staged[Window.week(week).id] == nil {
                    let (window, rows) = (Window.week(week), rows(note, [week]))
                    _ = try await run.load(Load(window: window, schema: schema)) { session in
                        try await session.write(session.encode(Batch(schema, rows: rows)))
                        return Checkpoint(window, of: export, rows: rows.count, schema: schema, fingerprint: note)
                    }
                    loaded += 1
                }
                return true
            }
        }
        return loaded
    }
}
