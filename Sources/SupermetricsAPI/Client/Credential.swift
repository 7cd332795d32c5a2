/// What proves who is calling: an API key, an OAuth token, or a function that knows the current token.
///
/// No text made from a credential, neither its description nor what a debugger or `dump` shows, holds the secret.
public struct Credential: Sendable {
    /// Why a token provider is asked.
    public enum TokenRequest: Sendable, Hashable {
        /// A request is about to be sent; a cached token will do.
        case current
        /// The API answered 401 to the token given last: get another one.
        case refresh
    }

    enum Source: Sendable {
        case fixed(String)
        case provider(@Sendable (TokenRequest) async throws -> String)
    }

    let source: Source

    /// An API key, sent as a bearer token.
    ///
    /// - Parameter key: the key; white space around it and a leading `Bearer` are ignored.
    /// - Returns: the credential.
    /// - Throws: ``SupermetricsError`` of kind `client` when no header field could carry it; the text never shows it.
    public static func apiKey(_ key: String) throws(SupermetricsError) -> Credential {
        Credential(source: .fixed(try token(from: key, named: "API key")))
    }

    /// An OAuth 2 access token.
    ///
    /// - Parameter token: the token; white space around it and a leading `Bearer` are ignored.
    /// - Returns: the credential.
    /// - Throws: ``SupermetricsError`` of kind `client` when no header field could carry it; the text never shows it.
    public static func oauthToken(_ token: String) throws(SupermetricsError) -> Credential {
        Credential(source: .fixed(try self.token(from: token, named: "OAuth token")))
    }

    /// A function asked before every request, and once more when the API answers 401.
    ///
    /// Requests that run together and meet 401 together share one refresh. An answer of 401 to the refreshed token
    /// fails the request for good.
    ///
    /// - Parameter provider: returns the token to send; it may be called from several tasks at once for `current`,
    ///   by one task at a time for `refresh`.
    /// - Returns: the credential.
    public static func tokenProvider(_ provider: @escaping @Sendable (TokenRequest) async throws -> String)
        -> Credential
    {
        Credential(source: .provider(provider))
    }

    /// The bare token in what a person configured.
    static func token(from text: String, named name: String) throws(SupermetricsError) -> String {
        var token = text.trimmingSpaces
        if token.lowercased().hasPrefix("bearer ") {
            token = String(token.dropFirst("bearer ".count)).trimmingSpaces
        }
        guard !token.isEmpty, token.lowercased() != "bearer" else {
            throw SupermetricsError(.client, "the \(name) is blank", advice: "pass the key itself")
        }
        guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SupermetricsError(
                .client,
                "the \(name) holds white space, control or non-ASCII characters",
                advice: "copy the key again, alone on its line"
            )
        }
        return token
    }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind of credential, without the secret.
    public var description: String {
        switch source {
        case .fixed: "Credential([redacted])"
        case .provider: "Credential(token provider)"
        }
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
