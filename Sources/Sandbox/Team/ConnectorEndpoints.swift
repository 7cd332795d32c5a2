import FoundationEssentials
import NIOHTTP1

/// A connector of the team's own making.
struct Connector: Sendable {
    var id: String
    var name: String
    var description: String?
    var createdTime: Date
    var configuration: JSONValue

    /// What a team has before it made any.
    static let first = Connector(
        id: "T3S70",
        name: "Shop orders",
        description: nil,
        createdTime: Team.createdTime,
        configuration: [
            "api": ["base_url": "https://example.com/orders"],
            "report_types": [["id": "orders", "fields": [["id": "order_id", "data_type": "string.text.value"]]]],
        ]
    )

    /// What a new connector holds unless it duplicates another.
    static let defaultConfiguration: JSONValue = ["report_types": []]

    func report(withConfiguration: Bool) -> JSONValue {
        let time = JSONValue.string(DateText.zulu(createdTime))
        var members: [String: JSONValue] = [
            "connector_identifier": .string(id), "name": .string(name), "description": .text(description),
            "logo_url": .null, "created_at": time, "updated_at": time,
        ]
        if withConfiguration {
            members["configuration"] = [
                "version": "1.0.0", "configuration_json": configuration, "created_at": time, "updated_at": time,
            ]
        }
        return .object(members)
    }
}

/// `/v1/teams/{team_id}/connector_builder/connectors` (Supermetrics API: connector builder); answers have no envelope.
enum ConnectorEndpoints {
    private static let path = "/v1/teams/{team_id}/connector_builder/connectors"

    static let routes: [Route] = [
        .strict("GET", path, parameters: ["include_configs"], handler: list),
        .strict(
            "POST",
            path,
            parameters: ["title", "description", "connector_identifier"],
            phase: .create,
            handler: create
        ),
        .strict("GET", path + "/{connector_identifier}", handler: get),
    ]

    @Sendable private static func list(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let withConfiguration = try exchange.strict.flag("include_configs") ?? false
        let connectors = exchange.service.withConnectors { $0 }
        return exchange.bare([
            "count": .integer(connectors.count),
            "connectors": .array(connectors.map { $0.report(withConfiguration: withConfiguration) }),
        ])
    }

    @Sendable private static func create(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let reader = StrictReader(parameters: exchange.parameters, status: 422)
        let title = try reader.requiredText("title", limit: 255)
        let description = try reader.text("description", limit: 1000)
        var configuration = Connector.defaultConfiguration
        if let original = try reader.text("connector_identifier", limit: 100) {
            configuration = try connector(original, exchange).configuration
        }
        let connector = Connector(
            id: identifier(exchange.service.makeNumber(), seed: exchange.options.seed),
            name: title,
            description: description,
            createdTime: exchange.options.now(),
            configuration: configuration
        )
        exchange.service.withConnectors { $0.append(connector) }
        return exchange.bare(connector.report(withConfiguration: true), status: .created)
    }

    @Sendable private static func get(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let found = try connector(exchange.segments["connector_identifier"] ?? "", exchange)
        return exchange.bare(found.report(withConfiguration: true))
    }

    private static func connector(_ id: String, _ exchange: Exchange) throws(APIFailure) -> Connector {
        guard let connector = exchange.service.withConnectors({ all in all.first { $0.id == id } }) else {
            throw APIFailure(404, "CONNECTOR_NOT_FOUND", "Connector '\(id)' does not exist.")
        }
        return connector
    }

    /// Five capital letters and digits; the last three count, so that no two are the same.
    private static func identifier(_ number: UInt64, seed: UInt64) -> String {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        var rest = number + mix(seed, number) % 36 * 46_656 + mix(number, seed) % 26 * 1_679_616 + 10 * 1_679_616
        var characters: [Character] = []
        for _ in 1...5 {
            characters.append(alphabet[Int(rest % 36)])
            rest /= 36
        }
        return String(characters.reversed())
    }
}
