import Foundation
import Sandbox
import Testing

/// A sandbox's warehouse seen through the wire: team 1, transfers 101 and 102.
struct WarehouseClient {
    let client: RawClient
    var base = "/v1/teams/1"

    init(_ sandbox: Sandbox) { client = RawClient(sandbox: sandbox) }

    func create(_ start: String, _ end: String, transfer: Int = 101) async throws -> RawAnswer {
        try await client.post(
            #"{"range_start":"\#(start)","range_end":"\#(end)"}"#,
            to: "\(base)/transfers/\(transfer)/backfills"
        )
    }

    func get(_ id: Int) async throws -> RawAnswer { try await client.send("GET", "\(base)/backfills/\(id)") }

    func latest(transfer: Int = 101) async throws -> RawAnswer {
        try await client.send("GET", "\(base)/transfers/\(transfer)/backfills/latest")
    }

    func list() async throws -> [[String: Any]] {
        try await client.send("GET", "\(base)/backfills").json?["data"] as? [[String: Any]] ?? []
    }

    func cancel(_ id: Int) async throws -> RawAnswer {
        try await client.send(
            "PATCH",
            "\(base)/backfills/\(id)",
            headers: ["Content-Type": "application/json"],
            body: #"{"status":"CANCELLED"}"#
        )
    }
}

extension RawAnswer {
    /// `data` where it is an object.
    var object: [String: Any] { json?["data"] as? [String: Any] ?? [:] }
    var backfillID: Int { object["transfer_backfill_id"] as? Int ?? 0 }
    var backfillStatus: String { object["status"] as? String ?? "" }
    /// Created, completed, failed and total, in this order.
    var counters: [Int] {
        ["created", "completed", "failed", "total"].map { object["transfer_runs_\($0)"] as? Int ?? -1 }
    }
    var errorDates: [String] {
        (object["error_report"] as? [[String: String]] ?? []).compactMap { $0["transfer_run_date"] }
    }
}

@Suite("Life of a backfill")
struct BackfillTests {
    /// 2023-11-14, 22:13:20 UTC; a day takes ten seconds, a backfill waits four before its first.
    static func timed(_ clock: ManualClock) -> SandboxOptions {
        var options = LifecycleTests.timed(clock, queryTime: .zero)
        options.backfills.queueTime = .seconds(4)
        options.backfills.dayTime = .seconds(10)
        return options
    }

    @Test("CREATED, SCHEDULED, RUNNING and COMPLETED, newest day first, with counters that add up")
    func life() async throws {
        let clock = LifecycleTests.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let created = try await warehouse.create("2023-01-30", "2023-02-01")
            #expect(created.status == 200)
            #expect(created.backfillStatus == "CREATED" && created.counters == [0, 0, 0, 3])
            #expect(created.object["range_start_date"] as? String == "2023-01-30")
            #expect(created.object["range_end_date"] as? String == "2023-02-01")
            #expect(created.object["created_time"] as? String == "2023-11-14T22:13:20Z")
            #expect(created.object["start_time"] is NSNull && created.object["removed_time"] == nil)
            #expect(created.requestID?.contains(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/) == true)
            let id = created.backfillID
            #expect(id > Int(Int32.max))
            var seen: [String] = []
            for step in [0, 2, 2, 9, 1, 15, 5] {
                clock.advance(by: .seconds(step))
                let answer = try await warehouse.get(id)
                seen.append("\(answer.backfillStatus) \(answer.counters)")
                let listed = try await warehouse.list().map { $0["transfer_backfill_id"] as? Int }
                #expect(listed == (answer.backfillStatus == "COMPLETED" ? [] : [id]))
                #expect(try await warehouse.latest().backfillID == id)
            }
            #expect(
                seen == [
                    "CREATED [0, 0, 0, 3]", "SCHEDULED [0, 0, 0, 3]", "RUNNING [1, 0, 0, 3]", "RUNNING [1, 0, 0, 3]",
                    "RUNNING [2, 1, 0, 3]", "RUNNING [3, 2, 0, 3]", "COMPLETED [3, 3, 0, 3]",
                ]
            )
            let done = try await warehouse.get(id)
            #expect(done.object["start_time"] as? String == "2023-11-14T22:13:24Z")
            #expect(done.object["end_time"] as? String == "2023-11-14T22:13:54Z")
            #expect(sandbox.backfillHistory.runs.map(\.date) == ["2023-02-01", "2023-01-31", "2023-01-30"])
        }
    }

    @Test("Several runs of a backfill go on at a time")
    func parallelRuns() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.parallelRuns = 4
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-10").backfillID
            clock.advance(by: .seconds(15))
            #expect(try await warehouse.get(id).counters == [8, 4, 0, 10])
            clock.advance(by: .seconds(19))
            #expect(try await warehouse.get(id).counters == [10, 10, 0, 10])
        }
    }

    @Test("A failed day fails the backfill and is reported; the next attempt on it succeeds")
    func failure() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.dayEvents = [
            DayEvent(.fail, on: .range(first: "2023-01-02", last: "2023-01-03"), transferID: 101, count: 1),
            DayEvent(.fail, on: .range(first: "2023-01-05", last: "2023-01-05")),
        ]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let first = try await warehouse.create("2023-01-01", "2023-01-05").backfillID
            let other = try await warehouse.create("2023-01-02", "2023-01-02", transfer: 102).backfillID
            clock.advance(by: .seconds(54))
            let failed = try await warehouse.get(first)
            #expect(failed.backfillStatus == "FAILED" && failed.counters == [5, 2, 3, 5])
            #expect(failed.errorDates == ["2023-01-05", "2023-01-03", "2023-01-02"])
            #expect(try await warehouse.get(other).backfillStatus == "COMPLETED")
            #expect(try await warehouse.list().map { $0["transfer_backfill_id"] as? Int } == [first])
            let retry = try await warehouse.create("2023-01-02", "2023-01-03").backfillID
            let never = try await warehouse.create("2023-01-05", "2023-01-05").backfillID
            clock.advance(by: .seconds(24))
            #expect(try await warehouse.get(retry).backfillStatus == "COMPLETED")
            #expect(try await warehouse.get(never).backfillStatus == "FAILED")
            let history = sandbox.backfillHistory
            #expect(history.completions(ofTransfer: 101) == Self.days(1...4))
            #expect(history.runs.filter { $0.date == "2023-01-05" }.map(\.attempt) == [1, 2])
        }
    }

    static func days(_ days: ClosedRange<Int>) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: days.map { ("2023-01-0\($0)", 1) })
    }

    @Test("A share of the days fails, the same ones for the same seed")
    func share() async throws {
        var options = SandboxOptions()
        options.backfills.dayEvents = [DayEvent(.fail, on: .share(0.1), count: 1)]
        func failedDays(_ options: SandboxOptions) async throws -> [String] {
            try await withSandbox(options) { sandbox in
                let warehouse = WarehouseClient(sandbox)
                return try await warehouse.get(warehouse.create("2023-01-01", "2023-12-31").backfillID).errorDates
            }
        }
        let failed = try await failedDays(options)
        #expect((15...60).contains(failed.count))
        #expect(try await failedDays(options) == failed)
        options.seed = 2
        #expect(try await failedDays(options) != failed)
    }

    @Test("A stuck day holds its backfill until it is cancelled")
    func stuck() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.dayEvents = [try DayEvent(parsing: "stuck@2023-01-02:1x")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-03").backfillID
            clock.advance(by: .seconds(86_400))
            let stuck = try await warehouse.get(id)
            #expect(stuck.backfillStatus == "RUNNING" && stuck.counters == [2, 1, 0, 3])
            #expect(try await warehouse.create("2023-01-02", "2023-01-02").status == 422)
            #expect(try await warehouse.cancel(id).status == 200)
            let retry = try await warehouse.create("2023-01-01", "2023-01-02").backfillID
            clock.advance(by: .seconds(24))
            #expect(try await warehouse.get(retry).backfillStatus == "COMPLETED")
        }
    }

    @Test("Cancelling lets running runs finish, keeps the record, and cannot be done twice")
    func cancel() async throws {
        let clock = LifecycleTests.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-05").backfillID
            clock.advance(by: .seconds(19))
            let cancelled = try await warehouse.cancel(id)
            #expect(cancelled.backfillStatus == "CANCELLED" && cancelled.counters == [2, 1, 0, 5])
            let time = "2023-11-14T22:13:39Z"
            #expect(cancelled.object["end_time"] as? String == time)
            #expect(cancelled.object["removed_time"] as? String == time)
            #expect(cancelled.object["removed_user_id"] is Int)
            clock.advance(by: .seconds(60))
            #expect(try await warehouse.get(id).counters == [2, 2, 0, 5])
            let again = try await warehouse.cancel(id)
            #expect(again.status == 422 && again.errorCode == "UNPROCESSABLE_ENTITY")
            #expect(try await warehouse.list().isEmpty)
            #expect(try await warehouse.latest().backfillID == id)
        }
    }

    @Test("Somebody else cancels or removes a backfill: by event, in process, or from outside")
    func others() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.dayEvents = [
            try DayEvent(parsing: "cancel@2023-01-02:1x"), try DayEvent(parsing: "remove@2023-02-02:1x"),
        ]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let cancelled = try await warehouse.create("2023-01-01", "2023-01-03")
            let removed = try await warehouse.create("2023-02-01", "2023-02-03").backfillID
            clock.advance(by: .seconds(20))
            let seen = try await warehouse.get(cancelled.backfillID)
            #expect(seen.backfillStatus == "CANCELLED" && seen.counters == [1, 1, 0, 3])
            #expect(seen.object["removed_user_id"] as? Int != cancelled.object["created_user_id"] as? Int)
            #expect(try await warehouse.get(removed).status == 404)
            #expect(try await warehouse.cancel(removed).status == 404)
            #expect(try await warehouse.latest().backfillID == cancelled.backfillID)
            let ids = [
                try await warehouse.create("2023-03-01", "2023-03-03").backfillID,
                try await warehouse.create("2023-04-01", "2023-04-03").backfillID,
                try await warehouse.create("2023-05-01", "2023-05-03").backfillID,
            ]
            #expect(sandbox.cancelBackfill(ids[0]) && !sandbox.cancelBackfill(ids[0]))
            #expect(sandbox.removeBackfill(ids[1]) && !sandbox.removeBackfill(ids[1]))
            let outside = try await warehouse.client.send(
                "POST",
                "/sandbox/backfills/\(ids[2])/remove",
                authorization: nil
            )
            #expect(outside.status == 200)
            #expect(try await warehouse.get(ids[0]).backfillStatus == "CANCELLED")
            #expect(try await warehouse.get(ids[1]).status == 404)
            #expect(try await warehouse.get(ids[2]).status == 404)
            let history = sandbox.backfillHistory.backfills
            #expect(
                history.map(\.removedTime) == [
                    nil, "2023-11-14T22:13:34.000Z", nil, "2023-11-14T22:13:40.000Z", "2023-11-14T22:13:40.000Z",
                ]
            )
        }
    }

    @Test(
        "Ranges that share a day with an active backfill of the transfer are refused, by the status chosen",
        arguments: [(422, "UNPROCESSABLE_ENTITY"), (400, "BAD_REQUEST"), (409, "CONFLICT_ERROR")]
    )
    func overlap(status: Int, code: String) async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.overlapStatus = status
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-10", "2023-01-20").backfillID
            for (start, end) in [
                ("2023-01-20", "2023-01-25"), ("2023-01-05", "2023-01-10"), ("2023-01-12", "2023-01-13"),
                ("2023-01-01", "2023-01-31"),
            ] {
                let refused = try await warehouse.create(start, end)
                #expect(refused.status == status && refused.errorCode == code)
            }
            #expect(try await warehouse.create("2023-01-21", "2023-01-22").status == 200)
            #expect(try await warehouse.create("2023-01-08", "2023-01-09").status == 200)
            #expect(try await warehouse.create("2023-01-10", "2023-01-20", transfer: 102).status == 200)
            _ = try await warehouse.cancel(id)
            #expect(try await warehouse.create("2023-01-10", "2023-01-20").status == 200)
            #expect(
                sandbox.backfillHistory.creates.map(\.status) == [200] + Array(repeating: status, count: 4) + [
                    200, 200, 200, 200,
                ]
            )
        }
    }

    @Test("Whether a FAILED backfill blocks its range is a switch", arguments: [true, false])
    func failedBlocks(blocks: Bool) async throws {
        var options = SandboxOptions()
        options.backfills.failedBlocks = blocks
        options.backfills.dayEvents = [try DayEvent(parsing: "fail@2023-01-02:1x")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-03").backfillID
            #expect(try await warehouse.get(id).backfillStatus == "FAILED")
            let overlapping = try await warehouse.create("2023-01-02", "2023-01-02")
            #expect(overlapping.status == (blocks ? 422 : 200))
            #expect(try await warehouse.cancel(id).backfillStatus == "CANCELLED")
            #expect(try await warehouse.create("2023-01-01", "2023-01-03").status == 200)
        }
    }

    @Test("Failed runs may leave the status COMPLETED, for the counters to tell")
    func completedWithFailures() async throws {
        var options = SandboxOptions()
        options.backfills.failedRunsFail = false
        options.backfills.dayEvents = [try DayEvent(parsing: "fail@2023-01-02")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let answer = try await warehouse.get(warehouse.create("2023-01-01", "2023-01-03").backfillID)
            #expect(answer.backfillStatus == "COMPLETED" && answer.counters == [3, 2, 1, 3])
        }
    }

    struct Report: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var change: @Sendable (inout BackfillOptions) -> Void
        /// What is seen after one of five days, and at the end: status, counters, dates of errors.
        var running: String
        var ended: String
    }

    static let reports = [
        Report(
            testDescription: "as it is",
            change: { _ in },
            running: "RUNNING [2, 1, 0, 5] 0",
            ended: "FAILED [5, 2, 3, 5] 3"
        ),
        Report(
            testDescription: "short error_report",
            change: { $0.errorReport = .short },
            running: "RUNNING [2, 1, 0, 5] 0",
            ended: "FAILED [5, 2, 3, 5] 1"
        ),
        Report(
            testDescription: "empty error_report",
            change: { $0.errorReport = .empty },
            running: "RUNNING [2, 1, 0, 5] 0",
            ended: "FAILED [5, 2, 3, 5] 0"
        ),
        Report(
            testDescription: "missing fields",
            change: { $0.omittedFields = ["error_report", "transfer_runs_failed", "start_time"] },
            running: "RUNNING [2, 1, -1, 5] -",
            ended: "FAILED [5, 2, -1, 5] -"
        ),
        Report(
            testDescription: "unknown status",
            change: { $0.statusNames = ["RUNNING": "PROCESSING"] },
            running: "PROCESSING [2, 1, 0, 5] 0",
            ended: "FAILED [5, 2, 3, 5] 3"
        ),
        Report(
            testDescription: "total of 0 throughout",
            change: { $0.total = .zero },
            running: "RUNNING [2, 1, 0, 0] 0",
            ended: "FAILED [5, 2, 3, 0] 3"
        ),
        Report(
            testDescription: "drifting counters",
            change: { $0.countersDrift = true },
            running: "RUNNING [2, 2, 0, 5] 0",
            ended: "FAILED [5, 1, 3, 5] 3"
        ),
    ]

    @Test("What a backfill tells of itself can be made wrong", arguments: reports)
    func misreported(report: Report) async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.dayEvents = [try DayEvent(parsing: "fail@2023-01-02..2023-01-04")]
        report.change(&options.backfills)
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-05").backfillID
            func told() async throws -> String {
                let answer = try await warehouse.get(id)
                let errors = answer.object["error_report"] == nil ? "-" : "\(answer.errorDates.count)"
                return "\(answer.backfillStatus) \(answer.counters) \(errors)"
            }
            clock.advance(by: .seconds(15))
            #expect(try await told() == report.running)
            clock.advance(by: .seconds(60))
            #expect(try await told() == report.ended)
        }
    }

    @Test("A total may be 0 until the first run")
    func lateTotal() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.total = .late
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let created = try await warehouse.create("2023-01-01", "2023-01-05")
            #expect(created.counters == [0, 0, 0, 0])
            clock.advance(by: .seconds(5))
            #expect(try await warehouse.get(created.backfillID).counters == [1, 0, 0, 5])
        }
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        var body: String
        var path = "/v1/teams/1/transfers/101/backfills"
        var status: Int
        var code: String
        var names: String
        var testDescription: String { "\(status) \(names)" }
    }

    static let refusals = [
        Refusal(body: "{}", status: 400, code: "INVALID_PARAMETER", names: "range_start: is required"),
        Refusal(body: #"{"range_start":"2023-01-01"}"#, status: 400, code: "INVALID_PARAMETER", names: "range_end"),
        Refusal(
            body: #"{"range_start":20230101,"range_end":"2023-01-02"}"#,
            status: 400,
            code: "INVALID_PARAMETER",
            names: "range_start: must be a string"
        ),
        Refusal(
            body: #"{"range_start":"1.1.2023","range_end":"2023-01-02"}"#,
            status: 400,
            code: "INVALID_PARAMETER",
            names: "range_start: must be a date"
        ),
        Refusal(
            body: #"{"range_start":"2023-02-28","range_end":"2023-02-29"}"#,
            status: 422,
            code: "UNPROCESSABLE_ENTITY",
            names: "2023-02-29 does not exist"
        ),
        Refusal(
            body: #"{"range_start":"2023-01-03","range_end":"2023-01-02"}"#,
            status: 422,
            code: "UNPROCESSABLE_ENTITY",
            names: "after range_end"
        ),
        Refusal(
            body: #"{"range_start":"2023-11-14","range_end":"2023-11-15"}"#,
            status: 422,
            code: "UNPROCESSABLE_ENTITY",
            names: "future"
        ),
        Refusal(
            body: #"{"range_start":"2022-01-01","range_end":"2023-01-02"}"#,
            status: 403,
            code: "LICENSE_HISTORICAL_RANGE_EXCEEDED",
            names: "366"
        ),
        Refusal(
            body: #"{"range_start":"2020-01-01","range_end":"2020-01-02"}"#,
            status: 403,
            code: "LICENSE_HISTORICAL_RANGE_EXCEEDED",
            names: "2020-01-01"
        ),
        Refusal(
            body: #"{"range_start_date":"2023-01-01","range_start":"2023-01-01","range_end":"2023-01-02"}"#,
            status: 400,
            code: "INVALID_PARAMETER",
            names: "range_start_date"
        ),
        Refusal(body: "[]", status: 400, code: "BAD_REQUEST", names: "body"),
        Refusal(
            body: #"{"range_start":"2023-01-01","range_end":"2023-01-02"}"#,
            path: "/v1/teams/1/transfers/999/backfills",
            status: 404,
            code: "NOT_FOUND",
            names: "999"
        ),
        Refusal(
            body: #"{"range_start":"2023-01-01","range_end":"2023-01-02"}"#,
            path: "/teams/2/transfers/101/backfills",
            status: 403,
            code: "ACCESS_DENIED",
            names: "team 2"
        ),
        Refusal(
            body: #"{"range_start":"2023-01-01","range_end":"2023-01-02"}"#,
            path: "/teams/1/transfers/x/backfills",
            status: 400,
            code: "INVALID_PARAMETER",
            names: "transfer_id"
        ),
    ]

    @Test("A create that is not right is refused and creates nothing", arguments: refusals)
    func refused(_ refusal: Refusal) async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.backfills.historyDays = 3 * 365
        try await withSandbox(options) { sandbox in
            let answer = try await RawClient(sandbox: sandbox).post(refusal.body, to: refusal.path)
            #expect(answer.status == refusal.status)
            #expect(answer.errorCode == refusal.code)
            #expect(answer.errorMessage.contains(refusal.names))
            #expect(sandbox.backfillHistory.backfills.isEmpty)
        }
    }

    @Test("Unknown backfills, transfers without any, and other statuses than CANCELLED")
    func otherRefusals() async throws {
        try await withSandbox { sandbox in
            let warehouse = WarehouseClient(sandbox)
            #expect(try await warehouse.get(7).errorCode == "NOT_FOUND")
            #expect(try await warehouse.cancel(7).errorCode == "NOT_FOUND")
            #expect(try await warehouse.latest().errorCode == "NOT_FOUND")
            let id = try await warehouse.create("2023-01-01", "2023-01-01").backfillID
            let patch = try await warehouse.client.send(
                "PATCH",
                "/v1/teams/1/backfills/\(id)",
                body: #"{"status":"COMPLETED"}"#
            )
            #expect(patch.status == 400 && patch.errorMessage.contains("status"))
            #expect(try await warehouse.cancel(id).status == 422)
            #expect(try await warehouse.client.send("GET", "/v1/teams/1/backfills?page=2").status == 400)
        }
    }

    @Test("The list shows the newest hundred")
    func listLimit() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.transferIDs = Array(1...120)
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            for transfer in options.transferIDs {
                #expect(try await warehouse.create("2023-01-01", "2023-01-31", transfer: transfer).status == 200)
            }
            let listed = try await warehouse.list().map { $0["transfer_id"] as? Int }
            #expect(listed == (21...120).reversed())
        }
    }

    @Test(
        "A lost answer leaves the backfill created, once; a refused request leaves none",
        arguments: [
            ("reset@create:1x", true), ("cut@create:1x", true), ("late504@create:1x", true), ("503@create:1x", false),
            ("429@create:1x", false), ("drop@create:1x", false),
        ]
    )
    func lostAnswers(fault: String, isCreated: Bool) async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.faults = [try Fault(parsing: fault)]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let answer = try? await warehouse.create("2023-01-01", "2023-01-05")
            #expect(answer?.object.isEmpty != false)
            if answer?.status == 429 { #expect(answer?.headers["retry-after"] == "1") }
            let creates = sandbox.backfillHistory.creates
            #expect(creates.map(\.fault) == (isCreated ? [fault] : []))
            #expect(creates.compactMap(\.backfillID).count == (isCreated ? 1 : 0))
            let found = try await warehouse.latest()
            #expect(found.status == (isCreated ? 200 : 404))
            let again = try await warehouse.create("2023-01-01", "2023-01-05")
            #expect(again.status == (isCreated ? 422 : 200))
        }
    }

    @Test("A status nobody has heard of may come and go, in one backfill and in the list")
    func unknownStatus() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.faults = [try Fault(parsing: "unknown_status@watch:2x")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-05").backfillID
            let odd = try await warehouse.get(id)
            #expect(odd.backfillStatus == "HIBERNATING" && odd.counters == [0, 0, 0, 5])
            #expect(try await warehouse.list().map { $0["status"] as? String } == ["HIBERNATING"])
            #expect(try await warehouse.get(id).backfillStatus == "CREATED")
        }
    }

    @Test("The history tells how many backfills were active at one time")
    func mostActive() async throws {
        let clock = LifecycleTests.clock()
        try await withSandbox(Self.timed(clock)) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            #expect(sandbox.backfillHistory.mostActive() == 0)
            _ = try await warehouse.create("2023-01-01", "2023-01-01")
            clock.advance(by: .milliseconds(13_999))
            _ = try await warehouse.create("2023-01-01", "2023-01-03", transfer: 102)
            clock.advance(by: .milliseconds(1))
            let id = try await warehouse.create("2023-02-01", "2023-02-01").backfillID
            _ = try await warehouse.cancel(id)
            let last = try await warehouse.create("2023-02-01", "2023-02-01").backfillID
            #expect(sandbox.backfillHistory.mostActive() == 2)
            #expect(sandbox.backfillHistory.mostActive(ofTransfer: 101) == 1)
            _ = try await warehouse.create("2023-03-01", "2023-03-01")
            #expect(sandbox.backfillHistory.mostActive() == 3)
            sandbox.removeBackfill(last)
            _ = try await warehouse.create("2023-04-01", "2023-04-01")
            #expect(sandbox.backfillHistory.mostActive() == 3)
            #expect(sandbox.backfillHistory.mostActive(ofTransfer: 101) == 2)
        }
    }

    @Test("A thousand backfills at once")
    func thousand() async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.transferIDs = Array(1...1000)
        options.requestLogLimit = 0
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<20 {
                    group.addTask {
                        for transfer in 1...1000 where transfer % 20 == worker {
                            let made = try await warehouse.create("2023-01-01", "2023-01-03", transfer: transfer)
                            #expect(made.status == 200)
                        }
                        return worker
                    }
                }
                for try await _ in group {}
            }
            clock.advance(by: .seconds(20))
            #expect(try await warehouse.list().count == 100)
            clock.advance(by: .seconds(14))
            #expect(try await warehouse.list().isEmpty)
            let history = sandbox.backfillHistory
            #expect(Set(history.backfills.map(\.backfillID)).count == 1000)
            #expect(history.runs.count == 3000 && history.runs.allSatisfy { $0.outcome == .completed })
        }
    }

    @Test("Whatever is asked in whatever order, the rules of backfills hold", arguments: 1...8 as ClosedRange<UInt64>)
    func randomHistories(seed: UInt64) async throws {
        let clock = LifecycleTests.clock()
        var options = Self.timed(clock)
        options.seed = seed
        options.backfills.parallelRuns = Int(seed % 3) + 1
        options.backfills.failedBlocks = seed.isMultiple(of: 2)
        options.backfills.dayEvents = [
            DayEvent(.stuck, on: .share(0.02), count: 1), DayEvent(.cancel, on: .share(0.04), count: 2),
            DayEvent(.fail, on: .share(0.2), count: 2),
        ]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            var random = Randomness(state: seed)
            var ids: [Int] = []
            for _ in 1...60 {
                switch random.next() % 4 {
                case 0, 1:
                    let first = Int(random.next() % 20) + 1
                    let last = first + Int(random.next() % 8)
                    let answer = try await warehouse.create(
                        "2023-01-\(first < 10 ? "0" : "")\(first)",
                        "2023-01-\(last < 10 ? "0" : "")\(last)"
                    )
                    #expect([200, 422].contains(answer.status))
                    if answer.status == 200 { ids.append(answer.backfillID) }
                case 2 where !ids.isEmpty:
                    let answer = try await warehouse.cancel(ids[Int(random.next()) % ids.count])
                    #expect([200, 422].contains(answer.status))
                default: clock.advance(by: .seconds(Int(random.next() % 40)))
                }
                for id in ids.suffix(3) {
                    let counters = try await warehouse.get(id).counters
                    #expect(counters[1] + counters[2] <= counters[0] && counters[0] <= counters[3])
                }
                try Self.check(sandbox.backfillHistory)
            }
            #expect(ids.count > 3)
        }
    }

    /// A small generator, the same on every run.
    struct Randomness {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }

    /// What holds of every history of one transfer.
    static func check(_ history: BackfillHistory) throws {
        for (date, runs) in Dictionary(grouping: history.runs, by: \.date) {
            #expect(Set(runs.map(\.attempt)).count == runs.count, "an attempt at \(date) was counted twice")
        }
        let active = history.backfills.filter { ["CREATED", "SCHEDULED", "RUNNING"].contains($0.status) }
        for (place, one) in active.enumerated() {
            for other in active.dropFirst(place + 1) {
                #expect(one.rangeEnd < other.rangeStart || other.rangeEnd < one.rangeStart, "two active ones overlap")
            }
        }
        for backfill in history.backfills {
            let runs = history.runs.filter { $0.backfillID == backfill.backfillID }
            #expect(runs.map(\.date) == runs.map(\.date).sorted(by: >), "not newest first")
            #expect(Set(runs.map(\.date)).count == runs.count, "a day ran twice in one backfill")
            #expect(runs.allSatisfy { backfill.rangeStart <= $0.date && $0.date <= backfill.rangeEnd })
            if backfill.status == "CANCELLED", let end = backfill.endTime {
                #expect(runs.allSatisfy { $0.startTime <= end }, "a run started after the cancellation")
            }
            if backfill.status == "COMPLETED" { #expect(runs.allSatisfy { $0.outcome == .completed }) }
            if backfill.status == "FAILED" { #expect(runs.contains { $0.outcome == .failed }) }
        }
        #expect(history.creates.compactMap(\.backfillID) == history.backfills.map(\.backfillID))
    }

    @Test("The history is readable from outside, needs no key, and is not in the log")
    func historyOutside() async throws {
        var options = SandboxOptions()
        options.faults = [try Fault(parsing: "500")]
        try await withSandbox(options) { sandbox in
            let warehouse = WarehouseClient(sandbox)
            _ = try await warehouse.create("2023-01-01", "2023-01-02")
            sandbox.update { $0.faults = [] }
            _ = try await warehouse.create("2023-01-01", "2023-01-02")
            _ = try await warehouse.create("2023-01-02", "2023-01-01")
            let answer = try await warehouse.client.send("GET", "/sandbox/backfills", authorization: nil)
            let history = try JSONDecoder().decode(BackfillHistory.self, from: Data(answer.body))
            #expect(history == sandbox.backfillHistory)
            #expect(history.creates.map(\.status) == [200, 422])
            #expect(history.creates.map(\.requestNumber) == [2, 3])
            #expect(history.completions(ofTransfer: 101) == Self.days(1...2))
            #expect(sandbox.requests.count == 3)
        }
    }

    @Test("Everything is also there without /v1, and needs the key")
    func prefixes() async throws {
        try await withSandbox { sandbox in
            var warehouse = WarehouseClient(sandbox)
            let id = try await warehouse.create("2023-01-01", "2023-01-02").backfillID
            warehouse.base = "/teams/1"
            #expect(try await warehouse.get(id).backfillID == id)
            #expect(try await warehouse.create("2023-01-01", "2023-01-02").status == 200)
            let client = warehouse.client
            for path in ["/v1/teams/1/backfills", "/v1/teams/1/transfers", "/teams/1/transfers/101"] {
                #expect(try await client.send("GET", path, authorization: nil).errorCode == "API_KEY_REQUIRED")
                #expect(try await client.send("GET", path, authorization: sandbox.apiKey).status == 200)
                let stranger = try await client.send("GET", path, authorization: "Bearer api_other")
                #expect(stranger.status == 401 && stranger.errorCode == "ACCESS_TOKEN_INVALID")
                #expect(try await client.send("GET", path, authorization: "other").errorCode == "API_KEY_INVALID")
                #expect(try await client.send("DELETE", path).status == 405)
            }
        }
    }

    @Test(
        "Events of days as text",
        arguments: [
            ("fail@2023-01-05", DayEvent(.fail, on: .range(first: "2023-01-05", last: "2023-01-05"))),
            (
                "stuck@101/2023-01-05..2023-01-09:3x",
                DayEvent(.stuck, on: .range(first: "2023-01-05", last: "2023-01-09"), transferID: 101, count: 3)
            ),
            ("cancel@0.5", DayEvent(.cancel, on: .share(0.5))),
        ]
    )
    func dayEventText(text: String, event: DayEvent) throws { #expect(try DayEvent(parsing: text) == event) }

    @Test(
        "Events that cannot be read name what is wrong",
        arguments: [
            ("explode@2023-01-05", "'explode'"), ("fail", "days are missing"), ("fail@soon", "'soon'"),
            ("fail@2023-01-09..2023-01-05", "'2023-01-09..2023-01-05'"), ("fail@1.5", "'1.5'"),
            ("fail@x/2023-01-05", "'x'"), ("fail@2023-01-05:0x", "'0x'"), ("fail@2023-01-05:2", "'2'"),
        ]
    )
    func dayEventMistakes(text: String, names: String) throws {
        do {
            _ = try DayEvent(parsing: text)
            Issue.record("\(text) was read")
        } catch {
            #expect("\(error)".contains(names))
        }
    }
}
