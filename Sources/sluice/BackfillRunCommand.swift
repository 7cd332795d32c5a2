public import ArgumentParser
public import Backfill
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI

extension BackfillCommand {
    /// Coordinates the backfills of one or many transfers: `sluice backfill run`.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract:
                "Loads a range of days of transfers again, in chunks, and repeats what failed, however long it takes.",
            discussion: """
                Cuts the range into chunks, leaves out what active backfills cover, creates each when the one before has \
                ended, watches all, and creates backfills for just the days that failed. The journal makes it safe to \
                stop and to run again: no backfill is created twice, and days that are loaded stay so.

                Example:
                  sluice backfill run --team 1 --transfer 2 --from 2023-01-01 --to 2023-12-31 \\
                      --dry-run
                  sluice backfill run history.yaml --active 2 --max-runs-per-day 200 \\
                      --summary summary.json
                """
        )

        @Argument(
            help: ArgumentHelp("File with team, transfers and days; flags win over it.", valueName: "spec.yaml"),
            completion: .file()
        )
        var path: String?

        @Option(
            name: .customLong("transfer"),
            help: ArgumentHelp("A transfer; may be repeated. In place of the file's.", valueName: "id")
        )
        var transfers: [Int] = []

        @Option(help: ArgumentHelp("First day, such as 2023-01-01 or '90 days ago'.", valueName: "date"))
        var from: String?

        @Option(help: ArgumentHelp("Last day, included.", valueName: "date"))
        var to: String?

        @Option(help: ArgumentHelp("Days of one backfill: month, week or 'N days'; default month.", valueName: "size"))
        var chunk: String?

        @Option(help: "Which chunks come first; default newest.")
        var order: ChunkOrder?

        @Option(
            help: ArgumentHelp("Most transfers at work at a time, each with one backfill; default 4.", valueName: "n")
        )
        var active: Int?

        @Option(help: ArgumentHelp("How many times a failed day is loaded again; default 3.", valueName: "n"))
        var retries: Int?

        @Option(help: ArgumentHelp("Most days asked for per UTC day; default no limit.", valueName: "n"))
        var maxRunsPerDay: Int?

        @Option(
            help: ArgumentHelp(
                "First wait between looks at a backfill, growing sixfold; default 5s.",
                valueName: "time"
            )
        )
        var pollInterval: String?

        @Option(
            help: ArgumentHelp(
                "What is done and under way, for the next run; default beside the file, or backfill-….journal here.",
                valueName: "file"
            ),
            completion: .file()
        )
        var journal: String?

        @Option(help: ArgumentHelp("Create nothing more after so many minutes, and leave.", valueName: "n"))
        var maxMinutes: Double?

        @Flag(help: "Cancel the backfills this run created when it is interrupted.")
        var cancelOnInterrupt = false

        @Flag(help: "Backfills of others may be cancelled where they are in the way.")
        var yes = false

        @Flag(help: "Show what would be created, and create nothing.")
        var dryRun = false

        @Option(help: "Form of the table.")
        var output: OutputFormat = .table

        @OptionGroup var reports: ReportOptions
        @OptionGroup(title: "API") var connection: ConnectionOptions
        @OptionGroup(title: "Display") var display: DisplayOptions

        @concurrent func run() async throws {
            let started = Date()
            var team: Int?
            let report: BackfillReport
            do {
                guard let done = try await begin(started, &team) else { return }
                report = done
            } catch {
                let failure = CommandFailure(error)
                let report = BackfillReport(failingWith: failure, teamID: team, started: started)
                // Where a report cannot be written either, the failure itself is what the user must hear of.
                if !dryRun { try? report.write(to: reports) }
                throw failure
            }
            try report.write(to: reports)
            Terminal.writeError(report.remarks)
            Output(format: output).write(report.table)
            guard report.exitCode == 0 else { throw ExitCode(report.exitCode) }
        }

        /// Loads what is wanted.
        ///
        /// - Parameters:
        ///   - started: When the run began.
        ///   - team: The team, as soon as it is known.
        /// - Returns: What came of it; nil where that was only to be shown.
        /// - Throws: Why the run could not begin.
        private func begin(_ started: Date, _ team: inout Int?) async throws -> BackfillReport? {
            let environment = ProcessInfo.processInfo.environment
            let spec = try path.map { path in
                do { return try BackfillSpec.read(path, environment: environment) } catch {
                    throw CommandFailure(.usage, "\(error)")
                }
            }
            team = try connection.teamID(else: spec?.team)
            let (settings, goals) = try (settings(spec), goals(spec))
            let journal = journal ?? journalPath(settings.teamID, goals)
            var configuration = try connection.clientConfiguration(environment)
            // What fails is asked for again by the run itself, which knows what else there is to do.
            configuration.maxAttempts = 4
            guard !dryRun else {
                try await plan(configuration, settings, goals, journal)
                return nil
            }

            try reports.prepare()
            let progress = BackfillProgress(
                log: try display.logger(environment: environment),
                draws: display.drawsProgress(environment: environment)
            )
            configuration.onRetry = { error, wait in progress.note(retry: error, after: wait) }
            let notice = settings.cancelsOnInterrupt ? "stopping and cancelling" : "stopping; backfills at work go on"
            let (summary, signal) = try await Interrupts.watch(saying: notice) { [configuration] in
                try await Self.failing {
                    try await withSupermetricsClient(configuration) { client in
                        let run = BackfillRun(client: client, settings: settings, goals: goals, journal: journal) {
                            progress.note($0)
                        }
                        return try await progress.whileDrawing { try await run.run() }
                    }
                }
            }
            return BackfillReport(summary, journal: journal, started: started, signal: signal)
        }

        private func plan(
            _ configuration: SupermetricsClient.Configuration,
            _ settings: BackfillSettings,
            _ goals: [BackfillGoal],
            _ journal: String
        ) async throws {
            let plans = try await Self.failing {
                try await withSupermetricsClient(configuration) { client in
                    try await BackfillRun(client: client, settings: settings, goals: goals, journal: journal).plan()
                }
            }
            Output(format: output).write(BackfillReport.table(of: plans))
            guard output == .table else { return }
            let (chunks, days) = (plans.reduce(0) { $0 + $1.chunks.count }, plans.reduce(0) { $0 + $1.dayCount })
            Terminal.write("\(chunks) backfills to create, \(Figure.count(days)) days\n")
        }

        /// Turns what goes wrong into a failure of the command.
        private static func failing<R>(_ body: () async throws -> R) async throws -> R {
            do {
                return try await body()
            } catch let error as JournalError {
                switch error {
                case .locked: throw CommandFailure(.locked, "\(error)")
                case .unreadable: throw CommandFailure(.usage, "\(error)")
                case .failed: throw CommandFailure(.destination, "\(error)")
                }
            } catch {
                throw CommandFailure(error)
            }
        }
    }
}

// MARK: What is wanted

extension BackfillCommand.Run {
    private func settings(_ spec: BackfillSpec?) throws -> BackfillSettings {
        var settings = BackfillSettings(teamID: try connection.teamID(else: spec?.team))
        if let text = chunk ?? spec?.chunk {
            guard let size = ChunkSize(text) else {
                throw CommandFailure(.usage, "--chunk '\(text)' is not month, week, day or a number such as '10 days'")
            }
            settings.chunk = size
        }
        settings.order = order ?? spec?.order.flatMap { ChunkOrder(rawValue: $0) } ?? settings.order
        settings.active = try number(active ?? spec?.active ?? settings.active, "--active", from: 1)
        settings.retries = try number(retries ?? spec?.retries ?? settings.retries, "--retries", from: 0)
        settings.maxRunsPerDay = try (maxRunsPerDay ?? spec?.maxRunsPerDay).map {
            try number($0, "--max-runs-per-day", from: 1)
        }
        settings.pollInterval =
            try pollInterval.map { try Duration(flag: "--poll-interval", $0) } ?? spec?.pollInterval
            ?? settings.pollInterval
        settings.longestRun = try maxMinutes.map { try Duration(minutes: $0) }
        settings.mayCancelOthers = yes
        settings.cancelsOnInterrupt = cancelOnInterrupt
        return settings
    }

    private func number(_ value: Int, _ flag: String, from least: Int) throws -> Int {
        guard value >= least else { throw CommandFailure(.usage, "\(flag) \(value) is less than \(least)") }
        return value
    }

    private func goals(_ spec: BackfillSpec?) throws -> [BackfillGoal] {
        let wanted = transfers.isEmpty ? spec?.transfers ?? [] : transfers.map { BackfillSpec.Transfer(id: $0) }
        guard !wanted.isEmpty else {
            throw CommandFailure(.usage, "no transfer; use --transfer ID, or a file with a list of transfers")
        }
        guard Set(wanted.map(\.id)).count == wanted.count, wanted.allSatisfy({ $0.id >= 1 }) else {
            throw CommandFailure(.usage, "--transfer takes ids from 1, each once")
        }
        let (flagFrom, flagTo) = (try date(from, "--from"), try date(to, "--to"))
        return try wanted.map { transfer in
            guard let from = flagFrom ?? transfer.from ?? spec?.from, let to = flagTo ?? transfer.to ?? spec?.to else {
                throw CommandFailure(.usage, "transfer \(transfer.id) has no days; use --from DATE and --to DATE")
            }
            let today = Timestamp.now.day
            guard let first = from.day(today: today), let last = to.day(today: today) else {
                throw CommandFailure(.usage, "the days of transfer \(transfer.id) lie outside the years 1 to 9999")
            }
            guard last <= today else {
                throw CommandFailure(.usage, "transfer \(transfer.id): the last day \(last) is in the future")
            }
            guard let start = CalendarDay("\(first)"), let end = CalendarDay("\(last)"),
                let range = DayRange(start, end)
            else { throw CommandFailure(.usage, "transfer \(transfer.id): the first day \(first) is after \(last)") }
            return BackfillGoal(transferID: transfer.id, range: range)
        }
    }

    private func date(_ text: String?, _ flag: String) throws -> RelativeDate? {
        guard let text else { return nil }
        guard let date = RelativeDate(text) else {
            throw CommandFailure(.usage, "\(flag) '\(text)' is not a date: use \(RelativeDate.expected)")
        }
        return date
    }

    /// Beside the file; without one, named after what is wanted, in the words of the flags: tomorrow `90 days ago` is
    /// another day, and the same command goes on with the same journal.
    private func journalPath(_ team: Int, _ goals: [BackfillGoal]) -> String {
        if let path {
            return URL(fileURLWithPath: path).deletingPathExtension().appendingPathExtension("journal").relativePath
        }
        let shown = goals.prefix(5).map { "\($0.transferID)" }.joined(separator: "-")
        let more = goals.count > 5 ? "-and-\(goals.count - 5)-more" : ""
        let days = [from, to].compactMap { $0 }.joined(separator: "..").replacing(" ", with: "-")
        return "backfill-\(team)-\(shown)\(more)-\(days).journal"
    }
}

extension ChunkOrder: ExpressibleByArgument {}

extension Duration {
    /// A duration given as a flag.
    init(flag: String, _ text: String) throws {
        guard let duration = Duration(jobText: text), duration > .zero else {
            throw CommandFailure(.usage, "\(flag) '\(text)' is not a duration; write 500ms, 30s, 5 min or 4 h")
        }
        self = duration
    }

    /// The value of `--max-minutes`.
    init(minutes: Double) throws {
        guard minutes > 0, minutes < 10 * 366 * 1440 else {
            throw CommandFailure(.usage, "--max-minutes \(minutes) is not a number of minutes")
        }
        self = .seconds(minutes * 60)
    }
}
