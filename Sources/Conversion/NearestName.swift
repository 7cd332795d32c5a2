/// The known name that a misspelt one most likely means.
package enum NearestName {
    /// The name in `known` nearest to `name`; nil where none is near enough to be worth naming.
    ///
    /// Near is at most one slip (a character missing, added, changed, or two swapped) in three characters, whatever
    /// the case; failing that, a name that begins with the other.
    package static func find(_ name: String, in known: [String]) -> String? {
        let wanted = Array(name.lowercased())
        var best: (name: String, slips: Int)?
        for candidate in known {
            let letters = Array(candidate.lowercased())
            let slips = distance(wanted, letters)
            if slips * 3 <= max(wanted.count, letters.count), slips < best?.slips ?? .max { best = (candidate, slips) }
        }
        if let best { return best.name }
        guard wanted.count >= 3 else { return nil }
        return known.first { candidate in
            let letters = Array(candidate.lowercased())
            return letters.count >= 3 && (letters.starts(with: wanted) || wanted.starts(with: letters))
        }
    }

    /// `; did you mean 'x'?`, or failing that what there is to choose from.
    package static func hint(for name: String, in known: [String], called plural: String) -> String {
        if let nearest = find(name, in: known) { return "; did you mean '\(nearest)'?" }
        let shown = known.prefix(20).joined(separator: ", ")
        return "; the \(plural) are \(shown)" + (known.count > 20 ? " and \(known.count - 20) more" : "")
    }

    /// Damerau and Levenshtein's distance in which no part is edited twice.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var (older, old) = ([Int](), Array(0...right.count))
        for row in left.indices {
            var new = [row + 1]
            new.reserveCapacity(right.count + 1)
            for column in right.indices {
                let substituted = old[column] + (left[row] == right[column] ? 0 : 1)
                var slips = min(substituted, old[column + 1] + 1, new[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    slips = min(slips, older[column - 1] + 1)
                }
                new.append(slips)
            }
            (older, old) = (old, new)
        }
        return old[right.count]
    }
}
