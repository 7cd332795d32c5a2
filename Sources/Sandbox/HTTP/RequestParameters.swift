/// The parameters of one request, in any of the four encodings the API takes (Supermetrics API: making requests).
///
/// Plain parameters follow PHP: the last of a repeated key wins, unless told to collect them; `key[]=` collects an
/// array, `key[name]=` an object.
/// A `json=` parameter is the base; plain parameters beside it and the body override its keys.
struct RequestParameters: Sendable {
    private(set) var values: [String: JSONValue]

    init(_ values: [String: JSONValue] = [:]) { self.values = values }

    subscript(name: String) -> JSONValue? {
        let value = values[name]
        return value == .null ? nil : value
    }

    /// The text of a scalar parameter; nil when absent, empty or no scalar.
    func text(_ name: String) -> String? {
        guard let text = self[name]?.scalarText, !text.isEmpty else { return nil }
        return text
    }

    /// Reads the query string and the body; the failure names the part that could not be read.
    static func decode(
        queryString: Substring,
        contentType: String,
        body: [UInt8],
        collectsRepeated: Bool
    ) throws(APIFailure) -> RequestParameters {
        var parameters = RequestParameters()
        try parameters.merge(form: queryString, collectsRepeated)
        guard !body.isEmpty else { return parameters }
        if contentType.lowercased().hasPrefix("application/x-www-form-urlencoded") {
            try parameters.merge(form: String(decoding: body, as: UTF8.self)[...], collectsRepeated)
        } else {
            try parameters.merge(json: body, named: "The request body")
        }
        return parameters
    }

    private mutating func merge(json text: some Sequence<UInt8>, named name: String) throws(APIFailure) {
        guard let members = JSONValue.parse(text)?.object else {
            throw APIFailure(400, "BAD_REQUEST", "\(name) is not a JSON object.")
        }
        values.merge(members) { $1 }
    }

    private mutating func merge(form: Substring, _ collectsRepeated: Bool) throws(APIFailure) {
        var pairs = form.split(separator: "&").map(Self.decodePair)
        if collectsRepeated {
            let counts = pairs.reduce(into: [:]) { $0[$1.name, default: 0] += 1 }
            for index in pairs.indices where counts[pairs[index].name, default: 0] > 1 && pairs[index].name != "json" {
                if !pairs[index].name.hasSuffix("]") { pairs[index].name += "[]" }
            }
        }
        if let json = pairs.last(where: { $0.name == "json" })?.value {
            try merge(json: json.utf8, named: "Parameter json")
        }
        var collected: Set<String> = []
        for (name, value) in pairs where name != "json" {
            insert(name, value, collected: &collected)
        }
    }

    private mutating func insert(_ name: String, _ value: String, collected: inout Set<String>) {
        guard let bracket = name.firstIndex(of: "["), name.hasSuffix("]") else {
            values[name] = Self.plain(value)
            return
        }
        let key = String(name[..<bracket])
        let member = String(name[name.index(after: bracket)...].dropLast())
        let current = collected.insert(key).inserted ? nil : values[key]
        if member.isEmpty || member.allSatisfy(\.isNumber) {
            guard case .array(let elements)? = current else {
                values[key] = .array([.string(value)])
                return
            }
            values[key] = .array(elements + [.string(value)])
        } else {
            values[key] = .object((current?.object ?? [:]).merging([member: Self.plain(value)]) { $1 })
        }
    }

    /// An object or array written as JSON into a plain parameter is taken as one.
    private static func plain(_ value: String) -> JSONValue {
        guard let first = value.utf8.first, first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
            let parsed = JSONValue.parse(value.utf8)
        else { return .string(value) }
        return parsed
    }

    private static func decodePair(_ pair: Substring) -> (name: String, value: String) {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (percentDecode(parts[0]), parts.count > 1 ? percentDecode(parts[1]) : "")
    }

    private static func percentDecode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                if rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                    bytes.append(value)
                    rest = rest.dropFirst(2)
                } else {
                    bytes.append(byte)
                }
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Percent-encodes for a query string, leaving only RFC 3986's unreserved characters.
    static func percentEncode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if scalar.isASCII,
                scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-._~".unicodeScalars.contains(scalar)
            {
                encoded.unicodeScalars.append(scalar)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
