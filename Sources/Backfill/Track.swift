import SupermetricsAPI

/// A backfill that is watched.
struct Watch: Sendable, Hashable {
    var snapshot: BackfillSnapshot
    /// Whether it was created by an earlier run and not looked at in this one.
    var isResumed = false
    /// When something about it last changed.
    var lastChange = Duration.zero
    /// Looks in a row that did not find it.
    var missing = 0
    /// Looks in a row at which its status was unknown and its counters said it is over.
    var looksEnded = 0

    init(_ snapshot: BackfillSnapshot, isResumed: Bool = false) {
        (self.snapshot, self.isResumed) = (snapshot, isResumed)
    }
}

/// What a run knows of one transfer.
struct Track: Sendable {
    /// What is being done about it now.
    enum Phase: Sendable, Hashable {
        /// Nothing: it waits for its turn.
        case waiting
        /// Its latest backfill is asked for before one of this range is created.
        case looking(DayRange)
        /// A create is under way.
        case creating(BackfillIntent)
        /// A create may or may not have happened.
        case doubting(BackfillIntent, looks: Int)
        /// A create was refused: what is in its way is looked for.
        case clearing(DayRange)
        /// What is in the way of this range is being cancelled.
        case cancelling(DayRange, backfillID: Int)
        case watching(Watch)
        /// A backfill is over and its runs are asked for.
        case gathering(Judgement)
        case ended
    }

    /// Days to load again.
    struct Retry: Sendable, Hashable {
        var range: DayRange
        /// Since the run began.
        var notBefore: Duration
    }

    let goal: BackfillGoal
    var phase = Phase.waiting
    let doneBefore: DaySet
    private(set) var done: DaySet
    /// Days given up, with the reason.
    var failed: [CalendarDay: BackfillFailure] = [:]
    /// How many runs of a day failed.
    var attempts: [CalendarDay: Int]
    /// Why the latest run of a day failed.
    var words: [CalendarDay: String]
    /// To be created, in order.
    var chunks: [DayRange] = []
    /// To be created after the chunks.
    private(set) var retries: [Retry] = []
    /// At work and in the way; watched first, the last one first.
    var toWatch: [Watch] = []
    /// Every backfill of the transfer known of.
    var seen: Set<Int> = []
    /// A create whose outcome an earlier run did not see.
    let openIntent: BackfillIntent?
    /// Failures in a row of requests about this transfer.
    var troubles = 0
    /// Creates in a row that came to nothing.
    var tries = 0
    var latestRefusal: SupermetricsError?
    var outcomes: [TransferSummary.Outcome] = []

    init(_ goal: BackfillGoal, _ settings: BackfillSettings, _ journal: JournalState) {
        self.goal = goal
        let wanted = DaySet([goal.range])
        doneBefore = (journal.done[goal.transferID] ?? DaySet()).intersection(wanted)
        done = doneBefore
        let failures = (journal.failures[goal.transferID] ?? [:]).filter { wanted.contains($0.key) }
        attempts = failures.mapValues(\.count)
        words = failures.mapValues(\.words)
        openIntent = journal.open.values.filter { $0.transferID == goal.transferID }.max { $0.number < $1.number }
        seen = Set(journal.own.filter { $0.value.transferID == goal.transferID }.keys)
        for (day, failure) in failures where failure.count > settings.retries && !done.contains(day) {
            failed[day] = BackfillFailure(.source, failure.words)
        }
    }

    var isWaiting: Bool { phase == .waiting }
    var isEnded: Bool { phase == .ended }
    var isBusy: Bool { !isWaiting && !isEnded }

    /// Whether a request that changes something is under way.
    var isChanging: Bool {
        switch phase {
        case .creating, .cancelling: true
        default: false
        }
    }

    var hasWork: Bool { !chunks.isEmpty || !retries.isEmpty }

    /// The days of a range that are wanted, not loaded and not given up.
    func left(of range: DayRange) -> DaySet {
        DaySet([range]).intersection(DaySet([goal.range])).subtracting(done).subtracting(DaySet(days: failed.keys))
    }

    /// Days that no backfill was asked for yet.
    var daysToAskFor: Int { (chunks + retries.map(\.range)).reduce(0) { $0 + $1.dayCount } }

    /// What comes next; nil while that has to wait.
    func nextRange(at now: Duration) -> DayRange? {
        chunks.first ?? retries.first { $0.notBefore <= now }?.range
    }

    /// Begins with a range that ``nextRange(at:)`` gave.
    mutating func begin(_ range: DayRange) {
        if chunks.first == range {
            chunks.removeFirst()
        } else if let place = retries.firstIndex(where: { $0.range == range }) {
            retries.remove(at: place)
        }
        phase = .looking(range)
    }

    /// Leaves a range for the next turn.
    mutating func putBack(_ range: DayRange) {
        chunks.insert(range, at: 0)
        phase = .waiting
    }

    /// Leaves a range for a later turn.
    mutating func postpone(_ range: DayRange, until time: Duration) {
        retries.insert(Retry(range: range, notBefore: time), at: 0)
        phase = .waiting
    }

    /// Takes note of loaded days, and takes all days of a backfill that is over off the list.
    mutating func settle(_ range: DayRange, done: DaySet, _ settings: BackfillSettings) {
        self.done = self.done.union(done)
        for day in done.days { failed[day] = nil }
        leaveOut(range, settings)
    }

    /// Takes days off the list.
    mutating func leaveOut(_ range: DayRange, _ settings: BackfillSettings) {
        let out = DaySet([range])
        func rest(of range: DayRange) -> [DayRange] {
            let ranges = DaySet([range]).subtracting(out).ranges
            return settings.order == .oldest ? ranges : ranges.reversed()
        }
        chunks = chunks.flatMap(rest)
        retries = retries.flatMap { retry in
            rest(of: retry.range).map { Retry(range: $0, notBefore: retry.notBefore) }
        }
    }

    /// Puts days on the list once more, in ranges no longer than a chunk.
    mutating func retry(_ days: DaySet, notBefore time: Duration, _ settings: BackfillSettings) {
        let ranges = days.ranges.flatMap { $0.pieces(atMost: settings.longestChunk) }
        retries += (settings.order == .oldest ? ranges : ranges.reversed()).map { Retry(range: $0, notBefore: time) }
    }

    /// Takes note of a backfill that is no longer watched though it works.
    mutating func leave() {
        guard let left = atWork else { return }
        outcomes.append(left)
    }

    /// The backfill being watched, as part of a summary.
    private var atWork: TransferSummary.Outcome? {
        guard case .watching(let watch) = phase else { return nil }
        let backfill = watch.snapshot
        return TransferSummary.Outcome(
            id: backfill.id,
            range: backfill.range,
            status: "\(backfill.status)",
            isOwn: true,
            done: backfill.completed ?? 0,
            failed: backfill.failed ?? 0,
            isAtWork: backfill.isAtWork
        )
    }

    var progress: TransferProgress {
        var progress = TransferProgress(
            transferID: goal.transferID,
            wantedDays: goal.range.dayCount,
            doneDays: done.count,
            failedDays: words.keys.count { !done.contains($0) }
        )
        guard case .watching(let watch) = phase else { return progress }
        let backfill = watch.snapshot
        let running = min(backfill.completed ?? 0, left(of: backfill.range).count)
        progress.doneDays += running
        progress.backfillID = backfill.id
        progress.range = backfill.range
        progress.status = "\(backfill.status)"
        progress.runsCompleted = backfill.completed ?? 0
        progress.runsFailed = backfill.failed ?? 0
        progress.runsTotal = backfill.expectedRuns
        return progress
    }

    func summary(_ own: [Int: JournalState.Own]) -> TransferSummary {
        let grouped = Dictionary(grouping: failed.keys) { failed[$0] }
        let failures = grouped.compactMap { failure, days in
            failure.map { BackfillFailure($0.cause, $0.message, days: DaySet(days: days)) }
        }
        return TransferSummary(
            transferID: goal.transferID,
            wanted: goal.range,
            doneBefore: doneBefore,
            done: done,
            failures: failures.sorted { $0.firstDay < $1.firstDay },
            backfills: (outcomes + [atWork].compactMap(\.self)).map { outcome in
                var outcome = outcome
                outcome.isOwn = own[outcome.id] != nil
                return outcome
            }
        )
    }
}

extension BackfillFailure {
    fileprivate var firstDay: Int { days.ranges.first?.first.number ?? .min }
}
