import ByteCodecs
package import PipelineCore
import SupermetricsAPI
import Synchronization

/// What is known of a window's rows once all have been read.
package struct WindowFacts: Hashable, Sendable {
    /// Rows the API announced, header rows not counted; nil where it announced none.
    package var announced: Int?
    /// Rows that arrived.
    package var received = 0
    /// Rows among them that are no Unicode text and are in no batch.
    package var badRows: [Reject] = []
    /// Requests made for the window.
    package var requests = 0
    package var requestIDs: [String] = []
    package var scheduleIDs: [String] = []
    package var isSampled = false
    /// The oldest cache that answered; nil where none did.
    package var cacheTime: Timestamp?
    /// When the oldest of the rows was asked for, or the cache's time.
    package var fetchedAt: Timestamp
    /// Things a person should know although the rows are believed.
    package var warnings: [String] = []
}

/// The rows of one window, read batch by batch from the pages of its queries.
///
/// Used by one task. Pulling is the back-pressure: apart from the next page's first bytes nothing is asked for before
/// the rows before it were taken.
package final class WindowRows {
    /// The columns, known once the window is open; the same for every query of the window.
    package private(set) var fields: [ResultField] = []
    /// The columns' names and types as batches are to carry them; to be set before the first batch is read.
    package var schema = Schema([])

    private(set) var tree: PartTree
    private let extractor: Extractor
    private let request: WindowRequest
    private let calls: QueryCalls
    private var known: WindowFacts
    private var reader: RowReader
    private var leaf = 0
    private var paging: Paging
    private var page: Page?
    private var lastPageHash: UInt64?
    private var resumes = 0
    private var isFlushed = false
    /// Whether two equal pages in a row were seen twice, so that the rows are what they are.
    private var believesRepeats = false

    /// A page whose body is being read.
    private struct Page {
        var response: StreamedResponse
        /// Rows asked for, a row asked for a second time not counted.
        var asked: Int
        var meta: ResultMeta?
        var chunk: ByteChunk?
        var chunkOffset = 0
    }

    init(
        _ extractor: Extractor, _ request: WindowRequest, tree: PartTree, retries: RetryBudget,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void
    ) {
        self.extractor = extractor
        self.request = request
        self.tree = tree
        calls = QueryCalls(extractor, request, retries: retries, record: record)
        known = WindowFacts(fetchedAt: extractor.now())
        reader = RowReader(batchSize: extractor.settings.batchBytes)
        paging = Paging(pageRows: extractor.pageLimit, headerCounted: extractor.headerCounted.withLock { $0 })
    }

    /// Rows the window is expected to have, once its first answer is there; nil where the API does not say.
    package var expectedRows: Int? { paging.announced }

    /// What is known so far; complete once `next` has returned nil.
    package var facts: WindowFacts {
        var facts = known
        facts.requests = calls.count
        return facts
    }

    /// Sends the first query, waits for its result, and reads as far as the columns.
    func open() async throws { try await openLeaf() }

    /// Gives up what is still being asked for.
    func close() {
        page = nil
        calls.cancelNextPage()
    }

    /// The next rows in order, about a batch size of them; nil after the last.
    ///
    /// - Throws: `SupermetricsError`, `ExtractionError`, and errors that make the extractor start the window again:
    ///   the caller lets all of them pass.
    package func next() async throws -> Batch? {
        while leaf < tree.leaves.count {
            if page == nil { try await openLeaf() }
            do {
                if let batch = try await readPage() { return batch }
            } catch let error as ReadError {
                try await resume(after: error)
            } catch let error as SupermetricsError where error.isTransient {
                try await resume(after: error)
            }
        }
        guard !isFlushed else { return nil }
        isFlushed = true
        try judgeHalves()
        known.received = tree.leaves.reduce(0) { $0 + ($1.rows ?? 0) }
        return reader.flush().map { take($0.batch, $0.badRows) }
    }

    // MARK: One query

    /// Has the query of the current leaf answered and its first page opened.
    private func openLeaf() async throws {
        paging = Paging(pageRows: extractor.pageLimit, headerCounted: extractor.headerCounted.withLock { $0 })
        lastPageHash = nil
        let firstPage = extractor.settings.pageRows
        let answered = try await extractor.queries.withPermit {
            try await calls.result(of: tree[leaf], firstRows: firstPage, reader: &reader)
        }
        tree[leaf].query = answered.query
        try accept(answered.meta, of: answered.query)
        switch answered.rows {
        case .here(let response, let chunk, let offset):
            page = Page(response: response, asked: firstPage, meta: answered.meta, chunk: chunk, chunkOffset: offset)
            askAhead(afterAsking: firstPage)
        case .elsewhere: try await openPage(offset: 0, limit: extractor.pageLimit)
        }
    }

    private func accept(_ meta: ResultMeta, of query: KnownQuery) throws {
        if let problem = meta.fieldsProblem ?? (meta.fields.isEmpty ? "the answer describes no fields" : nil) {
            throw ExtractionError(
                .unsupported, "the columns of the result cannot be told: \(problem)", requestID: meta.requestID)
        }
        if fields.isEmpty { fields = meta.fields }
        guard fields == meta.fields else {
            throw ExtractionError(
                .incomplete, "two queries of one window answered with different columns; run it again",
                requestID: meta.requestID)
        }
        known.fetchedAt = min(known.fetchedAt, query.sentAt, meta.cacheTime ?? query.sentAt)
        known.cacheTime = [known.cacheTime, meta.cacheTime].compactMap { $0 }.min()
        known.isSampled = known.isSampled || meta.isSampled
        known.scheduleIDs.append(query.scheduleID)
        if let id = meta.requestID { known.requestIDs.append(id) }
        _ = paging.announce(meta.totalRows)
        if let total = paging.total { try judgeCut(total) }
    }

    // MARK: Pages

    /// Reads on in the open page; nil where it ended or has no whole batch yet.
    private func readPage() async throws -> Batch? {
        reader.schema = schema
        guard let open = page else { return nil }
        var chunk = open.chunk
        if chunk == nil { chunk = try await open.response.body.next() }
        guard let chunk else { return try await endPage() }
        var offset = open.chunkOffset
        page?.chunk = chunk
        while let event = try chunk.withBytes({ bytes throws(ReadError) in try reader.next(from: bytes, at: &offset) }) {
            page?.chunkOffset = offset
            if let batch = try take(event) { return batch }
        }
        page?.chunk = nil
        page?.chunkOffset = 0
        return nil
    }

    /// The body of the open page is complete: what is left of it, then the step to the next page.
    private func endPage() async throws -> Batch? {
        while true {
            let event = try reader.finish()
            guard case .end(let body) = event else {
                if let batch = try take(event) { return batch }
                continue
            }
            guard let ended = page else { return nil }
            guard body.hasData else {
                throw ended.response.violation("a page came without rows", isTransient: true)
            }
            page = nil
            guard paging.announce(ended.meta?.totalRows) else {
                throw ReadAgain(cause: .contradiction("the announced number of rows changed between two pages"))
            }
            try judgeRepeated(body)
            if body.rowCount > 0 { resumes = 0 }
            try await follow(
                paging.pageEnded(rows: body.rowCount, asked: ended.asked, hasNextPage: ended.meta?.hasNextPage ?? false))
            return nil
        }
    }

    private func take(_ event: ReadEvent) throws -> Batch? {
        switch event {
        case .batch(let batch, let badRows): return take(batch, badRows)
        case .meta(let bytes): page?.meta = try? ResultMeta(json: bytes)
        case .error(let bytes): if let page { throw page.response.error(decoding: bytes) }
        case .rowsBegin, .end: break
        }
        return nil
    }

    private func take(_ batch: Batch, _ badRows: [BadRow]) -> Batch {
        known.badRows += badRows.map { bad in
            Reject(row: bad.row, column: schema.columns[bad.column].name, rule: bad.fault.description)
        }
        var batch = batch
        batch.schema = schema
        return batch
    }

    private func follow(_ step: Paging.Step) async throws {
        switch step {
        case .done: try endLeaf()
        case .page(let offset, let limit): try await openPage(offset: offset, limit: limit)
        case .proveHeader(let offset):
            let rows = try await calls.rowsBehind(offset, of: query, schema: schema, leaf: leaf)
            try await follow(paging.headerAnswered(rows: rows))
        case .contradiction(let text): throw ReadAgain(cause: .contradiction(text))
        }
    }

    /// Opens a page of the finished query; one asked for ahead is used where it fits.
    private func openPage(offset: Int, limit: Int, expecting row: [UInt8]? = nil) async throws {
        let early = row == nil ? 0 : 1
        let asked = min(limit + early, Queries.maximumPageRows)
        let response = try await calls.page(of: query, offset: offset - early, limit: asked, leaf: leaf)
        reader.beginBody(expecting: row)
        page = Page(response: response, asked: asked - early)
        askAhead(afterAsking: asked - early)
    }

    /// Asks for the page after the one just opened, so that it is there when this one has been read.
    private func askAhead(afterAsking asked: Int) {
        guard paging.expectsMore(afterAsking: asked) else { return }
        calls.askAhead(of: query, offset: paging.received + asked, limit: extractor.pageLimit)
    }

    /// A page broke off or cannot be read: asks for the rest of it, one row early, so that the seam can be compared.
    private func resume(after error: any Error) async throws {
        let read = reader.abandonBody().rowCount
        let broken = page
        page = nil
        calls.cancelNextPage()
        if let error = error as? ReadError, error.problem == .firstRowDiffers {
            throw ReadAgain(cause: .contradiction("a page did not go on where the one before it broke off"))
        }
        if read > 0 { resumes = 0 }
        paging.brokeOff(rows: read)
        guard resumes < Extractor.resumesWithoutProgress else {
            guard let error = error as? ReadError, let broken else { throw error }
            throw broken.response.violation("\(error)", isTransient: false)
        }
        resumes += 1
        try await extractor.pause(beforeTry: resumes)
        let seam = paging.received > 0 ? reader.lastRow : nil
        lastPageHash = nil
        try await openPage(offset: paging.received, limit: extractor.pageLimit, expecting: seam)
    }

    // MARK: Judgements

    /// A leaf ended: what it proved, and whether it may have been cut.
    private func endLeaf() throws {
        extractor.headerCounted.withLock { if $0 == .unknown { $0 = paging.headerCounted } }
        try judgeCut(paging.received)
        tree[leaf].rows = paging.received
        known.announced = paging.announced.map { _ in (known.announced ?? 0) + (paging.total ?? paging.received) }
        leaf += 1
    }

    /// Goes on where the result is whole for all that is known, else has it fetched in halves.
    private func judgeCut(_ count: Int) throws {
        guard !request.decidesRows || request.query["max_rows"] == nil else { return }
        let limit = extractor.settings.rowLimit
        guard extractor.caps.mayBeCut(count, limit: limit, source: request.source) else { return }
        let part = tree[leaf].part
        if !request.decidesRows, let halves = part.halves(byDate: hasDays, byAccount: hasAccounts) {
            throw ReadAgain(cause: .halves(leaf: leaf, count: count, halves.0, halves.1))
        }
        guard extractor.caps.isAtCap(count, limit: limit, source: request.source) else {
            known.warnings.append("a result of \(count) rows may have been cut by the API, and cannot be fetched in parts")
            return
        }
        throw ExtractionError(
            .incomplete,
            "the result has \(count) rows, as many as the API returns at most, so rows may be missing; ask for fewer"
                + " accounts or fields, or add a date field and a smaller window size",
            requestID: known.requestIDs.last)
    }

    /// Learns from the halves whether the results they replaced had been cut.
    private func judgeHalves() throws {
        for (count, halves) in tree.verdicts {
            if halves > count {
                extractor.caps.noteCut(count, source: request.source)
            } else if halves == count {
                extractor.caps.noteWhole(count, source: request.source)
            } else {
                throw ReadAgain(cause: .shrunk(count: count, halves: halves), requestID: known.requestIDs.last)
            }
        }
    }

    /// A page that equals the one before it is read again once; if it stays, the rows are what they are.
    private func judgeRepeated(_ body: BodyFacts) throws {
        defer { lastPageHash = body.rowHash }
        guard body.rowCount > 1, body.rowHash == lastPageHash, !believesRepeats else { return }
        guard !tree.repeatedPages.contains(paging.received) else {
            believesRepeats = true
            return
        }
        throw ReadAgain(cause: .repeated(offset: paging.received), requestID: known.requestIDs.last)
    }

    /// Whether rows carry their day, so that a result may be fetched in two halves of its days.
    private var hasDays: Bool { fields.contains { $0.dataType.hasPrefix("string.time.date") } }

    /// Whether rows carry their account, so that a result may be fetched account by account.
    private var hasAccounts: Bool {
        fields.contains { field in
            let id = field.id.lowercased()
            return !field.isMetric && (id.contains("account") || id.contains("profile"))
        }
    }

    private var query: KnownQuery { tree[leaf].query ?? KnownQuery(part: tree[leaf].part, scheduleID: "", sentAt: extractor.now()) }
}
