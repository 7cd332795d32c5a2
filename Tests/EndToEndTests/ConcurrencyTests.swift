import Foundation
import Sandbox
import Testing

/// Queries run side by side up to the limit, and a free slot does not stay free.
@Suite struct ConcurrencyTests {
    @Test func thirtyWindowsKeepFourSlotsBusy() async throws {
        let (seconds, slots, windows) = (0.4, 4, 30)
        try await withWorld(.small.with { $0.queryTime = .seconds(seconds) }) { world in
            let job = JobText.one(api: "{concurrent_queries: \(slots)}") {
                $0.end = "2024-01-30"
                $0.window = "{size: day}"
            }
            try await world.run(job)
            let starts = world.submissions.map(\.date.timeIntervalSince1970).sorted()
            try #require(starts.count == windows)
            #expect(world.sandbox.requests.count == windows, "a query that ends within seconds takes one request")

            // By the sandbox's own record: the n-th query can start when the fourth before it has ended. How long its
            // slot stays empty meanwhile is the command's doing; the median forgives a machine that was busy for once.
            let gaps = (slots..<windows).map { starts[$0] - (starts[$0 - slots] + seconds) }.sorted()
            #expect(gaps[0] > -0.001, "more than \(slots) queries ran at once")
            let median = gaps[gaps.count / 2]
            #expect(median <= 0.1 * seconds, "a slot stays empty for \(median) s between two queries of \(seconds) s")
            #expect(starts[slots - 1] - starts[0] < seconds, "the slots are not filled side by side")
        }
    }

    @Test func allExportsShareTheLimit() async throws {
        let seconds = 0.2
        try await withWorld(.small.with { $0.queryTime = .seconds(seconds) }) { world in
            var job = JobText()
            job.api = "{concurrent_queries: 3}"
            job.exports = (1...3).map { number in
                var export = ExportText()
                (export.name, export.into) = ("ads\(number)", ["csv: {path: out\(number)/}"])
                return export
            }
            try await world.run(job)
            let starts = world.submissions.map(\.date.timeIntervalSince1970).sorted()
            try #require(starts.count == 12)
            #expect((3..<12).allSatisfy { starts[$0] - starts[$0 - 3] >= seconds - 0.001 }, "\(starts)")
        }
    }

    @Test func requestsKeepToTheirRate() async throws {
        try await withWorld { world in
            let job = JobText.one(api: "{requests_per_second: 10}") { $0.window = "{size: day}" }
            let start = Date()
            try await world.run(job)
            let dates = world.sandbox.requests.map(\.date).sorted()
            try #require(dates.count == 28)
            // A bucket of one second's requests: ten are free, each of the others takes a tenth of a second. Counted
            // from the start of the command, however late the first arrives; the rest takes a fraction of this.
            let seconds = try #require(dates.last).timeIntervalSince(start)
            #expect(seconds >= Double(28 - 10) / 10, "28 requests in \(seconds) s")
        }
    }
}
