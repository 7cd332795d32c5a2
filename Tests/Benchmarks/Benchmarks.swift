import Foundation
import Glibc

/// The program behind `run.sh`: measures one group and prints it as lines of a table.
///
/// It stays small itself: what holds rows (the server, sluice, pigz) runs as its child, so that the peak memory of a
/// child is the child's own.
@main struct Benchmarks {
    /// The groups of measurements.
    enum Group: String, CaseIterable {
        case codecs, stages, gzip, ndjson, memory, windows, postgres, backfills
    }

    static func main() async {
        do {
            try await run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            exit(1)
        }
    }

    @concurrent private static func run(_ arguments: [String]) async throws {
        switch arguments.first {
        case "serve": try await RowServer.serve(RowServer.Options(arguments.dropFirst()))
        case "machine": print(Machine.description)
        case let name?:
            guard let group = Group(rawValue: name) else { fallthrough }
            let setting = Setting()
            var report = Report(isGate: arguments.contains("--gate"))
            try await measure(group, setting, &report)
            guard report.failures == 0 else { throw BenchmarkError("\(report.failures) ratios are beyond the gate") }
        case nil:
            throw BenchmarkError(
                "expected one of: machine, \(Group.allCases.map(\.rawValue).joined(separator: ", ")); use run.sh"
            )
        }
    }

    private static func measure(_ group: Group, _ setting: Setting, _ report: inout Report) async throws {
        switch group {
        case .codecs: try await CodecBenchmarks(setting: setting).run(&report)
        case .stages: try await StageBenchmarks(setting: setting).run(&report)
        case .gzip: try await GzipBenchmarks(setting: setting).run(&report)
        case .ndjson: try await NDJSONBenchmarks(setting: setting).run(&report)
        case .memory: try await MemoryBenchmarks(setting: setting).run(&report)
        case .windows: try await WindowBenchmarks(setting: setting).run(&report)
        case .postgres: try await PostgresBenchmarks(setting: setting).run(&report)
        case .backfills: try await BackfillBenchmarks(setting: setting).run(&report)
        }
    }
}

/// What the environment says about a run of the benchmarks; `run.sh` sets all of it.
struct Setting: Sendable {
    /// The built command.
    var sluice: String
    /// Where outputs are written.
    var folder: String
    /// How often each thing is measured.
    var rounds: Int

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        sluice = environment["SLUICE_BINARY"] ?? "sluice"
        folder = environment["BENCHMARK_FOLDER"] ?? NSTemporaryDirectory() + "sluice-benchmarks"
        rounds = environment["BENCHMARK_ROUNDS"].flatMap { Int($0) } ?? 5
    }
}

/// Why a measurement could not be made, or a gate did not open.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
