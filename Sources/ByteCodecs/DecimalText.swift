public import PipelineCore

/// A decimal number as written, taken apart but not converted, so that no digit is lost.
///
/// Beyond the grammar of JSON (RFC 8259 §6) it takes a leading `+`, leading zeros, and a point without digits on one
/// of its sides: `+007`, `.5`, `5.`. Spaces and thousands separators are no part of a number.
public struct DecimalText: Hashable, Sendable {
    package private(set) var isNegative: Bool
    /// Where the digits before and after the point stand; one of them may be empty.
    private var integer: Range<Int>
    private var fraction: Range<Int>
    /// The exponent behind `e`, 0 where there is none; an absurd one is cut to ±2^40.
    private var exponent: Int
    /// Where the exponent stands with its `e`.
    private var exponentText: Range<Int>

    /// Takes apart a number; nil where `text` is none.
    public init?(_ text: Span<UInt8>) {
        var position = 0
        func digits() -> Range<Int> {
            let start = position
            while position < text.count, text[position] &- UInt8(ascii: "0") < 10 { position += 1 }
            return start..<position
        }
        func take(_ byte: UInt8) -> Bool {
            guard position < text.count, text[position] == byte else { return false }
            position += 1
            return true
        }
        isNegative = take(UInt8(ascii: "-"))
        if !isNegative { _ = take(UInt8(ascii: "+")) }
        integer = digits()
        fraction = take(UInt8(ascii: ".")) ? digits() : position..<position
        guard !integer.isEmpty || !fraction.isEmpty else { return nil }
        let mark = position
        exponent = 0
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            let isDownward = take(UInt8(ascii: "-"))
            if !isDownward { _ = take(UInt8(ascii: "+")) }
            let places = digits()
            guard !places.isEmpty else { return nil }
            for place in places { exponent = min(exponent * 10 + Int(text[place] - UInt8(ascii: "0")), 1 << 40) }
            if isDownward { exponent = -exponent }
        }
        exponentText = mark..<position
        guard position == text.count else { return nil }
    }

    /// Whether `text` is a number in the grammar of JSON (RFC 8259 §6), as a cell of the kind `number` must be.
    public static func isJSONNumber(_ text: Span<UInt8>) -> Bool {
        guard let number = DecimalText(text), !number.integer.isEmpty, text[0] != UInt8(ascii: "+") else {
            return false
        }
        let hasPoint = number.exponentText.lowerBound > number.integer.upperBound
        if hasPoint, number.fraction.isEmpty { return false }
        return number.integer.count == 1 || text[number.integer.lowerBound] != UInt8(ascii: "0")
    }

    /// Appends the number in the grammar of JSON, with its own digits and exponent.
    ///
    /// - Parameters:
    ///   - text: The text this number was taken from.
    ///   - output: Takes the number.
    public func appendJSONNumber(_ text: Span<UInt8>, to output: inout [UInt8]) {
        if isNegative { output.append(UInt8(ascii: "-")) }
        let significant = trimmingZeros(integer, in: text)
        if significant.isEmpty { output.append(UInt8(ascii: "0")) }
        output.append(text, significant)
        if !fraction.isEmpty {
            output.append(UInt8(ascii: "."))
            output.append(text, fraction)
        }
        output.append(text, exponentText)
    }

    /// The number as a whole number.
    ///
    /// - Parameter text: The text this number was taken from.
    /// - Returns: Its value; nil where it has a fraction other than zeros or does not fit.
    public func int64(_ text: Span<UInt8>) -> Int64? {
        let places = significantDigits(text)
        guard places.count > 0 else { return 0 }
        guard places.last >= 0, places.first <= 18 else { return nil }
        var value: Int64 = 0
        for place in stride(from: places.first, through: 0, by: -1) {
            let digit = Int64(places.digit(place, text))
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            // Downward, because the lowest number has no positive counterpart.
            let (sum, isTooLow) = tens.subtractingReportingOverflow(digit)
            if isTooLarge || isTooLow { return nil }
            value = sum
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    /// What a number becomes in a column of fixed size.
    public enum Fit: Hashable, Sendable {
        /// It fits as written.
        case asWritten
        /// It fits in another form, which was appended.
        case rewritten
        /// Digits would be lost.
        case tooLarge
    }

    /// Fits the number to a size without losing a digit.
    ///
    /// A number that has an exponent, or more places than the scale, is written anew: the exponent is expanded and the
    /// zeros at the end of the fraction are dropped.
    ///
    /// - Parameters:
    ///   - size: How many digits there may be.
    ///   - text: The text this number was taken from.
    ///   - output: Takes the number where it cannot stay as written.
    /// - Returns: Whether it fits, and in which form.
    public func fit(_ size: DecimalSize, _ text: Span<UInt8>, to output: inout [UInt8]) -> Fit {
        let places = significantDigits(text)
        guard places.count == 0 || (places.first < size.precision - size.scale && -places.last <= size.scale) else {
            return .tooLarge
        }
        if exponentText.isEmpty, fraction.count <= size.scale, DecimalText.isJSONNumber(text) { return .asWritten }
        if isNegative, places.count > 0 { output.append(UInt8(ascii: "-")) }
        let first = places.count == 0 ? 0 : max(places.first, 0)
        let last = places.count == 0 ? 0 : min(places.last, 0)
        for place in stride(from: first, through: last, by: -1) {
            if place == -1 { output.append(UInt8(ascii: ".")) }
            output.append(UInt8(ascii: "0") + places.digit(place, text))
        }
        return .rewritten
    }

    /// Whether every digit is 0.
    ///
    /// - Parameter text: The text this number was taken from.
    /// - Returns: Whether it is zero.
    func isZero(_ text: Span<UInt8>) -> Bool { Places(self, text).count == 0 }

    /// Digits behind the point once the exponent is applied, as PostgreSQL counts the scale of a `numeric`.
    var scale: Int { max(0, writtenScale) }

    /// Whether PostgreSQL's `numeric` holds the number (its documentation, table 8.2).
    ///
    /// - Parameter text: The text this number was taken from.
    /// - Returns: Whether it has at most 131072 digits before the point and 16383 behind.
    func fitsNumeric(_ text: Span<UInt8>) -> Bool {
        guard scale <= 16_383 else { return false }
        // So short a number without an exponent needs no look at its digits.
        if exponentText.isEmpty, integer.count <= 131_072 { return true }
        let places = Places(self, text)
        return places.count == 0 || places.first < 131_072
    }

    /// Fits the number to a size, rounded half to even where it has more places than the scale.
    ///
    /// - Parameters:
    ///   - size: How many digits there may be.
    ///   - text: The text this number was taken from.
    ///   - output: Takes the number, with as many places as the scale has.
    /// - Returns: Whether it fits; nothing is appended where it does not.
    public func round(to size: DecimalSize, _ text: Span<UInt8>, into output: inout [UInt8]) -> Bool {
        let places = significantDigits(text)
        guard places.count > 0 else {
            output.appendDecimal([0], scale: size.scale)
            return true
        }
        guard places.first < size.precision - size.scale else { return false }
        var digits: [UInt8] = []
        for place in stride(from: max(places.first, 0), through: -size.scale, by: -1) {
            digits.append(places.digit(place, text))
        }
        // The digit behind the last one kept, and whether anything follows it.
        let next = places.digit(-size.scale - 1, text)
        let isMore = places.last < -size.scale - 1
        if next > 5 || (next == 5 && (isMore || (digits.last ?? 0) & 1 == 1)) {
            var index = digits.count - 1
            while index >= 0, digits[index] == 9 {
                digits[index] = 0
                index -= 1
            }
            if index >= 0 { digits[index] += 1 } else { digits.insert(1, at: 0) }
        }
        let whole = digits.drop { $0 == 0 }
        guard whole.count <= size.precision else { return false }
        if isNegative, !whole.isEmpty { output.append(UInt8(ascii: "-")) }
        output.appendDecimal(digits, scale: size.scale)
        return true
    }

    /// Appends the number divided by a hundred, exactly, in plain digits.
    ///
    /// - Parameters:
    ///   - text: The text this number was taken from.
    ///   - output: Takes the number.
    /// - Returns: Whether it was appended: a number with more than a thousand places on either side is not.
    public func appendHundredth(_ text: Span<UInt8>, to output: inout [UInt8]) -> Bool {
        let places = significantDigits(text)
        let scale = max(writtenScale + 2, 0)
        guard places.count > 0 else {
            output.append(UInt8(ascii: "0"))
            return true
        }
        guard places.first < 1000, scale <= 1000, places.last >= -1000 else { return false }
        if isNegative { output.append(UInt8(ascii: "-")) }
        for place in stride(from: max(places.first, 2), through: min(2 - scale, 2), by: -1) {
            if place == 1 { output.append(UInt8(ascii: ".")) }
            output.append(UInt8(ascii: "0") + places.digit(place, text))
        }
        return true
    }

    /// Appends the one form that equal numbers share: sign, digits without zeros at either end, `e`, the place of the
    /// last digit; `-125e-1` for `-12.50`, `0` for zero.
    package func appendCanonical(_ text: Span<UInt8>, to output: inout [UInt8]) {
        let places = significantDigits(text)
        guard places.count > 0 else {
            output.append(UInt8(ascii: "0"))
            return
        }
        if isNegative { output.append(UInt8(ascii: "-")) }
        for place in stride(from: places.first, through: places.last, by: -1) {
            output.append(UInt8(ascii: "0") + places.digit(place, text))
        }
        output.append(UInt8(ascii: "e"))
        output += places.last.description.utf8
    }

    /// How many digits behind the point it was written with, the exponent applied; negative where that ends before it.
    package var writtenScale: Int { fraction.count - exponent }

    /// The decimal places that hold a digit other than 0.
    package func significantDigits(_ text: Span<UInt8>) -> Places { Places(self, text) }

    private func trimmingZeros(_ range: Range<Int>, in text: Span<UInt8>) -> Range<Int> {
        var start = range.lowerBound
        while start < range.upperBound, text[start] == UInt8(ascii: "0") { start += 1 }
        return start..<range.upperBound
    }

    /// The decimal places that hold a digit other than 0, after the exponent is applied; place 0 holds the ones.
    package struct Places {
        private let number: DecimalText
        /// The highest place with a digit other than 0.
        package private(set) var first = Int.min
        /// The lowest such place.
        package private(set) var last = Int.max
        /// How many digits that is; 0 for a zero.
        package var count: Int { first < last ? 0 : first - last + 1 }

        init(_ number: DecimalText, _ text: Span<UInt8>) {
            self.number = number
            for index in number.integer where text[index] != UInt8(ascii: "0") {
                note(number.integer.upperBound - 1 - index + number.exponent)
            }
            for index in number.fraction where text[index] != UInt8(ascii: "0") {
                note(number.fraction.lowerBound - 1 - index + number.exponent)
            }
        }

        private mutating func note(_ place: Int) {
            first = max(first, place)
            last = min(last, place)
        }

        /// The digit at a place, 0 to 9.
        package func digit(_ place: Int, _ text: Span<UInt8>) -> UInt8 {
            let place = place - number.exponent
            let index =
                place >= 0 ? number.integer.upperBound - 1 - place : number.fraction.lowerBound - 1 - place
            guard (place >= 0 ? number.integer : number.fraction).contains(index) else { return 0 }
            return text[index] - UInt8(ascii: "0")
        }
    }
}

extension [UInt8] {
    /// Appends digits, the last `scale` of them behind a point; at least one stands before it.
    fileprivate mutating func appendDecimal(_ digits: [UInt8], scale: Int) {
        let missing = Swift.max(0, scale + 1 - digits.count)
        let all = repeatElement(0, count: missing) + digits
        for (index, digit) in all.enumerated() {
            if index == all.count - scale, scale > 0 { append(UInt8(ascii: ".")) }
            append(UInt8(ascii: "0") + digit)
        }
    }
}
