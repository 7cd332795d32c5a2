import ArgumentParser
import SupermetricsAPI

/// Login links: `sluice login-links`.
struct LoginLinksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login-links",
        abstract: "Links at which a person connects a data source.",
        discussion: """
            Example:
              sluice login-links create --ds-id GAWA --description "Analytics of the shop"
            """,
        subcommands: [Create.self, Get.self, List.self, Update.self, Close.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Creates a link and shows the address to follow.",
            discussion: """
                Example:
                  sluice login-links create --ds-id GAWA --expiry-time '10 hours' \\
                      --require-username ana@example.com
                """
        )

        @Option(help: ArgumentHelp("Data source, such as GAWA.", valueName: "id"))
        var dsID: String

        @Option(help: ArgumentHelp("A note; whoever follows the link does not see it.", valueName: "text"))
        var description: String?

        @Option(
            help: ArgumentHelp(
                "When the link ends: 2025-01-31T12:00:00Z, or a time from now such as '10 hours'; by default in 24 hours.",
                valueName: "time"
            )
        )
        var expiryTime: String?

        @Option(help: ArgumentHelp("The only user name that may log in.", valueName: "username"))
        var requireUsername: String?

        @Option(help: ArgumentHelp("Where the person is sent afterwards.", valueName: "url"))
        var redirectURL: String?

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.loginLinks.create(
                    dsID: dsID,
                    description: description,
                    expiryTime: expiryTime.map { .after($0) },
                    requireUsername: requireUsername,
                    redirectURL: redirectURL
                )
            } shown: {
                .one($0)
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a link, and the login that came of it.",
            discussion: """
                Example:
                  sluice login-links get LINK_ID --output json
                """
        )

        @Argument(help: ArgumentHelp("The link.", valueName: "link-id"))
        var id: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.loginLinks.get(linkID: id)
            } shown: {
                .one($0)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the links.",
            discussion: """
                Example:
                  sluice login-links list --output csv
                """
        )

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.loginLinks.list()
            } shown: {
                .list(
                    $0,
                    columns: "link_id",
                    "status_code",
                    "ds_id",
                    "description",
                    "expiry_time",
                    "login_username",
                    "login_url"
                )
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "update",
            abstract: "Changes the note of a link.",
            discussion: """
                Example:
                  sluice login-links update LINK_ID --description "for Ana"
                """
        )

        @Argument(help: ArgumentHelp("The link.", valueName: "link-id"))
        var id: String

        @Option(help: ArgumentHelp("The new note; an empty one clears it.", valueName: "text"))
        var description: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.loginLinks.update(linkID: id, description: description.isEmpty ? .clear : .set(description))
            } shown: {
                .one($0)
            }
        }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "close",
            abstract: "Closes a link, so that nobody can follow it any more.",
            discussion: """
                Example:
                  sluice login-links close LINK_ID --yes
                """
        )

        @Argument(help: ArgumentHelp("The link.", valueName: "link-id"))
        var id: String

        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run(asking: confirmation.question("Close login link \(id)?")) { client in
                client.loginLinks.close(linkID: id)
            } shown: {
                .one($0?.json ?? ["link_id": .string(id), "status_code": "CLOSED"])
            }
        }
    }
}
