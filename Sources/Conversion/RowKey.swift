import ByteCodecs
import PipelineCore

/// The values of some columns of a row as 16 bytes that equal values share, and others do not.
///
/// What equal values are is the renderer's to say, as for the keys of a table. The digest is SipHash-2-4 with 128 bits of
/// output (Aumasson and Bernstein) under a key that nobody knows before: that two of a hundred million keys collide has
/// a chance of one in 10^22, and nobody can make them.
struct RowKey: Sendable {
    /// The places of the columns.
    let columns: [Int]
    private let renderer: KeyRenderer
    private let secret: (UInt64, UInt64)

    /// Keys over the columns at `columns`.
    init(_ columns: [Int], of schema: Schema, using random: inout some RandomNumberGenerator) {
        self.columns = columns
        renderer = KeyRenderer(schema: schema, columns: columns, start: "")
        secret = (random.next(), random.next())
    }

    /// The keys of all rows of a batch, in order.
    func keys(of batch: borrowing Batch) -> [UInt128] {
        var (rendered, ends): ([UInt8], [Int]) = ([], [])
        renderer.render(batch, into: &rendered, ends: &ends)
        var keys: [UInt128] = []
        keys.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
            keys.append(SipHash.digest(rendered.span.extracting(start..<end), secret))
            start = end
        }
        return keys
    }
}

/// SipHash-2-4 with 128 bits of output.
enum SipHash {
    static func digest(_ bytes: Span<UInt8>, _ key: (UInt64, UInt64)) -> UInt128 {
        var state = State(key)
        var position = 0
        while position + 8 <= bytes.count {
            var word: UInt64 = 0
            for index in 0..<8 { word |= UInt64(bytes[position + index]) << UInt64(8 * index) }
            state.absorb(word)
            position += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        for index in position..<bytes.count { last |= UInt64(bytes[index]) << UInt64(8 * (index - position)) }
        state.absorb(last)
        return state.finish()
    }

    private struct State {
        private var a, b, c, d: UInt64

        init(_ key: (UInt64, UInt64)) {
            a = key.0 ^ 0x736F_6D65_7073_6575
            b = key.1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE
            c = key.0 ^ 0x6C79_6765_6E65_7261
            d = key.1 ^ 0x7465_6462_7974_6573
        }

        private static func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }

        private mutating func mix() {
            a &+= b
            b = Self.rotated(b, 13) ^ a
            a = Self.rotated(a, 32)
            c &+= d
            d = Self.rotated(d, 16) ^ c
            a &+= d
            d = Self.rotated(d, 21) ^ a
            c &+= b
            b = Self.rotated(b, 17) ^ c
            c = Self.rotated(c, 32)
        }

        mutating func absorb(_ word: UInt64) {
            d ^= word
            mix()
            mix()
            a ^= word
        }

        mutating func finish() -> UInt128 {
            c ^= 0xEE
            for _ in 0..<4 { mix() }
            let low = a ^ b ^ c ^ d
            b ^= 0xDD
            for _ in 0..<4 { mix() }
            return UInt128(a ^ b ^ c ^ d) << 64 | UInt128(low)
        }
    }
}

/// The keys seen so far: 16 bytes each, in a table that is at most three quarters full.
struct KeySet {
    private var table: [UInt128] = Array(repeating: 0, count: 1024)
    private(set) var count = 0
    private var hasZero = false

    /// Adds a key; false where it was there.
    mutating func insert(_ key: UInt128) -> Bool {
        guard key != 0 else {
            defer { hasZero = true }
            if !hasZero { count += 1 }
            return !hasZero
        }
        if (count + 1) * 4 > table.count * 3 { grow() }
        guard place(key) else { return false }
        count += 1
        return true
    }

    private mutating func place(_ key: UInt128) -> Bool {
        var slots = table.mutableSpan
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: UInt64(truncatingIfNeeded: key)) & mask
        while slots[slot] != 0 {
            if slots[slot] == key { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = key
        return true
    }

    private mutating func grow() {
        let old = table
        table = Array(repeating: 0, count: old.count * 2)
        for key in old where key != 0 { _ = place(key) }
    }
}
