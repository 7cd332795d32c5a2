import ByteCodecs
package import PipelineCore
import SupermetricsAPI

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
    /// Whether the query of the current leaf was answered.
    private var isOpen = false
    private var paging: Paging
    private var page: Page?
    private var resumes = 0
    /// The header row, where the columns are named by it.
    private var labels: [String] = []
    private var isFlushed = false
    /// The id of the last answer that described a result, for messages.
    private var requestID: String?
    /// The first row of every page opened, by its number in the window, and the request that brought it.
    private var pages: [(firstRow: Int, requestID: String?)] = []

    /// A page whose body is being read.
    private struct Page {
        var response: StreamedResponse
        /// Rows asked for, a row asked for a second time not counted; nil for all.
        var asked: Int?
        var meta: ResultMeta?
        var chunk: ByteChunk?
        var chunkOffset = 0
    }

    init(
        _ extractor: Extractor,
        _ request: WindowRequest,
        tree: PartTree,
        tally: RequestTally,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void
    ) {
        self.extractor = extractor
        self.request = request
        self.tree = tree
        calls = QueryCalls(extractor, request, tally: tally, record: record)
        known = WindowFacts(fetchedAt: extractor.now())
        reader = RowReader(batchSize: extractor.settings.batchBytes, storage: extractor.storage)
        paging = Paging(headerCounted: request.hasHeader ? .unknown : extractor.headerCounted)
    }

    /// Rows the window is expected to have, once its first answer is there; nil where the API does not say.
    package var expectedRows: Int? {
        guard tree.leaves.count > 1 else { return paging.announced }
        return tree.leaves.reduce(0) { sum, leaf in leaf.rows.flatMap { rows in sum.map { $0 + rows } } }
    }

    /// What is known so far; complete once `next` has returned nil.
    package var facts: WindowFacts { known }

    /// Which page a row came with, counted from 1, and the API's id of its request.
    package func origin(ofRow row: Int) -> (page: Int, requestID: String?) {
        let index = pages.lastIndex { $0.firstRow <= row } ?? 0
        return (index + 1, pages.indices.contains(index) ? pages[index].requestID : nil)
    }

    /// Sends the first query, waits for its result, and reads as far as the columns.
    ///
    /// Where the window takes several queries, all are answered before the first row is read: a result among them that
    /// was cut again is found before the rows of others were taken in vain.
    func open() async throws {
        if tree.leaves.count > 1 || tree.isWary { try await askAll() }
        try await openLeaf()
    }

    /// Gives up what is still being asked for, and waits until nothing of it is left.
    func close() async {
        page = nil
        await calls.cancelNextPage()
    }

    /// The next rows in order, about a batch size of them, and those left out because they are no Unicode text; nil
    /// after the last.
    ///
    /// - Throws: `SupermetricsError`, `ExtractionError`, and errors that make the extractor start the window again:
    ///   the caller lets all of them pass.
    package func next() async throws -> (batch: Batch, rejects: Rejects)? {
        while leaf < tree.leaves.count {
            if !isOpen { try await openLeaf() }
            do {
                if page == nil { try await openPage() }
                if let batch = try await readPage() { return batch }
            } catch let error as ReadError {
                try await resume(after: error)
            } catch let error as SupermetricsError where error.isTransient {
                try await resume(after: error)
            }
        }
        guard !isFlushed else { return nil }
        isFlushed = true
        try judgeParts()
        known.received = tree.leaves.reduce(0) { $0 + ($1.rows ?? 0) }
        return try reader.flush().map { try take($0.batch, $0.badRows) }
    }

    // MARK: Queries

    /// Has every query of the window answered that was not asked yet, by an answer of one row.
    private func askAll() async throws {
        for index in tree.leaves.indices where tree[index].meta == nil {
            leaf = index
            let answered = try await extractor.queries.withPermit {
                try await calls.result(of: tree[index], firstRows: 1, reader: &reader)
            }
            reader.abandonBody()
            (tree[index].query, tree[index].meta) = (answered.query, answered.meta)
            try await weigh(answered.meta, of: answered.query)
            tree[index].rows = paging.total
        }
        leaf = 0
        try judgeParts()
    }

    /// Has the query of the current leaf answered, and its first page opened where that answer holds it.
    private func openLeaf() async throws {
        if let query = tree[leaf].query, let meta = tree[leaf].meta {
            try accept(meta, of: query)
            try await weigh(meta, of: query)
            isOpen = true
            return
        }
        let firstPage = request.hasHeader ? wholeResult : extractor.settings.pageRows
        let answered = try await extractor.queries.withPermit {
            try await calls.result(of: tree[leaf], firstRows: firstPage, reader: &reader)
        }
        tree[leaf].query = answered.query
        try accept(answered.meta, of: answered.query)
        try await weigh(answered.meta, of: answered.query)
        isOpen = true
        guard case .here(let response, let chunk, let offset) = answered.rows else { return }
        page = Page(
            response: response,
            asked: answered.asked,
            meta: answered.meta,
            chunk: chunk,
            chunkOffset: offset
        )
        notePage(answered.meta.requestID ?? response.requestID)
        if let asked = answered.asked { askAhead(afterAsking: asked) }
    }

    /// Takes over the columns, and what the answer says of the rows as a whole.
    private func accept(_ meta: ResultMeta, of query: KnownQuery) throws {
        if let problem = meta.fieldsProblem ?? (meta.fields.isEmpty ? "the answer describes no fields" : nil) {
            throw ExtractionError(
                .unsupported,
                "the columns of the result cannot be told: \(problem); write a field that is split into columns as"
                    + " {id: Device, split: column}, and a comparison with compare_type",
                requestID: meta.requestID
            )
        }
        if fields.isEmpty { (fields, labels) = (meta.fields, meta.labels) }
        guard fields == meta.fields else {
            throw ExtractionError(
                .incomplete,
                "two queries of one window answered with different columns; run it again",
                requestID: meta.requestID
            )
        }
        known.fetchedAt = min(known.fetchedAt, query.sentAt, meta.cacheTime ?? query.sentAt)
        known.cacheTime = [known.cacheTime, meta.cacheTime].compactMap { $0 }.min()
        known.isSampled = known.isSampled || meta.isSampled
        known.scheduleIDs.append(query.scheduleID)
        if let id = meta.requestID { known.requestIDs.append(id) }
    }

    /// Judges a result by the number of rows it announces, before any of them is read.
    private func weigh(_ meta: ResultMeta, of query: KnownQuery) async throws {
        if fields.isEmpty { fields = meta.fields }
        requestID = meta.requestID ?? requestID
        paging = Paging(headerCounted: request.hasHeader ? .unknown : extractor.headerCounted)
        guard paging.announce(meta.totalRows), let announced = paging.announced else { return }
        if paging.headerCounted == .unknown, !request.hasHeader, [announced, announced - 1].contains(where: mayBeCut) {
            // Worth a request: else all rows of a result that was cut would be read in vain.
            try await proveHeader(offset: announced - 1)
        }
        if let total = paging.total { try judge(total) }
    }

    private var query: KnownQuery {
        tree[leaf].query ?? KnownQuery(part: tree[leaf].part, scheduleID: "", sentAt: extractor.now())
    }

    // MARK: Pages

    /// Reads on in the open page; nil where it ended or has no whole batch yet.
    private func readPage() async throws -> (batch: Batch, rejects: Rejects)? {
        reader.schema = schema
        guard let open = page else { return nil }
        var chunk = open.chunk
        if chunk == nil { chunk = try await open.response.body.next() }
        guard let chunk else { return try await endPage() }
        var offset = open.chunkOffset
        page?.chunk = chunk
        while let event = try chunk.withBytes({ bytes throws(ReadError) in try reader.next(from: bytes, at: &offset) })
        {
            page?.chunkOffset = offset
            if let batch = try take(event) { return batch }
        }
        page?.chunk = nil
        page?.chunkOffset = 0
        return nil
    }

    /// The body of the open page is complete: what is left of it, then the step to the next page.
    private func endPage() async throws -> (batch: Batch, rejects: Rejects)? {
        while true {
            let event = try reader.finish()
            guard case .end(let body) = event else {
                if let batch = try take(event) { return batch }
                continue
            }
            guard let ended = page else { return nil }
            // Where no total is known, a page is the last because it says so by its rows: none at all say nothing.
            guard body.hasData || paging.announced != nil else {
                throw ended.response.violation("a page came without rows", isTransient: true)
            }
            page = nil
            guard paging.announce(ended.meta?.totalRows) else {
                throw contradiction("the announced number of rows changed between two pages")
            }
            if body.rowCount > 0 { resumes = 0 }
            try await follow(
                paging.pageEnded(
                    rows: body.rowCount,
                    asked: ended.asked ?? .max,
                    hasNextPage: ended.meta?.hasNextPage ?? false
                )
            )
            return nil
        }
    }

    private func take(_ event: ReadEvent) throws -> (batch: Batch, rejects: Rejects)? {
        switch event {
        case .batch(let batch, let badRows): return try take(batch, badRows)
        case .meta(let bytes):
            page?.meta = ResultMeta(json: bytes)
            known.isSampled = known.isSampled || page?.meta?.isSampled == true
            if let id = page?.meta?.requestID, !pages.isEmpty { pages[pages.count - 1].requestID = id }
        case .error(let bytes):
            if let page { throw page.response.error(member: bytes, requestID: page.meta?.requestID) }
        case .header(let bytes):
            guard (try? JSONValue(parsing: bytes)).flatMap(HeaderRow.labels) == labels else {
                throw contradiction("the columns' names changed between two answers")
            }
        case .rowsBegin, .end: break
        }
        return nil
    }

    /// Whether the window's first row holds the display name of every field where none was asked for.
    ///
    /// The one text of a text column may well be its name.
    private func beginsWithNames(_ batch: Batch) -> Bool {
        guard batch.firstRow == 0, batch.rowCount > 0, !request.hasHeader else { return false }
        guard fields.count > 1 || fields.contains(where: { $0.isMetric || $0.dataType.hasPrefix("string.time") }) else {
            return false
        }
        return zip(fields, batch.cells).allSatisfy { field, cell in
            cell.kind == .text && !field.name.isEmpty && batch.bytes[cell.range].elementsEqual(field.name.utf8)
        }
    }

    private func take(_ batch: Batch, _ badRows: [BadRow]) throws -> (batch: Batch, rejects: Rejects) {
        guard !beginsWithNames(batch) else {
            throw ExtractionError(
                .unsupported,
                "the first row of the result names its columns, although settings.no_headers asks for rows alone; the API,"
                    + " or what answers in its place, does not honour it",
                requestID: requestID
            )
        }
        var batch = batch
        batch.schema = schema
        var rejects = Rejects()
        for bad in badRows {
            var reject = Reject(row: bad.row, column: schema.columns[bad.column].name, rule: bad.fault.description)
            reject.read = bad.cells
            rejects.append(reject)
        }
        return (batch, rejects)
    }

    private func follow(_ step: Paging.Step) async throws {
        switch step {
        case .done: try endLeaf()
        case .page:
            guard !request.hasHeader else {
                throw contradiction(
                    "\(paging.received) of \(paging.announced ?? 0) announced rows came where columns are named by the header"
                        + " row, and such a result must come as one page"
                )
            }
        case .proveHeader(let offset) where request.hasHeader:
            let hasMore = try await calls.hasMore(behind: offset, lastRow: reader.lastRow, of: query, leaf: leaf)
            try await follow(paging.headerAnswered(rows: hasMore ? 1 : 0))
        case .proveHeader(let offset):
            try await follow(proveHeader(offset: offset))
        case .proveEnd where request.hasHeader: try endLeaf()
        case .proveEnd(let offset):
            let rows = try await rowsBehind(offset, of: query)
            try await follow(paging.endAnswered(rows: rows))
        case .contradiction(let text): throw contradiction(text)
        }
    }

    /// Opens the next page of the finished query; the one asked for ahead is used where it fits.
    ///
    /// Every page but the first begins with the last row of the page before, so that the seam can be compared: a page
    /// that comes twice, or out of a result that was made anew, does not go on where the one before it ended.
    private func openPage() async throws {
        guard !request.hasHeader else { return try await openWhole() }
        let (offset, limit, asked) = call(after: paging.received)
        let response = try await calls.page(of: query, offset: offset, limit: limit, leaf: leaf)
        guard response.status != 202 else {
            throw response.violation("a page of a finished query came as pending", isTransient: true)
        }
        reader.beginBody(expecting: paging.received > 0 ? reader.lastRow : nil)
        page = Page(response: response, asked: asked)
        notePage(response.requestID)
        askAhead(afterAsking: asked)
    }

    /// Opens the whole finished result, header row and all.
    private func openWhole() async throws {
        let response = try await calls.whole(of: query, rows: wholeResult, leaf: leaf)
        guard response.status != 202 else {
            throw response.violation("the rows of a finished query came as pending", isTransient: true)
        }
        reader.beginBody(hasHeader: true)
        page = Page(response: response)
        notePage(response.requestID)
    }

    /// As many rows as there can be, and a header row that may be counted as one.
    private var wholeResult: Int { min(extractor.settings.rowLimit, 1_000_000) + 1 }

    /// The call for the page after so many rows: its offset and limit, and how many rows of it are new.
    private func call(after rows: Int) -> (offset: Int, limit: Int, asked: Int) {
        let early = rows > 0 ? 1 : 0
        let limit = min(extractor.pageLimit + early, Queries<SupermetricsClient>.maximumPageRows)
        return (rows - early, limit, limit - early)
    }

    private func notePage(_ requestID: String?) {
        let before = tree.leaves[..<leaf].reduce(0) { $0 + ($1.rows ?? 0) }
        pages.append((before + paging.received, requestID ?? self.requestID))
    }

    /// Asks for the page after the one just opened, so that it is there when this one has been read.
    private func askAhead(afterAsking asked: Int) {
        guard paging.expectsMore(afterAsking: asked) else { return }
        let next = call(after: paging.received + asked)
        calls.askAhead(of: query, offset: next.offset, limit: next.limit)
    }

    /// A page broke off, cannot be read or could not be had: waits a moment before the rest of it is asked for.
    private func resume(after error: any Error) async throws {
        let broken = page
        // Without an open page the reader still tells of the one before, whose rows are counted.
        let read = broken == nil ? 0 : reader.abandonBody().rowCount
        page = nil
        await calls.cancelNextPage()
        if let error = error as? ReadError, error.problem == .firstRowDiffers {
            extractor.forgetHeader()
            throw ReadAgain(cause: .seam, requestID: requestID)
        }
        if request.hasHeader {
            try await extractor.pause(beforeTry: 1)
            throw contradiction("a result whose columns are named by the header row broke off (\(error))")
        }
        if read > 0 { resumes = 0 }
        paging.brokeOff(rows: read)
        guard resumes < Extractor.resumesWithoutProgress else {
            guard let error = error as? ReadError, let broken else { throw error }
            throw broken.response.violation("\(error)", isTransient: false)
        }
        resumes += 1
        try await extractor.pause(beforeTry: resumes)
    }

    /// Finds out whether the total counts the header row: from another window that knows meanwhile, else by the row at
    /// `offset`.
    @discardableResult
    private func proveHeader(offset: Int) async throws -> Paging.Step {
        let counted = try await extractor.headerCounted { try await rowsBehind(offset, of: query) }
        return paging.headerAnswered(rows: counted == .yes ? 0 : 1)
    }

    /// How many rows there are at `offset`, 0 or 1.
    private func rowsBehind(_ offset: Int, of query: KnownQuery) async throws -> Int {
        var tries = 0
        while true {
            do {
                let schema = Schema(fields.map { Column(name: $0.id, type: .text) })
                let answer = try await calls.rowsBehind(offset, of: query, schema: schema, leaf: leaf)
                guard paging.announce(answer.total) else {
                    throw contradiction("the announced number of rows changed between two answers")
                }
                return answer.rows
            } catch let error as SupermetricsError where error.isTransient && tries < Extractor.resumesWithoutProgress {
                tries += 1
                try await extractor.pause(beforeTry: tries)
            }
        }
    }

    // MARK: Judgements

    /// What is known of the header row may have come from the very answer that was wrong.
    private func contradiction(_ text: String) -> ReadAgain {
        extractor.forgetHeader()
        return ReadAgain(cause: .contradiction(text), requestID: requestID)
    }

    /// A leaf ended: what it proved, and whether it may have been cut.
    private func endLeaf() throws {
        if !request.hasHeader { extractor.noteHeader(paging.headerCounted) }
        try judge(paging.received)
        tree[leaf].rows = paging.received
        known.announced += paging.total ?? paging.received
        (leaf, isOpen) = (leaf + 1, false)
    }

    /// The most rows the user wants; nil for all.
    private var wantedRows: Int? { request.query["max_rows"]?.intValue }

    /// Whether a result of so many rows may have been cut by the API.
    private func mayBeCut(_ count: Int) -> Bool {
        if let wantedRows, count >= wantedRows { return false }
        return extractor.caps.mayBeCut(count, limit: extractor.settings.rowLimit, source: request.source)
    }

    /// Whether a result has as many rows as the API returns at most.
    private func isAtCap(_ count: Int) -> Bool {
        extractor.caps.isAtCap(count, limit: extractor.settings.rowLimit, source: request.source)
    }

    /// Judges the current leaf's result by its number of rows; a part's round number means nothing before the rows of
    /// the other parts are known.
    private func judge(_ count: Int) throws {
        if tree.leaves.count == 1 || isAtCap(count) { try judge(count, of: leaf) }
    }

    /// Goes on where a result is whole for all that is known, else has it fetched in parts.
    private func judge(_ count: Int, of index: Int) throws {
        guard mayBeCut(count) else { return }
        if !request.decidesRows, !request.hasHeader,
            let pieces = tree[index].part.pieces(byDate: hasDays, byAccount: hasAccounts)
        {
            throw ReadAgain(cause: .pieces(leaf: index, count: count, pieces), requestID: requestID)
        }
        guard isAtCap(count) else {
            let doubt = "a result of \(count) rows may have been cut by the API, and cannot be fetched in parts"
            if !known.warnings.contains(doubt) { known.warnings.append(doubt) }
            return
        }
        throw ExtractionError(
            .incomplete,
            "the result has \(count) rows, as many as the API returns at most, so rows may be missing; ask for fewer"
                + " accounts or fields, or add a date field and a smaller window size",
            requestID: requestID
        )
    }

    /// Learns from the parts whether the results they replaced had been cut, and judges each of them by it.
    private func judgeParts() throws {
        for verdict in tree.verdicts {
            switch verdict {
            case .open: break
            case .cut(let count): extractor.caps.noteCut(count, source: request.source)
            case .whole(let count): extractor.caps.noteWhole(count, source: request.source)
            case .shrunk(let count, let parts):
                throw ReadAgain(cause: .shrunk(count: count, parts: parts), requestID: requestID)
            }
        }
        for index in tree.leaves.indices {
            if let rows = tree[index].rows { try judge(rows, of: index) }
        }
    }

    /// Whether rows carry their day, so that a result may be fetched in two halves of its days.
    private var hasDays: Bool { fields.contains { $0.dataType.hasPrefix("string.time.date") } }

    /// Ids, in lower case and without separators, of fields by which every source tells its accounts apart.
    private static let accountFields: Set = [
        "account", "accountid", "accountname", "profile", "profileid", "profilename",
    ]

    /// Whether rows carry their account, so that a result may be fetched account by account.
    private var hasAccounts: Bool {
        fields.contains { field in
            !field.isMetric && Self.accountFields.contains(field.id.lowercased().filter { $0.isLetter || $0.isNumber })
        }
    }
}
