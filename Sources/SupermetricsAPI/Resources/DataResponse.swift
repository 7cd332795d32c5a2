/// The answer to a query, read whole: for small results; large ones are streamed.
public struct DataResponse: Sendable, Hashable {
    /// The HTTP status: 202, and sometimes 200, while the query is running.
    public let httpStatus: Int
    /// The API's id of the exchange.
    public let requestID: String?
    /// The handle of the query.
    public let scheduleID: String?
    /// `status_code` as the API writes it.
    public let statusCode: String?
    /// The fields of the result, in the API's order.
    public let fields: [ResultField]
    /// The query as the API understood it.
    public let query: JSONValue?
    /// What the API says about the result as a whole, such as `total_rows` and `data_sampled`.
    public let result: JSONValue?
    /// All of `meta`, unknown keys included.
    public let meta: JSONValue
    /// The rows, the row of display names first unless the query left it out; nil when the answer has no `data`.
    public let data: [JSONValue]?

    /// The rows whose cells are a list, as the `json` format has them.
    public var rows: [[JSONValue]] { (data ?? []).compactMap(\.arrayValue) }

    /// Whether the API says there is another page.
    public var hasMore: Bool {
        meta["paginate"]?["next"]?.textValue.map { !$0.isEmpty } ?? false
    }

    let retryAfter: Duration?

    init(_ object: JSONObject, httpStatus: Int, requestID: String?, retryAfter: Duration?) throws(ModelError) {
        self.httpStatus = httpStatus
        self.retryAfter = retryAfter
        meta = object["meta"] ?? .null
        self.requestID = requestID
        scheduleID = meta["schedule_id"]?.textValue
        statusCode = meta["status_code"]?.textValue
        fields = try meta["query"]?.objectValue?.list("fields") ?? []
        query = meta["query"]
        result = meta["result"]
        switch object["data"] {
        case nil, .null: data = nil
        case .array(let rows): data = rows
        default: throw ModelError(reason: "data is no list")
        }
    }

    var queryAnswer: QueryAnswer {
        QueryAnswer(
            httpStatus: httpStatus,
            statusWord: statusCode,
            scheduleID: scheduleID,
            requestID: requestID,
            hasData: data != nil,
            retryAfter: retryAfter
        )
    }
}

/// One field of a result.
public struct ResultField: Sendable, Hashable, APIModel {
    /// The id as it was requested.
    public let id: String?
    /// The id the API uses.
    public let fieldID: String?
    /// The display name; names may repeat.
    public let name: String?
    /// `dim` for a dimension, `met` for a metric.
    public let fieldType: String?
    /// `row`, or `column` for a field whose values became columns.
    public let fieldSplit: String?
    /// The API's type, for example `string.time.date`; a hint only.
    public let dataType: String?
    /// The column in each row, counted from 0; nil for a field without one.
    public let dataColumn: Int?
    /// Whether the field shows.
    public let isVisible: Bool?

    init(_ object: JSONObject) throws(ModelError) {
        id = object.text("id")
        fieldID = object.text("field_id")
        name = object.text("field_name")
        fieldType = object.text("field_type")
        fieldSplit = object.text("field_split")
        dataType = object.text("data_type")
        dataColumn = object["data_column"]?.intValue
        isVisible = object["visible"]?.boolValue
    }
}

extension Queries {
    /// Runs a query and returns its answer as it comes: the result, or the handle of a running query.
    ///
    /// - Parameters:
    ///   - query: the API's query object, sent as it is.
    ///   - control: keys that govern the run, set in the query object.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, rows included where the query is done.
    /// - Throws: ``SupermetricsError``.
    public func execute(
        _ query: JSONObject,
        control: QueryControl = QueryControl(),
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> DataResponse {
        try await whole(submission(query, control, options))
    }

    /// Looks at a query: its result when it is done.
    ///
    /// - Parameters:
    ///   - id: the query's `schedule_id`, or the `request_id` of the answer to ``execute(_:control:options:)``.
    ///   - options: what this call does differently from the client.
    /// - Returns: the answer, rows included where the query is done.
    /// - Throws: ``SupermetricsError``.
    public func getResults(
        id: String,
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> DataResponse {
        try await whole(dataRequest("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], options))
    }

    /// Runs a query and waits for its result, up to the client's query timeout.
    ///
    /// The query is submitted to run in the background. Cancelling the task stops the waiting, not the query: the API
    /// has no call for that.
    /// - Parameters:
    ///   - query: the API's query object, sent as it is.
    ///   - control: keys that govern the run; `syncTimeout` is 0 unless set here or in the query.
    ///   - options: what each call does differently from the client.
    /// - Returns: the complete result.
    /// - Throws: ``SupermetricsError``; also when the result has more pages than one answer holds.
    public func executeAndWait(
        _ query: JSONObject,
        control: QueryControl = QueryControl(),
        options: RequestOptions = RequestOptions()
    ) async throws(SupermetricsError) -> DataResponse {
        var control = control
        if query["sync_timeout"] == nil, control.syncTimeout == nil { control.syncTimeout = 0 }
        let settings = executor.configuration
        var lifecycle = QueryLifecycle(
            pollInterval: settings.pollInterval,
            deadline: settings.queryTimeout,
            scheduleID: control.scheduleID ?? query["schedule_id"]?.textValue
        )
        let stopwatch = Stopwatch(settings.clock)
        var request = try submission(query, control, options)
        var isFetching = false
        while true {
            var ready: DataResponse?
            let step: QueryLifecycle.Step
            do throws(SupermetricsError) {
                let answer = try await whole(request)
                ready = answer.data == nil ? nil : answer
                step = lifecycle.receive(answer.queryAnswer, elapsed: stopwatch.elapsed, random: settings.random())
            } catch {
                step = lifecycle.receive(error, elapsed: stopwatch.elapsed, random: settings.random())
            }
            switch step {
            case .wait(let pause):
                try await settings.clock.pause(for: pause)
                request = try look(at: lifecycle.handle, options)
            case .ready:
                guard let ready else {
                    guard !isFetching, case .scheduleID(let id) = lifecycle.handle else {
                        throw SupermetricsError(.protocolViolation, "the query succeeded, and its result has no data")
                    }
                    isFetching = true
                    request = dataRequest("/query/results", ["schedule_id": .string(id)], options)
                    continue
                }
                guard !ready.hasMore else {
                    throw SupermetricsError(
                        .client,
                        "the result has more than one page",
                        advice: "read it with submit, status and results, which stream"
                    )
                }
                return ready
            case .lost(let error), .fail(let error): throw error
            }
        }
    }

    private func look(
        at handle: QueryLifecycle.Handle?,
        _ options: RequestOptions
    ) throws(SupermetricsError) -> APIRequest {
        switch handle {
        case .scheduleID(let id): return dataRequest("/query/status", ["schedule_id": .string(id)], options)
        case .requestID(let id):
            return dataRequest("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], options)
        case nil:
            throw SupermetricsError(.protocolViolation, "the query is pending, and no answer gave its id")
        }
    }

    private func whole(_ request: APIRequest) async throws(SupermetricsError) -> DataResponse {
        let answer = try await executor.json(request)
        return try answer.read { object throws(ModelError) in
            try DataResponse(
                object,
                httpStatus: answer.response.status,
                requestID: answer.requestID,
                retryAfter: answer.response.retryAfter
            )
        }
    }
}
