import ArgumentParser
import Foundation
import SupermetricsAPI

/// What can be queried: `sluice accounts`.
struct AccountsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts",
        abstract: "The accounts of data sources.",
        discussion: """
            Example:
              sluice accounts list --ds-id AW
            """,
        subcommands: [List.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the accounts of a data source.",
            discussion: """
                Example:
                  sluice accounts list --ds-id AW --ds-users ana@example.com --output csv
                """
        )

        @OptionGroup var discovery: DiscoveryOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.accounts.list(
                    dsID: discovery.dsID,
                    loginUsernames: discovery.usernames,
                    cacheMinutes: discovery.cacheMinutes
                )
            } shown: {
                let accounts = $0.accounts.map { $0.json.with("ds_user", $0.loginUsername) }
                return .list(accounts, columns: ["account_id", "account_name", "group_name", "ds_user"])
            }
        }
    }
}

/// What queries can be limited to: `sluice segments`.
struct SegmentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segments",
        abstract: "The segments of data sources.",
        discussion: """
            Example:
              sluice segments list --ds-id GAWA
            """,
        subcommands: [List.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the segments of a data source.",
            discussion: """
                Example:
                  sluice segments list --ds-id GAWA --output ndjson
                """
        )

        @OptionGroup var discovery: DiscoveryOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.segments.list(
                    dsID: discovery.dsID,
                    loginUsernames: discovery.usernames,
                    cacheMinutes: discovery.cacheMinutes
                )
            } shown: {
                let segments = $0.segments.map { $0.json.with("ds_user", $0.loginUsername) }
                return .list(segments, columns: ["segment_id", "segment_name", "ds_user"])
            }
        }
    }
}

/// What queries can ask for: `sluice fields`.
struct FieldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "The fields of data sources.",
        discussion: """
            Example:
              sluice fields list --ds-id AW
            """,
        subcommands: [List.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the fields of a data source.",
            discussion: """
                Accounts add their custom fields; they need the logins that reach them.

                Example:
                  sluice fields list --ds-id AW --ds-accounts 123-456-7890 \\
                      --ds-users ana@example.com
                """
        )

        @Option(help: ArgumentHelp("Data source, such as AW.", valueName: "id"))
        var dsID: String

        @Option(
            help: ArgumentHelp(
                "Accounts whose custom fields are wanted too, separated by commas; may be repeated.",
                valueName: "ids"
            )
        )
        var dsAccounts: [String] = []

        @Option(
            help: ArgumentHelp("Logins that reach them, separated by commas; may be repeated.", valueName: "usernames")
        )
        var dsUsers: [String] = []

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.fields.list(
                    dsID: dsID,
                    accounts: DiscoveryOptions.split(dsAccounts),
                    loginUsernames: DiscoveryOptions.split(dsUsers)
                )
            } shown: {
                .list(
                    $0,
                    columns: "field_id",
                    "field_name",
                    "field_type",
                    "data_type",
                    "group_name",
                    "is_filterable",
                    "is_non_aggregatable"
                )
            }
        }
    }
}

/// Flags of listing accounts and segments.
struct DiscoveryOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Data source, such as AW or GAWA.", valueName: "id"))
    var dsID: String

    @Option(
        help: ArgumentHelp(
            "Only what these logins reach, separated by commas; may be repeated.",
            valueName: "usernames"
        )
    )
    var dsUsers: [String] = []

    @Option(help: ArgumentHelp("Oldest cached list that will do, 60 to 1440.", valueName: "n"))
    var cacheMinutes: Int?

    var usernames: [String] { Self.split(dsUsers) }

    /// The parts of texts with commas.
    static func split(_ texts: [String]) -> [String] {
        texts.flatMap { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
    }
}

extension JSONObject {
    /// The object with one more member.
    func with(_ name: String, _ text: String?) -> JSONObject {
        var object = self
        object[name] = text.map(JSONValue.string)
        return object
    }
}
