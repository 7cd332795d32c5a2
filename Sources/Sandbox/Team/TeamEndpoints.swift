/// `/v1/teams/{team_id}` and the details of data sources (Supermetrics API: teams, data source details).
enum TeamEndpoints {
    static let routes: [Route] = [
        .strict("GET", "/v1/teams/{team_id}", handler: team),
        .strict("GET", "/v1/teams/{team_id}/users", handler: users),
        .strict("GET", "/teams/{team_id}/datasource/{data_source_id}", handler: dataSource),
    ]

    @Sendable private static func team(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        return exchange.enveloped([
            "team_id": .integer(exchange.options.teamID),
            "name": "Sandbox team",
            "display_id": "SM_\(exchange.options.teamID)",
            "status": 1,
            "created_at": .string(DateText.iso(Team.createdTime)),
        ])
    }

    @Sendable private static func users(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let members = Team.members.map { member -> JSONValue in
            [
                "user_id": .integer(member.id),
                "email": .string(member.email),
                "first_name": .string(member.firstName),
                "last_name": .string(member.lastName),
                "role": .string(member.role),
                "created_at": .string(DateText.iso(Team.createdTime)),
            ]
        }
        return exchange.enveloped(.array(members))
    }

    @Sendable private static func dataSource(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam(orElse: 404)
        let application = exchange.request.header("Sm-App-Id").last ?? ""
        guard application.count <= 100 else {
            throw APIFailure.outOfBounds("Sm-App-Id", "must not be longer than 100 characters.")
        }
        let id = exchange.segments["data_source_id"] ?? ""
        guard id.count <= 100 else {
            throw APIFailure.outOfBounds("data_source_id", "must not be longer than 100 characters.")
        }
        guard let source = Catalog(exchange.options).source(id) else {
            throw APIFailure(404, "NOT_FOUND", "Data source '\(id)' does not exist.")
        }
        return exchange.enveloped(source.details)
    }
}

extension DataSource {
    /// What the API tells of a data source beside its fields.
    fileprivate var details: JSONValue {
        [
            "id": .string(id),
            "name": .string(name),
            "description": "\(name) as the sandbox invents it.",
            "marketing_name": .null,
            "logo_url": "https://example.com/logos/\(id).png",
            "categories": [.string(segments.isEmpty ? "Paid Media" : "Analytics")],
            "products": ["API", "Data Warehouse"],
            "status": "Released",
            "is_premium": false,
            "tags": [],
            "is_authentication_required": true,
            "has_account_list": true,
            "has_fields": true,
            "has_segments": .bool(!segments.isEmpty),
            "has_report_type_selection": true,
            "is_date_range_required": true,
            "is_custom_data_import": false,
            "min_metrics": 0,
            "max_metrics": .null,
            "min_dimensions": 0,
            "max_dimensions": 100,
            "report_type_header_label": "Report type",
            "account_labels": ["singular": "account", "plural": "accounts"],
            "report_types": [
                [
                    "id": "standard", "label": "Standard report", "is_date_range_required": true,
                    "is_free_text_account_required": false,
                    "settings": [
                        [
                            "setting_id": "avoid_sampling", "context": "reportConfiguration", "type": "checkbox",
                            "label": "Avoid sampling", "help_text": .null, "default_value": .null, "options": [],
                            "is_value_required": false,
                        ]
                    ],
                ]
            ],
            "common_settings": [
                [
                    "setting_id": "timezone", "context": "options", "type": "select", "label": "Time zone",
                    "help_text": "The zone in which today is taken.", "default_value": "UTC",
                    "options": [
                        ["option_id": "UTC", "label": "UTC"],
                        ["option_id": "Europe/Helsinki", "label": "Helsinki"],
                    ], "is_value_required": false,
                ]
            ],
        ]
    }
}
