#if Postgres
import Synchronization

/// Keeps the memory of blocks that were sent for those to come: getting it from the system costs more than filling it.
///
/// One is shared by all windows of a run. It holds little, and a block that somebody still has costs only its memory
/// anew.
final class BlockStorage: Sendable {
    /// As many blocks as are under way at once; more are not worth keeping.
    private static let maximumCount = 16
    /// The capacity that no ordinary block has.
    private static let maximumCapacity = 4 << 20

    private let free = Mutex<[[UInt8]]>([])

    /// An empty block with room for a batch of `count` bytes, which may be longer when it is rendered.
    ///
    /// The one that was given first comes first: the giver of the last may still hold it for a moment.
    func take(for count: Int) -> [UInt8] {
        var block = free.withLock { $0.isEmpty ? [] : $0.removeFirst() }
        block.removeAll(keepingCapacity: true)
        // In large steps, so that what fitted one batch fits the next.
        block.reserveCapacity(((count + count / 4) >> 17 + 2) << 17)
        return block
    }

    /// Takes the memory of a block that was sent.
    func give(_ block: consuming [UInt8]) {
        guard block.capacity > 0, block.capacity <= Self.maximumCapacity else { return }
        let given = block
        free.withLock { if $0.count < Self.maximumCount { $0.append(given) } }
    }
}
#endif
