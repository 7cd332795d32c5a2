/// Finds the known word a user most likely meant.
enum Suggestion {
    /// The known words nearest to `word`, all at the same distance; empty where none is near enough to be meant.
    static func nearest(to word: String, in known: some Sequence<String>) -> [String] {
        let written = Array(word.lowercased().unicodeScalars)
        let limit = max(1, written.count / 3)
        var best: (distance: Int, words: [String]) = (limit, [])
        for candidate in known {
            let distance = distance(written, Array(candidate.lowercased().unicodeScalars), limit: best.distance)
            guard let distance else { continue }
            if distance < best.distance { best = (distance, []) }
            best.words.append(candidate)
        }
        return best.words
    }

    /// `; did you mean 'x'?`, or nothing.
    static func hint(for word: String, in known: some Sequence<String>) -> String {
        let words = nearest(to: word, in: known).prefix(3)
        return words.isEmpty ? "" : "; did you mean \(alternatives(Array(words)))?"
    }

    /// `'a', 'b' or 'c'`.
    static func alternatives(_ words: [String]) -> String {
        let quoted = words.map { "'\($0)'" }
        guard quoted.count > 1, let last = quoted.last else { return quoted.joined() }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }

    /// Insertions, deletions, substitutions and swaps of neighbours between two words; nil above `limit`.
    private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar], limit: Int) -> Int? {
        guard abs(left.count - right.count) <= limit else { return nil }
        var (before, last) = ([Int](), Array(0...right.count))
        for (row, leftScalar) in left.enumerated() {
            var current = [row + 1]
            for (column, rightScalar) in right.enumerated() {
                var cost = min(last[column + 1], current[column]) + 1
                cost = min(cost, last[column] + (leftScalar == rightScalar ? 0 : 1))
                if row > 0, column > 0, leftScalar == right[column - 1], left[row - 1] == rightScalar {
                    cost = min(cost, before[column - 1] + 1)
                }
                current.append(cost)
            }
            (before, last) = (last, current)
        }
        return last[right.count] <= limit ? last[right.count] : nil
    }
}
