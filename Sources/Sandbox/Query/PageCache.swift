import NIOCore

/// Rendered pages, kept up to a number of bytes; the least recently used go first.
struct PageCache {
    struct Key: Hashable {
        var serial: Int
        var rows: Range<Int>
    }

    private var pages: [Key: (pieces: [ByteBuffer], use: Int)] = [:]
    private(set) var byteCount = 0
    private var uses = 0

    mutating func page(_ key: Key) -> [ByteBuffer]? {
        guard let pieces = pages[key]?.pieces else { return nil }
        uses += 1
        pages[key]?.use = uses
        return pieces
    }

    mutating func insert(_ pieces: [ByteBuffer], for key: Key, limit: Int) {
        let length = Self.length(pieces)
        guard length <= limit, pages[key] == nil else { return }
        uses += 1
        pages[key] = (pieces, uses)
        byteCount += length
        while byteCount > limit, let oldest = pages.min(by: { $0.value.use < $1.value.use }) {
            pages[oldest.key] = nil
            byteCount -= Self.length(oldest.value.pieces)
        }
    }

    private static func length(_ pieces: [ByteBuffer]) -> Int { pieces.reduce(0) { $0 + $1.readableBytes } }
}
