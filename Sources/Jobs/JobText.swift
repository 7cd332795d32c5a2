extension Duration {
    private static let milliseconds: [String: Double] = {
        let units: [(words: [String], milliseconds: Double)] = [
            (["ms", "millisecond", "milliseconds"], 1),
            (["s", "sec", "secs", "second", "seconds"], 1000),
            (["m", "min", "mins", "minute", "minutes"], 60_000),
            (["h", "hour", "hours"], 3_600_000),
            (["d", "day", "days"], 86_400_000),
            (["w", "week", "weeks"], 604_800_000),
        ]
        return Dictionary(uniqueKeysWithValues: units.flatMap { unit in unit.words.map { ($0, unit.milliseconds) } })
    }()

    /// Reads `500ms`, `30s`, `5 min`, `4 h`, `7 days`; the space is optional, ten years are the most.
    package init?(jobText text: String) {
        let (number, unit) = text.splitNumber
        guard let value = Double(number), let scale = Duration.milliseconds[unit.lowercased()] else { return nil }
        let milliseconds = (value * scale).rounded()
        guard milliseconds <= 10 * 366 * 86_400_000 else { return nil }
        self = .milliseconds(Int(milliseconds))
    }

    /// Whole days; nil where there is a rest.
    package var wholeDays: Int? {
        let (seconds, attoseconds) = components
        return attoseconds == 0 && seconds % 86_400 == 0 ? Int(seconds / 86_400) : nil
    }
}

extension String {
    /// Leading digits (a point among them allowed), and what follows them without spaces around it.
    var splitNumber: (number: String, rest: String) {
        let number = prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
        guard let first = number.first, let last = number.last, first != ".", last != "." else { return ("", self) }
        let rest = self[number.endIndex...].drop { $0 == " " }
        return (String(number), String(rest))
    }
}

/// A share of rows, 0 to 100.
package struct Percentage: Hashable, Sendable, LosslessStringConvertible {
    /// `50%`, with the digits it was written with.
    package let description: String
    /// Percent in units of the last digit, and how many of these are one percent: a share of rows is no matter of
    /// binary fractions.
    private let (units, unitsPerPercent): (Int, Int)

    /// Reads `50%` or `0.1 %`, with at most nine digits behind the point.
    package init?(_ text: String) {
        let (number, rest) = text.splitNumber
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard rest == "%", parts.count <= 2 else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= 9, let units = Int(parts[0] + fraction) else { return nil }
        self.units = units
        unitsPerPercent = fraction.reduce(1) { units, _ in units * 10 }
        description = number + "%"
        guard units <= 100 * unitsPerPercent else { return nil }
    }

    /// Whether `part` is more than this share of `whole`.
    package func isExceeded(by part: Int, of whole: Int) -> Bool {
        Int128(part) * 100 * Int128(unitsPerPercent) > Int128(whole) * Int128(units)
    }
}
