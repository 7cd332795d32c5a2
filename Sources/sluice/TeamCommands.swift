import ArgumentParser
import SupermetricsAPI

/// Data sources: `sluice data-sources`.
struct DataSourcesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data-sources",
        abstract: "What data sources are and need.",
        discussion: """
            Example:
              sluice data-sources get AW --team 1
            """,
        subcommands: [Get.self]
    )

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows what a data source is and needs.",
            discussion: """
                Example:
                  sluice data-sources get AW --team 1 --output json
                """
        )

        @Argument(help: ArgumentHelp("The data source, such as AW.", valueName: "ds-id"))
        var id: String

        @Option(help: ArgumentHelp("The product to describe it for, such as XPLD.", valueName: "id"))
        var smAppID: String?

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.dataSourceDetails.get(teamID: team, dataSourceID: id, smAppID: smAppID)
            } shown: {
                .one($0)
            }
        }
    }
}

/// Teams: `sluice teams`.
struct TeamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teams",
        abstract: "Teams and who is in them.",
        discussion: """
            Example:
              sluice teams get --team 1
            """,
        subcommands: [Get.self, Users.self]
    )

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a team.",
            discussion: """
                Example:
                  sluice teams get --team 1
                """
        )

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.teams.get(teamID: team)
            } shown: {
                .one($0)
            }
        }
    }

    struct Users: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "users",
            abstract: "Lists who is in a team.",
            discussion: """
                Example:
                  sluice teams users --team 1 --output csv
                """
        )

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.teams.listUsers(teamID: team)
            } shown: {
                .list($0, columns: "user_id", "email", "first_name", "last_name", "role", "created_at")
            }
        }
    }
}

/// Connectors a team built: `sluice connectors`.
struct ConnectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connectors",
        abstract: "Connectors a team built itself.",
        discussion: """
            Example:
              sluice connectors list --team 1
            """,
        subcommands: [List.self, Get.self, Create.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the connectors of a team.",
            discussion: """
                Example:
                  sluice connectors list --team 1 --include-configs --output json
                """
        )

        @Flag(help: "With the configuration of each.")
        var includeConfigs = false

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.connectors.list(teamID: team, includeConfigs: includeConfigs)
            } shown: {
                .list($0, columns: "connector_identifier", "name", "description", "created_at", "updated_at")
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a connector with its configuration.",
            discussion: """
                Example:
                  sluice connectors get T3S70 --team 1
                """
        )

        @Argument(help: ArgumentHelp("The connector.", valueName: "connector-identifier"))
        var id: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.connectors.get(teamID: team, connectorIdentifier: id)
            } shown: {
                .one($0)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Creates a connector, which can be used at once.",
            discussion: """
                Example:
                  sluice connectors create --team 1 --title "Shop orders" \\
                      --connector-identifier T3S70 --yes
                """
        )

        @Option(help: ArgumentHelp("Name for people.", valueName: "text"))
        var title: String

        @Option(help: ArgumentHelp("What it is.", valueName: "text"))
        var description: String?

        @Option(help: ArgumentHelp("A connector to copy the configuration of.", valueName: "id"))
        var connectorIdentifier: String?

        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            let question = confirmation.question("Create the connector \"\(title)\" in team \(team)?")
            try await options.run(asking: question) { client in
                client.connectors.create(
                    teamID: team,
                    title: title,
                    description: description,
                    connectorIdentifier: connectorIdentifier
                )
            } shown: {
                .one($0)
            }
        }
    }
}
