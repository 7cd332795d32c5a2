#if Postgres
import FoundationEssentials
import Glibc

/// Which process of which machine this is, so that a run of the same machine sees whether a holder of a lease is dead.
struct ProcessIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The kernel's boot and the namespace within which the process id means something.
    var machine: String
    var pid: Int32
    /// When the process began, in clock ticks since boot: ids are used again.
    var start: String

    /// This process; nil where the system does not tell.
    static let own: ProcessIdentity? = {
        guard let machine, let start = start(of: getpid()) else { return nil }
        return ProcessIdentity(machine: machine, pid: getpid(), start: start)
    }()

    /// The text kept in the ledger.
    var description: String { "\(machine) \(pid) \(start)" }

    /// Reads what `description` writes.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 3, let pid = Int32(parts[1]) else { return nil }
        self.init(machine: String(parts[0]), pid: pid, start: String(parts[2]))
    }

    init(machine: String, pid: Int32, start: String) {
        self.machine = machine
        self.pid = pid
        self.start = start
    }

    /// Whether the process is known to have ended; false where that cannot be told from here.
    var hasEnded: Bool { machine == Self.machine && Self.start(of: pid) != start }

    private static let machine: String? = {
        guard let boot = text(of: "/proc/sys/kernel/random/boot_id"),
            let namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return nil }
        return "\(boot)/\(namespace.filter(\.isNumber))"
    }()

    /// The twenty-second field of `/proc/PID/stat` (proc(5)); nil where the process is not there or is a zombie.
    private static func start(of pid: Int32) -> String? {
        // The name in the second field may hold blanks and parentheses.
        guard let text = text(of: "/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[name...].dropFirst().split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return String(fields[19])
    }

    private static func text(of path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}
#endif
