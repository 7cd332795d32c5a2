import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct FileTargetTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [
        ("lake/", "/lake/", CommitScope.window, true), ("there", "/there/", .window, true),
        ("a/./b//../out.txt", "/a/out.txt", .run, false), ("out.txt.gz", "/out.txt.gz", .run, true),
        ("out.gz.txt", "/out.gz.txt", .run, false),
    ])
    func aPathSaysWhatItIs(_ path: String, _ destination: String, _ scope: CommitScope, _ isGzip: Bool) throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/there", withIntermediateDirectories: true)
        let sink = try LineSink(folder.path + "/" + path)
        #expect(sink.destination == folder.path + destination)
        #expect(sink.scope == scope)
        #expect((sink.files.compression == .gzip(level: 6)) == isGzip)
    }

    @Test func aDashIsStandardOutput() throws {
        let sink = try LineSink("-")
        #expect(sink.destination == "standard output" && sink.scope == .run && sink.files.compression == .none)
        #expect(try LineSink("-", .gzip).files.compression == .gzip(level: 6))
    }

    @Test func twoWaysToOnePlaceAreEqual() throws {
        try FileManager.default.createDirectory(atPath: folder.path + "/real", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/link", withDestinationPath: "real")
        #expect(
            try LineSink(folder.path + "/link/x/").destination == LineSink(folder.path + "/real/y/../x/").destination
        )
    }

    /// Between its slashes a name is bytes, whatever characters they make with what is around them.
    @Test func anAccentAfterASlashIsPartOfTheName() async throws {
        let sink = try LineSink(folder.path + "/sub/\u{301}x.txt")
        try await Loader(sink: sink).run([.week(0)], notes: ["x"])
        #expect(try folder.text("sub/\u{301}x.txt").contains("|x\n"))
        #expect(folder.listing("sub").count == 1)
    }

    @Test(arguments: ["", "a\0b", "/dev/null", "s3://bucket/out.csv", "file:///out.csv"])
    func aPathThatCannotBeAFileIsRefused(_ path: String) throws {
        let error = #expect(throws: SinkError.self) { try LineSink(path) }
        #expect(error?.code == .configuration && error?.description.contains("path") == true)
    }

    @Test(arguments: [0, 10, -1])
    func aLevelIsOneToNine(_ level: Int) throws {
        let error = #expect(throws: SinkError.self) {
            try FileTarget(path: "out.gz", level: level, format: LineFormat())
        }
        #expect(error?.code == .configuration && error?.description.contains("1 (fast) to 9") == true)
    }
}
