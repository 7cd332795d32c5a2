#if Postgres
import Dispatch
import Synchronization

/// A connection that is being made.
///
/// libpq waits for hosts in turn, each as long as `connect_timeout` says, and lets nobody end that; its calls that do
/// not block leave the timeout to the caller, who cannot make them go on to the next host. So the wait has a thread of
/// its own, which is left to itself when nobody wants the connection any more.
final class ConnectionAttempt: Sendable {
    private typealias Outcome = Result<MadeSession, DatabaseError>

    private enum State {
        case new
        case waited(CheckedContinuation<Outcome, Never>)
        case over
    }

    /// A connection on its way to whoever waits for it; closed where nobody takes it.
    private final class MadeSession: Sendable {
        private let session: Mutex<Session?>

        init(_ session: consuming sending Session) { self.session = Mutex(session) }

        func take() -> sending Session? { session.withLock { $0.take() } }
    }

    private static let queue = DispatchQueue(label: "sluice.postgres.connect", attributes: .concurrent)

    private let state = Mutex(State.new)

    private init() {}

    /// Connects.
    ///
    /// - Parameter target: The server.
    /// - Returns: The connection.
    /// - Throws: `DatabaseError`; at once where the task is cancelled.
    static func connect(to target: ConnectionTarget) async throws(DatabaseError) -> sending Session {
        let attempt = ConnectionAttempt()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { attempt.begin(target, $0) }
        } onCancel: {
            attempt.end(.failure(.cancelled))
        }
        guard let session = try outcome.get().take() else { throw .cancelled }
        return session
    }

    private func begin(_ target: ConnectionTarget, _ continuation: CheckedContinuation<Outcome, Never>) {
        let isWanted = state.withLock { state in
            guard case .new = state else { return false }
            state = .waited(continuation)
            return true
        }
        guard isWanted else { return continuation.resume(returning: .failure(.cancelled)) }
        Self.queue.async {
            self.end(Result { () throws(DatabaseError) in MadeSession(try Session(target)) })
        }
    }

    /// Tells whoever waits, unless that has happened.
    private func end(_ outcome: Outcome) {
        let continuation = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            defer { state = .over }
            guard case .waited(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(returning: outcome)
    }
}
#endif
