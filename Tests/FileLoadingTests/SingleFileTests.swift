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

    @Test(arguments: ["out.txt.gz", "out.txt"])
    func whateverIsLoadedInWhicheverOrderByWhicheverRun(_ name: String) async throws {
        let windows = (0..<12).map { Window.week($0) }
        let wanted = "window|note\n" + windows.map { "\($0)|x\n" }.joined()
        for seed in UInt64(0)..<20 {
            var random = SeededRandom(seed: seed)
            let order = windows.shuffled(using: &random)
            let cut = Int.random(in: 0...windows.count, using: &random)
            let loader = try Loader(sink: LineSink("\(folder.path)/\(seed)-\(name)"))
            try await loader.run(windows, loading: Array(order[..<cut]), notes: ["x"], isComplete: false)
            try await loader.run(windows, loading: Array(order[cut...]), notes: ["x"])
            #expect(try folder.text("\(seed)-\(name)") == wanted, "seed \(seed)")
        }
    }

    @Test func windowsAreJoinedWhileLaterOnesLoad() async throws {
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        let windows = (0..<4).map { Window.week($0) }
        try await loader.run(windows, loading: [.week(1)], notes: ["x"], isComplete: false)
        try await loader.run(windows, loading: [.week(3)], notes: ["x"]) { run in
            #expect(try joined() == nil, "the first window is not there yet")
            try await loader.load(run, .week(0), ["x"])
            #expect(try joined() == "window|note\n\(windows[0])|x\n\(windows[1])|x\n")
            try await loader.load(run, .week(2), ["x"])
            let name = folder.listing(".out.txt.sluice").first { $0.hasPrefix("joined-") }
            try FileManager.default.linkItem(
                atPath: "\(folder.path)/.out.txt.sluice/\(name ?? "")",
                toPath: folder.path + "/joined.txt"
            )
        }
        #expect(try folder.text("out.txt") == "window|note\n" + windows.map { "\($0)|x\n" }.joined())
        #expect(
            try FileSystem.identity(folder.path + "/out.txt") == FileSystem.identity(folder.path + "/joined.txt"),
            "what was joined early is what is shown"
        )
        #expect(folder.listing() == ["joined.txt", "out.txt"])
    }

    /// What is joined so far, by the one run that is under way.
    private func joined() throws -> String? {
        let names = folder.listing(".out.txt.sluice").filter { $0.hasPrefix("joined-") }
        #expect(names.count <= 1)
        return try names.first.map { try folder.text(".out.txt.sluice/" + $0) }
    }

    @Test func aWindowThatChangedAfterItWasJoinedIsJoinedAnew() async throws {
        let windows = [Window.week(0), .week(1), .week(2)]
        try await loader.run(windows, loading: [.week(0), .week(1)], notes: ["old"]) { run in
            try await loader.load(run, .week(0), ["new", "more"])
            try await loader.load(run, .week(2), ["new"])
        }
        let rows = "\(windows[0])|new\n\(windows[0])|more\n\(windows[1])|old\n\(windows[2])|new\n"
        #expect(try folder.text("out.txt.gz") == "window|note\n" + rows)
    }

    @Test func aHeadStartThatFailsCostsNothing() async throws {
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        let windows = [Window.week(0), .week(1)]
        let fragment = ".out.txt.sluice/staged/\(windows[0].folderPath)/part-0.txt"
        try await loader.run(windows, loading: [.week(0)], notes: ["x"], isComplete: false)
        try await loader.run(windows, loading: [], notes: []) { run in
            let rows = try folder.text(fragment)
            try folder.write("", to: fragment)
            try await loader.load(run, .week(1), ["x"])
            #expect(try joined() == nil)
            try folder.write(rows, to: fragment)
        }
        #expect(try folder.text("out.txt") == "window|note\n\(windows[0])|x\n\(windows[1])|x\n")
    }

    @Test func aFailedWindowGivesTheRoomOfTheHeadStartBack() async throws {
        struct Stop: Error {}
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        let windows = [Window.week(0), .week(1), .week(2)]
        try await loader.run(windows, loading: [.week(0)], notes: ["x"]) { run in
            #expect(try joined() != nil)
            await #expect(throws: Stop.self) {
                _ = try await run.load(Load(window: .week(1), schema: loader.schema)) { _ in throw Stop() }
            }
            try await loader.load(run, .week(2), ["x"])
            #expect(try joined() == nil)
            // A second try of the window that failed makes it whole after all.
            try await loader.load(run, .week(1), ["x"])
        }
        #expect(try folder.text("out.txt") == "window|note\n" + windows.map { "\($0)|x\n" }.joined())
    }

    /// Where a window finds no room, the head start may have it: once that is given up the window is tried again.
    @Test func aWindowWithoutRoomIsTriedAgainWithoutTheHeadStart() async throws {
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        let full = SinkError(.destination, "cannot write: no space is left on the device")
        try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"], isComplete: false) { run in
            for isFirst in [true, false] {
                let error = await sinkError {
                    _ = try await run.load(Load(window: .week(1), schema: loader.schema)) { _ in throw full }
                }
                #expect(error?.isTransient == isFirst)
            }
        }
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

    /// A link to a file that is not there yet is one to where the file is to be.
    @Test func aLinkThatLeadsNowhereYetIsFollowed() async throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder.path + "/real", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: folder.path + "/second.txt", withDestinationPath: "real/out.txt")
        let second = folder.path + "/second.txt"
        try files.createSymbolicLink(atPath: folder.path + "/first.txt", withDestinationPath: second)
        try await Loader(sink: LineSink(folder.path + "/first.txt")).run([.week(0)], notes: ["new"])
        #expect(try folder.text("real/out.txt").contains("|new\n"))
        #expect(try files.destinationOfSymbolicLink(atPath: folder.path + "/second.txt") == "real/out.txt")
        #expect(folder.listing() == ["first.txt", "real", "real/out.txt", "second.txt"])
    }

    /// Nobody sees what is being loaded, or rejected rows, who may not see the file.
    @Test func aPrivateFileStaysPrivateWhileItIsLoaded() async throws {
        try folder.write("old", to: "out.txt")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.path + "/out.txt")
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        try await loader.run([.week(0)], loading: [], notes: []) { run in
            #expect(try FileSystem.permissions(folder.path + "/.out.txt.sluice") == 0o700)
            _ = try await run.load(Load(window: .week(0), schema: loader.schema)) { session in
                try await session.write(session.encode(loader.batch(.week(0), ["x"])))
                try await session.quarantine(
                    Rejects([Reject(row: 1, column: "note", stage: "read", rule: "not a note")])
                )
                return loader.checkpoint(.week(0), rows: 1)
            }
        }
        #expect(try FileSystem.permissions(folder.path + "/out.txt") == 0o600)
        #expect(try FileSystem.permissions(folder.path + "/out.txt.rejected.ndjson.gz") == 0o600)
    }

    // MARK: --no-clobber

    @Test func aFileThatIsThereStaysWhereThatIsWanted() async throws {
        try folder.write("precious", to: "out.txt.gz")
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"], keepsExisting: true) }
        #expect(error?.code == .destination && error?.description.contains("out.txt.gz exists") == true)
        #expect(try folder.bytes("out.txt.gz") == Array("precious".utf8))
        #expect(folder.listing() == ["out.txt.gz"])
    }

    @Test(arguments: ["out.txt.gz", "out.txt.gz.rejected.ndjson.gz"])
    func aFileThatAppearsMeanwhileStaysToo(_ name: String) async throws {
        let error = await sinkError {
            try await loader.run([.week(0)], loading: [], notes: [], keepsExisting: true) { run in
                _ = try await run.load(Load(window: .week(0), schema: loader.schema)) { session in
                    try await session.write(session.encode(loader.batch(.week(0), ["x"])))
                    try await session.quarantine(
                        Rejects([Reject(row: 1, column: "note", stage: "read", rule: "not a note")])
                    )
                    return loader.checkpoint(.week(0), rows: 1)
                }
                try folder.write("precious", to: name)
            }
        }
        #expect(error?.description.contains("\(name) exists") == true, "\(error as Any)")
        #expect(try folder.bytes(name) == Array("precious".utf8))
        #expect(folder.listing().filter { !$0.hasPrefix(".") } == [name])
        try FileManager.default.removeItem(atPath: folder.path + "/" + name)
        try await loader.run([.week(0)], loading: [], notes: [], keepsExisting: true)
        #expect(try folder.text("out.txt.gz") == "window|note\n\(Window.week(0))|x\n")
    }

    // MARK: What a killed run left

    /// Rows of two dialects, or plain and deflated ones, are no file together.
    @Test(arguments: [(nil, "b"), (CompressionOption.none, "a")] as [(CompressionOption?, String)])
    func stagedWindowsInAnotherFormAreLoadedAgain(_ compression: CompressionOption?, _ dialect: String) async throws {
        func loader(_ compression: CompressionOption?, _ dialect: String) throws -> Loader {
            try Loader(sink: LineSink(folder.path + "/out.gz", compression, dialect: dialect))
        }
        let windows = [Window.week(0), .week(1)]
        try await loader(nil, "a").run(windows, loading: [.week(0)], notes: ["old"], isComplete: false)
        #expect(try await loader(nil, "a").sink.ledger(of: Loader.export).staged?.checkpoints.count == 1)
        let other = try loader(compression, dialect)
        #expect(try await other.sink.ledger(of: Loader.export).staged == nil)
        try await other.run(windows, notes: ["new"])
        #expect(try folder.text("out.gz") == "window|note\n" + windows.map { "\($0)|new\n" }.joined())
    }

    /// Who takes the folder away takes the lease: the run that had it makes nothing anew, and leaves alone what the run
    /// after it does under the same names.
    @Test func aRunWithoutItsFolderTouchesNothingOfTheNext() async throws {
        let workspace = folder.path + "/.out.txt.gz.sluice"
        var next = loader
        next.runID = "run-2"
        let error = await sinkError {
            try await loader.run([.week(0), .week(1)], loading: [.week(0)], notes: ["zombie"]) { run in
                try FileManager.default.removeItem(atPath: workspace)
                await #expect(throws: SinkError.self) { try await loader.load(run, .week(1), ["zombie"]) }
                #expect(folder.listing() == [])
                try await next.run([.week(0)], loading: [], notes: []) { other in
                    _ = try await other.load(Load(window: .week(0), schema: next.schema)) { session in
                        let before = folder.listing(".out.txt.gz.sluice/run")
                        let lost = await sinkError { try await loader.load(run, .week(1), ["zombie"]) }
                        #expect(lost?.code == .leaseLost, "\(lost as Any)")
                        #expect(!before.isEmpty && folder.listing(".out.txt.gz.sluice/run") == before)
                        try await session.write(session.encode(next.batch(.week(0), ["next"])))
                        return next.checkpoint(.week(0), rows: 1)
                    }
                }
                throw CancellationError()
            }
        }
        #expect(error == nil)
        #expect(try folder.text("out.txt.gz") == "window|note\n\(Window.week(0))|next\n")
        #expect(folder.listing() == ["out.txt.gz"])
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

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func windowsWithoutColumnsTakeThoseOfTheOthers(_ order: [Int]) async throws {
        let windows = [Window.week(0), .week(1), .week(2)]
        var bare = loader
        bare.schema = Schema([])
        try await loader.run(windows, loading: [], notes: []) { run in
            for week in order { try await (week == 1 ? loader : bare).load(run, windows[week], week == 1 ? ["x"] : []) }
        }
        #expect(try folder.text("out.txt.gz") == "window|note\n\(windows[1])|x\n")
    }

    @Test func stagedWindowsWithoutColumnsAreUsedToo() async throws {
        var bare = loader
        bare.schema = Schema([])
        try await bare.run([.week(0), .week(1)], loading: [.week(0)], notes: [], isComplete: false)
        try await loader.run([.week(0), .week(1)], loading: [.week(1)], notes: ["x"])
        #expect(try folder.text("out.txt.gz") == "window|note\n\(Window.week(1))|x\n")
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
