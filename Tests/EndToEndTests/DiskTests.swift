import Foundation
import Sandbox
import TestSupport
import Testing

/// Destinations that cannot take what is written: the old data stay, and the message says why.
@Suite struct DiskTests {
    /// A small file system of its own in memory, for as long as a test lasts.
    struct SmallDisk {
        /// Whether this process may mount one.
        static func isPermitted() async -> Bool {
            guard let folder = try? TemporaryFolder(), (try? await mount(folder, bytes: 65_536)) != nil else {
                return false
            }
            await unmount(folder)
            return true
        }

        static func mount(_ folder: TemporaryFolder, bytes: Int) async throws {
            try folder.makeFolder("disk")
            let mount = try await shellCommand(
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=\(bytes)",
                "tmpfs",
                folder.path + "/disk"
            )
            try #require(mount.exitCode == 0)
        }

        static func unmount(_ folder: TemporaryFolder) async {
            _ = try? await shellCommand("umount", "-l", folder.path + "/disk")
        }

        /// Runs `body` with a small disk at `disk/` in the folder.
        static func with(_ bytes: Int, in folder: TemporaryFolder, _ body: () async throws -> Void) async throws {
            try await mount(folder, bytes: bytes)
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            await unmount(folder)
            try result.get()
        }
    }

    @Test(
        .enabled("needs the right to mount a file system", SmallDisk.isPermitted),
        arguments: ["disk/out/", "disk/out.csv"]
    )
    func aFullDiskLeavesTheOldData(_ path: String) async throws {
        try await withWorld { world in
            try await SmallDisk.with(256 << 10, in: world.folder) {
                let job = JobText.one {
                    $0.end = "2024-01-14"
                    $0.into = ["csv: {path: \(path), compression: none}"]
                }
                try await world.run(job)
                let old = try world.folder.landed(path)
                world.sandbox.update { $0.rowsPerDay = 2000 }
                let full = try await world.run(job, "--reload=all", expecting: 6)
                #expect(full.errors.contains("no space is left"), "\(full.everything)")
                #expect(try world.folder.landed(path) == old)
                // Room again: nothing else needs doing.
                world.sandbox.update { $0.rowsPerDay = 4 }
                try await world.run(job, "--reload=all")
                #expect(try world.folder.csvRows(path).count == 4 * 14)
            }
        }
    }

    @Test func aFullStandardOutput() async throws {
        try await withWorld { world in
            let outcome = try await world.shell(#""$@" > /dev/full"#, MistakeTests.export(into: "-"))
            #expect(outcome.exitCode == 6)
            #expect(outcome.errors.contains("standard output"), "\(outcome.errors)")
            #expect(outcome.errors.contains("no space is left"), "\(outcome.errors)")
        }
    }

    @Test func aReaderThatGoesAway() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 10_000 }) { world in
            let outcome = try await world.shell(#""$@" | head -n 2"#, MistakeTests.export(into: "-"))
            #expect(outcome.exitCode == 0)
            #expect(outcome.text.split(separator: "\n").count == 2)
            #expect(!outcome.errors.contains("Fatal"))
        }
    }

    /// Root may write everywhere, so it puts on another user's hat.
    private static let otherUser = geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : ""
    private static let hasOtherUser =
        geteuid() != 0 || FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")

    @Test(
        .enabled(if: hasOtherUser, "root may write everywhere, and there is no setpriv"),
        arguments: ["closed/", "closed/out.csv"]
    )
    func aFolderThatMayNotBeWritten(_ path: String) async throws {
        try await withWorld { world in
            try world.folder.makeFolder("closed")
            _ = unsafe chmod(world.folder.path + "/closed", 0o555)
            defer { _ = unsafe chmod(world.folder.path + "/closed", 0o755) }
            let outcome = try await world.shell(
                "exec \(Self.otherUser)\"$@\"",
                MistakeTests.export(into: path) + ["--format", "csv"]
            )
            #expect(outcome.exitCode == 6, "\(outcome.everything)")
            #expect(outcome.everything.contains("closed"))
            #expect(outcome.everything.localizedCaseInsensitiveContains("permi"), "\(outcome.everything)")
            #expect(world.folder.listing("closed") == [])
        }
    }
}
