import Dispatch
import Foundation
import Synchronization
import Testing

@testable import SupermetricsAPI

@Suite("Blocking client", .serialized)
struct BlockingClientTests {
    @Test("many plain threads may call at the same time, and each gets its own answer")
    func threads() async throws {
        let script: ScriptedServer.Script = { request, _ in
            let id = request.path.split(separator: "/").last ?? ""
            return .json(#"{"data":{"team_id":\#(id)}}"#)
        }
        try await withServer(script) { server in
            let settings = try configuration(server)
            try await onPlainThread {
                try withSupermetricsBlockingClient(settings) { client in
                    let right = Counter()
                    DispatchQueue.concurrentPerform(iterations: 100) { index in
                        if (try? client.teams.get(teamID: index + 1).value.id) == index + 1 { right.add(1) }
                    }
                    #expect(right.add(0) == 100)
                }
            }
        }
    }

    @Test("it works while every thread that tasks share is held up", .timeLimit(.minutes(10)))
    func busyPool() async throws {
        let release = DispatchSemaphore(value: 0)
        let width = ProcessInfo.processInfo.activeProcessorCount * 2
        try await withServer({ _, index in
            index == 0 ? .json("", status: 429, [("Retry-After", "0")]) : .json(#"{"data":{"team_id":1}}"#)
        }) { server in
            let settings = try configuration(server)
            let outcome = try await onPlainThread {
                // As many tasks as could ever run at once, each refusing to give its thread back.
                let held = DispatchSemaphore(value: 0)
                for _ in 0..<width {
                    Task.detached {
                        held.signal()
                        Self.block(on: release)
                    }
                }
                defer { for _ in 0..<width { release.signal() } }
                for _ in 0..<width / 2 { held.wait() }
                let client = try SupermetricsBlockingClient(settings)
                defer { client.close() }
                return try client.teams.get(teamID: 1).value.id
            }
            #expect(outcome == 1)
        }
    }

    private static func block(on semaphore: DispatchSemaphore) {
        semaphore.wait()
    }

    @Test("errors come out as they are, and a closed client says so")
    func errors() async throws {
        try await withServer({ _, _ in .json(#"{"error":{"code":"ACCESS_DENIED","message":"m"}}"#, status: 403) }) {
            server in
            let settings = try configuration(server)
            let client = try await onPlainThread { try SupermetricsBlockingClient(settings) }
            let denied = try await failure { try await onPlainThread { _ = try client.logins.list().value } }
            #expect(denied.kind == .permission && denied.code == "ACCESS_DENIED")
            client.close()
            client.close()
            let closed = try await failure { try await onPlainThread { _ = try client.logins.list().raw } }
            #expect(closed.kind == .client)
        }
        let unusable = try await failure {
            var settings = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
            settings.baseURL = "nonsense"
            try await onPlainThread { [settings] in _ = try SupermetricsBlockingClient(settings) }
        }
        #expect(unusable.kind == .client)
    }

    @Test("a client that nobody refers to any more closes its connections")
    func deinitialises() async throws {
        try await withServer({ _, _ in .json(#"{"data":[]}"#) }) { server in
            let settings = try configuration(server)
            weak let gone = try await onPlainThread {
                let client = try SupermetricsBlockingClient(settings)
                _ = try client.logins.list().value
                return WeakBox(client)
            }.client
            #expect(gone == nil)
        }
    }

    private final class WeakBox: Sendable {
        weak let client: SupermetricsBlockingClient?
        init(_ client: SupermetricsBlockingClient) { self.client = client }
    }
}
