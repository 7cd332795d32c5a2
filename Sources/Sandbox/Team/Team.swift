import FoundationEssentials

/// The people of the sandbox's team.
enum Team {
    struct Member: Sendable {
        var id: Int
        var email: String
        var firstName: String
        var lastName: String
        /// The API mixes the case of roles.
        var role: String

        /// How a login names its user.
        var reference: [String: JSONValue] {
            ["@type": "user", "user_id": .string("usr_\(id)"), "email": .string(email)]
        }
    }

    /// The user of the key.
    static let owner = Member(
        id: BackfillTable.keyUserID,
        email: "owner@example.com",
        firstName: "Olga",
        lastName: "Owner",
        role: "ADMIN"
    )
    static let members = [
        owner,
        Member(
            id: BackfillTable.otherUserID,
            email: "maija@example.com",
            firstName: "Maija",
            lastName: "Meikäläinen",
            role: "member"
        ),
    ]
    static let createdTime = Date(timeIntervalSince1970: 1_577_872_800)
}
