public import PipelineCore
import Synchronization

/// The rows of a window that waited for its last one, in the middle of their way through a pipeline.
///
/// `next` hands out batch after batch; `BoundPipeline.process` takes each the rest of its way, by its number.
public final class HeldRows: Sendable {
    private struct State {
        var waiting: [(batch: Batch, way: BatchOnItsWay)]
        var handedOut = 0
        /// What is known of the batches that were handed out and did not yet go on, by their numbers.
        var ways: [Int: BatchOnItsWay] = [:]
    }

    /// The last batch first.
    private let state: Mutex<State>

    init(_ waiting: [(batch: Batch, way: BatchOnItsWay)]) { state = Mutex(State(waiting: waiting.reversed())) }

    /// The next batch, which nothing else holds; nil after the last.
    ///
    /// What was rejected of it before comes out when it has gone on.
    public func next() -> (batch: Batch, rejects: Rejects)? {
        state.withLock { state in
            guard let (batch, way) = state.waiting.popLast() else { return nil }
            state.ways[state.handedOut] = way
            state.handedOut += 1
            return (batch, Rejects())
        }
    }

    /// What is known of the batch with this number, once.
    func takeWay(_ number: Int) -> BatchOnItsWay? { state.withLock { $0.ways.removeValue(forKey: number) } }
}
