package import SupermetricsAPI

/// Where a value of a job was written: a place in a file, or a flag.
package struct JobLocation: Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it, or the flag.
    package var source: String
    /// The line, counted from 1; nil where the source has no lines.
    package var line: Int?
    /// The column in characters, counted from 1.
    package var column: Int?

    package init(_ source: String, line: Int? = nil, column: Int? = nil) {
        self.source = source
        self.line = line
        self.column = column
    }

    /// `nightly.yaml:12:5`, or the source alone.
    package var description: String {
        guard let line, let column else { return source }
        return "\(source):\(line):\(column)"
    }
}

/// One value of a job as it was written, before anything is known of its meaning.
package struct JobNode: Hashable, Sendable {
    /// What kind of value it is.
    package enum Content: Hashable, Sendable {
        /// One text; `plain` where it stood without quotes, so that `null`, `true` and `12` have their YAML meaning.
        case scalar(String, plain: Bool)
        case list([JobNode])
        case map([JobMember])
    }

    /// The value.
    package var content: Content
    /// Where it was written.
    package var location: JobLocation
    /// What was read into the text from outside, such as `${NAME}`; such a text is never shown.
    package var interpolated: [String] = []
    /// Whether something it refers to could not be read; the mistake is known, so nothing else is said about the value.
    package var isUnresolved = false

    package init(_ content: Content, at location: JobLocation) {
        self.content = content
        self.location = location
    }

    /// A text that keeps its characters whatever they spell.
    package init(text: String, at location: JobLocation) {
        self.init(.scalar(text, plain: false), at: location)
    }
}

extension JobNode: CustomStringConvertible {
    /// As an error may show it: what came from outside is named, never shown.
    package var description: String { shown }
}

/// One key of a map and its value.
package struct JobMember: Hashable, Sendable {
    /// The key.
    package var name: String
    /// Where the key was written.
    package var location: JobLocation
    /// The value.
    package var value: JobNode

    package init(_ name: String, at location: JobLocation, _ value: JobNode) {
        self.name = name
        self.location = location
        self.value = value
    }
}

extension JobNode {
    /// The members of a map; empty for anything else.
    package var members: [JobMember] {
        guard case .map(let members) = content else { return [] }
        return members
    }

    /// The elements of a list; nil for anything else.
    package var elements: [JobNode]? {
        guard case .list(let elements) = content else { return nil }
        return elements
    }

    /// The characters of a scalar that is not null; nil for anything else.
    package var text: String? {
        guard case .scalar(let text, _) = content, !isNull, !isUnresolved else { return nil }
        return text
    }

    /// Whether this is YAML's null: nothing, `~` or `null`, without quotes.
    package var isNull: Bool {
        guard case .scalar(let text, plain: true) = content, interpolated.isEmpty else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// True or false; nil for anything else.
    package var bool: Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// The value of a key; nil where there is none, or where it is null.
    package subscript(name: String) -> JobNode? {
        guard let value = members.first(where: { $0.name == name })?.value, !value.isNull else { return nil }
        return value
    }

    /// The value as JSON: numbers keep their digits, members their order.
    ///
    /// A text that came from outside stays a text, whatever it spells.
    package var json: JSONValue {
        switch content {
        case .list(let elements): return .array(elements.map(\.json))
        case .map(let members):
            return .object(JSONObject(members.map { JSONObject.Member(name: $0.name, value: $0.value.json) }))
        case .scalar(let text, let plain):
            guard plain, interpolated.isEmpty else { return .string(text) }
            if isNull { return .null }
            if let bool { return .bool(bool) }
            return JSONNumber(text).map(JSONValue.number) ?? .string(text)
        }
    }

    /// A JSON value read from `source`.
    package init(_ json: JSONValue, at location: JobLocation) {
        switch json {
        case .null: self.init(.scalar("null", plain: true), at: location)
        case .bool(let bool): self.init(.scalar(bool ? "true" : "false", plain: true), at: location)
        case .number(let number): self.init(.scalar(number.text, plain: true), at: location)
        case .string(let text): self.init(text: text, at: location)
        case .array(let elements): self.init(.list(elements.map { JobNode($0, at: location) }), at: location)
        case .object(let object):
            let members = object.members.map { JobMember($0.name, at: location, JobNode($0.value, at: location)) }
            self.init(.map(members), at: location)
        }
    }

    /// The value as an error may show it: what came from outside is named, never shown.
    package var shown: String {
        guard interpolated.isEmpty else { return "the value of " + interpolated.joined(separator: " and ") }
        switch content {
        case .list: return "a list"
        case .map: return "a map"
        case .scalar(let text, _):
            guard !isNull else { return "nothing" }
            let printable = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : String($0) }
            return "'" + printable.prefix(60).joined() + (printable.count > 60 ? "…'" : "'")
        }
    }
}
