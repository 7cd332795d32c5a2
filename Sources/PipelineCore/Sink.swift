/// The options of a sink: the keys a job file may write under its kind.
///
/// The coding keys, one per option, are what the linter, its "did you mean" and the JSON Schema read.
public protocol SinkOptions: Decodable, Sendable {
    /// The keys a user may write.
    associatedtype CodingKeys: CodingKey & CaseIterable

    /// Names that no column can have in the destination, whatever the options say; none by default.
    static var reservedColumns: Set<String> { get }
}

extension SinkOptions {
    /// None.
    public static var reservedColumns: Set<String> { [] }
}

/// Where rows land, and who remembers what has landed.
///
/// The sink holds the truth: a window is loaded when the sink says so, and rows and checkpoint become visible in one
/// step. Nothing is visible unless a commit was reached.
public protocol Sink: Sendable {
    /// What a job file may write under `kind`.
    associatedtype Options: SinkOptions

    /// The key under `into:` that names this kind of sink.
    static var kind: String { get }

    /// Opens the sink for the time of `body`.
    ///
    /// - Parameters:
    ///   - options: The options of one entry under `into:`.
    ///   - body: Uses the sink.
    /// - Returns: What `body` returns.
    /// - Throws: `SinkError` where the options make no sense or the destination cannot be reached, else what `body`
    ///   throws.
    static func withSink<R>(_ options: Options, _ body: (Self) async throws -> R) async throws -> R

    /// The destination as a user would name it, without secrets; equal for two sinks that write to the same place.
    var destination: String { get }

    /// Whether windows become visible one by one, or all together at the end of a run.
    var scope: CommitScope { get }

    /// How windows meet older rows, as the options say.
    var mode: LoadMode { get }

    /// The columns that identify a row in `merge`, as the options say; empty otherwise.
    var key: [String] { get }

    /// How many loads may be open at once, at least 1.
    var concurrentLoads: Int { get }

    /// What the destination holds of `export`, read without taking the lease; an empty ledger where it holds nothing.
    ///
    /// - Throws: `SinkError` where the destination cannot be read or belongs to another export.
    func ledger(of export: ExportID) async throws(SinkError) -> Ledger

    /// Proves that the destination can be written, without changing what it shows.
    ///
    /// - Parameter schema: The columns that would land; nil where they are not known.
    /// - Returns: What the user should know of the destination although it can be written.
    /// - Throws: `SinkError` saying what stands in the way and what to do.
    @discardableResult func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote]

    /// Holds the export's lease for the time of `body`.
    ///
    /// - Parameters:
    ///   - request: Who asks, for which export and shard.
    ///   - body: Loads windows. Returns whether every window wanted is in: where `scope` is the run, that makes the
    ///     whole visible; otherwise the windows loaded so far are kept for a later run.
    /// - Throws: `SinkError` with the code `.locked` where another run holds the lease, else what `body` throws.
    func withRun(_ request: RunRequest, _ body: (any SinkRun) async throws -> Bool) async throws
}

/// What a user should know of a destination that can be written; one sentence.
public struct SinkNote: Hashable, Sendable {
    /// What kind of note it is.
    public enum Kind: Hashable, Sendable {
        /// What a run would make or change there, to be read after "a run would".
        case change
        /// What may have consequences the user does not expect.
        case warning
    }

    /// What kind of note it is.
    public var kind: Kind
    /// The sentence.
    public var text: String

    /// A note with this text.
    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}

/// When loaded windows become visible.
public enum CommitScope: Hashable, Sendable {
    /// Each window by itself.
    case window
    /// All windows of a run together.
    case run
}

/// What a run asks of a sink before it starts.
public struct RunRequest: Hashable, Sendable {
    /// The export, under the names its windows were first loaded by.
    public var export: ExportID
    /// The same under the names that job and export have now.
    public var current: ExportID
    /// The run.
    public var runID: String
    /// The shard of the run, where the run is one of several; a whole run excludes shards.
    public var shard: Shard?
    /// Whether to wait for the lease instead of failing.
    public var waits: Bool
    /// Whether to fail where the destination is one file that exists, at the start and once more in the step that
    /// would replace it.
    public var keepsExisting: Bool

    /// A run of `export`, which was not renamed unless `current` says so.
    public init(
        export: ExportID,
        current: ExportID? = nil,
        runID: String,
        shard: Shard? = nil,
        waits: Bool = false,
        keepsExisting: Bool = false
    ) {
        self.export = export
        self.current = current ?? export
        self.runID = runID
        self.shard = shard
        self.waits = waits
        self.keepsExisting = keepsExisting
    }
}

/// The part `number` of `count` of an export's windows.
public struct Shard: Hashable, Sendable, LosslessStringConvertible {
    /// Which part, 1 to `count`.
    public let number: Int
    /// How many parts.
    public let count: Int

    /// Reads `I/N`; nil where I is not within 1 to N.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let number = parts[0], let count = parts[1], count >= 1, (1...count).contains(number)
        else { return nil }
        self.number = number
        self.count = count
    }

    /// Whether the window belongs to this part: its id modulo the count.
    public func contains(_ id: WindowID) -> Bool { UInt64(bitPattern: id.value) % UInt64(count) == UInt64(number - 1) }

    /// `I/N`.
    public var description: String { "\(number)/\(count)" }
}

/// A sink under lease, for one run of one export.
public protocol SinkRun: Sendable {
    /// What the destination holds, now that no other run can change it.
    func ledger() async throws(SinkError) -> Ledger

    /// Notes durably what the run is about to do; called once, before any attempt or load.
    ///
    /// - Throws: `SinkError`; the run then does not start.
    func begin(_ plan: RunPlan) async throws(SinkError)

    /// Notes durably, before a query is sent, that it is about to be, or, with a `failure`, that its window failed.
    ///
    /// Notes of a window are dropped when it commits.
    func record(_ attempt: Attempt) async throws(SinkError)

    /// Loads one window.
    ///
    /// - Parameters:
    ///   - load: The window and its columns.
    ///   - body: Writes the rows. Its return commits: rows and the checkpoint it returns become visible in one step.
    ///     Its throw or cancellation aborts: nothing is visible, and what the window held before stays.
    /// - Returns: The checkpoint as committed.
    /// - Throws: `SinkError`, with `.leaseLost` where the lease was gone at commit; else what `body` throws.
    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint
}

/// What a run is about to do with a sink.
public struct RunPlan: Hashable, Sendable, Codable {
    /// Every window that makes the whole, in row order, whether or not it is fetched in this run.
    public var windows: [Window]
    /// The days wanted; nil where the query has none.
    public var range: DateRange?
    /// Fingerprint of the export.
    public var fingerprint: String
    /// How the export is cut and loaded.
    public var layout: Layout
    /// The windows to load again; kept until each is committed, so that a killed reload resumes.
    public var reload: [WindowID]
    /// Windows whose rows stay although they were loaded under another fingerprint.
    public var accepted: [WindowID]
    /// Whether everything is loaded anew and replaces all rows of the export in one step at the end of the run.
    public var replacesAll: Bool
    /// When the plan was made.
    public var createdAt: Timestamp

    /// A plan over these windows.
    public init(
        windows: [Window],
        range: DateRange?,
        fingerprint: String,
        layout: Layout,
        reload: [WindowID] = [],
        accepted: [WindowID] = [],
        replacesAll: Bool = false,
        createdAt: Timestamp
    ) {
        self.windows = windows
        self.range = range
        self.fingerprint = fingerprint
        self.layout = layout
        self.reload = reload
        self.accepted = accepted
        self.replacesAll = replacesAll
        self.createdAt = createdAt
    }

    /// The names under which a plan is kept.
    enum CodingKeys: String, CodingKey {
        case windows
        case range
        case fingerprint
        case layout
        case reload
        case accepted
        case replacesAll = "replaces_all"
        case createdAt = "created_at"
    }
}

/// What a destination holds of one export.
public struct Ledger: Hashable, Sendable {
    /// The checkpoints of windows whose rows are visible.
    public var checkpoints: [WindowID: Checkpoint]
    /// Windows with a checkpoint whose rows are no longer there.
    public var gone: Set<WindowID>
    /// Queries noted for windows that have not committed since, oldest first.
    public var attempts: [Attempt]
    /// Windows of a reload that was begun and have not committed since.
    public var reload: Set<WindowID>
    /// Windows loaded by an unfinished run whose windows become visible together.
    public var staged: Staged?

    /// An unfinished run: its plan and the windows it has loaded.
    public struct Staged: Hashable, Sendable {
        /// What the run set out to do.
        public var plan: RunPlan
        /// The windows it loaded.
        public var checkpoints: [WindowID: Checkpoint]

        /// An unfinished run.
        public init(plan: RunPlan, checkpoints: [WindowID: Checkpoint]) {
            self.plan = plan
            self.checkpoints = checkpoints
        }

        /// How long windows of an unfinished run may be used by a later one.
        public static let lifetimeSeconds = 24 * 3600

        /// The windows that a run of `plan` need not load again, because they are what it would load itself.
        ///
        /// There are none unless range, fingerprint and layout agree and the unfinished run was begun less than
        /// `lifetimeSeconds` earlier; a window that `plan` reloads, or does not hold, is never among them. What is not
        /// among them is removed when the plan begins.
        public func usable(by plan: RunPlan) -> [WindowID: Checkpoint] {
            guard plan.range == self.plan.range, plan.fingerprint == self.plan.fingerprint,
                plan.layout == self.plan.layout, plan.replacesAll == self.plan.replacesAll,
                abs(plan.createdAt.seconds(since: self.plan.createdAt)) < Double(Self.lifetimeSeconds)
            else { return [:] }
            let wanted = Set(plan.windows.map(\.id)).subtracting(plan.reload)
            return checkpoints.filter { wanted.contains($0.key) }
        }
    }

    /// A ledger; without arguments, that of a destination that holds nothing.
    public init(
        checkpoints: [WindowID: Checkpoint] = [:],
        gone: Set<WindowID> = [],
        attempts: [Attempt] = [],
        reload: Set<WindowID> = [],
        staged: Staged? = nil
    ) {
        self.checkpoints = checkpoints
        self.gone = gone
        self.attempts = attempts
        self.reload = reload
        self.staged = staged
    }
}

/// One window about to be written.
public struct Load: Hashable, Sendable {
    /// The window.
    public var window: Window
    /// The columns that land.
    ///
    /// None where a result without rows does not tell them: the destination's columns stay as they are then.
    public var schema: Schema
    /// The columns that hold the query's dimensions and the account: the key of a row unless the job names another; nil
    /// where a dimension does not land, so that rows may repeat.
    public var dimensions: [String]?

    /// A load of `window` with the columns of `schema`.
    public init(window: Window, schema: Schema, dimensions: [String]? = nil) {
        self.window = window
        self.schema = schema
        self.dimensions = dimensions
    }
}

/// One window being written.
///
/// `encode` and `misfits` are pure and run for many batches at once; `write` and `quarantine` are called in row order,
/// one call at a time.
public protocol LoadSession: Sendable {
    /// Renders a batch as the bytes the destination takes.
    ///
    /// - Throws: `SinkError` with the code `.value` where a value has no form in the destination; `misfits(in:)` then
    ///   tells the rows, the batch is taken without them and the block of it encoded anew.
    func encode(_ batch: Batch) throws(SinkError) -> Block

    /// The rows of a batch that `encode` has no form for, in row order, each once.
    ///
    /// Asked only for a batch that `encode` has refused with the code `.value`, so that looking for them costs nothing
    /// where there are none. They become bad rows of the window, and what the job does with bad rows happens to them.
    /// - Returns: Every such row. None where the session cannot tell, which is the default: the load then fails with
    ///   the error of `encode`.
    func misfits(in batch: Batch) -> [Misfit]

    /// Writes the next block.
    func write(_ block: Block) async throws(SinkError)

    /// Keeps the next rejected rows, each with its cells and reason; they become visible with the window, and go when
    /// the window is loaded again.
    ///
    /// Called only where the job quarantines bad rows, and with at least one row.
    /// - Throws: `SinkError` with the code `.configuration` where the destination has no place for them.
    func quarantine(_ rejects: Rejects) async throws(SinkError)
}

extension LoadSession {
    /// None.
    public func misfits(in batch: Batch) -> [Misfit] { [] }
}

/// A row of a batch that a destination has no form for.
public struct Misfit: Hashable, Sendable {
    /// Its place in the batch, counted from 0.
    public var place: Int
    /// The column whose value does not fit; the first, where several do not.
    public var column: String
    /// Why, as a clause to be read after the name of the column; never the value.
    public var reason: String

    /// A row whose value in `column` does not fit.
    public init(place: Int, column: String, reason: String) {
        self.place = place
        self.column = column
        self.reason = reason
    }
}

/// Why a sink failed or refused.
public struct SinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Code: Hashable, Sendable {
        /// The options or the run do not fit the destination: a mistake of the job file.
        case configuration
        /// The destination failed: disk, server, permission.
        case destination
        /// Another run holds the lease.
        case locked
        /// The lease was lost to another run before the commit.
        case leaseLost
        /// The destination cannot take these columns.
        case schema
        /// A value has no form in the destination.
        case value
    }

    /// What kind of failure it is.
    public var code: Code
    /// What failed, on which destination and window, why, and what to do; never a key or a value.
    public var description: String
    /// Whether the same load may succeed when it is tried again.
    public var isTransient: Bool

    /// An error with this text.
    public init(_ code: Code, _ description: String, isTransient: Bool = false) {
        self.code = code
        self.description = description
        self.isTransient = isTransient
    }
}
