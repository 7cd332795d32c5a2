import NIOCore

/// Rendered pages, kept up to a number of bytes; the least recently used go first.
struct PageCache {
    struct Key: Hashable {
        var serial: Int
        var rows: Range<Int>
    }

    private var pages: [Key: (buffer: ByteBuffer, use: Int)] = [:]
    private(set) var byteCount = 0
    private var uses = 0

    mutating func page(_ key: Key) -> ByteBuffer? {
        guard let buffer = pages[key]?.buffer else { return nil }
        uses += 1
        pages[key]?.use = uses
        return buffer
    }

    mutating func insert(_ buffer: ByteBuffer, for key: Key, limit: Int) {
        guard buffer.readableBytes <= limit, pages[key] == nil else { return }
        uses += 1
        pages[key] = (buffer, uses)
        byteCount += buffer.readableBytes
        while byteCount > limit, let oldest = pages.min(by: { $0.value.use < $1.value.use }) {
            pages[oldest.key] = nil
            byteCount -= oldest.value.buffer.readableBytes
        }
    }
}
