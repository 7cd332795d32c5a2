/// Prints the lines of the table and counts what is beyond the gate.
struct Report {
    /// What a figure is held against.
    enum Goal {
        /// A mark of the past: missed where less than 85 % of it is reached. Never gates, machines differ.
        case mark(Double)
        /// The most a ratio of two things measured in turns may be, and the most with which the gate still opens.
        case ratio(atMost: Double, gate: Double)
        /// The most bytes or requests.
        case most(Double, gate: Double)
        /// Nothing: for comparison only.
        case none
    }

    let isGate: Bool
    private(set) var failures = 0

    init(isGate: Bool) { self.isGate = isGate }

    /// A line above those that belong together.
    func section(_ title: String) { print("\n\(title)") }

    /// A remark below the lines.
    func note(_ text: String) { print("    \(text)") }

    /// One line.
    ///
    /// - Parameters:
    ///   - name: What was measured.
    ///   - figures: The figures as a reader wants them.
    ///   - value: The figure that is held against the goal.
    ///   - goal: The goal.
    mutating func line(_ name: String, _ figures: String, value: Double = 0, _ goal: Goal = .none) {
        var verdict = ""
        switch goal {
        case .none: break
        case .mark(let mark):
            let share = value / mark
            verdict = "mark \(mark.short), \((share * 100).rounded().short) %: \(share >= 0.85 ? "held" : "MISSED")"
        case .ratio(let most, let gate), .most(let most, let gate):
            verdict = "at most \(most.short): \(value <= most ? "held" : "MISSED")"
            if isGate, value > gate {
                failures += 1
                verdict += ", beyond the gate of \(gate.short)"
            }
        }
        print("  \(name.padded(44)) \(figures.padded(46)) \(verdict)")
    }
}

extension Double {
    /// Three digits or so.
    var short: String {
        let places = abs(self) >= 100 ? 0 : abs(self) >= 10 ? 1 : 2
        var text = fixed(places)
        while text.contains("."), text.hasSuffix("0") || text.hasSuffix(".") {
            let ended = text.hasSuffix(".")
            text.removeLast()
            if ended { break }
        }
        return text
    }

    /// With so many decimals.
    func fixed(_ places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
        let units = (abs(self) * scale).rounded()
        guard units < 1e15 else { return "\(self)" }
        let (whole, rest) = Int(units).quotientAndRemainder(dividingBy: Int(scale))
        let digits = String(rest)
        let sign = self < 0 && units > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(whole)" }
        return "\(sign)\(whole)." + String(repeating: "0", count: places - digits.count) + digits
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }
}
