import Foundation

/// What a figure is worth nothing without.
enum Machine {
    /// Processor, cores, memory, system, date and load.
    static var description: String {
        let processor = field("model name", in: "/proc/cpuinfo") ?? "unknown processor"
        let memory =
            field("MemTotal", in: "/proc/meminfo").flatMap { $0.split(separator: " ").first }
            .flatMap { Double($0) }.map { "\(($0 / 1_048_576).short) GiB" } ?? "?"
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let date = Date.now.formatted(.iso8601)
        return "\(processor), \(cores) cores, \(memory), Linux \(release); \(date); load \(load)"
    }

    /// The load averages of 1, 5 and 15 minutes.
    static var load: String {
        let words = contents("/proc/loadavg").split(separator: " ")
        return words.prefix(3).joined(separator: " ")
    }

    /// Processor seconds a process has used so far, its threads' together.
    static func processorSeconds(of pid: Int32) -> Double {
        // The name in parentheses may hold spaces; user and system time are fields 14 and 15.
        let fields = contents("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / 100
    }

    private static var release: String {
        contents("/proc/sys/kernel/osrelease").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func field(_ name: String, in path: String) -> String? {
        for line in contents(path).split(separator: "\n") where line.hasPrefix(name) {
            return line.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        return nil
    }

    private static func contents(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
