import Dispatch
import Synchronization

/// Lines on standard error that are redrawn in place, twice a second.
final class LiveLines: Sendable {
    private struct State {
        var drawn = 0
        var isOver = false
    }

    private let state = Mutex(State())

    /// Runs `body` while the lines are drawn, and clears them at its end.
    ///
    /// - Parameters:
    ///   - lines: The lines now; none while there is nothing to show.
    ///   - body: What is run.
    /// - Returns: What `body` returns.
    func whileDrawing<R>(
        _ lines: @escaping @Sendable () -> [String],
        _ body: () async throws -> R
    ) async rethrows -> R {
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now(), repeating: .milliseconds(500))
        timer.setEventHandler {
            let width = Terminal.width
            let text = lines().map { String($0.prefix(width - 1)) }
            guard !text.isEmpty else { return }
            self.draw(text)
        }
        timer.resume()
        defer {
            timer.cancel()
            state.withLock { state in
                Terminal.writeError(Self.erase(&state))
                state.isOver = true
            }
        }
        return try await body()
    }

    /// Writes text in the place of the lines; they are drawn again below it.
    func write(_ text: String) { state.withLock { Terminal.writeError(Self.erase(&$0) + text) } }

    private func draw(_ lines: [String]) {
        state.withLock { state in
            // The timer's last turn may come after its end.
            guard !state.isOver else { return }
            Terminal.writeError(Self.erase(&state) + lines.joined(separator: "\n") + "\n")
            state.drawn = lines.count
        }
    }

    /// Moves up over the drawn lines and clears them.
    private static func erase(_ state: inout State) -> String {
        defer { state.drawn = 0 }
        return state.drawn == 0 ? "" : "\u{1B}[\(state.drawn)A\u{1B}[J"
    }
}
