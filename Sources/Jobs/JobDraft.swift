import PipelineCore

/// A job of one export that is still to be written to a file: `sluice init`.
package struct JobDraft: Sendable {
    /// The job's name, in the notation of a job file.
    var name: JobNode
    /// The keys of the export, every text in the notation of a job file.
    var export: [JobMember]
    /// What must not stand in the file.
    var secrets: SecretNames

    /// The environment variables the file reads secrets from that were given as values.
    package var variables: [String] { secrets.values.keys.sorted() }

    /// The text of the job file: what was asked for, what every key means, what more there is, and how to go on.
    ///
    /// - Parameter file: The file's name, as the comments tell it.
    /// - Returns: YAML, ended by a line break.
    package func text(file: String) -> String {
        let shown = file.utf8.allSatisfy(Self.isHarmless) && !file.isEmpty ? file : "JOB.yaml"
        var lines = CommentedLines()
        lines.add(comment: "Written by sluice init. How to go on:")
        for (command, meaning) in Self.commands {
            lines.add(comment: "  sluice \(command) \(shown)", meaning)
        }
        lines.add(
            comment: "The API key stays out of the file: SUPERMETRICS_API_KEY, --api-key-file or --api-key-command."
        )
        for variable in variables {
            lines.add(comment: "\(variable) must be set: the file reads a secret from it.")
        }
        lines.addBlank()
        lines.add("name: " + YAMLWriter.flow(name), JobFormat.job.summary(of: "name"))
        for (key, value) in Self.jobDefaults {
            lines.add(comment: "\(key): \(value)", JobFormat.job.summary(of: key))
        }
        lines.add("exports:", JobFormat.job.summary(of: "exports"))
        addExport(to: &lines)
        return lines.text
    }

    private func addExport(to lines: inout CommentedLines) {
        var lead = "  - "
        for field in JobFormat.export.fields {
            guard let member = export.first(where: { $0.name == field.name }) else { continue }
            add(member, field, lead, to: &lines)
            lead = "    "
        }
        let others = Self.exportDefaults.filter { key, _ in !export.contains { $0.name == key } }
        lines.addBlank()
        lines.add(indent: 4, comment: "What else an export may say, with what it means to leave it out:")
        for (key, value) in others {
            lines.add(indent: 4, comment: "\(key): \(value)", JobFormat.export.summary(of: key))
        }
    }

    /// Adds a key of the export; what it holds stands below it, a line for each part, where it is a list or a map of
    /// any keys.
    private func add(_ member: JobMember, _ field: Field, _ lead: String, to lines: inout CommentedLines) {
        switch (field.shape, member.value.content) {
        case (.object(let shape), .map(let members)) where shape.name == JobFormat.query.name:
            lines.add(lead + "query:", field.summary)
            for member in members { add(member, indent: 6, shape.summary(of: member.name), to: &lines) }
        case (.list, .list), (.map, .map):
            lines.add(lead + member.name + ":", field.summary)
            for line in YAMLWriter.block(member.value) { lines.add("      " + line) }
        default: lines.add(lead + member.name + ": " + YAMLWriter.flow(member.value), field.summary)
        }
    }

    /// Adds a key with its value behind it, or below it where that would be too long for a line.
    private func add(_ member: JobMember, indent: Int, _ summary: String, to lines: inout CommentedLines) {
        let margin = String(repeating: " ", count: indent)
        let value = YAMLWriter.flow(member.value)
        let below = value.count > Self.longestValue ? YAMLWriter.block(member.value) : []
        guard below.count > 1 else { return lines.add(margin + member.name + ": " + value, summary) }
        lines.add(margin + member.name + ":", summary)
        for line in below { lines.add(margin + "  " + line) }
    }

    private static let longestValue = 96

    private static let commands = [
        ("check", "finds mistakes, then asks the API and the destination"),
        ("plan", "shows which windows would be fetched, and what that costs"),
        ("run", "loads what is due; run it as often as you like"),
    ]

    /// Keys of the job that can be left out, and a value that changes nothing.
    private static let jobDefaults = [
        ("time_zone", "UTC"), ("api", "{requests_per_second: 20, concurrent_queries: 4}"),
    ]

    /// Keys of an export that can be left out, and a value that changes nothing.
    private static let exportDefaults = [
        ("window", "{size: week, per_account: false, lookback: 7 days}"), ("stages", "[]"), ("on_bad_row", "fail"),
        ("on_sampled", "warn"), ("on_shrink", "50%"), ("on_schema_change", "fail"), ("contract", "{}"),
        ("expect", "{}"),
    ]

    /// Whether a byte of a file's name needs no quotes in a shell and cannot end a comment.
    private static func isHarmless(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || "0123456789_-./".utf8.contains(byte)
    }
}

extension ObjectShape {
    /// What a key means; nothing for a key nobody knows.
    fileprivate func summary(of name: String) -> String { fields.first { $0.name == name }?.summary ?? "" }
}

/// Lines with a comment behind each, one below the other; a line too long for that has its comment above.
private struct CommentedLines {
    private(set) var text = ""
    private static let column = 48
    private static let width = 120

    mutating func addBlank() { text += "\n" }

    mutating func add(_ line: String, _ comment: String = "") {
        let room = Self.width - line.count - comment.count - 2
        if comment.isEmpty {
            text += line + "\n"
        } else if room >= 2 {
            let padding = String(repeating: " ", count: max(2, min(room, Self.column - line.count)))
            text += line + padding + "# " + comment + "\n"
        } else {
            text += line.prefix { $0 == " " } + "# " + comment + "\n" + line + "\n"
        }
    }

    /// Adds a line that is a comment itself, such as a key that is left out.
    mutating func add(indent: Int = 0, comment line: String, _ comment: String = "") {
        add(String(repeating: " ", count: indent) + "# " + line, comment)
    }
}
