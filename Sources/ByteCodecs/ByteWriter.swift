/// Appends bytes to room that was made before: `OutputSpan` held in registers.
///
/// The renderers' inner loops append a few bytes at a time; an `OutputSpan` keeps its count in memory, which made them
/// nearly twice as slow. It is a value, so that rare paths can take it and give it back without the loops' copy leaving
/// its registers. Every append checks the room.
@safe struct ByteWriter {
    /// How many bytes past its end a copy may write; room for them must be free besides the bytes copied.
    static let overshoot = 16
    /// The same for a member, whose name and value are copied in pieces twice as wide.
    static let memberOvershoot = 32

    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private var count = 0

    private init(base: UnsafeMutableRawPointer, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
    }

    /// Appends to `bytes` what `body` writes into `room` bytes; the writer must not outlive the call.
    @inline(__always)
    static func append(to bytes: inout [UInt8], room: Int, _ body: (inout ByteWriter) -> Void) {
        bytes.append(addingCapacity: max(room, 1)) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                var writer = unsafe ByteWriter(base: UnsafeMutableRawPointer(start), capacity: buffer.count)
                body(&writer)
                count = writer.count
            }
        }
    }

    /// How many bytes more there is room for.
    @inline(__always) var room: Int { capacity &- count }

    /// Appends one byte.
    @inline(__always) mutating func append(_ byte: UInt8) {
        precondition(count < capacity)
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    /// Appends the eight bytes of `word`, the lowest first, of which only `kept` stay.
    @inline(__always) mutating func append(word: UInt64, keeping kept: Int) {
        precondition(room >= 8 && kept >= 0 && kept <= 8)
        unsafe base.storeBytes(of: word.littleEndian, toByteOffset: count, as: UInt64.self)
        count &+= kept
    }

    /// The writer with the four bytes behind the end of `earlier`, a writer of the same bytes, set to `value`, the
    /// highest first.
    func settingBigEndian(_ value: UInt32, at earlier: ByteWriter) -> ByteWriter {
        precondition(earlier.count &+ 4 <= count)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: earlier.count, as: UInt32.self)
        return self
    }

    /// Appends `length` bytes of `source` from `offset` on; there must be room for them and `overshoot`.
    @inline(__always) mutating func append(_ source: Span<UInt8>, _ offset: Int, _ length: Int) {
        precondition(offset >= 0 && length >= 0 && room >= length &+ ByteWriter.overshoot)
        guard offset &+ length &+ 16 <= source.count, length <= 256 else {
            appendExactly(source, offset..<offset + length)
            return
        }
        let target = unsafe base + count
        var done = 0
        repeat {
            let piece = unsafe source.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset &+ done,
                as: SIMD16<UInt8>.self
            )
            unsafe target.storeBytes(of: piece, toByteOffset: done, as: SIMD16<UInt8>.self)
            done &+= 16
        } while done < length
        count &+= length
    }

    /// Appends a name, a value, and `quotes` quotation marks, 0 or 1, in one step for all that is not long; there must
    /// be room for them and `memberOvershoot`.
    @inline(__always)
    mutating func append(
        _ names: Span<UInt8>,
        _ nameOffset: Int,
        _ nameLength: Int,
        _ source: Span<UInt8>,
        _ offset: Int,
        _ length: Int,
        quotes: Int
    ) {
        precondition((nameOffset | nameLength | offset | length) >= 0)
        precondition(room >= nameLength &+ length &+ 1 &+ ByteWriter.memberOvershoot)
        guard nameLength <= 32, nameOffset &+ 32 <= names.count, offset &+ length &+ 32 <= source.count, length <= 256
        else {
            append(names, nameOffset, nameLength)
            append(source, offset, length)
            append(word: 0x22, keeping: quotes)
            return
        }
        var target = unsafe base + count
        let name = unsafe names.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: nameOffset, as: SIMD32<UInt8>.self)
        unsafe target.storeBytes(of: name, toByteOffset: 0, as: SIMD32<UInt8>.self)
        unsafe target += nameLength
        var done = 0
        repeat {
            let piece = unsafe source.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset &+ done,
                as: SIMD32<UInt8>.self
            )
            unsafe target.storeBytes(of: piece, toByteOffset: done, as: SIMD32<UInt8>.self)
            done &+= 32
        } while done < length
        unsafe target.storeBytes(of: 0x22, toByteOffset: length, as: UInt8.self)
        count &+= nameLength &+ length &+ quotes
    }

    /// Appends `length` bytes of `source` from `offset` on unless one of them is a stop; there must be room for them and
    /// `overshoot`.
    ///
    /// - Parameters:
    ///   - source: The bytes copied from.
    ///   - offset: Where the first of them stands.
    ///   - length: How many they are.
    ///   - stops: Sets a bit in the place of each stop among eight bytes, the first in the lowest place; above the lowest
    ///     stop it may set others.
    /// - Returns: Whether they were appended.
    @inline(__always)
    mutating func append(
        _ source: Span<UInt8>,
        _ offset: Int,
        _ length: Int,
        unless stops: (UInt64) -> UInt64
    ) -> Bool {
        precondition(offset >= 0 && length >= 0 && room >= length &+ ByteWriter.overshoot)
        guard offset &+ length &+ 8 <= source.count else {
            for index in offset..<offset + length where stops(UInt64(source[index])) & 0xFF != 0 { return false }
            appendExactly(source, offset..<offset + length)
            return true
        }
        let target = unsafe base + count
        var found: UInt64 = 0
        var done = 0
        while done &+ 8 <= length {
            let word = unsafe source.bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset &+ done,
                as: UInt64.self
            )
            unsafe target.storeBytes(of: word, toByteOffset: done, as: UInt64.self)
            found |= stops(word.littleEndian)
            done &+= 8
        }
        let last = unsafe source.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset &+ done, as: UInt64.self)
        unsafe target.storeBytes(of: last, toByteOffset: done, as: UInt64.self)
        found |= stops(last.littleEndian) & ((1 << UInt64(8 &* (length &- done))) &- 1)
        guard found == 0 else { return false }
        count &+= length
        return true
    }

    /// Appends the bytes of `source` in `range` where reading or writing past them is not possible or not worth it.
    @inline(__always) private mutating func appendExactly(_ source: Span<UInt8>, _ range: Range<Int>) {
        let target = unsafe base + count
        unsafe source.extracting(range).withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe target.copyMemory(from: start, byteCount: bytes.count)
        }
        count &+= range.count
    }
}
