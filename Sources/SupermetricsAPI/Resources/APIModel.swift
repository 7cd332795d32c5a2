/// A value read from an answer: unknown members are ignored, optional ones may be absent or null.
protocol APIModel: Sendable {
    init(_ object: JSONObject) throws(ModelError)
}

/// What an answer lacks; it names a member, never a value.
struct ModelError: Error {
    let reason: String
}

extension JSONObject {
    /// The text of a member, or the digits of one that is a number.
    func text(_ name: String) -> String? {
        self[name]?.textValue
    }

    func requiredText(_ name: String) throws(ModelError) -> String {
        guard let text = text(name) else { throw ModelError(reason: "\(name) is missing or no text") }
        return text
    }

    /// The objects of a list that may be absent, null, or wrapped as `{"items": […]}`.
    func list<Model: APIModel>(_ name: String) throws(ModelError) -> [Model] {
        let list = self[name]?["items"] ?? self[name] ?? .null
        if list.isNull { return [] }
        guard let elements = list.arrayValue else { throw ModelError(reason: "\(name) is no list") }
        var models: [Model] = []
        for element in elements {
            guard let object = element.objectValue else {
                throw ModelError(reason: "\(name) holds something else than objects")
            }
            models.append(try Model(object))
        }
        return models
    }
}

extension JSONAnswer {
    /// Reads the answer's object, turning what it lacks into the room's error.
    func read<R>(_ body: (JSONObject) throws(ModelError) -> R) throws(SupermetricsError) -> R {
        guard let object = value.objectValue else {
            throw response.violation("the answer is no object", isTransient: false)
        }
        do {
            return try body(object)
        } catch {
            throw response.violation("the answer is not as documented: \(error.reason)", isTransient: false)
        }
    }

    /// The id of the exchange, from the body or else the header.
    var requestID: String? {
        value["meta"]?["request_id"]?.textValue ?? response.requestID
    }
}
