/// What an update does with one member of a thing: leaves it, clears it, or sets it.
///
/// It tells "not sent" from "sent as null", which an optional cannot. A literal stands for ``set(_:)``.
public enum Change<Value: Sendable>: Sendable {
    /// The member is not sent, and stays as it is.
    case keep
    /// The member is sent as null.
    case clear
    /// The member is sent with this value.
    case set(Value)
}

extension Change: Equatable where Value: Equatable {}
extension Change: Hashable where Value: Hashable {}

extension Change: ExpressibleByUnicodeScalarLiteral where Value == String {
    /// The member set to this text.
    public init(unicodeScalarLiteral value: String) {
        self = .set(value)
    }
}

extension Change: ExpressibleByExtendedGraphemeClusterLiteral where Value == String {
    /// The member set to this text.
    public init(extendedGraphemeClusterLiteral value: String) {
        self = .set(value)
    }
}

extension Change: ExpressibleByStringLiteral where Value == String {
    /// The member set to this text.
    public init(stringLiteral value: String) {
        self = .set(value)
    }
}

extension Change where Value == String {
    /// The value to send; nil for none.
    var json: JSONValue? {
        switch self {
        case .keep: nil
        case .clear: .null
        case .set(let text): .string(text)
        }
    }
}
