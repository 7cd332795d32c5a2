import PipelineCore
import SupermetricsAPI

/// Writes nodes as YAML that `YAMLReader` reads back as the same nodes.
///
/// A text is written without quotes only where no reader of YAML, of whichever version, could take it for something
/// else; what YAML forbids or does not show is escaped.
package enum YAMLWriter {
    /// The value on one line.
    package static func flow(_ node: JobNode) -> String {
        switch node.content {
        case .scalar(let text, let plain): scalar(text, isPlain: plain)
        case .list(let elements): "[" + elements.map(flow).joined(separator: ", ") + "]"
        case .map(let members):
            "{"
                + members.map { isLong($0.name) ? "? \(key($0.name)) : \(flow($0.value))" : member($0) }.joined(
                    separator: ", "
                ) + "}"
        }
    }

    /// The value as lines of their own, one for each element or member; the value on one line where it has none.
    package static func block(_ node: JobNode) -> [String] {
        switch node.content {
        case .list(let elements) where !elements.isEmpty:
            elements.map { element in
                guard element.members.count == 1, !isLong(element.members[0].name) else { return "- " + flow(element) }
                return "- " + member(element.members[0])
            }
        case .map(let members) where !members.isEmpty:
            members.flatMap { isLong($0.name) ? ["? " + key($0.name), ": " + flow($0.value)] : [member($0)] }
        default: [flow(node)]
        }
    }

    private static func member(_ member: JobMember) -> String { key(member.name) + ": " + flow(member.value) }

    private static func key(_ name: String) -> String { isBare(name) ? name : quoted(name) }

    /// Whether a key is so long that its colon counts only where the key is announced (YAML 1.2 §7.4.2).
    private static func isLong(_ name: String) -> Bool { key(name).utf8.count > 1000 }

    private static func scalar(_ text: String, isPlain: Bool) -> String {
        let node = JobNode(.scalar(text, plain: isPlain), at: JobLocation(""))
        if isPlain, node.isNull { return "null" }
        if isPlain, node.bool != nil || JSONNumber(text) != nil { return text }
        return isBare(text) ? text : quoted(text)
    }

    /// Words that some reader of YAML takes for null or for a truth value.
    private static let taken: Set<String> = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"]

    /// Whether a text can stand without quotes: words of letters, digits, `_`, `-` and `.` with one space between them
    /// that begin with a letter, days such as `2024-01-31`, and counts such as `30 days ago`.
    private static func isBare(_ text: String) -> Bool {
        guard text.utf8.count <= 1000, !taken.contains(text.lowercased()) else { return false }
        if text.utf8.count == 10, Day(text) != nil { return true }
        let words = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard let first = words.first else { return false }
        let hasCount = words.count > 1 && first.allSatisfy(isDigit)
        guard let letter = (hasCount ? words[1] : first).first, isLetter(letter) else { return false }
        return words.allSatisfy { word in
            !word.isEmpty && word.first != UInt8(ascii: "-")
                && word.allSatisfy { isLetter($0) || isDigit($0) || "_-.".utf8.contains($0) }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The text in double quotes, on one line (YAML 1.2 §7.3.1).
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case " ": quoted += " "
            default: quoted += scalar.isShown ? String(scalar) : escape(scalar)
            }
        }
        return quoted + "\""
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let (letter, width) = scalar.value <= 0xFF ? ("x", 2) : scalar.value <= 0xFFFF ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
    }
}

extension Unicode.Scalar {
    /// Whether an editor shows it, so that it can stand as it is.
    fileprivate var isShown: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }
}
