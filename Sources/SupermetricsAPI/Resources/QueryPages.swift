/// The rows of one query, page by page: each is asked for when the one before is done with, and none is kept.
///
/// With a ``SupermetricsClient`` it is an asynchronous sequence:
///
/// ```swift
/// for try await page in client.queries.pages(query) { use(page.rows) }
/// ```
///
/// With a ``SupermetricsBlockingClient``, ``forEach(_:)`` gives the pages to a closure. Either way the query is
/// submitted anew by each pass over the pages.
public struct QueryPages<Client: APIClient>: Sendable {
    let runner: CallRunner
    let submission: Result<APIRequest, SupermetricsError>
    let scheduleID: String?
    let rowsPerPage: Int
    let options: RequestOptions

    /// The request the pages begin with, as it would be sent, without the credential; nothing is sent.
    ///
    /// - Throws: ``SupermetricsError`` of kind `client` for parameters the API would refuse.
    public var preview: RequestPreview {
        get throws(SupermetricsError) { runner.executor.preview(try submission.get()) }
    }
}

/// One page of a query's result.
public struct QueryPage: Sendable, Hashable {
    /// The place of its first row in the result, counted from 0.
    public let offset: Int
    /// The answer that brought it, with the result's fields.
    public let response: DataResponse
    /// Its rows; cells as the API wrote them, numbers with all their digits.
    public let rows: [[JSONValue]]
}

/// Reads the pages of one query in order.
struct PageReader {
    private let pages: (runner: CallRunner, submission: Result<APIRequest, SupermetricsError>, perPage: Int)
    private var run: QueryRun
    private var offset = 0
    private var total: Int?
    private var state = State.unsent

    private enum State { case unsent, reading, done }

    init<Client>(_ pages: QueryPages<Client>) {
        self.pages = (pages.runner, pages.submission, pages.rowsPerPage)
        run = QueryRun(pages.runner.executor, scheduleID: pages.scheduleID, pages.options)
        run.firstRows = 0..<pages.rowsPerPage
    }

    /// The next page that has rows; nil after the last.
    mutating func next() async throws(SupermetricsError) -> QueryPage? {
        let response: DataResponse
        switch state {
        case .done: return nil
        case .unsent:
            state = .done
            response = try await run.result(of: pages.submission.get()).value
            total = response.totalRows
        case .reading:
            state = .done
            response = try await run.rows(offset..<offset + pages.perPage).value
        }
        guard let data = response.data ?? (response.mayBeEmpty ? [] : nil) else {
            throw SupermetricsError(.protocolViolation, "a page of the result has no data")
        }
        guard response.rows.count == data.count else {
            throw SupermetricsError(.protocolViolation, "a page of the result holds something else than rows")
        }
        let page = QueryPage(offset: offset, response: response, rows: response.rows)
        offset += data.count
        if let total, offset > total {
            throw SupermetricsError(.protocolViolation, "the result has more rows than the \(total) it says it has")
        }
        guard !data.isEmpty else {
            // The API may count the row of display names, which was not asked for.
            if let total, offset < total - 1 {
                throw SupermetricsError(
                    .protocolViolation,
                    "the result ends after \(offset) of \(total) rows",
                    isTransient: true,
                    advice: "run the query again"
                )
            }
            return nil
        }
        let isLast = total.map { offset >= $0 } ?? (data.count < pages.perPage)
        state = isLast && !response.hasMore ? .done : .reading
        return page
    }
}

extension QueryPages: AsyncSequence where Client == SupermetricsClient {
    /// Reads the pages in order.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var reader: PageReader

        init(_ pages: QueryPages) {
            reader = PageReader(pages)
        }

        /// Asks for the next page.
        ///
        /// - Returns: the page, nil after the last; a result without rows has no page.
        /// - Throws: ``SupermetricsError``; one of kind `protocolViolation` where rows are missing.
        public mutating func next() async throws(SupermetricsError) -> QueryPage? {
            try await reader.next()
        }
    }

    /// Begins a pass over the pages; the query is submitted when the first one is asked for.
    ///
    /// - Returns: the iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

extension QueryPages where Client == SupermetricsBlockingClient {
    /// Gives every page to `body`, blocking the thread until the result is read.
    ///
    /// - Parameter body: what to do with a page; the next one is asked for when it returns.
    /// - Throws: ``SupermetricsError``, and what `body` throws.
    @available(*, noasync, message: "use SupermetricsClient: blocking a task's thread can stop all tasks")
    public func forEach(_ body: (QueryPage) throws -> Void) throws {
        var reader = PageReader(self)
        while true {
            let (page, next) = try runner.wait { [reader] () async throws(SupermetricsError) in
                var reader = reader
                return (try await reader.next(), reader)
            }
            guard let page else { return }
            reader = next
            try body(page)
        }
    }
}
