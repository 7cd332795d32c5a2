package import PipelineCore

/// What one destination holds of one export.
package struct ExportStatus: Sendable, Encodable {
    /// Days that are wanted and not there.
    package struct Gap: Hashable, Sendable, Encodable {
        /// The days; nil where the export is not cut in time.
        package var days: DateRange?
        /// The account, where the export is cut by account.
        package var account: String?
        /// How many windows that is.
        package var windows: Int
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
    /// Windows loaded.
    package var windows = 0
    /// Their rows.
    package var rows = 0
    /// The days from the first to the last that any window covers.
    package var covers: DateRange?
    /// What is wanted and was not loaded, in order.
    package var gaps: [Gap] = []
    /// Windows that were loaded and whose rows are no longer there.
    package var gone: [String] = []
    /// Whether such windows are loaded again by the next run; `append` loads none twice.
    package var bringsBack = true
    /// Windows that are loaded again by the next run, because platforms may still restate their days.
    package var unsettled = 0
    /// Windows that were loaded under another fingerprint, and not accepted.
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
            fingerprint: export.fingerprint.text
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
                        status.bringsBack = sink.mode != .append
                        status.note(ledger, export, spec, now: now())
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
    fileprivate mutating func note(_ ledger: Ledger, _ export: Export, _ spec: ExportSpec, now: Timestamp) {
        let held = ledger.checkpoints.values.sorted { $0.window < $1.window }
        windows = held.count
        rows = held.reduce(0) { $0 + $1.counts.loaded }
        covers = DateRange.hull(held.lazy.map(\.covers))
        gone = held.filter { ledger.gone.contains($0.window.id) }.map(\.window.description)
        unsettled = held.count { !$0.settled }
        stale = held.count { $0.fingerprint != spec.fingerprint && $0.acceptedFingerprint != spec.fingerprint }
        newest = held.map(\.fetchedAt).max()
        oldestUnsettled = held.filter { !$0.settled }.map(\.fetchedAt).min()
        staged = ledger.staged?.checkpoints.count
        failed = ledger.attempts.compactMap { attempt in
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

        // Which accounts a list or a pattern means, only the API knows; those that were loaded are taken for it.
        let seen = Set(held.flatMap(\.accounts)).sorted()
        var accounts = seen
        if case .named(let ids) = export.query.accounts, !export.query.accounts.needsResolving {
            accounts = ids
            removedAccounts = seen.filter { !ids.contains($0) }
        }
        guard hasLedger else { return }
        gaps = Self.gaps(
            PlannerInput(
                export: spec.id,
                size: held.isEmpty ? spec.size : WindowSize(held[0].layout.size) ?? spec.size,
                perAccount: spec.perAccount,
                range: spec.range,
                accounts: accounts,
                lookback: spec.lookback,
                fingerprint: spec.fingerprint,
                now: now,
                sinks: []
            ),
            ledger
        )
    }

    /// The windows wanted that are not there with all their days; neighbours of one account are one gap.
    private static func gaps(_ input: PlannerInput, _ ledger: Ledger) -> [Gap] {
        let missing = input.wanted.filter { wanted in
            guard let held = ledger.checkpoints[wanted.window.id] else { return true }
            guard let days = wanted.days else { return false }
            return held.covers?.contains(days) != true
        }
        var gaps: [Gap] = []
        for wanted in missing.sorted(by: { ($0.window.account ?? "", $0.window) < ($1.window.account ?? "", $1.window) }
        ) {
            let account = wanted.window.account
            if let last = gaps.last, last.account == account, let days = wanted.days, let before = last.days,
                before.end.advanced(by: 1) == days.start
            {
                gaps[gaps.count - 1].days = before.hull(days)
                gaps[gaps.count - 1].windows += 1
            } else {
                gaps.append(Gap(days: wanted.days, account: account, windows: 1))
            }
        }
        return gaps
    }
}
