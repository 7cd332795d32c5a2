public import SupermetricsAPI

/// Watches backfills, however many, until each is over.
///
/// Where several are due for a look, one request for the team's list serves those it shows. Failures that pass are
/// waited out; whoever cancels the task gets what was seen until then.
public struct BackfillWatch: Sendable {
    /// How a backfill was last seen.
    public struct Sight: Sendable {
        /// The backfill.
        public var backfillID: Int
        /// What the last look showed; nil where none succeeded.
        public var snapshot: BackfillSnapshot?
        /// Why it cannot be watched; nil where it can.
        public var failure: BackfillFailure?

        /// Whether every run of it ended well.
        public var isLoaded: Bool {
            guard failure == nil, let snapshot, !snapshot.isAtWork else { return false }
            return snapshot.status != .cancelled && snapshot.status != .failed && snapshot.failed ?? 0 == 0
        }

        /// Whether there is nothing more to wait for.
        var isOver: Bool { failure != nil || snapshot?.isAtWork == false }
    }

    private let calls: BackfillCalls
    private let configuration: SupermetricsClient.Configuration
    private let ids: [Int]
    private let pollInterval: Duration
    private let report: @Sendable (BackfillSnapshot) -> Void
    private let warn: @Sendable (String) -> Void

    /// A watch.
    ///
    /// - Parameters:
    ///   - client: Speaks to the API; its clock is the watch's clock.
    ///   - teamID: The team of the backfills.
    ///   - backfillIDs: What is watched; an id given twice counts once.
    ///   - pollInterval: The first pause between two looks; it grows to six times this.
    ///   - report: Told what each look shows.
    ///   - warn: Told of each look that failed and is repeated.
    public init(
        client: SupermetricsClient,
        teamID: Int,
        backfillIDs: [Int],
        pollInterval: Duration = .seconds(5),
        report: @escaping @Sendable (BackfillSnapshot) -> Void = { _ in },
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        calls = BackfillCalls(client: client, teamID: teamID)
        configuration = client.configuration
        var seen: Set<Int> = []
        ids = backfillIDs.filter { seen.insert($0).inserted }
        self.pollInterval = pollInterval
        self.report = report
        self.warn = warn
    }

    private enum Message: Sendable {
        case answer(BackfillCalls.Answer)
        case tick(Duration)
        case nothing
    }

    /// Watches until all are over or the task is cancelled.
    ///
    /// - Returns: How each was last seen, in the order given.
    /// - Throws: `SupermetricsError` where the key is refused, or the API was never reached or never gave an answer of use.
    public func run() async throws -> [Sight] {
        let stopwatch = Stopwatch(configuration.clock)
        var polls = PollSchedule(first: pollInterval, longest: pollInterval * 6)
        var sights = Dictionary(uniqueKeysWithValues: ids.map { ($0, Sight(backfillID: $0)) })
        for id in ids { polls.add(id, now: .zero, random: 0, atOnce: true) }
        var wasAnswered = false
        var wasUnderstood = false
        var troubles = 0

        func see(_ snapshot: BackfillSnapshot) {
            guard sights[snapshot.id]?.isOver == false else { return }
            sights[snapshot.id]?.snapshot = snapshot
            report(snapshot)
            if snapshot.isAtWork {
                polls.answered(snapshot.id, now: stopwatch.elapsed, random: configuration.random())
            } else {
                polls.remove(snapshot.id)
            }
        }
        func fail(_ error: SupermetricsError, _ id: Int?) throws(SupermetricsError) {
            troubles += 1
            wasAnswered = wasAnswered || error.statusCode != nil
            if error.isAuthentication || error.isNetwork && !wasAnswered && troubles >= 3 { throw error }
            if error.isTransient {
                let isUseless = !wasUnderstood && error.kind != .rateLimit && troubles >= Scheduler.longestTry
                guard !isUseless else { throw error }
                warn("\(error); looking again")
            }
            guard let id else { return }
            if error.isTransient {
                let wait = max(error.retryAfter ?? .zero, pollInterval * (1 << min(troubles, 5)))
                polls.failed(id, until: stopwatch.elapsed + wait)
            } else {
                polls.remove(id)
                sights[id]?.failure = BackfillFailure(error)
            }
        }
        func take(_ event: Scheduler.Event) throws(SupermetricsError) {
            switch event {
            case .listed(let result):
                polls.listed(Set((try? result.get().map(\.id)) ?? []), now: stopwatch.elapsed)
                switch result {
                case .success(let list): list.forEach(see)
                case .failure(let error): return try fail(error, nil)
                }
            case .got(let id, .failure(let error)): return try fail(error, id)
            case .got(let id, .success(nil)):
                polls.remove(id)
                sights[id]?.failure = BackfillFailure(.source, "backfill \(id) does not exist, or no longer")
            case .got(_, .success(let snapshot?)): see(snapshot)
            default: return
            }
            (wasAnswered, wasUnderstood, troubles) = (true, true, 0)
        }

        try await withThrowingTaskGroup(of: Message.self) { group in
            var ticks: Set<Duration> = []
            while sights.values.contains(where: { !$0.isOver }), !Task.isCancelled {
                for poll in polls.polls(now: stopwatch.elapsed) {
                    let action: Scheduler.Action =
                        switch poll {
                        case .list: .list
                        case .get(let id): .get(backfillID: id)
                        }
                    group.addTask { await calls.answer(to: action).map { .answer($0) } ?? .nothing }
                }
                if let next = polls.next, !ticks.contains(where: { $0 <= next }) {
                    ticks.insert(next)
                    let clock = configuration.clock
                    group.addTask {
                        try? await clock.sleep(for: max(.zero, next - stopwatch.elapsed))
                        return .tick(next)
                    }
                }
                switch try await group.next() {
                case .answer(let answer) where !Task.isCancelled:
                    if let left = answer.rateLimit { polls.pace(limit: left.limit, remaining: left.remaining) }
                    try take(answer.event)
                case .tick(let time): ticks.remove(time)
                default: break
                }
            }
            group.cancelAll()
        }
        return ids.compactMap { sights[$0] }
    }
}
