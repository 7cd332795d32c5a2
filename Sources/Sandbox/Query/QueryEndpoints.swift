import Crypto
import FoundationEssentials
import NIOCore

/// Running queries: `/query/data`, `/query/status`, `/query/results` (Supermetrics API: queries).
enum QueryEndpoints {
    static let routes = [
        Route(
            methods: ["GET", "POST"],
            path: "/query/data/{format}",
            prefixes: Route.queryPrefixes,
            parameters: DataQueryReader.knownParameters,
            phase: { parameters in
                if isPoll(parameters) { return .poll }
                return (parameters["offset_start"]?.wholeNumber ?? 0) > 0 ? .page : .submit
            },
            handler: data
        ),
        Route(
            methods: ["GET"],
            path: "/query/status",
            prefixes: Route.queryPrefixes,
            parameters: ["schedule_id", "offset_start", "offset_end", "api_key", "pretty"],
            phase: { ($0["offset_start"]?.wholeNumber ?? 0) > 0 ? .page : .poll },
            handler: status
        ),
        Route(
            methods: ["GET"],
            path: "/query/results",
            prefixes: Route.queryPrefixes,
            parameters: ["schedule_id", "offset", "limit", "api_key", "pretty"],
            phase: { _ in .page },
            handler: results
        ),
    ]

    /// The official SDK asks for a query's result with an empty `ds_id` and the id it has.
    private static func isPoll(_ parameters: RequestParameters) -> Bool {
        parameters.text("ds_id") == nil && parameters.text("schedule_id") != nil
    }

    @Sendable private static func data(_ exchange: Exchange) async throws -> Answer {
        guard exchange.segments["format"] == "json" else {
            throw APIFailure.invalid("format", "the sandbox serves json only.")
        }
        let reader = exchange.reader
        let page = try reader.offsets()
        guard !isPoll(exchange.parameters) else {
            let entry = try exchange.knownQuery()
            let timeout = try reader.number("sync_timeout", 0...3600) ?? 0
            try await exchange.hold(entry, for: Double(timeout), isFirst: false)
            return try exchange.answer(for: entry, page: page, paging: .offsets)
        }
        let query = try reader.query()
        let (entry, isFirst) = try exchange.enter(query)
        let timeout = query.syncTimeout.map(Double.init) ?? exchange.options.defaultSyncTimeout / .seconds(1)
        if isFirst, timeout == 0 {
            return exchange.pendingAnswer(for: entry, stage: .queued)
        }
        try await exchange.hold(entry, for: timeout, isFirst: isFirst)
        return try exchange.answer(for: entry, page: page, paging: .offsets)
    }

    @Sendable private static func status(_ exchange: Exchange) async throws -> Answer {
        let page = try exchange.reader.offsets()
        return try exchange.answer(for: exchange.knownQuery(), page: page, paging: .offsets)
    }

    @Sendable private static func results(_ exchange: Exchange) async throws -> Answer {
        let page = try exchange.reader.resultsRange()
        return try exchange.answer(for: exchange.knownQuery(), page: page, paging: .results)
    }
}

extension Exchange {
    fileprivate var reader: DataQueryReader {
        DataQueryReader(parameters: parameters, catalog: Catalog(options), options: options)
    }

    /// The query a request names by `schedule_id`.
    fileprivate func knownQuery() throws(APIFailure) -> QueryTable.Entry {
        guard let id = try reader.scheduleID() else { throw .invalid("schedule_id", "an id is required.") }
        guard let entry = service.withQueries({ table, now in table.entry(id, now: now) }) else {
            throw .statusNotFound
        }
        return entry
    }

    /// Enters a query, or finds the one that already goes by its id.
    fileprivate func enter(_ query: DataQuery) throws(APIFailure) -> (entry: QueryTable.Entry, isFirst: Bool) {
        let canonicalText = query.canonicalText
        let chosen = options.assignsScheduleIDs ? nil : query.scheduleID
        let scheduleID = chosen ?? SHA256.hash(data: Data((query.scheduleID ?? canonicalText).utf8)).hexadecimal
        service.amend(request.number) { $0.scheduleID = scheduleID }
        if let entry = attach(to: scheduleID) { return (entry, false) }
        let submission = QueryTable.Submission(
            scheduleID: scheduleID,
            requestID: requestID,
            canonicalText: canonicalText,
            rows: try ResultRows(query, options: options),
            duration: options.queryTime / .seconds(1),
            slots: options.concurrentQueries,
            lifetime: options.resultLifetime / .seconds(1),
            acceptedCacheAge: Double(query.cacheMinutes ?? options.defaultCacheMinutes) * 60,
            fails: drawFault(where: { $0 == .named(.failure) }) != nil
        )
        return service.withQueries { table, now in
            // Another request may have entered it while the rows were planned.
            if let entry = table.entry(scheduleID, now: now) { return (entry, false) }
            return (table.submit(submission, now: now), true)
        }
    }

    private func attach(to scheduleID: String) -> QueryTable.Entry? {
        service.withQueries { table, now in
            guard let entry = table.entry(scheduleID, now: now) else { return nil }
            table.alias(requestID, to: scheduleID)
            return entry
        }
    }

    /// Holds the request until the query has ended, at most `timeout` seconds.
    fileprivate func hold(_ entry: QueryTable.Entry, for timeout: Double, isFirst: Bool) async throws {
        let now = options.now()
        guard timeout > 0, now < entry.end else { return }
        if !isFirst {
            let mayWait = service.withQueries { table, _ in
                table.beginWaiting(entry.scheduleID, limit: options.maximumWaiters)
            }
            guard mayWait else { throw APIFailure.tooManyRequests(retryAfter: options.retryAfter) }
        }
        defer {
            if !isFirst { service.withQueries { table, _ in table.endWaiting(entry.scheduleID) } }
        }
        try await service.wait(until: min(entry.end, now.addingTimeInterval(timeout)))
    }

    /// The answer about a query as it stands now: pending, failed, or a page of rows.
    fileprivate func answer(for entry: QueryTable.Entry, page: PageRange, paging: Paging) throws(APIFailure) -> Answer {
        switch service.withQueries({ table, now in table.stage(of: entry, now: now) }) {
        case .success: pageAnswer(for: entry, page: page, paging: paging)
        case .failure: failureAnswer(for: entry)
        case let stage: pendingAnswer(for: entry, stage: stage)
        }
    }
}

extension Digest {
    /// Lower-case hexadecimal.
    fileprivate var hexadecimal: String {
        var bytes: [UInt8] = []
        for byte in self { bytes.append(contentsOf: [byte >> 4, byte & 15].map { $0 < 10 ? 0x30 + $0 : 0x57 + $0 }) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
