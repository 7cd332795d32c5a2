import PipelineCore
import Sandbox
import SupermetricsAPI
import Testing

@testable import Extraction

@Suite("Results that may have been cut", .timeLimit(.minutes(10)))
struct CutResultTests {
    static let query: JSONObject = ["ds_id": "AW", "fields": ["Date", "AdID"]]

    static func part(days: Int, accounts: [String] = ["123"]) -> QueryPart {
        QueryPart(days: DateRange(Day(number: 19_723), Day(number: 19_722 + days)), accounts: accounts)
    }

    private func withCap(
        _ cap: Int,
        rowsPerDay: Int,
        headerCount: SandboxOptions.HeaderCount = .whenPresent,
        rowLimit: Int = 1_000_000,
        _ body: (World) async throws -> Void
    ) async throws {
        let change: (inout SandboxOptions) -> Void = { options in
            (options.rowCap, options.rowsPerDay, options.headerCount) = (cap, rowsPerDay, headerCount)
            options.hostileRate = 0
        }
        try await withWorld(change, settings: { $0.rowLimit = rowLimit }, body)
    }

    @Test("A cut result is fetched in halves until all rows are there, in order; the cap is learned once per run")
    func halves() async throws {
        try await withCap(10_000, rowsPerDay: 3000) { world in
            let expected = try await world.expected(Self.query, Self.part(days: 7))
            #expect(expected.count == 21_000)
            let first = try await world.read(Self.query, Self.part(days: 7))
            expectSame(first.rows, expected)
            #expect(first.facts.announced == 21_000 && first.facts.received == 21_000)
            #expect(first.facts.warnings.isEmpty)
            // The week; one row that proves the header; 4 + 3 days; 2 + 2 days; then a page of each of the three.
            #expect(world.phases.filter { $0 == .submit }.count == 5)
            #expect(first.requests == 9)
            #expect(first.facts.scheduleIDs.count == 3)
            #expect(world.sent.all.map { $0.part.days?.dayCount } == [7, 4, 3, 2, 2])

            // Another window knows the cap, and that other round numbers mean nothing.
            world.sandbox.clearRequests()
            let second = try await world.read(Self.query, Self.part(days: 5))
            expectSame(second.rows, Array(expected.prefix(15_000)))
            #expect(second.requests == 5)
            world.sandbox.update { $0.rowsPerDay = 4000 }
            world.sandbox.clearRequests()
            #expect(try await world.read(Self.query, Self.part(days: 5)).rows.count == 20_000)
        }
    }

    @Test("A round result that was whole costs two more queries, once", arguments: SandboxOptions.HeaderCount.allCases)
    func whole(headerCount: SandboxOptions.HeaderCount) async throws {
        try await withCap(1_000_000, rowsPerDay: 2000, headerCount: headerCount) { world in
            let part = Self.part(days: 5)
            let expected = try await world.expected(Self.query, part)
            let first = try await world.read(Self.query, part)
            expectSame(first.rows, expected)
            #expect(world.sent.all.count == 3)
            #expect(first.facts.warnings.isEmpty)
            world.sandbox.clearRequests()
            expectSame(try await world.read(Self.query, part).rows, expected)
            #expect(world.phases == [.submit])
        }
    }

    @Test("Rows that all lie in one half prove nothing: that half is cut further")
    func lopsided() async throws {
        try await withCap(10_000, rowsPerDay: 6000) { world in
            var query = Self.query
            // Six thousand rows a day on the first two days, none after.
            query["filter"] = "Date <= 2024-01-02"
            let expected = try await world.expected(query, Self.part(days: 4))
            #expect(expected.count == 12_000)
            expectSame(try await world.read(query, Self.part(days: 4)).rows, expected)
        }
    }

    @Test("A day at the cap is refused, before any of its rows is handed on")
    func dayAtCap() async throws {
        try await withCap(10_000, rowsPerDay: 12_000) { world in
            let error = await #expect(throws: ExtractionError.self) {
                try await world.read(Self.query, Self.part(days: 2))
            }
            #expect(error?.code == .incomplete)
            #expect(error?.text.contains("10000 rows, as many as the API returns at most") == true)
            #expect(error?.text.contains("ask for fewer accounts") == true)
            #expect(error?.requestID != nil)
        }
    }

    @Test("A result at the limit that was asked for is refused where it cannot be cut")
    func atLimit() async throws {
        try await withCap(1_000_000, rowsPerDay: 700, rowLimit: 500) { world in
            let error = await #expect(throws: ExtractionError.self) {
                try await world.read(Self.query, Self.part(days: 1))
            }
            #expect(error?.code == .incomplete)
            world.sandbox.update { $0.rowsPerDay = 499 }
            let reading = try await world.read(Self.query, Self.part(days: 1))
            #expect(reading.rows.count == 499)
        }
    }

    @Test("A round number of rows that cannot be fetched in parts is loaded with a warning")
    func doubt() async throws {
        try await withCap(1_000_000, rowsPerDay: 10_000) { world in
            let reading = try await world.read(Self.query, Self.part(days: 1))
            #expect(reading.rows.count == 10_000)
            #expect(
                reading.facts.warnings == [
                    "a result of 10000 rows may have been cut by the API, and cannot be fetched in parts"
                ]
            )
        }
    }

    @Test("Without a date among the fields, or without the account, nothing is cut that would change the rows")
    func uncuttable() async throws {
        try await withCap(500, rowsPerDay: 700, rowLimit: 500) { world in
            let query: JSONObject = ["ds_id": "AW", "fields": ["CampaignID", "CurrencyCode", "Impressions"]]
            await #expect(throws: ExtractionError.self) {
                try await world.read(query, Self.part(days: 7, accounts: ["123", "555-000-1111"]))
            }
            #expect(world.sent.all.count == 1)
        }
    }

    @Test("A day is cut by account, in pieces that a query can name")
    func accounts() async throws {
        let ids = (0..<230).map { "acc-\($0)" }
        try await withCap(500, rowsPerDay: 4, rowLimit: 500) { world in
            world.sandbox.update { $0.additionalAccounts["AW"] = ids }
            let query: JSONObject = [
                "ds_id": "AW", "ds_accounts": "list.all_accounts", "fields": ["Date", "AccountID", "AdID"],
            ]
            let all = ["123-456-7890", "987-654-3210", "123"] + ids + ["555-000-1111", "555-000-2222"]
            let part = Self.part(days: 1, accounts: all)
            world.sandbox.update { $0.rowCap = 1_000_000 }
            let expected = try await world.expected(query, part)
            #expect(expected.count == 235 * 4)
            world.sandbox.update { $0.rowCap = 500 }
            let reading = try await world.read(query, part)
            #expect(Set(reading.rows) == Set(expected))
            #expect(reading.rows.count == expected.count)
            #expect(world.sent.all.map(\.part.accounts.count) == [235, 100, 100, 35])
            #expect(world.sandbox.requests.first?.parameters["ds_accounts"] == "list.all_accounts")
        }
    }

    @Test("Rows that the user limits or orders are never fetched in parts", arguments: ["max_rows", "order_rows"])
    func decided(member: String) async throws {
        try await withCap(1_000_000, rowsPerDay: 5000) { world in
            var query = Self.query
            query[member] = member == "max_rows" ? 10_000 : "AdID desc"
            let part = Self.part(days: member == "max_rows" ? 3 : 2)
            let expected = try await world.expected(query, part)
            let reading = try await world.read(query, part)
            #expect(reading.rows == expected && expected.count == 10_000)
            #expect(world.sent.all.count == 1)
            // What the user asked for is no doubt; a round number of ordered rows is.
            #expect(reading.facts.warnings.count == (member == "max_rows" ? 0 : 1))
        }
    }

    @Test("Ordered rows at the limit are refused")
    func orderedAtLimit() async throws {
        try await withCap(1_000_000, rowsPerDay: 400, rowLimit: 500) { world in
            var query = Self.query
            query["order_rows"] = "AdID desc"
            await #expect(throws: ExtractionError.self) { try await world.read(query, Self.part(days: 3)) }
        }
    }

    @Test("Halves that have fewer rows than the whole had start the window over")
    func shrunk() async throws {
        try await withCap(1_000_000, rowsPerDay: 5000) { world in
            // The account loses rows after its first query, once.
            world.sandbox.chooseFaults { [sandbox = world.sandbox] request in
                if request.number == 3 { sandbox.update { $0.rowsPerDay = 4900 } }
                return nil
            }
            let reading = try await world.read(Self.query, Self.part(days: 4))
            #expect(reading.rows.count == 4 * 4900)
        }
    }

    @Test("Known queries of halves are taken over too")
    func knownHalves() async throws {
        try await withCap(10_000, rowsPerDay: 3000) { world in
            let expected = try await world.read(Self.query, Self.part(days: 7)).rows
            world.sandbox.clearRequests()
            let again = try await world.read(Self.query, Self.part(days: 7), known: world.sent.all)
            expectSame(again.rows, expected)
            #expect(!world.phases.contains(.submit))
        }
    }

    @Test("What broke off is gone on with in every part")
    func brokenParts() async throws {
        try await withCap(10_000, rowsPerDay: 3000) { world in
            let expected = try await world.expected(Self.query, Self.part(days: 7))
            world.sandbox.update {
                $0.faults = [
                    Fault(.named(.cut), phase: .page, amount: .times(4, skipping: 1)),
                    Fault(.named(.notFound), phase: .page, amount: .times(1, skipping: 4)),
                ]
            }
            expectSame(try await world.read(Self.query, Self.part(days: 7)).rows, expected)
        }
    }
}
