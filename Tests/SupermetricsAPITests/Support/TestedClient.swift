import Dispatch
import Foundation

@testable import SupermetricsAPI

/// Either client, so that one table of tests serves both.
protocol TestedClient: APIClient {
    static func open<R: Sendable>(
        _ configuration: SupermetricsClient.Configuration,
        _ body: @escaping @Sendable (Self) async throws -> R
    ) async throws -> R
    static func send<Value>(_ call: Call<Value, Self>) async throws -> Response<Value>
    static func pages(_ pages: QueryPages<Self>) async throws -> [QueryPage]
}

extension SupermetricsClient: TestedClient {
    static func open<R: Sendable>(
        _ configuration: SupermetricsClient.Configuration,
        _ body: @escaping @Sendable (SupermetricsClient) async throws -> R
    ) async throws -> R {
        try await withSupermetricsClient(configuration, body)
    }

    static func send<Value>(_ call: Call<Value, SupermetricsClient>) async throws -> Response<Value> {
        try await call.response
    }

    static func pages(_ pages: QueryPages<SupermetricsClient>) async throws -> [QueryPage] {
        var all: [QueryPage] = []
        for try await page in pages { all.append(page) }
        return all
    }
}

extension SupermetricsBlockingClient: TestedClient {
    static func open<R: Sendable>(
        _ configuration: SupermetricsClient.Configuration,
        _ body: @escaping @Sendable (SupermetricsBlockingClient) async throws -> R
    ) async throws -> R {
        let client = try await onPlainThread { try SupermetricsBlockingClient(configuration) }
        defer { client.close() }
        return try await body(client)
    }

    static func send<Value>(_ call: Call<Value, SupermetricsBlockingClient>) async throws -> Response<Value> {
        try await onPlainThread { try call.response }
    }

    static func pages(_ pages: QueryPages<SupermetricsBlockingClient>) async throws -> [QueryPage] {
        try await onPlainThread {
            var all: [QueryPage] = []
            try pages.forEach { all.append($0) }
            return all
        }
    }
}

/// Runs blocking code where it belongs: on a thread no task runs on.
func onPlainThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
