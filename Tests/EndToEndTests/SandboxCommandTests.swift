import Foundation
import FoundationNetworking
import Sandbox
import TestSupport
import Testing

/// `sluice sandbox` from outside: what its flags make of backfills, and what it tells of them.
@Suite struct SandboxCommandTests {
    /// The line printed with `--output json`.
    private struct Facts: Decodable {
        var base_url: String
        var api_key: String
        var team_id: Int
        var transfer_ids: [Int]
    }

    /// Runs the command with these flags for the time of `body`, and stops it as Ctrl-C does.
    private func withCommand(_ flags: [String], _ body: (Facts) async throws -> Void) async throws {
        await Turnstile.worlds.enter()
        defer { Turnstile.worlds.leave() }
        let folder = try TemporaryFolder()
        let running = try Sluice.Running(
            "/bin/sh",
            ["-c", #"exec "$0" sandbox --output json "$@" > facts.json"#, Sluice.path] + flags,
            environment: [:],
            in: folder.path,
            input: nil,
            within: .seconds(60)
        )
        let end = ContinuousClock.now + .seconds(20)
        while (try? folder.text("facts.json"))?.hasSuffix("\n") != true, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
        let facts = Result { try JSONDecoder().decode(Facts.self, from: Data(folder.bytes("facts.json"))) }
        do { try await body(facts.get()) } catch { Issue.record(error) }
        running.send(SIGINT)
        let outcome = await running.outcome
        #expect(outcome.exitCode == 0, "\(outcome.everything)")
    }

    private func answer(_ facts: Facts, _ method: String, _ path: String, _ body: String = "") async throws -> Data {
        var request = URLRequest(url: try #require(URL(string: facts.base_url + path)))
        request.httpMethod = method
        request.setValue("Bearer \(facts.api_key)", forHTTPHeaderField: "Authorization")
        if !body.isEmpty {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = Data(body.utf8)
        }
        return try await URLSession.shared.data(for: request).0
    }

    @Test func everyFlagOfBackfillsReachesThem() async throws {
        let flags = [
            "--transfers", "3", "--backfill-queue-time", "1ms", "--backfill-day-time", "1ms", "--backfill-runs", "2",
            "--backfill-day", "fail@102/2024-01-02:1x", "--backfill-overlap-status", "409", "--backfill-failed-blocks",
            "--backfill-max-days", "31", "--backfill-error-report", "empty", "--backfill-total", "zero",
            "--backfill-omit", "start_time", "--backfill-status", "FAILED=BROKEN", "--error-shape", "problem",
            "--fail", "late504@create:1x",
        ]
        try await withCommand(flags) { facts in
            #expect(facts.transfer_ids == [101, 102, 103])
            let base = "/v1/teams/\(facts.team_id)"
            let create = "\(base)/transfers/102/backfills"
            let range = #"{"range_start":"2024-01-01","range_end":"2024-01-03"}"#
            // Created, although the answer says otherwise.
            #expect(String(decoding: try await answer(facts, "POST", create, range), as: UTF8.self).contains("504"))
            var told = ""
            let end = ContinuousClock.now + .seconds(20)
            while !told.contains("BROKEN"), ContinuousClock.now < end {
                told = String(decoding: try await answer(facts, "GET", create + "/latest"), as: UTF8.self)
            }
            for word in [#""status":"BROKEN""#, #""error_report":[]"#, #""transfer_runs_total":0"#] {
                #expect(told.contains(word), "\(told)")
            }
            #expect(!told.contains("start_time"))
            let overlap = String(decoding: try await answer(facts, "POST", create, range), as: UTF8.self)
            #expect(overlap.contains(#""status":409"#), "\(overlap)")
            let long = #"{"range_start":"2024-02-01","range_end":"2024-03-03"}"#
            let refused = String(decoding: try await answer(facts, "POST", create, long), as: UTF8.self)
            #expect(refused.contains("31 days"), "\(refused)")
            let history = try await JSONDecoder().decode(
                BackfillHistory.self,
                from: answer(facts, "GET", "/sandbox/backfills")
            )
            #expect(history.creates.map(\.status) == [200, 409, 403])
            #expect(history.creates.first?.fault == "late504@create:1x")
            #expect(history.backfills.map(\.status) == ["FAILED"])
            #expect(history.completions(ofTransfer: 102) == ["2024-01-01": 1, "2024-01-03": 1])
        }
    }
}
