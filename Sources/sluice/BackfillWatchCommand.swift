import ArgumentParser
import Backfill
import Foundation
import Jobs
import SupermetricsAPI

extension BackfillCommand {
    /// Waits for backfills: `sluice backfill watch`.
    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch",
            abstract: "Watches backfills until they are over.",
            discussion: """
                Ends with 0 when every run of every backfill ended well, with 4 when some did, with 5 when none did.

                Example:
                  sluice backfill watch 4711 4712 --team 1
                """
        )

        @Argument(help: ArgumentHelp("The backfills.", valueName: "backfill-id"))
        var ids: [Int]

        @Option(help: ArgumentHelp("First wait between looks, growing sixfold.", valueName: "time"))
        var pollInterval = "5s"

        @Option(help: ArgumentHelp("Watch no longer than this.", valueName: "n"))
        var maxMinutes: Double?

        @Option(
            help: ArgumentHelp(
                "Form of the output at the end; by default a table on a terminal and JSON elsewhere.",
                valueName: "format"
            )
        )
        var output: OutputFormat?

        @OptionGroup(title: "API") var connection: ConnectionOptions
        @OptionGroup(title: "Display") var display: DisplayOptions

        @concurrent func run() async throws {
            let environment = ProcessInfo.processInfo.environment
            let team = try connection.teamID()
            let interval = try Duration(flag: "--poll-interval", pollInterval)
            let limit = try maxMinutes.map { try Duration(minutes: $0) }
            var configuration = try connection.clientConfiguration(environment)
            configuration.maxAttempts = 4
            let progress = BackfillProgress(
                log: try display.logger(environment: environment),
                draws: display.drawsProgress(environment: environment)
            )
            configuration.onRetry = { error, wait in progress.note(retry: error, after: wait) }
            let sights: [BackfillWatch.Sight]
            let signal: Int32?
            do {
                (sights, signal) = try await Interrupts.watch(saying: "stopping; the backfills go on") {
                    [configuration, ids] in
                    try await withSupermetricsClient(configuration) { client in
                        let watch = BackfillWatch(
                            client: client,
                            teamID: team,
                            backfillIDs: ids,
                            pollInterval: interval,
                            report: { progress.note($0) },
                            warn: { progress.note(.warning(transferID: nil, text: $0)) }
                        )
                        return try await progress.whileDrawing { try await Self.run(watch, within: limit) }
                    }
                }
            } catch {
                throw CommandFailure(error)
            }
            Output(format: .chosen(output)).write(BackfillReport.table(of: sights))
            let failures = sights.compactMap(\.failure)
            for failure in failures { Terminal.writeError("failed: \(failure.message)\n") }
            let kinds =
                failures.map(\.cause.kind) + sights.filter { !$0.isLoaded && $0.failure == nil }.map { _ in .source }
            let code = FailureKind.exitCode(failures: kinds, somethingLoaded: sights.contains(where: \.isLoaded))
            if let code = signal ?? (code == 0 ? nil : code) { throw ExitCode(code) }
        }

        /// Ends the watch when its time is up.
        private static func run(
            _ watch: BackfillWatch,
            within limit: Duration?
        ) async throws -> [BackfillWatch.Sight] {
            guard let limit else { return try await watch.run() }
            let work = Task { try await watch.run() }
            let timer = Task {
                try await Task.sleep(for: limit)
                work.cancel()
            }
            defer { timer.cancel() }
            return try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
        }
    }
}
