public import PipelineCore
import Synchronization

/// Keeps the memory of batches that were used up for those to come: getting it from the system costs more than filling
/// it.
///
/// One is shared by all windows of a run. It holds little: a batch that is not given back, or given back while somebody
/// still has it, costs only its memory anew.
public final class BatchStorage: Sendable {
    /// The memory of one batch, empty.
    struct Room {
        var bytes: [UInt8] = []
        var cells: [Cell] = []
    }

    /// As many batches as are under way at once on a large machine; more are not worth keeping.
    private static let maximumCount = 3
    /// The capacity of bytes that no ordinary batch has.
    private static let maximumBytes = 4 << 20

    private let free = Mutex<[Room]>([])

    /// A storage that holds nothing yet.
    public init() {}

    /// Takes the memory of a batch that nobody needs any more.
    public func give(_ batch: consuming Batch) {
        var room = Room()
        swap(&room.bytes, &batch.bytes)
        swap(&room.cells, &batch.cells)
        guard room.bytes.capacity <= Self.maximumBytes else { return }
        let given = room
        free.withLock { if $0.count < Self.maximumCount { $0.append(given) } }
    }

    /// Memory that was given, or none.
    func take() -> Room {
        var room = free.withLock { $0.popLast() } ?? Room()
        room.bytes.removeAll(keepingCapacity: true)
        room.cells.removeAll(keepingCapacity: true)
        return room
    }
}
