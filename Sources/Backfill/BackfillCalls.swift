import FoundationEssentials
import SupermetricsAPI

/// Carries out a scheduler's requests with a client.
struct BackfillCalls: Sendable {
    /// What a request brought: the event, and what its answer says beside it.
    struct Answer: Sendable {
        var event: Scheduler.Event
        /// The API's clock when it answered.
        var serverTime: Date?
        var rateLimit: (limit: Int, remaining: Int)?
    }

    /// One page of the list of runs; the API allows ten times as many.
    private static let runsPerPage = 1000

    /// The end of a run waits for a request that changes something, so a `Retry-After` is waited out between requests,
    /// not within one.
    private static let writeOptions = {
        var options = RequestOptions()
        options.longestRetryWait = .zero
        return options
    }()

    let client: SupermetricsClient
    let teamID: Int

    /// Sends what an action asks for.
    ///
    /// - Parameter action: Any but `write` and `tell`, which need no request.
    /// - Returns: What came of it; nil for these two.
    func answer(to action: Scheduler.Action) async -> Answer? {
        var facts = Facts()
        let event: Scheduler.Event
        switch action {
        case .write, .tell: return nil
        case .list: event = .listed(await result { () async throws(SupermetricsError) in try await list(&facts) })
        case .latest(let transferID):
            event = .latest(
                transferID: transferID,
                await result { () async throws(SupermetricsError) in try await latest(transferID, &facts) }
            )
        case .look(let transferID):
            event = .looked(
                transferID: transferID,
                await result { () async throws(SupermetricsError) in
                    let latest = try await latest(transferID, &facts)
                    return try await list(&facts) + [latest].compactMap(\.self)
                }
            )
        case .get(let id):
            event = .got(
                backfillID: id,
                await result { () async throws(SupermetricsError) in try await get(id, &facts) }
            )
        case .create(let intent):
            event = .created(
                intent,
                await result { () async throws(SupermetricsError) in
                    let call = client.backfills.create(
                        teamID: teamID,
                        transferID: intent.transferID,
                        rangeStart: intent.range.first,
                        rangeEnd: intent.range.last,
                        options: Self.writeOptions
                    )
                    return try facts.snapshot(try await call.response)
                }
            )
        case .cancel(let id, let transferID):
            event = .cancelled(
                backfillID: id,
                transferID: transferID,
                await result { () async throws(SupermetricsError) in try await cancel(id, &facts) }
            )
        case .runs(let backfill):
            event = .runs(
                backfillID: backfill.id,
                transferID: backfill.transferID,
                await result { () async throws(SupermetricsError) in try await runs(of: backfill, &facts) }
            )
        }
        return Answer(event: event, serverTime: facts.serverTime, rateLimit: facts.rateLimit)
    }

    /// Cancels a backfill.
    func cancel(_ id: Int) async throws(SupermetricsError) {
        var facts = Facts()
        try await cancel(id, &facts)
    }

    /// The team's incomplete backfills.
    func list() async throws(SupermetricsError) -> [BackfillSnapshot] {
        var facts = Facts()
        return try await list(&facts)
    }

    /// What answers say beside their values.
    private struct Facts {
        var serverTime: Date?
        var rateLimit: (limit: Int, remaining: Int)?

        mutating func take<Value>(_ response: Response<Value>) -> Value {
            serverTime = response.raw.date ?? serverTime
            if let limit = response.raw.rateLimit, let remaining = response.raw.rateLimitRemaining {
                rateLimit = (limit, remaining)
            }
            return response.value
        }

        /// A backfill whose last day is before its first is no answer.
        mutating func snapshot(
            _ response: Response<SupermetricsAPI.Backfill>
        ) throws(SupermetricsError) -> BackfillSnapshot {
            let backfill = take(response)
            guard let snapshot = BackfillSnapshot(backfill) else {
                throw SupermetricsError(
                    .protocolViolation,
                    "backfill \(backfill.id) ends on \(backfill.rangeEnd), before its beginning \(backfill.rangeStart)"
                )
            }
            return snapshot
        }
    }

    private func result<R>(
        _ body: () async throws(SupermetricsError) -> R
    ) async -> Result<R, SupermetricsError> {
        do throws(SupermetricsError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    private func list(_ facts: inout Facts) async throws(SupermetricsError) -> [BackfillSnapshot] {
        facts.take(try await client.backfills.listIncomplete(teamID: teamID).response).compactMap {
            BackfillSnapshot($0)
        }
    }

    /// nil where the transfer never had one.
    private func latest(_ transferID: Int, _ facts: inout Facts) async throws(SupermetricsError) -> BackfillSnapshot? {
        do throws(SupermetricsError) {
            return try facts.snapshot(
                try await client.backfills.getLatest(teamID: teamID, transferID: transferID).response
            )
        } catch  where error.kind == .notFound {
            return nil
        }
    }

    /// nil where the API does not know it.
    private func get(_ id: Int, _ facts: inout Facts) async throws(SupermetricsError) -> BackfillSnapshot? {
        do throws(SupermetricsError) {
            return try facts.snapshot(try await client.backfills.get(teamID: teamID, backfillID: id).response)
        } catch  where error.kind == .notFound {
            return nil
        }
    }

    private func cancel(_ id: Int, _ facts: inout Facts) async throws(SupermetricsError) {
        let call = client.backfills.cancel(teamID: teamID, backfillID: id, options: Self.writeOptions)
        _ = facts.take(try await call.response)
    }

    /// The runs of a backfill's days that began no earlier than it did.
    ///
    /// Whether the API filters by the time of a run or by its day is not documented: the time asked for holds both.
    private func runs(of backfill: BackfillSnapshot, _ facts: inout Facts) async throws(SupermetricsError) -> [DayRun] {
        let day: Double = 86_400
        let now = facts.serverTime ?? client.configuration.now()
        let created = backfill.createdTime ?? backfill.range.first.start
        let all = try await Self.allRuns(size: Self.runsPerPage) { (offset) async throws(SupermetricsError) in
            let call = client.transferRuns.list(
                teamID: teamID,
                transferID: backfill.transferID,
                startDate: min(backfill.range.first.start, created.addingTimeInterval(-day)),
                endDate: max(backfill.range.last.start, now).addingTimeInterval(2 * day),
                sortField: .createdTime,
                sortDirection: .ascending,
                limit: Self.runsPerPage,
                offset: offset
            )
            return facts.take(try await call.response)
        }
        return all.compactMap { run in
            guard run.type == .backfill, let day = run.dataDate, backfill.range.contains(day) else { return nil }
            if let time = run.createdTime?.date, let since = backfill.createdTime, time < since { return nil }
            return DayRun(
                id: run.id,
                day: day,
                outcome: .init(run.status),
                words: run.message ?? BackfillSnapshot.withoutWords
            )
        }
    }

    /// The runs of all pages, each once, up to a page that is short or brings nothing new: not every server need heed
    /// the offset.
    static func allRuns(
        size: Int,
        page: (_ offset: Int) async throws(SupermetricsError) -> [TransferRun]
    ) async throws(SupermetricsError) -> [TransferRun] {
        var runs: [TransferRun] = []
        var seen: Set<Int> = []
        var offset = 0
        while true {
            let page = try await page(offset)
            let fresh = page.filter { seen.insert($0.id).inserted }
            runs += fresh
            guard page.count >= size, !fresh.isEmpty else { return runs }
            offset += page.count
        }
    }
}
