import Conversion
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

    /// Renders a batch.
    ///
    /// - Parameters:
    ///   - batch: The rows.
    ///   - misfits: Takes the rows that the sink has no form for, where there are any; nil where all that were named
    ///     are out already.
    /// - Returns: The batch as the sink takes it; nil where it has no form for some row, and once it has failed.
    fileprivate func encode(_ batch: Batch, misfits: (([Misfit]) -> Void)?) -> Block? {
        guard failure == nil else { return nil }
        do {
            return try session.encode(batch)
        } catch {
            guard error.code == .value, let misfits else { return fail(error) }
            let found = session.misfits(in: batch)
            guard !found.isEmpty else { return fail(error) }
            misfits(found)
            return nil
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

extension [Lane] {
    /// Renders a batch for every lane.
    ///
    /// A row that one of them has no form for is taken out for all: a window has the same rows and the same counts
    /// wherever it lands.
    /// - Parameters:
    ///   - batch: The rows.
    ///   - rejects: Takes those that were taken out, in row order.
    /// - Returns: The batch as each lane takes it, nil for those that have failed.
    func encode(_ batch: inout Batch, rejecting rejects: inout Rejects) -> [Block?] {
        var misfits: [Int: Misfit] = [:]
        let blocks = map { lane in
            lane.encode(batch) { found in
                for misfit in found { misfits[misfit.place] = misfits[misfit.place] ?? misfit }
            }
        }
        guard !misfits.isEmpty else { return blocks }
        let found = misfits.values.sorted { $0.place < $1.place }
        for misfit in found {
            rejects.append(
                Reject(
                    row: batch.rowNumber(at: misfit.place),
                    column: misfit.column,
                    stage: Reject.load,
                    rule: misfit.reason
                )
            )
        }
        batch.removeRows(at: found.map(\.place))
        return map { $0.encode(batch, misfits: nil) }
    }
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

extension Reject {
    /// What rows break that a destination has no form for.
    static let load = "load"
}
