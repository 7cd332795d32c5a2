import CZlib
import Synchronization

/// The frame of one gzip member (RFC 1952) around raw deflate blocks that were made apart.
///
/// Each block is closed by an empty stored block (`Z_SYNC_FLUSH`) and so ends on a byte: blocks stand behind one another
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

        init(level: Int) {
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
                unsafe pointer.pointee.next_in = unsafe UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe pointer.pointee.next_out = memory.baseAddress
                var (unread, free) = (source.count, memory.count)
                repeat {
                    // zlib counts in 32 bits.
                    let (reads, writes) = (min(unread, 1 << 30), min(free, 1 << 30))
                    unsafe pointer.pointee.avail_in = UInt32(reads)
                    unsafe pointer.pointee.avail_out = UInt32(writes)
                    unsafe CZlib.deflate(pointer, reads == unread ? Z_SYNC_FLUSH : Z_NO_FLUSH)
                    unread -= unsafe reads - Int(pointer.pointee.avail_in)
                    free -= unsafe writes - Int(pointer.pointee.avail_out)
                } while unsafe unread > 0 || (pointer.pointee.avail_out == 0 && free > 0)
                precondition(free > 0, "deflated bytes did not fit the bound that zlib gave")
                return memory.count - free
            }
        }

        func bound(_ count: Int) -> Int {
            // The sync flush adds an empty stored block, which the bound for a finished stream leaves out.
            unsafe Int(deflateBound(pointer, UInt(count))) + 64
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
