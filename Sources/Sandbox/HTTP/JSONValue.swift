import FoundationEssentials

/// A decoded JSON value of a request; rows never pass through it.
enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONValue {
    /// Reads one JSON text, or gives nil when it is not JSON.
    static func parse(_ text: some Sequence<UInt8>) -> JSONValue? {
        try? JSONDecoder().decode(JSONValue.self, from: Data(text))
    }

    /// The members of an object, or nil for any other value.
    var object: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The text of a scalar as a plain query parameter would carry it; nil for null, arrays and objects.
    var scalarText: String? {
        switch self {
        case .string(let text): text
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// A whole number, also one written as a string, as plain query parameters do.
    var wholeNumber: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        case .string(let text): Int(text)
        case .null, .bool, .array, .object: nil
        }
    }

    /// A switch in the spellings PHP takes for one: `true`, `1`, `"true"`, `"1"`.
    var isOn: Bool {
        switch self {
        case .bool(let value): value
        case .integer(let value): value != 0
        case .string(let text): ["1", "true", "yes", "on"].contains(text.lowercased())
        case .null, .number, .array, .object: false
        }
    }

    /// A list written as an array or as a comma string, which the API takes for the same; nil for an object or null.
    var list: [JSONValue]? {
        switch self {
        case .array(let elements): elements
        case .string(let text):
            text.split(separator: ",").map { .string(String($0.trimmingSpaces())) }.filter { $0 != .string("") }
        case .integer, .number, .bool: [self]
        case .null, .object: nil
        }
    }

    /// One line of text for logs: scalars bare, lists joined by commas, objects as JSON with sorted keys.
    var summary: String {
        switch self {
        case .null: return ""
        case .array(let elements) where elements.allSatisfy { $0.scalarText != nil }:
            return elements.map(\.summary).joined(separator: ",")
        case .array, .object:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let data = try? encoder.encode(self) else { return "" }
            return String(decoding: data, as: UTF8.self)
        case .bool, .integer, .number, .string: return scalarText ?? ""
        }
    }
}

extension StringProtocol {
    /// This text without spaces, tabs and line ends at either end.
    func trimmingSpaces() -> SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[startIndex..<startIndex] }
        return self[first...last]
    }
}
