extension SupermetricsClient {
    /// Queries: submit, look, fetch.
    public var queries: Queries { Queries(executor: executor) }
}

/// The query endpoints; the streamed calls leave the reading of rows to their caller.
public struct Queries: Sendable {
    let executor: RequestExecutor

    /// Rows that one call of ``results(of:offset:limit:options:)`` may ask for.
    public static let maximumPageRows = 100_000

    /// Runs a query: `POST /query/data/json`.
    ///
    /// The answer is either the result or, with HTTP 202 or a pending `status_code`, the handle of a running query.
    /// - Parameters:
    ///   - query: the API's query object, sent as it is.
    ///   - control: keys that govern the run, set in the query object.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, its body unread.
    /// - Throws: ``SupermetricsError``; once the answer has begun, failures come from its body.
    public func submit(
        _ query: JSONObject,
        control: QueryControl = QueryControl(),
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> StreamedResponse {
        try await executor.stream(submission(query, control, options))
    }

    /// Looks at a running query: `GET /query/status`.
    ///
    /// When it is done the answer is its result.
    /// - Parameters:
    ///   - scheduleID: the query's `schedule_id`.
    ///   - offsetStart: the first row wanted if the query is done, counted from 0.
    ///   - offsetEnd: the last row wanted, inclusive.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, its body unread.
    /// - Throws: ``SupermetricsError``; ``SupermetricsError/isResultGone`` when the API does not know the query.
    public func status(
        of scheduleID: String,
        offsetStart: Int? = nil,
        offsetEnd: Int? = nil,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> StreamedResponse {
        var json: JSONObject = ["schedule_id": .string(scheduleID)]
        json["offset_start"] = offsetStart.map { .number(JSONNumber($0)) }
        json["offset_end"] = offsetEnd.map { .number(JSONNumber($0)) }
        return try await executor.stream(dataRequest("/query/status", json, options))
    }

    /// Fetches rows of a finished query: `GET /query/results`.
    ///
    /// - Parameters:
    ///   - scheduleID: the query's `schedule_id`.
    ///   - offset: the first row, counted from 0.
    ///   - limit: how many rows at most, 1 to ``maximumPageRows``.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, its body unread.
    /// - Throws: ``SupermetricsError``; ``SupermetricsError/isResultGone`` when the result has expired.
    public func results(
        of scheduleID: String,
        offset: Int = 0,
        limit: Int = Queries.maximumPageRows,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> StreamedResponse {
        guard offset >= 0, 1...Self.maximumPageRows ~= limit else {
            throw SupermetricsError(.client, "a page of results starts at 0 or later and has 1 to 100000 rows")
        }
        let json: JSONObject = [
            "schedule_id": .string(scheduleID), "offset": .number(JSONNumber(offset)),
            "limit": .number(JSONNumber(limit)),
        ]
        return try await executor.stream(dataRequest("/query/results", json, options))
    }

    /// Looks at a running query the way the Python SDK does: `GET /query/data/json` with an empty `ds_id`.
    ///
    /// - Parameters:
    ///   - id: a `schedule_id`, or the `request_id` of the answer to the submission.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, its body unread.
    /// - Throws: ``SupermetricsError``.
    public func poll(
        _ id: String,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> StreamedResponse {
        try await executor.stream(
            dataRequest("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], options)
        )
    }

    func submission(
        _ query: JSONObject,
        _ control: QueryControl,
        _ options: RequestOptions
    ) throws(SupermetricsError) -> APIRequest {
        guard query["api_key"] == nil else {
            throw SupermetricsError(
                .client,
                "the query holds an api_key",
                advice: "remove it: the client sends its own credential"
            )
        }
        let body = try control.applied(to: query)
        let serverWait = body["sync_timeout"]?.intValue.map { Duration.seconds($0) }
        return APIRequest(
            method: .post,
            path: "/query/data/json",
            body: .json(.object(body)),
            profile: .data(serverWait: serverWait),
            isRepeatable: true,
            options: options
        )
    }

    func dataRequest(_ path: APIPath, _ json: JSONObject, _ options: RequestOptions) -> APIRequest {
        var request = APIRequest.get(path, json: json, options: options)
        request.profile = .data(serverWait: .zero)
        return request
    }
}

/// Keys of a query object that say how it is run rather than what it asks for; nil leaves the query's own.
public struct QueryControl: Sendable, Hashable {
    /// A handle of the caller's choosing, at most 50 of `A-Z a-z 0-9 _ -`; a running query of that id is joined.
    public var scheduleID: String?
    /// Seconds the server may wait for the result before it answers with a handle; 0 answers at once.
    public var syncTimeout: Int?
    /// The first row wanted in the answer, counted from 0.
    public var offsetStart: Int?
    /// The last row wanted in the answer, inclusive.
    public var offsetEnd: Int?
    /// The most rows the query may return at all.
    public var maxRows: Int?
    /// The oldest cached result that will do, in minutes.
    public var cacheMinutes: Int?
    /// Whether to leave out the row of display names: `settings.no_headers`.
    public var noHeaders: Bool?

    /// No key set.
    public init() {}

    func applied(to query: JSONObject) throws(SupermetricsError) -> JSONObject {
        var query = query
        if let scheduleID {
            guard Self.isScheduleID(scheduleID) else {
                throw SupermetricsError(.client, "a schedule id is 1 to 50 of A-Z, a-z, 0-9, _ and -")
            }
            query["schedule_id"] = .string(scheduleID)
        }
        for (key, value) in [
            ("sync_timeout", syncTimeout), ("offset_start", offsetStart), ("offset_end", offsetEnd),
            ("max_rows", maxRows), ("cache_minutes", cacheMinutes),
        ] {
            if let value { query[key] = .number(JSONNumber(value)) }
        }
        if let noHeaders {
            var settings = query["settings"]?.objectValue ?? JSONObject()
            settings["no_headers"] = .bool(noHeaders)
            query["settings"] = .object(settings)
        }
        return query
    }

    private static func isScheduleID(_ text: String) -> Bool {
        1...50 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
