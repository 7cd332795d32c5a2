/// Header fields of a request or response: names compare without case, order and repeats are kept.
public struct HeaderFields: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One field line.
    public struct Field: Sendable, Hashable {
        /// The field's name as it was given.
        public let name: String
        /// The field's value as it was given.
        public let value: String
    }

    /// All field lines, in order.
    public private(set) var fields: [Field] = []

    /// No fields.
    public init() {}

    /// Fields written as a literal.
    ///
    /// - Parameter elements: name and value of each field.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }

    /// The first value of a field; setting replaces every line of that name, nil removes them.
    ///
    /// - Parameter name: the field's name, compared without case.
    public subscript(name: String) -> String? {
        get { values(name).first }
        set {
            let lowercased = name.lowercased()
            fields.removeAll { $0.name.lowercased() == lowercased }
            if let newValue { append(name, newValue) }
        }
    }

    /// Every value of a field, in order.
    ///
    /// - Parameter name: the field's name, compared without case.
    /// - Returns: the values, none if there is no such field.
    public func values(_ name: String) -> [String] {
        let name = name.lowercased()
        return fields.filter { $0.name.lowercased() == name }.map(\.value)
    }

    /// Adds a line, whatever lines of that name there are.
    ///
    /// - Parameters:
    ///   - name: the field's name.
    ///   - value: the field's value.
    public mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Sets every field of `other` here: its lines win over those of the same name.
    mutating func override(with other: HeaderFields) {
        for field in other.fields { self[field.name] = nil }
        fields += other.fields
    }

    func mapValues(_ transform: (String) -> String) -> HeaderFields {
        var result = HeaderFields()
        for field in fields { result.append(field.name, transform(field.value)) }
        return result
    }

    /// The first field that HTTP would not carry (RFC 9110, section 5), or that belongs to the transport.
    func firstUnusableName() -> String? {
        let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)
        let owned: Set = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"]
        return fields.first { field in
            let nameIsToken =
                !field.name.isEmpty
                && field.name.utf8.allSatisfy { byte in
                    tokenMarks.contains(byte) || Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80
                        || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                }
            let valueIsPlain = field.value.utf8.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
            return !nameIsToken || !valueIsPlain || owned.contains(field.name.lowercased())
        }?.name
    }
}
