import FoundationEssentials
import NIOHTTP1

/// `/teams/{team_id}/transfers` and their runs (Supermetrics API: transfers, runs).
enum TransferEndpoints {
    static let routes: [Route] = [
        .warehouse("GET", "/teams/{team_id}/transfers", handler: list),
        .warehouse("GET", "/teams/{team_id}/transfers/{transfer_id}", handler: get),
        .warehouse(
            "GET",
            "/teams/{team_id}/transfers/{transfer_id}/runs",
            parameters: [
                "start_date", "end_date", "filter_issues_only", "sort_field", "sort_direction", "limit", "offset",
            ],
            handler: runs
        ),
        .warehouse("GET", "/teams/{team_id}/transfer_runs/{transfer_run_id}", handler: run),
        .warehouse(
            "POST",
            "/teams/{team_id}/data-source-connections",
            parameters: ["data_source_id", "destination_type"],
            phase: .create,
            handler: connect
        ),
    ]

    // MARK: Transfers

    @Sendable private static func list(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let options = exchange.options
        let transfers = try exchange.service.withBackfills { table, now throws(APIFailure) in
            options.transferIDs.map { id in
                let backfill = table.latest(transferID: id)?.report(at: now, options.backfills)
                return Transfer(id: id, options: options).summary(backfill: backfill, now: now)
            }
        }
        return exchange.enveloped(.array(transfers))
    }

    @Sendable private static func get(_ exchange: Exchange) async throws -> Answer {
        let transfer = Transfer(id: try exchange.transferID(), options: exchange.options)
        return exchange.bare(transfer.configuration(now: exchange.options.now()))
    }

    // MARK: Runs

    @Sendable private static func runs(_ exchange: Exchange) async throws -> Answer {
        let transfer = Transfer(id: try exchange.transferID(), options: exchange.options)
        let reader = exchange.strict
        let (start, end) = (try reader.instant("start_date"), try reader.instant("end_date"))
        guard start <= end else { throw reader.refusal("start_date", "is after end_date.") }
        let sortField = try reader.word("sort_field", of: ["created_time", "ended_time", "data_date"])
        let isAscending = try reader.word("sort_direction", of: ["ASC", "DESC"]) == "ASC"
        let limit = try reader.number("limit", 1...10_000) ?? 100
        let offset = try reader.number("offset", 0...Int.max) ?? 0
        let onlyIssues = try reader.flag("filter_issues_only") ?? false
        let filter = exchange.options.backfills.runFilter
        var runs = try exchange.service.withBackfills { table, now throws(APIFailure) in
            table.backfills(ofTransfer: transfer.id).flatMap { backfill in
                backfill.runs.map { TransferRun($0, of: backfill, now: now) }
            } + transfer.recurringRuns(now: now)
        }
        runs.removeAll { run in
            let time = filter == .createdTime ? run.createdTime : run.dataDate.midnight
            return time < start || time > end || (onlyIssues && run.error == nil)
        }
        func key(_ run: TransferRun) -> Date {
            switch sortField {
            case "ended_time": run.endedTime ?? .distantFuture
            case "data_date": run.dataDate.midnight
            default: run.createdTime
            }
        }
        runs.sort { left, right in
            let (first, second) = isAscending ? (left, right) : (right, left)
            return (key(first), first.id) < (key(second), second.id)
        }
        return exchange.enveloped(.array(runs.dropFirst(offset).prefix(limit).map(\.item)))
    }

    @Sendable private static func run(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let id = try exchange.pathNumber("transfer_run_id")
        let found = try exchange.service.withBackfills { table, now throws(APIFailure) -> TransferRun? in
            if let (backfill, run) = table.run(id) { return TransferRun(run, of: backfill, now: now) }
            for transferID in exchange.options.transferIDs {
                let transfer = Transfer(id: transferID, options: exchange.options)
                if let run = transfer.recurringRuns(now: now).first(where: { $0.id == id }) { return run }
            }
            return nil
        }
        guard let found else { throw APIFailure(404, "NOT_FOUND", "Transfer run \(id) does not exist.") }
        return exchange.enveloped(found.detail)
    }

    // MARK: Connections

    /// The data source of the API's own example, which only transfers load from.
    private static let sourceOfTransfersAlone = "ADM"

    @Sendable private static func connect(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        func identifier(_ name: String) throws(APIFailure) -> String {
            try exchange.strict.requiredText(name, limit: 50) { scalar in
                ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "_"
            }
        }
        let source = try identifier("data_source_id")
        let destination = try identifier("destination_type")
        guard source == sourceOfTransfersAlone || Catalog(exchange.options).source(source) != nil else {
            throw APIFailure(422, "UNPROCESSABLE_ENTITY", "data_source_id: '\(source)' does not exist.")
        }
        guard Transfer.destinationTypes.contains(destination) else {
            throw APIFailure(422, "UNPROCESSABLE_ENTITY", "destination_type: '\(destination)' does not exist.")
        }
        let number = exchange.service.makeNumber()
        let id = HexText.dashed(mix(digest(source + destination), number), number)
        var answer = exchange.enveloped(
            ["connection_id": .string(id), "login_url": .null, "connect_url": .null],
            status: .created
        )
        // The id in Location is not the connection's (Supermetrics API: data source connections).
        let location = HexText.dashed(mix(digest(id), 0), number)
        answer.headers.add(
            name: "Location",
            value: exchange.service.baseURL + exchange.request.path + "/" + location.lowercased()
        )
        return answer
    }
}

extension CivilDay {
    /// Its beginning in UTC.
    var midnight: Date { Date(timeIntervalSince1970: Double(number) * 86_400) }
}
