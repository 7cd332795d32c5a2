import SupermetricsAPI

/// The examples of the documentation, each as it stands there, so that none of them ever fails to compile.
enum DocumentationExamples {
    /// Where an example keeps its tokens.
    struct Vault: Sendable {
        func token(isFresh: Bool) async throws -> String { "" }
    }

    /// Stands for what a reader would do with a value.
    private static func use(_ values: Any...) {}
    private static func handle(_ row: [JSONValue]) {}

    static func comingFromThePythonSDK0(client: SupermetricsClient) async throws {
        let backfill = try await client.backfills.getLatest(teamID: 1, transferID: 2).value
        use(backfill)
    }

    static func errors0(client: SupermetricsClient) async throws {
        do {
            print(try await client.logins.list().value.count)
        } catch {
            switch error.kind {
            case .authentication, .permission: print("look at the key:", error)
            case .rateLimit, .server, .network, .timeout: print("later:", error, error.retryAfter ?? .zero)
            case .quota(let period): print("used up:", period)
            default: print(error.code ?? "", error.message, error.requestID ?? "")
            }
        }
    }

    static func findingAccountsFieldsAndSegments0(client: SupermetricsClient) async throws {
        let list = try await client.accounts.list(
            dsID: "AW",
            loginUsernames: ["ana@example.com"],
            cacheMinutes: 60
        ).value
        for account in list.accounts { print(account.id, account.name ?? "", account.loginUsername ?? "") }
    }

    static func findingAccountsFieldsAndSegments1(client: SupermetricsClient) async throws {
        let metrics = try await client.fields.list(dsID: "AW").value.filter { $0.fieldType == .metric }
        let segments = try await client.segments.list(dsID: "GAWA").value.segments
        use(metrics, segments)
    }

    static func findingAccountsFieldsAndSegments2(client: SupermetricsClient) async throws {
        let own = try await client.fields.list(dsID: "AW", accounts: ["123"], loginUsernames: ["ana@example.com"]).value
        use(own)
    }

    static func gettingStarted0(key: String) async throws {
        try await withSupermetricsClient(.init(credential: .apiKey(key))) { client in
            let logins = try await client.logins.list().value
            print(logins.map { $0.username ?? $0.id })
        }
    }

    static func gettingStarted1(vault: Vault) async throws {
        let credential = Credential.tokenProvider { request in
            try await vault.token(isFresh: request == .refresh)
        }
        use(credential)
    }

    static func gettingStarted2(key: String) async throws {
        var configuration = SupermetricsClient.Configuration(credential: try .apiKey(key))
        configuration.userAgent = "nightly-report/1.0"
        configuration.customHeaders = ["X-Team-ID": "1"]
        configuration.timeout = .seconds(10)
        configuration.requestsPerSecond = 5
        use(configuration)
    }

    static func gettingStarted3(client: SupermetricsClient) async throws {
        let call = client.teams.get(teamID: 1)
        let team = try await call.value
        let response = try await call.response
        print(team.name ?? "", response.raw.requestID ?? "", response.raw.rateLimitRemaining ?? 0)
        print(try await call.raw.json["data"]?["some_new_key"] ?? .null)
        print(try call.preview)
    }

    static func gettingStarted4(client: SupermetricsClient, traceparent: String) async throws {
        var options = RequestOptions()
        options.timeout = .seconds(120)
        options.headers = ["traceparent": traceparent]
        let accounts = try await client.accounts.list(dsID: "AW", options: options).value
        use(accounts)
    }

    static func gettingStarted5(client: SupermetricsClient) async throws {
        let backfill = try await client.backfills.get(teamID: 1, backfillID: 2).value
        switch backfill.status {
        case .completed: print("complete at", backfill.endTime?.date ?? "an unreadable time")
        case .failed: print(backfill.errorReport.map(\.transferRunDate))
        default: print(backfill.status, backfill.json["some_new_key"] ?? .null)
        }
    }

    static func gettingStarted6(key: String) throws {
        let client = try SupermetricsBlockingClient(.init(credential: .apiKey(key)))
        defer { client.close() }
        for login in try client.logins.list().value { print(login.username ?? login.id) }
    }

    static func lookingAroundATeam0(client: SupermetricsClient) async throws {
        let team = try await client.teams.get(teamID: 1).value
        let admins = try await client.teams.listUsers(teamID: team.id).value.filter { $0.role == .admin }
        use(admins)
    }

    static func lookingAroundATeam1(client: SupermetricsClient) async throws {
        let source = try await client.dataSourceDetails.get(teamID: 1, dataSourceID: "AW", smAppID: "XPLD").value
        for type in source.reportTypes { print(type.id, type.label ?? "", type.settings.map(\.id)) }
    }

    static func lookingAroundATeam2(client: SupermetricsClient) async throws {
        let connectors = try await client.connectors.list(teamID: 1, includeConfigs: true).value
        let copy = try await client.connectors.create(
            teamID: 1,
            title: "Shop orders",
            connectorIdentifier: connectors.first?.id
        ).value
        use(copy)
    }

    static func managingLogins0(client: SupermetricsClient) async throws {
        let link = try await client.loginLinks.create(
            dsID: "GAWA",
            description: "Analytics of the shop",
            expiryTime: .after("10 hours"),
            requireUsername: "ana@example.com"
        ).value
        print("open", link.loginURL ?? "")
    }

    static func managingLogins1(client: SupermetricsClient, link: LoginLink) async throws {
        let used = try await client.loginLinks.get(linkID: link.id).value
        if let loginID = used.loginID {
            let login = try await client.logins.get(loginID: loginID).value
            print(login.username ?? "", login.dsName ?? "")
        }
    }

    static func managingLogins2(client: SupermetricsClient, link: LoginLink) async throws {
        _ = try await client.loginLinks.update(linkID: link.id, description: "for Ana").value
        _ = try await client.loginLinks.update(linkID: link.id, description: .clear).value
        _ = try await client.loginLinks.close(linkID: link.id).value
    }

    static func managingLogins3(client: SupermetricsClient) async throws {
        let ana = try await client.logins.getByUsername("ana@example.com").value
        let page = try await client.logins.getAccounts(loginID: ana.id, limit: 1000).value
        print(page.accounts.count, "of", page.total ?? 0)
        let wasRevoked = try await client.logins.revoke(loginID: ana.id).value
        use(wasRevoked)
    }

    static func runningQueries0() {
        var query = DataQuery(
            dsID: "AW",
            dsAccounts: ["123-456-7890"],
            fields: ["Date", "Campaign", "Cost"],
            startDate: "2024-01-01",
            endDate: "2024-01-31"
        )
        query.filter = "Cost > 0"
        query.settings["round_metrics_to"] = 2
        use(query)
    }

    static func runningQueries1(client: SupermetricsClient, query: DataQuery) async throws {
        let result = try await client.queries.executeAndWait(query).value
        for row in result.rows.dropFirst() { print(row.map(\.description)) }
        if result.isSampled == true { print("the source answered from a sample") }
    }

    static func runningQueries2(client: SupermetricsClient, query: DataQuery) async throws {
        for try await page in client.queries.pages(query, rowsPerPage: 50_000) {
            for row in page.rows { handle(row) }
        }
    }

    static func runningQueries3(client: SupermetricsClient, query: DataQuery) async throws {
        let first = try await client.queries.execute(query).value
        if first.data == nil, let handle = first.scheduleID ?? first.requestID {
            let later = try await client.queries.getResults(id: handle).value
            print(later.statusCode ?? "", later.data?.count ?? 0)
        }
    }

    static func workingWithTheWarehouse0(client: SupermetricsClient) async throws {
        for transfer in try await client.transfers.list(teamID: 1).value where transfer.state != .paused {
            print(transfer.id, transfer.displayName ?? "", transfer.runDate?.text ?? "")
        }
    }

    static func workingWithTheWarehouse1(client: SupermetricsClient) async throws {
        guard let first = CalendarDay("2024-01-01"), let last = CalendarDay("2024-01-31") else { return }
        let backfill = try await client.backfills.create(
            teamID: 1,
            transferID: 2,
            rangeStart: first,
            rangeEnd: last
        ).value
        use(backfill)
    }

    static func workingWithTheWarehouse2(client: SupermetricsClient, first: CalendarDay, last: CalendarDay) async throws
    {
        do {
            _ = try await client.backfills.create(teamID: 1, transferID: 2, rangeStart: first, rangeEnd: last).value
        } catch {
            guard error.outcomeIsUnknown else { throw error }
            let latest = try await client.backfills.getLatest(teamID: 1, transferID: 2).value
            print(latest.rangeStart == first && latest.rangeEnd == last ? "it was created" : "look closer")
        }
    }

    static func workingWithTheWarehouse3(client: SupermetricsClient) async throws {
        let open = try await client.backfills.listIncomplete(teamID: 1).value
        for backfill in open where backfill.status.isCancellable && backfill.progress == 0 {
            _ = try await client.backfills.cancel(teamID: 1, backfillID: backfill.id).value
        }
    }

    static func workingWithTheWarehouse4(client: SupermetricsClient, first: CalendarDay, last: CalendarDay) async throws
    {
        let runs = try await client.transferRuns.list(
            teamID: 1,
            transferID: 2,
            startDate: first.start,
            endDate: last.start,
            filterIssuesOnly: true,
            limit: 1000
        ).value
        for run in runs where run.type == .backfill { print(run.dataDate ?? last, run.message ?? "") }
    }

    static func workingWithTheWarehouse5(client: SupermetricsClient) async throws {
        let connection = try await client.dataSourceConnections.create(
            teamID: 1,
            dataSourceID: "ADM",
            destinationType: "SQL_BQ"
        ).value
        print(connection.id)
    }

    static func supermetricsAPI0(key: String) async throws {
        try await withSupermetricsClient(.init(credential: .apiKey(key))) { client in
            for account in try await client.accounts.list(dsID: "AW").value.accounts {
                print(account.id, account.name ?? "")
            }
        }
    }

    static func supermetricsBlockingClient0(key: String) throws {
        let client = try SupermetricsBlockingClient(.init(credential: .apiKey(key)))
        defer { client.close() }
        for login in try client.logins.list().value { print(login.username ?? login.id) }
    }

    static func supermetricsClient0(client: SupermetricsClient) async throws {
        let backfill = try await client.backfills.get(teamID: 1, backfillID: 2).value
        use(backfill)
    }

    static func dataQuery0() {
        var query = DataQuery(
            dsID: "AW",
            dsAccounts: ["123-456-7890"],
            fields: ["Date", "Cost"],
            startDate: "2024-01-01",
            endDate: "2024-01-31"
        )
        query.filter = "Impressions > 0"
        query.parameters["some_new_parameter"] = true
        use(query)
    }

    static func queryPages0(client: SupermetricsClient, query: DataQuery) async throws {
        for try await page in client.queries.pages(query) { use(page.rows) }
    }
}
