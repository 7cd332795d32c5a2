import Foundation
import PipelineCore
import Synchronization

/// Lets a test kill this process at one of the places listed in `FaultPoints` of PipelineTesting.
///
/// `SLUICE_FAULT_POINT=NAME` stops it the first time it passes the point, `NAME:COUNT` the time with that number.
/// It dies by SIGKILL, as from a power cut: nothing is tidied, no buffer is written out.
enum FaultInjection {
    static let variable = "SLUICE_FAULT_POINT"

    /// Arms the point that the environment names; without the variable, points cost nothing.
    static func install(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let text = environment[variable], !text.isEmpty else { return }
        let parts = text.split(separator: ":", maxSplits: 1)
        let name = String(parts[0])
        let count = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
        let passes = Passes()
        FaultPoint.install { point in
            if point == name, passes.next() == count { kill(getpid(), SIGKILL) }
        }
    }

    private final class Passes: Sendable {
        private let count = Mutex(0)

        func next() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }
}
