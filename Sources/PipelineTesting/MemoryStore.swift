public import PipelineCore
import Synchronization

/// A destination in memory, which outlives the sinks that open it.
///
/// It keeps what every sink has to keep, shows what a reader would see, and fails where a test wants it to.
public final class MemoryStore: Sendable {
    /// What a sink is about to do; where a test may make it fail.
    public enum Operation: Hashable, Sendable {
        /// The ledger is read.
        case ledger
        /// The destination is probed.
        case check
        /// A run asks for the lease.
        case run(RunRequest)
        /// A run notes its plan.
        case begin(RunPlan)
        /// An attempt is noted.
        case record(Attempt)
        /// A block of the window is written.
        case write(Window)
        /// The window commits.
        case commit(Window)
        /// A run makes its windows visible together.
        case finish
    }

    /// What may stand in the way of an operation.
    public typealias Interceptor = @Sendable (Operation) throws(SinkError) -> Void

    /// One window as it stands.
    struct Loaded: Sendable {
        var rows: [[String?]]
        var rejects: [Reject]
        var checkpoint: Checkpoint
    }

    /// All that is kept of one export.
    struct Contents: Sendable {
        var windows: [WindowID: Loaded] = [:]
        var gone: Set<WindowID> = []
        var attempts: [Attempt] = []
        var reload: Set<WindowID> = []
        var plan: RunPlan?
        var staged: [WindowID: Loaded] = [:]
    }

    /// Who holds the lease of one export; nil is a whole run.
    struct Holder: Sendable {
        var id: Int
        var shard: Shard?
        var runID: String
    }

    private struct State {
        var contents: [ExportID: Contents] = [:]
        var holders: [ExportID: [Holder]] = [:]
        var holdersSoFar = 0
        var interceptor: Interceptor?
        var history: [Operation] = []
    }

    private let state = Mutex(State())

    /// An empty destination.
    public init() {}

    private static let named = Mutex<[String: MemoryStore]>([:])

    /// The destination of that name in this process; made at its first use.
    public static func named(_ name: String) -> MemoryStore {
        named.withLock { stores in
            let store = stores[name] ?? MemoryStore()
            stores[name] = store
            return store
        }
    }

    /// Sets what may stand in the way of every operation from now on; nil for nothing.
    public func intercept(_ interceptor: Interceptor?) { state.withLock { $0.interceptor = interceptor } }

    /// Every operation so far, oldest first.
    public var history: [Operation] { state.withLock { $0.history } }

    /// The rows of an export that a reader sees, in window order; nil for a null.
    public func rows(of export: ExportID) -> [[String?]] {
        read(export) { contents in
            contents.windows.filter { !contents.gone.contains($0.key) }.values
                .sorted { $0.checkpoint.window < $1.checkpoint.window }.flatMap(\.rows)
        }
    }

    /// The rows of one window that a reader sees; empty where it is not there.
    public func rows(of window: Window, in export: ExportID) -> [[String?]] {
        read(export) { $0.gone.contains(window.id) ? [] : $0.windows[window.id]?.rows ?? [] }
    }

    /// The rejected rows of an export, in window order.
    public func rejects(of export: ExportID) -> [Reject] {
        read(export) { contents in
            contents.windows.values.sorted { $0.checkpoint.window < $1.checkpoint.window }.flatMap(\.rejects)
        }
    }

    /// Takes the rows of a window away, as someone who deletes a file would; its checkpoint stays.
    public func removeRows(of window: WindowID, in export: ExportID) {
        change(export) { _ = $0.gone.insert(window) }
    }

    /// Takes the lease from every run of the export, as its expiry would.
    public func breakLease(of export: ExportID) { state.withLock { $0.holders[export] = [] } }

    func pass(_ operation: Operation) throws(SinkError) {
        let interceptor = state.withLock { state in
            state.history.append(operation)
            return state.interceptor
        }
        try interceptor?(operation)
    }

    func read<R>(_ export: ExportID, _ body: (Contents) -> R) -> R {
        let contents = state.withLock { $0.contents[export] ?? Contents() }
        return body(contents)
    }

    func change(_ export: ExportID, _ body: (inout Contents) -> Void) {
        state.withLock { body(&$0.contents[export, default: Contents()]) }
    }

    /// Changes the export's contents if `holder` still has the lease; false where it has not.
    func change(_ export: ExportID, holding holder: Int, _ body: (inout Contents) -> Void) -> Bool {
        state.withLock { state in
            guard state.holders[export, default: []].contains(where: { $0.id == holder }) else { return false }
            body(&state.contents[export, default: Contents()])
            return true
        }
    }

    /// Takes the lease; the run that stands in the way where there is one.
    func acquire(_ request: RunRequest) -> Result<Int, Obstacle> {
        state.withLock { state in
            let others = state.holders[request.export, default: []]
            let obstacle = others.first { other in
                guard let mine = request.shard, let theirs = other.shard else { return true }
                return mine.count != theirs.count || mine.number == theirs.number
            }
            if let obstacle { return .failure(Obstacle(runID: obstacle.runID)) }
            state.holdersSoFar += 1
            let holder = Holder(id: state.holdersSoFar, shard: request.shard, runID: request.runID)
            state.holders[request.export] = others + [holder]
            return .success(holder.id)
        }
    }

    func release(_ holder: Int, of export: ExportID) {
        state.withLock { $0.holders[export]?.removeAll { $0.id == holder } }
    }

    struct Obstacle: Error {
        var runID: String
    }
}

extension MemoryStore.Contents {
    var ledger: Ledger {
        Ledger(
            checkpoints: windows.mapValues(\.checkpoint),
            gone: gone.intersection(windows.keys),
            attempts: attempts.sorted { ($0.startedAt, $0.scheduleID) < ($1.startedAt, $1.scheduleID) },
            reload: reload,
            staged: plan.map { Ledger.Staged(plan: $0, checkpoints: staged.mapValues(\.checkpoint)) }
        )
    }

    /// Notes a plan; `together` where its windows become visible together.
    mutating func begin(_ plan: RunPlan, together: Bool) {
        for id in plan.accepted {
            windows[id]?.checkpoint.acceptedFingerprint = plan.fingerprint
            reload.remove(id)
        }
        let usable = ledger.staged?.usable(by: plan) ?? [:]
        staged = together ? staged.filter { usable[$0.key] != nil } : [:]
        let earlier = staged.isEmpty ? nil : self.plan
        self.plan = together ? plan : nil
        if together, let earlier { self.plan?.createdAt = earlier.createdAt }
        reload.formUnion(plan.reload)
    }

    /// Drops every note that the window is still to be loaded.
    mutating func settle(_ id: WindowID) {
        attempts.removeAll { $0.window.id == id }
        reload.remove(id)
    }
}
