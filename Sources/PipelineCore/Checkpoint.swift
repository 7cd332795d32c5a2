/// The durable note, kept by the sink, that a window is loaded, with its counts and provenance.
public struct Checkpoint: Hashable, Sendable, Codable {
    /// The window.
    public var window: Window
    /// The export it belongs to.
    public var export: ExportID
    /// The days the rows cover, which at an edge of the range are fewer than the cell's; nil where the query has none.
    public var covers: DateRange?
    /// The accounts the rows cover, as resolved; empty where the source has none.
    public var accounts: [String]
    /// What became of every row.
    public var counts: RowCounts
    /// When the rows were fetched; the cache's time where a cache answered.
    public var fetchedAt: Timestamp
    /// Whether the last covered day was over and the lookback had passed when the rows were fetched.
    public var settled: Bool
    /// Digest of what decides the rows: query without dates, stages, columns, contract.
    public var fingerprint: String
    /// A later fingerprint under which the user chose to keep these rows.
    public var acceptedFingerprint: String?
    /// How the export was cut when the window was loaded.
    public var layout: Layout
    /// The run that loaded it.
    public var runID: String
    /// The API's schedule ids of the queries whose rows these are.
    public var scheduleIDs: [String]
    /// The API's request ids, for its support.
    public var requestIDs: [String]
    /// HTTP requests spent on the rows.
    public var requests: Int
    /// Whether the API said the rows are sampled.
    public var sampled: Bool
    /// The cache's time, where a cache answered.
    public var cacheTime: Timestamp?
    /// The columns that landed.
    public var schema: Schema

    /// A note with these facts.
    public init(
        window: Window,
        export: ExportID,
        covers: DateRange?,
        accounts: [String],
        counts: RowCounts,
        fetchedAt: Timestamp,
        settled: Bool,
        fingerprint: String,
        acceptedFingerprint: String? = nil,
        layout: Layout,
        runID: String,
        scheduleIDs: [String],
        requestIDs: [String],
        requests: Int,
        sampled: Bool,
        cacheTime: Timestamp? = nil,
        schema: Schema
    ) {
        self.window = window
        self.export = export
        self.covers = covers
        self.accounts = accounts
        self.counts = counts
        self.fetchedAt = fetchedAt
        self.settled = settled
        self.fingerprint = fingerprint
        self.acceptedFingerprint = acceptedFingerprint
        self.layout = layout
        self.runID = runID
        self.scheduleIDs = scheduleIDs
        self.requestIDs = requestIDs
        self.requests = requests
        self.sampled = sampled
        self.cacheTime = cacheTime
        self.schema = schema
    }

    /// The names under which a checkpoint is kept; stable, other programs read them.
    enum CodingKeys: String, CodingKey {
        case window
        case export
        case covers
        case accounts
        case counts
        case fetchedAt = "fetched_at"
        case settled
        case fingerprint
        case acceptedFingerprint = "accepted_fingerprint"
        case layout
        case runID = "run_id"
        case scheduleIDs = "schedule_ids"
        case requestIDs = "request_ids"
        case requests
        case sampled
        case cacheTime = "cache_time"
        case schema
    }
}

/// How an export is cut and loaded; a change needs everything loaded again.
public struct Layout: Hashable, Sendable, Codable {
    /// The grid's size as the job file writes it: `day`, `week`, `month`, `7 days`, `all`.
    public var size: String
    /// Whether each account is a window of its own.
    public var perAccount: Bool
    /// How rows meet older rows.
    public var mode: LoadMode
    /// The key of `merge`, in order; empty otherwise.
    public var key: [String]

    /// A layout; `mode` and `key` have the defaults of a file sink.
    public init(size: String, perAccount: Bool, mode: LoadMode = .replaceWindow, key: [String] = []) {
        self.size = size
        self.perAccount = perAccount
        self.mode = mode
        self.key = key
    }

    /// The names under which a layout is kept.
    enum CodingKeys: String, CodingKey {
        case size
        case perAccount = "per_account"
        case mode
        case key
    }
}

/// What became of a window's rows: API rows = received, and received + added = loaded + rejected + filtered +
/// deduplicated.
public struct RowCounts: Hashable, Sendable, Codable {
    /// Rows the API announced; equal to `received` where it announced none.
    public var api: Int
    /// Rows that arrived.
    public var received: Int
    /// Rows in the destination.
    public var loaded: Int
    /// Rows in quarantine.
    public var rejected: Int
    /// Rows a `filter` stage left out.
    public var filtered: Int
    /// Rows a `dedupe` stage left out.
    public var deduplicated: Int
    /// Rows an `unpivot` stage made beyond those that reached it.
    public var added: Int

    /// Counts of a window.
    public init(
        api: Int,
        received: Int,
        loaded: Int,
        rejected: Int = 0,
        filtered: Int = 0,
        deduplicated: Int = 0,
        added: Int = 0
    ) {
        self.api = api
        self.received = received
        self.loaded = loaded
        self.rejected = rejected
        self.filtered = filtered
        self.deduplicated = deduplicated
        self.added = added
    }

    /// Whether every row the API announced arrived and is accounted for.
    public var areBalanced: Bool {
        api == received && received + added == loaded + rejected + filtered + deduplicated
    }

    enum CodingKeys: String, CodingKey {
        case api, received, loaded, rejected, filtered, deduplicated, added
    }

    /// Decodes counts; those of a checkpoint that knows no `added` have none.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        api = try container.decode(Int.self, forKey: .api)
        received = try container.decode(Int.self, forKey: .received)
        loaded = try container.decode(Int.self, forKey: .loaded)
        rejected = try container.decode(Int.self, forKey: .rejected)
        filtered = try container.decode(Int.self, forKey: .filtered)
        deduplicated = try container.decode(Int.self, forKey: .deduplicated)
        added = try container.decodeIfPresent(Int.self, forKey: .added) ?? 0
    }

    /// Encodes the counts, `added` only where there is something to tell.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(api, forKey: .api)
        try container.encode(received, forKey: .received)
        try container.encode(loaded, forKey: .loaded)
        try container.encode(rejected, forKey: .rejected)
        try container.encode(filtered, forKey: .filtered)
        try container.encode(deduplicated, forKey: .deduplicated)
        if added != 0 { try container.encode(added, forKey: .added) }
    }
}

/// One query for a window, noted durably before it is sent, so that a run that died finds it again.
public struct Attempt: Hashable, Sendable, Codable {
    /// The window it is for.
    public var window: Window
    /// The handle the query was sent with.
    public var scheduleID: String
    /// The days it asks for; nil where the query has none.
    public var days: DateRange?
    /// The accounts it asks for.
    public var accounts: [String]
    /// Fingerprint of the export when it was sent.
    public var fingerprint: String
    /// When it was noted.
    public var startedAt: Timestamp
    /// The run that sent it.
    public var runID: String
    /// The most rows it asks for, a result this long being cut; nil where that is not known.
    public var rowLimit: Int?
    /// Why the window failed for good, where it did, and the query's result is of no use; never holds a key or a value.
    public var failure: String?

    /// An attempt about to be sent.
    public init(
        window: Window,
        scheduleID: String,
        days: DateRange?,
        accounts: [String],
        fingerprint: String,
        startedAt: Timestamp,
        runID: String,
        rowLimit: Int? = nil,
        failure: String? = nil
    ) {
        self.window = window
        self.scheduleID = scheduleID
        self.days = days
        self.accounts = accounts
        self.fingerprint = fingerprint
        self.startedAt = startedAt
        self.runID = runID
        self.rowLimit = rowLimit
        self.failure = failure
    }

    /// The names under which an attempt is kept.
    enum CodingKeys: String, CodingKey {
        case window
        case scheduleID = "schedule_id"
        case days
        case accounts
        case fingerprint
        case startedAt = "started_at"
        case runID = "run_id"
        case rowLimit = "row_limit"
        case failure
    }
}
