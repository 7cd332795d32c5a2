import ByteCodecs
import Foundation
import PipelineCore
import SupermetricsAPI

/// The calls one window makes: submit, look, fetch pages, one page ahead at most.
final class QueryCalls {
    /// A query whose result is there.
    struct Answered {
        enum Rows {
            /// In this answer, whose body was read as far as this place of this chunk; nil where the reader has it all.
            case here(StreamedResponse, ByteChunk?, offset: Int)
            /// To be fetched page by page.
            case elsewhere
        }

        var query: KnownQuery
        var meta: ResultMeta
        var rows: Rows
        /// Rows asked for in this answer; nil for all.
        var asked: Int?
    }

    /// What came of watching a query.
    private enum Watched {
        case answered(Answered)
        /// The API does not know it, or it is an earlier run's that failed: to be sent anew.
        case lost(SupermetricsError)
    }

    private struct Ahead {
        var offset: Int
        var limit: Int
        var call: Task<StreamedResponse, any Error>
    }

    /// How much of an answer nobody needs is read so that its connection can be used again.
    private static let worthReading = 64 << 10

    private let extractor: Extractor
    private let request: WindowRequest
    private let tally: RequestTally
    private let options: RequestOptions
    private let record: @Sendable (QueryPart, String) async throws -> Void
    private var ahead: Ahead?

    init(
        _ extractor: Extractor,
        _ request: WindowRequest,
        tally: RequestTally,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void
    ) {
        self.extractor = extractor
        self.request = request
        self.tally = tally
        self.record = record
        var options = RequestOptions()
        options.retryBudget = tally.retries
        self.options = options
    }

    private var queries: Queries<SupermetricsClient> { extractor.client.queries }

    // MARK: Submit and look

    /// Waits for the result of a leaf's query: one known from before, else a new one.
    func result(of leaf: PartTree.Leaf, firstRows: Int, reader: inout RowReader) async throws -> Answered {
        if let query = leaf.query,
            case .answered(let answered) = try await watch(query, isNew: false, firstRows, &reader)
        {
            return answered
        }
        var tries = extractor.settings.rereads
        while true {
            let query = KnownQuery(part: leaf.part, scheduleID: ScheduleID.make(), sentAt: extractor.now())
            try await record(leaf.part, query.scheduleID)
            FaultPoint.pass("query.recorded")
            switch try await watch(query, isNew: true, firstRows, &reader) {
            case .answered(let answered): return answered
            case .lost(let error):
                guard tries > 0 else { throw error }
                tries -= 1
            }
        }
    }

    /// Submits the query if it is new, then looks until its result is there.
    private func watch(
        _ query: KnownQuery,
        isNew: Bool,
        _ firstRows: Int,
        _ reader: inout RowReader
    ) async throws -> Watched {
        // The handle is this side's own, so that a query can be looked for although the answer to its submission was
        // lost on the way.
        var lifecycle = QueryLifecycle(
            pollInterval: extractor.settings.pollInterval,
            deadline: extractor.settings.queryTimeout,
            scheduleID: query.scheduleID
        )
        let elapsed = Self.stopwatch(extractor.clock)
        var query = query
        var isSubmitted = !isNew
        var wasAnswered = false
        var unreadable = 0
        while true {
            let handle = isSubmitted ? lifecycle.handle ?? .scheduleID(query.scheduleID) : nil
            let step: QueryLifecycle.Step
            var answer: Answer?
            do {
                let response =
                    if let handle {
                        try await look(handle, firstRows)
                    } else {
                        try await submit(query, firstRows, left: extractor.settings.queryTimeout - elapsed())
                    }
                (isSubmitted, wasAnswered) = (true, true)
                let read = try await self.read(response, of: query, &reader)
                answer = read
                let next = lifecycle.receive(read.said, elapsed: elapsed(), random: extractor.random())
                if let id = read.said.scheduleID, id != query.scheduleID, ScheduleID.isOne(id) {
                    // The API goes by a handle of its own; a run that dies is to be found by it too.
                    query.scheduleID = id
                    try await record(query.part, id)
                }
                if case .ready = next, !read.meta.describesColumns {
                    throw response.violation("the result comes without a description of its columns", isTransient: true)
                }
                step = next
                unreadable = 0
            } catch let error as SupermetricsError {
                // An error under HTTP 200 refuses a submission like any other: no query runs that could be looked at.
                let isRefused = handle == nil && isSubmitted && error.isAPI
                if isRefused { isSubmitted = false }
                guard isSubmitted || isRefused && error.isTransient else {
                    guard error.isResultGone else { throw error }
                    return .lost(error)
                }
                // Nobody is there, and the client has tried as often as makes sense.
                guard wasAnswered || !error.wasNotSent else { throw error }
                if error.kind == .protocolViolation { unreadable += 1 }
                guard unreadable < Extractor.resumesWithoutProgress else { throw error }
                // A failure to look is none of the query, but a window looks in vain only so often.
                if error.isTransient { guard tally.spend() else { throw error } }
                if !isNew, error.isResultGone { return .lost(error) }
                step = lifecycle.receive(error, elapsed: elapsed(), random: extractor.random())
            }
            switch step {
            case .wait(let pause):
                reader.abandonBody()
                await answer?.drain()
                try await extractor.clock.sleep(for: pause)
            case .ready:
                guard let answer else { continue }
                // The call that looks by request id takes no offsets.
                let asked: Int? = if case .requestID? = handle { nil } else { firstRows }
                return .answered(Answered(query: query, meta: answer.meta, rows: answer.rows, asked: asked))
            case .lost(let error): return .lost(error)
            case .fail(let error):
                guard !isNew, error.mayBeOfOldQuery else { throw error }
                return .lost(error)
            }
        }
    }

    /// Sends the query, whose result must be there before the time `left` is over.
    private func submit(_ query: KnownQuery, _ firstRows: Int, left: Duration) async throws -> StreamedResponse {
        var body = request.query
        if let days = query.part.days {
            body["start_date"] = .string(days.start.description)
            body["end_date"] = .string(days.end.description)
        }
        if !query.part.accounts.isEmpty, query.part.accounts.count <= QueryPart.maximumAccounts {
            body["ds_accounts"] = .array(query.part.accounts.map { .string($0) })
        }
        var control = QueryControl()
        control.scheduleID = query.scheduleID
        control.syncTimeout = Int(max(.zero, min(extractor.settings.serverWait, left)).components.seconds)
        control.offsetStart = 0
        control.offsetEnd = firstRows - 1
        control.noHeaders = !request.hasHeader
        if body["max_rows"] == nil { control.maxRows = extractor.settings.rowLimit }
        if request.isFresh, body["cache_minutes"] == nil { control.cacheMinutes = 0 }
        tally.add()
        return try await checked(queries.submit(body, control: control, options: options))
    }

    private func look(_ handle: QueryLifecycle.Handle, _ firstRows: Int) async throws -> StreamedResponse {
        tally.add()
        switch handle {
        case .scheduleID(let id):
            return try await checked(queries.status(of: id, offsetStart: 0, offsetEnd: firstRows - 1, options: options))
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

        /// Reads the rest of a small answer, so that its connection can be used again; what goes wrong with it is of no
        /// interest.
        func drain() async {
            guard case .here(let response, _, _) = rows else { return }
            var read = 0
            while read < QueryCalls.worthReading, let chunk = try? await response.body.next() { read += chunk.count }
        }
    }

    private func read(
        _ response: StreamedResponse,
        of query: KnownQuery,
        _ reader: inout RowReader
    ) async throws -> Answer {
        reader.schema = nil
        reader.beginBody(hasHeader: request.hasHeader)
        var meta: ResultMeta?
        var hasRows = false
        /// What the answer says, once its rows begin.
        func note(_ event: ReadEvent, _ chunk: ByteChunk?, at offset: Int) async throws -> Answer? {
            switch event {
            case .meta(let bytes): meta = try decode(bytes, response)
            case .error(let bytes): throw response.error(member: bytes, requestID: meta?.requestID)
            // The row that names the columns comes first.
            case .rowsBegin(afterMeta: true) where request.hasHeader: hasRows = true
            case .header(let bytes):
                meta?.name(columns: (try? JSONValue(parsing: bytes)) ?? .null)
                return answer(response, meta, hasData: true, .here(response, chunk, offset: offset))
            case .rowsBegin(afterMeta: true):
                return answer(response, meta, hasData: true, .here(response, chunk, offset: offset))
            case .rowsBegin(afterMeta: false):
                reader.abandonBody()
                return answer(response, try await metaAlone(of: query), hasData: true, .elsewhere)
            case .batch, .end: break
            }
            return nil
        }
        do {
            while let chunk = try await response.body.next() {
                var offset = 0
                while let event = try chunk.withBytes({ bytes throws(ReadError) in
                    try reader.next(from: bytes, at: &offset)
                }) {
                    if let answer = try await note(event, chunk, at: offset) { return answer }
                }
            }
            while true {
                let event = try reader.finish()
                if let answer = try await note(event, nil, at: 0) { return answer }
                guard case .end = event else { continue }
                if hasRows { meta?.name(columns: nil) }
                return answer(response, meta, hasData: hasRows, .elsewhere)
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
        _ response: StreamedResponse,
        _ meta: ResultMeta?,
        hasData: Bool,
        _ rows: Answered.Rows
    ) -> Answer {
        let said = QueryAnswer(
            httpStatus: response.status,
            statusWord: meta?.status,
            scheduleID: meta?.scheduleID,
            requestID: meta?.requestID,
            hasData: hasData,
            retryAfter: response.retryAfter
        )
        return Answer(said: said, meta: meta ?? ResultMeta(), rows: rows)
    }

    private func decode(_ bytes: [UInt8], _ response: StreamedResponse) throws -> ResultMeta {
        guard let meta = ResultMeta(json: bytes) else {
            throw response.violation("its `meta` is not what the API documents", isTransient: true)
        }
        return meta
    }

    /// Where rows come before the metadata that describe them: asks for one row, whose answer is small enough to hold.
    private func metaAlone(of query: KnownQuery) async throws -> ResultMeta {
        tally.add()
        let response = try await queries.status(of: query.scheduleID, offsetStart: 0, offsetEnd: 0, options: options)
        let body = try await small(response)
        guard var meta = body["meta"].flatMap({ ResultMeta($0) }) else {
            throw response.violation("the answer has no `meta`", isTransient: true)
        }
        if request.hasHeader, let rows = body["data"]?.arrayValue { meta.name(columns: rows.first) }
        return meta
    }

    /// The body of an answer of a row or two, which is small enough to hold.
    private func small(_ response: StreamedResponse) async throws -> JSONValue {
        var bytes: [UInt8] = []
        while let chunk = try await response.body.next() {
            chunk.withBytes { span in unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) } }
            guard bytes.count <= 16 << 20 else {
                throw response.violation("an answer of a row or two is longer than 16 MiB", isTransient: false)
            }
        }
        guard let body = try? JSONValue(parsing: bytes), body.objectValue != nil else {
            throw response.violation("the answer is not a JSON object", isTransient: true)
        }
        if let error = body["error"], !error.isNull { throw response.error(decoding: bytes) }
        return body
    }

    // MARK: Pages

    /// The answer for a page of a finished query; the one asked for ahead where it is the same.
    func page(of query: KnownQuery, offset: Int, limit: Int, leaf: Int) async throws -> StreamedResponse {
        do {
            if let ahead, ahead.offset == offset, ahead.limit == limit {
                self.ahead = nil
                return try await withTaskCancellationHandler {
                    try await ahead.call.value
                } onCancel: {
                    ahead.call.cancel()
                }
            }
            await cancelNextPage()
            tally.add()
            return try await queries.results(of: query.scheduleID, offset: offset, limit: limit, options: options)
        } catch let error as SupermetricsError where error.isResultGone {
            throw ReadAgain(cause: .gone(leaf: leaf, error), requestID: error.requestID)
        }
    }

    /// The answer with all rows of a finished query, and the header row before them.
    func whole(of query: KnownQuery, rows: Int, leaf: Int) async throws -> StreamedResponse {
        tally.add()
        do {
            return try await queries.status(
                of: query.scheduleID,
                offsetStart: 0,
                offsetEnd: rows - 1,
                options: options
            )
        } catch let error where error.isResultGone {
            throw ReadAgain(cause: .gone(leaf: leaf, error), requestID: error.requestID)
        }
    }

    /// Whether a result with a header row goes on behind `count` rows, of which `lastRow` is the last.
    ///
    /// Nobody knows whether the header row takes a place in the count of offsets: where it does, the last row is found
    /// once more.
    func hasMore(behind count: Int, lastRow: [UInt8], of query: KnownQuery, leaf: Int) async throws -> Bool {
        tally.add()
        let response: StreamedResponse
        do {
            response = try await queries.results(of: query.scheduleID, offset: count, limit: 2, options: options)
        } catch {
            guard error.isResultGone else { throw error }
            throw ReadAgain(cause: .gone(leaf: leaf, error), requestID: error.requestID)
        }
        guard let rows = try await small(response)["data"]?.arrayValue?.dropFirst() else {
            throw response.violation("the answer has no `data`", isTransient: true)
        }
        return rows.count > 1 || rows.contains { $0 != (try? JSONValue(parsing: lastRow)) }
    }

    /// Asks for a page now whose body is read later; there is none asked for already.
    func askAhead(of query: KnownQuery, offset: Int, limit: Int) {
        tally.add()
        let (queries, options) = (queries, options)
        let call = Task {
            try await queries.results(of: query.scheduleID, offset: offset, limit: limit, options: options)
        }
        ahead = Ahead(offset: offset, limit: limit, call: call)
    }

    /// Gives up the page that was asked for ahead, and waits until nothing of it is left.
    func cancelNextPage() async {
        guard let call = ahead.take()?.call else { return }
        call.cancel()
        _ = await call.result
    }

    /// How many rows there are at `offset`, 0 or 1, and the total that the answer announces.
    func rowsBehind(
        _ offset: Int,
        of query: KnownQuery,
        schema: Schema,
        leaf: Int
    ) async throws -> (rows: Int, total: Int?) {
        tally.add()
        let response: StreamedResponse
        do {
            response = try await queries.results(of: query.scheduleID, offset: offset, limit: 1, options: options)
        } catch {
            guard error.isResultGone else { throw error }
            throw ReadAgain(cause: .gone(leaf: leaf, error), requestID: error.requestID)
        }
        var reader = RowReader()
        reader.schema = schema
        reader.beginBody()
        var meta: ResultMeta?
        func note(_ event: ReadEvent) throws {
            switch event {
            case .meta(let bytes): meta = ResultMeta(json: bytes)
            case .error(let bytes): throw response.error(member: bytes, requestID: meta?.requestID)
            case .rowsBegin, .header, .batch, .end: break
            }
        }
        do {
            while let chunk = try await response.body.next() {
                var position = 0
                while let event = try chunk.withBytes({ bytes throws(ReadError) in
                    try reader.next(from: bytes, at: &position)
                }) { try note(event) }
            }
            while true {
                let event = try reader.finish()
                if case .end(let body) = event { return (body.rowCount, meta?.totalRows) }
                try note(event)
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

extension SupermetricsError {
    /// Whether it may tell of a query that was sent earlier and has ended badly, so that a new one may do better.
    fileprivate var mayBeOfOldQuery: Bool {
        switch kind {
        case .query, .api, .server, .validation, .notFound, .conflict: true
        case .authentication, .permission, .rateLimit, .quota, .network, .timeout, .protocolViolation, .client,
            .cancelled:
            false
        }
    }
}

/// The handles of queries: those they are sent with are unique, and within what the API takes.
enum ScheduleID {
    static func make() -> String {
        let digits = [UInt64.random(in: 0 ... .max), .random(in: 0 ... .max)].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return "sluice-" + digits.joined()
    }

    /// Whether a text can be a handle; those of the API have 64 characters.
    static func isOne(_ text: String) -> Bool {
        1...128 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
