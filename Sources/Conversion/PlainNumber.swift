/// A number written as nearly all are: in the grammar of RFC 8259 §6, without a power of ten, and no zero with a sign.
///
/// It is told in one look at its bytes; what is not plain is left to `DecimalText`.
struct PlainNumber {
    /// Digits before the point; 0 where that is a lone zero.
    let integerDigits: Int
    /// Digits behind the point.
    let fractionDigits: Int

    /// Reads the bytes of `range`; nil where they are anything else.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        let end = range.upperBound
        var isZero = true
        func digits(from start: Int) -> Int {
            var position = start
            while position < end {
                let digit = bytes[position] &- UInt8(ascii: "0")
                guard digit <= 9 else { break }
                if digit > 0 { isZero = false }
                position += 1
            }
            return position - start
        }
        guard let first = range.first else { return nil }
        let isNegative = bytes[first] == UInt8(ascii: "-")
        let start = isNegative ? first + 1 : first
        let whole = digits(from: start)
        guard whole > 0, whole == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        integerDigits = isZero ? 0 : whole
        var position = start + whole
        if position < end {
            guard bytes[position] == UInt8(ascii: ".") else { return nil }
            fractionDigits = digits(from: position + 1)
            guard fractionDigits > 0 else { return nil }
            position += 1 + fractionDigits
        } else {
            fractionDigits = 0
        }
        guard position == end, !(isZero && isNegative) else { return nil }
    }
}
