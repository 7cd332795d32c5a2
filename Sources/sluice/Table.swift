/// Rows of text with aligned columns.
struct Table {
    var header: [String]
    var rows: [[String]] = []
    /// Columns whose cells stand at the right, as numbers do.
    var rightAligned: Set<Int> = []

    /// The lines, each ended by a newline; columns are two spaces apart.
    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.indices.map { column in
                let cell = row[column]
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return rightAligned.contains(column) ? padding + cell : cell + padding
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

/// How sluice writes numbers for people.
enum Figure {
    /// A whole number with thin groups: `1 234 567`.
    static func count(_ value: Int) -> String {
        let digits = Array(String(value.magnitude))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(" ") }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// Bytes in units of 1000: `812 B`, `18.7 MB`.
    static func bytes(_ count: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var (value, unit) = (Double(count), 0)
        while value >= 999.95, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
        let tenths = Int((value * 10).rounded())
        return unit == 0 ? "\(count) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// Seconds as `3.2 s`, `2 min 05 s`, `1 h 20 min`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if seconds < 60 {
            let tenths = Int((seconds * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) s"
        }
        return whole < 3600
            ? "\(whole / 60) min \(two(whole % 60)) s" : "\(whole / 3600) h \(two(whole % 3600 / 60)) min"
    }
}
