import ArgumentParser
import Foundation
import SupermetricsAPI

/// Transfers: `sluice transfers`.
struct TransfersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfers",
        abstract: "What Supermetrics loads into its warehouse destinations.",
        discussion: """
            Example:
              sluice transfers list --team 1
            """,
        subcommands: [List.self, Get.self, Runs.self, Run.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the transfers of a team.",
            discussion: """
                Example:
                  sluice transfers list --team 1
                """
        )

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.transfers.list(teamID: team)
            } shown: {
                .list($0, columns: "dwh_transfer_id", "display_name", "state", "status", "schedule", "run_date")
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a transfer with its configuration.",
            discussion: """
                Example:
                  sluice transfers get 2 --team 1
                """
        )

        @Argument(help: ArgumentHelp("The transfer.", valueName: "transfer-id"))
        var id: Int

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.transfers.get(teamID: team, transferID: id)
            } shown: {
                .one($0)
            }
        }
    }

    struct Runs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "runs",
            abstract: "Lists runs of a transfer.",
            discussion: """
                Example:
                  sluice transfers runs 2 --team 1 --start-date 2024-01-01 \\
                      --end-date 2024-01-31 --filter-issues-only
                """
        )

        @Argument(help: ArgumentHelp("The transfer.", valueName: "transfer-id"))
        var id: Int

        @Option(help: ArgumentHelp("First day.", valueName: "YYYY-MM-DD"), transform: Reading.day)
        var startDate: CalendarDay

        @Option(help: ArgumentHelp("Last day, included.", valueName: "YYYY-MM-DD"), transform: Reading.day)
        var endDate: CalendarDay

        @Flag(help: "Only runs with issues.")
        var filterIssuesOnly = false

        @Option(
            help: ArgumentHelp("created_time, ended_time or data_date.", valueName: "field"),
            transform: Reading.word
        )
        var sortField: TransferRunSortField?

        @Option(help: ArgumentHelp("ASC or DESC.", valueName: "direction"), transform: Reading.word)
        var sortDirection: SortDirection?

        @Option(help: ArgumentHelp("How many runs at most, 1 to 10000.", valueName: "n"))
        var limit: Int?

        @Option(help: ArgumentHelp("How many runs to skip.", valueName: "n"))
        var offset: Int?

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.transferRuns.list(
                    teamID: team,
                    transferID: id,
                    startDate: startDate.start,
                    endDate: endDate.advanced(by: 1).start.addingTimeInterval(-1),
                    filterIssuesOnly: filterIssuesOnly ? true : nil,
                    sortField: sortField,
                    sortDirection: sortDirection,
                    limit: limit,
                    offset: offset
                )
            } shown: {
                .list(
                    $0,
                    columns: "id",
                    "type",
                    "status",
                    "data_date",
                    "created_time",
                    "ended_time",
                    "total_rows",
                    "message"
                )
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Shows a run with its queries.",
            discussion: """
                Example:
                  sluice transfers run 815 --team 1
                """
        )

        @Argument(help: ArgumentHelp("The run.", valueName: "transfer-run-id"))
        var id: Int

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.transferRuns.get(teamID: team, transferRunID: id)
            } shown: {
                .one($0)
            }
        }
    }
}

/// Data source connections: `sluice connections`.
struct ConnectionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connections",
        abstract: "Data source connections, which transfers are built on.",
        discussion: """
            Example:
              sluice connections create --team 1 --data-source-id ADM \\
                  --destination-type SQL_BQ
            """,
        subcommands: [Create.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Creates a data source connection.",
            discussion: """
                Example:
                  sluice connections create --team 1 --data-source-id ADM \\
                      --destination-type SQL_BQ --yes
                """
        )

        @Option(help: ArgumentHelp("Data source, such as ADM.", valueName: "id"))
        var dataSourceID: String

        @Option(help: ArgumentHelp("Kind of destination, such as SQL_BQ or DWH_SNOWFLAKE.", valueName: "type"))
        var destinationType: String

        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            let question = confirmation.question(
                "Create a connection of \(dataSourceID) to \(destinationType) in team \(team)?"
            )
            try await options.run(asking: question) { client in
                client.dataSourceConnections.create(
                    teamID: team,
                    dataSourceID: dataSourceID,
                    destinationType: destinationType
                )
            } shown: {
                .one($0)
            }
        }
    }
}
