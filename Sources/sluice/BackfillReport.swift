import Backfill
import Foundation
import Jobs
import SupermetricsAPI

/// What a run of backfills came to, for people and for programs.
struct BackfillReport {
    let summary: BackfillSummary
    let journal: String
    let started: Date
    let ended = Date()
    let exitCode: Int32
    private let signal: Int32?
    /// Why the run could not begin; nil where it did.
    private let refusal: String?
    /// nil where the run could not begin because nobody knows it.
    private let teamID: Int?

    /// - Parameters:
    ///   - summary: What was done.
    ///   - journal: The journal's path.
    ///   - started: When the run began.
    ///   - signal: The exit code of the signal that ended it; nil where none came.
    init(_ summary: BackfillSummary, journal: String, started: Date, signal: Int32?) {
        self.summary = summary
        self.journal = journal
        self.started = started
        self.signal = signal
        (refusal, teamID) = (nil, summary.teamID)
        var kinds = summary.failures.map(\.cause.kind)
        if kinds.isEmpty, !summary.isWhole { kinds = [.source] }
        let somethingLoaded = summary.transfers.contains { !$0.done.isEmpty }
        exitCode = signal ?? FailureKind.exitCode(failures: kinds, somethingLoaded: somethingLoaded)
    }

    /// The report of a run that could not begin.
    init(failingWith failure: CommandFailure, teamID: Int?, started: Date) {
        summary = BackfillSummary(teamID: teamID ?? 0, transfers: [])
        (journal, signal) = ("", nil)
        (self.started, exitCode, refusal, self.teamID) = (started, failure.exitCode, failure.message, teamID)
    }

    // MARK: Tables

    /// A line per transfer.
    var table: Shown {
        let columns = ["transfer_id", "range_start", "range_end", "days", "done", "before", "missing", "backfills"]
        return .list(
            summary.transfers.map { transfer in
                [
                    "transfer_id": .number(JSONNumber(transfer.transferID)),
                    "range_start": .string("\(transfer.wanted.first)"),
                    "range_end": .string("\(transfer.wanted.last)"),
                    "days": .number(JSONNumber(transfer.wanted.dayCount)),
                    "done": .number(JSONNumber(transfer.done.count)),
                    "before": .number(JSONNumber(transfer.doneBefore.count)),
                    "missing": .number(JSONNumber(transfer.missing.count)),
                    "backfills": .number(JSONNumber(transfer.backfills.count)),
                ]
            },
            columns: columns
        )
    }

    /// A line per backfill to create, days covered and days done.
    static func table(of plans: [BackfillPlan]) -> Shown {
        func line(_ plan: BackfillPlan, _ range: DayRange, _ action: String, _ backfill: Int?) -> JSONObject {
            [
                "transfer_id": .number(JSONNumber(plan.transferID)),
                "range_start": .string("\(range.first)"),
                "range_end": .string("\(range.last)"),
                "days": .number(JSONNumber(range.dayCount)),
                "action": .string(action),
                "transfer_backfill_id": backfill.map { .number(JSONNumber($0)) } ?? .null,
            ]
        }
        let lines = plans.flatMap { plan in
            plan.chunks.map { line(plan, $0, "create", nil) }
                + plan.covered.map { line(plan, $0.range, "watch", $0.backfillID) }
                + plan.done.ranges.map { line(plan, $0, "done", nil) }
        }
        let columns = ["transfer_id", "range_start", "range_end", "days", "action", "transfer_backfill_id"]
        return .list(lines, columns: columns)
    }

    /// A line per backfill watched, under the API's names.
    static func table(of sights: [BackfillWatch.Sight]) -> Shown {
        let lines = sights.map { sight -> JSONObject in
            let seen = sight.snapshot
            func number(_ value: Int?) -> JSONValue { value.map { .number(JSONNumber($0)) } ?? .null }
            return [
                "transfer_backfill_id": number(sight.backfillID),
                "transfer_id": number(seen?.transferID),
                "status": seen.map { .string("\($0.status)") } ?? .null,
                "range_start_date": seen.map { .string("\($0.range.first)") } ?? .null,
                "range_end_date": seen.map { .string("\($0.range.last)") } ?? .null,
                "transfer_runs_completed": number(seen?.completed),
                "transfer_runs_failed": number(seen?.failed),
                "transfer_runs_total": number(seen?.total),
            ]
        }
        return .list(lines, columns: lines.first?.members.map(\.name) ?? ["transfer_backfill_id"])
    }

    // MARK: Remarks

    /// Every failure with its days, and how to go on.
    var remarks: String {
        var lines: [String] = []
        if case .failure(let failure) = summary.stop { lines.append("failed: \(failure.message)") }
        for transfer in summary.transfers {
            for failure in transfer.failures {
                lines.append("failed: transfer \(transfer.transferID) \(Self.text(failure.days)): \(failure.message)")
            }
        }
        let atWork = summary.transfers.flatMap(\.backfills)
            .filter { $0.isAtWork && !summary.cancelled.contains($0.id) }
        if !summary.cancelled.isEmpty {
            lines.append("cancelled: backfills \(summary.cancelled.map { "\($0)" }.joined(separator: ", "))")
        }
        if summary.stop != nil, !atWork.isEmpty {
            lines.append("\(atWork.count) backfills are still at work")
            for backfill in atWork.prefix(20) {
                let own = backfill.isOwn ? "" : " (not created here)"
                lines.append("  cancel: sluice backfill cancel \(backfill.id) --team \(summary.teamID)\(own)")
            }
        }
        if !summary.isWhole {
            lines.append("to go on: run the same command again; what is done is in \(journal)")
        } else if summary.transfers.allSatisfy({ $0.doneBefore == $0.done }) {
            lines.append("nothing to do: all days were loaded before; to load them again, remove \(journal)")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The first days, and how many more there are.
    private static func text(_ days: DaySet) -> String {
        let shown = days.ranges.prefix(5).map(\.description).joined(separator: ", ")
        return days.ranges.count > 5 ? shown + " and more, \(days.count) days in all" : shown
    }

    // MARK: Files

    /// Writes the files that were asked for.
    ///
    /// - Throws: `CommandFailure` where one cannot be written.
    func write(to reports: ReportOptions) throws {
        if let path = reports.summary { try ReportFile.writeSummary(SummaryFile(self), to: path) }
        if let path = reports.metrics { try MetricsFile.write(metrics, to: path) }
    }

    /// The figures for Prometheus.
    var metrics: [MetricsFile.Metric] {
        let team = [("team", teamID.map { "\($0)" } ?? "")]
        let days = summary.transfers.flatMap { transfer in
            [("done", transfer.done.count), ("missing", transfer.missing.count)].map { state, count in
                (labels: team + [("transfer", "\(transfer.transferID)"), ("state", state)], value: "\(count)")
            }
        }
        return [
            MetricsFile.Metric(
                name: "sluice_backfill_end_timestamp_seconds",
                help: "When the last run of backfills ended.",
                samples: [(team, "\(ended.timeIntervalSince1970)")]
            ),
            MetricsFile.Metric(
                name: "sluice_backfill_duration_seconds",
                help: "How long the last run of backfills took.",
                samples: [(team, "\(ended.timeIntervalSince(started))")]
            ),
            MetricsFile.Metric(
                name: "sluice_backfill_exit_code",
                help: "Exit code of the last run of backfills; 0 means every wanted day is loaded.",
                samples: [(team, "\(exitCode)")]
            ),
            MetricsFile.Metric(
                name: "sluice_backfill_days",
                help: "Wanted days by what became of them.",
                samples: days
            ),
        ]
    }

    /// The form of `--summary`.
    private struct SummaryFile: Encodable {
        struct Transfer: Encodable {
            var transferId: Int
            var days: DayRange
            var done: [DayRange]
            var doneBefore: [DayRange]
            var missing: [DayRange]
            var failures: [Failed]
            var backfills: [Watched]
        }

        struct Failed: Encodable {
            var kind: String
            var message: String
            var days: [DayRange]
        }

        struct Watched: Encodable {
            var transferBackfillId: Int
            var days: DayRange
            var status: String
            var done: Int
            var failed: Int
            var own: Bool
            var atWork: Bool
        }

        var teamId: Int?
        var startedAt: Date
        var endedAt: Date
        var exitCode: Int32
        var stopped: String?
        var cancelled: [Int]
        var transfers: [Transfer]

        init(_ report: BackfillReport) {
            let summary = report.summary
            teamId = report.teamID
            startedAt = report.started
            endedAt = report.ended
            exitCode = report.exitCode
            stopped =
                switch summary.stop {
                case nil: report.refusal
                case .interrupted: "interrupted"
                case .timeUp: "time is up"
                case .failure(let failure): failure.message
                }
            cancelled = summary.cancelled
            transfers = summary.transfers.map { transfer in
                Transfer(
                    transferId: transfer.transferID,
                    days: transfer.wanted,
                    done: transfer.done.ranges,
                    doneBefore: transfer.doneBefore.ranges,
                    missing: transfer.missing.ranges,
                    failures: transfer.failures.map {
                        Failed(kind: $0.cause.rawValue, message: $0.message, days: $0.days.ranges)
                    },
                    backfills: transfer.backfills.map {
                        Watched(
                            transferBackfillId: $0.id,
                            days: $0.range,
                            status: $0.status,
                            done: $0.done,
                            failed: $0.failed,
                            own: $0.isOwn,
                            atWork: $0.isAtWork
                        )
                    }
                )
            }
        }
    }
}

extension BackfillFailure.Cause {
    /// The kind that decides the exit code.
    var kind: FailureKind {
        switch self {
        case .authentication: .authentication
        case .quota: .quota
        case .usage: .usage
        case .source: .source
        }
    }
}
