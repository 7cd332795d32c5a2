package import PipelineCore

/// What one destination holds of one export.
package struct ExportStatus: Sendable, Encodable {
    /// Days that are wanted and not there.
    package struct Gap: Hashable, Sendable, Encodable {
        /// What becomes of them.
        package enum Outlook: String, Sendable, Encodable {
            /// The next run loads them.
            case due
            /// `append` loads them once they have settled.
            case waits
            /// `append` has loaded their window, and loads none twice.
            case never
        }

        /// The days; nil where the export is not cut in time.
        package var days: DateRange?
        /// The account, where the export is cut by account.
        package var account: String?
        /// How many windows that is.
        package var windows: Int
        /// What becomes of them.
        package var outlook: Outlook
    }

    /// A run that loaded windows which are still there.
    package struct Run: Sendable, Encodable {
        /// Its id.
        package var id: String
        /// Windows of it that no later run has loaded again.
        package var windows: Int
        /// Their rows.
        package var rows: Int
        /// When the last of them was fetched.
        package var fetchedAt: Timestamp

        enum CodingKeys: String, CodingKey {
            case id, windows, rows
            case fetchedAt = "fetched_at"
        }
    }

    /// A window that failed for good and has not been loaded since.
    package struct FailedWindow: Sendable, Encodable {
        /// The window, as a person reads it.
        package var window: String
        /// Why.
        package var failure: String
        /// When.
        package var at: Timestamp
    }

    /// The export's name.
    package var export: String
    /// Where its rows are, as a user names it.
    package var destination: String
    /// Why the destination cannot be read; nil where it can, and then the rest means something.
    package var problem: String?
    /// Whether the destination notes its windows; a single file does not.
    package var hasLedger = true
    /// Windows whose rows are there.
    package var windows = 0
    /// Their rows.
    package var rows = 0
    /// The days from the first to the last that any of them covers.
    package var covers: DateRange?
    /// What is wanted and was not loaded, in order.
    package var gaps: [Gap] = []
    /// Windows that were loaded and whose rows are no longer there.
    package var gone: [String] = []
    /// Those of them that no run loads again: they are no longer wanted, or `append` loads no window twice.
    package var goneForGood: [String] = []
    /// Whether each window is loaded once.
    package var appends = false
    /// Windows that are loaded again by the next run, because platforms may still restate their days.
    package var unsettled = 0
    /// Windows wanted that were loaded under another fingerprint, and not accepted.
    package var stale = 0
    /// Accounts whose rows are kept although they are no longer wanted; as far as that is known without the API.
    package var removedAccounts: [String] = []
    /// When the newest rows were fetched.
    package var newest: Timestamp?
    /// When the oldest rows were fetched that may still be restated; nil where all is settled.
    package var oldestUnsettled: Timestamp?
    /// Windows that wait until all of an unfinished run are there; nil where there is no such run.
    package var staged: Int?
    /// Windows that failed.
    package var failed: [FailedWindow] = []
    /// The last runs whose windows are there, newest first, five at most.
    package var lastRuns: [Run] = []

    enum CodingKeys: String, CodingKey {
        case export, destination, problem
        case hasLedger = "has_ledger"
        case windows, rows, covers, gaps, gone, unsettled, stale
        case goneForGood = "gone_for_good"
        case removedAccounts = "removed_accounts"
        case newest
        case oldestUnsettled = "oldest_unsettled"
        case staged, failed
        case lastRuns = "last_runs"
    }
}

extension JobRun {
    /// Reads what the destinations hold of every wanted export; asks the API nothing, takes no lease, changes nothing.
    ///
    /// - Returns: One status per export and destination, in the order of the job.
    /// - Throws: `JobFileError` where the job cannot be read that far.
    package func status() async throws -> [ExportStatus] {
        var statuses: [ExportStatus] = []
        for export in try wantedExports() {
            let spec = try spec(of: export)
            for entry in export.into { statuses += await status(of: export, spec, entry) }
        }
        return statuses
    }

    /// The export as far as it is known without the API.
    private func spec(of export: Export) throws(JobFileError) -> ExportSpec {
        let range: DateRange?
        do throws(QueryDatesError) {
            range = try export.query.days(now: now(), zone: job.timeZone)
        } catch {
            throw JobFileError(error.message, at: export.location)
        }
        return ExportSpec(
            id: job.identity(of: export),
            name: export.name,
            query: export.query.withoutDates,
            range: range,
            size: export.window.size,
            perAccount: export.window.perAccount,
            lookback: export.window.lookback,
            fingerprint: export.fingerprint.text,
            rowLimit: job.api.rowLimit
        )
    }

    private func status(of export: Export, _ spec: ExportSpec, _ entry: SinkEntry) async -> [ExportStatus] {
        do {
            return try await withSinks([entry.withPath(of: spec, chosen: nil)], installed: installed) { sinks in
                var statuses: [ExportStatus] = []
                for sink in sinks {
                    var status = ExportStatus(export: export.name, destination: sink.destination)
                    do throws(SinkError) {
                        let ledger = try await sink.ledger(of: spec.id)
                        status.hasLedger = sink.scope == .window || sink.mode == .replace
                        status.appends = sink.mode == .append
                        status.note(SinkState(sink, ledger: ledger, of: spec), export, spec, now: now())
                    } catch {
                        status.problem = error.description
                    }
                    statuses.append(status)
                }
                return statuses
            }
        } catch {
            return [ExportStatus(export: export.name, destination: entry.kind, problem: "\(error)")]
        }
    }
}

extension ExportStatus {
    fileprivate mutating func note(_ sink: SinkState, _ export: Export, _ spec: ExportSpec, now: Timestamp) {
        let ledger = sink.ledger
        let loaded = ledger.checkpoints.values.sorted { $0.window < $1.window }
        let held = loaded.filter { !ledger.gone.contains($0.window.id) }

        // Which accounts a list or a pattern means, only the API knows; those that were loaded are taken for it.
        var accounts = Set(loaded.flatMap(\.accounts)).sorted()
        if case .named(let ids) = export.query.accounts, !export.query.accounts.needsResolving {
            accounts = ids
            removedAccounts = Set(held.flatMap(\.accounts)).subtracting(ids).sorted()
        }
        let input = PlannerInput(
            export: spec.id,
            size: loaded.first.flatMap { WindowSize($0.layout.size) } ?? spec.size,
            perAccount: spec.perAccount,
            range: spec.range,
            accounts: accounts,
            lookback: spec.lookback,
            fingerprint: spec.fingerprint,
            now: now,
            sinks: [sink]
        )
        let wanted = input.wanted
        let rules = SinkRules(of: sink, input, wanted: wanted)
        let wantedIDs = Set(wanted.map(\.window.id))

        windows = held.count
        rows = held.reduce(0) { $0 + $1.counts.loaded }
        covers = DateRange.hull(held.lazy.map(\.covers))
        let missing = loaded.map(\.window).filter { ledger.gone.contains($0.id) }
        gone = missing.map(\.description)
        goneForGood = missing.filter { appends || !wantedIDs.contains($0.id) }.map(\.description)
        let open = held.filter { !$0.settled && wantedIDs.contains($0.window.id) }
        unsettled = open.count
        oldestUnsettled = open.map(\.fetchedAt).min()
        stale = held.count { wantedIDs.contains($0.window.id) && rules.isStale($0) }
        newest = held.map(\.fetchedAt).max()
        staged = ledger.staged?.checkpoints.count
        // Each run that fails leaves notes of its own: the last word on a window is the latest.
        let latest = Dictionary(grouping: ledger.attempts.filter { $0.failure != nil }, by: \.window.id).values
            .compactMap { $0.max { $0.startedAt < $1.startedAt } }
        failed = latest.sorted { ($0.startedAt, $0.window) < ($1.startedAt, $1.window) }.compactMap { attempt in
            attempt.failure.map { FailedWindow(window: attempt.window.description, failure: $0, at: attempt.startedAt) }
        }
        lastRuns = Dictionary(grouping: held, by: \.runID).map { id, windows in
            Run(
                id: id,
                windows: windows.count,
                rows: windows.reduce(0) { $0 + $1.counts.loaded },
                fetchedAt: windows.map(\.fetchedAt).max() ?? now
            )
        }.sorted { ($0.fetchedAt, $0.id) > ($1.fetchedAt, $1.id) }.prefix(5).map { $0 }

        guard hasLedger else { return }
        gaps = Self.gaps(rules)
    }

    /// The windows wanted that are not there with all their days; neighbours with the same outlook are one gap.
    private static func gaps(_ rules: SinkRules) -> [Gap] {
        let missing = rules.wanted.filter { wanted in
            guard let held = rules.sink.ledger.checkpoints[wanted.window.id] else { return true }
            guard let days = wanted.days else { return false }
            return held.covers?.contains(days) != true
        }
        var gaps: [Gap] = []
        for wanted in missing.sorted(by: { ($0.window.account ?? "", $0.window) < ($1.window.account ?? "", $1.window) }
        ) {
            let (account, outlook) = (wanted.window.account, Gap.Outlook(rules.verdict(wanted)))
            if let last = gaps.last, last.account == account, last.outlook == outlook, let days = wanted.days,
                let before = last.days,
                before.end.advanced(by: 1) == days.start
            {
                gaps[gaps.count - 1].days = before.hull(days)
                gaps[gaps.count - 1].windows += 1
            } else {
                gaps.append(Gap(days: wanted.days, account: account, windows: 1, outlook: outlook))
            }
        }
        return gaps
    }
}

extension ExportStatus.Gap.Outlook {
    /// What the rules of the next run mean for days that are missing.
    fileprivate init(_ verdict: SinkRules.Verdict) {
        self =
            switch verdict {
            case .load: .due
            case .skip(.appendWaits): .waits
            case .skip, .accept, .stale: .never
            }
    }
}

extension SinkRules {
    /// The rules as they are while nothing about the job has changed.
    fileprivate init(of sink: SinkState, _ input: PlannerInput, wanted: [WantedWindow]) {
        let layout = Layout(
            size: input.effectiveSize.description,
            perAccount: input.perAccount,
            mode: sink.mode,
            key: sink.key
        )
        let role: Role = sink.mode == .append ? .appends : .windows
        self.init(input: input, sink: sink, role: role, layout: layout, wanted: wanted, chosen: wanted)
    }
}
