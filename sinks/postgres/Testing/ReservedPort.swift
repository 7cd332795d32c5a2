import Foundation
import Glibc

/// A port of the loopback interface that is a server's alone, also while the server is stopped.
///
/// A socket is bound to it but does not listen. Linux then gives the port to nobody who asks for any port, be it to
/// listen or to connect from; a server that names the port and sets SO_REUSEADDR, as PostgreSQL and PgBouncer do, gets
/// it (`inet_csk_bind_conflict` of the kernel).
final class ReservedPort: Sendable {
    let number: Int
    private let file: Int32

    init() throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let file = file
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size)) == 0
                    && bind(file, address, length) == 0 && getsockname(file, address, &length) == 0
            }
        }
        number = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else { throw Program.Failure(description: "no free port on the loopback interface") }
    }

    deinit { close(file) }
}
