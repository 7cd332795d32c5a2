import Foundation
import Synchronization
import Testing

@testable import SupermetricsAPI

let testKey = "api_TESTkey-0123456789_secret"

/// A client for a scripted server whose waits between attempts pass at once and whose timeouts never come.
func configuration(
    _ server: ScriptedServer,
    clock: TestClock = TestClock(passing: .seconds(100_000)),
    _ change: (inout SupermetricsClient.Configuration) -> Void = { _ in }
) throws -> SupermetricsClient.Configuration {
    var configuration = SupermetricsClient.Configuration(credential: try .apiKey(testKey))
    configuration.baseURL = server.url
    configuration.timeout = .seconds(200_000)
    configuration.idleTimeout = .seconds(200_001)
    configuration.requestTimeout = .seconds(200_002)
    configuration.requestsPerSecond = 100_000
    configuration.clock = clock
    configuration.random = { 0.5 }
    configuration.now = { Date(timeIntervalSince1970: 784_111_777) }
    change(&configuration)
    return configuration
}

/// The room's error that `body` throws.
func failure(_ body: () async throws -> Void) async throws -> SupermetricsError {
    do {
        try await body()
    } catch let error as SupermetricsError {
        return error
    }
    Issue.record("nothing was thrown")
    throw SupermetricsError(.client, "nothing was thrown")
}

extension StreamedResponse {
    func text() async throws -> String {
        String(decoding: try await body.collect(), as: UTF8.self)
    }
}

/// Values noted from several tasks, in order.
final class Notes<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])

    var all: [Value] { values.withLock { $0 } }

    @discardableResult
    func add(_ value: Value) -> Int {
        values.withLock { values in
            values.append(value)
            return values.count
        }
    }
}

/// A number changed from several tasks.
final class Counter: Sendable {
    private let value = Mutex(0)

    @discardableResult
    func add(_ amount: Int) -> Int {
        value.withLock { value in
            value += amount
            return value
        }
    }
}

func bytes(ofBase64 text: String) -> [UInt8] {
    Array(Data(base64Encoded: text) ?? Data())
}
