import FoundationEssentials
import SupermetricsAPI

/// Decides what a run does next: events in, actions out, no clock and no network of its own.
///
/// Whoever drives it carries out the actions in order, each `write` before what follows it, and gives the answers back
/// as events, in whatever order they come. After a crash, a scheduler made from the journal goes on where that one was.
struct Scheduler {
    /// The time of an event.
    struct Moment: Sendable {
        /// Since the run began.
        var elapsed: Duration
        /// The time of day.
        var time: Date
        /// The API's time, never later than it is there; nil where it did not give one yet.
        var serverTime: Date?

        /// Whole seconds since 1970 by the API's clock, else by ours.
        var seconds: Int { Int((serverTime ?? time).timeIntervalSince1970.rounded(.down)) }
    }

    enum Action: Sendable, Hashable {
        /// To be on disk before the next action is begun.
        case write(JournalRecord)
        /// The team's incomplete backfills.
        case list
        /// The latest backfill of a transfer.
        case latest(transferID: Int)
        /// The latest backfill of a transfer and the team's incomplete ones.
        case look(transferID: Int)
        case get(backfillID: Int)
        case create(BackfillIntent)
        case cancel(backfillID: Int, transferID: Int)
        /// The runs of a backfill's days since it was created.
        case runs(BackfillSnapshot)
        case tell(BackfillEvent)
    }

    enum Event: Sendable {
        case listed(Result<[BackfillSnapshot], SupermetricsError>)
        /// nil where the transfer never had one.
        case latest(transferID: Int, Result<BackfillSnapshot?, SupermetricsError>)
        case looked(transferID: Int, Result<[BackfillSnapshot], SupermetricsError>)
        /// nil where the API does not know it.
        case got(backfillID: Int, Result<BackfillSnapshot?, SupermetricsError>)
        case created(BackfillIntent, Result<BackfillSnapshot, SupermetricsError>)
        case cancelled(backfillID: Int, transferID: Int, Result<Void, SupermetricsError>)
        case runs(backfillID: Int, transferID: Int, Result<[DayRun], SupermetricsError>)
        /// Of the hour's requests, how many are left.
        case requestsLeft(limit: Int, remaining: Int)
        /// Time has passed.
        case tick
        case interrupt
    }

    /// Looks after a doubtful create before the next one, a poll interval apart.
    private static let looksAfterDoubt = 2
    /// Creates of one range that may come to nothing before its days are given up, and first looks before the run is.
    static let longestTry = 8
    /// Looks that find all runs ended, though the status is one nobody knows, before that is believed.
    private static let looksAtUnknown = 3

    let settings: BackfillSettings
    private(set) var tracks: [Track]
    private(set) var stop: BackfillSummary.Stop?
    private var placeOfTransfer: [Int: Int] = [:]
    /// The transfer of each backfill that is watched.
    private var placeOfWatched: [Int: Int] = [:]
    private var own: [Int: JournalState.Own]
    /// Backfills the API has cancelled for this run, or that were final already.
    private var cancelled: Set<Int> = []
    private var asked: [Int: Int]
    private var lastIntent: Int
    private var polls: PollSchedule
    private var now: Moment
    private var delayed: [(due: Duration, action: Action)] = []
    private var actions: [Action] = []
    private var isStarted = false
    private var isClosed = false
    /// Set once a quota is used up: what works is watched, nothing more is created.
    private var quotaFailure: SupermetricsError?
    /// Nothing is created before: the API asked to wait, or has too many requests of ours for now.
    private var heldUntil = Duration.zero
    /// The UTC day of which was told that it has no room left.
    private var usedUpDay: Int?
    private var wasAnswered = false
    private var unanswered = 0
    private let random: @Sendable () -> Double

    /// - Parameters:
    ///   - settings: How backfills are coordinated.
    ///   - goals: What is wanted, each transfer once.
    ///   - journal: What the runs before this one left.
    ///   - now: The time of the start.
    ///   - random: A number in 0..<1, for jitter.
    init(
        _ settings: BackfillSettings,
        _ goals: [BackfillGoal],
        journal: JournalState,
        now: Moment,
        random: @escaping @Sendable () -> Double
    ) {
        self.settings = settings
        self.now = now
        self.random = random
        own = journal.own
        asked = journal.asked
        lastIntent = journal.lastIntent
        polls = PollSchedule(first: settings.pollInterval, longest: settings.longestPollInterval)
        tracks = goals.map { Track($0, settings, journal) }
        for (place, track) in tracks.enumerated() { placeOfTransfer[track.goal.transferID] = place }
    }

    /// The first actions.
    mutating func start() -> [Action] {
        actions = [.list]
        return drain()
    }

    /// Takes an event and gives what is to be done now.
    mutating func take(_ event: Event, at now: Moment) -> [Action] {
        self.now = now
        handle(event)
        advance()
        return drain()
    }

    /// When ``Event/tick`` is due at the latest; nil while only answers can change anything.
    var nextTick: Duration? {
        guard stop == nil else { return nil }
        var times = delayed.map(\.due)
        if let poll = polls.next { times.append(poll) }
        if let longest = settings.longestRun { times.append(longest) }
        if isStarted {
            for track in tracks where track.isWaiting && track.chunks.isEmpty {
                if let due = track.retries.map(\.notBefore).min(), due > now.elapsed { times.append(due) }
            }
            if heldUntil > now.elapsed, tracks.contains(where: \.isWaiting) { times.append(heldUntil) }
            if settings.maxRunsPerDay != nil, tracks.contains(where: \.isWaiting) { times.append(nextMidnight) }
        }
        return times.min()
    }

    /// Whether nothing remains to be done or waited for.
    var isOver: Bool {
        if stop != nil { return !tracks.contains(where: \.isChanging) }
        return isClosed
    }

    /// The backfills at work that an interrupted run may cancel.
    var cancellable: [Int] {
        tracks.compactMap { track in
            guard case .watching(let watch) = track.phase, watch.snapshot.isAtWork,
                own[watch.snapshot.id].map({ !$0.isAdopted }) == true || settings.mayCancelOthers
            else { return nil }
            return watch.snapshot.id
        }
    }

    /// What the run has done.
    var summary: BackfillSummary {
        BackfillSummary(teamID: settings.teamID, transfers: tracks.map { $0.summary(own) }, stop: stop)
    }

    private mutating func drain() -> [Action] {
        defer { actions = [] }
        return actions
    }

    private func isOwn(_ id: Int) -> Bool { own[id] != nil }

    private var nextMidnight: Duration {
        now.elapsed + .seconds(86_400 - now.seconds % 86_400)
    }

    /// The UTC day by the API's clock, else by ours.
    private var today: Int { now.seconds / 86_400 }

    // MARK: Events

    private mutating func handle(_ event: Event) {
        switch event {
        case .tick: break
        case .interrupt: if stop == nil { stop = .interrupted }
        case .requestsLeft(let limit, let remaining): polls.pace(limit: limit, remaining: remaining)
        case .listed(let result):
            note(result)
            listed(result)
        case .latest(let transferID, let result):
            note(result)
            latest(transferID, result)
        case .looked(let transferID, let result):
            note(result)
            looked(transferID, result)
        case .got(let id, let result):
            note(result)
            got(id, result)
        case .created(let intent, let result):
            note(result)
            created(intent, result)
        case .cancelled(let id, let transferID, let result):
            note(result)
            cancelled(id, transferID, result)
        case .runs(let id, let transferID, let result):
            note(result)
            gathered(id, transferID, result)
        }
    }

    /// Whatever an answer is about: a key that is refused ends the run, and so does an API nobody ever reached.
    private mutating func note<R>(_ result: Result<R, SupermetricsError>) {
        guard case .failure(let error) = result else {
            wasAnswered = true
            return
        }
        wasAnswered = wasAnswered || error.statusCode != nil
        unanswered += 1
        let isNeverReached = !wasAnswered && unanswered >= 3
        if stop == nil, error.isAuthentication || isNeverReached && error.isNetwork {
            stop = .failure(BackfillFailure(error))
        }
    }

    // MARK: Time

    private mutating func advance() {
        if stop == nil, let longest = settings.longestRun, now.elapsed >= longest { stop = .timeUp }
        guard stop == nil, isStarted || !delayed.isEmpty else { return }
        let due = delayed.filter { $0.due <= now.elapsed }.map(\.action)
        delayed.removeAll { $0.due <= now.elapsed }
        actions += due
        guard isStarted else { return }
        giveTurns()
        for poll in polls.polls(now: now.elapsed) {
            switch poll {
            case .list: actions.append(.list)
            case .get(let id): actions.append(.get(backfillID: id))
            }
        }
        if !isClosed, tracks.allSatisfy(\.isEnded) {
            isClosed = true
            actions.append(.write(.ended))
        }
    }

    /// Lets transfers that wait begin their next backfill, as far as the limits allow.
    private mutating func giveTurns() {
        // What is at work already counts before anything new begins.
        for place in tracks.indices where tracks[place].isWaiting {
            if let next = tracks[place].toWatch.popLast() { watch(place, next) }
        }
        var busy = tracks.count { $0.isBusy }
        for place in tracks.indices where tracks[place].isWaiting {
            guard tracks[place].hasWork else {
                end(place)
                continue
            }
            if let quotaFailure {
                end(place, BackfillFailure(quotaFailure))
                continue
            }
            guard busy < settings.active, heldUntil <= now.elapsed,
                let range = tracks[place].nextRange(at: now.elapsed)
            else { continue }
            guard isAllowed(range) else {
                tellOfUsedUpDay()
                continue
            }
            tracks[place].begin(range)
            actions.append(.latest(transferID: tracks[place].goal.transferID))
            busy += 1
        }
    }

    /// Whether so many more runs may be asked for today.
    private func isAllowed(_ range: DayRange) -> Bool {
        guard let most = settings.maxRunsPerDay else { return true }
        return asked[today, default: 0] + range.dayCount <= most
    }

    /// Says once a day that the next backfills wait for the day after.
    private mutating func tellOfUsedUpDay() {
        guard let limit = settings.maxRunsPerDay, usedUpDay != today else { return }
        usedUpDay = today
        let day = UsedUpDay(
            asked: asked[today, default: 0],
            limit: limit,
            left: tracks.reduce(0) { $0 + $1.daysToAskFor },
            nextDay: CalendarDay(number: today + 1)
        )
        actions.append(.tell(.waitingForNextDay(day)))
    }

    private func backoff(_ place: Int, _ error: SupermetricsError?) -> Duration {
        let doublings = min(tracks[place].troubles, 6)
        let wait = min(settings.pollInterval * 60, settings.pollInterval * (1 << doublings))
        return max(error?.retryAfter ?? .zero, wait * (0.5 + 0.5 * random()))
    }

    /// Does a failed read again later, or ends its transfer where that cannot help.
    private mutating func again(_ action: Action, _ place: Int, after error: SupermetricsError) {
        guard error.isTransient else { return end(place, BackfillFailure(error)) }
        let wait = backoff(place, error)
        tracks[place].troubles += 1
        warn(place, "\(error); trying again")
        delayed.append((now.elapsed + wait, action))
    }

    private mutating func warn(_ place: Int?, _ text: String) {
        actions.append(.tell(.warning(transferID: place.map { tracks[$0].goal.transferID }, text: text)))
    }

    // MARK: Start

    private mutating func listed(_ result: Result<[BackfillSnapshot], SupermetricsError>) {
        guard isStarted else { return begin(result) }
        let list = (try? result.get()) ?? []
        polls.listed(Set(list.map(\.id)), now: now.elapsed)
        for snapshot in list { observe(snapshot) }
    }

    private mutating func begin(_ result: Result<[BackfillSnapshot], SupermetricsError>) {
        var list: [BackfillSnapshot] = []
        switch result {
        case .success(let found): list = found
        case .failure(let error):
            guard !error.isTransient else {
                // An API that never gave one answer of use may not be the one that is meant.
                guard error.kind == .rateLimit || unanswered < Self.longestTry else {
                    stop = .failure(BackfillFailure(error))
                    return
                }
                warn(nil, "\(error); trying again")
                let wait = settings.pollInterval * (1 << min(unanswered - 1, 5))
                delayed.append((now.elapsed + max(error.retryAfter ?? .zero, wait), .list))
                return
            }
            guard error.kind != .permission, error.kind != .notFound else {
                stop = .failure(BackfillFailure(error))
                return
            }
            warn(nil, "the list of backfills cannot be used: \(error)")
        }
        isStarted = true
        for place in tracks.indices { begin(place, list) }
    }

    private mutating func begin(_ place: Int, _ list: [BackfillSnapshot]) {
        let goal = tracks[place].goal
        // One of ours that was judged before is over, whatever its status still says.
        let list = list.filter { own[$0.id]?.isSettled != true }
        let theirs = list.filter { $0.transferID == goal.transferID }
        tracks[place].seen.formUnion(theirs.map(\.id))
        // What earlier runs created and did not see the end of comes first.
        let unsettled = own.filter { $0.value.transferID == goal.transferID && !$0.value.isSettled }
        var toWatch = unsettled.sorted { $0.key < $1.key }.map { id, known in
            Watch(
                theirs.first { $0.id == id }
                    ?? BackfillSnapshot(id: id, transferID: goal.transferID, range: known.range, status: .created),
                isResumed: true
            )
        }
        let known = Set(toWatch.map(\.snapshot.id))
        let open = tracks[place].openIntent
        toWatch += theirs.filter { backfill in
            backfill.isAtWork && !known.contains(backfill.id) && backfill.range.overlaps(goal.range)
                && open?.mayHaveCreated(backfill) != true
        }.map { Watch($0) }
        let plan = BackfillPlan(
            goal,
            settings,
            done: tracks[place].done.union(DaySet(days: tracks[place].failed.keys)),
            active: list
        )
        tracks[place].chunks = plan.chunks
        // Days of what is not judged yet wait for that.
        for range in toWatch.map(\.snapshot.range) + [open?.range].compactMap(\.self) {
            tracks[place].leaveOut(range, settings)
        }
        tracks[place].toWatch = toWatch.reversed()
        actions.append(.tell(.planned(plan)))
        guard let open else { return }
        tracks[place].phase = .doubting(open, looks: 1)
        actions.append(.look(transferID: goal.transferID))
    }

    // MARK: Creating

    /// The last look before a create: somebody else may have been here meanwhile.
    private mutating func latest(_ transferID: Int, _ result: Result<BackfillSnapshot?, SupermetricsError>) {
        guard let place = placeOfTransfer[transferID], case .looking(let range) = tracks[place].phase else { return }
        switch result {
        case .failure(let error): again(.latest(transferID: transferID), place, after: error)
        case .success(let latest):
            tracks[place].troubles = 0
            guard stop == nil else { return }
            if let latest {
                tracks[place].seen.insert(latest.id)
                if latest.isAtWork, !isOwn(latest.id), !tracks[place].left(of: latest.range).isEmpty {
                    tracks[place].putBack(range)
                    return watch(place, Watch(latest))
                }
            }
            create(place, range)
        }
    }

    private mutating func create(_ place: Int, _ range: DayRange) {
        // Another transfer may have taken what was left of the day, a quota may have run out, or the API asks to wait.
        guard isAllowed(range), quotaFailure == nil, heldUntil <= now.elapsed else {
            return tracks[place].putBack(range)
        }
        lastIntent += 1
        let intent = BackfillIntent(
            number: lastIntent,
            transferID: tracks[place].goal.transferID,
            range: range,
            serverTime: now.seconds,
            seen: tracks[place].seen.sorted()
        )
        asked[intent.serverTime / 86_400, default: 0] += range.dayCount
        tracks[place].phase = .creating(intent)
        actions += [.write(.intent(intent)), .create(intent)]
    }

    private mutating func created(_ intent: BackfillIntent, _ result: Result<BackfillSnapshot, SupermetricsError>) {
        guard let place = placeOfTransfer[intent.transferID], case .creating(intent) = tracks[place].phase else {
            return
        }
        switch result {
        case .success(let backfill): own(place, intent, backfill, isAdopted: false)
        case .failure(let error) where error.mayHaveCreated:
            tracks[place].phase = .doubting(intent, looks: 1)
            tracks[place].tries += 1
            tracks[place].latestRefusal = error
            warn(place, "\(error); looking whether the backfill of \(intent.range) was created")
            delayed.append((now.elapsed + settings.pollInterval, .look(transferID: intent.transferID)))
        case .failure(let error): refused(place, intent, error)
        }
    }

    /// A create that certainly made nothing.
    private mutating func refused(_ place: Int, _ intent: BackfillIntent, _ error: SupermetricsError) {
        void(intent)
        let range = intent.range
        switch error.kind {
        case .validation, .conflict:
            tracks[place].phase = .clearing(range)
            tracks[place].tries += 1
            tracks[place].latestRefusal = error
            actions.append(.look(transferID: intent.transferID))
        case .quota:
            quotaFailure = error
            tracks[place].putBack(range)
        case .rateLimit: hold(place, range, error)
        case _ where error.isTransient: postpone(place, range, error)
        // Other ranges may be within the licence.
        case _ where error.code?.hasPrefix("LICENSE_") == true && error.code?.hasSuffix("_EXCEEDED") == true:
            giveUp(place, range, BackfillFailure(error.advising(chunkBelow: range.dayCount)))
        default: end(place, BackfillFailure(error))
        }
    }

    private mutating func void(_ intent: BackfillIntent) {
        asked[intent.serverTime / 86_400, default: 0] -= intent.range.dayCount
        actions.append(.write(.void(intent: intent.number)))
    }

    /// Creates nothing for a while, and then this range first.
    private mutating func hold(_ place: Int, _ range: DayRange, _ error: SupermetricsError) {
        heldUntil = max(heldUntil, now.elapsed + backoff(place, error))
        tracks[place].troubles += 1
        warn(place, "\(error); trying again")
        tracks[place].putBack(range)
    }

    /// Tries a range again after a while.
    private mutating func postpone(_ place: Int, _ range: DayRange, _ error: SupermetricsError?) {
        let wait = backoff(place, error)
        tracks[place].troubles += 1
        if let error { warn(place, "\(error); trying again") }
        tracks[place].postpone(range, until: now.elapsed + wait)
    }

    private mutating func own(_ place: Int, _ intent: BackfillIntent, _ backfill: BackfillSnapshot, isAdopted: Bool) {
        actions.append(.write(.created(intent: intent.number, backfillID: backfill.id, isAdopted: isAdopted)))
        own[backfill.id] = JournalState.Own(
            transferID: intent.transferID,
            range: intent.range,
            isAdopted: isAdopted
        )
        tracks[place].tries = 0
        tracks[place].troubles = 0
        actions.append(
            .tell(
                .created(
                    transferID: intent.transferID,
                    backfillID: backfill.id,
                    range: intent.range,
                    isAdopted: isAdopted
                )
            )
        )
        watch(place, Watch(backfill))
    }

    /// The backfills of a transfer, looked at because a create is in doubt or was refused.
    private mutating func looked(_ transferID: Int, _ result: Result<[BackfillSnapshot], SupermetricsError>) {
        guard let place = placeOfTransfer[transferID] else { return }
        let list: [BackfillSnapshot]
        switch result {
        case .failure(let error):
            switch tracks[place].phase {
            case .doubting, .clearing: again(.look(transferID: transferID), place, after: error)
            default: break
            }
            return
        case .success(let found): list = found.filter { $0.transferID == transferID }
        }
        tracks[place].troubles = 0
        switch tracks[place].phase {
        case .doubting(let intent, let looks): resolve(place, intent, looks: looks, list)
        case .clearing(let range): clear(place, range, list)
        default: break
        }
    }

    /// After a lost answer: the backfill it was about, or another try.
    private mutating func resolve(_ place: Int, _ intent: BackfillIntent, looks: Int, _ list: [BackfillSnapshot]) {
        let candidates = list.filter { intent.mayHaveCreated($0) && !isOwn($0.id) }
        if let found = candidates.max(by: { $0.id < $1.id }) {
            tracks[place].seen.insert(found.id)
            return own(place, intent, found, isAdopted: true)
        }
        guard looks >= Self.looksAfterDoubt else {
            tracks[place].phase = .doubting(intent, looks: looks + 1)
            delayed.append((now.elapsed + settings.pollInterval, .look(transferID: intent.transferID)))
            return
        }
        tracks[place].seen.formUnion(list.map(\.id))
        void(intent)
        retryOrGiveUp(place, intent.range)
    }

    private mutating func retryOrGiveUp(_ place: Int, _ range: DayRange) {
        guard tracks[place].tries >= Self.longestTry else { return postpone(place, range, nil) }
        tracks[place].tries = 0
        let failure =
            tracks[place].latestRefusal.map { BackfillFailure($0) }
            ?? BackfillFailure(.source, "the backfill of \(range) could not be created")
        giveUp(place, range, failure)
    }

    /// After a refusal: waits for what is in the way, cancels it where that is ours to do, or gives up.
    private mutating func clear(_ place: Int, _ range: DayRange, _ list: [BackfillSnapshot]) {
        tracks[place].seen.formUnion(list.map(\.id))
        guard tracks[place].tries < Self.longestTry else { return retryOrGiveUp(place, range) }
        let inTheWay = list.filter { $0.range.overlaps(range) && !$0.status.isFinal }
        if let active = inTheWay.first(where: \.isAtWork) {
            // Only its status still works: it was judged by its counters.
            if let judged = own[active.id], judged.isSettled, !judged.isAdopted || settings.mayCancelOthers {
                return cancel(place, active.id, before: range)
            }
            tracks[place].putBack(range)
            return watch(place, Watch(active))
        }
        if let failed = inTheWay.first {
            guard own[failed.id]?.isAdopted == false || settings.mayCancelOthers else {
                let text =
                    "backfill \(failed.id) of \(failed.range), which is \(failed.status) and was not created by this "
                    + "run, is in the way; cancel it with `sluice backfill cancel \(failed.id) --team "
                    + "\(settings.teamID)`, or allow that with --yes"
                // Only the days it covers are lost, here and in other chunks.
                tracks[place].putBack(range)
                tracks[place].leaveOut(failed.range, settings)
                return giveUp(place, failed.range, BackfillFailure(.source, text))
            }
            return cancel(place, failed.id, before: range)
        }
        // The list shows the newest hundred of the team; an older one of ours may be beyond it.
        let hidden = own.filter {
            $0.value.transferID == tracks[place].goal.transferID && $0.value.range.overlaps(range)
        }
        .filter { $0.value.isSettled && (!$0.value.isAdopted || settings.mayCancelOthers) }
        if let id = hidden.keys.filter({ !cancelled.contains($0) }).max() { return cancel(place, id, before: range) }
        // The refusal may be about something that is over by now, but not for ever.
        guard tracks[place].tries < 3 else {
            tracks[place].tries = Self.longestTry
            return retryOrGiveUp(place, range)
        }
        postpone(place, range, tracks[place].latestRefusal)
    }

    private mutating func cancel(_ place: Int, _ id: Int, before range: DayRange) {
        tracks[place].phase = .cancelling(range, backfillID: id)
        own[id]?.isCancelledByUs = true
        actions += [
            .write(.cancelled(backfillID: id)),
            .cancel(backfillID: id, transferID: tracks[place].goal.transferID),
        ]
    }

    private mutating func cancelled(_ id: Int, _ transferID: Int, _ result: Result<Void, SupermetricsError>) {
        guard let place = placeOfTransfer[transferID], case .cancelling(let range, id) = tracks[place].phase else {
            return
        }
        func isOutOfTheWay() {
            if cancelled.insert(id).inserted { tracks[place].tries = 0 }
            tracks[place].putBack(range)
        }
        guard case .failure(let error) = result else { return isOutOfTheWay() }
        switch error.kind {
        // It is final already, or gone.
        case .validation, .conflict, .notFound: isOutOfTheWay()
        case _ where error.isTransient:
            // The refusal it was an answer to does not count: nothing has changed that another create could meet.
            tracks[place].tries -= 1
            postpone(place, range, error)
        default: giveUp(place, range, BackfillFailure(error))
        }
    }

    // MARK: Watching

    private mutating func watch(_ place: Int, _ watch: Watch) {
        var watch = watch
        let backfill = watch.snapshot
        watch.lastChange = now.elapsed
        tracks[place].phase = .watching(watch)
        tracks[place].seen.insert(backfill.id)
        placeOfWatched[backfill.id] = place
        if !isOwn(backfill.id) {
            actions.append(
                .tell(
                    .joined(
                        transferID: tracks[place].goal.transferID,
                        backfillID: backfill.id,
                        range: backfill.range
                    )
                )
            )
        }
        polls.add(backfill.id, now: now.elapsed, random: random(), atOnce: watch.isResumed)
        // One that was over within its own answer needs no further look; of a resumed one nothing was seen yet.
        if !watch.isResumed { observe(backfill) } else { tell(place) }
    }

    private mutating func got(_ id: Int, _ result: Result<BackfillSnapshot?, SupermetricsError>) {
        guard let place = placeOfWatched[id], case .watching(var watch) = tracks[place].phase else { return }
        switch result {
        case .success(let snapshot?): observe(snapshot)
        case .success(nil):
            watch.missing += 1
            tracks[place].phase = .watching(watch)
            polls.answered(id, now: now.elapsed, random: random())
            // A backfill that is a moment old may not be known everywhere yet.
            if watch.missing >= 2 { judge(place, watch, isRemoved: true) }
        case .failure(let error):
            guard error.isTransient else {
                polls.remove(id)
                return end(place, BackfillFailure(error))
            }
            let wait = backoff(place, error)
            tracks[place].troubles += 1
            polls.failed(id, until: now.elapsed + wait)
            warn(place, "\(error); looking again")
        }
    }

    /// Takes note of how a backfill stands, if it is watched.
    private mutating func observe(_ snapshot: BackfillSnapshot) {
        guard let place = placeOfWatched[snapshot.id], case .watching(var watch) = tracks[place].phase,
            watch.snapshot.id == snapshot.id
        else { return }
        if snapshot != watch.snapshot { watch.lastChange = now.elapsed }
        let wasResumed = watch.isResumed
        watch.snapshot = snapshot
        watch.missing = 0
        watch.looksEnded = !snapshot.hasKnownStatus && snapshot.countersSayEnded ? watch.looksEnded + 1 : 0
        tracks[place].troubles = 0
        tracks[place].phase = .watching(watch)
        polls.answered(snapshot.id, now: now.elapsed, random: random())
        tell(place)
        let standstill = now.elapsed - watch.lastChange
        // A status may never follow counters that say every day is over.
        let isLeftBehind = snapshot.countersCoverAllDays && standstill >= settings.longestLag
        if !snapshot.isAtWork || watch.looksEnded >= Self.looksAtUnknown || isLeftBehind {
            return judge(place, watch, isRemoved: false)
        }
        watch.isResumed = false
        tracks[place].phase = .watching(watch)
        if !wasResumed, standstill >= settings.longestStandstill {
            let hours = settings.longestStandstill.components.seconds / 3600
            let text =
                "backfill \(snapshot.id) of \(snapshot.range) has not moved for \(hours) h and is left alone; cancel it "
                + "with `sluice backfill cancel \(snapshot.id) --team \(settings.teamID)` and run this again"
            forget(snapshot.id)
            end(place, BackfillFailure(.source, text))
        }
    }

    private mutating func forget(_ id: Int) {
        polls.remove(id)
        placeOfWatched[id] = nil
    }

    private mutating func tell(_ place: Int) {
        actions.append(.tell(.progress(tracks[place].progress)))
    }

    // MARK: Judging

    /// A backfill is over: by its counters and its report where they agree, else by its runs.
    private mutating func judge(_ place: Int, _ watch: Watch, isRemoved: Bool) {
        let backfill = watch.snapshot
        forget(backfill.id)
        var judgement = Judgement(backfill, isRemoved: isRemoved)
        judgement.wasOverBefore = watch.isResumed
        if let verdict = judgement.byCounters() { return settle(place, judgement, verdict) }
        tracks[place].phase = .gathering(judgement)
        actions.append(.runs(backfill))
    }

    private mutating func gathered(_ id: Int, _ transferID: Int, _ result: Result<[DayRun], SupermetricsError>) {
        guard let place = placeOfTransfer[transferID], case .gathering(let judgement) = tracks[place].phase,
            judgement.backfill.id == id
        else { return }
        switch result {
        case .success(let runs):
            tracks[place].troubles = 0
            settle(place, judgement, judgement.by(runs))
        case .failure(let error) where error.isTransient: again(.runs(judgement.backfill), place, after: error)
        // Without the list of runs the report is all there is.
        case .failure(let error):
            warn(place, "the runs of backfill \(id) cannot be read: \(error)")
            settle(place, judgement, judgement.by([]))
        }
    }

    private mutating func settle(_ place: Int, _ judgement: Judgement, _ verdict: Judgement.Verdict) {
        let backfill = judgement.backfill
        let transferID = tracks[place].goal.transferID
        let wanted = DaySet([tracks[place].goal.range])
        let done = verdict.done.intersection(wanted)
        let failed = verdict.failed.filter { wanted.contains($0.key) && !tracks[place].done.contains($0.key) }
        let undone = verdict.undone.intersection(wanted).subtracting(tracks[place].done)
        // Whoever cancels our backfill while we watch does not want it made again by us.
        let isOurs = isOwn(backfill.id)
        let isRespected = isOurs && !judgement.wasOverBefore && own[backfill.id]?.isCancelledByUs != true
        actions.append(
            .write(
                .settled(
                    backfillID: backfill.id,
                    transferID: transferID,
                    done: done.ranges,
                    failed: Self.together(failed)
                )
            )
        )
        own[backfill.id]?.isSettled = true
        tracks[place].settle(backfill.range, done: done, settings)
        for (day, words) in failed {
            tracks[place].attempts[day, default: 0] += 1
            tracks[place].words[day] = words
        }
        let again = failed.keys.filter { tracks[place].attempts[$0, default: 0] <= settings.retries }
        for (day, words) in failed where tracks[place].attempts[day, default: 0] > settings.retries {
            tracks[place].failed[day] = BackfillFailure(.source, words)
        }
        let attempt = again.map { tracks[place].attempts[$0, default: 1] }.max() ?? 1
        let wait = settings.pollInterval * 6 * (1 << min(attempt - 1, 5))
        tracks[place].retry(DaySet(days: again), notBefore: now.elapsed + wait, settings)
        if isRespected {
            let who = backfill.removedUserID.map { " by user \($0)" } ?? ""
            let text =
                judgement.isRemoved
                ? "backfill \(backfill.id) was removed by somebody else" : "backfill \(backfill.id) was cancelled\(who)"
            for day in undone.days {
                tracks[place].failed[day] = BackfillFailure(.source, text + "; run this again to load its days")
            }
        } else {
            tracks[place].retry(undone, notBefore: now.elapsed, settings)
        }
        tracks[place].outcomes.append(
            TransferSummary.Outcome(
                id: backfill.id,
                range: backfill.range,
                status: judgement.isRemoved ? "REMOVED" : "\(backfill.status)",
                isOwn: isOurs,
                done: done.count,
                failed: failed.count + undone.count,
                isAtWork: false
            )
        )
        tracks[place].phase = .waiting
        actions.append(
            .tell(
                .settled(
                    transferID: transferID,
                    backfillID: backfill.id,
                    status: judgement.isRemoved ? "REMOVED" : "\(backfill.status)",
                    done: done.count,
                    failed: failed.count + undone.count
                )
            )
        )
        tell(place)
    }

    /// Neighbouring days with the same words as one line.
    private static func together(_ failed: [CalendarDay: String]) -> [DayFailure] {
        Dictionary(grouping: failed.keys) { failed[$0] ?? "" }
            .flatMap { words, days in DaySet(days: days).ranges.map { DayFailure(day: $0, words: words) } }
            .sorted { $0.day.first < $1.day.first }
    }

    // MARK: Ends

    /// Gives the days of a range up and goes on with the others.
    private mutating func giveUp(_ place: Int, _ range: DayRange, _ failure: BackfillFailure) {
        for day in tracks[place].left(of: range).days { tracks[place].failed[day] = failure }
        tracks[place].phase = .waiting
        tracks[place].tries = 0
    }

    private mutating func end(_ place: Int, _ failure: BackfillFailure? = nil) {
        if case .watching(let watch) = tracks[place].phase { forget(watch.snapshot.id) }
        tracks[place].leave()
        if let failure {
            let left = tracks[place].left(of: tracks[place].goal.range)
            for day in left.days { tracks[place].failed[day] = failure }
        }
        tracks[place].phase = .ended
        tell(place)
        actions.append(.tell(.ended(tracks[place].summary(own))))
    }
}

extension SupermetricsError {
    /// Whether a backfill may exist although its create failed: unless the API or the network clearly say no.
    var mayHaveCreated: Bool {
        if outcomeIsUnknown { return true }
        if isNetwork { return false }
        switch kind {
        case .cancelled: return true
        // What the API calls by such a name it refused, whatever the status: some come as 500, some inside a 200.
        case .client, .authentication, .permission, .validation, .notFound, .conflict, .rateLimit, .quota: return false
        default: return statusCode.map { !(400..<500).contains($0) } ?? true
        }
    }

    /// The error with the cure for a range the licence finds too long, where it may be that: the API has one code for too
    /// many days and for days too long ago, and a number only in its words.
    fileprivate func advising(chunkBelow days: Int) -> SupermetricsError {
        guard code == "LICENSE_HISTORICAL_RANGE_EXCEEDED", days > 1 else { return self }
        var error = self
        let most = message.firstMatch(of: /at most (\d+) days?\b/).flatMap { Int($0.output.1) }
        if let most, 1..<days ~= most {
            error.advice = "cut the range with --chunk '\(ChunkSize.days(most))'"
        } else {
            error.advice =
                "if \(days) days are too many at once, cut the range with a smaller --chunk; else ask for later days"
        }
        return error
    }
}
