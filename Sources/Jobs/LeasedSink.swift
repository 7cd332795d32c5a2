import PipelineCore
import SupermetricsAPI
import Synchronization

/// One sink under lease, for the time of a run of one export: what it is to do, and how it fares.
final class LeasedSink: Sendable {
    /// Failures of a destination in a row after which the run no longer loads into it.
    static let failuresToDetach = 3

    let sink: any Sink
    let run: any SinkRun
    /// Lets as many loads be open at once as the sink takes.
    let loads: ConcurrencyGate

    private struct State {
        var plan: RunPlan?
        var failures = 0
        var isDetached = false
        var committed = 0
        var isComplete = false
        var hasEnded = false
    }

    private let state = Mutex(State())

    init(_ sink: any Sink, _ run: any SinkRun) {
        self.sink = sink
        self.run = run
        loads = ConcurrencyGate(permits: sink.concurrentLoads)
    }

    /// Notes durably what the run is about to do with the sink.
    func begin(_ plan: RunPlan) async throws(SinkError) {
        try await run.begin(plan)
        state.withLock { $0.plan = plan }
    }

    /// The checkpoint as it is kept in this sink, whose layout is its own.
    func stamped(_ checkpoint: Checkpoint) -> Checkpoint {
        var checkpoint = checkpoint
        if let layout = state.withLock({ $0.plan?.layout }) { checkpoint.layout = layout }
        return checkpoint
    }

    func noteCommit() {
        state.withLock { state in
            state.failures = 0
            state.committed += 1
        }
    }

    /// Notes why a load failed: a lost lease, or too many failures in a row, and nothing more is loaded into the sink.
    func note(_ error: SinkError) {
        state.withLock { state in
            if error.code == .destination { state.failures += 1 }
            if error.code == .leaseLost || state.failures >= Self.failuresToDetach { state.isDetached = true }
        }
    }

    func detach() { state.withLock { $0.isDetached = true } }

    var isDetached: Bool { state.withLock { $0.isDetached } }

    /// Tells how many windows the run was to load into it.
    func conclude(wanted: Int) {
        state.withLock { $0.isComplete = $0.plan != nil && !$0.isDetached && $0.committed == wanted }
    }

    /// Whether it has every window the run was to load into it.
    var isComplete: Bool { state.withLock { $0.isComplete } }

    /// Notes that the lease ended well, and with it, where windows become visible together, all of them.
    func noteEnd() { state.withLock { $0.hasEnded = true } }

    /// Whether it shows windows that were loaded in this run.
    var showsLoads: Bool {
        state.withLock { state in
            guard let plan = state.plan, state.committed > 0 || state.isComplete else { return false }
            let together = sink.scope == .run || plan.replacesAll
            return together ? state.isComplete && state.hasEnded : state.committed > 0
        }
    }
}
