/// Decides, page by page, what to ask for next and when a result is complete.
///
/// Paging is zero-based over data rows, headers are off, and the API may or may not count the header row in
/// `total_rows` (Supermetrics API: pagination). A page may hold fewer rows than asked for as long as the pages together
/// make the announced total.
struct Paging: Sendable {
    /// Whether `total_rows` counts a header row that is not sent.
    enum HeaderCounted: Sendable { case unknown, yes, no }

    /// What to do after a page.
    enum Step: Equatable, Sendable {
        /// Everything has arrived.
        case done
        /// Ask for up to `limit` rows from `offset`.
        case page(offset: Int, limit: Int)
        /// Ask for one row at `offset`: an empty answer proves that the total counts the header row.
        case proveHeader(offset: Int)
        /// The answers contradict each other: read the result again from the start.
        case contradiction(String)
    }

    /// Rows that have arrived.
    private(set) var received = 0
    /// `total_rows` as announced; nil where it never was.
    private(set) var announced: Int?
    private(set) var headerCounted: HeaderCounted
    private let pageRows: Int
    private var emptyAnswers = 0

    init(pageRows: Int, headerCounted: HeaderCounted) {
        self.pageRows = pageRows
        self.headerCounted = headerCounted
    }

    /// The number of data rows, once it is certain.
    var total: Int? {
        switch (announced, headerCounted) {
        case (nil, _): nil
        case (let announced?, .yes): max(0, announced - 1)
        case (let announced?, .no): announced
        case (_?, .unknown): nil
        }
    }

    /// Whether the first page, asked for from 0, is known not to be the last.
    func expectsMore(afterAsking limit: Int) -> Bool { (announced ?? 0) > received + limit + 1 }

    /// Takes note of the total a page announces.
    ///
    /// - Returns: False where it differs from what an earlier page announced.
    mutating func announce(_ total: Int?) -> Bool {
        guard let total else { return true }
        defer { announced = announced ?? total }
        return announced == nil || announced == total
    }

    /// A page broke off after `rows` whole rows; the rest of it is asked for anew.
    mutating func brokeOff(rows: Int) { received += rows }

    /// A page ended with `rows` rows; `asked` were asked for, and `hasNextPage` is what its `paginate.next` said.
    mutating func pageEnded(rows: Int, asked: Int, hasNextPage: Bool) -> Step {
        received += rows
        emptyAnswers = rows == 0 ? emptyAnswers + 1 : 0
        guard let announced else {
            guard rows < asked, !(hasNextPage && rows > 0) else { return nextPage }
            return .done
        }
        switch headerCounted {
        case .unknown:
            if received == announced {
                // A header row is never counted twice: what was announced has come as data.
                if announced > 0 { headerCounted = .no }
                return .done
            }
            if received == announced - 1 { return received == 0 ? headerProved() : .proveHeader(offset: received) }
        case .yes: if received == max(0, announced - 1) { return .done }
        case .no: if received == announced { return .done }
        }
        guard received < announced else {
            return .contradiction("\(received) rows came where \(announced) were announced")
        }
        guard emptyAnswers < 3 else {
            return .contradiction("only \(received) of \(announced) announced rows came")
        }
        return nextPage
    }

    /// The answer to `.proveHeader` came, with `rows` rows, which are not counted as received.
    mutating func headerAnswered(rows: Int) -> Step {
        guard rows == 0 else {
            headerCounted = .no
            return nextPage
        }
        return headerProved()
    }

    private mutating func headerProved() -> Step {
        headerCounted = .yes
        return .done
    }

    private var nextPage: Step { .page(offset: received, limit: pageRows) }
}
