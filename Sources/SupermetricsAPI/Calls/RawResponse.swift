public import struct FoundationEssentials.Date

/// What a call's answer says, and the answer it came in.
public struct Response<Value: Sendable>: Sendable {
    /// What the API says.
    public let value: Value
    /// The answer.
    public let raw: RawResponse
}

/// An answer as it came: status, header fields, body.
public struct RawResponse: Sendable {
    /// The body as it came, after decompression; empty where there was none, as with HTTP 204.
    public let body: [UInt8]
    /// The body as JSON; `null` where there was none.
    public let json: JSONValue
    private let head: StreamedResponse

    init(body: [UInt8], json: JSONValue, head: StreamedResponse) {
        (self.body, self.json, self.head) = (body, json, head)
    }

    /// The HTTP status, 200 to 299.
    public var status: Int { head.status }
    /// The header fields.
    public var headers: HeaderFields { head.headers }
    /// The API's id of the exchange, from the body's `meta` or else the header field; to quote to its support.
    public var requestID: String? { json["meta"]?["request_id"]?.textValue ?? head.requestID }
    /// The value of `X-Span-Id`.
    public var spanID: String? { head.spanID }
    /// The server's clock when it answered.
    public var date: Date? { head.date }
    /// Requests per hour, where the API says so.
    public var rateLimit: Int? { head.rateLimit }
    /// Requests left in this hour, where the API says so.
    public var rateLimitRemaining: Int? { head.rateLimitRemaining }
    /// How long the API asks to wait before the next request.
    public var retryAfter: Duration? { head.retryAfter }
}

extension RawResponse {
    /// Reads the answer, turning what it lacks into the room's error.
    func read<R>(_ decode: (RawResponse) throws(ModelError) -> R) throws(SupermetricsError) -> R {
        do {
            return try decode(self)
        } catch {
            throw head.violation("the answer is not as documented: \(error.reason)", isTransient: false)
        }
    }

    /// The object the answer is about: bare, or inside `data`, once or twice, or as a list of one.
    func object() throws(ModelError) -> JSONObject {
        var value = json
        while let data = value["data"], data.objectValue != nil || data.arrayValue?.count == 1 { value = data }
        if let only = value.arrayValue, only.count == 1 { value = only[0] }
        guard let object = value.objectValue, value["data"]?.isNull != true else {
            throw ModelError(reason: "there is no object in it")
        }
        return object
    }

    /// The objects the answer lists: bare, inside `data`, `items` or `name`, or in one of them inside another; none
    /// where that is absent or null.
    func list(_ name: String = "data") throws(ModelError) -> [JSONObject] {
        var value = json
        guard value.objectValue != nil || value.arrayValue != nil else {
            throw ModelError(reason: "there is no list in it")
        }
        var isInside = false
        while let object = value.objectValue {
            guard let inner = ["data", "items", name].lazy.compactMap({ object[$0] }).first else {
                // An object without any of the names holds no list; a body of ids alone is an empty one.
                guard !isInside else { throw ModelError(reason: "data is no list") }
                return []
            }
            (value, isInside) = (inner, true)
        }
        if value.isNull { return [] }
        guard let elements = value.arrayValue else { throw ModelError(reason: "data is no list") }
        var objects: [JSONObject] = []
        for element in elements {
            guard let object = element.objectValue else {
                throw ModelError(reason: "the list holds something else than objects")
            }
            objects.append(object)
        }
        return objects
    }

    func model<Model: APIModel>() throws(ModelError) -> Model {
        try Model(json: object())
    }

    func models<Model: APIModel>(_ name: String = "data") throws(ModelError) -> [Model] {
        try Model.each(of: list(name))
    }
}
