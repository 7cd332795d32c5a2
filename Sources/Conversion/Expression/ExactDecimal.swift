import ByteCodecs

/// A decimal number of at most 38 digits, exact, or the word that there is none.
///
/// Sums, differences and products are exact or a fault. A quotient that ends within 38 digits is exact; any other is
/// rounded half to even to 20 significant digits, or to a whole number where that has more.
struct ExactDecimal: BitwiseCopyable, Hashable {
    /// All digits as one whole number.
    private(set) var coefficient: Int128
    /// How many of the digits stand behind the point.
    private(set) var scale: Int32
    /// `Mark.value`, `Mark.null`, or a fault.
    let mark: UInt8

    static let null = ExactDecimal(mark: Mark.null)
    static let zero = ExactDecimal(coefficient: 0, scale: 0)

    /// Beyond this many digits behind the point a number is none of ours.
    private static let scaleLimit = 1000
    /// The first power of ten that has too many digits.
    private static let bound: Int128 = 100_000_000_000_000_000_000_000_000_000_000_000_000

    init(mark: UInt8) { (coefficient, scale, self.mark) = (0, 0, mark) }

    init(coefficient: Int128, scale: Int) {
        (self.coefficient, self.scale, mark) = (coefficient, Int32(truncatingIfNeeded: scale), Mark.value)
    }

    /// The number that the bytes of `range` are.
    ///
    /// - Parameters:
    ///   - bytes: Hold the number.
    ///   - range: Where it stands.
    ///   - fault: What it is where the bytes are no number.
    ///   - excess: What it is where it has too many digits.
    @inline(__always)
    init(_ bytes: Span<UInt8>, _ range: Range<Int>, fault: UInt8, excess: UInt8) {
        var position = range.lowerBound
        let end = range.upperBound
        guard end - position <= 19, position < end else {
            self = ExactDecimal(parsing: bytes, range, fault: fault, excess: excess)
            return
        }
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let start = position
        var value: UInt64 = 0
        var point = end
        while position < end {
            let digit = bytes[position] &- UInt8(ascii: "0")
            if digit <= 9 {
                value = value &* 10 &+ UInt64(digit)
            } else if bytes[position] == UInt8(ascii: "."), point == end, position > start {
                point = position
            } else {
                break
            }
            position += 1
        }
        guard position == end, position > start, point != end - 1 else {
            self = ExactDecimal(parsing: bytes, range, fault: fault, excess: excess)
            return
        }
        let whole = Int128(value)
        self.init(coefficient: isNegative ? -whole : whole, scale: point < end ? end - point - 1 : 0)
    }

    /// The long way, for signs, exponents and many digits.
    @inline(never)
    private init(parsing bytes: Span<UInt8>, _ range: Range<Int>, fault: UInt8, excess: UInt8) {
        let text = bytes.extracting(range)
        guard let number = DecimalText(text) else {
            self = ExactDecimal(mark: fault)
            return
        }
        let digits = number.significantDigits(text)
        guard digits.count > 0 else {
            // The zeros behind the point of a zero are kept, within reason.
            self.init(coefficient: 0, scale: max(0, min(number.writtenScale, 38)))
            return
        }
        var last = min(digits.last, 0)
        // Zeros at the end belong to the number as long as there is room for them.
        let written = -number.writtenScale
        if written < last, digits.first - written < 38 { last = written }
        guard digits.first - last < 38, last >= -Self.scaleLimit else {
            self = ExactDecimal(mark: excess)
            return
        }
        var value: Int128 = 0
        for place in stride(from: digits.first, through: last, by: -1) {
            value = value * 10 + Int128(digits.digit(place, text))
        }
        self.init(coefficient: number.isNegative ? -value : value, scale: -last)
    }

    private static let powers: [Int128] = (0..<38).reduce(into: [1]) { powers, _ in
        powers.append(powers[powers.count - 1] * 10)
    }

    private static func power(_ exponent: Int) -> Int128 { powers[exponent] }

    /// The number with its point moved so that it has the larger scale of the two; nil where it has too many digits.
    @inline(__always)
    private func coefficient(atScale wanted: Int32) -> Int128? {
        let places = Int(wanted - scale)
        guard places > 0 else { return coefficient }
        guard places <= 38 else { return coefficient == 0 ? 0 : nil }
        let (product, overflow) = coefficient.multipliedReportingOverflow(by: Self.power(places))
        return overflow ? nil : product
    }

    /// The same value without zeros at its end.
    private var trimmed: ExactDecimal {
        var (value, scale) = (coefficient, Int(scale))
        while scale > 0 {
            let (quotient, rest) = value.quotientAndRemainder(dividingBy: 10)
            guard rest == 0 else { break }
            (value, scale) = (quotient, scale - 1)
        }
        return ExactDecimal(coefficient: value, scale: scale)
    }

    private var isWithinLimits: Bool {
        coefficient < Self.bound && coefficient > -Self.bound && Int(scale) <= Self.scaleLimit
    }

    // MARK: Arithmetic

    /// The word to pass on where one of two numbers is none: the first fault, else null.
    @inline(__always)
    private static func mark(_ left: ExactDecimal, _ right: ExactDecimal) -> UInt8 {
        left.mark > Mark.null ? left.mark : max(left.mark, right.mark)
    }

    @inline(__always)
    func adding(_ other: ExactDecimal, excess: UInt8) -> ExactDecimal {
        let mark = Self.mark(self, other)
        guard mark == Mark.value else { return ExactDecimal(mark: mark) }
        let wanted = max(scale, other.scale)
        if let left = coefficient(atScale: wanted), let right = other.coefficient(atScale: wanted) {
            let (value, overflow) = left.addingReportingOverflow(right)
            let sum = ExactDecimal(coefficient: value, scale: Int(wanted))
            if !overflow, sum.isWithinLimits { return sum }
            if !overflow, sum.trimmed.isWithinLimits { return sum.trimmed }
        }
        return Self.slowly(self, other, excess) { $0.adding($1, excess: excess) }
    }

    @inline(__always)
    func subtracting(_ other: ExactDecimal, excess: UInt8) -> ExactDecimal { adding(other.negated, excess: excess) }

    @inline(__always)
    var negated: ExactDecimal {
        mark == Mark.value ? ExactDecimal(coefficient: -coefficient, scale: Int(scale)) : self
    }

    @inline(__always)
    func multiplied(by other: ExactDecimal, excess: UInt8) -> ExactDecimal {
        let mark = Self.mark(self, other)
        guard mark == Mark.value else { return ExactDecimal(mark: mark) }
        let (value, overflow) = coefficient.multipliedReportingOverflow(by: other.coefficient)
        let product = ExactDecimal(coefficient: value, scale: Int(scale) + Int(other.scale))
        if !overflow, product.isWithinLimits { return product }
        return trimmedProduct(other, excess: excess)
    }

    /// The product without the zeros at its end, where with them it has too many digits.
    @inline(never)
    private func trimmedProduct(_ other: ExactDecimal, excess: UInt8) -> ExactDecimal {
        var (high, low) = coefficient.magnitude.multipliedFullWidth(by: other.coefficient.magnitude)
        var scale = Int(scale) + Int(other.scale)
        while high != 0 || low >= UInt128(Self.bound) || scale > Self.scaleLimit {
            let (quotient, rest) = high.quotientAndRemainder(dividingBy: 10)
            let (lowQuotient, lowRest) = UInt128(10).dividingFullWidth((rest, low))
            guard lowRest == 0, scale > 0 else { return ExactDecimal(mark: excess) }
            (high, low, scale) = (quotient, lowQuotient, scale - 1)
        }
        let isNegative = (coefficient < 0) != (other.coefficient < 0)
        return ExactDecimal(coefficient: isNegative ? -Int128(low) : Int128(low), scale: scale)
    }

    /// Tries again without the zeros at the end of both.
    @inline(never)
    private static func slowly(
        _ left: ExactDecimal,
        _ right: ExactDecimal,
        _ excess: UInt8,
        _ combine: (ExactDecimal, ExactDecimal) -> ExactDecimal
    ) -> ExactDecimal {
        let (shortLeft, shortRight) = (left.trimmed, right.trimmed)
        guard shortLeft != left || shortRight != right else { return ExactDecimal(mark: excess) }
        return combine(shortLeft, shortRight)
    }

    /// The quotient; null where `other` is zero.
    @inline(__always)
    func divided(by other: ExactDecimal, excess: UInt8) -> ExactDecimal {
        let mark = Self.mark(self, other)
        guard mark == Mark.value else { return ExactDecimal(mark: mark) }
        guard other.coefficient != 0 else { return .null }
        let isNegative = (coefficient < 0) != (other.coefficient < 0)
        let shift = Int(scale) - Int(other.scale)
        guard
            let (value, scale) = Self.quotient(coefficient.magnitude, other.coefficient.magnitude, shiftedBy: shift)
        else { return ExactDecimal(mark: excess) }
        return Self.quotient(value, isNegative, scale: scale, excess)
    }

    /// Digits beyond which a quotient that does not end is rounded.
    private static let quotientBound: UInt128 = 100_000_000_000_000_000_000

    /// The digits of a quotient as one whole number, and how many of them stand behind the point.
    ///
    /// - Parameters:
    ///   - dividend: What is divided.
    ///   - divisor: By what; not 0.
    ///   - shift: The scale that the quotient of the two as whole numbers has already.
    /// - Returns: Nil where it has more than 38 digits before the point.
    @inline(__always)
    private static func quotient(
        _ dividend: UInt128,
        _ divisor: UInt128,
        shiftedBy shift: Int
    ) -> (UInt128, scale: Int)? {
        var (value, rest) = dividend.quotientAndRemainder(dividingBy: divisor)
        var scale = shift
        let step: UInt64 = 10_000_000_000_000_000_000
        if let short = UInt64(exactly: divisor) {
            while rest != 0, value < UInt128(step) {
                let (high, low) = UInt64(truncatingIfNeeded: rest).multipliedFullWidth(by: step)
                let (digits, left) = short.dividingFullWidth((high, low))
                value = value * UInt128(step) + UInt128(digits)
                rest = UInt128(left)
                scale += 19
            }
        } else {
            while rest != 0, value < UInt128(step) {
                let (high, low) = rest.multipliedFullWidth(by: UInt128(step))
                let (digits, left) = divisor.dividingFullWidth((high, low))
                value = value * UInt128(step) + digits
                rest = left
                scale += 19
            }
        }
        return rest == 0 ? (value, scale) : rounded(value, rest, divisor, scale: scale)
    }

    /// The quotient with all its digits, `rest` being left of what `value` holds; nil where it does not end in 38 digits.
    private static func ended(
        _ value: UInt128,
        _ rest: UInt128,
        _ divisor: UInt128,
        scale: Int
    ) -> (UInt128, scale: Int)? {
        guard ends(rest, divisor) else { return nil }
        var (value, rest, scale) = (value, rest, scale)
        while rest != 0 {
            guard value < UInt128(bound) / 10 else { return nil }
            let (high, low) = rest.multipliedFullWidth(by: 10)
            let (digit, left) = divisor.dividingFullWidth((high, low))
            (value, rest, scale) = (value * 10 + digit, left, scale + 1)
        }
        return (value, scale)
    }

    /// Whether the digits of a quotient end at all: what is left of the divisor without twos and fives goes into the rest.
    private static func ends(_ rest: UInt128, _ divisor: UInt128) -> Bool {
        guard var short = UInt64(exactly: divisor) else {
            var long = divisor >> UInt128(divisor.trailingZeroBitCount)
            while long % 5 == 0 { long /= 5 }
            return rest % long == 0
        }
        short >>= UInt64(short.trailingZeroBitCount)
        while short % 5 == 0 { short /= 5 }
        return UInt64(truncatingIfNeeded: rest) % short == 0
    }

    /// Rounds a quotient of at least 20 digits, `rest` being left of it, unless it ends within 38.
    @inline(never)
    private static func rounded(
        _ value: UInt128,
        _ rest: UInt128,
        _ divisor: UInt128,
        scale: Int
    ) -> (UInt128, scale: Int)? {
        if let whole = ended(value, rest, divisor, scale: scale) { return whole }
        var (value, rest, scale) = (value, rest, scale)
        while scale < 0 {
            // More digits before the point.
            let (high, low) = rest.multipliedFullWidth(by: 10)
            let (digit, left) = divisor.dividingFullWidth((high, low))
            guard value < UInt128(bound) / 10 else { return nil }
            (value, rest, scale) = (value * 10 + digit, left, scale + 1)
        }
        var dropped: UInt128 = 1
        var places = 0
        while places < scale, value >= quotientBound * dropped {
            dropped *= 10
            places += 1
        }
        let (kept, tail) = value.quotientAndRemainder(dividingBy: dropped)
        guard places > 0 else {
            let isUp = rest > divisor - rest || (rest == divisor - rest && kept & 1 == 1)
            return (isUp ? kept + 1 : kept, scale)
        }
        // Something is left behind the last digit, so a tail of exactly a half is more than a half.
        return (tail >= dropped / 2 ? kept + 1 : kept, scale - places)
    }

    /// Whether the last digit is 0, without a division of 128 bits: 2^64 is 6 modulo 10.
    private static func endsInZero(_ value: UInt128) -> Bool {
        let (high, low) = (UInt64(truncatingIfNeeded: value >> 64), UInt64(truncatingIfNeeded: value))
        return (high % 10 * 6 + low % 10) % 10 == 0
    }

    private static func quotient(_ value: UInt128, _ isNegative: Bool, scale: Int, _ excess: UInt8) -> ExactDecimal {
        var (value, scale) = (value, scale)
        if value <= UInt128(UInt64.max) {
            // Zeros at the end come by the dozen.
            var short = UInt64(truncatingIfNeeded: value)
            while scale >= 8, short != 0, short % 100_000_000 == 0 { (short, scale) = (short / 100_000_000, scale - 8) }
            while scale > 0, short != 0, short % 10 == 0 { (short, scale) = (short / 10, scale - 1) }
            value = UInt128(short)
        } else {
            while scale > 0, endsInZero(value) { (value, scale) = (value / 10, scale - 1) }
        }
        if value == 0 { return .zero }
        // Ten times a number just below the bound would be more than 128 bits hold.
        while scale < 0, value < UInt128(bound) / 10 { (value, scale) = (value * 10, scale + 1) }
        guard scale >= 0, value < UInt128(bound), scale <= scaleLimit else { return ExactDecimal(mark: excess) }
        return ExactDecimal(coefficient: isNegative ? -Int128(value) : Int128(value), scale: scale)
    }

    // MARK: Order

    /// -1, 0 or 1 as `self` is less than, equal to or greater than `other`; both are values.
    @inline(__always)
    func compared(to other: ExactDecimal) -> Int {
        if scale == other.scale {
            return coefficient < other.coefficient ? -1 : coefficient == other.coefficient ? 0 : 1
        }
        let wanted = max(scale, other.scale)
        // A number too large for the other's scale is larger than anything that has it.
        guard let left = coefficient(atScale: wanted) else { return coefficient < 0 ? -1 : 1 }
        guard let right = other.coefficient(atScale: wanted) else { return other.coefficient < 0 ? 1 : -1 }
        return left < right ? -1 : left == right ? 0 : 1
    }

    // MARK: Text

    /// Appends the number in the grammar of JSON, with all digits of its scale and no exponent.
    func append(to bytes: inout [UInt8]) {
        // The digits from the last on; with a scale beyond the digits there are zeros before them.
        var digits = [40 of UInt8](repeating: UInt8(ascii: "0"))
        var count = 0
        var magnitude = coefficient.magnitude
        let step: UInt128 = 1_000_000_000_000_000_000
        while magnitude > UInt128(UInt64.max) {
            let (rest, low) = magnitude.quotientAndRemainder(dividingBy: step)
            var part = UInt64(truncatingIfNeeded: low)
            for place in count..<count + 18 {
                digits[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: part % 10)
                part /= 10
            }
            count += 18
            magnitude = rest
        }
        var part = UInt64(truncatingIfNeeded: magnitude)
        while part != 0 {
            digits[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: part % 10)
            part /= 10
            count += 1
        }
        if coefficient < 0 { bytes.append(UInt8(ascii: "-")) }
        let scale = Int(scale)
        if count <= scale {
            bytes.append(UInt8(ascii: "0"))
            if scale > 0 { bytes.append(UInt8(ascii: ".")) }
            for _ in count..<scale { bytes.append(UInt8(ascii: "0")) }
        }
        var place = count
        while place > 0 {
            if place == scale, count > scale { bytes.append(UInt8(ascii: ".")) }
            place -= 1
            bytes.append(digits[place])
        }
    }

    /// The whole number it is; nil where it is none or not within `Int`.
    var int: Int? {
        let whole = trimmed
        guard whole.mark == Mark.value, whole.scale == 0 else { return nil }
        return Int(exactly: whole.coefficient)
    }
}

/// What a place of a register holds that is no value; the same for numbers, truth values and texts.
enum Mark {
    /// A value; of truth values, false.
    static let value: UInt8 = 0
    static let isFalse: UInt8 = 0
    static let isTrue: UInt8 = 1
    static let null: UInt8 = 2
    /// The first fault; each of a program has a number of its own.
    static let firstFault: UInt8 = 3
}
