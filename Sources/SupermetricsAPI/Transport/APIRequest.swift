/// What a single call may set differently from its client.
public struct RequestOptions: Sendable {
    /// What proves who is calling, for this call alone.
    public var credential: Credential?
    /// Fields of this call; they win over everything, `Authorization` included.
    public var headers = HeaderFields()
    /// Instead of the client's timeout for a whole request and its answer.
    public var timeout: Duration?
    /// Instead of the client's limit to a `Retry-After` that is waited for.
    public var longestRetryWait: Duration?
    /// Retries shared with other calls, on top of the client's limit per request.
    public var retryBudget: RetryBudget?

    /// No differences.
    public init() {}
}

extension RequestOptions: CustomStringConvertible, CustomReflectable {
    /// The names of what differs, without a value.
    public var description: String {
        let headers = headers.fields.map(\.name).joined(separator: ", ")
        return "RequestOptions(\(credential?.description ?? "the client's credential"), headers: [\(headers)])"
    }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// One call as a resource describes it; the executor adds base, credential, header fields, limits and retries.
struct APIRequest: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    enum Body: Sendable {
        case json(JSONValue)
        case form([(name: String, value: String)])
    }

    /// Which limits apply.
    enum Profile: Sendable, Hashable {
        /// Small answers: the client's `timeout`, one size limit.
        case control
        /// A query's answer; `serverWait` is how long the server may hold it back on purpose, nil for no telling.
        case data(serverWait: Duration?)
    }

    var method: Method
    var path: APIPath
    var query: [(name: String, value: String)] = []
    /// Fields that belong to the call itself.
    var headers = HeaderFields()
    var body: Body?
    var profile: Profile = .control
    /// Whether sending it twice does no harm.
    var isRepeatable: Bool
    var options: RequestOptions

    /// A request that only reads, its parameters as one `json=` object ("Request encoding": repeated keys are unsafe).
    static func get(_ path: APIPath, json: JSONObject? = nil, options: RequestOptions) -> APIRequest {
        get(path, query: json.map { [(name: "json", value: JSONValue.object($0).description)] } ?? [], options: options)
    }

    static func get(_ path: APIPath, query: [(name: String, value: String)], options: RequestOptions) -> APIRequest {
        APIRequest(method: .get, path: path, query: query, isRepeatable: true, options: options)
    }

    static func write(
        _ method: Method,
        _ path: APIPath,
        body: Body? = nil,
        options: RequestOptions
    ) -> APIRequest {
        APIRequest(method: method, path: path, body: body, isRepeatable: false, options: options)
    }

    var encodedQuery: String {
        query.isEmpty ? "" : "?" + Self.encode(query)
    }

    var encodedBody: (bytes: [UInt8], contentType: String)? {
        switch body {
        case nil: nil
        case .json(let value): (value.serialized, "application/json")
        case .form(let fields): (Array(Self.encode(fields).utf8), "application/x-www-form-urlencoded")
        }
    }

    private static func encode(_ fields: [(name: String, value: String)]) -> String {
        fields.map { PercentEncoding.encode($0.name) + "=" + PercentEncoding.encode($0.value) }.joined(separator: "&")
    }
}
