public import ArgumentParser
import Jobs
public import Sandbox

/// The flags of `sluice sandbox` that shape transfers and their backfills.
struct SandboxBackfillFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Warehouse transfers of the team; their ids begin at 101.", valueName: "n"))
    var transfers: Int?

    @Option(help: ArgumentHelp("From the creation of a backfill to its first run, such as 2s.", valueName: "time"))
    var backfillQueueTime: String?

    @Option(help: ArgumentHelp("How long the run of one day takes, such as 100ms.", valueName: "time"))
    var backfillDayTime: String?

    @Option(help: ArgumentHelp("Runs of one backfill at a time, newest day first.", valueName: "n"))
    var backfillRuns: Int?

    @Option(
        help: ArgumentHelp(
            "What happens when the turn of a day comes, KIND@[TRANSFER/]DAYS[:COUNTx]: KIND is fail, stuck, cancel or "
                + "remove (both by somebody else); DAYS a day, a range A..B or a share of all days from 0 to 1; with "
                + "COUNTx only the first so many times. fail@2024-01-05:1x, stuck@101/2024-02-01, fail@0.02:2x; may be "
                + "repeated.",
            valueName: "event"
        )
    )
    var backfillDay: [String] = []

    @Option(help: ArgumentHelp("Status of a refused overlap: 422, 400 or 409.", valueName: "status"))
    var backfillOverlapStatus: Int?

    @Flag(help: "A FAILED backfill blocks its range until it is cancelled.")
    var backfillFailedBlocks = false

    @Flag(help: "A backfill with failed runs ends as COMPLETED all the same.")
    var backfillFailedCompletes = false

    @Option(help: ArgumentHelp("Most days of one backfill the licence allows.", valueName: "n"))
    var backfillMaxDays: Int?

    @Option(help: ArgumentHelp("How many days back the licence reaches.", valueName: "n"))
    var backfillHistoryDays: Int?

    @Option(help: ArgumentHelp("Most backfills in the list of incomplete ones.", valueName: "n"))
    var backfillListLimit: Int?

    @Option(help: "What error_report says of failed runs.")
    var backfillErrorReport: BackfillOptions.ErrorReport?

    @Option(help: "When transfer_runs_total is known: at once, late (0 until the first run), or never (zero).")
    var backfillTotal: BackfillOptions.Total?

    @Flag(help: "Counters of backfills do not add up.")
    var backfillCountersDrift = false

    @Option(help: ArgumentHelp("A field left out of every backfill; may be repeated.", valueName: "field"))
    var backfillOmit: [String] = []

    @Option(
        help: ArgumentHelp("Another word for a status, such as RUNNING=PROCESSING; may be repeated.", valueName: "a=b")
    )
    var backfillStatus: [String] = []

    @Option(help: "Which time of a transfer run start_date and end_date of the list are about.")
    var runFilter: BackfillOptions.RunFilter?

    /// Applies the flags given; fails with exit code 2 and the flag's name on a value that cannot be used.
    func apply(to options: inout SandboxOptions) throws {
        if let transfers {
            guard (1...100_000).contains(transfers) else {
                throw CommandFailure(.usage, "--transfers \(transfers) is not a number from 1 to 100000")
            }
            options.transferIDs = (0..<transfers).map { 101 + $0 }
        }
        var backfills = BackfillOptions()
        if let backfillQueueTime {
            backfills.queueTime = try SandboxCommand.duration(backfillQueueTime, "--backfill-queue-time")
        }
        if let backfillDayTime {
            backfills.dayTime = try SandboxCommand.duration(backfillDayTime, "--backfill-day-time")
        }
        if let backfillRuns { backfills.parallelRuns = backfillRuns }
        backfills.dayEvents = try backfillDay.map { text in
            do { return try DayEvent(parsing: text) } catch {
                throw CommandFailure(.usage, "--backfill-day: \(error)")
            }
        }
        if let backfillOverlapStatus {
            guard [400, 409, 422].contains(backfillOverlapStatus) else {
                throw CommandFailure(
                    .usage,
                    "--backfill-overlap-status \(backfillOverlapStatus) is not 422, 400 or 409"
                )
            }
            backfills.overlapStatus = backfillOverlapStatus
        }
        backfills.failedBlocks = backfillFailedBlocks
        backfills.failedRunsFail = !backfillFailedCompletes
        if let backfillMaxDays { backfills.maximumDays = backfillMaxDays }
        backfills.historyDays = backfillHistoryDays
        if let backfillListLimit { backfills.listLimit = backfillListLimit }
        if let backfillErrorReport { backfills.errorReport = backfillErrorReport }
        if let backfillTotal { backfills.total = backfillTotal }
        backfills.countersDrift = backfillCountersDrift
        backfills.omittedFields = Set(backfillOmit)
        for text in backfillStatus {
            let words = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 2 else {
                throw CommandFailure(.usage, "--backfill-status '\(text)' is not of the form RUNNING=PROCESSING")
            }
            backfills.statusNames[words[0]] = words[1]
        }
        if let runFilter { backfills.runFilter = runFilter }
        options.backfills = backfills
    }
}

extension BackfillOptions.ErrorReport: ExpressibleByArgument {}
extension BackfillOptions.Total: ExpressibleByArgument {}
extension BackfillOptions.RunFilter: ExpressibleByArgument {}
extension ErrorShape: ExpressibleByArgument {}
