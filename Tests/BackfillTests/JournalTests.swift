import Foundation
import SupermetricsAPI
import TestSupport
import Testing

@testable import Backfill

@Suite struct JournalTests {
    /// A path of its own, removed at the end.
    private static func withPath<R>(_ body: (String) async throws -> R) async throws -> R {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await body(folder.appendingPathComponent("run.journal").path)
    }

    private static let owner = Journal.Owner(server: "https://dts-api.supermetrics.com", teamID: 1)

    private static func records() throws -> [JournalRecord] {
        let range = try #require(DayRange("2024-01-01..2024-01-31"))
        let failed = try #require(DayRange("2024-01-05"))
        let intent = BackfillIntent(number: 1, transferID: 2, range: range, serverTime: 1_717_200_000, seen: [3, 4])
        let other = BackfillIntent(number: 2, transferID: 2, range: failed, serverTime: 1_717_300_000, seen: [])
        return [
            .intent(intent), .created(intent: 1, backfillID: 5, isAdopted: true), .cancelled(backfillID: 5),
            .settled(
                backfillID: 5,
                transferID: 2,
                done: [range],
                failed: [DayFailure(day: failed, words: "no \"quota\"\nleft")]
            ),
            .intent(other), .void(intent: 2), .ended,
        ]
    }

    @Test func givesBackWhatWasWritten() async throws {
        let records = try Self.records()
        try await Self.withPath { path in
            do {
                let journal = try Journal(path: path, owner: Self.owner)
                #expect(journal.records == [])
                for record in records { try await journal.append(record) }
            }
            #expect(try Journal(path: path, owner: Self.owner).records == records)
            #expect(try Journal.read(path: path, owner: Self.owner) == records)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.split(separator: "\n").count == records.count + 1)
            #expect(text.contains(#""days":"2024-01-01..2024-01-31""#))
        }
    }

    /// A process may die within a line: at every byte of the last one, the journal opens without it and goes on.
    @Test func cutsOffATornLine() async throws {
        let records = try Self.records()
        try await Self.withPath { path in
            do {
                let journal = try Journal(path: path, owner: Self.owner)
                for record in records.prefix(2) { try await journal.append(record) }
            }
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let lastLine =
                whole.dropLast().lastIndex(of: UInt8(ascii: "\n")).map { whole.distance(from: 0, to: $0) } ?? 0
            for length in (lastLine + 1)..<whole.count {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                let journal = try Journal(path: path, owner: Self.owner)
                #expect(journal.records == Array(records.prefix(1)), "\(length) bytes")
                try await journal.append(records[1])
                #expect(try Journal.read(path: path, owner: Self.owner) == Array(records.prefix(2)), "\(length) bytes")
            }
            // Torn within the first line, it is as good as new.
            try whole.prefix(10).write(to: URL(fileURLWithPath: path))
            #expect(try Journal(path: path, owner: Self.owner).records == [])
            #expect(try Journal.read(path: path, owner: Self.owner) == [])
        }
    }

    @Test func isHeldByOneRun() async throws {
        try await Self.withPath { path in
            let journal = try Journal(path: path, owner: Self.owner)
            #expect(throws: JournalError.locked(path: path)) { try Journal(path: path, owner: Self.owner) }
            #expect(journal.records.isEmpty)
        }
    }

    @Test(arguments: [
        "hello\n", "{}\n",
        #"{"kind":"backfill journal","server":"http://127.0.0.1:8080","team_id":1,"version":1}"# + "\n",
        #"{"kind":"backfill journal","server":"https://dts-api.supermetrics.com","team_id":1,"version":2}"# + "\n",
        #"{"kind":"backfill journal","server":"https://dts-api.supermetrics.com","team_id":7,"version":1}"# + "\n",
        #"{"kind":"backfill journal","server":"https://dts-api.supermetrics.com","team_id":1,"version":1}"#
            + "\n{\"kind\":\"unheard of\"}\n",
    ])
    func refusesOtherFiles(_ text: String) async throws {
        try await Self.withPath { path in
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: JournalError.self) { try Journal(path: path, owner: Self.owner) }
            if case .unreadable = error {} else { Issue.record("\(String(describing: error))") }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(text.utf8))
        }
    }

    @Test func saysWhereItCannotBe() async throws {
        try await Self.withPath { path in
            let error = #expect(throws: JournalError.self) {
                try Journal(path: path + "/none/run.journal", owner: Self.owner)
            }
            let text = try #require(error).description
            #expect(text.contains("--journal"))
        }
    }

    @Test func tellsWhatIsOpen() throws {
        let records = try Self.records()
        let afterIntent = JournalState(records.prefix(1))
        #expect(afterIntent.open.keys.sorted() == [1])
        #expect(afterIntent.asked.values.reduce(0, +) == 31)
        let all = JournalState(records)
        #expect(all.open.isEmpty)
        #expect(all.own[5]?.isSettled == true)
        #expect(all.own[5]?.isCancelledByUs == true)
        #expect(all.done[2]?.count == 31)
        // What was void was not asked for, and a run that came to its end begins to count anew.
        #expect(all.asked.values.reduce(0, +) == 31)
        #expect(all.failures.isEmpty)
        #expect(JournalState(records.dropLast()).failures[2]?.count == 1)
        #expect(all.lastIntent == 2)
    }
}
