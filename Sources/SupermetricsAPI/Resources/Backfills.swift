extension APIClient {
    /// Backfills: Supermetrics loading past days into its own warehouse destinations again.
    public var backfills: Backfills<Self> { Backfills(runner: runner) }
}

/// The backfills of a team's transfers (`/teams/{team_id}/…/backfills` of the DTS API).
///
/// They need a key of scope `dwh_transfers_write` (create, cancel) or `dwh_transfers_read` (the others).
public struct Backfills<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Creates a backfill: `POST /teams/{team_id}/transfers/{transfer_id}/backfills`.
    ///
    /// Creating is not idempotent, and the API takes no key that would make it so. After a failure whose
    /// ``SupermetricsError/outcomeIsUnknown`` is true, look at ``getLatest(teamID:transferID:options:)`` before creating
    /// again. The range must not share a day with an active backfill of the transfer.
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - transferID: the transfer, from 1.
    ///   - rangeStart: the first day.
    ///   - rangeEnd: the last day, included; not before the first.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value is the backfill, usually `CREATED` and without runs.
    public func create(
        teamID: Int,
        transferID: Int,
        rangeStart: CalendarDay,
        rangeEnd: CalendarDay,
        options: RequestOptions = RequestOptions()
    ) -> Call<Backfill, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(transferID, "transfer_id")
            guard rangeStart <= rangeEnd else {
                throw Check.refusal("range_end \(rangeEnd) is before range_start \(rangeStart)", "swap them")
            }
            return .write(
                .post,
                "/teams/\(teamID)/transfers/\(transferID)/backfills",
                body: .json(["range_start": .string("\(rangeStart)"), "range_end": .string("\(rangeEnd)")]),
                options: options
            )
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Looks at a backfill: `GET /teams/{team_id}/backfills/{backfill_id}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - backfillID: the backfill, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func get(
        teamID: Int,
        backfillID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<Backfill, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(backfillID, "backfill_id")
            return .get("/teams/\(teamID)/backfills/\(backfillID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Looks at the backfill of a transfer that was created last, whatever became of it:
    /// `GET /teams/{team_id}/transfers/{transfer_id}/backfills/latest`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - transferID: the transfer, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where none was ever created.
    public func getLatest(
        teamID: Int,
        transferID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<Backfill, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(transferID, "transfer_id")
            return .get("/teams/\(teamID)/transfers/\(transferID)/backfills/latest", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Lists a team's backfills that are not complete, newest first, at most 100: `GET /teams/{team_id}/backfills`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value holds those that are `CREATED`, `SCHEDULED`, `RUNNING` or `FAILED`.
    public func listIncomplete(
        teamID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<[Backfill], Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            return .get("/teams/\(teamID)/backfills", options: options)
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }

    /// Cancels a backfill: `PATCH /teams/{team_id}/backfills/{backfill_id}`.
    ///
    /// Runs that wait are cancelled, running ones finish, so that counters may still move. What was loaded stays. Where
    /// the API confirms without a body, such as with HTTP 204, the backfill is asked for.
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - backfillID: the backfill, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `validation` (HTTP 422) where the backfill is complete or cancelled already.
    public func cancel(
        teamID: Int,
        backfillID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<Backfill, Client> {
        let path: APIPath = "/teams/\(teamID)/backfills/\(backfillID)"
        return Call(runner) { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(backfillID, "backfill_id")
            return .write(.patch, path, body: .json(["status": "CANCELLED"]), options: options)
        } perform: { (executor, request) async throws(SupermetricsError) in
            var raw = try await executor.json(request)
            if raw.json.isNull { raw = try await executor.json(.get(path, query: [], options: options)) }
            return Response(value: try raw.read { raw throws(ModelError) in try raw.model() }, raw: raw)
        }
    }
}

/// One backfill and how far it is.
public struct Backfill: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `transfer_backfill_id`.
    public let id: Int
    /// The transfer whose days are loaded again.
    public let transferID: Int
    /// The first day.
    public let rangeStart: CalendarDay
    /// The last day, included.
    public let rangeEnd: CalendarDay
    /// Where it stands.
    public let status: BackfillStatus

    /// Reads a backfill of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("transfer_backfill_id")
        transferID = try json.requiredInt("transfer_id")
        rangeStart = try json.requiredDay("range_start_date")
        rangeEnd = try json.requiredDay("range_end_date")
        status = BackfillStatus(rawValue: try json.requiredText("status"))
    }

    /// When it was created.
    public var createdTime: APITime? { json.time("created_time") }
    /// The user who created it.
    public var createdUserID: Int? { json.int("created_user_id") }
    /// When its first run began; nil before.
    public var startTime: APITime? { json.time("start_time") }
    /// When it was complete or cancelled; nil before.
    public var endTime: APITime? { json.time("end_time") }
    /// When it was cancelled; nil where it was not.
    public var removedTime: APITime? { json.time("removed_time") }
    /// The user who cancelled it; nil where it was not.
    public var removedUserID: Int? { json.int("removed_user_id") }
    /// Runs it has, one per day; the days of its range where the API does not say.
    public var transferRunsTotal: Int { json.int("transfer_runs_total") ?? rangeStart.distance(to: rangeEnd) + 1 }
    /// Runs created so far; 0 where the API does not say.
    public var transferRunsCreated: Int { json.int("transfer_runs_created") ?? 0 }
    /// Runs that succeeded; 0 where the API does not say.
    public var transferRunsCompleted: Int { json.int("transfer_runs_completed") ?? 0 }
    /// Runs that failed; 0 where the API does not say.
    public var transferRunsFailed: Int { json.int("transfer_runs_failed") ?? 0 }
    /// The runs that failed, as far as the API reports them: it may report fewer than ``transferRunsFailed``.
    public var errorReport: [TransferBackfillRunError] {
        (json["error_report"]?["items"] ?? json["error_report"])?.arrayValue?
            .compactMap { $0.objectValue.flatMap { try? TransferBackfillRunError(json: $0) } } ?? []
    }

    /// The share of runs that ended, 0 to 1; it says nothing about how they ended.
    public var progress: Double {
        guard transferRunsTotal > 0 else { return 0 }
        return min(1, Double(transferRunsCompleted + transferRunsFailed) / Double(transferRunsTotal))
    }
}

/// One run of a backfill that failed.
public struct TransferBackfillRunError: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The day whose run failed.
    public let transferRunDate: CalendarDay

    /// Reads an entry of `error_report`.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        transferRunDate = try json.requiredDay("transfer_run_date")
    }

    /// Why, in the API's words.
    public var error: String? { json.text("error") }
}

/// Where a backfill stands ("Backfills: lifecycle").
public struct BackfillStatus: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A status by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// Accepted, nothing planned yet.
    public static let created = BackfillStatus(rawValue: "CREATED")
    /// Its runs are planned.
    public static let scheduled = BackfillStatus(rawValue: "SCHEDULED")
    /// Runs are being worked through, newest day first.
    public static let running = BackfillStatus(rawValue: "RUNNING")
    /// Runs failed; not final, since it can still be cancelled and is listed as incomplete.
    public static let failed = BackfillStatus(rawValue: "FAILED")
    /// All runs ended well.
    public static let completed = BackfillStatus(rawValue: "COMPLETED")
    /// Cancelled by a user.
    public static let cancelled = BackfillStatus(rawValue: "CANCELLED")

    /// Whether it works or will: only then does it keep others from its days.
    public var isActive: Bool { self == .created || self == .scheduled || self == .running }
    /// Whether nothing can change it any more.
    public var isFinal: Bool { self == .completed || self == .cancelled }
    /// Whether waiting for it is over: it is final, or it failed.
    public var isEnded: Bool { isFinal || self == .failed }
    /// Whether the API lets it be cancelled.
    public var isCancellable: Bool { isActive || self == .failed }
}
