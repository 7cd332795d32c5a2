import Foundation
import Jobs
import Logging
import Synchronization

/// Shows a run as it goes: redrawn lines on a terminal, one log line per committed window elsewhere.
final class Progress: Sendable {
    private struct Active {
        var export: String
        var window: String
        var state: String
        var rows = 0
        var expected: Int?
        var started = ContinuousClock.now
        var loadingSince: ContinuousClock.Instant?
    }

    private struct State {
        var active: [Active] = []
        var due = 0
        var done = 0
        var rows = 0
        var started = ContinuousClock.now
    }

    private let state = Mutex(State())
    private let live = LiveLines()
    private let log: Logger
    private let draws: Bool

    /// - Parameters:
    ///   - log: Takes what is not drawn.
    ///   - draws: Whether standard error is a terminal to draw on.
    init(log: Logger, draws: Bool) {
        self.log = log
        self.draws = draws
    }

    /// Runs `body` while lines are redrawn twice a second, and clears them at its end.
    func whileDrawing<R>(_ body: () async throws -> R) async rethrows -> R {
        guard draws else { return try await body() }
        return try await live.whileDrawing({ self.lines() }, body)
    }

    /// Takes note of an event.
    func note(_ event: RunEvent) {
        state.withLock { Self.apply(event, to: &$0) }
        report(event)
    }

    private static func apply(_ event: RunEvent, to state: inout State) {
        func change(_ export: String, _ window: String, _ body: (inout Active) -> Void) {
            guard let index = state.active.firstIndex(where: { $0.export == export && $0.window == window }) else {
                return
            }
            body(&state.active[index])
        }
        switch event {
        case .planned(_, let due, _): state.due += due
        case .windowStarted(let export, let window, _):
            state.active.append(Active(export: export, window: window, state: "querying"))
        case .loading(let export, let window, let expected):
            change(export, window) { active in
                active.state = "loading"
                active.rows = 0
                active.expected = expected
                active.loadingSince = .now
            }
        case .rows(let export, let window, let count):
            state.rows += count
            change(export, window) { $0.rows += count }
        case .windowDone(let export, let summary):
            state.done += 1
            state.active.removeAll { $0.export == export && $0.window == summary.window }
        case .windowFailed(let export, let window, _):
            state.done += 1
            state.active.removeAll { $0.export == export && $0.window == window }
        case .warning, .exportEnded: break
        }
    }

    /// Writes the log lines of an event: what a run did and what went wrong, never per batch.
    private func report(_ event: RunEvent) {
        switch event {
        case .planned(let export, let due, let skipped):
            line(.info, "planned", ["export": "\(export)", "due": "\(due)", "skipped": "\(skipped)"])
        case .windowDone(let export, let summary):
            line(
                .info,
                "window committed",
                [
                    "export": "\(export)", "window": "\(summary.window)", "rows": "\(summary.rows)",
                    "requests": "\(summary.requests)", "seconds": "\((summary.seconds * 1000).rounded() / 1000)",
                ]
            )
        case .windowFailed(let export, let window, let failure):
            // The cause stands in the summary, once for all windows it stopped.
            line(
                .error,
                "window failed",
                ["export": "\(export)", "window": "\(window)", "cause": "\(failure.kind.rawValue)"]
            )
        case .warning(let export, let text):
            line(.warning, text, export.map { ["export": "\($0)"] } ?? [:])
        case .windowStarted(let export, let window, let reason):
            log.debug(
                "window started",
                metadata: ["export": "\(export)", "window": "\(window)", "reason": "\(reason)"]
            )
        case .loading, .rows, .exportEnded: break
        }
    }

    private func line(_ level: Logger.Level, _ text: String, _ metadata: Logger.Metadata) {
        guard draws else { return log.log(level: level, "\(text)", metadata: metadata) }
        guard level >= .warning else { return }
        let place = ["export", "window"].compactMap { metadata[$0].map { "\($0)" } }.joined(separator: " ")
        live.write("\(level): \(place.isEmpty ? "" : place + ": ")\(text)\n")
    }

    /// One line per running window, then the total.
    private func lines() -> [String] {
        let state = state.withLock { $0 }
        guard state.due > 0 else { return [] }
        let now = ContinuousClock.now
        func seconds(_ since: ContinuousClock.Instant) -> Double { (now - since) / .seconds(1) }
        var lines = state.active.prefix(12).map { active in
            var line = "  \(active.export) \(active.window)  \(active.state)"
            if let since = active.loadingSince {
                let rate = Int(Double(active.rows) / max(0.001, seconds(since)))
                let expected = active.expected.map { " of \(Figure.count($0))" } ?? ""
                line += "  \(Figure.count(active.rows))\(expected) rows, \(Figure.count(rate))/s"
            } else {
                line += "  \(Figure.duration(seconds(active.started)))"
            }
            return line
        }
        if state.active.count > 12 { lines.append("  and \(state.active.count - 12) more") }
        let elapsed = seconds(state.started)
        var total = "\(state.done)/\(state.due) windows, \(Figure.count(state.rows)) rows, \(Figure.duration(elapsed))"
        if state.done > 0, state.done < state.due {
            total += ", about \(Figure.duration(elapsed / Double(state.done) * Double(state.due - state.done))) left"
        }
        lines.append(total)
        return lines
    }
}
