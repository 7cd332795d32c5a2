import CZlib
import Synchronization

/// The frame of one gzip member (RFC 1952) around raw deflate blocks that were made apart.
///
/// Each block is closed by an empty stored block (`Z_FULL_FLUSH`) and so ends on a byte: blocks stand behind one another
/// as they are, and their CRCs combine without looking at the bytes again.
struct GzipMember {
    /// Deflate, no name, no time, no flags, an unknown system: the same bytes for the same rows, whenever and wherever.
    static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]

    private(set) var crc: UInt32 = 0
    private(set) var plainCount = 0

    /// Counts a run of plain bytes in.
    mutating func append(plainCount count: Int, crc next: UInt32) {
        crc = UInt32(truncatingIfNeeded: crc32_combine(UInt(crc), UInt(next), count))
        plainCount += count
    }

    /// The last deflate block, which is empty, then CRC and length modulo 2^32, little-endian.
    var trailer: [UInt8] {
        let words = [crc, UInt32(truncatingIfNeeded: plainCount)]
        return [0x03, 0x00] + words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }
}

/// A zlib state of 256 KiB, kept from block to block.
final class Deflater: Sendable {
    @safe private struct Stream: ~Copyable {
        /// zlib notes the address, so the struct must not move.
        let pointer: UnsafeMutablePointer<z_stream>
        /// The most bytes deflated at once; a piece begins with an empty window.
        let pieceSize: Int

        /// How many bytes before a piece it may refer to: what compresses rows as well as all 32 KiB would.
        private static let carried = 8_000

        init(level: Int) {
            // zlib moves its window, and rewrites all it knows of it, once 64 KiB less 262 bytes are in: an eighth of
            // the time at the levels 1 to 3, which look little further. Their pieces end before. Others want the whole
            // window, in pieces whose output fits the 32 bits zlib counts in.
            pieceSize = level < 4 ? 65_000 - Self.carried : 512 << 20
            unsafe pointer = .allocate(capacity: 1)
            unsafe pointer.initialize(to: z_stream())
            // Raw deflate, the largest window, the memory level of gzip(1); fails only where there is no memory.
            let result = unsafe deflateInit2_(
                pointer,
                Int32(level),
                Z_DEFLATED,
                -15,
                8,
                Z_DEFAULT_STRATEGY,
                ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)
            )
            precondition(result == Z_OK, "zlib cannot allocate its state")
        }

        deinit {
            unsafe deflateEnd(pointer)
            unsafe pointer.deallocate()
        }

        /// Deflates `input` into free memory of at least `bound(input.count)` bytes; how many were written.
        func deflate(_ input: borrowing Span<UInt8>, into memory: UnsafeMutableBufferPointer<UInt8>) -> Int {
            unsafe input.withUnsafeBufferPointer { source in
                var (start, written) = (0, 0)
                while start < source.count {
                    let end = min(start + pieceSize, source.count)
                    let before = unsafe UnsafeBufferPointer(rebasing: source[max(0, start - Self.carried)..<start])
                    unsafe deflateSetDictionary(pointer, before.baseAddress, UInt32(before.count))
                    written += unsafe deflate(
                        UnsafeBufferPointer(rebasing: source[start..<end]),
                        into: UnsafeMutableBufferPointer(rebasing: memory[written...])
                    )
                    start = end
                }
                return written
            }
        }

        /// Deflates one piece, ends on a byte, and forgets the piece; how many bytes were written.
        private func deflate(
            _ piece: UnsafeBufferPointer<UInt8>,
            into memory: UnsafeMutableBufferPointer<UInt8>
        ) -> Int {
            let free = UInt32(clamping: memory.count)
            unsafe pointer.pointee.next_in = unsafe UnsafeMutablePointer(mutating: piece.baseAddress)
            unsafe pointer.pointee.avail_in = UInt32(piece.count)
            unsafe pointer.pointee.next_out = memory.baseAddress
            unsafe pointer.pointee.avail_out = free
            unsafe CZlib.deflate(pointer, Z_FULL_FLUSH)
            let left = unsafe pointer.pointee.avail_out
            precondition(left > 0, "deflated bytes did not fit the bound that zlib gave")
            return Int(free - left)
        }

        func bound(_ count: Int) -> Int {
            // Each flush adds an empty stored block, which the bound for a finished stream leaves out.
            unsafe Int(deflateBound(pointer, UInt(count))) + 64 * (count / pieceSize + 1)
        }

        func reset() { unsafe deflateReset(pointer) }
    }

    private let stream: Mutex<Stream>

    init(level: Int) { stream = Mutex(Stream(level: level)) }

    /// Appends `input` as raw deflate blocks that end on a byte and refer to nothing before.
    func deflate(_ input: [UInt8], into output: inout [UInt8]) {
        stream.withLock { stream in
            stream.reset()
            output.append(addingCapacity: stream.bound(input.count)) { span in
                unsafe span.withUnsafeMutableBufferPointer { memory, initialized in
                    unsafe initialized = stream.deflate(input.span, into: memory)
                }
            }
        }
    }
}

/// CRC-32 of `bytes` (RFC 1952 §8).
func crc32(_ bytes: [UInt8]) -> UInt32 {
    unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe UInt32(truncatingIfNeeded: crc32_z(0, buffer.baseAddress, buffer.count))
    }
}
