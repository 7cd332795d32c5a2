/// A JSON value that keeps what it was given: the order of keys, keys nobody knows, and every digit of a number.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The members, when this is an object.
    public var objectValue: JSONObject? {
        guard case .object(let object) = self else { return nil }
        return object
    }

    /// The elements, when this is an array.
    public var arrayValue: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The text of a string, or the digits of a number: the API writes some ids either way.
    public var textValue: String? {
        switch self {
        case .string(let text): text
        case .number(let number): number.text
        default: nil
        }
    }

    /// The integer, when this is a whole number that fits or a string of one.
    public var intValue: Int? {
        textValue.flatMap { Int($0) }
    }

    /// The boolean, when this is one.
    public var boolValue: Bool? {
        guard case .bool(let bool) = self else { return nil }
        return bool
    }

    /// Whether this is JSON's `null`.
    public var isNull: Bool {
        self == .null
    }

    /// The value of a key, when this is an object that has it.
    ///
    /// - Parameter key: the member's name, compared exactly.
    public subscript(key: String) -> JSONValue? {
        objectValue?[key]
    }
}

/// A JSON number as written: it is never rounded through a floating-point type.
public struct JSONNumber: Sendable, Hashable {
    /// The digits, sign and exponent exactly as they were read or given.
    public let text: String

    init(unchecked text: String) {
        self.text = text
    }

    /// A whole number.
    ///
    /// - Parameter value: the number.
    public init(_ value: some BinaryInteger) {
        text = String(value)
    }

    /// A number written the way JSON writes one; nil when the text is anything else.
    ///
    /// - Parameter text: for example `12.50` or `-1e3`.
    public init?(_ text: String) {
        guard let value = try? JSONValue(parsing: Array(text.utf8)), case .number(let number) = value else {
            return nil
        }
        self = number
    }
}

/// The members of a JSON object, in the order they were written.
public struct JSONObject: Sendable, Hashable {
    /// One name and its value.
    public struct Member: Sendable, Hashable {
        /// The member's name.
        public var name: String
        /// The member's value.
        public var value: JSONValue

        /// A member.
        ///
        /// - Parameters:
        ///   - name: the member's name.
        ///   - value: the member's value.
        public init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// All members, in order; a repeated name is kept, and the last one counts.
    public private(set) var members: [Member]

    /// An object of these members.
    ///
    /// - Parameter members: the members, in the order they are to be written.
    public init(_ members: [Member] = []) {
        self.members = members
    }

    /// The value of a name; setting keeps the member's place or appends it, nil removes it.
    ///
    /// - Parameter name: the member's name, compared exactly.
    public subscript(name: String) -> JSONValue? {
        get { members.last { $0.name == name }?.value }
        set {
            guard let newValue else {
                members.removeAll { $0.name == name }
                return
            }
            if let index = members.lastIndex(where: { $0.name == name }) {
                members[index].value = newValue
            } else {
                members.append(Member(name: name, value: newValue))
            }
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `null`.
    public init(nilLiteral: ()) {
        self = .null
    }

    /// `true` or `false`.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    /// A whole number.
    public init(integerLiteral value: Int) {
        self = .number(JSONNumber(value))
    }

    /// A string.
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    /// An array.
    public init(arrayLiteral elements: JSONValue...) {
        self = .array(elements)
    }

    /// An object, its members in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { JSONObject.Member(name: $0.0, value: $0.1) }))
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// An object, its members in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { Member(name: $0.0, value: $0.1) })
    }
}
