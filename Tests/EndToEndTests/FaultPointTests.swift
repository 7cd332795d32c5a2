import Foundation
import PipelineTesting
import Sandbox
import TestSupport
import Testing

/// A process that dies at each of the named places leaves old or new windows, never anything between.
@Suite struct FaultPointTests {
    static let folderPoints = FaultPoints.query + FaultPoints.folderWindow
    static let sinks = ["csv", "ndjson"]

    private func job(_ sink: String, path: String = "out/", window: String = "{size: week}") -> JobText {
        .one { export in
            export.window = window
            export.into = ["\(sink): {path: \(path)}"]
        }
    }

    /// Runs the job and expects it to die at the point.
    private func die(at point: String, _ world: World, _ job: JobText, _ arguments: String...) async throws {
        try world.folder.write(job.yaml, to: "job.yaml")
        let outcome = try await world.run(["run", "job.yaml"] + arguments, environment: ["SLUICE_FAULT_POINT": point])
        #expect(outcome.signal == SIGKILL, "the point \(point) was not passed: \(outcome.everything)")
    }

    /// What an unbroken run of the job gives with the sandbox as it is now.
    private func unbroken(_ world: World, _ job: JobText) async throws -> [UInt8] {
        var job = job
        let path = "unbroken-\(UUID().uuidString)" + (job.exports[0].into[0].contains("/}") ? "/" : ".csv.gz")
        job.exports[0].into = [job.exports[0].into[0].prefix { $0 != ":" } + ": {path: \(path)}"]
        try await world.run(job)
        return try world.folder.landed(path)
    }

    @Test(arguments: sinks, folderPoints) func firstLoad(_ sink: String, _ point: String) async throws {
        try await withWorld { world in
            // Windows load side by side, so several may commit before the first death; some must be left for the second.
            let job = job(sink, window: "{size: 2 days}")
            let whole = try await unbroken(world, job)
            try await die(at: point, world, job)
            _ = try world.folder.windows()
            try await die(at: point + ":2", world, job)
            _ = try world.folder.windows()
            try await world.run(job)
            #expect(try world.folder.landed("out/") == whole)
        }
    }

    @Test(arguments: sinks, folderPoints) func reload(_ sink: String, _ point: String) async throws {
        try await withWorld { world in
            let job = job(sink)
            try await world.run(job)
            let old = Dictionary(uniqueKeysWithValues: try world.folder.windows().map { ($0.path, $0.rows) })
            world.sandbox.update { $0.seed = 99 }
            let whole = try await unbroken(world, job)
            try await die(at: point + ":2", world, job, "--reload=all")

            let now = try world.folder.windows()
            #expect(Set(now.map(\.path)) == Set(old.keys), "a reload took a window away")
            let (header, new) = (now[0].rows.split(separator: UInt8(ascii: "\n")).first, try lines(whole))
            for window in now where window.rows != old[window.path] {
                let rows = try lines(window.rows).filter { Array($0) != header.map(Array.init) || sink == "ndjson" }
                #expect(rows.allSatisfy(new.contains), "\(window.path) is neither old nor new")
            }
            // The reload was noted first: a plain run completes it.
            try await world.run(job)
            #expect(try world.folder.landed("out/") == whole)
        }
    }

    private func lines(_ bytes: [UInt8]) throws -> Set<[UInt8]> {
        Set(bytes.split(separator: UInt8(ascii: "\n")).map(Array.init))
    }

    @Test(arguments: sinks, FaultPoints.folderReplace) func replaceAll(_ sink: String, _ point: String) async throws {
        try await withWorld { world in
            try await world.run(job(sink))
            let old = try world.folder.landed("out/")
            world.sandbox.update { $0.seed = 99 }
            let changed = job(sink, window: "{size: 10 days}")
            let whole = try await unbroken(world, changed)
            try await die(at: point, world, changed, "--reload=all")
            let now = try world.folder.windows()
            if point.hasSuffix("before-journal") || point.hasSuffix("after-journal") {
                #expect(try world.folder.landed("out/") == old, "the old windows stay until the swap")
            } else {
                #expect(!now.isEmpty)
            }
            try await world.run(changed)
            #expect(try world.folder.landed("out/") == whole)
            let weeks = try world.folder.windows().filter { $0.cell.hasPrefix("2024-01-01..") }
            #expect(weeks.isEmpty, "windows of the old grid are left")
        }
    }

    @Test(arguments: FaultPoints.query + FaultPoints.folderWindow.prefix(2) + FaultPoints.singleFile)
    func singleFile(_ point: String) async throws {
        try await withWorld { world in
            let job = job("csv", path: "out.csv.gz")
            let first = try await unbroken(world, job)
            // Nothing is there, then the first whole; and again over a file that exists.
            try await die(at: point, world, job)
            try expectFile(world, first, isThere: point == "file.join.after-rename")
            try await world.run(job)
            try expectFile(world, first, isThere: true)

            world.sandbox.update { $0.seed = 99 }
            let second = try await unbroken(world, job)
            try await die(at: point, world, job)
            #expect(try world.folder.landed("out.csv.gz") == (point == "file.join.after-rename" ? second : first))
            try await world.run(job)
            try expectFile(world, second, isThere: true)
            #expect(world.folder.listing().filter { $0.hasSuffix(".sluice") } == [])
        }
    }

    private func expectFile(_ world: World, _ rows: [UInt8], isThere: Bool) throws {
        #expect(world.folder.exists("out.csv.gz") == isThere)
        if isThere { #expect(try world.folder.landed("out.csv.gz") == rows) }
    }
}
