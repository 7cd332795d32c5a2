/// How many rows a window may quarantine.
package enum RowLimit: Hashable, Sendable, LosslessStringConvertible {
    case rows(Int)
    case share(Percentage)

    /// Reads `100` or `0.1%`.
    package init?(_ text: String) {
        if let rows = Int(text), rows >= 0 {
            self = .rows(rows)
        } else if let share = Percentage(text) {
            self = .share(share)
        } else {
            return nil
        }
    }

    /// `100` or `0.1%`.
    package var description: String {
        switch self {
        case .rows(let rows): "\(rows)"
        case .share(let share): share.description
        }
    }

    /// Whether it is a number of rows.
    var isRows: Bool { if case .rows = self { true } else { false } }

    /// Whether `rejected` of `received` rows are within the limit.
    package func allows(_ rejected: Int, of received: Int) -> Bool {
        switch self {
        case .rows(let rows): rejected <= rows
        case .share(let share): !share.isExceeded(by: rejected, of: received)
        }
    }
}

/// A rule on the number of rows of a window, such as `>= 1`.
package struct RowRule: Hashable, Sendable, LosslessStringConvertible {
    private static let comparisons: [(sign: String, holds: @Sendable (Int, Int) -> Bool)] = [
        (">=", { $0 >= $1 }), ("<=", { $0 <= $1 }), ("==", { $0 == $1 }), (">", { $0 > $1 }), ("<", { $0 < $1 }),
        ("=", { $0 == $1 }),
    ]

    private let sign: String
    private let bound: Int

    /// Reads a comparison (`>`, `>=`, `<`, `<=`, `=`, `==`) and a number.
    package init?(_ text: String) {
        guard let sign = Self.comparisons.first(where: { text.hasPrefix($0.sign) })?.sign,
            let bound = Int(text.dropFirst(sign.count).drop { $0 == " " }), bound >= 0
        else { return nil }
        self.sign = sign
        self.bound = bound
    }

    /// `>= 1`.
    package var description: String { "\(sign) \(bound)" }

    /// Whether a window of so many rows keeps the rule.
    package func allows(_ rows: Int) -> Bool {
        Self.comparisons.first { $0.sign == sign }?.holds(rows, bound) ?? false
    }
}
