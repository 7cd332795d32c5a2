import Backfill
import Sandbox
import SupermetricsAPI
import Synchronization
import TestSupport
import Testing

/// What a watch does where no answer is of use.
@Suite struct BackfillWatchTests {
    /// Watches two backfills whose every look meets `fault`; gives what was warned of.
    private static func watch(
        _ fault: String,
        until isEnough: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) async throws -> (warnings: [String], result: Result<[BackfillWatch.Sight], any Error>) {
        let warnings = Mutex<[String]>([])
        var options = SandboxOptions()
        options.faults = [try Fault(parsing: fault)]
        let result = try await withSandbox(options) { sandbox in
            var configuration = try SupermetricsClient.Configuration(credential: .apiKey(sandbox.apiKey))
            configuration.baseURL = sandbox.baseURL
            configuration.maxAttempts = 1
            configuration.clock = QuickClock()
            return try await withSupermetricsClient(configuration) { client in
                let task = Mutex<Task<[BackfillWatch.Sight], any Error>?>(nil)
                let watch = BackfillWatch(
                    client: client,
                    teamID: 1,
                    backfillIDs: [5, 6],
                    pollInterval: .milliseconds(100),
                    warn: { text in
                        let count = warnings.withLock {
                            $0.append(text)
                            return $0.count
                        }
                        if isEnough(count) { task.withLock { $0?.cancel() } }
                    }
                )
                let running = task.withLock { task in
                    let running = Task { try await watch.run() }
                    task = running
                    return running
                }
                return await running.result
            }
        }
        return (warnings.withLock(\.self), result)
    }

    @Test(arguments: ["html502@watch", "503@watch"])
    func whereNothingUsefulComesItSaysSoAndEnds(_ fault: String) async throws {
        let (warnings, result) = try await Self.watch(fault)
        #expect(throws: SupermetricsError.self) { try result.get() }
        #expect(warnings.count == 7)
        #expect(warnings.allSatisfy { $0.hasSuffix("; looking again") })
    }

    @Test func anAPIThatAsksToWaitIsWaitedFor() async throws {
        let (warnings, result) = try await Self.watch("429@watch") { $0 >= 20 }
        #expect(try result.get().allSatisfy { $0.snapshot == nil && $0.failure == nil })
        #expect(warnings.count >= 20)
    }
}
