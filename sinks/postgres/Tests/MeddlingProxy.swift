#if Postgres
import Foundation
import Glibc
import Synchronization

/// Stands between a client and the server and does, when told to, what a network or a server may do at a bad moment.
final class MeddlingProxy: Sendable {
    struct Failure: Error {}

    let port: Int
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var isArmed = false
        var dropped = 0
        /// Statements until the one at which the connection is cut; nil where none is to be.
        var statementsLeft: Int?
        var cutsAfterAnswer = false
        var remark: [UInt8] = []
        var remarks = 0
        var isStopped = false
    }

    init(to target: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0, let port = Self.listen(listener) else { throw Failure() }
        (self.listener, self.port) = (listener, port)
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, !state.withLock({ $0.isStopped }) else { return }
                guard let server = Self.connect(to: target) else {
                    close(client)
                    continue
                }
                relay(client, server)
            }
        }
    }

    /// The next COMMIT is passed on, but never the answer to it: the client's connection is cut once the server has
    /// answered.
    func dropNextCommit() { state.withLock { $0.isArmed = true } }

    /// The connection that sends the statement of that number, counted from 1 over all connections from now on, is cut
    /// before the server has it, or before the client has its answer.
    func cut(atStatement number: Int, afterItsAnswer: Bool) {
        state.withLock { ($0.statementsLeft, $0.cutsAfterAnswer) = (number, afterItsAnswer) }
    }

    /// Whether that has not happened yet.
    var isCutDue: Bool { state.withLock { $0.statementsLeft != nil } }

    /// Counts a statement; whether the connection is to be cut at it.
    private func isCutNow() -> (before: Bool, after: Bool) {
        state.withLock { state in
            guard let left = state.statementsLeft else { return (false, false) }
            state.statementsLeft = left > 1 ? left - 1 : nil
            return left > 1 ? (false, false) : (!state.cutsAfterAnswer, state.cutsAfterAnswer)
        }
    }

    /// How many answers were lost.
    var dropped: Int { state.withLock { $0.dropped } }

    /// When the client next sends rows of a COPY, it is told this first; the server is silent then.
    func say(_ message: [UInt8]) { state.withLock { $0.remark = message } }

    /// How often that happened.
    var remarks: Int { state.withLock { $0.remarks } }

    func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func relay(_ client: Int32, _ server: Int32) {
        let cut = Cut()
        Thread.detachNewThread { [self] in
            Self.pump(client, server) { bytes in
                if bytes.first == UInt8(ascii: "d") { remark(to: client) }
                // Queries, those with parameters, and the end of a COPY.
                if let first = bytes.first, "QPc".utf8.contains(first) {
                    let (before, after) = isCutNow()
                    if before {
                        shutdown(client, Int32(SHUT_RDWR))
                        return false
                    }
                    if after { cut.isDue.withLock { $0 = true } }
                }
                // A query of its own: its type, its length and `COMMIT`.
                guard bytes.starts(with: [UInt8(ascii: "Q")]), bytes.dropFirst(5).starts(with: Array("COMMIT".utf8))
                else {
                    return true
                }
                let isArmed = state.withLock { state in
                    defer { state.isArmed = false }
                    return state.isArmed
                }
                if isArmed { cut.isDue.withLock { $0 = true } }
                return true
            }
            shutdown(server, Int32(SHUT_WR))
        }
        Thread.detachNewThread { [self] in
            Self.pump(server, client) { _ in
                guard cut.isDue.withLock({ $0 }) else { return true }
                state.withLock { $0.dropped += 1 }
                return false
            }
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
    }

    private func remark(to client: Int32) {
        state.withLock { state in
            guard !state.remark.isEmpty else { return }
            _ = unsafe send(client, state.remark, state.remark.count, Int32(MSG_NOSIGNAL))
            state.remark = []
            state.remarks += 1
        }
    }

    private final class Cut: Sendable {
        let isDue = Mutex(false)
    }

    /// Copies until an end is closed or `inspect` says no, before what it was shown is passed on.
    private static func pump(_ source: Int32, _ target: Int32, _ inspect: (ArraySlice<UInt8>) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe recv(source, &buffer, buffer.count, 0)
            guard count > 0, inspect(buffer[..<count]) else { return }
            var sent = 0
            while sent < count {
                let done = unsafe buffer[sent..<count].withUnsafeBytes { bytes in
                    unsafe send(target, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                }
                guard done > 0 else { return }
                sent += done
            }
        }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// Listens on a free port of the loopback interface, which is returned.
    static func listen(_ file: Int32) -> Int? {
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(file, address, length) == 0 && Glibc::listen(file, 64) == 0
                    && getsockname(file, address, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }

    private static func connect(to port: Int) -> Int32? {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port)
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc::connect(file, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(file)
            return nil
        }
        return file
    }
}
#endif
