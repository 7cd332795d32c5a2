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

    @Test(arguments: [nil, CompressionOption.gzip])
    func windowsWithoutColumnsTakeThoseOfTheOthers(_ compression: CompressionOption?) async throws {
        let text = try await output(compression) { loader in
            var bare = loader
            bare.schema = Schema([])
            try await loader.run([.week(0), .week(1), .week(2)], loading: [], notes: []) { run in
                try await bare.load(run, .week(0), [])
                try await loader.load(run, .week(1), ["x"])
                try await bare.load(run, .week(2), [])
            }
        }
        #expect(text == "window|note\n\(Window.week(1))|x\n")
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

    /// What the reader of a failed window will never see is not loaded for it.
    @Test func afterItsReaderWentAwayEveryWindowFailsAtOnce() async throws {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let loader = try Loader(sink: LineSink(.stream(pipe.fileHandleForWriting.fileDescriptor)))
        try await loader.run([.week(0), .week(1)], loading: [], notes: [], isComplete: false) { run in
            for number in [0, 1] {
                let error = await sinkError {
                    _ = try await run.load(Load(window: .week(number), schema: loader.schema)) { session in
                        #expect(number == 0, "nothing is loaded any more")
                        try await session.write(session.encode(loader.batch(.week(number), ["x"])))
                        return loader.checkpoint(.week(number), rows: 1)
                    }
                }
                #expect(error?.description.contains("reader has closed it") == true)
            }
        }
    }

    @Test func aRunThatIsStoppedDoesNotWaitForItsReader() async throws {
        let pipe = Pipe()
        let loader = try Loader(sink: LineSink(.stream(pipe.fileHandleForWriting.fileDescriptor)))
        let notes = (0..<50_000).map { "row \($0)" }
        let run = Task { try await loader.run([.week(0)], notes: notes) }
        // It has written all that the pipe takes once this much is there to be read.
        var isFull = pollfd(fd: pipe.fileHandleForWriting.fileDescriptor, events: Int16(POLLOUT), revents: 0)
        repeat { await Task.yield() } while unsafe poll(&isFull, 1, 0) > 0
        run.cancel()
        await #expect(throws: CancellationError.self) { try await run.value }
    }

    @Test func aFullDeviceIsAnError() async throws {
        let file = try FileSystem.open("/dev/full", O_WRONLY, to: "open")
        let loader = try Loader(sink: LineSink(.stream(file.raw)))
        let error = await sinkError { try await loader.run([.week(0)], notes: ["x"]) }
        #expect(error?.code == .destination && error?.description.contains("no space") == true)
    }
}
