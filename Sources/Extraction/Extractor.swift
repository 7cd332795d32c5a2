import Foundation
package import PipelineCore
package import SupermetricsAPI
import Synchronization

/// What one window asks of the API.
package struct WindowRequest: Sendable {
    /// The query without dates, as the API names its keys; sluice adds what it decides itself.
    package var query: JSONObject
    /// Days and accounts of the whole window.
    package var part: QueryPart
    /// Whether a cached result is not good enough: `cache_minutes: 0` is sent unless the query sets it.
    package var isFresh: Bool
    /// Queries already sent for the window or a part of it, newest last, whose results may still be there.
    package var known: [KnownQuery]

    package init(query: JSONObject, part: QueryPart, isFresh: Bool, known: [KnownQuery] = []) {
        self.query = query
        self.part = part
        self.isFresh = isFresh
        self.known = known
    }

    /// The newest query known for exactly this part.
    func known(for part: QueryPart) -> KnownQuery? { known.last { $0.part == part } }

    /// The data source's id, `ds_id`.
    var source: String { query["ds_id"]?.textValue ?? "" }

    /// Whether the user limits or orders the rows, so that a short or halved result would not be what was asked for.
    var decidesRows: Bool { query["max_rows"] != nil || query["order_rows"] != nil }
}

/// A query that was sent before, by this run or by one that died.
package struct KnownQuery: Hashable, Sendable {
    /// What it asks for.
    package var part: QueryPart
    /// Its handle.
    package var scheduleID: String
    /// When it was sent: its rows are no newer.
    package var sentAt: Timestamp

    package init(part: QueryPart, scheduleID: String, sentAt: Timestamp) {
        self.part = part
        self.scheduleID = scheduleID
        self.sentAt = sentAt
    }
}

/// Settings of extraction, all with the defaults a job file documents.
package struct ExtractionSettings: Sendable {
    /// Rows asked for per page.
    package var pageRows = 100_000
    /// `max_rows` as sent; a result this long counts as cut.
    package var rowLimit = 1_000_000
    /// The longest a query may take from submission to result.
    package var queryTimeout: Duration = .seconds(4 * 3600)
    /// The first pause between two looks at a running query.
    package var pollInterval: Duration = .seconds(1)
    /// How long the server may hold a submission back until its result is there; below the idle timeout.
    package var serverWait: Duration = .seconds(10)
    /// Raw row bytes after which a batch ends.
    package var batchBytes = 1 << 20
    /// How often a window may be read again because its answers contradicted each other or its result had expired.
    package var rereads = 3
    /// How far this machine's clock may be off the API's.
    package var clockTolerance: Duration = .seconds(600)

    package init() {}
}

/// Runs windows against the API: one asynchronous query each, paged into batches.
///
/// One extractor serves a whole run; what it learns of the API (row caps, header counting) holds for all windows.
package final class Extractor: Sendable {
    let client: SupermetricsClient
    let settings: ExtractionSettings
    let caps = RowCaps()
    let headerCounted = Mutex(Paging.HeaderCounted.unknown)
    let queries: ConcurrencyGate
    let clock: any Clock<Duration>
    let now: @Sendable () -> Timestamp
    let random: @Sendable () -> Double
    private let clockChecked = Atomic(false)

    /// - Parameters:
    ///   - client: Speaks to the API.
    ///   - settings: Limits and sizes.
    ///   - queries: Lets so many queries run at once; shared by all exports.
    ///   - clock: Measures and sleeps.
    ///   - now: The time of day.
    ///   - random: A number in 0..<1, for jitter.
    package init(
        client: SupermetricsClient, settings: ExtractionSettings, queries: ConcurrencyGate,
        clock: any Clock<Duration>, now: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.client = client
        self.settings = settings
        self.queries = queries
        self.clock = clock
        self.now = now
        self.random = random
    }

    /// Has the rows of a window read by `body`, all of them in order, or fails.
    ///
    /// `body` is called again from the start where answers contradicted each other, a result expired, or a result may
    /// have been cut and is fetched in halves: what it wrote before must then count for nothing.
    /// - Parameters:
    ///   - request: The window.
    ///   - retries: Retries that all requests of the window share.
    ///   - record: Notes durably that a query with this handle is about to be sent for this part.
    ///   - body: Reads batches until there are no more; its return ends the window.
    /// - Returns: What `body` returns.
    /// - Throws: `SupermetricsError`, `ExtractionError`, or what `record` or `body` throws.
    package func withRows<R>(
        of request: WindowRequest, retries: RetryBudget,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void,
        _ body: (WindowRows) async throws -> R
    ) async throws -> R {
        var tree = PartTree(request.part, query: request.known(for: request.part))
        var rereads = settings.rereads
        while true {
            let rows = WindowRows(self, request, tree: tree, retries: retries, record: record)
            do {
                try await rows.open()
                let result = try await body(rows)
                rows.close()
                return result
            } catch let again as ReadAgain {
                rows.close()
                tree = rows.tree
                again.apply(to: &tree, request: request)
                if again.countsAsFailure {
                    guard rereads > 0 else { throw again.failure(request) }
                    rereads -= 1
                }
                tree.restart()
            } catch {
                rows.close()
                throw error
            }
        }
    }

    /// Tries to read on after a page broke off, without a new row between them, before the window fails.
    static let resumesWithoutProgress = 5

    /// Rows that a call for a page may ask for.
    var pageLimit: Int { min(settings.pageRows, Queries.maximumPageRows) }

    /// Waits before the try with this number, from 1: half a second doubling to 10 s, with full jitter.
    func pause(beforeTry number: Int) async throws {
        try await clock.sleep(for: min(.seconds(10), .milliseconds(500) * (1 << min(number - 1, 5))) * random())
    }

    /// Proves on the first answer of a run that this machine's clock can be trusted with dates.
    func checkClock(against date: Date?) throws(ExtractionError) {
        guard let date, clockChecked.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
        else { return }
        let here = Double(now().milliseconds) / 1000
        let difference = abs(here - date.timeIntervalSince1970)
        guard difference > settings.clockTolerance / .seconds(1) else { return }
        throw ExtractionError(
            .clock,
            "this machine's clock is \(Int(difference / 60)) minutes off the API's; what \"yesterday\" and \"settled\" mean"
                + " depends on it: set the clock, then run again")
    }
}

/// Why a window must be read again from its first row.
struct ReadAgain: Error {
    enum Cause {
        /// Answers contradicted each other; the query's result may be read once more.
        case contradiction(String)
        /// The page at this offset came with the rows of the page before it.
        case repeated(offset: Int)
        /// The API no longer has the result of this leaf.
        case gone(leaf: Int)
        /// The result of this leaf, of so many rows, may have been cut.
        case halves(leaf: Int, count: Int, QueryPart, QueryPart)
        /// The halves gave fewer rows than the result they replaced.
        case shrunk(count: Int, halves: Int)
    }

    var cause: Cause
    var requestID: String?

    /// Whether this may happen only so often; cutting in halves ends by itself.
    var countsAsFailure: Bool {
        guard case .halves = cause else { return true }
        return false
    }

    /// Changes the tree so that the next reading can do better.
    func apply(to tree: inout PartTree, request: WindowRequest) {
        switch cause {
        case .contradiction: break
        case .gone(let leaf): tree[leaf].query = nil
        case .halves(let leaf, let count, let early, let late):
            tree.split(leaf, count: count, into: (early, late))
            for index in [leaf, leaf + 1] { tree[index].query = request.known(for: tree[index].part) }
        case .repeated(let offset): tree.repeatedPages.insert(offset)
        case .shrunk: tree = PartTree(request.part, query: nil)
        }
    }

    func failure(_ request: WindowRequest) -> ExtractionError {
        let text =
            switch cause {
            case .contradiction(let text): text
            case .repeated(let offset): "the page at row \(offset) came with the rows of the page before it"
            case .gone: "the API dropped the query's result before it could be read"
            case .shrunk(let count, let halves):
                "a result of \(count) rows became \(halves) when it was fetched in halves: the data changed meanwhile"
            case .halves: "the result may have been cut"
            }
        return ExtractionError(
            .incomplete, "\(text); nothing of the window was loaded, run again later", requestID: requestID)
    }
}
