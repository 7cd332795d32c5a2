import PipelineCore

/// A decimal number as written: where its digits stand, and its power of ten.
struct DecimalText {
    /// Whether it is below zero; zero itself has no sign.
    let isNegative: Bool
    /// Whether it is written in the grammar of RFC 8259 §6.
    let isJSON: Bool
    /// The digits before the point, without leading zeros.
    let integer: Range<Int>
    /// The digits behind the point.
    let fraction: Range<Int>
    /// The power of ten as written, within ±`DecimalText.exponentLimit`.
    let exponent: Int
    /// Where the power of ten is written, with its `e`; empty where there is none.
    let exponentText: Range<Int>
    /// How many of the digits before and behind the point are left without the zeros around them.
    private let significant: Range<Int>

    /// Powers beyond this differ in nothing: no batch holds so many digits.
    private static let exponentLimit = 1 << 40

    /// Reads the bytes of `range`; nil where they are not a number.
    ///
    /// Beyond the grammar of RFC 8259 §6 a plus sign and leading zeros are a number, and so is one that begins or ends
    /// with its point.
    init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var position = range.lowerBound
        let end = range.upperBound
        func digits(_ position: inout Int) -> Range<Int> {
            let start = position
            while position < end, bytes[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
            return start..<position
        }
        func take(_ first: UInt8, _ second: UInt8) -> UInt8? {
            guard position < end, bytes[position] == first || bytes[position] == second else { return nil }
            position += 1
            return bytes[position - 1]
        }
        let sign = take(UInt8(ascii: "-"), UInt8(ascii: "+"))
        let whole = digits(&position)
        let point = take(UInt8(ascii: "."), UInt8(ascii: "."))
        fraction = point == nil ? position..<position : digits(&position)
        guard !whole.isEmpty || !fraction.isEmpty else { return nil }

        let exponentStart = position
        var exponent = 0
        if take(UInt8(ascii: "e"), UInt8(ascii: "E")) != nil {
            let sign = take(UInt8(ascii: "-"), UInt8(ascii: "+"))
            let power = digits(&position)
            guard !power.isEmpty else { return nil }
            for index in power {
                exponent = min(exponent * 10 + Int(bytes[index] - UInt8(ascii: "0")), DecimalText.exponentLimit)
            }
            if sign == UInt8(ascii: "-") { exponent = -exponent }
        }
        guard position == end else { return nil }
        self.exponent = exponent
        exponentText = exponentStart..<end

        let leadingZeros = whole.prefix { bytes[$0] == UInt8(ascii: "0") }.count
        integer = (whole.lowerBound + leadingZeros)..<whole.upperBound
        let isPlainWhole = leadingZeros == 0 ? !whole.isEmpty : whole.count == 1
        isJSON = sign != UInt8(ascii: "+") && isPlainWhole && (point == nil) == fraction.isEmpty

        // Digits are counted from the first before the point on, as if the point were not there.
        let (integer, fraction) = (integer, fraction)
        let count = integer.count + fraction.count
        func isZero(_ index: Int) -> Bool {
            let behind = index - integer.count
            return bytes[behind < 0 ? integer.lowerBound + index : fraction.lowerBound + behind] == UInt8(ascii: "0")
        }
        var (low, high) = (0, count)
        while low < high, isZero(low) { low += 1 }
        while high > low, isZero(high - 1) { high -= 1 }
        significant = low..<high
        isNegative = sign == UInt8(ascii: "-") && low < high
    }

    /// Whether the number is zero.
    var isZero: Bool { significant.isEmpty }
    /// How many digits it has before the point when written without a power of ten; negative where zeros follow the
    /// point, and 0 for zero.
    var integerDigits: Int { isZero ? 0 : integer.count - significant.lowerBound + exponent }
    /// How many digits it needs behind the point when written without a power of ten.
    var fractionDigits: Int { isZero ? 0 : max(0, significant.upperBound - integer.count - exponent) }
}

extension DecimalText {
    /// Appends the number in the grammar of RFC 8259 §6, with its digits and its power of ten as written.
    func appendVerbatim(to bytes: inout [UInt8]) {
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        if integer.isEmpty { bytes.append(UInt8(ascii: "0")) }
        bytes.appendOwn(integer)
        if !fraction.isEmpty { bytes.append(UInt8(ascii: ".")) }
        bytes.appendOwn(fraction)
        bytes.appendOwn(exponentText)
    }

    /// Appends the number with `scale` digits behind the point, which are enough for it, and no power of ten.
    func append(withScale scale: Int, to bytes: inout [UInt8]) {
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        let places = max(1, integerDigits)
        for place in 0..<(places + scale) {
            if place == places { bytes.append(UInt8(ascii: ".")) }
            // The digit of the place, counted like `significant`; zero where none is written.
            let index = place - places + integer.count + exponent
            let isWritten = !isZero && significant.contains(index)
            bytes.append(isWritten ? bytes[position(of: index)] : UInt8(ascii: "0"))
        }
    }

    private func position(of index: Int) -> Int {
        index < integer.count ? integer.lowerBound + index : fraction.lowerBound + index - integer.count
    }
}
