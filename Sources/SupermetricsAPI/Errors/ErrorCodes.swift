/// What an error code or a status means: its kind, and whether the same request may work later.
struct Classification: Equatable {
    var kind: SupermetricsError.Kind
    var isTransient: Bool

    init(_ kind: SupermetricsError.Kind, transient: Bool = false) {
        self.kind = kind
        isTransient = transient
    }
}

/// The codes and statuses the Supermetrics API documents under "Error handling", code before status: some permanent
/// errors come as 5xx, because an error without a status of its own is answered with 500.
enum ErrorCodes {
    static func classify(code: String?, status: Int, text: String) -> Classification {
        if let code, let known = byCode(code) { return known }
        let byStatus = byStatus(status)
        let mayBePlatform = byStatus.kind == .server || byStatus.kind == .api || code?.hasPrefix("QUERY_") == true
        return mayBePlatform && soundsLikeRateLimit(text) ? Classification(.rateLimit, transient: true) : byStatus
    }

    static func byCode(_ code: String) -> Classification? {
        if let known = codes[code] { return known }
        if code.hasPrefix("OAUTH_") { return Classification(.authentication) }
        if code.hasPrefix("LICENSE_") {
            return Classification(code.hasSuffix("_LIMIT_EXCEEDED") ? .quota(.licence) : .permission)
        }
        return nil
    }

    static func byStatus(_ status: Int) -> Classification {
        switch status {
        case 300..<400: Classification(.protocolViolation)
        case 400, 413, 414, 415, 422: Classification(.validation)
        case 401: Classification(.authentication)
        case 403: Classification(.permission)
        case 404, 410: Classification(.notFound)
        case 408: Classification(.timeout, transient: true)
        case 409: Classification(.conflict)
        case 425: Classification(.server, transient: true)
        case 429: Classification(.rateLimit, transient: true)
        case 501, 505: Classification(.server)
        case 500..<600: Classification(.server, transient: true)
        default: Classification(.api)
        }
    }

    /// Quota errors of ad platforms arrive as query errors; only their text tells.
    private static func soundsLikeRateLimit(_ text: String) -> Bool {
        let text = text.lowercased()
        let signs = [
            "rate limit", "ratelimit", "too many requests", "too many calls", "request limit reached", "throttl",
            "quota exceeded", "exceeded your quota", "user request limit",
        ]
        return signs.contains { text.contains($0) }
    }

    private static let codes: [String: Classification] = {
        var codes: [String: Classification] = [:]
        func add(_ classification: Classification, _ names: String) {
            for name in names.split(whereSeparator: \.isWhitespace) { codes[String(name)] = classification }
        }
        add(
            Classification(.authentication),
            """
            UNAUTHORIZED ACCESS_TOKEN_INVALID ACCESS_TOKEN_EXPIRED INVALID_TOKEN API_KEY_INVALID API_KEY_REQUIRED
            invalid_grant invalid_token invalid_client unauthorized_client
            """
        )
        add(
            Classification(.permission),
            """
            FORBIDDEN ACCESS_DENIED ACCESS_DENIED_IP ACCESS_DENIED_PERMISSIONS API_KEY_DISABLED PERMISSION_ERROR
            LINK_LIMIT_EXCEEDED insufficient_scope access_denied
            """
        )
        add(
            Classification(.validation),
            """
            BAD_REQUEST INVALID_PARAMETER VALIDATION_ERROR ACCOUNT_FILTER_INVALID ACCOUNT_FILTER_PATTERN_INVALID
            ACCOUNT_ID_INVALID ACCOUNT_REQUIRED ACCOUNTS_INVALID COMPARE_START_DATE_INVALID COMPARE_START_DATE_REQUIRED
            COMPARE_END_DATE_INVALID COMPARE_END_DATE_REQUIRED URL_INCOMPLETE UNPROCESSABLE_ENTITY
            UNPROCESSABLE_CONTENT invalid_request
            """
        )
        add(
            Classification(.notFound),
            """
            STATUS_NOT_FOUND NOT_FOUND LOGIN_NOT_FOUND LINK_NOT_FOUND CONNECTOR_NOT_FOUND SECRET_NOT_FOUND
            LOG_NOT_FOUND LIST_NOT_FOUND
            """
        )
        add(Classification(.conflict), "CONFLICT_ERROR")
        add(Classification(.rateLimit, transient: true), "TOO_MANY_REQUESTS")
        add(Classification(.quota(.daily)), "LICENSE_DAILY_QUERY_LIMIT_EXCEEDED")
        add(Classification(.quota(.monthly)), "API_ROW_QUOTA_EXCEEDED")
        add(Classification(.quota(.licence)), "LICENSE_QUERIES_SUSPENDED")
        add(Classification(.query), "QUERY_ACCOUNT_UNAVAILABLE")
        add(
            Classification(.server, transient: true),
            """
            INTERNAL_SERVER_ERROR LINK_UPDATE_FAILED LOGIN_SEARCH_FAILED DUPLICATION_FAILED SERVICE_UNAVAILABLE
            """
        )
        return codes
    }()

    static func advice(for kind: SupermetricsError.Kind, code: String?, retryAfter: Duration?) -> String? {
        switch kind {
        case .authentication: "check the API key or token, and that it was not disabled"
        case .permission where code == "ACCESS_DENIED_IP": "call from an address on the key's allow-list"
        case .permission where code?.hasPrefix("LICENSE_") == true: "the licence does not cover this; ask its owner"
        case .permission: "give the key or its user the permission this call needs"
        case .validation: "correct the request"
        case .notFound where code == "STATUS_NOT_FOUND": "run the query again: results are kept for an hour"
        case .notFound: "check the id"
        case .rateLimit:
            "try again \(retryAfter.map { "in \($0.components.seconds) s" } ?? "later"), or send fewer requests"
        case .quota(.daily): "try again tomorrow"
        case .quota(.monthly): "the monthly row quota is used up: wait for the new month or raise it"
        case .quota(.licence): "the licence's limit is reached; ask its owner"
        case .query where code == "QUERY_ACCOUNT_UNAVAILABLE": "check that a login still reaches the account"
        case .api where code == "QUERY_ERROR": "the data source failed or refused it: run again later, or ask for less"
        case .server: "try again later"
        default: nil
        }
    }
}
