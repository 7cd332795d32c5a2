import FoundationEssentials
import NIOHTTP1

/// `/ds/login/link` and `/ds/login/links` (Supermetrics API: login links).
enum LoginLinkEndpoints {
    static let routes: [Route] = [
        .strict(
            "POST",
            "/ds/login/link",
            prefixes: Route.queryPrefixes,
            parameters: ["ds_id", "description", "expiry_time", "require_username", "redirect_url"],
            phase: .create,
            handler: create
        ),
        .strict("GET", "/ds/login/links", prefixes: Route.queryPrefixes, handler: list),
        .strict("GET", "/ds/login/link/{link_id}", prefixes: Route.queryPrefixes) { exchange in
            try changed(exchange) { _ in }
        },
        .strict(
            "PATCH",
            "/ds/login/link/{link_id}",
            prefixes: Route.queryPrefixes,
            parameters: ["description"],
            phase: .change
        ) { exchange in
            let description = try reader(exchange).text("description", limit: 1000)
            // Null clears it; without it nothing changes.
            let isGiven = exchange.parameters.values["description"] != nil
            return try changed(exchange) { if isGiven { $0.description = description ?? "" } }
        },
        .strict("PUT", "/ds/login/link/{link_id}/close", prefixes: Route.queryPrefixes, phase: .change) { exchange in
            try changed(exchange) { $0.isClosed = true }
        },
        .strict("GET", "/sandbox/login/{link_id}", parameters: ["username"], area: .sandbox, handler: authenticate),
    ]

    private static func reader(_ exchange: Exchange) -> StrictReader {
        StrictReader(parameters: exchange.parameters, status: 422)
    }

    @Sendable private static func create(_ exchange: Exchange) async throws -> Answer {
        let reader = reader(exchange)
        let sourceID = try reader.requiredText("ds_id", limit: 50)
        guard let source = Catalog(exchange.options).source(sourceID) else {
            throw reader.refusal("ds_id", "data source '\(sourceID)' does not exist.")
        }
        let now = exchange.options.now()
        let redirect = try reader.text("redirect_url", limit: 500)
        if let redirect, !redirect.hasPrefix("https://"), !redirect.hasPrefix("http://") {
            throw reader.refusal("redirect_url", "must be an http or https URL.")
        }
        let number = exchange.service.makeNumber()
        let link = LoginLink(
            id: "link_" + HexText.word(mix(exchange.options.seed, number)),
            sourceID: source.id,
            sourceName: source.name,
            description: try reader.text("description", limit: 1000) ?? "",
            requiredUsername: try reader.text("require_username", limit: 255),
            redirectURL: redirect,
            redirectVerifier: redirect.map { HexText.word(digest("\($0) \(number)")) },
            createdTime: now,
            expiryTime: try expiry(reader, now: now)
        )
        let limit = exchange.options.loginLinkLimit
        let isAdded = exchange.service.withLogins { table, now in
            guard table.links.count(where: { $0.status(now) == "OPEN" }) < limit else { return false }
            table.add(link)
            return true
        }
        guard isAdded else {
            throw APIFailure(403, "LINK_LIMIT_EXCEEDED", "There are \(limit) open login links.").shaped(.string)
        }
        var answer = exchange.enveloped(report(link, exchange), status: .created)
        answer.headers.add(
            name: "Location",
            value: "\(exchange.service.baseURL)\(exchange.request.path)/\(link.id)"
        )
        return answer
    }

    /// A point in time, or a number of minutes, hours, days or weeks from now; a day by default.
    private static func expiry(_ reader: StrictReader, now: Date) throws(APIFailure) -> Date {
        guard let text = try reader.text("expiry_time", limit: 50) else { return now.addingTimeInterval(86_400) }
        if let date = DateText.instant(text) {
            guard date > now else { throw reader.refusal("expiry_time", "is in the past.") }
            return date
        }
        let words = text.drop { $0 == "+" }.split(separator: " ")
        let units = ["minute": 60, "hour": 3600, "day": 86_400, "week": 604_800]
        guard words.count == 2, let count = Int(words[0]), (1...100_000).contains(count),
            let unit = units[String(words[1].hasSuffix("s") ? words[1].dropLast() : words[1])]
        else { throw reader.refusal("expiry_time", "is neither a date and time nor a time such as 10 hours.") }
        return now.addingTimeInterval(Double(count * unit))
    }

    @Sendable private static func list(_ exchange: Exchange) async throws -> Answer {
        let links = exchange.service.withLogins { table, _ in table.links.suffix(LoginTable.listLimit).reversed() }
        return exchange.enveloped(.array(links.map { report($0, exchange) }))
    }

    /// The link of the path, after a change.
    private static func changed(_ exchange: Exchange, _ change: (inout LoginLink) -> Void) throws -> Answer {
        let id = exchange.segments["link_id"] ?? ""
        let link = exchange.service.withLogins { table, _ -> LoginLink? in
            guard let place = table.place(id) else { return nil }
            table.update(place, change)
            return table.links[place]
        }
        guard let link else {
            throw APIFailure(404, "LINK_NOT_FOUND", "The login link does not exist.").shaped(.string)
        }
        return exchange.enveloped(report(link, exchange))
    }

    /// What a browser does at the link's `login_url`: the sandbox asks for no password.
    @Sendable private static func authenticate(_ exchange: Exchange) async throws -> Answer {
        let id = exchange.segments["link_id"] ?? ""
        guard let link = exchange.service.useLoginLink(id, username: exchange.parameters.text("username")) else {
            throw APIFailure(403, "ACCESS_DENIED", "The login link is unknown, closed, expired or for somebody else.")
        }
        guard let redirect = link.redirectURL else {
            return exchange.bare(["result": true, "login_id": .text(link.login?.id)])
        }
        var answer = Answer(status: .found, body: [])
        let verifier = "redirect_verifier=\(link.redirectVerifier ?? "")"
        answer.headers.add(name: "Location", value: redirect + (redirect.contains("?") ? "&" : "?") + verifier)
        return answer
    }

    private static func report(_ link: LoginLink, _ exchange: Exchange) -> JSONValue {
        [
            "link_id": .string(link.id),
            "status_code": .string(link.status(exchange.options.now())),
            "description": .string(link.description),
            "ds_id": .string(link.sourceID),
            "ds_name": .string(link.sourceName),
            "require_username": .text(link.requiredUsername),
            "redirect_url": .text(link.redirectURL),
            "redirect_verifier": .text(link.redirectVerifier),
            "user_id": .string(Team.owner.reference["user_id"]?.scalarText ?? ""),
            "user_email": .string(Team.owner.email),
            "login_url": .string("\(exchange.service.baseURL)/sandbox/login/\(link.id)"),
            "created_time": .string(DateText.iso(link.createdTime)),
            "expiry_time": .string(DateText.iso(link.expiryTime)),
            "login_id": .text(link.login?.id),
            "login_time": .text(link.login.map { DateText.iso($0.time) }),
            "login_username": .text(link.login?.username),
        ]
    }
}

extension SandboxService {
    /// Completes the authentication a login link invites to.
    func useLoginLink(_ id: String, username: String?) -> LoginLink? {
        let catalog = Catalog(options)
        return withLogins { table, now in table.use(id, username: username, now: now, catalog) }
    }
}
