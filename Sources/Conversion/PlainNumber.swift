/// A number written as nearly all are: in the grammar of RFC 8259 §6, without a power of ten, and no zero with a sign.
struct PlainNumber {
    /// Digits before the point; 0 where that is a lone zero.
    let integerDigits: Int
    /// Digits behind the point.
    let fractionDigits: Int

    /// Reads the bytes of `range`; nil where they are anything else.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let end = range.upperBound
        func digits(from start: Int) -> Int {
            var position = start
            while position < end, bytes[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
            return position - start
        }
        guard let first = range.first else { return nil }
        let start = bytes[first] == UInt8(ascii: "-") ? first + 1 : first
        let whole = digits(from: start)
        guard whole > 0 else { return nil }
        let isZero = bytes[start] == UInt8(ascii: "0")
        guard !isZero || whole == 1 && start == first else { return nil }
        integerDigits = isZero ? 0 : whole
        guard start + whole < end else {
            fractionDigits = 0
            return
        }
        guard bytes[start + whole] == UInt8(ascii: ".") else { return nil }
        fractionDigits = digits(from: start + whole + 1)
        guard fractionDigits > 0, start + whole + 1 + fractionDigits == end else { return nil }
    }
}
