public import PipelineCore
import Synchronization

/// The simplest sink that keeps every promise: rows land in a `MemoryStore`.
public struct MemorySink: Sink {
    /// The options of a sink in memory.
    public struct Options: SinkOptions {
        /// The keys a user may write.
        public enum CodingKeys: String, CodingKey, CaseIterable {
            case name, scope, mode, key
            case concurrentLoads = "concurrent_loads"
        }

        /// The name of the store, the same for every sink of the process that gives it.
        public var name: String
        /// When windows become visible: `window` (default) or `run`.
        public var scope: String?
        /// How windows meet older rows; `replace_window` by default.
        public var mode: LoadMode?
        /// The key of `merge`.
        public var key: [String]?
        /// How many loads may be open at once; 4 by default.
        public var concurrentLoads: Int?

        /// Options with the defaults for all but the name.
        public init(name: String, scope: CommitScope = .window) {
            self.name = name
            self.scope = scope == .run ? "run" : "window"
        }
    }

    /// `memory`.
    public static let kind = "memory"

    /// Where the rows land.
    public let store: MemoryStore
    /// `memory:` and the store's name.
    public let destination: String
    /// As the options say.
    public let scope: CommitScope
    /// As the options say; rows are replaced window by window whatever it is.
    public let mode: LoadMode
    /// As the options say.
    public let key: [String]
    /// As the options say.
    public let concurrentLoads: Int

    /// A sink into the store that the options name.
    public init(_ options: Options) throws(SinkError) {
        guard ["window", "run", nil].contains(options.scope) else {
            throw SinkError(.configuration, "memory: scope: expected window or run")
        }
        store = MemoryStore.named(options.name)
        destination = "memory:\(options.name)"
        scope = options.scope == "run" ? .run : .window
        mode = options.mode ?? .replaceWindow
        key = options.key ?? []
        concurrentLoads = options.concurrentLoads ?? 4
    }

    /// Opens the sink for the time of `body`.
    public static func withSink<R>(_ options: Options, _ body: (MemorySink) async throws -> R) async throws -> R {
        try await body(MemorySink(options))
    }

    /// What the store holds of `export`.
    public func ledger(of export: ExportID) async throws(SinkError) -> Ledger {
        try store.pass(.ledger)
        return store.read(export, \.ledger)
    }

    /// Fails where the store's interceptor says so.
    public func check(landing schema: Schema?) async throws(SinkError) -> [SinkNote] {
        try store.pass(.check)
        return []
    }

    /// Holds the lease of the export in the store for the time of `body`.
    public func withRun(_ request: RunRequest, _ body: (any SinkRun) async throws -> Bool) async throws {
        try store.pass(.run(request))
        guard scope == .window || request.shard == nil else {
            throw SinkError(.configuration, "\(destination): windows become visible together, so a shard cannot run")
        }
        let run = MemoryRun(sink: self, request: request, holder: try await acquire(request))
        defer { store.release(run.holder, of: request.export) }
        guard try await body(run) else { return }
        try Task.checkCancellation()
        try run.finish()
    }

    private func acquire(_ request: RunRequest) async throws -> Int {
        while true {
            switch store.acquire(request) {
            case .success(let holder): return holder
            case .failure(let obstacle):
                guard request.waits else {
                    throw SinkError(
                        .locked,
                        "\(destination): the run \(obstacle.runID) holds the lease of \(request.export)"
                    )
                }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
    }
}

private struct MemoryRun: SinkRun {
    let sink: MemorySink
    let request: RunRequest
    let holder: Int

    private var store: MemoryStore { sink.store }

    func ledger() async throws(SinkError) -> Ledger {
        try store.pass(.ledger)
        return store.read(request.export, \.ledger)
    }

    func begin(_ plan: RunPlan) async throws(SinkError) {
        try store.pass(.begin(plan))
        guard !plan.replacesAll || request.shard == nil else {
            throw SinkError(.configuration, "\(sink.destination): a shard cannot replace all rows of an export")
        }
        try change { $0.begin(plan, together: sink.scope == .run || plan.replacesAll) }
    }

    func record(_ attempt: Attempt) async throws(SinkError) {
        try store.pass(.record(attempt))
        try change { contents in
            contents.attempts.removeAll { $0.scheduleID == attempt.scheduleID && $0.window.id == attempt.window.id }
            contents.attempts.append(attempt)
        }
    }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        let session = MemorySession(store: store, load: load)
        let checkpoint = try await body(session)
        try Task.checkCancellation()
        try store.pass(.commit(load.window))
        let loaded = MemoryStore.Loaded(
            rows: session.takeRows(),
            rejects: session.takeRejects(),
            checkpoint: checkpoint
        )
        try change { contents in
            if contents.plan == nil {
                contents.windows[load.window.id] = loaded
                contents.gone.remove(load.window.id)
            } else {
                contents.staged[load.window.id] = loaded
            }
            contents.settle(load.window.id)
        }
        return checkpoint
    }

    /// Makes the staged windows visible, where windows become visible together.
    func finish() throws(SinkError) {
        guard let plan = store.read(request.export, \.plan) else { return }
        try store.pass(.finish)
        let staged = store.read(request.export, \.staged)
        if let missing = plan.windows.first(where: { staged[$0.id] == nil }) {
            throw SinkError(.configuration, "\(sink.destination): the window \(missing) of the plan was not loaded")
        }
        try change { contents in
            contents.windows = contents.staged
            contents.gone = []
            contents.staged = [:]
            contents.plan = nil
            contents.reload = []
        }
    }

    private func change(_ body: (inout MemoryStore.Contents) -> Void) throws(SinkError) {
        guard store.change(request.export, holding: holder, body) else {
            throw SinkError(.leaseLost, "\(sink.destination): the lease of \(request.export) was lost to another run")
        }
    }
}

/// Rows travel in blocks as a flag byte per cell and, where it is not null, four bytes of length and the text.
private final class MemorySession: LoadSession {
    private let store: MemoryStore
    private let load: Load
    private let rows = Mutex<[[String?]]>([])

    init(store: MemoryStore, load: Load) {
        self.store = store
        self.load = load
    }

    private let rejects = Mutex<[Reject]>([])

    func takeRows() -> [[String?]] { rows.withLock { $0 } }

    func takeRejects() -> [Reject] { rejects.withLock { $0 } }

    func quarantine(_ rejects: Rejects) async throws(SinkError) {
        try store.pass(.write(load.window))
        self.rejects.withLock { $0 += rejects.rows }
    }

    func encode(_ batch: Batch) throws(SinkError) -> Block {
        var bytes: [UInt8] = []
        for text in batch.textRows.joined() {
            bytes.append(text == nil ? 0 : 1)
            guard let text else { continue }
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: text.utf8.count >> ($0 * 8)) }
            bytes += text.utf8
        }
        return Block(bytes: bytes, rowCount: batch.rowCount, plainCount: bytes.count)
    }

    func write(_ block: Block) async throws(SinkError) {
        try store.pass(.write(load.window))
        var rest = block.bytes[...]
        func cell() -> String? {
            guard rest.popFirst() == 1 else { return nil }
            let length = rest.prefix(4).enumerated().reduce(0) { $0 + Int($1.element) << ($1.offset * 8) }
            defer { rest = rest.dropFirst(4 + length) }
            return String(decoding: rest.dropFirst(4).prefix(length), as: UTF8.self)
        }
        let decoded = (0..<block.rowCount).map { _ in load.schema.columns.map { _ in cell() } }
        rows.withLock { $0 += decoded }
    }
}
