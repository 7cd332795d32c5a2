import ByteCodecs
import Foundation
import PipelineCore
import SupermetricsAPI

/// The calls one window makes: submit, look, fetch pages, one page ahead at most.
final class QueryCalls {
    /// A query whose result is there.
    struct Answered {
        enum Rows {
            /// In this answer, whose body was read as far as this place of this chunk.
            case here(StreamedResponse, ByteChunk, offset: Int)
            /// To be fetched page by page.
            case elsewhere
        }

        var query: KnownQuery
        var meta: ResultMeta
        var rows: Rows
    }

    private struct Ahead {
        var offset: Int
        var limit: Int
        var call: Task<StreamedResponse, any Error>
    }

    /// Accounts a query may name one by one; more are asked for as the job file wrote them.
    private static let maximumAccounts = 100

    /// Requests made.
    private(set) var count = 0
    private let extractor: Extractor
    private let request: WindowRequest
    private let options: RequestOptions
    private let record: @Sendable (QueryPart, String) async throws -> Void
    private var ahead: Ahead?

    init(
        _ extractor: Extractor, _ request: WindowRequest, retries: RetryBudget,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void
    ) {
        self.extractor = extractor
        self.request = request
        self.record = record
        var options = RequestOptions()
        options.retryBudget = retries
        self.options = options
    }

    private var queries: Queries { extractor.client.queries }

    // MARK: Submit and look

    /// Waits for the result of a leaf's query: one known from before, else a new one.
    func result(of leaf: PartTree.Leaf, firstRows: Int, reader: inout RowReader) async throws -> Answered {
        if let query = leaf.query, let answered = try await follow(query, isNew: false, firstRows, &reader) {
            return answered
        }
        for _ in 0...extractor.settings.rereads {
            let query = KnownQuery(part: leaf.part, scheduleID: ScheduleID.make(), sentAt: extractor.now())
            try await record(leaf.part, query.scheduleID)
            FaultPoint.pass("query.recorded")
            if let answered = try await follow(query, isNew: true, firstRows, &reader) { return answered }
        }
        throw ExtractionError(.incomplete, "the API dropped the query before it had a result; run it again")
    }

    /// Submits the query if it is new, then looks until its result is there; nil where the API does not know it.
    private func follow(
        _ query: KnownQuery, isNew: Bool, _ firstRows: Int, _ reader: inout RowReader
    ) async throws -> Answered? {
        var lifecycle = QueryLifecycle(
            pollInterval: extractor.settings.pollInterval, deadline: extractor.settings.queryTimeout,
            scheduleID: query.scheduleID)
        let elapsed = Self.stopwatch(extractor.clock)
        var isSubmitted = !isNew
        while true {
            let step: QueryLifecycle.Step
            var answer: Answer?
            do {
                let response = try await isSubmitted
                    ? look(lifecycle.handle ?? .scheduleID(query.scheduleID), firstRows)
                    : submit(query, firstRows)
                isSubmitted = true
                let read = try await self.read(response, of: query, &reader)
                answer = read
                step = lifecycle.receive(read.said, elapsed: elapsed(), random: extractor.random())
            } catch let error as SupermetricsError {
                guard isSubmitted else { throw error }
                // A failure to look is none of the query, but a window looks in vain only so often.
                guard options.retryBudget?.remaining != 0 || !error.isTransient else { throw error }
                step = lifecycle.receive(error, elapsed: elapsed(), random: extractor.random())
            }
            switch step {
            case .wait(let pause):
                reader.abandonBody()
                try await answer?.drain()
                try await extractor.clock.sleep(for: pause)
            case .ready:
                guard let answer, answer.said.hasData else {
                    // Done, but without rows: the next look has them. One that never has ends at the deadline.
                    try await extractor.clock.sleep(for: extractor.settings.pollInterval)
                    guard elapsed() < extractor.settings.queryTimeout else { return nil }
                    continue
                }
                return Answered(query: query, meta: answer.meta, rows: answer.rows)
            case .lost: return nil
            case .fail(let error): throw error
            }
        }
    }

    private func submit(_ query: KnownQuery, _ firstRows: Int) async throws -> StreamedResponse {
        var body = request.query
        if let days = query.part.days {
            body["start_date"] = .string(days.start.description)
            body["end_date"] = .string(days.end.description)
        }
        if !query.part.accounts.isEmpty, query.part.accounts.count <= Self.maximumAccounts {
            body["ds_accounts"] = .array(query.part.accounts.map { .string($0) })
        }
        var control = QueryControl()
        control.scheduleID = query.scheduleID
        control.syncTimeout = Int(extractor.settings.serverWait / .seconds(1))
        control.offsetStart = 0
        control.offsetEnd = firstRows - 1
        control.noHeaders = true
        if body["max_rows"] == nil { control.maxRows = extractor.settings.rowLimit }
        if request.isFresh, body["cache_minutes"] == nil { control.cacheMinutes = 0 }
        count += 1
        return try await checked(queries.submit(body, control: control, options: options))
    }

    private func look(_ handle: QueryLifecycle.Handle, _ firstRows: Int) async throws -> StreamedResponse {
        count += 1
        switch handle {
        case .scheduleID(let id):
            return try await checked(
                queries.status(of: id, offsetStart: 0, offsetEnd: firstRows - 1, options: options))
        case .requestID(let id): return try await checked(queries.poll(id, options: options))
        }
    }

    private func checked(_ response: StreamedResponse) throws -> StreamedResponse {
        try extractor.checkClock(against: response.date)
        return response
    }

    // MARK: Answers

    /// An answer to a submission or a look, read as far as its rows.
    private struct Answer {
        var said: QueryAnswer
        var meta: ResultMeta
        var rows: Answered.Rows

        /// Reads the rest of a small answer, so that its connection can be used again.
        func drain() async throws {
            guard case .here(let response, _, _) = rows else { return }
            while try await response.body.next() != nil {}
        }
    }

    private func read(
        _ response: StreamedResponse, of query: KnownQuery, _ reader: inout RowReader
    ) async throws -> Answer {
        reader.schema = nil
        reader.beginBody()
        var meta: ResultMeta?
        do {
            while let chunk = try await response.body.next() {
                var offset = 0
                while let event = try chunk.withBytes({ bytes throws(ReadError) in
                    try reader.next(from: bytes, at: &offset)
                }) {
                    switch event {
                    case .meta(let bytes): meta = try decode(bytes, response)
                    case .error(let bytes): throw response.error(decoding: bytes)
                    case .rowsBegin(afterMeta: true):
                        return answer(response, meta, hasData: true, .here(response, chunk, offset: offset))
                    case .rowsBegin(afterMeta: false):
                        reader.abandonBody()
                        return try await answer(response, metaAlone(of: query), hasData: true, .elsewhere)
                    case .batch, .end: break
                    }
                }
            }
            while true {
                switch try reader.finish() {
                case .meta(let bytes): meta = try decode(bytes, response)
                case .error(let bytes): throw response.error(decoding: bytes)
                case .end(let body): return answer(response, meta, hasData: body.hasData, .elsewhere)
                case .rowsBegin, .batch: break
                }
            }
        } catch let error as ReadError {
            reader.abandonBody()
            throw response.violation("\(error)", isTransient: true)
        } catch {
            reader.abandonBody()
            throw error
        }
    }

    private func answer(
        _ response: StreamedResponse, _ meta: ResultMeta?, hasData: Bool, _ rows: Answered.Rows
    ) -> Answer {
        let said = QueryAnswer(
            httpStatus: response.status, statusWord: meta?.status, scheduleID: meta?.scheduleID,
            requestID: meta?.requestID, hasData: hasData, retryAfter: response.retryAfter)
        return Answer(said: said, meta: meta ?? ResultMeta(), rows: rows)
    }

    private func decode(_ bytes: [UInt8], _ response: StreamedResponse) throws -> ResultMeta {
        do { return try ResultMeta(json: bytes) } catch {
            throw response.violation("its `meta` is not what the API documents", isTransient: true)
        }
    }

    /// Where rows come before the metadata that describe them: asks for one row, whose answer is small enough to hold.
    private func metaAlone(of query: KnownQuery) async throws -> ResultMeta {
        count += 1
        let response = try await queries.status(of: query.scheduleID, offsetStart: 0, offsetEnd: 0, options: options)
        var bytes: [UInt8] = []
        while let chunk = try await response.body.next() {
            chunk.withBytes { span in unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) } }
            guard bytes.count <= 16 << 20 else {
                throw response.violation("an answer of one row is longer than 16 MiB", isTransient: false)
            }
        }
        guard let meta = (try? JSONValue(parsing: bytes))?["meta"] else {
            throw response.violation("the answer has no `meta`", isTransient: true)
        }
        return try decode(meta.serialized, response)
    }

    // MARK: Pages

    /// The answer for a page of a finished query; the one asked for ahead where it is the same.
    func page(of query: KnownQuery, offset: Int, limit: Int, leaf: Int) async throws -> StreamedResponse {
        do {
            if let ahead, ahead.offset == offset, ahead.limit == limit {
                self.ahead = nil
                return try await ahead.call.value
            }
            cancelNextPage()
            count += 1
            return try await queries.results(of: query.scheduleID, offset: offset, limit: limit, options: options)
        } catch let error as SupermetricsError where error.isResultGone {
            throw ReadAgain(cause: .gone(leaf: leaf), requestID: error.requestID)
        }
    }

    /// Asks for a page now whose body is read later.
    func askAhead(of query: KnownQuery, offset: Int, limit: Int) {
        cancelNextPage()
        count += 1
        let (queries, options) = (queries, options)
        let call = Task {
            try await queries.results(of: query.scheduleID, offset: offset, limit: limit, options: options)
        }
        ahead = Ahead(offset: offset, limit: limit, call: call)
    }

    func cancelNextPage() {
        ahead?.call.cancel()
        ahead = nil
    }

    /// How many rows there are at `offset`, 0 or 1.
    func rowsBehind(_ offset: Int, of query: KnownQuery, schema: Schema, leaf: Int) async throws -> Int {
        let response = try await page(of: query, offset: offset, limit: 1, leaf: leaf)
        var reader = RowReader()
        reader.schema = schema
        reader.beginBody()
        do {
            while let chunk = try await response.body.next() {
                var position = 0
                while let event = try chunk.withBytes({ bytes throws(ReadError) in
                    try reader.next(from: bytes, at: &position)
                }) {
                    if case .error(let bytes) = event { throw response.error(decoding: bytes) }
                }
            }
            while true {
                if case .end(let body) = try reader.finish() { return body.rowCount }
            }
        } catch let error as ReadError {
            throw response.violation("\(error)", isTransient: true)
        }
    }

    /// Measures from now on, by whatever clock.
    private static func stopwatch<C: Clock<Duration>>(_ clock: C) -> () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }
}

/// Makes the handles queries are sent with: unique, within what the API takes.
enum ScheduleID {
    static func make() -> String {
        let digits = [UInt64.random(in: 0 ... .max), .random(in: 0 ... .max)].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return "sluice-" + digits.joined()
    }
}
