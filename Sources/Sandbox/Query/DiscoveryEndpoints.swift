import FoundationEssentials
import NIOHTTP1

/// What there is to query: `/query/accounts`, `/query/segments` and `/query/fields` (Supermetrics API: discovery).
enum DiscoveryEndpoints {
    static let routes = [
        Route(
            methods: ["GET"],
            path: "/query/accounts",
            prefixes: Route.queryPrefixes,
            parameters: ["ds_id", "ds_users", "cache_minutes", "api_key", "pretty"],
            phase: { _ in .discovery },
            handler: accounts
        ),
        Route(
            methods: ["GET"],
            path: "/query/segments",
            prefixes: Route.queryPrefixes,
            parameters: ["ds_id", "ds_users", "cache_minutes", "api_key", "pretty"],
            phase: { _ in .discovery },
            handler: segments
        ),
        Route(
            methods: ["GET"],
            path: "/query/fields",
            prefixes: Route.queryPrefixes,
            parameters: ["ds_id", "ds_accounts", "ds_users", "api_key", "pretty"],
            phase: { _ in .discovery },
            handler: fields
        ),
    ]

    @Sendable private static func accounts(_ exchange: Exchange) async throws -> Answer {
        try perLogin(exchange) { source, login, json in
            json.array("accounts") { json in
                for account in login.accounts {
                    json.object { json in
                        json.string("account_id", account.id)
                        json.string("account_name", account.name)
                        json.string("group_name", account.group)
                    }
                }
            }
        }
    }

    @Sendable private static func segments(_ exchange: Exchange) async throws -> Answer {
        try perLogin(exchange) { source, _, json in
            json.array("segments") { json in
                for segment in source.segments {
                    json.object { json in
                        json.string("segment_id", segment.id)
                        json.string("segment_name", segment.name)
                    }
                }
            }
        }
    }

    /// One object per login asked for, with what `content` writes of it.
    private static func perLogin(
        _ exchange: Exchange,
        _ content: (DataSource, DataSource.Login, inout JSONWriter) -> Void
    ) throws -> Answer {
        let (source, reader) = try source(exchange)
        let users = Set(try reader.list("ds_users", limit: 100).map { $0.lowercased() })
        // Unlike for queries, a cache younger than an hour is not on offer.
        let minutes = try reader.number("cache_minutes", 60...1440)
        let now = exchange.options.now()
        var json = JSONWriter(style: exchange.style)
        json.object { json in
            json.object("meta") { json in
                json.string("request_id", exchange.requestID)
                json.object("query") { json in
                    if let minutes { json.integer("cache_minutes", minutes) } else { json.null("cache_minutes") }
                }
            }
            json.array("data") { json in
                for login in source.logins where users.isEmpty || users.contains(login.user.lowercased()) {
                    json.object { json in
                        json.string("ds_user", login.user)
                        json.string("display_name", login.displayName)
                        json.string("cache_time", DateText.iso(now))
                        content(source, login, &json)
                    }
                }
            }
        }
        return Answer(status: .ok, body: json.bytes)
    }

    @Sendable private static func fields(_ exchange: Exchange) async throws -> Answer {
        let (source, reader) = try source(exchange)
        if try !reader.list("ds_accounts", limit: 100).isEmpty, try reader.list("ds_users", limit: 100).isEmpty {
            throw APIFailure.invalid("ds_users", "is required together with ds_accounts.")
        }
        var json = JSONWriter(style: exchange.style)
        json.object { json in
            json.object("meta") { json in json.string("request_id", exchange.requestID) }
            json.array("data") { json in
                for field in source.fields { write(field, to: &json) }
            }
        }
        return Answer(status: .ok, body: json.bytes)
    }

    private static func write(_ field: SourceField, to json: inout JSONWriter) {
        json.object { json in
            json.string("@type", field.role == .dimension ? "ds_dimension" : "ds_metric")
            json.string("field_id", field.id)
            json.string("field_name", field.name)
            json.string("field_type", field.role.rawValue)
            json.string("data_type", field.dataType)
            json.string("description", "\(field.name) of the sandbox.")
            json.string("group_name", field.group)
            json.bool("is_filterable", true)
            if field.role == .metric { json.bool("is_non_aggregatable", field.isNonAggregatable) }
        }
    }

    private static func source(_ exchange: Exchange) throws(APIFailure) -> (DataSource, DataQueryReader) {
        let catalog = Catalog(exchange.options)
        let reader = DataQueryReader(parameters: exchange.parameters, catalog: catalog, options: exchange.options)
        guard let id = try reader.text("ds_id", limit: 50) else {
            throw .invalid("ds_id", "a data source is required.")
        }
        guard let source = catalog.source(id) else { throw .invalid("ds_id", "data source '\(id)' does not exist.") }
        return (source, reader)
    }
}
