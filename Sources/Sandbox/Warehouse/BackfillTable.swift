import FoundationEssentials

/// All backfills of a sandbox, brought up to the present whenever they are looked at, and every create ever seen.
///
/// Nothing runs in the background: what has happened by a time follows from the pace and the events of days.
struct BackfillTable {
    /// The user of the sandbox's key, and another one of the team.
    static let (keyUserID, otherUserID) = (501, 502)
    /// The first ids lie beyond 32 bits, as the API allows.
    private static let (firstID, firstRunID) = (5_000_000_001, 9_000_000_001)

    private struct Turn: Hashable {
        var transferID: Int
        var day: CivilDay
    }

    /// In the order of creation, so that `id` is the place in the list.
    private(set) var backfills: [Backfill] = []
    /// The places of those whose runs may still start.
    private var pending: [Int] = []
    private var turns: [Turn: Int] = [:]
    private var runs: [(backfill: Int, run: Int)] = []
    private var ofTransfer: [Int: [Int]] = [:]
    private(set) var creates: [BackfillHistory.Create] = []

    // MARK: Time

    /// Starts every run whose turn has come, in the order of creation of their backfills.
    mutating func advance(to now: Date, _ options: SandboxOptions) {
        let places = pending
        pending = places.filter { place in
            while let turn = backfills[place].nextTurn(now) { take(turn, of: place, options) }
            let backfill = backfills[place]
            return backfill.cancellation == nil && !backfill.isRemoved && backfill.runs.count < backfill.days.dayCount
        }
    }

    private mutating func take(
        _ turn: (day: CivilDay, time: Date, place: Int),
        of place: Int,
        _ options: SandboxOptions
    ) {
        let transferID = backfills[place].transferID
        let earlier = turns[Turn(transferID: transferID, day: turn.day), default: 0]
        turns[Turn(transferID: transferID, day: turn.day)] = earlier + 1
        let event = options.backfills.dayEvents.first {
            $0.happens(to: turn.day, ofTransfer: transferID, earlier: earlier, seed: options.seed)
        }
        switch event?.kind {
        case .cancel:
            backfills[place].cancellation = Backfill.Cancellation(time: turn.time, userID: Self.otherUserID)
            return
        case .remove:
            backfills[place].removedTime = turn.time
            return
        case .fail, .stuck, nil: break
        }
        let isStuck = event?.kind == .stuck
        let end = turn.time.addingTimeInterval(backfills[place].dayTime)
        runs.append((place, backfills[place].runs.count))
        backfills[place].places[turn.place] = isStuck ? .distantFuture : end
        backfills[place].runs.append(
            Backfill.Run(
                id: Self.firstRunID + runs.count - 1,
                day: turn.day,
                attempt: earlier + 1,
                startTime: turn.time,
                endTime: isStuck ? nil : end,
                error: event?.kind == .fail ? "The data source refused the data of \(turn.day.iso)." : nil
            )
        )
    }

    // MARK: Looking

    /// The backfill with this id, unless it was removed.
    func backfill(_ id: Int) -> Backfill? {
        let place = id - Self.firstID
        guard backfills.indices.contains(place), !backfills[place].isRemoved else { return nil }
        return backfills[place]
    }

    /// The latest backfill of a transfer that was not removed.
    func latest(transferID: Int) -> Backfill? {
        ofTransfer[transferID]?.last { !backfills[$0].isRemoved }.map { backfills[$0] }
    }

    func backfills(ofTransfer id: Int) -> [Backfill] { ofTransfer[id, default: []].map { backfills[$0] } }

    /// The run with this id and its backfill.
    func run(_ id: Int) -> (backfill: Backfill, run: Backfill.Run)? {
        let place = id - Self.firstRunID
        guard runs.indices.contains(place) else { return nil }
        let backfill = backfills[runs[place].backfill]
        return (backfill, backfill.runs[runs[place].run])
    }

    /// An active backfill of the transfer that shares a day with `days`.
    func overlap(of days: DaySpan, transferID: Int, now: Date, _ options: BackfillOptions) -> Backfill? {
        backfills(ofTransfer: transferID).first { backfill in
            guard !backfill.isRemoved, backfill.days.first <= days.last, days.first <= backfill.days.last else {
                return false
            }
            switch backfill.status(now, failedRunsFail: options.failedRunsFail) {
            case .created, .scheduled, .running: return true
            case .failed: return options.failedBlocks
            case .completed, .cancelled: return false
            }
        }
    }

    // MARK: Changing

    mutating func create(_ days: DaySpan, transferID: Int, now: Date, _ options: BackfillOptions) -> Backfill {
        let place = backfills.count
        let backfill = Backfill(
            id: Self.firstID + place,
            transferID: transferID,
            days: days,
            now: now,
            options: options
        )
        backfills.append(backfill)
        pending.append(place)
        ofTransfer[transferID, default: []].append(place)
        return backfill
    }

    mutating func cancel(_ id: Int, by userID: Int, now: Date) {
        backfills[id - Self.firstID].cancellation = Backfill.Cancellation(time: now, userID: userID)
    }

    mutating func remove(_ id: Int, now: Date) { backfills[id - Self.firstID].removedTime = now }

    // MARK: History

    mutating func note(_ create: BackfillHistory.Create) { creates.append(create) }

    /// Records what was done to the answer of the create that request `number` asked for, if it was one.
    mutating func noteFault(_ fault: Fault, request number: Int) {
        guard let place = creates.lastIndex(where: { $0.requestNumber == number }) else { return }
        creates[place].fault = fault.description
    }

    /// All that happened until `now`, to which the runs must have been brought.
    func history(_ now: Date, _ options: BackfillOptions) -> BackfillHistory {
        BackfillHistory(
            creates: creates,
            backfills: backfills.map { backfill in
                BackfillHistory.Backfill(
                    backfillID: backfill.id,
                    transferID: backfill.transferID,
                    rangeStart: backfill.days.first.iso,
                    rangeEnd: backfill.days.last.iso,
                    createdTime: DateText.milliseconds(backfill.createdTime),
                    endTime: backfill.endTime(now).map(DateText.milliseconds),
                    status: backfill.status(now, failedRunsFail: options.failedRunsFail).rawValue,
                    removedTime: backfill.removedTime.map(DateText.milliseconds)
                )
            },
            runs: runs.map { place in
                let backfill = backfills[place.backfill]
                let run = backfill.runs[place.run]
                let outcome: BackfillHistory.Outcome =
                    !run.hasEnded(now) ? .running : run.error == nil ? .completed : .failed
                return BackfillHistory.Run(
                    runID: run.id,
                    backfillID: backfill.id,
                    transferID: backfill.transferID,
                    date: run.day.iso,
                    attempt: run.attempt,
                    startTime: DateText.milliseconds(run.startTime),
                    endTime: outcome == .running ? nil : run.endTime.map(DateText.milliseconds),
                    outcome: outcome
                )
            }
        )
    }
}
