import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct StreamTests {
    /// A run that writes to a file as it would to standard output; what stands there afterwards.
    private func output(
        _ compression: CompressionOption? = nil,
        _ body: (Loader) async throws -> Void
    ) async throws -> String {
        let folder = try TemporaryFolder()
        let file = try FileSystem.open(folder.path + "/output", O_RDWR | O_CREAT, to: "create")
        try await body(Loader(sink: LineSink(.stream(file.raw), compression)))
        return try folder.text("output")
    }

    @Test(arguments: [nil, CompressionOption.gzip])
    func windowsAreWrittenInTheOrderOfThePlan(_ compression: CompressionOption?) async throws {
        let windows = (0..<4).map { Window.week($0) }
        let text = try await output(compression) { loader in
            try await loader.run(windows, loading: [windows[2], windows[0], windows[3], windows[1]], notes: ["x"])
        }
        #expect(text == "window|note\n" + windows.map { "\($0)|x\n" }.joined())
    }

    @Test func aWindowIsWrittenAsSoonAsItIsItsTurn() async throws {
        let folder = try TemporaryFolder()
        let file = try FileSystem.open(folder.path + "/output", O_RDWR | O_CREAT, to: "create")
        let loader = try Loader(sink: LineSink(.stream(file.raw)))
        try await loader.run([.week(0), .week(1), .week(2)], loading: [.week(2)], notes: ["x"]) { run in
            #expect(try folder.text("output") == "")
            try await loader.load(run, .week(0), ["x"])
            #expect(try folder.text("output") == "window|note\n\(Window.week(0))|x\n")
            try await loader.load(run, .week(1), ["x"])
            #expect(try folder.text("output").hasSuffix("\(Window.week(2))|x\n"))
        }
    }

    @Test func whatFollowsAFailedWindowIsNotWritten() async throws {
        let text = try await output { loader in
            try await loader.run(
                [.week(0), .week(1), .week(2)],
                loading: [.week(2), .week(0)],
                notes: ["x"],
                isComplete: false
            )
        }
        #expect(text == "window|note\n\(Window.week(0))|x\n")
    }

    @Test func aRunThatSaysItIsCompleteAndIsNotFails() async throws {
        let error = await sinkError {
            _ = try await output { try await $0.run([.week(0), .week(1)], loading: [.week(0)], notes: ["x"]) }
        }
        #expect(error?.code == .destination)
    }

    @Test func aReaderThatWentAwayIsAnError() async throws {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let loader = try Loader(sink: LineSink(.stream(pipe.fileHandleForWriting.fileDescriptor)))
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("standard output") == true)
    }

    @Test func aFullDeviceIsAnError() async throws {
        let file = try FileSystem.open("/dev/full", O_WRONLY, to: "open")
        let loader = try Loader(sink: LineSink(.stream(file.raw)))
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("no space") == true)
    }
}
