import ByteCodecs
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

    /// What a window asks; without `known`, nothing was sent for it before.
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

    /// Whether the columns of its result are named by the header row alone, which then must be there.
    var hasHeader: Bool { HeaderRow.names(columnsOf: query) }

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

    /// The query sent under this handle.
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

    /// The defaults.
    package init() {}
}

/// Runs windows against the API: one asynchronous query each, paged into batches.
///
/// One extractor serves a whole run; what it learns of the API (row caps, header counting) holds for all windows.
package final class Extractor: Sendable {
    let client: SupermetricsClient
    let settings: ExtractionSettings
    let caps = RowCaps()
    private let header = Mutex(Paging.HeaderCounted.unknown)
    private let headerProof = ConcurrencyGate(permits: 1)
    let storage = BatchStorage()
    let queries: ConcurrencyGate
    let clock: any Clock<Duration>
    let now: @Sendable () -> Timestamp
    let random: @Sendable () -> Double

    /// An extractor that has learned nothing yet.
    ///
    /// - Parameters:
    ///   - client: Speaks to the API.
    ///   - settings: Limits and sizes.
    ///   - queries: Lets so many queries run at once; shared by all exports.
    ///   - clock: Measures and sleeps.
    ///   - now: The time of day.
    ///   - random: A number in 0..<1, for jitter.
    package init(
        client: SupermetricsClient,
        settings: ExtractionSettings,
        queries: ConcurrencyGate,
        clock: any Clock<Duration>,
        now: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.client = client
        self.settings = settings
        self.queries = queries
        self.clock = clock
        self.now = now
        self.random = random
    }

    /// Takes the memory of a batch that nobody needs any more, for a batch to come.
    package func recycle(_ batch: consuming Batch) { storage.give(batch) }

    /// Has the rows of a window read by `body`, all of them in order, or fails.
    ///
    /// `body` is called again from the start where answers contradicted each other, a result expired, or a result may
    /// have been cut and is fetched in halves: what it wrote before must then count for nothing.
    /// - Parameters:
    ///   - request: The window.
    ///   - tally: Counts the window's requests, over all its readings.
    ///   - record: Notes durably that a query with this handle is about to be sent for this part.
    ///   - body: Reads batches until there are no more; its return ends the window.
    /// - Returns: What `body` returns.
    /// - Throws: `SupermetricsError`, `ExtractionError`, or what `record` or `body` throws.
    package func withRows<R>(
        of request: WindowRequest,
        tally: RequestTally,
        record: @escaping @Sendable (QueryPart, String) async throws -> Void,
        _ body: (WindowRows) async throws -> R
    ) async throws -> R {
        var tree = PartTree(request.part, query: request.known(for: request.part))
        var rereads = settings.rereads
        while true {
            let rows = WindowRows(self, request, tree: tree, tally: tally, record: record)
            do {
                try await rows.open()
                let result = try await body(rows)
                await rows.close()
                return result
            } catch let again as ReadAgain {
                await rows.close()
                if again.countsAsFailure {
                    guard rereads > 0 else { throw again.failure }
                    rereads -= 1
                }
                tree = rows.tree
                again.apply(to: &tree, request: request)
            } catch {
                await rows.close()
                throw error
            }
        }
    }

    /// Tries to read on after a page broke off, without a new row between them, or answers in a row that cannot be
    /// read, before the window fails.
    static let resumesWithoutProgress = 5

    /// Rows that a call for a page may ask for.
    var pageLimit: Int { min(settings.pageRows, Queries<SupermetricsClient>.maximumPageRows) }

    /// Waits before the try with this number, from 1: half a second doubling to 10 s, with full jitter.
    func pause(beforeTry number: Int) async throws {
        try await clock.sleep(for: min(.seconds(10), .milliseconds(500) * (1 << min(number - 1, 5))) * random())
    }

    /// Proves with every answer that this machine's clock can be trusted with dates, so that none commits a window
    /// while another finds out.
    func checkClock(against date: Date?) throws(ExtractionError) {
        guard let date else { return }
        let here = Double(now().milliseconds) / 1000
        let difference = abs(here - date.timeIntervalSince1970)
        guard difference > settings.clockTolerance / .seconds(1) else { return }
        throw ExtractionError(
            .clock,
            "this machine's clock is \(Int(difference / 60)) minutes off the API's; what \"yesterday\" and \"settled\" mean"
                + " depends on it: set the clock, then run again"
        )
    }

    /// Whether `total_rows` counts the header row, as far as this run knows.
    var headerCounted: Paging.HeaderCounted { header.withLock { $0 } }

    /// Whether `total_rows` counts the header row: as this run knows, else by a proof, for which the windows side by side
    /// wait instead of asking for one each.
    ///
    /// A result that comes with its header row is no part of this: each proves its own end.
    ///
    /// - Parameter rows: Asks how many rows there are in the place that would be the header row's, 0 or 1.
    /// - Returns: What is known from then on; never `unknown`.
    /// - Throws: What `rows` throws; the next window then asks.
    func headerCounted(provedBy rows: () async throws -> Int) async throws -> Paging.HeaderCounted {
        try await headerProof.withPermit {
            let known = headerCounted
            guard known == .unknown else { return known }
            let proved: Paging.HeaderCounted = try await rows() == 0 ? .yes : .no
            noteHeader(proved)
            return proved
        }
    }

    /// Takes note of what a result proved about the header row.
    func noteHeader(_ counted: Paging.HeaderCounted) {
        header.withLock { if $0 == .unknown { $0 = counted } }
    }

    /// Has the header row proved anew: answers contradicted what was known of it, or it was known from a wrong answer.
    func forgetHeader() { header.withLock { $0 = .unknown } }
}
