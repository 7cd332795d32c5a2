extension APIClient {
    /// Queries: run them, wait for them, read their rows.
    public var queries: Queries<Self> { Queries(runner: runner) }
}

/// The query endpoints (`/query/…`).
///
/// A query runs on the server: the answer to its submission is the result where that is quick, else the handle of a
/// running query (API reference, "Asynchronous queries"). ``executeAndWait(_:options:)`` and
/// ``pages(_:rowsPerPage:options:)`` do the waiting.
public struct Queries<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Rows that one page of a result may have.
    public static var maximumPageRows: Int { 100_000 }

    /// Runs a query and takes the answer as it comes: the result, or the handle of a running query.
    ///
    /// - Parameters:
    ///   - query: the query.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value has ``DataResponse/data`` where the query is done.
    public func execute(
        _ query: DataQuery,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataResponse, Client> {
        call { () throws(SupermetricsError) in
            try submission(query, options)
        } decode: { raw throws(ModelError) in
            try DataResponse(raw)
        }
    }

    /// Looks at a query: its result when it is done.
    ///
    /// - Parameters:
    ///   - id: the query's `schedule_id`, or the `request_id` of the answer to ``execute(_:options:)``.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value has ``DataResponse/data`` where the query is done.
    public func getResults(id: String, options: RequestOptions = RequestOptions()) -> Call<DataResponse, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(id, "query_id", atMost: 255)
            return .data("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], options)
        } decode: { raw throws(ModelError) in
            try DataResponse(raw)
        }
    }

    /// Looks at a query without fetching its rows but the first: `GET /query/status`.
    ///
    /// - Parameters:
    ///   - scheduleID: the query's `schedule_id`.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error with ``SupermetricsError/isResultGone`` where the API does not know the query.
    public func getStatus(
        scheduleID: String,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataResponse, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(scheduleID, "schedule_id", atMost: 255)
            return .data("/query/status", ["schedule_id": .string(scheduleID)], 0..<1, options)
        } decode: { raw throws(ModelError) in
            try DataResponse(raw)
        }
    }

    /// Runs a query and waits for its whole result, up to the client's query timeout.
    ///
    /// The query is submitted to run in the background. Cancelling the task stops the waiting, not the query: the API
    /// has no call for that.
    /// - Parameters:
    ///   - query: the query; its `syncTimeout` is 0 unless it has one.
    ///   - options: what each request does differently from the client.
    /// - Returns: the call; an error of kind `client` where the result has more pages than one answer holds.
    public func executeAndWait(
        _ query: DataQuery,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataResponse, Client> {
        Call(runner) { () throws(SupermetricsError) in
            try submission(query.inBackground, options)
        } perform: { (executor, request) async throws(SupermetricsError) in
            var run = QueryRun(executor, scheduleID: query.scheduleID, options)
            let response = try await run.result(of: request)
            guard !response.value.hasMore else {
                throw SupermetricsError(.client, "the result has more than one page", advice: "read it with pages")
            }
            return response
        }
    }

    /// Runs a query, waits for it and reads its rows page by page, holding one page at a time.
    ///
    /// The row of display names is left out (`settings.no_headers`), since it would repeat on every page. A query that
    /// pivots has its column names nowhere else: read it with ``executeAndWait(_:options:)``.
    /// - Parameters:
    ///   - query: the query; its own offsets are replaced, and its `syncTimeout` is 0 unless it has one.
    ///   - rowsPerPage: the most rows of a page, 1 to ``maximumPageRows``.
    ///   - options: what each request does differently from the client.
    /// - Returns: the pages; nothing is sent before the first is asked for.
    public func pages(
        _ query: DataQuery,
        rowsPerPage: Int = 10_000,
        options: RequestOptions = RequestOptions()
    ) -> QueryPages<Client> {
        var paged = query.inBackground
        (paged.offsetStart, paged.offsetEnd) = (0, max(1, rowsPerPage) - 1)
        paged.settings["no_headers"] = true
        let submission = Result { [paged] () throws(SupermetricsError) in
            try Check.range(rowsPerPage, "rowsPerPage", 1...Self.maximumPageRows)
            return try self.submission(paged, options)
        }
        return QueryPages(
            runner: runner,
            submission: submission,
            scheduleID: query.scheduleID,
            rowsPerPage: max(1, rowsPerPage),
            options: options
        )
    }

    /// Reads the rows of a query submitted before, page by page; it is waited for where it still runs.
    ///
    /// A query that was submitted without `settings.no_headers` has its row of display names on every page.
    /// - Parameters:
    ///   - scheduleID: the query's `schedule_id`.
    ///   - rowsPerPage: the most rows of a page, 1 to ``maximumPageRows``.
    ///   - options: what each request does differently from the client.
    /// - Returns: the pages; an error with ``SupermetricsError/isResultGone`` where the API does not know the query.
    public func pages(
        scheduleID: String,
        rowsPerPage: Int = 10_000,
        options: RequestOptions = RequestOptions()
    ) -> QueryPages<Client> {
        let look = Result { () throws(SupermetricsError) in
            try Check.text(scheduleID, "schedule_id", atMost: 255)
            try Check.range(rowsPerPage, "rowsPerPage", 1...Self.maximumPageRows)
            return APIRequest.data("/query/status", ["schedule_id": .string(scheduleID)], 0..<rowsPerPage, options)
        }
        return QueryPages(
            runner: runner,
            submission: look,
            scheduleID: scheduleID,
            rowsPerPage: max(1, rowsPerPage),
            options: options
        )
    }

    private func submission(
        _ query: DataQuery,
        _ options: RequestOptions
    ) throws(SupermetricsError) -> APIRequest {
        let request = try APIRequest.submission(query.parameters, QueryControl(), options)
        try query.check()
        return request
    }
}

extension Queries where Client == SupermetricsClient {
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
        try await runner.executor.stream(.submission(query, control, options))
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
        return try await runner.executor.stream(.data("/query/status", json, options))
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
        limit: Int = maximumPageRows,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> StreamedResponse {
        guard offset >= 0, 1...Self.maximumPageRows ~= limit else {
            throw SupermetricsError(.client, "a page of results starts at 0 or later and has 1 to 100000 rows")
        }
        let json: JSONObject = [
            "schedule_id": .string(scheduleID), "offset": .number(JSONNumber(offset)),
            "limit": .number(JSONNumber(limit)),
        ]
        return try await runner.executor.stream(.data("/query/results", json, options))
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
        try await runner.executor.stream(
            .data("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], options)
        )
    }
}

extension APIRequest {
    static func submission(
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

    static func isScheduleID(_ text: String) -> Bool {
        1...50 ~= text.utf8.count && text.utf8.allSatisfy(Check.isIDCharacter)
    }
}
