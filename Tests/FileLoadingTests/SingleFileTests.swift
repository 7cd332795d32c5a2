import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct SingleFileTests {
    private let folder: TemporaryFolder
    private let loader: Loader

    init() throws {
        folder = try TemporaryFolder()
        loader = try Loader(sink: LineSink(folder.path + "/out.txt.gz"))
    }

    @Test(arguments: ["out.txt.gz", "out.txt"])
    func manyWindowsMakeOneFileInTheOrderOfThePlan(_ name: String) async throws {
        let windows = (0..<60).map { Window.week($0) }
        let loader = try Loader(sink: LineSink(folder.path + "/deep/er/" + name))
        try await loader.run(windows, loading: windows.reversed(), notes: ["x", "y"])
        let wanted = "window|note\n" + windows.map { "\($0)|x\n\($0)|y\n" }.joined()
        #expect(try folder.text("deep/er/" + name) == wanted)
        #expect(folder.listing("deep/er") == [name])
    }

    @Test func theBytesAreThoseOfAnyOtherRun() async throws {
        try await loader.run([.week(0), .week(1)], notes: ["x"])
        let first = try folder.bytes("out.txt.gz")
        try await loader.run([.week(0), .week(1)], loading: [.week(1), .week(0)], notes: ["x"])
        #expect(try folder.bytes("out.txt.gz") == first)
    }

    @Test func aFileWithoutRowsIsAHeader() async throws {
        try await loader.run([.week(0)], notes: [])
        #expect(try folder.text("out.txt.gz") == "window|note\n")
    }

    @Test func linkAndPermissionsOfTheOldFileStay() async throws {
        let files = FileManager.default
        try folder.write("old", to: "real.txt")
        try files.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.path + "/real.txt")
        try files.createSymbolicLink(atPath: folder.path + "/link.txt", withDestinationPath: "real.txt")
        try await Loader(sink: LineSink(folder.path + "/link.txt")).run([.week(0)], notes: ["new"])
        #expect(try folder.text("real.txt").contains("|new\n"))
        #expect(try files.destinationOfSymbolicLink(atPath: folder.path + "/link.txt") == "real.txt")
        let mode = try files.attributesOfItem(atPath: folder.path + "/real.txt")[.posixPermissions] as? Int
        #expect(mode == 0o640)
    }

    @Test func windowsOfOneFileNeedTheSameColumns() async throws {
        try folder.write("old", to: "out.txt.gz")
        var other = loader
        other.schema.columns[1].type = .decimal(nil)
        let error = await sinkError {
            try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"]) { run in
                try await other.load(run, .week(1), ["1"])
            }
        }
        #expect(error?.code == .schema)
        #expect(error?.description.contains("note decimal") == true && error?.description.contains("note text") == true)
        #expect(try folder.text("out.txt.gz") == "old")
    }

    @Test func stagedWindowsWithOtherColumnsAreLoadedAgain() async throws {
        try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"], isComplete: false)
        var other = loader
        other.schema.columns[1].name = "remark"
        #expect(
            await sinkError { try await other.run([.week(0), .week(1)], loading: [.week(1)], notes: ["x"]) }?.code
                == .schema
        )
        #expect(try await loader.sink.ledger(of: Loader.export).staged == nil)
        try await other.run([.week(0), .week(1)], notes: ["x"])
        #expect(try folder.text("out.txt.gz").hasPrefix("window|remark\n"))
    }

    @Test func stagedWindowsAreUsedForADay() async throws {
        try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"], isComplete: false)
        for (hours, isKept) in [(Int64(23), true), (25, false)] {
            var later = loader
            later.createdAt = Timestamp(milliseconds: loader.createdAt.milliseconds + hours * 3_600_000)
            try await later.sink.withRun(RunRequest(export: Loader.export, runID: "later")) { run in
                try await run.begin(later.plan([.week(0), .week(1)]))
                #expect(try await run.ledger().staged?.checkpoints.isEmpty == !isKept)
                return false
            }
        }
    }

    @Test func aRunThatFailsBeforeItLoadsLeavesNothing() async throws {
        struct Stop: Error {}
        await #expect(throws: Stop.self) {
            try await loader.run([.week(0)], loading: [], notes: []) { _ in throw Stop() }
        }
        #expect(folder.listing() == [])
    }

    @Test func aShardIsRefused() async throws {
        let error = await sinkError { try await loader.run([.week(0)], notes: [], shard: Shard("1/2")) }
        #expect(error?.code == .configuration && error?.description.contains("folder") == true)
    }

    @Test func aCutFragmentIsFoundBeforeTheJoin() async throws {
        try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"], isComplete: false)
        let fragment = ".out.txt.gz.sluice/staged/\(Window.week(0).folderPath)/part-0.txt.deflate"
        try folder.write("", to: fragment)
        #expect(try await loader.sink.ledger(of: Loader.export).staged?.checkpoints.isEmpty == true)
        let error = await sinkError { try await loader.run([.week(0), .week(1)], loading: [.week(1)], notes: ["x"]) }
        #expect(error?.code == .destination)
        #expect(!folder.listing().contains("out.txt.gz"))
    }
}
