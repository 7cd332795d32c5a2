import ArgumentParser
import SupermetricsAPI

/// Supermetrics' own warehouse backfills: `sluice backfill`.
struct BackfillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Loads past days of Supermetrics' warehouse transfers again.",
        discussion: """
            Example:
              sluice backfill run --team 1 --transfer 2 --from 2023-01-01 --to 2023-12-31
            """,
        subcommands: [Run.self, Create.self, Get.self, Latest.self, List.self, Cancel.self, Watch.self]
    )

    /// Members of a backfill worth a column.
    private static let columns = [
        "transfer_backfill_id", "transfer_id", "status", "range_start_date", "range_end_date",
        "transfer_runs_completed", "transfer_runs_failed", "transfer_runs_total", "created_time",
    ]

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Creates a backfill of one transfer.",
            discussion: """
                The range must not share a day with a backfill of that transfer that is still at work.

                Example:
                  sluice backfill create --team 1 --transfer 2 --range-start 2024-01-01 \\
                      --range-end 2024-01-31
                """
        )

        @Option(help: ArgumentHelp("The transfer.", valueName: "id"))
        var transfer: Int

        @Option(
            name: [.long, .customLong("from")],
            help: ArgumentHelp("First day.", valueName: "YYYY-MM-DD"),
            transform: Reading.day
        )
        var rangeStart: CalendarDay

        @Option(
            name: [.long, .customLong("to")],
            help: ArgumentHelp("Last day, included.", valueName: "YYYY-MM-DD"),
            transform: Reading.day
        )
        var rangeEnd: CalendarDay

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.backfills.create(teamID: team, transferID: transfer, rangeStart: rangeStart, rangeEnd: rangeEnd)
            } shown: {
                .one($0)
            }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Shows a backfill.",
            discussion: """
                Example:
                  sluice backfill get 4711 --team 1
                """
        )

        @Argument(help: ArgumentHelp("The backfill.", valueName: "backfill-id"))
        var id: Int

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.backfills.get(teamID: team, backfillID: id)
            } shown: {
                .one($0)
            }
        }
    }

    struct Latest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "latest",
            abstract: "Shows the backfill of a transfer that was created last.",
            discussion: """
                Example:
                  sluice backfill latest --team 1 --transfer 2
                """
        )

        @Option(help: ArgumentHelp("The transfer.", valueName: "id"))
        var transfer: Int

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.backfills.getLatest(teamID: team, transferID: transfer)
            } shown: {
                .one($0)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the backfills of a team that are not complete.",
            discussion: """
                Newest first, at most 100: those that are created, scheduled, running or failed.

                Example:
                  sluice backfill list --team 1 --output csv
                """
        )

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run { client in
                client.backfills.listIncomplete(teamID: team)
            } shown: {
                .list($0.map(\.json), columns: columns)
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cancel",
            abstract: "Cancels a backfill.",
            discussion: """
                Runs that wait are cancelled, running ones finish; what was loaded stays.

                Example:
                  sluice backfill cancel 4711 --team 1 --yes
                """
        )

        @Argument(help: ArgumentHelp("The backfill.", valueName: "backfill-id"))
        var id: Int

        @OptionGroup var confirmation: ConfirmationOptions
        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            let team = try options.teamID()
            try await options.run(asking: confirmation.question("Cancel backfill \(id) of team \(team)?")) { client in
                client.backfills.cancel(teamID: team, backfillID: id)
            } shown: {
                .one($0)
            }
        }
    }
}
