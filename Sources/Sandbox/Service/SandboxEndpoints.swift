import FoundationEssentials
import NIOHTTP1

/// The sandbox's own pages below `/sandbox`, for tests from outside the process: they need no key and are no part of
/// the API.
enum SandboxEndpoints {
    static let routes: [Route] = [
        .strict("GET", "/sandbox/backfills", area: .sandbox, handler: history),
        .strict("POST", "/sandbox/backfills/{backfill_id}/cancel", area: .sandbox) { exchange in
            try changed(exchange, exchange.service.cancelBackfill)
        },
        .strict("POST", "/sandbox/backfills/{backfill_id}/remove", area: .sandbox) { exchange in
            try changed(exchange, exchange.service.removeBackfill)
        },
    ]

    @Sendable private static func history(_ exchange: Exchange) async throws -> Answer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Answer(status: .ok, body: Array(try encoder.encode(exchange.service.backfillHistory)))
    }

    private static func changed(_ exchange: Exchange, _ change: (Int) -> Bool) throws -> Answer {
        let id = try exchange.pathNumber("backfill_id")
        guard change(id) else { throw APIFailure(404, "NOT_FOUND", "Backfill \(id) cannot be changed.") }
        return exchange.bare(["result": true])
    }
}
