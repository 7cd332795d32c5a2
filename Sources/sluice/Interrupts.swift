import Dispatch
import Foundation
import Synchronization

/// Turns Ctrl-C and SIGTERM into the cancellation of a task, so that loads in flight abort and leave nothing behind.
final class Interrupts: Sendable {
    private let received = Mutex<Int32?>(nil)

    /// Runs `body`, cancelling it at the first signal; a second one ends the process at once.
    ///
    /// - Parameters:
    ///   - notice: What is said at the first signal; nil for nothing.
    ///   - body: What is run.
    /// - Returns: What `body` returns, and the exit code of the signal (130 or 143), nil where none came.
    /// - Throws: What goes wrong on the way.
    static func watch<R: Sendable>(
        saying notice: String? = nil,
        _ body: @escaping @Sendable () async throws -> R
    ) async throws -> (R, Int32?) {
        let interrupts = Interrupts()
        let work = Task { try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if interrupts.note(number) {
                    if let notice { Terminal.writeError("\n\(notice)\n") }
                    work.cancel()
                } else {
                    exit(128 + number)
                }
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        let value = try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
        return (value, interrupts.received.withLock { $0.map { 128 + $0 } })
    }

    /// Notes a signal; false where one came before.
    private func note(_ number: Int32) -> Bool {
        received.withLock { received in
            guard received == nil else { return false }
            received = number
            return true
        }
    }
}
