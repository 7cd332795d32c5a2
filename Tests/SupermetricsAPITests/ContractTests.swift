import Foundation
import Testing

@testable import SupermetricsAPI

/// What one call sends, byte for byte but for percent-encoding, and what it makes of an answer.
struct Contract<Client: TestedClient>: Sendable, CustomTestStringConvertible {
    /// The request line, percent-decoded.
    var line: String
    var body: String?
    var contentType: String?
    /// Fields beyond those every request has.
    var headers: [String: String] = [:]
    var answer: ScriptedServer.Answer
    /// What the value says.
    var says: [String?]
    var ask: @Sendable (Client) async throws -> [String?]

    var testDescription: String { line }

    init<Value>(
        _ line: String,
        json body: String? = nil,
        form: String? = nil,
        headers: [String: String] = [:],
        status: Int = 200,
        answer: String,
        location: String? = nil,
        _ call: @escaping @Sendable (Client) -> Call<Value, Client>,
        says: [String?],
        _ read: @escaping @Sendable (Value) -> [String?]
    ) {
        self.line = line
        self.body = body ?? form
        contentType = body != nil ? "application/json" : form != nil ? "application/x-www-form-urlencoded" : nil
        self.headers = headers
        let fields = [("X-RateLimit-Limit", "5000"), ("X-RateLimit-Remaining", "4999"), ("X-Request-Id", "header-id")]
        self.answer = .json(answer, status: status, fields + (location.map { [("Location", $0)] } ?? []))
        self.says = says
        ask = { client in
            let response = try await Client.send(call(client))
            #expect(response.raw.status == status)
            #expect(response.raw.rateLimit == 5000 && response.raw.rateLimitRemaining == 4999)
            #expect(response.raw.requestID == (answer.contains(#""request_id":"r""#) ? "r" : "header-id"))
            #expect(response.raw.headers["Location"] == location)
            #expect(String(decoding: response.raw.body, as: UTF8.self) == answer)
            return read(response.value)
        }
    }
}

private let backfill =
    #"{"transfer_backfill_id":9007199254740993,"transfer_id":2,"range_start_date":"2024-01-01","range_end_date":"2024-01-31","created_time":"2024-02-01T10:00:00Z","created_user_id":5,"start_time":null,"status":"CREATED","transfer_runs_total":31,"transfer_runs_created":0,"transfer_runs_completed":0,"transfer_runs_failed":0,"error_report":[]}"#
private let link =
    #"{"link_id":"l_1","status_code":"OPEN","description":"d","ds_id":"GAWA","ds_name":"GA4","login_url":"https://x/l","created_time":"2025-01-01T00:00:00Z","expiry_time":"2025-01-02T00:00:00Z","login_id":null}"#
private let login =
    #"{"@type":"ds_login","login_id":"dsl_1","username":"u@x","display_name":"U","ds_info":{"@type":"ds","ds_id":"AW","name":"Google Ads"},"auth_time":"2025-01-01T00:00:00+00:00","is_refreshable":true,"is_shared":false}"#
private let connector =
    #"{"connector_identifier":"T3S70","name":"Mine","description":null,"logo_url":null,"created_at":"2025-01-01","updated_at":"2025-01-01T00:00:00Z"}"#

private func enveloped(_ data: String) -> String { #"{"meta":{"request_id":"r"},"data":\#(data)}"# }

/// Every call of every resource once, as the API's reference has it.
private func contracts<Client: TestedClient>(_: Client.Type) -> [Contract<Client>] {
    let team = "/teams/1"
    let read: @Sendable (Backfill) -> [String?] = { ["\($0.id)", "\($0.status)", "\($0.rangeStart)...\($0.rangeEnd)"] }
    let said = ["9007199254740993", "CREATED", "2024-01-01...2024-01-31"]
    let start = Date(timeIntervalSince1970: 1_704_067_200)
    return [
        // Backfills
        Contract(
            "POST \(team)/transfers/2/backfills",
            json: #"{"range_start":"2024-01-01","range_end":"2024-01-31"}"#,
            answer: enveloped(backfill),
            {
                $0.backfills.create(
                    teamID: 1,
                    transferID: 2,
                    rangeStart: CalendarDay(number: 19_723),
                    rangeEnd: CalendarDay(number: 19_753)
                )
            },
            says: said,
            read
        ),
        Contract(
            "GET \(team)/backfills/9007199254740993",
            answer: enveloped(backfill),
            { $0.backfills.get(teamID: 1, backfillID: 9_007_199_254_740_993) },
            says: said,
            read
        ),
        Contract(
            "GET \(team)/transfers/2/backfills/latest",
            answer: enveloped(backfill),
            { $0.backfills.getLatest(teamID: 1, transferID: 2) },
            says: said,
            read
        ),
        Contract(
            "GET \(team)/backfills",
            answer: enveloped("[\(backfill)]"),
            { $0.backfills.listIncomplete(teamID: 1) },
            says: ["9007199254740993"],
            { $0.map { "\($0.id)" } }
        ),
        Contract(
            "PATCH \(team)/backfills/9",
            json: #"{"status":"CANCELLED"}"#,
            answer: enveloped(backfill.replacing("CREATED", with: "CANCELLED")),
            { $0.backfills.cancel(teamID: 1, backfillID: 9) },
            says: ["9007199254740993", "CANCELLED", "2024-01-01...2024-01-31"],
            read
        ),
        // Transfers and their runs
        Contract(
            "GET \(team)/transfers",
            answer: enveloped(
                #"[{"dwh_transfer_id":2,"display_name":"T","state":"active","schedule":"daily","accounts":["a",7]}]"#
            ),
            { $0.transfers.list(teamID: 1) },
            says: ["2 T true daily a,7"],
            {
                $0.map {
                    "\($0.id) \($0.displayName ?? "") \($0.state == .active) \($0.schedule ?? "") "
                        + $0.accounts.joined(separator: ",")
                }
            }
        ),
        Contract(
            "GET \(team)/transfers/2",
            answer:
                #"{"transfer_id":2,"display_name":"T","schema_id":3,"destination_id":4,"accounts":[{"login_id":5,"account_id":"6"}],"schedule":[{"run_interval":"daily","run_hour":3,"refresh_window":7}],"data_source":{"data_source_id":"AW"}}"#,
            { $0.transfers.get(teamID: 1, transferID: 2) },
            says: ["2", "AW", "6", "5", "daily", "7"],
            {
                [
                    "\($0.id)", $0.dataSourceID, $0.accounts[0].accountID, $0.accounts[0].loginID.map(String.init),
                    $0.schedule[0].runInterval, $0.schedule[0].refreshWindow.map(String.init),
                ]
            }
        ),
        Contract(
            "GET \(team)/transfers/2/runs?start_date=2024-01-01T00:00:00Z&end_date=2024-01-02T00:00:01Z",
            answer: enveloped(#"[{"id":3,"status":"COMPLETED","type":"Backfill","data_date":"2024-01-01"}]"#),
            {
                $0.transferRuns.list(
                    teamID: 1,
                    transferID: 2,
                    startDate: start,
                    endDate: start.addingTimeInterval(86_401)
                )
            },
            says: ["3 true 2024-01-01"],
            { $0.map { "\($0.id) \($0.type == .backfill) \($0.dataDate?.description ?? "")" } }
        ),
        Contract(
            "GET \(team)/transfers/2/runs?start_date=2024-01-01T00:00:00Z&end_date=2024-01-01T00:00:00Z&filter_issues_only=true&sort_field=data_date&sort_direction=DESC&limit=10000&offset=5",
            answer: enveloped("[]"),
            {
                $0.transferRuns.list(
                    teamID: 1,
                    transferID: 2,
                    startDate: start,
                    endDate: start,
                    filterIssuesOnly: true,
                    sortField: .dataDate,
                    sortDirection: .descending,
                    limit: 10_000,
                    offset: 5
                )
            },
            says: [],
            { $0.map { "\($0.id)" } }
        ),
        Contract(
            "GET \(team)/transfer_runs/3",
            answer: enveloped(
                #"{"id":3,"status":"FAILED","total_duration":1.5,"query_details":[{"rows":7,"error_description":"no"}]}"#
            ),
            { $0.transferRuns.get(teamID: 1, transferRunID: 3) },
            says: ["3", "true", "1.5", "7", "no"],
            {
                [
                    "\($0.id)", "\($0.status == .failed)", $0.totalDuration.map { "\($0)" },
                    $0.queryDetails[0].rows.map(String.init), $0.queryDetails[0].errorDescription,
                ]
            }
        ),
        // Login links
        Contract(
            "POST /ds/login/link",
            json: #"{"ds_id":"GAWA"}"#,
            status: 201,
            answer: enveloped(link),
            location: "https://api.supermetrics.com/ds/login/link/other",
            { $0.loginLinks.create(dsID: "GAWA") },
            says: ["l_1", "true", "https://x/l"],
            { [$0.id, "\($0.status == .open)", $0.loginURL] }
        ),
        Contract(
            "POST /ds/login/link",
            json:
                #"{"ds_id":"GAWA","description":"d/ä","expiry_time":"2024-01-01T00:00:00Z","require_username":"u@x","redirect_url":"https://me/?a=b"}"#,
            status: 201,
            answer: enveloped(link),
            {
                $0.loginLinks.create(
                    dsID: "GAWA",
                    description: "d/ä",
                    expiryTime: .at(start),
                    requireUsername: "u@x",
                    redirectURL: "https://me/?a=b"
                )
            },
            says: ["l_1"],
            { [$0.id] }
        ),
        Contract(
            "POST /ds/login/link",
            json: #"{"ds_id":"GAWA","expiry_time":"10 hours"}"#,
            status: 201,
            answer: enveloped(link),
            { $0.loginLinks.create(dsID: "GAWA", expiryTime: .after("10 hours")) },
            says: ["l_1"],
            { [$0.id] }
        ),
        Contract(
            "GET /ds/login/link/l_1",
            answer: enveloped(link.replacing(#""login_id":null"#, with: #""login_id":"dsl_1""#)),
            { $0.loginLinks.get(linkID: "l_1") },
            says: ["true", "dsl_1"],
            { ["\($0.isUsed)", $0.loginID] }
        ),
        Contract(
            "GET /ds/login/links",
            answer: enveloped("[\(link)]"),
            { $0.loginLinks.list() },
            says: ["l_1"],
            { $0.map(\.id) }
        ),
        Contract(
            "PATCH /ds/login/link/l_1",
            json: #"{"description":"new"}"#,
            answer: enveloped(link),
            { $0.loginLinks.update(linkID: "l_1", description: "new") },
            says: ["d"],
            { [$0.summary] }
        ),
        Contract(
            "PATCH /ds/login/link/l_1",
            json: #"{"description":null}"#,
            answer: enveloped(link),
            { $0.loginLinks.update(linkID: "l_1", description: .clear) },
            says: ["l_1"],
            { [$0.id] }
        ),
        Contract(
            "PATCH /ds/login/link/l_1",
            json: "{}",
            answer: enveloped(link),
            { $0.loginLinks.update(linkID: "l_1", description: .keep) },
            says: ["l_1"],
            { [$0.id] }
        ),
        Contract(
            "PUT /ds/login/link/l_1/close",
            answer: enveloped(link.replacing("OPEN", with: "CLOSED")),
            { $0.loginLinks.close(linkID: "l_1") },
            says: ["CLOSED"],
            { [$0?.status?.rawValue] }
        ),
        Contract(
            "PUT /ds/login/link/l_1/close",
            status: 204,
            answer: "",
            { $0.loginLinks.close(linkID: "l_1") },
            says: ["true"],
            { ["\($0 == nil)"] }
        ),
        // Logins
        Contract(
            "GET /ds/login/dsl_1",
            answer: enveloped(login),
            { $0.logins.get(loginID: "dsl_1") },
            says: ["dsl_1", "AW", "Google Ads", "true"],
            { [$0.id, $0.dsID, $0.dsName, "\($0.isRefreshable == true && $0.isShared == false)"] }
        ),
        Contract(
            "GET /ds/logins",
            answer: enveloped("[\(login)]"),
            { $0.logins.list() },
            says: ["u@x"],
            { $0.map(\.username) }
        ),
        Contract(
            "GET /ds/logins",
            answer: enveloped("[{\"login_id\":\"dsl_0\",\"username\":\"U@X\"},\(login)]"),
            { $0.logins.getByUsername("u@x") },
            says: ["dsl_1"],
            { [$0.id] }
        ),
        Contract(
            "GET /ds/login/dsl_1/accounts?offset=0&limit=100",
            answer:
                #"{"meta":{"request_id":"r","paginate":{"offset":0,"limit":100,"total":2}},"data":[{"@type":"ds_account","account_id":1,"name":"N","group":"G"}]}"#,
            { $0.logins.getAccounts(loginID: "dsl_1") },
            says: ["2", "1", "N", "G"],
            { [$0.total.map(String.init), $0.accounts[0].id, $0.accounts[0].name, $0.accounts[0].groupName] }
        ),
        Contract(
            "GET /ds/login/dsl_1/accounts?offset=1000000&limit=1000",
            answer: enveloped("[]"),
            { $0.logins.getAccounts(loginID: "dsl_1", offset: 1_000_000, limit: 1000) },
            says: [nil],
            { [$0.total.map(String.init)] }
        ),
        Contract(
            "DELETE /ds/login/dsl_1",
            answer: #"{"data":{"result":true}}"#,
            { $0.logins.revoke(loginID: "dsl_1") },
            says: ["true"],
            { ["\($0)"] }
        ),
        Contract(
            "DELETE /ds/login/dsl_1",
            status: 204,
            answer: "",
            { $0.logins.revoke(loginID: "dsl_1") },
            says: ["true"],
            { ["\($0)"] }
        ),
        // Discovery
        Contract(
            #"GET /query/accounts?json={"ds_id":"AW","ds_users":["a@x","b@x"],"cache_minutes":1440}"#,
            answer: enveloped(
                #"[{"ds_user":"a@x","accounts":[{"account_id":1}]},{"ds_user":"b@x","accounts":[{"account_id":"1"}]}]"#
            ),
            { $0.accounts.list(dsID: "AW", loginUsernames: ["a@x", "b@x"], cacheMinutes: 1440) },
            says: ["1 a@x", "1 b@x"],
            { $0.accounts.map { "\($0.id) \($0.loginUsername ?? "")" } }
        ),
        Contract(
            #"GET /query/segments?json={"ds_id":"GAWA","ds_users":["a@x"],"cache_minutes":60}"#,
            answer: enveloped(
                #"[{"ds_user":"a@x","segments":[{"segment_id":"s","segment_name":"S"}]},{"segments":null}]"#
            ),
            { $0.segments.list(dsID: "GAWA", loginUsernames: ["a@x"], cacheMinutes: 60) },
            says: ["s S a@x"],
            { $0.segments.map { "\($0.id) \($0.name ?? "") \($0.loginUsername ?? "")" } }
        ),
        Contract(
            #"GET /query/fields?json={"ds_id":"AW","ds_accounts":["1"],"ds_users":["u"]}"#,
            answer: enveloped(#"[{"field_id":"Cost","field_type":"met","is_filterable":true}]"#),
            { $0.fields.list(dsID: "AW", accounts: ["1"], loginUsernames: ["u"]) },
            says: ["Cost true true"],
            { $0.map { "\($0.id) \($0.fieldType == .metric) \($0.isFilterable == true)" } }
        ),
        // Queries
        Contract(
            "POST /query/data/json",
            json:
                #"{"ds_id":"AW","ds_accounts":["1"],"fields":["Date"],"start_date":"2024-01-01","end_date":"yesterday","filter":"a > 1","schedule_id":"s","sync_timeout":0}"#,
            status: 202,
            answer: #"{"meta":{"request_id":"r","schedule_id":"s","status_code":"QUEUED"},"data":[]}"#,
            {
                var query = DataQuery(
                    dsID: "AW",
                    dsAccounts: ["1"],
                    fields: ["Date"],
                    startDate: "2024-01-01",
                    endDate: "yesterday"
                )
                (query.filter, query.scheduleID, query.syncTimeout) = ("a > 1", "s", 0)
                return $0.queries.execute(query)
            },
            says: ["202", "s", "QUEUED"],
            { ["\($0.httpStatus)", $0.scheduleID, $0.statusCode] }
        ),
        Contract(
            #"GET /query/data/json?json={"ds_id":"","schedule_id":"req-1"}"#,
            answer: #"{"meta":{"request_id":"r","status_code":"success"},"data":[["x",1]]}"#,
            { $0.queries.getResults(id: "req-1") },
            says: ["x", "1"],
            { $0.rows[0].map(\.textValue) }
        ),
        // Data source details
        Contract(
            "GET \(team)/datasource/AW",
            answer: enveloped(
                #"{"id":"AW","name":"Google Ads","status":"Released","categories":["Paid Media"],"report_types":[{"id":"r","label":"R","settings":[{"setting_id":"s","options":[{"option_id":"o","label":"O"}]}]}],"common_settings":null}"#
            ),
            { $0.dataSourceDetails.get(teamID: 1, dataSourceID: "AW") },
            says: ["AW", "true", "R", "o"],
            {
                [
                    $0.id, "\($0.status == .released)", $0.reportTypes[0].name,
                    $0.reportTypes[0].settings[0].options[0].id,
                ]
            }
        ),
        Contract(
            "GET \(team)/datasource/a/b",
            headers: ["Sm-App-Id": "XPLD"],
            answer: enveloped(#"{"id":"a/b"}"#),
            { $0.dataSourceDetails.get(teamID: 1, dataSourceID: "a/b", smAppID: "XPLD") },
            says: ["a/b"],
            { [$0.id] }
        ),
        // Teams
        Contract(
            "GET /v1/teams/1",
            answer: enveloped(#"{"team_id":1,"name":"T","display_id":"SM_1","status":3}"#),
            { $0.teams.get(teamID: 1) },
            says: ["1", "T", "SM_1", "3"],
            { ["\($0.id)", $0.name, $0.displayID, $0.status.map(String.init)] }
        ),
        Contract(
            "GET /v1/teams/1/users",
            answer: enveloped(#"[{"user_id":1,"role":"ADMIN"},{"user_id":"2","role":"member","email":"e"}]"#),
            { $0.teams.listUsers(teamID: 1) },
            says: ["1 true", "2 false"],
            { $0.map { "\($0.id) \($0.role == .admin)" } }
        ),
        // Connectors
        Contract(
            "GET /v1/teams/1/connector_builder/connectors?include_configs=false",
            answer: #"{"count":1,"connectors":[\#(connector)]}"#,
            { $0.connectors.list(teamID: 1) },
            says: ["T3S70 Mine true"],
            { $0.map { "\($0.id) \($0.name ?? "") \($0.configuration == nil)" } }
        ),
        Contract(
            "GET /v1/teams/1/connector_builder/connectors?include_configs=true",
            answer:
                #"{"count":1,"connectors":[{"connector_identifier":"A","configuration":{"version":"1.0.0","configuration_json":{"a":1}}}]}"#,
            { $0.connectors.list(teamID: 1, includeConfigs: true) },
            says: [#"A 1.0.0 {"a":1}"#],
            {
                $0.map {
                    "\($0.id) \($0.configuration?.version ?? "") \($0.configuration?.configurationJSON ?? .null)"
                }
            }
        ),
        Contract(
            "GET /v1/teams/1/connector_builder/connectors/T3S70",
            answer: connector,
            { $0.connectors.get(teamID: 1, connectorIdentifier: "T3S70") },
            says: ["Mine"],
            { [$0.name] }
        ),
        Contract(
            "POST /v1/teams/1/connector_builder/connectors",
            form: "title=My%20%C3%A4%20%26%20co&description=d&connector_identifier=T3S70",
            status: 201,
            answer: connector,
            {
                $0.connectors.create(teamID: 1, title: "My ä & co", description: "d", connectorIdentifier: "T3S70")
            },
            says: ["T3S70"],
            { [$0.id] }
        ),
        // Data source connections
        Contract(
            "POST \(team)/data-source-connections",
            json: #"{"data_source_id":"ADM","destination_type":"SQL_BQ"}"#,
            status: 201,
            answer: enveloped(
                #"{"connection_id":"019461A0-0000-7000-8000-000000000001","login_url":null,"connect_url":null}"#
            ),
            location: "https://dts-api.supermetrics.com/v1/teams/1/data-source-connections/another-id",
            { $0.dataSourceConnections.create(teamID: 1, dataSourceID: "ADM", destinationType: "SQL_BQ") },
            says: ["019461A0-0000-7000-8000-000000000001", nil],
            { [$0.id, $0.loginURL] }
        ),
    ]
}

/// Calls that cannot be right, and the parameter that is at fault.
private func refusals<Client: TestedClient>(_: Client.Type) -> [(String, @Sendable (Client) async throws -> Void)] {
    func refusal<Value>(
        _ parameter: String,
        _ call: @escaping @Sendable (Client) -> Call<Value, Client>
    ) -> (String, @Sendable (Client) async throws -> Void) {
        (parameter, { _ = try await Client.send(call($0)) })
    }
    let (day, date) = (CalendarDay(number: 0), Date(timeIntervalSince1970: 0))
    @Sendable func long(_ count: Int) -> String { String(repeating: "x", count: count) }
    return [
        refusal("team_id") { $0.backfills.listIncomplete(teamID: 0) },
        refusal("transfer_id") { $0.backfills.getLatest(teamID: 1, transferID: -1) },
        refusal("backfill_id") { $0.backfills.cancel(teamID: 1, backfillID: 0) },
        refusal("range_end") {
            $0.backfills.create(teamID: 1, transferID: 1, rangeStart: day.advanced(by: 1), rangeEnd: day)
        },
        refusal("limit") {
            $0.transferRuns.list(teamID: 1, transferID: 1, startDate: date, endDate: date, limit: 10_001)
        },
        refusal("end_date") {
            $0.transferRuns.list(teamID: 1, transferID: 1, startDate: date, endDate: date - 1)
        },
        refusal("transfer_run_id") { $0.transferRuns.get(teamID: 1, transferRunID: 0) },
        refusal("ds_id") { $0.loginLinks.create(dsID: " ") },
        refusal("ds_id") { $0.accounts.list(dsID: long(51)) },
        refusal("description") { $0.loginLinks.create(dsID: "A", description: long(1001)) },
        refusal("require_username") { $0.loginLinks.create(dsID: "A", requireUsername: long(256)) },
        refusal("redirect_url") { $0.loginLinks.create(dsID: "A", redirectURL: long(501)) },
        refusal("link_id") { $0.loginLinks.get(linkID: "a/b") },
        refusal("link_id") { $0.loginLinks.close(linkID: "") },
        refusal("description") { $0.loginLinks.update(linkID: "a", description: .set(long(1001))) },
        refusal("login_id") { $0.logins.revoke(loginID: "") },
        refusal("offset") { $0.logins.getAccounts(loginID: "a", offset: -1) },
        refusal("limit") { $0.logins.getAccounts(loginID: "a", limit: 1001) },
        refusal("login_username") { $0.logins.getByUsername("") },
        refusal("cache_minutes") { $0.segments.list(dsID: "A", cacheMinutes: 59) },
        refusal("ds_users") { $0.accounts.list(dsID: "A", loginUsernames: [long(256)]) },
        refusal("data_source_id") { $0.dataSourceDetails.get(teamID: 1, dataSourceID: "") },
        refusal("Sm-App-Id") { $0.dataSourceDetails.get(teamID: 1, dataSourceID: "A", smAppID: "a\r\nb") },
        refusal("title") { $0.connectors.create(teamID: 1, title: "") },
        refusal("title") { $0.connectors.create(teamID: 1, title: long(256)) },
        refusal("connector_identifier") { $0.connectors.get(teamID: 1, connectorIdentifier: "") },
        refusal("data_source_id") {
            $0.dataSourceConnections.create(teamID: 1, dataSourceID: "adm", destinationType: "SQL_BQ")
        },
        refusal("destination_type") {
            $0.dataSourceConnections.create(teamID: 1, dataSourceID: "ADM", destinationType: "SQL-BQ")
        },
        refusal("ds_id") { $0.queries.execute(["fields": ["a"]]) },
        refusal("max_rows") { $0.queries.execute(["ds_id": "A", "max_rows": 1_000_001]) },
        refusal("schedule_id") { $0.queries.execute(["ds_id": "A", "schedule_id": "a b"]) },
        refusal("sync_timeout") { $0.queries.execute(["ds_id": "A", "sync_timeout": 3601]) },
        refusal("cache_minutes") { $0.queries.executeAndWait(["ds_id": "A", "cache_minutes": 10_081]) },
        refusal("end_date") {
            $0.queries.execute(DataQuery(dsID: "A", fields: ["a"], startDate: "2024-02-01", endDate: "2024-01-01"))
        },
        refusal("fields") {
            $0.queries.execute(DataQuery(dsID: "A", fields: Array(repeating: "a", count: 101)))
        },
        refusal("api_key") { $0.queries.execute(["ds_id": "A", "api_key": "x"]) },
        refusal("query_id") { $0.queries.getResults(id: "") },
    ]
}

@Suite("Contract of every call")
struct ContractTests {
    @Test("the asynchronous client", arguments: contracts(SupermetricsClient.self))
    func asynchronous(contract: Contract<SupermetricsClient>) async throws {
        try await keeps(contract)
    }

    @Test("the blocking client", arguments: contracts(SupermetricsBlockingClient.self))
    func blocking(contract: Contract<SupermetricsBlockingClient>) async throws {
        try await keeps(contract)
    }

    private func keeps<Client>(_ contract: Contract<Client>) async throws {
        try await withServer({ _, _ in contract.answer }) { server in
            let says = try await Client.open(configuration(server)) { try await contract.ask($0) }
            #expect(says == contract.says)
            try #require(server.requests.count == 1)
            let sent = server.requests[0]
            let query = sent.uri.dropFirst(sent.path.count).removingPercentEncoding ?? ""
            #expect("\(sent.method) \(sent.path.removingPercentEncoding ?? "")\(query)" == contract.line)
            #expect(sent.text == contract.body ?? "")
            #expect(sent.values("Content-Type") == (contract.contentType.map { [$0] } ?? []))
            #expect(sent.values("Authorization") == ["Bearer \(testKey)"])
            #expect(sent.values("Accept") == ["application/json"])
            #expect(sent.values("User-Agent") == ["sluice/\(SupermetricsClient.version)"])
            for (name, value) in contract.headers { #expect(sent.values(name) == [value]) }
            #expect(contract.headers["Sm-App-Id"] != nil || sent.values("Sm-App-Id").isEmpty)
        }
    }

    @Test("calls of the warehouse go to their own host under /v1, all others to the core's")
    func routing() async throws {
        let answers = Notes<ScriptedServer.Answer>()
        let script: ScriptedServer.Script = { _, _ in answers.all.last ?? .json("{}") }
        try await withServer(script) { core in
            try await withServer(script) { dts in
                let settings = try configuration(core) {
                    $0.dtsBaseURL = dts.url
                    $0.queryPathPrefix = "/enterprise/v2"
                }
                let all = contracts(SupermetricsClient.self)
                try await withSupermetricsClient(settings) { client in
                    for contract in all {
                        answers.add(contract.answer)
                        let says = try await contract.ask(client)
                        #expect(says == contract.says)
                    }
                }
                let lines = all.map { $0.line.split(separator: " ")[1] }
                let warehouse = lines.filter {
                    $0.hasPrefix("/teams/1/") && !$0.hasPrefix("/teams/1/datasource/")
                }
                #expect(dts.requests.count == warehouse.count && warehouse.count == 11)
                #expect(dts.requests.allSatisfy { $0.uri.hasPrefix("/v1/teams/1/") })
                #expect(core.requests.count == all.count - warehouse.count)
                for request in core.requests {
                    let isPrefixed = request.path.hasPrefix("/enterprise/v2/")
                    let takesPrefix = request.path.contains("/query/") || request.path.contains("/ds/")
                    #expect(isPrefixed == takesPrefix)
                }
            }
        }
    }

    @Test("one base URL that ends in /v1 serves the warehouse as it did before there was routing")
    func oneBase() async throws {
        try await withServer({ _, _ in .json(enveloped(backfill)) }) { server in
            let settings = try configuration(server) { $0.baseURL += "/v1/" }
            try await withSupermetricsClient(settings) {
                _ = try await $0.backfills.get(teamID: 1, backfillID: 2).value
            }
            #expect(server.requests.map(\.uri) == ["/v1/teams/1/backfills/2"])
        }
    }

    @Test("parameters the API would refuse are refused before anything is sent, by both clients")
    func refused() async throws {
        try await withServer({ _, _ in .json("{}") }) { server in
            try await refuses(refusals(SupermetricsClient.self), server)
            try await refuses(refusals(SupermetricsBlockingClient.self), server)
            #expect(server.requests.isEmpty)
        }
    }

    private func refuses<Client: TestedClient>(
        _ calls: [(String, @Sendable (Client) async throws -> Void)],
        _ server: ScriptedServer
    ) async throws {
        try await Client.open(configuration(server)) { client in
            for (parameter, call) in calls {
                let error = try await failure { try await call(client) }
                #expect(error.kind == .client && error.message.contains(parameter), "\(parameter): \(error)")
            }
        }
    }

    @Test("a cancelling that is confirmed without a body is followed by a look")
    func cancelWithoutBody() async throws {
        let script: ScriptedServer.Script = { request, _ in
            request.method == "PATCH"
                ? ScriptedServer.Answer([.send(ScriptedServer.Answer.head(204, []))])
                : .json(enveloped(backfill.replacing("CREATED", with: "CANCELLED")))
        }
        try await withServer(script) { server in
            try await withSupermetricsClient(configuration(server)) { client in
                let cancelled = try await client.backfills.cancel(teamID: 1, backfillID: 9).value
                #expect(cancelled.status == .cancelled)
            }
            #expect(
                server.requests.map { "\($0.method) \($0.path)" }
                    == ["PATCH", "GET"].map { $0 + " /teams/1/backfills/9" }
            )
        }
    }

    @Test("a write whose outcome is unknown is not repeated; a read is")
    func doubtfulWrites() async throws {
        let script: ScriptedServer.Script = { request, _ in
            request.method == "GET" ? .json("", status: 500) : ScriptedServer.Answer([.close])
        }
        try await withServer(script) { server in
            try await withSupermetricsClient(configuration(server) { $0.maxAttempts = 3 }) { client in
                let error = try await failure {
                    _ = try await client.backfills.create(
                        teamID: 1,
                        transferID: 2,
                        rangeStart: CalendarDay(number: 0),
                        rangeEnd: CalendarDay(number: 0)
                    ).value
                }
                #expect(error.outcomeIsUnknown && error.isNetwork)
                #expect("\(error)".contains("it may have been done all the same: look before sending it again"))
                let read = try await failure {
                    _ = try await client.backfills.getLatest(teamID: 1, transferID: 2).value
                }
                #expect(!"\(read)".contains("look before"))
            }
            #expect(server.requests.map(\.method) == ["POST", "GET", "GET", "GET"])
        }
    }
}
