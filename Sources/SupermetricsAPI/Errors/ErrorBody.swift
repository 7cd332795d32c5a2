/// What the body of a failed answer says, whatever shape it has.
///
/// The API writes errors as its own envelope, as RFC 9457 problem details, as `error` text with a message, as an
/// OAuth 2 error (RFC 6749, section 5.2), or leaves the answer to a gateway that sends HTML, text or nothing.
struct ErrorBody: Equatable {
    var code: String?
    var message: String?
    var details: JSONValue?
    var requestID: String?

    /// Reads a body; nil when it is not JSON or no known shape of an error.
    init?(_ bytes: [UInt8]) {
        guard let object = try? JSONValue(parsing: bytes).objectValue else { return nil }
        requestID = object["meta"]?["request_id"]?.textValue ?? object["request_id"]?.textValue
        switch object["error"] {
        case .object(let error): readEnvelope(error)
        case .string(let word): readWord(word, in: object)
        default: guard readProblem(object) else { return nil }
        }
        if let message, message.allSatisfy(\.isWhitespace) { self.message = nil }
    }

    private mutating func readEnvelope(_ error: JSONObject) {
        code = error["code"]?.textValue
        let texts = [error["message"]?.textValue, error["description"]?.textValue].compactMap(\.self)
            .filter { !$0.allSatisfy(\.isWhitespace) }
        message = texts.count == 2 && texts[0] == texts[1] ? texts[0] : texts.joined(separator: ": ")
        details = error["details"].flatMap { $0.isNull ? nil : $0 }
    }

    private mutating func readWord(_ word: String, in object: JSONObject) {
        message = object["message"]?.textValue ?? object["error_description"]?.textValue
        if word.contains(where: \.isWhitespace) {
            message = [word, message].compactMap(\.self).joined(separator: ": ")
        } else {
            code = word
        }
    }

    private mutating func readProblem(_ object: JSONObject) -> Bool {
        if let title = object["title"]?.textValue ?? object["detail"]?.textValue {
            message = [title, object["detail"]?.textValue].compactMap(\.self).reduce(into: "") { text, part in
                if part != text { text += (text.isEmpty ? "" : ": ") + part }
            }
            code = object["code"]?.textValue
            details = .object(object)
            return true
        }
        guard let code = object["code"]?.textValue, let message = object["message"]?.textValue else { return false }
        (self.code, self.message) = (code, message)
        return true
    }
}
