public import struct FoundationEssentials.Date

extension APIClient {
    /// Login links: addresses at which a person connects a data source.
    public var loginLinks: LoginLinks<Self> { LoginLinks(runner: runner) }
}

/// Login links (`/ds/login/link`).
///
/// A link is open until it is used, closed or expired; who follows it logs in at the data source, and the link then
/// names the login that came of it.
public struct LoginLinks<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Creates a link: `POST /ds/login/link`.
    ///
    /// - Parameters:
    ///   - dsID: the data source, for example `GAWA`.
    ///   - description: a note; whoever follows the link does not see it.
    ///   - expiryTime: when it ends; nil for the API's default of 24 hours.
    ///   - requireUsername: the only user name that may log in; nil for any.
    ///   - redirectURL: where the person is sent afterwards; nil for Supermetrics' own page.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `permission` and code `LINK_LIMIT_EXCEEDED` where too many are open.
    public func create(
        dsID: String,
        description: String? = nil,
        expiryTime: LoginLinkExpiry? = nil,
        requireUsername: String? = nil,
        redirectURL: String? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<LoginLink, Client> {
        call { () throws(SupermetricsError) in
            try Check.text(dsID, "ds_id", atMost: 50)
            try Check.length(description, "description", atMost: 1000)
            try Check.length(requireUsername, "require_username", atMost: 255)
            try Check.length(redirectURL, "redirect_url", atMost: 500)
            var body: JSONObject = ["ds_id": .string(dsID)]
            body["description"] = description.map(JSONValue.string)
            body["expiry_time"] = expiryTime.map { .string($0.text) }
            body["require_username"] = requireUsername.map(JSONValue.string)
            body["redirect_url"] = redirectURL.map(JSONValue.string)
            return .write(.post, "/ds/login/link", body: .json(.object(body)), options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Looks at a link: `GET /ds/login/link/{link_id}`.
    ///
    /// - Parameters:
    ///   - linkID: the link.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where there is none.
    public func get(linkID: String, options: RequestOptions = RequestOptions()) -> Call<LoginLink, Client> {
        call { () throws(SupermetricsError) in
            try Self.check(linkID)
            return .get("/ds/login/link/\(linkID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Lists the links, at most 1000: `GET /ds/login/links`.
    ///
    /// - Parameter options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(options: RequestOptions = RequestOptions()) -> Call<[LoginLink], Client> {
        call { () throws(SupermetricsError) in
            .get("/ds/login/links", options: options)
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }

    /// Changes a link's description, the only member that can be changed: `PATCH /ds/login/link/{link_id}`.
    ///
    /// - Parameters:
    ///   - linkID: the link.
    ///   - description: the new note; ``Change/clear`` for none.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func update(
        linkID: String,
        description: Change<String>,
        options: RequestOptions = RequestOptions()
    ) -> Call<LoginLink, Client> {
        call { () throws(SupermetricsError) in
            try Self.check(linkID)
            try Check.length(description.json?.textValue, "description", atMost: 1000)
            var body = JSONObject()
            body["description"] = description.json
            return .write(.patch, "/ds/login/link/\(linkID)", body: .json(.object(body)), options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }

    /// Closes a link: `PUT /ds/login/link/{link_id}/close`.
    ///
    /// Whoever has begun to log in can still finish.
    /// - Parameters:
    ///   - linkID: the link.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; its value is the link where the API returns it.
    public func close(linkID: String, options: RequestOptions = RequestOptions()) -> Call<LoginLink?, Client> {
        call { () throws(SupermetricsError) in
            try Self.check(linkID)
            return .write(.put, "/ds/login/link/\(linkID)/close", options: options)
        } decode: { raw throws(ModelError) in
            // Some versions answer with nothing.
            try raw.json["data"]?.objectValue == nil && raw.json["link_id"] == nil ? nil : raw.model()
        }
    }

    private static func check(_ linkID: String) throws(SupermetricsError) {
        try Check.text(linkID, "link_id", atMost: 50)
        try Check.characters(linkID, "link_id", Check.isIDCharacter, "A-Z, a-z, 0-9, _ and -")
    }
}

/// When a login link ends.
public enum LoginLinkExpiry: Sendable, Hashable {
    /// At a moment.
    case at(Date)
    /// After a time as the API reads it, such as `10 hours`.
    case after(String)

    var text: String {
        switch self {
        case .at(let date): APITime.write(date)
        case .after(let text): text
        }
    }
}

/// One login link.
public struct LoginLink: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `link_id`.
    public let id: String

    /// Reads a login link of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("link_id")
    }

    /// Whether it can still be followed.
    public var status: LoginLinkStatus? { json.word("status_code") }
    /// The note.
    public var summary: String? { json.text("description") }
    /// The data source.
    public var dsID: String? { json.text("ds_id") ?? json["ds_info"]?["ds_id"]?.textValue }
    /// The data source's name.
    public var dsName: String? { json.text("ds_name") ?? json["ds_info"]?["name"]?.textValue }
    /// The only user name that may log in.
    public var requireUsername: String? { json.text("require_username") }
    /// Where the person is sent afterwards.
    public var redirectURL: String? { json.text("redirect_url") }
    /// A secret to tell a genuine redirect by.
    public var redirectVerifier: String? { json.text("redirect_verifier") }
    /// The user who created it.
    public var userID: String? { json.text("user_id") }
    /// The e-mail address of the user who created it.
    public var userEmail: String? { json.text("user_email") }
    /// The address to follow.
    public var loginURL: String? { json.text("login_url") }
    /// When it was created.
    public var createdTime: APITime? { json.time("created_time") }
    /// When it ends.
    public var expiryTime: APITime? { json.time("expiry_time") }
    /// The login that came of it; nil until somebody logged in.
    public var loginID: String? { json.text("login_id") }
    /// When somebody logged in.
    public var loginTime: APITime? { json.time("login_time") }
    /// Who logged in.
    public var loginUsername: String? { json.text("login_username") }
    /// Whether somebody logged in by it.
    public var isUsed: Bool { loginID != nil }
}

/// Whether a login link can be followed.
public struct LoginLinkStatus: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A status by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// It can.
    public static let open = LoginLinkStatus(rawValue: "OPEN")
    /// It was closed, or used.
    public static let closed = LoginLinkStatus(rawValue: "CLOSED")
    /// Its time is over.
    public static let expired = LoginLinkStatus(rawValue: "EXPIRED")
}
