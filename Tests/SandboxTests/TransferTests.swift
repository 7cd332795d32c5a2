import Foundation
import Sandbox
import Testing

@Suite("Transfers and their runs")
struct TransferTests {
    /// The runs of transfer 101 as `date type status`, by the given parameters.
    static func runs(_ sandbox: Sandbox, _ parameters: String) async throws -> [String] {
        let answer = try await RawClient(sandbox: sandbox).send("GET", "/v1/teams/1/transfers/101/runs?\(parameters)")
        return (answer.json?["data"] as? [[String: Any]] ?? []).map { run in
            ["data_date", "type", "status"].map { run[$0] as? String ?? "" }.joined(separator: " ")
        }
    }

    @Test("The list is enveloped, one transfer is bare, and both are the same transfer")
    func transfers() async throws {
        try await withSandbox { sandbox in
            let warehouse = WarehouseClient(sandbox)
            _ = try await warehouse.create("2023-01-01", "2023-01-02")
            let list = try await warehouse.client.send("GET", "/v1/teams/1/transfers")
            let transfers = list.json?["data"] as? [[String: Any]] ?? []
            #expect(transfers.map { $0["dwh_transfer_id"] as? Int } == [101, 102])
            #expect(transfers[0]["schedule"] as? String == "daily")
            #expect((transfers[0]["backfill"] as? [String: Any])?["status"] as? String == "COMPLETED")
            #expect(transfers[1]["backfill"] is NSNull)
            let one = try await warehouse.client.send("GET", "/v1/teams/1/transfers/101")
            #expect(one.json?["transfer_id"] as? Int == 101 && one.json?["meta"] == nil)
            #expect(one.json?["display_name"] as? String == transfers[0]["display_name"] as? String)
            #expect((one.json?["accounts"] as? [[String: Any]])?.first?["login_id"] is Int)
            #expect(try await warehouse.client.send("GET", "/v1/teams/1/transfers/7").errorCode == "NOT_FOUND")
        }
    }

    @Test("Runs of backfills stand among those of the schedule, told apart by their type")
    func runs() async throws {
        let clock = LifecycleTests.clock()
        var options = BackfillTests.timed(clock)
        options.backfills.dayEvents = [try DayEvent(parsing: "fail@2023-11-10:1x")]
        try await withSandbox(options) { sandbox in
            _ = try await WarehouseClient(sandbox).create("2023-11-09", "2023-11-11")
            clock.advance(by: .seconds(30))
            let range = "start_date=2023-11-12T00:00:00Z&end_date=2023-11-15T00:00:00%2B00:00"
            #expect(
                try await Self.runs(sandbox, range) == [
                    "2023-11-09 Backfill RUNNING", "2023-11-10 Backfill FAILED", "2023-11-11 Backfill COMPLETED",
                    "2023-11-13 Recurring COMPLETED", "2023-11-12 Recurring COMPLETED",
                    "2023-11-11 Recurring COMPLETED",
                ]
            )
            #expect(
                try await Self.runs(sandbox, range + "&sort_field=data_date&sort_direction=ASC&offset=1&limit=3") == [
                    "2023-11-10 Backfill FAILED", "2023-11-11 Backfill COMPLETED", "2023-11-11 Recurring COMPLETED",
                ]
            )
            #expect(try await Self.runs(sandbox, range + "&filter_issues_only=true") == ["2023-11-10 Backfill FAILED"])
            sandbox.update { $0.backfills.runFilter = .dataDate }
            #expect(
                try await Self.runs(sandbox, "start_date=2023-11-10&end_date=2023-11-10") == [
                    "2023-11-10 Backfill FAILED", "2023-11-10 Recurring COMPLETED",
                ]
            )
        }
    }

    @Test("One run tells more, but not its type")
    func run() async throws {
        var options = SandboxOptions()
        options.backfills.dayEvents = [try DayEvent(parsing: "fail@2023-01-01")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            _ = try await warehouse.create("2023-01-01", "2023-01-02")
            let ids = sandbox.backfillHistory.runs.map(\.runID)
            let failed = try await warehouse.client.send("GET", "/v1/teams/1/transfer_runs/\(ids[1])")
            #expect(failed.object["status"] as? String == "FAILED" && failed.object["type"] == nil)
            #expect(failed.object["data_date"] as? String == "2023-01-01")
            let query = (failed.object["query_details"] as? [[String: Any]])?.first
            #expect((query?["error_description"] as? String)?.contains("2023-01-01") == true)
            #expect(try await warehouse.client.send("GET", "/v1/teams/1/transfer_runs/7").errorCode == "NOT_FOUND")
            let range = "start_date=2000-01-01&end_date=2100-01-01&sort_direction=ASC&limit=1"
            let list = try await warehouse.client.send("GET", "/v1/teams/1/transfers/102/runs?\(range)")
            let recurring = try #require((list.json?["data"] as? [[String: Any]])?.first?["id"] as? Int)
            #expect(try await warehouse.client.send("GET", "/teams/1/transfer_runs/\(recurring)").status == 200)
        }
    }

    @Test(
        "Requests for runs are checked",
        arguments: [
            ("", "start_date"), ("start_date=2023-01-01", "end_date"), ("start_date=soon&end_date=now", "start_date"),
            ("start_date=2023-01-02&end_date=2023-01-01", "start_date"),
            ("start_date=2023-01-01&end_date=2023-01-02&limit=10001", "limit"),
            ("start_date=2023-01-01&end_date=2023-01-02&sort_field=id", "sort_field"),
            ("start_date=2023-01-01&end_date=2023-01-02&sort_direction=up", "sort_direction"),
            ("start_date=2023-01-01&end_date=2023-01-02&filter_issues_only=maybe", "filter_issues_only"),
            ("start_date=2023-01-01&end_date=2023-01-02&page=1", "page"),
        ]
    )
    func refused(parameters: String, names: String) async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let answer = try await client.send("GET", "/v1/teams/1/transfers/101/runs?\(parameters)")
            #expect(answer.status == 400 && answer.errorMessage.hasPrefix(names))
        }
    }

    @Test("A connection is created with an id in upper case that Location does not repeat")
    func connection() async throws {
        try await withSandbox { sandbox in
            let client = RawClient(sandbox: sandbox)
            let path = "/v1/teams/1/data-source-connections"
            var ids: Set<String> = []
            for source in ["AW", "AW", "ADM"] {
                let body = #"{"data_source_id":"\#(source)","destination_type":"SQL_BQ"}"#
                let made = try await client.post(body, to: path)
                #expect(made.status == 201)
                let id = try #require(made.object["connection_id"] as? String)
                #expect(UUID(uuidString: id)?.uuidString == id)
                #expect(made.object["login_url"] is NSNull && made.object["connect_url"] is NSNull)
                let location = try #require(made.headers["location"])
                #expect(location.hasPrefix(sandbox.baseURL + path + "/") && !location.hasSuffix(id.lowercased()))
                ids.insert(id)
            }
            #expect(ids.count == 3)
            for (body, status) in [
                (#"{"destination_type":"SQL_BQ"}"#, 400),
                (#"{"data_source_id":"aw","destination_type":"SQL_BQ"}"#, 400),
                (#"{"data_source_id":"XX","destination_type":"SQL_BQ"}"#, 422),
                (#"{"data_source_id":"AW","destination_type":"FTP"}"#, 422),
                (#"{"data_source_id":"AW","destination_type":"SQL_BQ","name":"x"}"#, 400),
            ] { #expect(try await client.post(body, to: path).status == status) }
        }
    }
}
