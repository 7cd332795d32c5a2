import Foundation
import Sandbox
import TestSupport
import Testing

/// However the API words its answers, the same rows land; and what it is told is what the job says.
@Suite struct AnswerFormTests {
    /// A way in which the API may answer.
    struct Form: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: @Sendable (inout SandboxOptions) -> Void

        init(_ name: String, _ change: @escaping @Sendable (inout SandboxOptions) -> Void) {
            testDescription = name
            self.change = change
        }
    }

    static let forms = [
        Form("as documented") { _ in },
        Form("slow queries") { $0.queryTime = .milliseconds(300) },
        Form("the Python SDK's dialect") { ($0.dialect, $0.queryTime) = (.pending, .milliseconds(200)) },
        Form("ids of the API's own") { $0.assignsScheduleIDs = true },
        Form("ids of the API's own, for slow queries") {
            ($0.assignsScheduleIDs, $0.queryTime) = (true, .milliseconds(300))
        },
        Form("the header row counted") { $0.headerCount = .always },
        Form("the header row never counted") { $0.headerCount = .never },
        Form("data before meta") { $0.dataFirst = true },
        Form("nulls left out") { $0.omitsNulls = true },
        Form("plain text in JSON") { ($0.escapesSlashes, $0.escapesUnicode) = (false, false) },
        Form("no compression") { $0.compressesAnswers = false },
        Form("links for nobody") { $0.linksForPOST = false },
        Form("links with the key in them") { $0.linksCarryKey = true },
        Form("small pages unless asked") { $0.defaultPageRows = 2 },
        Form("queries that queue") { ($0.concurrentQueries, $0.queryTime) = (1, .milliseconds(80)) },
        Form("requests that are too many") { ($0.requestsPerSecond, $0.retryAfter) = (15, 1) },
        Form("repeated parameters collected") { $0.collectsRepeatedParameters = true },
        Form("unknown parameters refused") { $0.rejectsUnknownParameters = true },
    ]

    private static let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 10}") {
        $0.accounts = "list.all_accounts"
        $0.into = ["csv: {path: out.csv}"]
    }

    @Test(arguments: forms) func theSameRowsLand(_ form: Form) async throws {
        try await withWorld { world in
            try await world.run(Self.job)
            let whole = try world.folder.landed("out.csv")
            #expect(CSV.rows(whole).count == 1 + 28 * 3 * 5)
            world.sandbox.clearRequests()
            world.sandbox.update(form.change)
            try await world.run(Self.job)
            #expect(try world.folder.landed("out.csv") == whole)
            #expect(!world.sandbox.requests.contains { $0.path.contains("api_key") })
        }
    }

    @Test(arguments: ["/enterprise/v2", "/v2"]) func pathsHaveThePrefixAskedFor(_ prefix: String) async throws {
        try await withWorld { world in
            try await world.run(.one(api: "{path_prefix: \(prefix), page_rows: 10}"))
            #expect(!world.sandbox.requests.isEmpty)
            #expect(world.sandbox.requests.allSatisfy { $0.path.hasPrefix(prefix + "/query/") })
        }
    }

    @Test func foreignLinksAreNotFollowed() async throws {
        try await withSandbox { foreign in
            try await withWorld { world in
                world.sandbox.update { $0.linkOrigin = foreign.baseURL }
                try await world.run(Self.job)
                #expect(try world.folder.csvRows("out.csv").count == 28 * 3 * 5)
            }
            #expect(foreign.requests.isEmpty)
        }
    }

    @Test func headersAreSentAsTheJobSays() async throws {
        try await withWorld { world in
            try await world.run(
                .one(api: "{user_agent: nightly/1.0, custom_headers: {X-Team: data}}") { $0.end = "2024-01-07" }
            )
            let request = try #require(world.sandbox.requests.first)
            #expect(request.header("User-Agent") == ["nightly/1.0"])
            #expect(request.header("X-Team") == ["data"])
            #expect(request.header("Authorization") == ["Bearer \(world.sandbox.apiKey)"])
        }
    }

    @Test func aCacheTheQueryAllowsIsUsed() async throws {
        try await withWorld { world in
            let job = JobText.one {
                ($0.start, $0.end) = ("yesterday", "yesterday")
                $0.query = ["cache_minutes: 60"]
            }
            try await world.run(job)
            #expect(world.submissions.map { $0.parameters["cache_minutes"] } == ["60"])
        }
    }

    /// "Yesterday" is what the job's time zone says.
    @Test(arguments: [("Pacific/Kiritimati", 14), ("Etc/GMT+12", -12)])
    func yesterdayIsTheJobsOwn(_ zone: String, _ hours: Int) async throws {
        try await withWorld { world in
            var job = JobText.one { ($0.start, $0.end) = ("yesterday", "yesterday") }
            job.name = "e2e\ntime_zone: \(zone)"
            func yesterday() -> String {
                let there = Date().addingTimeInterval(Double(hours) * 3600 - 86_400)
                return String(there.formatted(.iso8601).prefix(10))
            }
            let before = yesterday()
            try await world.run(job)
            let days = world.queriedDays
            #expect(days == ["\(before)..\(before)"] || days == ["\(yesterday())..\(yesterday())"])
        }
    }

    @Test func aQueryThatEndedInFailureIsSentAnew() async throws {
        try await withWorld(.small.with { $0.faults = [Fault(.named(.failure), amount: .times(1))] }) { world in
            let outcome = try await world.run(JobText(), expecting: 4)
            #expect(outcome.errors.contains("QUERY_ERROR"), "\(outcome.errors)")
            world.sandbox.clearRequests()
            // Within the hour the failed query is still known; asking for it again would fail again.
            try await world.run(JobText())
            #expect(world.submissions.count == 1)
            #expect(try world.folder.csvRows("out/").count == 84)
        }
    }

    // MARK: What a run says of itself

    @Test func aLogForMachinesIsJSONAndNothingElse() async throws {
        try await withWorld { world in
            world.sandbox.chooseFaults { $0.parameters["start_date"] == "2024-01-15" ? .status(400) : nil }
            for arguments in [["run", "job.yaml"], MistakeTests.export(into: "-")] {
                try world.folder.write(JobText().yaml, to: "job.yaml")
                let outcome = try await world.run(arguments + ["--log-format", "json"])
                let lines = outcome.errors.split(separator: "\n")
                #expect(!lines.isEmpty)
                for line in lines {
                    let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(object?["level"] is String && object?["message"] is String, "\(line)")
                }
            }
        }
    }

    @Test(arguments: ["text", "json"]) func everyLineOfTheLogNamesItsRun(_ format: String) async throws {
        try await withWorld { world in
            let arguments = [
                "run", "job.yaml", "--log-level", "debug", "--log-format", format, "--summary", "run.json",
            ]
            try world.folder.write(JobText().yaml, to: "job.yaml")
            let lines = try await world.run(arguments).errors.split(separator: "\n")
            let summary = try JSONSerialization.jsonObject(with: Data(try world.folder.bytes("run.json")))
            let id = try #require((summary as? [String: Any])?["run_id"] as? String)
            #expect(lines.count > 4)
            #expect(lines.allSatisfy { $0.contains(format == "text" ? " run_id=\(id)" : #""run_id":"\#(id)""#) })
            let checkpoint = "out/window=2024-01-01..2024-01-07/_checkpoint.json"
            #expect(try world.folder.text(checkpoint).contains(id))
        }
    }

    @Test func quietAndLoudLogs() async throws {
        try await withWorld { world in
            let quiet = try await world.run(JobText(), "--log-level", "error")
            #expect(quiet.errors == "")
            let loud = try await world.run(JobText(), "--reload=all", environment: ["SLUICE_LOG_LEVEL": "debug"])
            #expect(loud.errors.contains("window started"))
        }
    }

    @Test func metricsForPrometheus() async throws {
        try await withWorld { world in
            try await world.run(JobText(), "--metrics", "sluice.prom")
            let lines = try world.folder.text("sluice.prom").split(separator: "\n")
            let samples = lines.filter { !$0.hasPrefix("#") }
            #expect(samples.allSatisfy { $0.wholeMatch(of: /[a-z_]+(\{[^}]*\})? [0-9.e+]+/) != nil }, "\(samples)")
            #expect(samples.contains { $0.hasPrefix("sluice_run_exit_code") && $0.hasSuffix(" 0") })
            #expect(samples.contains { $0.hasPrefix("sluice_rows_loaded") && $0.hasSuffix(" 84") })
            #expect(world.folder.visible() == ["job.yaml", "out", "sluice.prom"])
        }
    }
}
