public import struct FoundationEssentials.Date

extension APIClient {
    /// Runs of transfers.
    public var transferRuns: TransferRuns<Self> { TransferRuns(runner: runner) }
}

/// The runs of a team's transfers (`…/runs` and `/transfer_runs` of the DTS API).
///
/// They need a key of scope `dwh_transfers_read`.
public struct TransferRuns<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists runs of a transfer: `GET /teams/{team_id}/transfers/{transfer_id}/runs`.
    ///
    /// The API gives no total: a list shorter than `limit` is the last.
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - transferID: the transfer, from 1.
    ///   - startDate: the beginning of the time looked at.
    ///   - endDate: its end, not before the beginning.
    ///   - filterIssuesOnly: whether only runs with issues are wanted; nil for the API's default.
    ///   - sortField: what to sort by; nil for the API's default.
    ///   - sortDirection: which way; nil for the API's default.
    ///   - limit: how many at most, 1 to 10 000; nil for the API's 100.
    ///   - offset: how many to skip; nil for none.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(
        teamID: Int,
        transferID: Int,
        startDate: Date,
        endDate: Date,
        filterIssuesOnly: Bool? = nil,
        sortField: TransferRunSortField? = nil,
        sortDirection: SortDirection? = nil,
        limit: Int? = nil,
        offset: Int? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<[TransferRun], Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(transferID, "transfer_id")
            try Check.range(limit, "limit", 1...10_000)
            try Check.range(offset, "offset", 0...Int.max)
            guard startDate <= endDate else { throw Check.refusal("end_date is before start_date", "swap them") }
            let parameters = [
                ("start_date", APITime.write(startDate)), ("end_date", APITime.write(endDate)),
                ("filter_issues_only", filterIssuesOnly.map(String.init)), ("sort_field", sortField?.rawValue),
                ("sort_direction", sortDirection?.rawValue), ("limit", limit.map(String.init)),
                ("offset", offset.map(String.init)),
            ]
            return .get(
                "/teams/\(teamID)/transfers/\(transferID)/runs",
                query: parameters.compactMap { name, value in value.map { (name, $0) } },
                options: options
            )
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }

    /// Gets a run with its queries: `GET /teams/{team_id}/transfer_runs/{transfer_run_id}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - transferRunID: the run, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func get(
        teamID: Int,
        transferRunID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<TransferRun, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(transferRunID, "transfer_run_id")
            return .get("/teams/\(teamID)/transfer_runs/\(transferRunID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }
}

/// What runs are sorted by.
public enum TransferRunSortField: String, Sendable, CaseIterable {
    case createdTime = "created_time"
    case endedTime = "ended_time"
    case dataDate = "data_date"
}

/// Which way a list is sorted.
public enum SortDirection: String, Sendable, CaseIterable {
    case ascending = "ASC"
    case descending = "DESC"
}

/// One run of a transfer: one day of data.
public struct TransferRun: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The run.
    public let id: Int
    /// The queries it ran; only where one run was asked for.
    public let queryDetails: [TransferRunQuery]

    /// Reads a run of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("id", "transfer_run_id")
        queryDetails = try json.list("query_details")
    }

    /// How it stands or ended; the API's set of words is free.
    public var status: TransferRunStatus? { json.word("status") }
    /// Why it ran; only in lists.
    public var type: TransferRunType? { json.word("type") }
    /// The day whose data it loads.
    public var dataDate: CalendarDay? { json.text("data_date").flatMap { CalendarDay(String($0.prefix(10))) } }
    /// When it was created.
    public var createdTime: APITime? { json.time("created_time") }
    /// When it was queued; only where one run was asked for.
    public var queuedTime: APITime? { json.time("queued_time") }
    /// When it began; only where one run was asked for.
    public var startedTime: APITime? { json.time("started_time") }
    /// When it ended.
    public var endedTime: APITime? { json.time("ended_time") }
    /// How long it took, in seconds.
    public var totalDuration: Double? { json.text("total_duration").flatMap(Double.init) }
    /// Rows it loaded.
    public var totalRows: Int? { json.int("total_rows") }
    /// What the API says about how it went.
    public var message: String? { json.text("message") }
    /// Queries it ran.
    public var queryAmount: Int? { json.int("query_amount") }
    /// Queries that failed.
    public var failedQueryAmount: Int? { json.int("failed_query_amount") }
    /// The id outside Supermetrics.
    public var externalID: String? { json.text("external_id") }
}

/// One query of a run.
public struct TransferRunQuery: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject

    /// Reads a query of a run.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
    }

    /// How it stands or ended.
    public var status: String? { json.text("status") }
    /// Rows it returned.
    public var rows: Int? { json.int("rows") }
    /// How long it took, in seconds.
    public var duration: Double? { json.text("duration").flatMap(Double.init) }
    /// Why it failed.
    public var errorDescription: String? { json.text("error_description") }
}

/// How a run stands or ended.
public struct TransferRunStatus: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A status by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// It ended well.
    public static let completed = TransferRunStatus(rawValue: "COMPLETED")
    /// It failed.
    public static let failed = TransferRunStatus(rawValue: "FAILED")
}

/// Why a run ran.
public struct TransferRunType: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A type by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// By the transfer's schedule.
    public static let recurring = TransferRunType(rawValue: "Recurring")
    /// As part of a backfill; which one, the API does not say.
    public static let backfill = TransferRunType(rawValue: "Backfill")
}
