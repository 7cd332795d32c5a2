import Foundation
import PipelineCore
import TestSupport
import Testing

@testable import FileLoading

@Suite struct WindowNoteTests {
    @Test(arguments: [
        (Window.week(0), "window=2024-01-01..2024-01-07"),
        (Window(id: WindowID(1), cell: .all), "window=all"),
        (Window.week(0, account: "123-456-7890"), "window=2024-01-01..2024-01-07/account=123-456-7890"),
        (Window.week(0, account: "a/b c%ü"), "window=2024-01-01..2024-01-07/account=a%2Fb%20c%25%C3%BC"),
        (Window.week(0, account: ".."), "window=2024-01-01..2024-01-07/account=.."),
        (Window.week(0, account: ""), "window=2024-01-01..2024-01-07/account="),
    ])
    func aWindowHasAFolder(_ window: Window, _ path: String) { #expect(window.folderPath == path) }

    /// Other programs read the file, so it must not change.
    @Test func theCheckpointReads() async throws {
        let folder = try TemporaryFolder()
        let loader = try Loader(sink: LineSink(folder.path + "/lake/", CompressionOption.none))
        try await loader.run([.week(0)], notes: ["x"])
        #expect(
            try folder.text("lake/window=2024-01-01..2024-01-07/_checkpoint.json") == """
                {
                  "accounts" : [
                    "1",
                    "2"
                  ],
                  "counts" : {
                    "api" : 1,
                    "deduplicated" : 0,
                    "filtered" : 0,
                    "loaded" : 1,
                    "received" : 1,
                    "rejected" : 0
                  },
                  "covers" : {
                    "end" : "2024-01-01",
                    "start" : "2024-01-01"
                  },
                  "export" : {
                    "export" : "ads",
                    "job" : "nightly"
                  },
                  "fetched_at" : "2024-06-10T06:13:20.123Z",
                  "fingerprint" : "f1",
                  "layout" : {
                    "key" : [

                    ],
                    "mode" : "replace_window",
                    "per_account" : false,
                    "size" : "week"
                  },
                  "parts" : [
                    {
                      "bytes" : 37,
                      "name" : "part-0.txt",
                      "rows" : 1,
                      "sha256" : "\(Self.digest)"
                    }
                  ],
                  "request_ids" : [
                    "request-1"
                  ],
                  "requests" : 3,
                  "run_id" : "run-1",
                  "sampled" : false,
                  "schedule_ids" : [
                    "schedule-1"
                  ],
                  "schema" : {
                    "columns" : [
                      {
                        "name" : "window",
                        "type" : "text"
                      },
                      {
                        "name" : "note",
                        "type" : "text"
                      }
                    ]
                  },
                  "settled" : true,
                  "version" : 1,
                  "window" : {
                    "cell" : "2024-01-01..2024-01-07",
                    "id" : "00000000000003e8"
                  }
                }

                """
        )
        #expect(try folder.text("lake/_manifest.json").contains(Self.digest))
    }

    // printf 'window|note\n2024-01-01..2024-01-07|x\n' | sha256sum
    static let digest = "9655e948ccfd422616f6bc55f4cb4cb9a524e21d420682ab70563d56b31f378f"

    @Test(arguments: [("{}", "damaged"), ("not JSON", "damaged"), (#"{"version": 2}"#, "version 2")])
    func aFileOfSomeoneElseIsNotOverwritten(_ text: String, _ reason: String) async throws {
        let folder = try TemporaryFolder()
        let loader = try Loader(sink: LineSink(folder.path + "/lake/"))
        try await loader.run([.week(0)], notes: ["x"])
        let name = "lake/window=2024-01-01..2024-01-07/_checkpoint.json"
        try folder.write(text, to: name)
        let error = await sinkError { _ = try await loader.sink.ledger(of: Loader.export) }
        #expect(error?.code == .destination)
        #expect(error?.description.contains(reason) == true && error?.description.contains(name) == true)
        #expect(await sinkError { try await loader.run([.week(0)], notes: ["y"]) }?.code == .destination)
        #expect(try folder.text(name) == text)
    }
}
