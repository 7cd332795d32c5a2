import Conversion
import Extraction
import Foundation
package import PipelineCore
package import SupermetricsAPI

/// Runs a job: all its exports at once, under one limit of queries and requests.
package struct JobRun: Sendable {
    /// The job, as read.
    package var job: Job
    /// The kinds of destinations there are.
    package var installed: [any Sink.Type]
    /// What the user asked.
    package var options: RunOptions
    /// Who asks the API.
    package var credential: Credential
    /// Told what happens, from any thread.
    package var report: @Sendable (RunEvent) -> Void
    /// Threads that compress and render: batches under way and loads are counted by it.
    package var cores: Int
    /// Measures and sleeps.
    package var clock: any Clock<Duration>
    /// The time of day.
    package var now: @Sendable () -> Timestamp
    /// What tells this run from every other, in its log, its summary and its checkpoints.
    package let runID: String

    /// A run of `job`; by default on this machine's clock and cores, telling nobody.
    package init(
        job: Job,
        installed: [any Sink.Type],
        options: RunOptions,
        credential: Credential,
        cores: Int = ProcessInfo.processInfo.activeProcessorCount,
        clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Timestamp = { Timestamp.now },
        report: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.job = job
        self.installed = installed
        self.options = options
        self.credential = credential
        self.cores = cores
        self.clock = clock
        self.now = now
        self.report = report
        runID = RunID.make(now: now())
    }

    /// Runs every wanted export; never throws: whatever happens is in the summary.
    package func run() async -> RunSummary {
        let startedAt = now()
        var summary = RunSummary(
            runID: runID,
            job: job.name,
            startedAt: startedAt,
            endedAt: startedAt,
            exports: [],
            failures: [],
            exitCode: 0
        )
        var holdsSomething = false
        do {
            let exports = try wantedExports()
            try await withSupermetricsClient(configuration) { client in
                let resources = resources(client)
                (summary.exports, holdsSomething) = await run(exports, resources, startedAt)
            }
        } catch {
            if !Task.isCancelled, let failure = Failure(error) { summary.failures.append(failure) }
        }
        summary.endedAt = now()
        summary.exitCode = FailureKind.exitCode(
            failures: summary.allFailures.map(\.kind),
            somethingLoaded: holdsSomething
        )
        return summary
    }

    /// Windows that load at once.
    private var loadsAtOnce: Int { max(2, cores) }

    /// Windows under way at once: those that query and those that load.
    private var windowsAtOnce: Int { job.api.concurrentQueries + loadsAtOnce }

    /// How the client is set up for a run.
    var configuration: SupermetricsClient.Configuration {
        var configuration = job.api.configuration(credential, clock: clock, report: report)
        // Each window may have an answer open and the next page asked for; a few more are asked for fields and accounts.
        configuration.connections = windowsAtOnce * 2 + 8
        return configuration
    }

    /// The exports asked for.
    ///
    /// - Throws: `JobFileError` where one does not exist, or asks for what this version cannot do.
    package func wantedExports() throws(JobFileError) -> [Export] {
        for name in options.exports where !job.exports.contains(where: { $0.name == name }) {
            let names = job.exports.map(\.name)
            throw JobFileError(
                "there is no export '\(name)'\(NearestName.hint(for: name, in: names, called: "exports"))",
                at: JobLocation("--export")
            )
        }
        guard job.unsupported.isEmpty else { throw JobFileError(job.unsupported) }
        return job.exports.filter { options.exports.isEmpty || options.exports.contains($0.name) }
    }

    func resources(_ client: SupermetricsClient) -> RunResources {
        var settings = ExtractionSettings()
        settings.pageRows = job.api.pageRows
        settings.rowLimit = job.api.rowLimit
        settings.queryTimeout = job.api.queryTimeout
        settings.pollInterval = job.api.pollInterval
        settings.serverWait = min(settings.serverWait, job.api.idleTimeout / 2)
        return RunResources(
            runID: runID,
            extractor: Extractor(
                client: client,
                settings: settings,
                queries: ConcurrencyGate(permits: job.api.concurrentQueries),
                clock: clock,
                now: now
            ),
            client: client,
            windows: ConcurrencyGate(permits: windowsAtOnce),
            windowsAtOnce: windowsAtOnce,
            pumps: ConcurrencyGate(permits: loadsAtOnce),
            slots: BatchSlots(cores + 2),
            places: ClaimedPlaces(),
            maxAttempts: job.api.maxAttempts,
            clock: clock,
            now: now,
            report: report
        )
    }

    /// Runs the exports side by side; the first failure that every other would meet too stops all.
    private func run(
        _ exports: [Export],
        _ resources: RunResources,
        _ startedAt: Timestamp
    ) async -> ([ExportSummary], holdsSomething: Bool) {
        let deadline = options.maxMinutes.map { startedAt.adding(seconds: Int($0 * 60)) }
        var outcomes: [ExportRun.Outcome?] = Array(repeating: nil, count: exports.count)
        await withTaskGroup(of: (Int, ExportRun.Outcome).self) { group in
            for (index, export) in exports.enumerated() {
                group.addTask { (index, await run(export, resources, deadline)) }
            }
            for await (index, outcome) in group {
                outcomes[index] = outcome
                if outcome.stopsRun { group.cancelAll() }
            }
        }
        return (outcomes.compactMap { $0?.summary }, outcomes.contains { $0?.holdsSomething == true })
    }

    private func run(_ export: Export, _ resources: RunResources, _ deadline: Timestamp?) async -> ExportRun.Outcome {
        var outcome = ExportRun.Outcome(summary: ExportSummary(name: export.name))
        do {
            let resolved = try await ExportResolver(job: job, client: resources.client, now: now).resolve(export)
            let entries = export.into.map { $0.withPath(of: resolved.spec, chosen: options.plan.chosen) }
            var unopened: [any Error] = []
            try await withSinks(entries, installed: installed, leavingOut: { unopened.append($0) }) { sinks in
                let run = ExportRun(resolved: resolved, options: options, resources: resources, deadline: deadline)
                outcome = await run(into: sinks)
            }
            for error in unopened { outcome.note(error) }
        } catch {
            outcome.note(error)
        }
        return outcome
    }
}

extension Timestamp {
    /// The time of day by the machine's clock.
    package static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}

extension SinkEntry {
    /// What a path may hold between braces.
    static let placeholders = ["export", "start_date", "end_date"]

    /// The entry with `{export}`, `{start_date}` and `{end_date}` in its path filled in.
    ///
    /// - Parameters:
    ///   - spec: The export.
    ///   - chosen: The days whose windows this run is about; nil for all that the export wants.
    /// - Returns: The entry with a path of its own, which names the days of those windows as whole as they are fetched.
    func withPath(of spec: ExportSpec, chosen: DateRange?) -> SinkEntry {
        var entry = self
        let cells = chosen.map { chosen in spec.size.cells(meeting: spec.range).filter { $0.meets(chosen) } } ?? []
        let days = DateRange.hull(cells.map { $0.days(of: spec.range) }) ?? spec.range
        entry.options = options.replacingText(of: "path") { path in
            path.replacing("{export}", with: spec.name)
                .replacing("{start_date}", with: days?.start.description ?? "")
                .replacing("{end_date}", with: days?.end.description ?? "")
        }
        return entry
    }
}

extension JobNode {
    /// The map with the text of one of its members changed.
    fileprivate func replacingText(of name: String, _ change: (String) -> String) -> JobNode {
        guard case .map(var members) = content, let index = members.firstIndex(where: { $0.name == name }),
            case .scalar(let text, let plain) = members[index].value.content
        else { return self }
        members[index].value.content = .scalar(change(text), plain: plain)
        var node = self
        node.content = .map(members)
        return node
    }
}

extension APISettings {
    /// How the client is set up for a run.
    package func configuration(
        _ credential: Credential,
        clock: any Clock<Duration> = ContinuousClock(),
        report: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) -> SupermetricsClient.Configuration {
        var configuration = SupermetricsClient.Configuration(credential: credential)
        if let baseURL { configuration.baseURL = baseURL }
        configuration.dtsBaseURL = dtsBaseURL
        configuration.queryPathPrefix = pathPrefix
        if let userAgent { configuration.userAgent = userAgent }
        for (name, value) in customHeaders.sorted(by: { $0.key < $1.key }) { configuration.customHeaders[name] = value }
        configuration.allowInsecureHTTP = allowInsecureHTTP
        configuration.connectTimeout = connectTimeout
        configuration.idleTimeout = idleTimeout
        configuration.requestTimeout = requestTimeout
        configuration.queryTimeout = queryTimeout
        configuration.pollInterval = pollInterval
        configuration.maxAttempts = maxAttempts
        configuration.requestsPerSecond = requestsPerSecond
        configuration.concurrentQueries = concurrentQueries
        configuration.clock = clock
        configuration.onWarning = { report(.warning(export: nil, text: $0)) }
        // Only the API asks for a wait this long, and a run that says nothing for an hour looks dead.
        configuration.onRetry = { error, wait in
            guard wait >= .seconds(30) else { return }
            let status = error.code ?? error.statusCode.map { "HTTP \($0)" }
            let reason = [status, error.message].compactMap(\.self).joined(separator: ": ")
            report(.warning(export: nil, text: "\(reason); trying again in \(wait.components.seconds) s"))
        }
        return configuration
    }
}
