import Backfill
import Foundation
import Logging
import SupermetricsAPI
import Synchronization

/// Shows backfills as they go: redrawn lines on a terminal, log lines elsewhere.
final class BackfillProgress: Sendable {
    private struct Line {
        var progress: TransferProgress
        var isEnded = false
        /// Days loaded when the transfer was first heard of, and when that was.
        var doneAtFirst: Int
        var first = ContinuousClock.now
    }

    private struct State {
        var lines: [Int: Line] = [:]
        var order: [Int] = []
        /// The latest day whose room was used up.
        var usedUp: UsedUpDay?
    }

    private let state = Mutex(State())
    private let live = LiveLines()
    private let log: Logger
    private let draws: Bool

    /// - Parameters:
    ///   - log: Takes what is not drawn.
    ///   - draws: Whether standard error is a terminal to draw on.
    init(log: Logger, draws: Bool) {
        (self.log, self.draws) = (log, draws)
    }

    /// Runs `body` while lines are redrawn, and clears them at its end.
    func whileDrawing<R>(_ body: () async throws -> R) async rethrows -> R {
        guard draws else { return try await body() }
        return try await live.whileDrawing({ self.lines() }, body)
    }

    /// Takes note of an event of a run.
    func note(_ event: BackfillEvent) {
        switch event {
        case .planned(let plan):
            line(
                .info,
                "planned",
                [
                    "transfer": "\(plan.transferID)", "chunks": "\(plan.chunks.count)", "days": "\(plan.dayCount)",
                    "done": "\(plan.done.count)",
                ]
            )
        case .created(let transfer, let id, let range, let isAdopted):
            line(
                .info,
                isAdopted ? "backfill found again" : "backfill created",
                ["transfer": "\(transfer)", "backfill": "\(id)", "days": "\(range)"]
            )
        case .joined(let transfer, let id, let range):
            line(
                .info,
                "watching a backfill of somebody else",
                ["transfer": "\(transfer)", "backfill": "\(id)", "days": "\(range)"]
            )
        case .progress(let progress): note(progress)
        case .settled(let transfer, let id, let status, let done, let failed):
            line(
                failed > 0 ? .warning : .info,
                "backfill over",
                [
                    "transfer": "\(transfer)", "backfill": "\(id)", "status": "\(status)", "done": "\(done)",
                    "failed": "\(failed)",
                ]
            )
        case .waitingForNextDay(let day):
            state.withLock { $0.usedUp = day }
            line(
                .info,
                "--max-runs-per-day leaves no room for the next backfill; waiting for the next UTC day",
                ["asked": "\(day.asked)", "limit": "\(day.limit)", "left": "\(day.left)", "until": "\(day.midnight)"]
            )
        case .warning(let transfer, let text):
            line(.warning, text, transfer.map { ["transfer": "\($0)"] } ?? [:])
        case .ended(let summary):
            state.withLock { $0.lines[summary.transferID]?.isEnded = true }
            line(
                summary.missing.isEmpty ? .info : .error,
                "transfer over",
                [
                    "transfer": "\(summary.transferID)", "done": "\(summary.done.count)",
                    "missing": "\(summary.missing.count)",
                ]
            )
        }
    }

    /// Takes note of a look at a backfill that is only watched.
    func note(_ snapshot: BackfillSnapshot) {
        var progress = TransferProgress(
            transferID: snapshot.transferID,
            wantedDays: snapshot.expectedRuns,
            doneDays: snapshot.completed ?? 0,
            failedDays: snapshot.failed ?? 0
        )
        progress.backfillID = snapshot.id
        progress.range = snapshot.range
        progress.status = "\(snapshot.status)"
        progress.runsCompleted = snapshot.completed ?? 0
        progress.runsFailed = snapshot.failed ?? 0
        progress.runsTotal = snapshot.expectedRuns
        note(progress, of: snapshot.id)
        if !snapshot.isAtWork {
            state.withLock { $0.lines[snapshot.id]?.isEnded = true }
            line(.info, "backfill over", ["backfill": "\(snapshot.id)", "status": "\(snapshot.status)"])
        }
    }

    /// Takes note of a request that is sent again.
    func note(retry error: SupermetricsError, after wait: Duration) {
        log.debug("\(error)", metadata: ["again_in": "\(wait)"])
    }

    private func note(_ progress: TransferProgress, of id: Int? = nil) {
        let id = id ?? progress.transferID
        let isNews = state.withLock { state in
            guard let old = state.lines[id] else {
                state.order.append(id)
                state.lines[id] = Line(progress: progress, doneAtFirst: progress.doneDays)
                return true
            }
            state.lines[id]?.progress = progress
            return old.progress != progress
        }
        guard isNews, !draws else { return }
        log.debug(
            "progress",
            metadata: [
                "transfer": "\(progress.transferID)", "backfill": "\(progress.backfillID ?? 0)",
                "completed": "\(progress.runsCompleted)", "failed": "\(progress.runsFailed)",
                "total": "\(progress.runsTotal)",
            ]
        )
    }

    private func line(_ level: Logger.Level, _ text: String, _ metadata: Logger.Metadata) {
        guard draws else { return log.log(level: level, "\(text)", metadata: metadata) }
        guard level >= .warning else { return }
        let place = metadata["transfer"].map { "transfer \($0): " } ?? ""
        let facts = ["backfill", "status", "done", "failed", "missing"].compactMap { key in
            metadata[key].map { " \(key)=\($0)" }
        }
        live.write("\(level): \(place)\(text)\(facts.joined())\n")
    }

    /// One line per transfer at work, then the total.
    private func lines() -> [String] {
        let state = state.withLock { $0 }
        let all = state.order.compactMap { state.lines[$0] }
        let usedUp = state.usedUp.flatMap { $0.lasts ? $0 : nil }
        guard !all.isEmpty || usedUp != nil else { return [] }
        let atWork = all.filter { !$0.isEnded && $0.progress.backfillID != nil }
        var lines = atWork.prefix(12).map { Self.text($0, isPaced: usedUp == nil) }
        if atWork.count > 12 { lines.append("  and \(atWork.count - 12) more") }
        let done = all.reduce(0) { $0 + $1.progress.doneDays }
        let wanted = all.reduce(0) { $0 + $1.progress.wantedDays }
        let failed = all.reduce(0) { $0 + $1.progress.failedDays }
        let fresh = all.reduce(0) { $0 + max(0, $1.progress.doneDays - $1.doneAtFirst) }
        var total = "\(Figure.count(done))/\(Figure.count(wanted)) days, \(failed) failed"
        if let usedUp {
            // What a rate says of the time left is wrong while time passes without work.
            total += ", waiting until \(usedUp.midnight) (--max-runs-per-day \(usedUp.limit))"
        } else if let first = all.map(\.first).min() {
            total += Self.pace(fresh, left: wanted - done, since: first)
        }
        return lines + [total]
    }

    private static func text(_ line: Line, isPaced: Bool) -> String {
        let progress = line.progress
        var text = "  transfer \(progress.transferID)  backfill \(progress.backfillID ?? 0) "
        text += progress.range.map { "\($0)" } ?? ""
        text += "  \(progress.status ?? "")  \(progress.runsCompleted)/\(progress.runsTotal) runs"
        if progress.runsFailed > 0 { text += ", \(progress.runsFailed) failed" }
        guard isPaced else { return text }
        let left = progress.wantedDays - progress.doneDays
        return text + pace(progress.doneDays - line.doneAtFirst, left: left, since: line.first)
    }

    /// The rate, and the time left at that rate.
    private static func pace(_ done: Int, left: Int, since first: ContinuousClock.Instant) -> String {
        let seconds = (ContinuousClock.now - first) / .seconds(1)
        guard done > 0, seconds > 1 else { return "" }
        let perHour = Int((Double(done) / seconds * 3600).rounded())
        var text = ", \(Figure.count(perHour))/h"
        if left > 0 { text += ", about \(Figure.duration(Double(left) * seconds / Double(done))) left" }
        return text
    }
}

extension UsedUpDay {
    /// Whether its end is still to come.
    fileprivate var lasts: Bool { Int(Date().timeIntervalSince1970) < nextDay.number * 86_400 }

    /// When the next day begins, as a log has it.
    fileprivate var midnight: String { "\(nextDay)T00:00Z" }
}
