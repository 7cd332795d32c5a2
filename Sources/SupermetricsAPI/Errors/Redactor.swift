/// Removes the secrets in use from text that came from outside.
struct Redactor: Sendable {
    private let forms: [String]

    /// - Parameter secrets: the bare tokens; each is also looked for percent-encoded and with JSON's escaped slash.
    init(secrets: [String]) {
        var forms: Set<String> = []
        for secret in secrets where !secret.isEmpty {
            forms.formUnion([
                secret, PercentEncoding.encode(secret),
                secret.split(separator: "/", omittingEmptySubsequences: false)
                    .joined(separator: "\\/"),
            ])
        }
        self.forms = forms.sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
    }

    func redact(_ text: String) -> String {
        guard !forms.isEmpty else { return text }
        return forms.reduce(text) { text, form in Self.replace(Array(form.utf8), in: text) }
    }

    func redact(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(redact(text))
        case .number(let number): redact(number.text) == number.text ? value : .string(redact(number.text))
        case .array(let elements): .array(elements.map(redact))
        case .object(let object):
            .object(JSONObject(object.members.map { .init(name: redact($0.name), value: redact($0.value)) }))
        case .null, .bool: value
        }
    }

    /// Compares bytes, not characters: a combining mark after a secret must not hide it.
    private static func replace(_ form: [UInt8], in text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.count >= form.count else { return text }
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == form[0], bytes[index...].starts(with: form) {
                output += "[redacted]".utf8
                index += form.count
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output.count == bytes.count && output == bytes ? text : String(decoding: output, as: UTF8.self)
    }
}

extension Redactor: CustomStringConvertible, CustomReflectable {
    var description: String { "Redactor" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
