import PipelineCore
import Synchronization

/// The batches that may be on their way at once, counted for the whole process: asked and never waited for.
///
/// A window always gets two, and more only while slots are free. Waiting for a slot while holding others would let
/// windows block each other.
package final class BatchSlots: Sendable {
    private let free: Mutex<Int>

    /// A pool of so many.
    package init(_ count: Int) { free = Mutex(count) }

    /// Takes a slot for a window that holds `held`; the pool may owe a window its first two.
    ///
    /// - Returns: Whether the window may hold one more.
    func take(holding held: Int) -> Bool {
        free.withLock { free in
            guard held < 2 || free > 0 else { return false }
            free -= 1
            return true
        }
    }

    func give(_ count: Int = 1) { free.withLock { $0 += count } }

    /// How many nobody has.
    var left: Int { free.withLock { $0 } }
}

/// Hands its value over once, so that the child task that changes it holds the only reference and copies nothing.
private final class Handover<Value: Sendable>: Sendable {
    private let slot: Mutex<Value?>

    init(_ value: consuming sending Value) { slot = Mutex(value) }

    func take() -> Value? { slot.withLock { $0.take() } }
}

/// What the rows of a window came to on their way through the stages into the sinks.
struct Pumped: Sendable {
    var loaded = 0
    /// Bytes written to the destination, compressed where it is; of the first destination where there are several.
    var bytes = 0
    /// How many rows could not be read or converted.
    var rejected = 0
    /// How many rows stages left out, and how many they made.
    var filtered = 0
    var deduplicated = 0
    var added = 0
    /// The first of them; the others are only counted, or they would take memory without limit.
    var firstReject: Reject?
}

/// Takes batches through the stages into the lanes of a window, several at once, written in row order.
struct Pump {
    /// Takes one batch, whose number in the window it is given, to the last of its arguments, which may reject rows as
    /// stages may; called for several batches at once.
    let process: @Sendable (inout Batch, inout Rejects, Int, (inout Batch, inout Rejects) -> Void) async throws -> Void
    let lanes: [Lane]
    /// What a window does with rows that could not be converted.
    var badRows = BadRows()
    let slots: BatchSlots
    /// Takes each batch once its blocks are made.
    let recycle: @Sendable (consuming Batch) -> Void
    /// Told the number of rows of every block written.
    let wrote: @Sendable (Int) -> Void

    /// What a window does with rows that could not be converted.
    struct BadRows {
        /// Whether they go to the lanes' quarantine.
        var areKept = false
        /// The most of them before it is no use to go on; nil for no limit.
        var limit: Int?
        /// The page and request a row came with, by its number.
        var origin: (Int) -> (page: Int, requestID: String?) = { _ in (0, nil) }
    }

    /// A batch on its way: a block per lane, and what was rejected of it.
    private struct Rendered: Sendable {
        var index: Int
        var rowCount: Int
        var blocks: [Block?]
        var rejects: Rejects
    }

    /// Runs until `next` returns nil.
    ///
    /// - Parameter next: The next batch, and the rows of it that were left out while it was read.
    /// - Returns: What was loaded and what was not.
    /// - Throws: What `next` or a stage throws; `NoLaneLeft` once every lane has failed; `CancellationError`.
    func run(_ next: () async throws -> (batch: Batch, rejects: Rejects)?) async throws -> Pumped {
        var ended = false
        var started = 0
        var written = 0
        var pumped = Pumped()
        var finished: [Int: Rendered] = [:]
        defer { slots.give(started - written) }
        try await withThrowingTaskGroup(of: Rendered.self) { group in
            while true {
                while !ended, slots.take(holding: started - written) {
                    started += 1  // before the await, so that a throw gives the slot back
                    guard let read = try await next().map({ Handover($0) }) else {
                        slots.give()
                        (ended, started) = (true, started - 1)
                        break
                    }
                    start(read, index: started - 1, in: &group)
                }
                guard written < started else { return }
                while finished[written] == nil, let rendered = try await group.next() {
                    finished[rendered.index] = rendered
                }
                guard let rendered = finished.removeValue(forKey: written) else { return }
                for (lane, block) in zip(lanes, rendered.blocks) { await lane.write(block) }
                if badRows.areKept, !rendered.rejects.rows.isEmpty {
                    var rejects = rendered.rejects
                    rejects.locate(badRows.origin)
                    for lane in lanes { await lane.quarantine(rejects) }
                }
                if lanes.allSatisfy({ $0.failure != nil }) { throw NoLaneLeft() }
                pumped.loaded += rendered.rowCount
                pumped.bytes += rendered.blocks.lazy.compactMap { $0?.bytes.count }.first ?? 0
                pumped.rejected += rendered.rejects.rows.count
                pumped.firstReject = pumped.firstReject ?? rendered.rejects.rows.first
                pumped.filtered += rendered.rejects.filtered
                pumped.deduplicated += rendered.rejects.deduplicated
                pumped.added += rendered.rejects.added
                if let limit = badRows.limit, pumped.rejected > limit {
                    group.cancelAll()
                    return
                }
                wrote(rendered.rowCount)
                slots.give()
                written += 1
            }
        }
        return pumped
    }

    private func start(
        _ read: Handover<(batch: Batch, rejects: Rejects)>,
        index: Int,
        in group: inout ThrowingTaskGroup<Rendered, any Error>
    ) {
        group.addTask { [process, lanes, recycle] in
            guard var (batch, rejects) = read.take() else { throw CancellationError() }
            var blocks: [Block?] = []
            try await process(&batch, &rejects, index) { batch, rejects in
                blocks = lanes.encode(&batch, rejecting: &rejects)
            }
            let rowCount = batch.rowCount
            recycle(batch)
            return Rendered(index: index, rowCount: rowCount, blocks: blocks, rejects: rejects)
        }
    }
}
