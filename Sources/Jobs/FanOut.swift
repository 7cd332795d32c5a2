import PipelineCore
import Synchronization

/// One sink's part in the load of a window.
///
/// Once it has failed it takes nothing more, and says so when its own load is about to commit: one sink's failure never
/// travels through another's load.
final class Lane: Sendable {
    private let session: any LoadSession
    private let failed = Mutex<(any Error)?>(nil)

    init(_ session: any LoadSession) { self.session = session }

    var failure: (any Error)? { failed.withLock { $0 } }

    /// The batch as the sink takes it; nil once the sink has failed.
    ///
    /// - Throws: `Misfits` where rows do not fit the sink and `sparesMisfits` asks for them.
    func encode(_ batch: Batch, sparingMisfits sparesMisfits: Bool) throws(Misfits) -> Block? {
        guard failure == nil else { return nil }
        do {
            return try session.encode(batch)
        } catch {
            let misfits = sparesMisfits && error.code == .value ? session.misfits(in: batch) : []
            guard misfits.isEmpty else { throw Misfits(rows: misfits) }
            return fail(error)
        }
    }

    /// Writes the next block; does nothing once the sink has failed.
    func write(_ block: Block?) async {
        guard failure == nil, let block else { return }
        do { try await session.write(block) } catch { fail(error) }
    }

    /// Keeps the next rejected rows; does nothing once the sink has failed.
    func quarantine(_ rejects: Rejects) async {
        guard failure == nil, !rejects.rows.isEmpty else { return }
        do { try await session.quarantine(rejects) } catch { fail(error) }
    }

    @discardableResult private func fail(_ error: any Error) -> Block? {
        failed.withLock { $0 = $0 ?? error }
        return nil
    }
}

/// Rows of a batch that a sink has no form for.
struct Misfits: Error {
    let rows: [Misfit]
}

/// Nobody is left to take rows: every sink has failed, each for a reason of its own.
struct NoLaneLeft: Error {}

/// The loads of one window into several sinks: one read, each sink commits or aborts by itself.
struct FanOut {
    /// The sinks that lack the window, in the order in which every window opens its loads.
    let sinks: [LeasedSink]
    let load: Load

    /// What became of the window in each sink, in the order of `sinks`.
    typealias Outcome = [Result<Checkpoint, any Error>]

    /// Opens a load in every sink, runs `body` once over all that opened, and commits those that did not fail.
    ///
    /// - Throws: What `body` throws, in which case no sink commits; `NoLaneLeft` is no such throw, but ends the reading
    ///   once every sink has failed.
    func callAsFunction(_ body: ([Lane]) async throws -> Checkpoint) async throws -> Outcome {
        var outcome: [Result<Checkpoint, any Error>?] = Array(repeating: nil, count: sinks.count)
        do { _ = try await open(0, [], &outcome, body) } catch is NoLaneLeft {}
        return outcome.compactMap { $0 }
    }

    /// Opens the loads from `index` on around `body`; the last one opened commits first.
    private func open(
        _ index: Int,
        _ lanes: [Lane],
        _ outcome: inout [Result<Checkpoint, any Error>?],
        _ body: ([Lane]) async throws -> Checkpoint
    ) async throws -> Checkpoint {
        guard index < sinks.count else {
            guard !lanes.isEmpty else { throw NoLaneLeft() }
            return try await body(lanes)
        }
        let sink = sinks[index]
        var lane: Lane?
        // What the sinks after this one and the body came to; nil while they have not run.
        var inner: Result<Checkpoint, any Error>?
        do {
            let committed = try await sink.run.load(load) { session in
                let own = Lane(session)
                lane = own
                do {
                    let checkpoint = try await open(index + 1, lanes + [own], &outcome, body)
                    inner = .success(checkpoint)
                    if let failure = own.failure { throw failure }
                    return sink.stamped(checkpoint)
                } catch {
                    inner = inner ?? .failure(error)
                    throw error
                }
            }
            outcome[index] = .success(committed)
            return committed
        } catch {
            switch inner {
            case .failure(let cause)?:
                if cause is NoLaneLeft { outcome[index] = .failure(lane?.failure ?? error) }
                throw cause
            case .success(let checkpoint)?:
                outcome[index] = .failure(error)
                return checkpoint
            case nil:
                outcome[index] = .failure(error)
                return try await open(index + 1, lanes, &outcome, body)
            }
        }
    }
}
