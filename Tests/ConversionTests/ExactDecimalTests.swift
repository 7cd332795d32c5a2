import PipelineCore
import TestSupport
import Testing

@testable import Conversion

/// Decimal arithmetic as it is done by hand, on arrays of digits without a limit: what the fast one is compared with.
struct HandDecimal: Equatable {
    /// The digits of the whole number, the last first, without zeros at the high end.
    var digits: [Int]
    var scale: Int
    var isNegative: Bool

    init(_ digits: [Int], scale: Int, isNegative: Bool) {
        (self.digits, self.scale, self.isNegative) = (digits, scale, isNegative)
        while self.digits.last == 0 { self.digits.removeLast() }
        if self.digits.isEmpty { self.isNegative = false }
    }

    init(_ text: String) {
        let bare = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        let digits = (parts[0] + fraction).compactMap(\.wholeNumberValue)
        self.init(digits.reversed(), scale: fraction.count, isNegative: text.hasPrefix("-"))
    }

    func scaled(to scale: Int) -> [Int] { Array(repeating: 0, count: scale - self.scale) + digits }

    static func magnitudeIsLess(_ left: [Int], _ right: [Int]) -> Bool {
        func trimmed(_ digits: [Int]) -> [Int] {
            var digits = digits
            while digits.last == 0 { digits.removeLast() }
            return digits
        }
        let (left, right) = (trimmed(left), trimmed(right))
        if left.count != right.count { return left.count < right.count }
        return left.reversed().lexicographicallyPrecedes(right.reversed())
    }

    static func + (left: HandDecimal, right: HandDecimal) -> HandDecimal {
        let scale = max(left.scale, right.scale)
        let (one, other) = (left.scaled(to: scale), right.scaled(to: scale))
        let width = max(one.count, other.count) + 1
        func padded(_ digits: [Int]) -> [Int] { digits + Array(repeating: 0, count: width - digits.count) }
        if left.isNegative == right.isNegative {
            var (sum, carry) = ([Int](), 0)
            for (a, b) in zip(padded(one), padded(other)) {
                sum.append((a + b + carry) % 10)
                carry = (a + b + carry) / 10
            }
            return HandDecimal(sum, scale: scale, isNegative: left.isNegative)
        }
        let isSwapped = magnitudeIsLess(one, other)
        let (large, small) = isSwapped ? (other, one) : (one, other)
        var (difference, borrow) = ([Int](), 0)
        for (a, b) in zip(padded(large), padded(small)) {
            let value = a - b - borrow
            difference.append((value + 10) % 10)
            borrow = value < 0 ? 1 : 0
        }
        return HandDecimal(difference, scale: scale, isNegative: isSwapped ? right.isNegative : left.isNegative)
    }

    static func * (left: HandDecimal, right: HandDecimal) -> HandDecimal {
        var product = Array(repeating: 0, count: left.digits.count + right.digits.count + 1)
        for (i, a) in left.digits.enumerated() {
            for (j, b) in right.digits.enumerated() { product[i + j] += a * b }
        }
        for index in product.indices.dropLast() {
            product[index + 1] += product[index] / 10
            product[index] %= 10
        }
        return HandDecimal(
            product,
            scale: left.scale + right.scale,
            isNegative: left.isNegative != right.isNegative
        )
    }

    /// The same value without zeros behind the point.
    var normal: HandDecimal {
        var result = self
        while result.scale > 0, result.digits.first ?? 0 == 0 {
            if !result.digits.isEmpty { result.digits.removeFirst() }
            result.scale -= 1
        }
        return result
    }

    var description: String {
        var digits = digits.map(String.init)
        while digits.count <= scale { digits.append("0") }
        if scale > 0 { digits.insert(".", at: scale) }
        return (isNegative ? "-" : "") + digits.reversed().joined()
    }
}

@Suite struct ExactDecimalTests {
    private static func parse(_ text: String) -> ExactDecimal {
        let bytes = Array(text.utf8)
        return ExactDecimal(bytes.span, bytes.indices, fault: 3, excess: 4)
    }

    private static func text(_ number: ExactDecimal) -> String {
        var bytes = Array("x".utf8)
        number.append(to: &bytes)
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    private static func random(_ random: inout SeededRandom, digits most: Int) -> String {
        let count = Int.random(in: 1...most, using: &random)
        var digits = (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
        if Int.random(in: 0..<4, using: &random) == 0 { digits = digits.replacing("7", with: "0") }
        let scale = Int.random(in: 0..<count, using: &random)
        var whole = String(digits.dropLast(scale))
        while whole.count > 1, whole.hasPrefix("0") { whole.removeFirst() }
        let text = scale > 0 ? whole + "." + digits.suffix(scale) : whole
        return (Bool.random(using: &random) && text.contains { $0 != "0" && $0 != "." } ? "-" : "") + text
    }

    @Test("Numbers are read and written with all their digits")
    func roundTrip() {
        var random = SeededRandom(seed: 21)
        for _ in 0..<4000 {
            let text = Self.random(&random, digits: 38)
            #expect(Self.text(Self.parse(text)) == text)
        }
        for (text, expected) in [
            ("1e3", "1000"), ("1.50e1", "15.0"), ("-1e-3", "-0.001"), ("+7", "7"), (".5", "0.5"), ("5.", "5"),
            ("007", "7"), ("0e99999999999", "0"), ("-0", "0"), ("0.00", "0.00"),
            ("1e37", "1" + String(repeating: "0", count: 37)),
            ("1" + String(repeating: "0", count: 37) + ".000", "1" + String(repeating: "0", count: 37)),
        ] {
            #expect(Self.text(Self.parse(text)) == expected, "\(text)")
        }
        for text in ["", "-", ".", "1e", "x", "1 ", "0x1", "1_0", "١٢٣", "１２", "--1", "1.2.3", "NaN"] {
            #expect(Self.parse(text).mark == 3, "\(text)")
        }
        for text in [
            "1e400", "1e38", "1e-1001", String(repeating: "9", count: 39), "0." + String(repeating: "1", count: 40),
        ] {
            #expect(Self.parse(text).mark == 4, "\(text)")
        }
    }

    @Test("Sums, differences and products are those done by hand, or a fault where they take more than 38 digits")
    func arithmetic() {
        var random = SeededRandom(seed: 22)
        var excesses = 0
        for round in 0..<6000 {
            let most = round % 3 == 0 ? 38 : 18
            let (left, right) = (Self.random(&random, digits: most), Self.random(&random, digits: most))
            let (one, other) = (Self.parse(left), Self.parse(right))
            let (plainOne, plainOther) = (HandDecimal(left), HandDecimal(right))
            let results = [
                (one.adding(other, excess: 4), plainOne + plainOther),
                (one.multiplied(by: other, excess: 4), plainOne * plainOther),
            ]
            for (found, expected) in results {
                guard found.mark == Mark.value else {
                    // Only what cannot be held without its zeros is refused.
                    #expect(expected.normal.digits.count > 38)
                    excesses += 1
                    continue
                }
                #expect(HandDecimal(Self.text(found)).normal == expected.normal, "\(left) \(right)")
            }
            let difference =
                plainOne + HandDecimal(plainOther.digits, scale: plainOther.scale, isNegative: !plainOther.isNegative)
            let order = difference.digits.isEmpty ? 0 : difference.isNegative ? -1 : 1
            #expect(one.compared(to: other) == order, "\(left) \(right)")
        }
        #expect(excesses > 500)
    }

    @Test("A quotient times its divisor is the dividend, or the quotient is the nearest of 20 digits, halves to even")
    func quotients() {
        var random = SeededRandom(seed: 23)
        var rounded = 0
        for round in 0..<6000 {
            let most = [4, 10, 19, 25][round % 4]
            let (left, right) = (Self.random(&random, digits: most), Self.random(&random, digits: most))
            let (dividend, divisor) = (HandDecimal(left), HandDecimal(right))
            let quotient = Self.parse(left).divided(by: Self.parse(right), excess: 4)
            guard !divisor.digits.isEmpty else {
                #expect(quotient.mark == Mark.null)
                continue
            }
            #expect(quotient.mark == Mark.value)
            let plain = HandDecimal(Self.text(quotient))
            if (plain * divisor).normal == dividend.normal { continue }
            rounded += 1
            // Twenty digits, and off by no more than half a unit of the last.
            let zeros = 20 - plain.digits.count
            #expect(zeros >= 0 || plain.scale == 0)
            let exact = zeros > 0 ? plain.scale + zeros : plain.scale
            let off =
                plain * divisor + HandDecimal(dividend.digits, scale: dividend.scale, isNegative: !dividend.isNegative)
            let half = HandDecimal([5], scale: exact + 1, isNegative: false) * divisor
            let scale = max(off.scale, half.scale)
            #expect(!HandDecimal.magnitudeIsLess(half.scaled(to: scale), off.scaled(to: scale)), "\(left) / \(right)")
        }
        #expect(rounded > 2000)
    }
}
