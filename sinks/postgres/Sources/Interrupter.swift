#if Postgres
import CLibpq
import Dispatch
import Glibc
import Synchronization

/// Ends a statement from outside, while its connection's queue is blocked in it.
final class Interrupter: Sendable {
    @safe private struct CancelHandle: ~Copyable, Sendable {
        /// A copy of what the connection knows of its server; nil where there was no memory for it.
        nonisolated(unsafe) let pointer: OpaquePointer?

        /// Asks the server, on a connection of its own, to end what it is doing.
        func send() {
            var reason = [CChar](repeating: 0, count: 256)
            _ = unsafe PQcancel(pointer, &reason, Int32(reason.count))
        }

        deinit { unsafe PQfreeCancel(pointer) }
    }

    private struct Operation {
        var number = 0
        var isRunning = false
        /// The connection's socket while that is open.
        var socket: Int32?
    }

    /// Blocking, but not for long: a server that does not take the request is no longer waited for.
    private static let queue = DispatchQueue(label: "sluice.postgres.cancel", attributes: .concurrent)
    /// How long the server may take to end a statement before the connection is cut.
    private static let patience = DispatchTimeInterval.seconds(10)

    private let operation: Mutex<Operation>
    private let handle: Mutex<CancelHandle>

    /// What ends statements of this connection, which must be open.
    init(_ connection: OpaquePointer) {
        operation = unsafe Mutex(Operation(socket: PQsocket(connection)))
        handle = unsafe Mutex(CancelHandle(pointer: PQgetCancel(connection)))
    }

    /// Notes that a statement begins; its number is what `interrupt` takes.
    func begin() -> Int {
        // A request for an earlier statement must have left before the next one starts, or it would hit that.
        handle.withLock { _ in }
        return operation.withLock { operation in
            operation.number += 1
            operation.isRunning = true
            return operation.number
        }
    }

    /// Notes that the statement is over.
    func end() { operation.withLock { $0.isRunning = false } }

    /// Notes that the socket is about to be closed.
    func close() { operation.withLock { $0.socket = nil } }

    /// Ends the statement `number` if it is still running; returns at once.
    func interrupt(_ number: Int) {
        Self.queue.async {
            self.handle.withLock { handle in
                guard self.isRunning(number) else { return }
                handle.send()
            }
        }
        Self.queue.asyncAfter(deadline: .now() + Self.patience) {
            self.operation.withLock { operation in
                guard operation.isRunning, operation.number == number, let socket = operation.socket else { return }
                shutdown(socket, Int32(SHUT_RDWR))
            }
        }
    }

    private func isRunning(_ number: Int) -> Bool { operation.withLock { $0.isRunning && $0.number == number } }
}
#endif
