/// One endpoint: where it is, what it is for, how it answers.
struct Route: Sendable {
    let methods: Set<String>
    /// The path without prefix; a segment in braces matches any one and is handed over under that name.
    let path: String
    /// The prefixes under which it is mounted.
    let prefixes: [String]
    /// The parameters the API documents; the others are ignored, or refused by option.
    let parameters: Set<String>
    let phase: @Sendable (RequestParameters) -> Fault.Phase
    let handler: @Sendable (Exchange) async throws -> Answer
    /// Unknown parameters are refused whatever the options say; queries ignore them.
    var refusesUnknown = false
    /// Which part of the service it belongs to.
    var area = Area.core

    /// The parts of the service, as far as they differ in more than their endpoints.
    enum Area: Sendable {
        case core
        /// Transfers and backfills, whose request ids look different.
        case warehouse
        /// The sandbox's own pages: no key, no limits, no faults, no log.
        case sandbox
    }

    /// Queries and discovery are served under three prefixes (Supermetrics API: hosts and routing), longest first.
    static let queryPrefixes = ["/enterprise/v2", "/v2", ""]

    /// The warehouse is served below `/v1`, and without it as a client with one base URL for everything asks.
    static let warehousePrefixes = ["/v1", ""]

    /// Every endpoint; where two fit, the first one counts.
    ///
    /// A further group is a file with its own list, and its name here.
    static let all: [Route] =
        QueryEndpoints.routes + DiscoveryEndpoints.routes + LoginLinkEndpoints.routes + LoginEndpoints.routes
        + TeamEndpoints.routes + ConnectorEndpoints.routes + TransferEndpoints.routes + BackfillEndpoints.routes
        + SandboxEndpoints.routes

    /// An endpoint that is not a query: strict about its parameters.
    static func strict(
        _ method: String,
        _ path: String,
        prefixes: [String] = [""],
        parameters: Set<String> = [],
        phase: Fault.Phase = .discovery,
        area: Area = .core,
        handler: @escaping @Sendable (Exchange) async throws -> Answer
    ) -> Route {
        Route(
            methods: [method],
            path: path,
            prefixes: prefixes,
            parameters: parameters.union(["api_key", "pretty"]),
            phase: { _ in phase },
            handler: handler,
            refusesUnknown: true,
            area: area
        )
    }

    /// An endpoint of the warehouse.
    static func warehouse(
        _ method: String,
        _ path: String,
        parameters: Set<String> = [],
        phase: Fault.Phase = .watch,
        handler: @escaping @Sendable (Exchange) async throws -> Answer
    ) -> Route {
        strict(
            method,
            path,
            prefixes: warehousePrefixes,
            parameters: parameters,
            phase: phase,
            area: .warehouse,
            handler: handler
        )
    }

    struct Match: Sendable {
        var route: Route
        /// The path without its prefix.
        var endpoint: String
        var segments: [String: String]
    }

    /// The routes whose path fits, whatever their methods.
    static func matches(_ path: String) -> [Match] {
        all.compactMap { route in
            for prefix in route.prefixes where path.hasPrefix(prefix) {
                let endpoint = String(path.dropFirst(prefix.count))
                if let segments = route.segments(of: endpoint) {
                    return Match(route: route, endpoint: endpoint, segments: segments)
                }
            }
            return nil
        }
    }

    private func segments(of endpoint: String) -> [String: String]? {
        let wanted = path.split(separator: "/", omittingEmptySubsequences: false)
        let given = endpoint.split(separator: "/", omittingEmptySubsequences: false)
        guard wanted.count == given.count else { return nil }
        var segments: [String: String] = [:]
        for (name, value) in zip(wanted, given) {
            if name.hasPrefix("{"), !value.isEmpty {
                segments[String(name.dropFirst().dropLast())] = String(value)
            } else if name != value {
                return nil
            }
        }
        return segments
    }
}
