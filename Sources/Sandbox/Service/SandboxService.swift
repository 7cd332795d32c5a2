import FoundationEssentials
import NIOCore
import Synchronization

/// The shared state of one running sandbox.
///
/// Every decision is a short critical section; waiting and rendering happen outside.
final class SandboxService: Sendable {
    private struct State {
        var options: SandboxOptions
        var queries = QueryTable()
        var backfills = BackfillTable()
        var logins = LoginTable()
        var connectors = [Connector.first]
        var pages = PageCache()
        var limits = RateLimits()
        var faults = FaultDeck()
        var log = RequestLog()
        var requestCount = 0
        var createdCount: UInt64 = 0
        var faultChoice: (@Sendable (RecordedRequest) -> Fault.Kind?)?
    }

    private let state: Mutex<State>
    private let origin = Mutex("http://127.0.0.1")

    init(_ options: SandboxOptions) { state = Mutex(State(options: options)) }

    var options: SandboxOptions { state.withLock { $0.options } }

    /// Scheme, host and port under which the sandbox is reached; known once the port is bound.
    var baseURL: String {
        get { origin.withLock { $0 } }
        set { origin.withLock { $0 = newValue } }
    }

    func update(_ change: (inout SandboxOptions) -> Void) {
        state.withLock { state in
            state.backfills.advance(to: state.options.now(), state.options)
            let faults = state.options.faults
            change(&state.options)
            if state.options.faults != faults { state.faults.reset() }
        }
    }

    /// A new request id, the same for the same seed and order of requests: 32 hexadecimal digits, in upper case and
    /// with dashes in the warehouse.
    func makeRequestID(_ area: Route.Area) -> String {
        let (seed, count) = state.withLock { state in
            state.requestCount += 1
            return (state.options.seed, UInt64(state.requestCount))
        }
        return area == .warehouse
            ? HexText.dashed(mix(seed, count), count) : HexText.word(mix(seed, count)) + HexText.word(count)
    }

    /// A number nobody else got, for what a request creates.
    func makeNumber() -> UInt64 {
        state.withLock { state in
            state.createdCount += 1
            return state.createdCount
        }
    }

    // MARK: Log

    var requests: [RecordedRequest] { state.withLock { $0.log.latest($0.options.requestLogLimit) } }

    func clearLog() { state.withLock { $0.log.removeAll() } }

    func record(_ request: RecordedRequest) -> Int {
        state.withLock { $0.log.append(request, limit: $0.options.requestLogLimit) }
    }

    func amend(_ number: Int, _ change: (inout RecordedRequest) -> Void) {
        state.withLock { $0.log.update(number, change) }
    }

    // MARK: Limits and faults

    /// Counts a request against both limits; gives the rate limit headers, and the refusal when a limit is passed.
    func admit() -> (headers: [(String, String)], refusal: APIFailure?) {
        state.withLock { state in
            let options = state.options
            let now = options.now()
            var headers: [(String, String)] = []
            var refusal: APIFailure?
            if let limit = options.hourlyRequests {
                let (remaining, secondsLeft) = state.limits.countHourly(limit: limit, now: now)
                headers = [("X-RateLimit-Limit", String(limit)), ("X-RateLimit-Remaining", String(max(0, remaining)))]
                if options.enforcesHourlyRequests, remaining < 0 { refusal = .tooManyRequests(retryAfter: secondsLeft) }
            }
            if let wait = state.limits.take(perSecond: options.requestsPerSecond, now: now) {
                refusal = refusal ?? .tooManyRequests(retryAfter: Int(wait.rounded(.up)))
            }
            return (headers, refusal)
        }
    }

    func setFaultChoice(_ choice: (@Sendable (RecordedRequest) -> Fault.Kind?)?) {
        state.withLock { $0.faultChoice = choice }
    }

    /// The fault of a request among those that are eligible now; the caller's own choice comes first.
    func drawFault(
        for request: RecordedRequest,
        subject: FaultDeck.Subject,
        where isEligible: (Fault.Kind) -> Bool
    ) -> Fault? {
        if let choice = state.withLock({ $0.faultChoice }), let kind = choice(request), isEligible(kind) {
            return Fault(kind)
        }
        return state.withLock { state in
            guard !state.options.faults.isEmpty else { return nil }
            return state.faults.draw(
                from: state.options.faults,
                for: subject,
                seed: state.options.seed,
                where: isEligible
            )
        }
    }

    // MARK: Queries

    func withQueries<R>(_ body: (inout QueryTable, Date) -> R) -> R {
        state.withLock { body(&$0.queries, $0.options.now()) }
    }

    // MARK: Logins and connectors

    func withLogins<R>(_ body: (inout LoginTable, Date) -> R) -> R {
        state.withLock { body(&$0.logins, $0.options.now()) }
    }

    func withConnectors<R>(_ body: (inout [Connector]) -> R) -> R { state.withLock { body(&$0.connectors) } }

    // MARK: Backfills

    /// Looks at the backfills, or changes them, as they are now.
    func withBackfills<R>(_ body: (inout BackfillTable, Date) throws(APIFailure) -> R) throws(APIFailure) -> R {
        try state.withLock { state throws(APIFailure) in
            let now = state.options.now()
            state.backfills.advance(to: now, state.options)
            return try body(&state.backfills, now)
        }
    }

    var backfillHistory: BackfillHistory {
        state.withLock { state in
            let now = state.options.now()
            state.backfills.advance(to: now, state.options)
            return state.backfills.history(now, state.options.backfills)
        }
    }

    /// Records what was done to the answer of a create.
    func noteFault(_ fault: Fault, request number: Int) {
        state.withLock { $0.backfills.noteFault(fault, request: number) }
    }

    // MARK: Pages

    /// The `data` of a page, rendered on first use.
    func page(_ rows: Range<Int>, of entry: QueryTable.Entry) -> [ByteBuffer] {
        let key = PageCache.Key(serial: entry.serial, rows: rows)
        if let page = state.withLock({ $0.pages.page(key) }) { return page }
        let page = entry.rows.render(rows)
        state.withLock { $0.pages.insert(page, for: key, limit: $0.options.pageCacheBytes) }
        return page
    }

    /// Waits until `now` reaches `date`.
    func wait(until date: Date) async throws {
        while true {
            let options = options
            let remaining = date.timeIntervalSince(options.now())
            guard remaining > 0 else { return }
            // Dates and clocks may disagree by a hair; a shortest step keeps the rest from being many tiny ones.
            try await options.clock.sleep(for: max(.seconds(remaining), .microseconds(100)))
        }
    }
}

extension APIFailure {
    static func tooManyRequests(retryAfter: Int?) -> APIFailure {
        APIFailure(429, "TOO_MANY_REQUESTS", "Too many requests.", retryAfter: retryAfter)
    }
}
