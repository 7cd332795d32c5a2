import FoundationEssentials

/// A login: somebody's authentication with a data source.
struct DataSourceLogin: Sendable {
    var id: String
    var sourceID: String
    var sourceName: String
    var username: String
    var displayName: String
    var authTime: Date
    var revokedTime: Date?
    var accounts: [DataSource.Account]

    /// The id of the login of this user, which authenticating again does not change.
    static func id(sourceID: String, username: String) -> String {
        "dsl_" + HexText.word(digest(sourceID + "\n" + username))
    }
}

/// An invitation to authenticate with a data source (Supermetrics API: login links).
struct LoginLink: Sendable {
    var id: String
    var sourceID: String
    var sourceName: String
    var description: String
    var requiredUsername: String?
    var redirectURL: String?
    var redirectVerifier: String?
    var createdTime: Date
    var expiryTime: Date
    var isClosed = false
    var login: (id: String, username: String, time: Date)?

    /// A link that was used is closed too.
    func status(_ now: Date) -> String {
        isClosed || login != nil ? "CLOSED" : now < expiryTime ? "OPEN" : "EXPIRED"
    }
}

/// The logins and login links of a sandbox: those of the catalogue and what requests made of them.
struct LoginTable {
    /// The most links the list holds.
    static let listLimit = 1000

    private var added: [String: DataSourceLogin] = [:]
    private var revoked: [String: Date] = [:]
    /// In the order of creation.
    private(set) var links: [LoginLink] = []

    /// Every login, revoked ones too: those of the catalogue first, then the others by id.
    func logins(_ catalog: Catalog) -> [DataSourceLogin] {
        let own = catalog.sources.flatMap { source in
            source.logins.map { login in
                let id = DataSourceLogin.id(sourceID: source.id, username: login.user)
                return added[id]
                    ?? DataSourceLogin(
                        id: id,
                        sourceID: source.id,
                        sourceName: source.name,
                        username: login.user,
                        displayName: login.displayName,
                        authTime: Date(timeIntervalSince1970: 1_672_567_200),
                        accounts: login.accounts
                    )
            }
        }
        let ownIDs = Set(own.map(\.id))
        let others = added.values.filter { !ownIDs.contains($0.id) }.sorted { $0.id < $1.id }
        return (own + others).map { login in
            var login = login
            login.revokedTime = revoked[login.id]
            return login
        }
    }

    /// Revokes a login; gives whether it was not revoked before.
    mutating func revoke(_ id: String, now: Date) -> Bool {
        guard revoked[id] == nil else { return false }
        revoked[id] = now
        return true
    }

    mutating func add(_ link: LoginLink) { links.append(link) }

    /// The place of a link, for `update`.
    func place(_ id: String) -> Int? { links.firstIndex { $0.id == id } }

    mutating func update(_ place: Int, _ change: (inout LoginLink) -> Void) { change(&links[place]) }

    /// Completes the authentication a link invites to; nil when the link cannot be used, or not by this user.
    mutating func use(_ linkID: String, username: String?, now: Date, _ catalog: Catalog) -> LoginLink? {
        guard let place = place(linkID), links[place].status(now) == "OPEN" else { return nil }
        let link = links[place]
        let user = username ?? link.requiredUsername ?? "user@example.com"
        guard link.requiredUsername == nil || link.requiredUsername == user else { return nil }
        let id = DataSourceLogin.id(sourceID: link.sourceID, username: user)
        var login =
            logins(catalog).first { $0.id == id }
            ?? DataSourceLogin(
                id: id,
                sourceID: link.sourceID,
                sourceName: link.sourceName,
                username: user,
                displayName: user,
                authTime: now,
                accounts: catalog.source(link.sourceID)?.logins.first?.accounts ?? []
            )
        login.authTime = now
        added[id] = login
        revoked[id] = nil
        links[place].login = (id, user, now)
        return links[place]
    }
}
