import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct FolderTests {
    private let folder: TemporaryFolder
    private let loader: Loader

    init() throws {
        folder = try TemporaryFolder()
        loader = try Loader(sink: LineSink(folder.path + "/lake/"))
    }

    private func lake(exchanges: Bool = true) -> Folder {
        Folder(root: folder.path + "/lake", formatName: "txt", exchanges: exchanges)
    }

    @Test func aRunLeavesItsWindowsAndNothingElse() async throws {
        let windows = [
            Window.week(0), .week(1, account: "a/b"), .week(1, account: "c"), Window(id: WindowID(7), cell: .all),
        ]
        try await loader.run(windows, notes: ["x"])
        #expect(
            folder.listing("lake") == [
                "_manifest.json",
                "window=2024-01-01..2024-01-07",
                "window=2024-01-01..2024-01-07/_checkpoint.json",
                "window=2024-01-01..2024-01-07/part-0.txt.gz",
                "window=2024-01-08..2024-01-14",
                "window=2024-01-08..2024-01-14/account=a%2Fb",
                "window=2024-01-08..2024-01-14/account=a%2Fb/_checkpoint.json",
                "window=2024-01-08..2024-01-14/account=a%2Fb/part-0.txt.gz",
                "window=2024-01-08..2024-01-14/account=c",
                "window=2024-01-08..2024-01-14/account=c/_checkpoint.json",
                "window=2024-01-08..2024-01-14/account=c/part-0.txt.gz",
                "window=all",
                "window=all/_checkpoint.json",
                "window=all/part-0.txt.gz",
            ]
        )
        #expect(try folder.text("lake/window=all/part-0.txt.gz") == "window|note\nall|x\n")
    }

    @Test func anEmptyWindowIsAHeader() async throws {
        try await loader.run([.week(0)], notes: [])
        #expect(try folder.text("lake/window=2024-01-01..2024-01-07/part-0.txt.gz") == "window|note\n")
    }

    @Test func theManifestHoldsEveryFile() async throws {
        try await loader.run([.week(1), .week(0)], notes: ["x", "y"])
        try await loader.run([.week(0)], notes: ["z"])
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(folder.bytes("lake/_manifest.json")))
        #expect(manifest.rows == 3 && manifest.bytes == manifest.parts.reduce(0) { $0 + $1.bytes })
        #expect(manifest.parts.map(\.path).first == "window=2024-01-01..2024-01-07/part-0.txt.gz")
        for part in manifest.parts {
            let file = try OutputFile.digest(folder.bytes("lake/" + part.path), in: folder)
            #expect(part.sha256 == file.sha256 && part.bytes == file.count)
        }
    }

    @Test func aFolderBelongsToOneExport() async throws {
        try await loader.run([.week(0)], notes: ["x"])
        var other = loader
        other.export = ExportID(job: "nightly", export: "clicks")
        let error = await sinkError { try await other.run([.week(0)], notes: ["y"]) }
        #expect(error?.code == .configuration)
        #expect(
            error?.description.contains("nightly/ads") == true && error?.description.contains("nightly/clicks") == true
        )
        #expect(await sinkError { _ = try await loader.sink.ledger(of: other.export) }?.code == .configuration)
        #expect(try folder.text("lake/window=2024-01-01..2024-01-07/part-0.txt.gz").contains("|x\n"))
    }

    @Test func aFolderHoldsOneFormat() async throws {
        try await loader.run([.week(0)], notes: ["x"])
        let other = Folder(root: folder.path + "/lake", formatName: "csv")
        #expect(throws: SinkError.self) { try other.windows(of: Loader.export) }
        let plain = try Loader(sink: LineSink(folder.path + "/lake/", CompressionOption.none))
        try await plain.run([.week(1)], notes: ["y"])
        #expect(try await plain.sink.ledger(of: Loader.export).checkpoints.count == 2, "compression may change")
    }

    @Test func aReloadWithoutExchangeReplacesTheWindow() async throws {
        for note in ["old", "new"] {
            let sink = try LineSink(.folder(lake(exchanges: false)), CompressionOption.none)
            try await Loader(sink: sink).run([.week(0, account: "a"), .week(1)], notes: [note])
        }
        #expect(try folder.text("lake/window=2024-01-01..2024-01-07/account=a/part-0.txt").contains("|new\n"))
        #expect(folder.listing("lake").filter { $0.hasPrefix(".") } == [])
    }

    /// Every state in which a kill between the two renames leaves the folder.
    @Test(arguments: ["before the first", "between", "after the second"])
    func aKilledSwapIsCompleted(_ moment: String) async throws {
        try await loader.run([.week(0), .week(1)], notes: ["old"])
        try await loader.run([.week(0), .week(1)], loading: [], notes: [])
        let scratch = folder.path + "/lake/.staging/run"
        let name = Window.week(0).folderPath
        let files = FileManager.default
        try files.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        let fresh = try Loader(sink: LineSink(folder.path + "/fresh/"))
        try await fresh.run([.week(0)], notes: ["new"])
        try files.moveItem(atPath: folder.path + "/fresh/" + name, toPath: scratch + "/load-1")
        let journal = SwapJournal(moves: [SwapJournal.Move(from: ".staging/run/load-1", to: name)])
        try JSONFile.write(journal, to: scratch + "/swap-load-1.json")
        if moment != "before the first" {
            try files.createDirectory(atPath: scratch + "/trash-load-1", withIntermediateDirectories: true)
            try files.moveItem(atPath: folder.path + "/lake/" + name, toPath: scratch + "/trash-load-1/0")
        }
        if moment == "after the second" {
            try files.moveItem(atPath: scratch + "/load-1", toPath: folder.path + "/lake/" + name)
        }
        try await loader.run([.week(0), .week(1)], loading: [], notes: [])
        #expect(try folder.text("lake/\(name)/part-0.txt.gz").contains("|new\n"))
        #expect(folder.listing("lake").filter { $0.hasPrefix(".") } == [])
        #expect(try await loader.sink.ledger(of: Loader.export).gone == [])
    }

    @Test func aShardLeavesTheWorkOfOthersAlone() async throws {
        let (first, second) = (Shard("1/2"), Shard("2/2"))
        try await loader.run([.week(0)], loading: [], notes: [], shard: first) { run in
            _ = try await run.load(Load(window: .week(0), schema: loader.schema)) { session in
                try await session.write(session.encode(loader.batch(.week(0), ["first"])))
                try await loader.run([.week(1)], notes: ["second"], shard: second)
                return loader.checkpoint(.week(0), rows: 1)
            }
        }
        #expect(try await loader.sink.ledger(of: Loader.export).checkpoints.count == 2)
        let manifest = try JSONDecoder().decode(Manifest.self, from: Data(folder.bytes("lake/_manifest.json")))
        #expect(manifest.rows == 2)
        #expect(folder.listing("lake").filter { $0.hasPrefix(".") } == [])
    }

    @Test func aShardCannotReplaceEverything() async throws {
        let error = await sinkError {
            try await loader.sink.withRun(RunRequest(export: Loader.export, runID: "r", shard: Shard("1/2"))) { run in
                try await run.begin(loader.plan([.week(0)], replacesAll: true))
                return false
            }
        }
        #expect(error?.code == .configuration)
    }

    @Test func aReplaceChangesTheGrid() async throws {
        try await loader.run([.week(0), .week(1, account: "a")], notes: ["old"])
        var other = loader
        other.fingerprint = "f2"
        let windows = [Window.week(0, account: "a"), .week(1)]
        try await other.sink.withRun(RunRequest(export: Loader.export, runID: "r")) { run in
            try await run.begin(other.plan(windows, replacesAll: true))
            for window in windows { try await other.load(run, window, ["new"]) }
            return true
        }
        #expect(
            folder.listing("lake").filter { $0.hasSuffix(".gz") } == [
                "window=2024-01-01..2024-01-07/account=a/part-0.txt.gz", "window=2024-01-08..2024-01-14/part-0.txt.gz",
            ]
        )
    }

    @Test func aReplaceThatLacksAWindowReplacesNothing() async throws {
        try await loader.run([.week(0)], notes: ["old"])
        let error = await sinkError {
            try await loader.sink.withRun(RunRequest(export: Loader.export, runID: "r")) { run in
                try await run.begin(loader.plan([.week(0), .week(1)], replacesAll: true))
                try await loader.load(run, .week(0), ["new"])
                return true
            }
        }
        #expect(error?.code == .destination && error?.description.contains("2024-01-08..2024-01-14") == true)
        #expect(try folder.text("lake/window=2024-01-01..2024-01-07/part-0.txt.gz").contains("|old\n"))
    }

    @Test func aReplaceTakesNothingAwayThatIsNotItsOwn() async throws {
        try await loader.run([.week(0), .week(1)], notes: ["old"])
        let lake = folder.path + "/lake/"
        try FileManager.default.copyItem(
            atPath: lake + Window.week(1).folderPath,
            toPath: lake + "window=kept by hand"
        )
        try await loader.sink.withRun(RunRequest(export: Loader.export, runID: "r")) { run in
            try await run.begin(loader.plan([.week(0)], replacesAll: true))
            try await loader.load(run, .week(0), ["new"])
            return true
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: lake).sorted() == [
                "_manifest.json", Window.week(0).folderPath, "window=kept by hand",
            ]
        )
        #expect(try await loader.sink.ledger(of: Loader.export).checkpoints.count == 1, "a copy is not a window")
    }

    /// As a kill between the rename and the end of the window's notes leaves it.
    @Test func anAttemptThatACheckpointTellsOfIsOver() async throws {
        try await loader.run([.week(0)], notes: ["x"])
        func attempt(_ id: String) -> Attempt {
            Attempt(
                window: .week(0),
                scheduleID: id,
                days: nil,
                accounts: [],
                fingerprint: "f1",
                startedAt: loader.createdAt,
                runID: "run-1"
            )
        }
        for id in ["schedule-1", "schedule-2"] { try lake().workspace.record(attempt(id)) }
        #expect(try await loader.sink.ledger(of: Loader.export).attempts == [attempt("schedule-2")])
    }

    @Test func acceptingLeavesNoDraft() async throws {
        try await loader.run([.week(0)], notes: ["x"])
        let before = folder.listing("lake")
        try await loader.sink.withRun(RunRequest(export: Loader.export, runID: "r")) { run in
            var plan = loader.plan([.week(0)])
            plan.accepted = [Window.week(0).id]
            try await run.begin(plan)
            return true
        }
        #expect(folder.listing("lake") == before)
    }

    @Test func whatKilledRunsLeftIsRemoved() async throws {
        let staging = folder.path + "/lake/.staging/"
        for path in ["run/load-1", "shard-1-of-2/load-1", "trash/0", "something"] {
            try FileManager.default.createDirectory(atPath: staging + path, withIntermediateDirectories: true)
        }
        for path in ["_manifest.json", "replace.json.new", "holder-shard-1-of-2", "run/load-1/part-0.txt.gz"] {
            try folder.write("half", to: "lake/.staging/" + path)
        }
        try await loader.run([.week(0)], notes: ["x"])
        #expect(folder.listing("lake").filter { $0.hasPrefix(".") } == [])
    }

    @Test func aCheckLeavesNothing() async throws {
        #expect(try await loader.sink.check(landing: nil) == [])
        #expect(folder.listing() == [])
    }
}

extension OutputFile {
    /// What a file with these bytes is counted and digested as.
    static func digest(_ bytes: [UInt8], in folder: TemporaryFolder) throws -> (sha256: String?, count: Int) {
        var file = try OutputFile(creating: folder.path + "/digest", digesting: true)
        for start in stride(from: 0, to: bytes.count, by: 7) { try file.write(Array(bytes[start...].prefix(7))) }
        try file.sync()
        return (file.sha256, file.count)
    }
}
