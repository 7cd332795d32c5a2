/// One query from submission to its end, for those who read whole answers.
struct QueryRun {
    /// Rows wanted in the answer that brings the result; nil for all.
    var firstRows: Range<Int>?
    private let executor: RequestExecutor
    private let options: RequestOptions
    private(set) var lifecycle: QueryLifecycle

    init(_ executor: RequestExecutor, scheduleID: String?, _ options: RequestOptions) {
        self.executor = executor
        self.options = options
        lifecycle = QueryLifecycle(
            pollInterval: executor.configuration.pollInterval,
            deadline: executor.configuration.queryTimeout,
            scheduleID: scheduleID
        )
    }

    /// Submits the query and looks at it until its result is there.
    ///
    /// - Returns: the answer with the result's rows, or with the first of them.
    mutating func result(
        of submission: APIRequest
    ) async throws(SupermetricsError) -> Response<DataResponse> {
        let settings = executor.configuration
        let stopwatch = Stopwatch(settings.clock)
        var request = submission
        var isFetching = false
        var wasAnswered = false
        while true {
            var answered: Response<DataResponse>?
            let step: QueryLifecycle.Step
            do throws(SupermetricsError) {
                let answer = try await Self.whole(request, executor)
                answered = answer
                wasAnswered = true
                step = lifecycle.receive(
                    answer.value.queryAnswer,
                    elapsed: stopwatch.elapsed,
                    random: settings.random()
                )
            } catch {
                // Nobody was there to begin with: no query runs that could be waited for.
                guard wasAnswered || !error.wasNotSent else { throw error }
                step = lifecycle.receive(error, elapsed: stopwatch.elapsed, random: settings.random())
            }
            switch step {
            case .wait(let pause):
                try await settings.clock.pause(for: pause)
                request = try look()
            case .ready:
                if let answered, answered.value.data != nil { return answered }
                guard !isFetching else {
                    if let answered, answered.value.mayBeEmpty { return answered }
                    throw SupermetricsError(.protocolViolation, "the query succeeded, and its result has no data")
                }
                isFetching = true
                request = try fetch(firstRows)
            case .lost(let error), .fail(let error): throw error
            }
        }
    }

    /// Rows of the finished query.
    func rows(_ range: Range<Int>) async throws(SupermetricsError) -> Response<DataResponse> {
        try await Self.whole(fetch(range), executor)
    }

    private func look() throws(SupermetricsError) -> APIRequest {
        switch lifecycle.handle {
        case .scheduleID(let id): .data("/query/status", ["schedule_id": .string(id)], firstRows, options)
        case .requestID, nil: try fetch(firstRows)
        }
    }

    private func fetch(_ range: Range<Int>?) throws(SupermetricsError) -> APIRequest {
        switch lifecycle.handle {
        case .scheduleID(let id):
            var json: JSONObject = ["schedule_id": .string(id)]
            json["offset"] = range.map { .number(JSONNumber($0.lowerBound)) }
            json["limit"] = range.map { .number(JSONNumber($0.count)) }
            return .data("/query/results", json, options)
        case .requestID(let id):
            return .data("/query/data/json", ["ds_id": "", "schedule_id": .string(id)], range, options)
        case nil:
            throw SupermetricsError(.protocolViolation, "the query is pending, and no answer gave its id")
        }
    }

    static func whole(
        _ request: APIRequest,
        _ executor: RequestExecutor
    ) async throws(SupermetricsError) -> Response<DataResponse> {
        let raw = try await executor.json(request)
        return Response(value: try raw.read { raw throws(ModelError) in try DataResponse(raw) }, raw: raw)
    }
}

extension APIRequest {
    /// A look at a query or its result.
    static func data(_ path: APIPath, _ json: JSONObject, _ options: RequestOptions) -> APIRequest {
        var request = APIRequest.get(path, json: json, options: options)
        request.profile = .data(serverWait: .zero)
        return request
    }

    /// A look at a query, with these rows if it is done; `offset_end` is inclusive.
    static func data(
        _ path: APIPath,
        _ json: JSONObject,
        _ rows: Range<Int>?,
        _ options: RequestOptions
    ) -> APIRequest {
        var json = json
        json["offset_start"] = rows.map { .number(JSONNumber($0.lowerBound)) }
        json["offset_end"] = rows.map { .number(JSONNumber($0.upperBound - 1)) }
        return data(path, json, options)
    }
}
