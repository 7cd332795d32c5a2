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
    /// Percent.
    package let value: Double

    /// Reads `50%` or `0.1 %`.
    package init?(_ text: String) {
        let (number, rest) = text.splitNumber
        guard rest == "%", let value = Double(number), value <= 100 else { return nil }
        self.value = value
    }

    /// `50%`.
    package var description: String {
        value == value.rounded() ? "\(Int(value))%" : "\(value)%"
    }

    /// How much of `count` this is.
    package func of(_ count: Int) -> Double { Double(count) * value / 100 }
}
