import Synchronization

/// Hands out tokens, and makes concurrent refusals share one refresh.
final class TokenSource: Sendable {
    private let credential: Credential
    private let refreshing = ConcurrencyGate(permits: 1)
    private let refreshed = Mutex<String?>(nil)

    init(_ credential: Credential) {
        self.credential = credential
    }

    /// The token for a new request.
    func current() async throws(SupermetricsError) -> String {
        switch credential.source {
        case .fixed(let token): token
        case .provider(let provider): try await ask(provider, .current)
        }
    }

    /// Another token after the API refused `rejected`; nil when there is none to be had.
    func replacement(for rejected: String) async throws(SupermetricsError) -> String? {
        guard case .provider(let provider) = credential.source else { return nil }
        try await refreshing.acquire()
        defer { refreshing.release() }
        if let token = refreshed.withLock({ $0 }), token != rejected { return token }
        let token = try await ask(provider, .refresh)
        refreshed.withLock { $0 = token }
        return token
    }

    private func ask(
        _ provider: @Sendable (Credential.TokenRequest) async throws -> String,
        _ request: Credential.TokenRequest
    ) async throws(SupermetricsError) -> String {
        let text: String
        do {
            text = try await provider(request)
        } catch let error as SupermetricsError {
            throw error
        } catch is CancellationError {
            throw .cancelled
        } catch {
            // The provider's own words may hold what it read, so they stay with the provider.
            throw SupermetricsError(
                .authentication,
                "the token provider failed (\(type(of: error)))",
                advice: "run the key command by hand"
            )
        }
        return try Credential.token(from: text, named: "provided token")
    }
}

/// The `Authorization` of one call through all its attempts.
struct Authorization {
    /// The field's value, empty until ``prepare()`` was called.
    private(set) var value = ""
    /// The secret inside the value.
    private(set) var token = ""
    private let given: String?
    private let tokens: TokenSource
    private var wasRefreshed = false

    /// - Parameters:
    ///   - options: what the call brings itself: a field wins over a credential.
    ///   - tokens: the client's tokens.
    init(_ options: RequestOptions, tokens: TokenSource) {
        given = options.headers["Authorization"]
        self.tokens = options.credential.map(TokenSource.init) ?? tokens
    }

    /// Gets the token for the next attempt.
    mutating func prepare() async throws(SupermetricsError) {
        if let given {
            value = given
            token = given.lowercased().hasPrefix("bearer ") ? String(given.dropFirst(7)).trimmingSpaces : given
        } else {
            set(try await tokens.current())
        }
    }

    /// Gets another token after a refusal, once per call.
    ///
    /// - Returns: whether there is one; if not, the refusal is final.
    mutating func refresh() async throws(SupermetricsError) -> Bool {
        guard given == nil, !wasRefreshed, let token = try await tokens.replacement(for: token) else { return false }
        wasRefreshed = true
        set(token)
        return true
    }

    private mutating func set(_ token: String) {
        self.token = token
        value = "Bearer " + token
    }
}
