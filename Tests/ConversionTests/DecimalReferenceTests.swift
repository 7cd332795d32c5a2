import Conversion
import PipelineCore
import TestSupport
import Testing

/// A number as school writes it down: an integer of any size and how many of its digits stand behind the point.
private struct PlainDecimal {
    var isNegative = false
    var digits: [Int] = []
    var scale = 0

    /// Reads sign, digits, point and power of ten one character after the other.
    init(_ text: String) {
        let parts = text.lowercased().split(separator: "e", omittingEmptySubsequences: false)
        var isBehindPoint = false
        for character in parts[0] {
            switch character {
            case "-": isNegative = true
            case ".": isBehindPoint = true
            default:
                guard let digit = character.wholeNumberValue else { continue }
                digits.append(digit)
                scale += isBehindPoint ? 1 : 0
            }
        }
        if parts.count == 2 { scale -= Int(parts[1].drop { $0 == "+" }) ?? 0 }
    }

    /// The number with exactly `places` digits behind the point; nil where digits would be lost.
    func written(places: Int) -> String? {
        var (digits, scale) = (digits, scale)
        while scale > places {
            guard digits.popLast() ?? 0 == 0 else { return nil }
            scale -= 1
        }
        digits += Array(repeating: 0, count: places - scale)
        digits = Array(repeating: 0, count: max(0, places + 1 - digits.count)) + digits
        let whole = digits.dropLast(places).drop { $0 == 0 }
        let sign = isNegative && digits.contains { $0 != 0 } ? "-" : ""
        let fraction = digits.suffix(places).map(String.init).joined()
        return sign + (whole.isEmpty ? "0" : whole.map(String.init).joined()) + (places > 0 ? "." + fraction : "")
    }
}

@Suite struct DecimalReferenceTests {
    private func number(using random: inout SeededRandom) -> String {
        func digits(_ range: ClosedRange<Int>) -> String {
            (0..<Int.random(in: range, using: &random)).map { _ in
                // Zeros are what goes wrong.
                Bool.random(using: &random) ? "0" : String(Int.random(in: 0...9, using: &random))
            }.joined()
        }
        var text = ["", "", "-", "+"].randomElement(using: &random) ?? ""
        text += digits(0...12)
        if Bool.random(using: &random) { text += "." + digits(0...12) }
        if text.allSatisfy({ !$0.isNumber }) { text += "0" }
        if Int.random(in: 0..<3, using: &random) == 0 {
            text +=
                (["e", "E", "e+", "E-", "e-"].randomElement(using: &random) ?? "e")
                + "0\(Int.random(in: 0...14, using: &random))"
        }
        return text
    }

    @Test("decimal(p,s) keeps the value or refuses it, as long arithmetic does")
    func sized() throws {
        var random = SeededRandom(seed: 2024)
        var fitted = 0
        for _ in 0..<8000 {
            let text = number(using: &random)
            let precision = Int.random(in: 1...24, using: &random)
            let scale = Int.random(in: 0...precision, using: &random)
            let reference = PlainDecimal(text).written(places: scale)
            let whole = reference.map { $0.prefix { $0 != "." }.filter { $0 != "-" } }
            let expected = whole.flatMap { ($0 == "0" ? 0 : $0.count) <= precision - scale ? reference : nil }

            let result = try CastTests.cast(.text(text), to: "decimal(\(precision),\(scale))")
            switch (result, expected) {
            case (.success(let value), let expected?):
                #expect(value == .number(expected), "\(text) as decimal(\(precision),\(scale))")
                fitted += 1
            case (.failure(let broken), nil):
                #expect(broken.rule == "more digits than decimal(\(precision),\(scale)) holds", "\(text)")
            default: Issue.record("\(text) as decimal(\(precision),\(scale)): \(result), not \(expected ?? "refused")")
            }
        }
        #expect(fitted > 800)
    }

    @Test("decimal without a size keeps digits and power of ten, in the grammar of JSON")
    func unsized() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<3000 {
            let text = number(using: &random)
            guard case .success(.number(let result)) = try CastTests.cast(.text(text), to: "decimal") else {
                Issue.record("\(text) is refused")
                continue
            }
            #expect(
                result.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil,
                "\(text): \(result)"
            )
            #expect(
                PlainDecimal(result).written(places: 40) == PlainDecimal(text).written(places: 40),
                "\(text): \(result)"
            )
        }
    }

    @Test("int64 keeps the value or refuses it")
    func int64() throws {
        var random = SeededRandom(seed: 64)
        for _ in 0..<4000 {
            let text = number(using: &random)
            let expected = PlainDecimal(text).written(places: 0).flatMap { Int64($0) }
            let result = try? CastTests.cast(.text(text), to: "int64").get()
            #expect(result == expected.map { .number(String($0)) }, "\(text)")
        }
    }
}
