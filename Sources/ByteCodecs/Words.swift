extension Span<UInt8> {
    /// The eight bytes from `offset`, the first in the lowest place; all must lie in the span.
    @inline(__always) func word(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

/// Eight bytes looked at together.
///
/// A mask has the top bit set in the byte of every match; it is exact up to and including the lowest match, which is
/// all that `firstMatch` reads.
enum Word {
    static let tops: UInt64 = 0x8080_8080_8080_8080

    /// `byte` in every place.
    @inline(__always) static func all(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

    /// The place of the lowest match, 0 to 7.
    @inline(__always) static func firstMatch(_ mask: UInt64) -> Int { mask.trailingZeroBitCount >> 3 }

    /// Marks what ends or interrupts plain text in a JSON string: `"`, `\`, bytes below 0x20 and bytes from 0x80.
    @inline(__always) static func stringStops(_ word: UInt64) -> UInt64 {
        // A byte from 0x80 is marked by itself; for the others each difference borrows only where it matches.
        let control = word &- all(0x20)
        let quote = (word ^ all(UInt8(ascii: "\""))) &- all(1)
        let backslash = (word ^ all(UInt8(ascii: "\\"))) &- all(1)
        return (word | control | quote | backslash) & tops
    }

    /// Marks bytes equal to `byte`, given in every place.
    @inline(__always) static func matches(_ word: UInt64, _ byte: UInt64) -> UInt64 {
        let difference = word ^ byte
        return (difference &- all(1)) & ~difference & tops
    }

    /// Sets a bit in the place of every letter, and nowhere else among the bytes of a JSON number.
    @inline(__always) static func letters(_ word: UInt64) -> UInt64 { word & all(0x40) }

    /// Marks letters and points likewise.
    @inline(__always) static func lettersAndPoints(_ word: UInt64) -> UInt64 {
        letters(word) | matches(word, all(UInt8(ascii: ".")))
    }

    /// Marks bytes that are no decimal digit.
    @inline(__always) static func nonDigits(_ word: UInt64) -> UInt64 {
        let value = word ^ all(UInt8(ascii: "0"))
        return (value | ((value & ~tops) &+ all(0x76))) & tops
    }
}
