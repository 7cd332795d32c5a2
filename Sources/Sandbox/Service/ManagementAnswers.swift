import NIOHTTP1

/// The bodies of everything that is not a query: small, so built as values.
extension Exchange {
    /// `{"meta":{"request_id":…},"data":…}` (Supermetrics API: common response envelopes).
    func enveloped(
        _ data: JSONValue,
        status: HTTPResponseStatus = .ok,
        meta: [String: JSONValue] = [:]
    ) -> Answer {
        let meta = JSONValue.object(meta.merging(["request_id": .string(requestID)]) { $1 })
        var json = JSONWriter(style: style)
        json.object { json in
            if !options.dataFirst { json.value("meta", shaped(meta)) }
            json.value("data", shaped(data))
            if options.dataFirst { json.value("meta", shaped(meta)) }
        }
        return Answer(status: status, body: json.bytes)
    }

    /// A body without an envelope, as the connector builder and single transfers have.
    func bare(_ body: JSONValue, status: HTTPResponseStatus = .ok) -> Answer {
        var json = JSONWriter(style: style)
        json.value(nil, shaped(body))
        return Answer(status: status, body: json.bytes)
    }

    private func shaped(_ value: JSONValue) -> JSONValue { options.omitsNulls ? value.droppingNulls() : value }
}

extension JSONValue {
    /// This value without the null members of its objects.
    fileprivate func droppingNulls() -> JSONValue {
        switch self {
        case .object(let members): .object(members.filter { $0.value != .null }.mapValues { $0.droppingNulls() })
        case .array(let elements): .array(elements.map { $0.droppingNulls() })
        case .null, .bool, .integer, .number, .string: self
        }
    }

    /// A string, or null for none.
    static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// A whole number, or null for none.
    static func count(_ number: Int?) -> JSONValue { number.map(JSONValue.integer) ?? .null }
}

extension JSONValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(Dictionary(elements) { $1 }) }
}
