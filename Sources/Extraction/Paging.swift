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
        /// Ask for the rows after those received.
        case page
        /// Ask for one row at `offset`: an empty answer proves that the total counts the header row.
        case proveHeader(offset: Int)
        /// Ask for one row at `offset`: all that was announced has come, and yet another page; an empty answer proves
        /// that there is none.
        case proveEnd(offset: Int)
        /// The answers contradict each other: read the result again from the start.
        case contradiction(String)
    }

    /// Pages without a row, one after the other, after which the rows still missing are given up.
    private static let emptyPages = 3

    /// Rows that have arrived.
    private(set) var received = 0
    /// `total_rows` as announced; nil where it never was.
    private(set) var announced: Int?
    private(set) var headerCounted: HeaderCounted
    private var emptyAnswers = 0

    init(headerCounted: HeaderCounted) { self.headerCounted = headerCounted }

    /// The number of data rows, once it is certain.
    var total: Int? {
        switch headerCounted {
        case .unknown: nil
        case .yes: announced.map { max(0, $0 - 1) }
        case .no: announced
        }
    }

    /// The fewest data rows there are, by what was announced.
    private var leastTotal: Int { total ?? max(0, (announced ?? 0) - 1) }

    /// Whether there are rows behind the next `limit` ones for certain.
    func expectsMore(afterAsking limit: Int) -> Bool { leastTotal > received + limit }

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
        guard let announced else { return rows < asked && !(hasNextPage && rows > 0) ? .done : .page }
        let step = step(announced)
        return step == .done && hasNextPage && rows > 0 ? .proveEnd(offset: received) : step
    }

    /// One row was asked for where `.proveEnd` said; `rows` came.
    func endAnswered(rows: Int) -> Step {
        rows == 0 ? .done : .contradiction("more than the \(received) announced rows came")
    }

    /// One row was asked for, where `.proveHeader` said or at the last place announced; `rows` came, which are not
    /// counted as received.
    @discardableResult
    mutating func headerAnswered(rows: Int) -> Step {
        headerCounted = rows == 0 ? .yes : .no
        return announced.map { step($0) } ?? .page
    }

    private mutating func step(_ announced: Int) -> Step {
        if received == total { return .done }
        if headerCounted == .unknown {
            if received == announced {
                // A header row is never counted twice: what was announced has come as data.
                if announced > 0 { headerCounted = .no }
                return .done
            }
            if received == announced - 1 { return .proveHeader(offset: received) }
        }
        guard received < announced else {
            return .contradiction("\(received) rows came where \(total ?? announced) were announced")
        }
        guard emptyAnswers < Self.emptyPages else {
            return .contradiction("only \(received) of \(total ?? announced) announced rows came")
        }
        return .page
    }
}
