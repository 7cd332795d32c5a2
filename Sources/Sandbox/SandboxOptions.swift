public import FoundationEssentials

/// Everything that shapes how a sandbox behaves; the defaults are the documented API, fast and without faults.
///
/// Options may be changed while the sandbox runs (`Sandbox.update`); a query keeps the data options it was submitted
/// under.
public struct SandboxOptions: Sendable {
    // MARK: Data

    /// All values are a pure function of this, the data source, the account, the date and the field.
    public var seed: UInt64 = 1
    /// Rows per account and day; per account alone when the query has no date field.
    public var rowsPerDay = 10
    /// The share of cells in text and metric columns with a value meant to break a careless reader; 0 turns them off.
    ///
    /// Above 0, every run of 1/rate rows of an account has one in each such column.
    public var hostileRate = 0.02
    /// Further account ids per data source id, listed and queryable like the built-in ones.
    public var additionalAccounts: [String: [String]] = [:]
    /// Account ids that are neither listed nor queryable, as when a login lost access.
    public var withheldAccounts: Set<String> = []

    // MARK: Credentials

    /// The key that every request must carry.
    public var apiKey = "api_sandbox_k3yForLocalUseOnly"
    /// The team the key belongs to.
    public var teamID = 1
    /// The warehouse transfers of that team.
    public var transferIDs = [101, 102]
    /// Their backfills.
    public var backfills = BackfillOptions()

    /// The most login links that are open at a time; one more is refused with `LINK_LIMIT_EXCEEDED`.
    public var loginLinkLimit = 1000

    // MARK: Time

    /// What time it is: decides relative dates, query progress, expiry, rate limits and the `Date` header.
    public var now: @Sendable () -> Date = { Date() }
    /// What waits for time to pass; must advance together with `now`.
    public var clock: any Clock<Duration> = ContinuousClock()
    /// The zone in which `today` is taken when a query has no `settings.timezone`.
    public var timeZone = "UTC"

    // MARK: Queries

    /// Which of the two asynchronous dialects is spoken.
    public var dialect = Dialect.scheduled
    /// Gives every query an id of its own, whatever `schedule_id` it was sent with.
    public var assignsScheduleIDs = false
    /// How long a query runs once it has a slot.
    public var queryTime: Duration = .zero
    /// How many queries run at a time, the others queue first in, first out; nil for no limit.
    public var concurrentQueries: Int?
    /// How many further requests may be held on one running query; one more is answered 429.
    public var maximumWaiters = 10
    /// How long a query without `sync_timeout` is held before it is answered as pending.
    public var defaultSyncTimeout: Duration = .seconds(1800)
    /// How long a result stays after its query ended.
    public var resultLifetime: Duration = .seconds(3600)
    /// The most rows a query returns; a longer result is cut there without a word.
    public var rowCap = 1_000_000
    /// The cache age accepted by a query that does not say `cache_minutes`.
    public var defaultCacheMinutes = 0
    /// Collects the values of a repeated plain parameter into a list, as the official Python client means them.
    ///
    /// Off, the last one wins, as in PHP.
    public var collectsRepeatedParameters = false
    /// Refuses query parameters that the API does not know, which it otherwise ignores.
    public var rejectsUnknownParameters = false

    // MARK: Pages

    /// Rows per page of `/query/data/json` and `/query/status` when no `offset_end` is sent; nil for all rows.
    public var defaultPageRows: Int?
    /// Sends the header row to those too who ask for rows alone by `settings.no_headers`.
    public var ignoresNoHeaders = false
    /// Whether `total_rows` counts the header row.
    public var headerCount = HeaderCount.whenPresent
    /// Scheme, host and port of the `paginate` links; nil for the sandbox's own.
    public var linkOrigin: String?
    /// Writes the request's key into the `paginate` links.
    public var linksCarryKey = false
    /// Gives POST requests `paginate` links as well.
    public var linksForPOST = true

    // MARK: Form of answers

    /// Leaves optional keys out instead of writing null.
    public var omitsNulls = false
    /// Leaves the description of the columns, `meta.query.fields`, out of results.
    public var omitsFields = false
    /// Writes `data` before `meta`.
    public var dataFirst = false
    /// Writes `/` as `\/` (team setting `api_json_unescaped_slashes` off, as upstream).
    public var escapesSlashes = true
    /// Writes everything beyond ASCII as `\uXXXX` (team setting `api_json_unescaped_unicode` off, as upstream).
    public var escapesUnicode = true
    /// The `data_sampled` of every result.
    public var dataSampled: Bool?
    /// The body shape of errors.
    public var errorShape = ErrorShape.envelope
    /// Compresses answers when the request accepts it.
    public var compressesAnswers = true

    // MARK: Limits and faults

    /// Time added to every answer.
    public var latency: Duration = .zero
    /// Requests per second before 429 `TOO_MANY_REQUESTS`, as a token bucket of one second; nil for no limit.
    public var requestsPerSecond: Double?
    /// The figure of `X-RateLimit-Limit`; nil for no rate limit headers.
    public var hourlyRequests: Int? = 5000
    /// Refuses requests beyond `hourlyRequests` instead of just counting them.
    public var enforcesHourlyRequests = false
    /// The `Retry-After` of injected 429 and 503 answers, in seconds; nil for no header.
    public var retryAfter: Int? = 1
    /// What goes wrong; the first fault that fires for a request is the one it gets.
    public var faults: [Fault] = []
    /// Where the fault `redirect` points, as scheme, host and port; nil for `http://localhost` at the sandbox's port.
    public var redirectOrigin: String?

    // MARK: Memory

    /// Bytes of rendered pages kept for the next request of the same page; the least recently used go first.
    public var pageCacheBytes = 512 << 20
    /// Requests kept in the log, the oldest dropped first; 0 records none.
    public var requestLogLimit = 10_000

    /// Creates the defaults.
    public init() {}

    /// The two ways in which a query that is not finished is answered (Supermetrics API: async queries).
    public enum Dialect: String, Sendable, CaseIterable {
        /// HTTP 202 with `schedule_id`, `QUEUED` or `RUNNING`, progress and an empty `data`.
        case scheduled
        /// HTTP 200 with `pending`, no `data`, no `schedule_id`: the handle is the first answer's `request_id`.
        case pending
    }

    /// Whether `total_rows` counts the header row.
    public enum HeaderCount: String, Sendable, CaseIterable {
        /// Counted when the answer has a header row.
        case whenPresent
        /// Counted even when `no_headers` left it out.
        case always
        /// Never counted.
        case never
    }
}

extension SandboxOptions {
    var escapeStyle: EscapeStyle { EscapeStyle(slashes: escapesSlashes, unicode: escapesUnicode) }
}
