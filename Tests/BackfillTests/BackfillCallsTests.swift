import SupermetricsAPI
import Testing

@testable import Backfill

/// How the requests of a run are made.
@Suite struct BackfillCallsTests {
    private static func runs(_ ids: Range<Int>) throws -> [TransferRun] {
        try ids.map { try TransferRun(json: ["id": .number(JSONNumber($0))]) }
    }

    @Test func everyPageOfTheRunsIsRead() async throws {
        let all = try Self.runs(1..<24)
        let read = try await BackfillCalls.allRuns(size: 10) { Array(all.dropFirst($0).prefix(10)) }
        #expect(read.map(\.id) == Array(1..<24))
        let whole = try Self.runs(1..<21)
        let even = try await BackfillCalls.allRuns(size: 10) { Array(whole.dropFirst($0).prefix(10)) }
        #expect(even.count == 20)
    }

    /// A server that gives the same page whatever the offset must not be asked for ever.
    @Test func aPageOfNothingNewIsTheLast() async throws {
        let page = try Self.runs(1..<11)
        var asked = 0
        let read = try await BackfillCalls.allRuns(size: 10) { _ in
            asked += 1
            return page
        }
        #expect(read.map(\.id) == Array(1..<11))
        #expect(asked == 2)
    }
}
