import FoundationEssentials
public import SupermetricsAPI
import Synchronization

/// Loads past days of a team's transfers again: creates backfills, watches them, repeats what failed.
///
/// A run may take days. It survives lost answers, quotas and restarts: what it is about to create is in its journal
/// first, and a run with the same journal goes on where one before it stopped, whatever stopped it. It posts no backfill
/// twice: after an answer that never came it looks, and adopts a backfill only if it had not seen it before, it is of
/// equal range and not older than the request.
///
/// ```swift
/// let goal = BackfillGoal(transferID: 2, range: DayRange("2023-01-01..2023-12-31")!)
/// let run = BackfillRun(client: client, settings: BackfillSettings(teamID: 1), goals: [goal], journal: "2023.journal")
/// let summary = try await run.run()
/// ```
public struct BackfillRun: Sendable {
    private let calls: BackfillCalls
    private let client: SupermetricsClient
    private let settings: BackfillSettings
    private let goals: [BackfillGoal]
    private let journalPath: String
    private let report: @Sendable (BackfillEvent) -> Void

    /// A run.
    ///
    /// - Parameters:
    ///   - client: Speaks to the API; its clock is the run's clock.
    ///   - settings: How backfills are coordinated.
    ///   - goals: What is wanted; each transfer once, in the order in which they begin.
    ///   - journal: The path of the journal; a file that is not there is created, one of another team or server refused.
    ///   - report: Told what happens, as it happens, one event at a time.
    public init(
        client: SupermetricsClient,
        settings: BackfillSettings,
        goals: [BackfillGoal],
        journal: String,
        report: @escaping @Sendable (BackfillEvent) -> Void = { _ in }
    ) {
        calls = BackfillCalls(client: client, teamID: settings.teamID)
        self.client = client
        self.settings = settings
        self.goals = goals
        journalPath = journal
        self.report = report
    }

    /// Whose backfills the journal is about.
    private var owner: Journal.Owner { Journal.Owner(server: client.warehouseOrigin, teamID: settings.teamID) }

    /// What the run would create; one request, and nothing is written.
    ///
    /// - Returns: A plan per goal, in their order.
    /// - Throws: `SupermetricsError`, or `JournalError` where the journal cannot be read.
    public func plan() async throws -> [BackfillPlan] {
        let state = JournalState(try Journal.read(path: journalPath, owner: owner))
        let active = try await calls.list()
        return goals.map { goal in
            BackfillPlan(goal, settings, done: state.done[goal.transferID] ?? DaySet(), active: active)
        }
    }

    /// Runs until every wanted day is loaded or given up, time is up, or the task is cancelled.
    ///
    /// Cancelling leaves the backfills at work unless the settings say otherwise; a create under way is seen to its end
    /// first, so that the journal knows of it.
    ///
    /// - Returns: What was done; failures of the API are in it.
    /// - Throws: `JournalError` where the journal cannot be used or another run holds it.
    public func run() async throws -> BackfillSummary {
        let journal = try Journal(path: journalPath, owner: owner)
        let (interrupts, interrupt) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        // Not a child: cancellation must reach the scheduler as an event, not the requests under way.
        let work = Task { try await drive(journal, interrupts) }
        return try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            interrupt.yield()
        }
    }

    // MARK: The loop

    private enum Message: Sendable {
        case answer(BackfillCalls.Answer)
        case tick(Duration)
        case interrupt
        case nothing
    }

    private func drive(_ journal: Journal, _ interrupts: AsyncStream<Void>) async throws -> BackfillSummary {
        let clock = client.configuration.clock
        let stopwatch = Stopwatch(clock)
        /// The API's clock at one of our own times.
        var server: (time: Date, elapsed: Duration)?
        func moment() -> Scheduler.Moment {
            let elapsed = stopwatch.elapsed
            let serverTime = server.map { $0.time.addingTimeInterval((elapsed - $0.elapsed) / .seconds(1)) }
            return Scheduler.Moment(elapsed: elapsed, time: client.configuration.now(), serverTime: serverTime)
        }
        var scheduler = Scheduler(
            settings,
            goals,
            journal: JournalState(journal.records),
            now: moment(),
            random: client.configuration.random
        )
        try await withThrowingTaskGroup(of: Message.self) { group in
            group.addTask {
                for await _ in interrupts { return .interrupt }
                return .nothing
            }
            var ticks: Set<Duration> = []
            var actions = scheduler.start()
            while true {
                for action in actions {
                    switch action {
                    case .write(let record): try await journal.append(record)
                    case .tell(let event): report(event)
                    default:
                        group.addTask {
                            await calls.answer(to: action).map { .answer($0) } ?? .nothing
                        }
                    }
                }
                if scheduler.isOver { break }
                if let next = scheduler.nextTick, !ticks.contains(where: { $0 <= next }) {
                    ticks.insert(next)
                    group.addTask {
                        try? await clock.sleep(for: max(.zero, next - stopwatch.elapsed))
                        return .tick(next)
                    }
                }
                switch try await group.next() ?? .interrupt {
                case .answer(let answer):
                    if let time = answer.serverTime { server = (time, stopwatch.elapsed) }
                    let now = moment()
                    actions = scheduler.take(answer.event, at: now)
                    if let left = answer.rateLimit {
                        actions += scheduler.take(.requestsLeft(limit: left.limit, remaining: left.remaining), at: now)
                    }
                case .tick(let time):
                    ticks.remove(time)
                    actions = scheduler.take(.tick, at: moment())
                case .interrupt: actions = scheduler.take(.interrupt, at: moment())
                case .nothing: actions = []
                }
            }
            group.cancelAll()
        }
        var summary = scheduler.summary
        if settings.cancelsOnInterrupt, summary.stop == .interrupted {
            summary.cancelled = try await cancel(scheduler.cancellable, journal)
        }
        return summary
    }

    /// Cancels what an interrupted run leaves; gives those that were.
    private func cancel(_ ids: [Int], _ journal: Journal) async throws -> [Int] {
        var cancelled: [Int] = []
        for id in ids {
            try await journal.append(.cancelled(backfillID: id))
            do throws(SupermetricsError) {
                try await calls.cancel(id)
                cancelled.append(id)
            } catch {
                report(.warning(transferID: nil, text: "backfill \(id) could not be cancelled: \(error)"))
            }
        }
        return cancelled
    }
}
