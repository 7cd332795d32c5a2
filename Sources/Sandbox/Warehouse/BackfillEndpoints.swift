import FoundationEssentials

/// `/teams/{team_id}/backfills` and what belongs to it (Supermetrics API: backfills).
enum BackfillEndpoints {
    static let routes: [Route] = [
        .warehouse(
            "POST",
            "/teams/{team_id}/transfers/{transfer_id}/backfills",
            parameters: ["range_start", "range_end"],
            phase: .create,
            handler: create
        ),
        .warehouse("GET", "/teams/{team_id}/transfers/{transfer_id}/backfills/latest", handler: latest),
        .warehouse("GET", "/teams/{team_id}/backfills", handler: list),
        .warehouse("GET", "/teams/{team_id}/backfills/{backfill_id}", handler: get),
        .warehouse(
            "PATCH",
            "/teams/{team_id}/backfills/{backfill_id}",
            parameters: ["status"],
            phase: .change,
            handler: cancel
        ),
    ]

    @Sendable private static func create(_ exchange: Exchange) async throws -> Answer {
        let transferID = try exchange.transferID()
        let rules = exchange.options.backfills
        // One step for rules, creation and record, so that of two creates at a time one sees the other.
        let backfill = try exchange.service.withBackfills { table, now throws(APIFailure) in
            var create = BackfillHistory.Create(
                requestNumber: exchange.request.number,
                time: DateText.milliseconds(now),
                transferID: transferID,
                rangeStart: exchange.parameters["range_start"]?.summary ?? "",
                rangeEnd: exchange.parameters["range_end"]?.summary ?? "",
                status: 200
            )
            defer { table.note(create) }
            do throws(APIFailure) {
                let days = try days(exchange, now: now)
                if table.overlap(of: days, transferID: transferID, now: now, rules) != nil {
                    throw .overlap(rules.overlapStatus)
                }
                let backfill = table.create(days, transferID: transferID, now: now, rules)
                create.backfillID = backfill.id
                return backfill
            } catch {
                create.status = error.status
                throw error
            }
        }
        // Told as it was created, however fast its runs are.
        return exchange.enveloped(backfill.report(at: backfill.createdTime, isNew: true, rules))
    }

    private static func days(_ exchange: Exchange, now: Date) throws(APIFailure) -> DaySpan {
        func day(_ name: String) throws(APIFailure) -> CivilDay {
            let text = try exchange.strict.requiredText(name, limit: 10)
            let hasForm =
                text.utf8.count == 10
                && text.utf8.enumerated().allSatisfy { index, byte in
                    index == 4 || index == 7 ? byte == UInt8(ascii: "-") : (0x30...0x39).contains(byte)
                }
            guard hasForm else { throw .invalid(name, "must be a date such as 2024-01-31.") }
            guard let day = CivilDay(iso: text) else { throw .unprocessable("\(name): \(text) does not exist.") }
            return day
        }
        let days = DaySpan(first: try day("range_start"), last: try day("range_end"))
        guard days.first <= days.last else { throw .unprocessable("range_start is after range_end.") }
        let today = CivilDay(now)
        guard days.last <= today else { throw .unprocessable("range_end: \(days.last.iso) is in the future.") }
        let rules = exchange.options.backfills
        let isTooOld = rules.historyDays.map { days.first < today.addingDays(-$0) } ?? false
        guard days.dayCount <= rules.maximumDays, !isTooOld else {
            throw APIFailure(
                403,
                "LICENSE_HISTORICAL_RANGE_EXCEEDED",
                isTooOld
                    ? "The licence does not reach back to \(days.first.iso)."
                    : "The licence allows backfills of at most \(rules.maximumDays) days."
            )
        }
        return days
    }

    @Sendable private static func latest(_ exchange: Exchange) async throws -> Answer {
        let transferID = try exchange.transferID()
        let rules = exchange.options.backfills
        let found = try exchange.service.withBackfills { table, now throws(APIFailure) in
            table.latest(transferID: transferID)?.report(at: now, rules)
        }
        guard let found else { throw APIFailure(404, "NOT_FOUND", "Transfer \(transferID) has no backfill.") }
        return exchange.enveloped(found)
    }

    @Sendable private static func list(_ exchange: Exchange) async throws -> Answer {
        try exchange.checkTeam()
        let rules = exchange.options.backfills
        let found: [JSONValue] = try exchange.service.withBackfills { table, now throws(APIFailure) in
            table.backfills.reversed().lazy.filter { !$0.isRemoved && $0.isCancellable(now, rules) }
                .prefix(rules.listLimit).map { $0.report(at: now, rules) }
        }
        return exchange.enveloped(.array(found))
    }

    @Sendable private static func get(_ exchange: Exchange) async throws -> Answer {
        let id = try exchange.backfillID()
        let rules = exchange.options.backfills
        return exchange.enveloped(
            try exchange.service.withBackfills { table, now throws(APIFailure) in
                guard let backfill = table.backfill(id) else { throw .noBackfill(id) }
                return backfill.report(at: now, rules)
            }
        )
    }

    @Sendable private static func cancel(_ exchange: Exchange) async throws -> Answer {
        let id = try exchange.backfillID()
        guard try exchange.strict.requiredText("status", limit: 20) == "CANCELLED" else {
            throw APIFailure.invalid("status", "must be CANCELLED.")
        }
        let rules = exchange.options.backfills
        return exchange.enveloped(
            try exchange.service.withBackfills { table, now throws(APIFailure) in
                guard let backfill = table.backfill(id) else { throw .noBackfill(id) }
                guard backfill.isCancellable(now, rules) else {
                    throw .unprocessable("Backfill \(id) is already in a final state.")
                }
                table.cancel(id, by: BackfillTable.keyUserID, now: now)
                return table.backfill(id)?.report(at: now, rules) ?? .null
            }
        )
    }
}

extension Backfill {
    func isCancellable(_ now: Date, _ rules: BackfillOptions) -> Bool {
        let status = status(now, failedRunsFail: rules.failedRunsFail)
        return status != .completed && status != .cancelled
    }

    /// What the API tells of it; when it is new, before anything has happened to it that takes no time.
    func report(at now: Date, isNew: Bool = false, _ rules: BackfillOptions) -> JSONValue {
        let status = isNew ? .created : status(now, failedRunsFail: rules.failedRunsFail)
        let started = isNew ? [] : runs
        let failed = isNew ? [] : failedRuns(now)
        var completed = started.count { $0.hasEnded(now) } - failed.count
        if rules.countersDrift, !started.isEmpty {
            completed = status == .running ? completed + 1 : max(0, completed - 1)
        }
        let total =
            switch rules.total {
            case .known: days.dayCount
            case .late: started.isEmpty ? 0 : days.dayCount
            case .zero: 0
            }
        let told: [Run] =
            switch rules.errorReport {
            case .whole: failed
            case .short: Array(failed.prefix(failed.count / 2))
            case .empty: []
            }
        var members: [String: JSONValue] = [
            "transfer_backfill_id": .integer(id),
            "transfer_id": .integer(transferID),
            "range_start_date": .string(days.first.iso),
            "range_end_date": .string(days.last.iso),
            "created_time": .string(DateText.zulu(createdTime)),
            "created_user_id": .integer(BackfillTable.keyUserID),
            "start_time": .text(started.first.map { DateText.zulu($0.startTime) }),
            "end_time": .text(isNew ? nil : endTime(now).map(DateText.zulu)),
            "status": .string(rules.statusNames[status.rawValue] ?? status.rawValue),
            "transfer_runs_total": .integer(total),
            "transfer_runs_created": .integer(started.count),
            "transfer_runs_completed": .integer(completed),
            "transfer_runs_failed": .integer(failed.count),
            "error_report": .array(
                told.map { ["transfer_run_date": .string($0.day.iso), "error": .text($0.error)] }
            ),
        ]
        if let cancellation, !isNew {
            members["removed_time"] = .string(DateText.zulu(cancellation.time))
            members["removed_user_id"] = .integer(cancellation.userID)
        }
        return .object(members.filter { !rules.omittedFields.contains($0.key) })
    }
}

extension Exchange {
    /// The transfer named in the path, which must be the team's.
    func transferID() throws(APIFailure) -> Int {
        try checkTeam()
        let id = try pathNumber("transfer_id")
        guard options.transferIDs.contains(id) else {
            throw APIFailure(404, "NOT_FOUND", "Transfer \(id) does not exist in team \(options.teamID).")
        }
        return id
    }

    fileprivate func backfillID() throws(APIFailure) -> Int {
        try checkTeam()
        return try pathNumber("backfill_id")
    }
}

extension APIFailure {
    fileprivate static func unprocessable(_ message: String) -> APIFailure {
        APIFailure(422, "UNPROCESSABLE_ENTITY", message)
    }

    fileprivate static func noBackfill(_ id: Int) -> APIFailure {
        APIFailure(404, "NOT_FOUND", "Backfill \(id) does not exist.")
    }

    fileprivate static func overlap(_ status: Int) -> APIFailure {
        let code =
            switch status {
            case 400: "BAD_REQUEST"
            case 409: "CONFLICT_ERROR"
            default: "UNPROCESSABLE_ENTITY"
            }
        return APIFailure(status, code, "The date range overlaps an active backfill of this transfer.")
    }
}

extension SandboxService {
    /// Cancels a backfill as another user; gives whether it could be.
    func cancelBackfill(_ id: Int) -> Bool {
        let rules = options.backfills
        let isCancelled = try? withBackfills { table, now throws(APIFailure) in
            guard let backfill = table.backfill(id), backfill.isCancellable(now, rules) else { return false }
            table.cancel(id, by: BackfillTable.otherUserID, now: now)
            return true
        }
        return isCancelled ?? false
    }

    /// Removes a backfill; gives whether there was one.
    func removeBackfill(_ id: Int) -> Bool {
        let isRemoved = try? withBackfills { table, now throws(APIFailure) in
            guard table.backfill(id) != nil else { return false }
            table.remove(id, now: now)
            return true
        }
        return isRemoved ?? false
    }
}
