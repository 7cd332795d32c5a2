import ArgumentParser
import SupermetricsAPI

/// Logins: `sluice logins`.
struct LoginsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logins",
        abstract: "The access to data sources that people gave.",
        discussion: """
            Example:
              sluice logins list
            """,
        subcommands: [List.self, Get.self, AccountsOfLogin.self, Revoke.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the logins.",
            discussion: """
                Example:
                  sluice logins list --username ana@example.com
                """
        )

        @Option(help: ArgumentHelp("Only the login of this user name; case counts.", valueName: "username"))
        var username: String?

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.logins.list()
            } shown: { logins in
                .list(
                    logins.filter { username == nil || $0.username == username },
                    columns: "login_id",
                    "ds_info.ds_id",
                    "ds_info.name",
                    "username",
                    "display_name",
                    "auth_time",
                    "expiry_time",
                    "is_shared"
                )
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a login with its scopes.",
            discussion: """
                Example:
                  sluice logins get dsl_1234
                """
        )

        @Argument(help: ArgumentHelp("The login.", valueName: "login-id"))
        var id: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.logins.get(loginID: id)
            } shown: {
                .one($0)
            }
        }
    }

    struct AccountsOfLogin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "accounts",
            abstract: "Lists the accounts a login reaches.",
            discussion: """
                Example:
                  sluice logins accounts dsl_1234 --limit 1000
                """
        )

        @Argument(help: ArgumentHelp("The login.", valueName: "login-id"))
        var id: String

        @Option(help: ArgumentHelp("How many accounts to skip.", valueName: "n"))
        var offset = 0

        @Option(help: ArgumentHelp("How many accounts at most, 1 to 1000.", valueName: "n"))
        var limit = 100

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.logins.getAccounts(loginID: id, offset: offset, limit: limit)
            } shown: {
                .list($0.accounts, columns: "account_id", "name", "group")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Revokes a login: queries and transfers that use it fail from then on.",
            discussion: """
                Example:
                  sluice logins revoke dsl_1234 --yes
                """
        )

        @Argument(help: ArgumentHelp("The login.", valueName: "login-id"))
        var id: String

        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let question = confirmation.question("Revoke login \(id)? Only its owner can give the access again.")
            try await options.run(asking: question) { client in
                client.logins.revoke(loginID: id)
            } shown: {
                .one(["login_id": .string(id), "result": .bool($0)])
            }
        }
    }
}
