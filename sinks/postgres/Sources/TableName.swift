#if Postgres
import PipelineCore

/// A table by schema and name, both exactly as the server keeps them.
struct TableName: Hashable, Sendable, CustomStringConvertible {
    var schema: String
    var name: String

    /// The name for SQL.
    var quoted: String { SQLText.name(schema) + "." + SQLText.name(name) }

    /// The name as a user would write it.
    var description: String { "\(schema).\(name)" }
}

/// A table as the options name it; without a schema it is looked for where the connection's `search_path` begins.
struct WrittenTableName: Hashable, Sendable {
    var schema: String?
    var name: String

    /// What is wrong with a name, as a person reads it.
    struct Mistake: Error, CustomStringConvertible {
        var description: String
    }

    /// Reads `name`, `schema.name` or, where a part holds a dot, `"my.schema"."name"`.
    ///
    /// Names are taken as written, capitals included: they are always quoted in SQL.
    /// - Throws: `Mistake`, saying what is wrong with the name.
    init(_ text: String) throws(Mistake) {
        guard let parts = Self.parts(of: text), (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty })
        else {
            throw Mistake(description: "expected name or schema.name, found \(text)")
        }
        for part in parts where part.utf8.count > SQLText.maximumNameBytes || part.utf8.contains(0) {
            throw Mistake(
                description: "PostgreSQL keeps \(SQLText.maximumNameBytes) bytes of a name, and '\(part)' has"
                    + " \(part.utf8.count); choose a shorter one"
            )
        }
        schema = parts.count == 2 ? parts[0] : nil
        name = parts[parts.count - 1]
    }

    /// The parts between dots outside of quotes; nil where a quote is left open or stands amid a part.
    private static func parts(of text: String) -> [String]? {
        var parts = [""]
        var rest = text[...]
        var isAtStart = true
        while let character = rest.popFirst() {
            if character == "." {
                parts.append("")
                isAtStart = true
            } else if character == "\"", isAtStart {
                guard let quoted = quotedPart(&rest), rest.isEmpty || rest.first == "." else { return nil }
                parts[parts.count - 1] = quoted
                isAtStart = false
            } else {
                guard character != "\"" else { return nil }
                parts[parts.count - 1].append(character)
                isAtStart = false
            }
        }
        return parts
    }

    /// The text up to the closing quote; a doubled quote stands for one.
    private static func quotedPart(_ rest: inout Substring) -> String? {
        var part = ""
        while let character = rest.popFirst() {
            guard character == "\"" else {
                part.append(character)
                continue
            }
            guard rest.first == "\"" else { return part }
            part.append(rest.removeFirst())
        }
        return nil
    }
}
#endif
