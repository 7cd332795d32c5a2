import Foundation
package import PipelineCore
import SupermetricsAPI

/// What a run would do for one export, and what it would cost.
package struct ExportPlan: Sendable, Encodable {
    /// One window of the plan.
    package struct Line: Sendable, Encodable {
        /// `fetch` or `skip`.
        package var action: String
        /// The window, as a person reads it.
        package var window: String
        /// Its id in every sink.
        package var id: WindowID
        /// The days that would be asked for; nil for a window left alone.
        package var days: DateRange?
        /// One word for machines.
        package var reason: String
        /// The reason for a person.
        package var because: String
    }

    /// The export's name.
    package var export: String
    /// Where its rows land, as a user names it.
    package var destinations: [String]
    /// The windows of the run, in row order.
    package var windows: [Line]
    /// Windows that would be fetched.
    package var due: Int
    /// Windows that would be left alone.
    package var skipped: Int
    /// Requests that is at the least.
    package var requests: Int
    /// Rows guessed from windows loaded before; nil where nothing was.
    package var rows: Int?
    /// Seconds that is at the least, by the limits of requests and queries.
    package var seconds: Double
    /// The share of the fair-use row quota of a month the rows would take; nil where they cannot be guessed.
    package var monthlyRowShare: Double?
    /// Windows and accounts that are no longer wanted; their rows stay.
    package var kept: [String]
    /// What a reader of the rows should know.
    package var warnings: [String]

    enum CodingKeys: String, CodingKey {
        case export, destinations, windows, due, skipped, requests, rows, seconds
        case monthlyRowShare = "monthly_row_share"
        case kept, warnings
    }
}

extension JobRun {
    /// Rows a licence may fetch in a month unless it says otherwise (Supermetrics API: fair use policy).
    private static let monthlyRows = 10_000_000.0

    /// Plans every wanted export without taking a lease, sending a query or writing anything.
    ///
    /// The API is asked which metrics cannot be added up; the plan comes without its answer too.
    /// - Throws: `JobFileError`, `PlanError`, `SinkError`, or `SupermetricsError` where accounts or fields must be asked
    ///   for.
    package func plan() async throws -> [ExportPlan] {
        let exports = try wantedExports()
        return try await withSupermetricsClient(configuration) {
            client in
            var plans: [ExportPlan] = []
            var known: [String: SourceFields] = [:]
            for export in exports { plans.append(try await plan(export, client, known: &known)) }
            return plans
        }
    }

    private func plan(
        _ export: Export,
        _ client: SupermetricsClient,
        known: inout [String: SourceFields]
    ) async throws -> ExportPlan {
        let resolved = try await ExportResolver(job: job, client: client, now: now).resolve(export)
        let warnings = try await metricWarnings(of: export, size: resolved.spec.size, client, known: &known)
        let entries = export.into.map { $0.withPath(of: resolved.spec, chosen: options.plan.chosen) }
        return try await withSinks(entries, installed: installed) { sinks in
            var states: [SinkState] = []
            for sink in sinks {
                let ledger = try await sink.ledger(of: resolved.spec.id)
                states.append(SinkState(sink, ledger: ledger, of: resolved.spec))
            }
            let input = PlannerInput(resolved, now: now(), options: options.plan, sinks: states)
            let plan = try Planner.plan(input)
            let estimate = PlanEstimate(of: plan, from: input, pageRows: job.api.pageRows)
            return describe(plan, of: export, estimate, sinks, warnings)
        }
    }

    private func describe(
        _ plan: Plan,
        of export: Export,
        _ estimate: PlanEstimate,
        _ sinks: [any Sink],
        _ warnings: [String]
    ) -> ExportPlan {
        let lines = plan.decisions.map { decision in
            switch decision {
            case .fetch(let fetch):
                ExportPlan.Line(
                    action: "fetch",
                    window: fetch.window.description,
                    id: fetch.window.id,
                    days: fetch.days,
                    reason: fetch.targets.first?.reason.code ?? "",
                    because: fetch.targets.first?.reason.description ?? ""
                )
            case .skip(let skip):
                ExportPlan.Line(
                    action: "skip",
                    window: skip.window.description,
                    id: skip.window.id,
                    days: nil,
                    reason: skip.reason.code,
                    because: skip.reason.description
                )
            }
        }
        let quick = Double(estimate.requests) / job.api.requestsPerSecond
        // A query that is answered at once still takes about a second of the platform's time.
        let queries = Double(estimate.fetches) / Double(job.api.concurrentQueries)
        return ExportPlan(
            export: export.name,
            destinations: sinks.map(\.destination),
            windows: lines,
            due: plan.fetches.count,
            skipped: plan.skips.count,
            requests: estimate.requests,
            rows: estimate.rows,
            seconds: max(quick, queries),
            monthlyRowShare: estimate.rows.map { Double($0) / Self.monthlyRows },
            kept: plan.outside.map { "window \($0)" } + plan.removedAccounts.map { "account \($0)" },
            warnings: warnings
        )
    }
}

extension PlannerInput {
    /// What the planner is asked for a resolved export.
    init(_ resolved: ExportResolver.Resolved, now: Timestamp, options: PlanOptions, sinks: [SinkState]) {
        let spec = resolved.spec
        self.init(
            export: spec.id,
            size: spec.size,
            perAccount: spec.perAccount,
            range: spec.range,
            accounts: resolved.accounts,
            lookback: spec.lookback,
            fingerprint: spec.fingerprint,
            now: now,
            options: options,
            sinks: sinks
        )
    }
}
