import PipelineCore
import Synchronization

/// Makes blocks out of batches; used by many batches at once.
struct BlockEncoder: Sendable {
    let renderer: any RowRenderer
    let tools: EncodingTools

    func encode(_ batch: Batch) throws(SinkError) -> Block {
        // Rendered rows that are compressed are needed only here; those that are not become the block.
        let buffers = tools.compression == .none ? tools.blocks : tools.scratch
        var plain = buffers.take()
        plain.reserveCapacity(BufferPool.capacity(for: batch.bytes.count))
        try renderer.render(batch, into: &plain)
        return block(plain, rows: batch.rowCount)
    }

    /// What a file begins with.
    func header() -> Block { block(renderer.header, rows: 0) }

    /// Takes back the storage of a block that was written.
    func recycle(_ block: consuming Block) { tools.blocks.give(block.bytes) }

    private func block(_ plain: consuming [UInt8], rows: Int) -> Block {
        guard case .gzip(let level) = tools.compression, !plain.isEmpty else {
            return Block(bytes: plain, rowCount: rows, plainCount: plain.count)
        }
        var deflated = tools.blocks.take()
        deflated.reserveCapacity(BufferPool.capacity(for: plain.count))
        let deflater = tools.takeDeflater(level: level)
        deflater.deflate(plain, into: &deflated)
        tools.give(deflater)
        let block = Block(bytes: deflated, rowCount: rows, plainCount: plain.count, crc: crc32(plain))
        tools.scratch.give(plain)
        return block
    }
}

/// What encoding needs again and again, shared by all windows of a sink.
final class EncodingTools: Sendable {
    let compression: FileCompression
    /// Where blocks stand from their making to their writing.
    let blocks = BufferPool()
    /// Where rows stand between rendering and compressing.
    let scratch = BufferPool()
    private let deflaters = Mutex<[Deflater]>([])

    init(_ compression: FileCompression) { self.compression = compression }

    func takeDeflater(level: Int) -> Deflater { deflaters.withLock { $0.popLast() } ?? Deflater(level: level) }

    /// Keeps the state for the next block; there are never more of them than blocks were encoded at once.
    func give(_ deflater: Deflater) { deflaters.withLock { $0.append(deflater) } }
}

/// Byte buffers of about a batch's size, kept because allocating them costs more than filling them.
final class BufferPool: Sendable {
    private let free = Mutex<[[UInt8]]>([])

    /// What to reserve for `count` bytes and a little more: in large steps, so that buffers fit one batch like another.
    static func capacity(for count: Int) -> Int { (count >> 17 + 2) << 17 }

    /// An empty buffer, with storage where one was given back.
    ///
    /// The one that was given first comes first: the giver of the last may still hold it for a moment.
    func take() -> [UInt8] {
        var buffer = free.withLock { $0.isEmpty ? [] : $0.removeFirst() }
        buffer.removeAll(keepingCapacity: true)
        return buffer
    }

    /// Takes a buffer back; few are kept, and none that grew out of the ordinary.
    func give(_ buffer: consuming [UInt8]) {
        guard buffer.capacity > 0, buffer.capacity <= 16 << 20 else { return }
        let kept = buffer
        free.withLock { if $0.count < 3 { $0.append(kept) } }
    }
}
