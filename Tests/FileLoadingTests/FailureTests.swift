import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

/// What a user is told when the file system says no, and what is left behind: nothing.
@Suite struct FailureTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: ["lake/", "out.txt"])
    func aFileInTheWayOfAFolder(_ name: String) async throws {
        try folder.write("mine", to: "file")
        let loader = try Loader(sink: LineSink(folder.path + "/file/" + name))
        for body in [
            { try await loader.run([.week(0)], notes: ["x"]) }, { _ = try await loader.sink.check(landing: nil) },
        ] {
            let error = await sinkError(body)
            #expect(error?.code == .destination && error?.description.contains("/file") == true)
            #expect(error?.description.contains("a file, not a folder") == true)
        }
        #expect(folder.listing() == ["file"])
    }

    @Test func aFolderInTheWayOfAFile() async throws {
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        try FileManager.default.createDirectory(
            atPath: folder.path + "/out.txt/x",
            withIntermediateDirectories: true
        )
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("it is a folder") == true)
    }

    /// What would fail at the end of the run is told before its first request.
    @Test func aNameTooLongForTheFileBesideIt() async throws {
        let name = String(repeating: "n", count: 240)
        let loader = try Loader(sink: LineSink(folder.path + "/" + name))
        for body in [
            { try await loader.run([.week(0)], notes: ["x"]) }, { _ = try await loader.sink.check(landing: nil) },
        ] {
            let error = await sinkError(body)
            #expect(error?.code == .destination && error?.description.contains("too long") == true)
        }
        #expect(folder.listing() == [])
    }

    @Test func aFolderInTheWayOfTheRejectedRows() async throws {
        let loader = try Loader(sink: LineSink(folder.path + "/out.txt"))
        try FileManager.default.createDirectory(
            atPath: folder.path + "/out.txt.rejected.ndjson.gz",
            withIntermediateDirectories: true
        )
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("it is a folder") == true)
        #expect(folder.listing() == ["out.txt.rejected.ndjson.gz"])
    }

    /// As a container has it whose one file was mounted, for those who may mount one.
    @Test(.enabled(if: FullDevice.isPossible)) func aFileThatIsAMount() async throws {
        try folder.write("old", to: "out.txt")
        try folder.write("other", to: "other.txt")
        let path = folder.path + "/out.txt"
        #expect(unsafe mount(folder.path + "/other.txt", path, nil, UInt(MS_BIND), nil) == 0)
        defer { unsafe umount(path) }
        let loader = try Loader(sink: LineSink(path))
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("mount the folder around it") == true)
        #expect(try folder.text("out.txt") == "other" && folder.listing() == ["other.txt", "out.txt"])
    }

    @Test func aPlaceWhereNothingCanBeMade() async throws {
        let loader = try Loader(sink: LineSink("/proc/sluice/lake/"))
        let error = await sinkError { _ = try await loader.sink.check(landing: nil) }
        #expect(error?.code == .destination && error?.description.contains("/proc/sluice") == true)
    }

    @Test(arguments: [ENOSPC, EDQUOT, EACCES, EROFS, ENOTDIR, EISDIR, ENOENT, EMFILE, EXDEV, EIO, EPIPE, EBADF])
    func everyFailureSaysWhatWhereWhyAndWhatToDo(_ number: Int32) {
        let error = FileFailure(action: "write", path: "/some/where", number: number).error
        #expect(error.code == .destination)
        #expect(error.description.hasPrefix("cannot write /some/where: ") && error.description.contains("; "))
    }

    /// A device of 64 KiB, for those who may mount one.
    @Test(.enabled(if: FullDevice.isPossible), arguments: ["lake/", "out.txt.gz", "out.txt"])
    func aFullDeviceLeavesTheOldRows(_ name: String) async throws {
        let device = try FullDevice(at: folder.path)
        defer { device.unmount() }
        let loader = try Loader(sink: LineSink(folder.path + "/" + name))
        try await loader.run([.week(0)], notes: ["old"])
        let before = folder.listing()
        var state: UInt32 = 1
        let notes = (0..<8000).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return String(state, radix: 36) + String(state ^ 0x5A5A_5A5A, radix: 36)
        }
        let error = await sinkError { try await loader.run([.week(0)], notes: notes) }
        #expect(error?.code == .destination && error?.description.contains("no space is left") == true)
        #expect(folder.listing().filter { !$0.contains(".sluice") } == before)
        let file = name == "lake/" ? "lake/\(Window.week(0).folderPath)/part-0.txt.gz" : name
        #expect(try folder.text(file).contains("|old\n"))
        try await loader.run([.week(0)], notes: ["new"])
        #expect(try folder.text(file).contains("|new\n"))
    }
}

/// A file system in memory that is soon full.
private struct FullDevice {
    let path: String

    static var isPossible: Bool {
        guard geteuid() == 0, let folder = try? TemporaryFolder(), let device = try? FullDevice(at: folder.path) else {
            return false
        }
        device.unmount()
        return true
    }

    init(at path: String) throws {
        self.path = path
        try Self.run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path])
    }

    func unmount() { try? Self.run("umount", ["-l", path]) }

    private static func run(_ command: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw CocoaError(.fileWriteUnknown) }
    }
}
