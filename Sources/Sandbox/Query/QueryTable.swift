import FoundationEssentials

/// The life of every query: when it starts, when it ends, how long its result stays, who waits for it.
///
/// All of it is decided from times alone: a query's start and end are known when it is submitted, because the slots
/// are first in, first out. So nothing runs in the background, and a test clock moves queries along.
struct QueryTable {
    struct Entry: Sendable {
        let scheduleID: String
        let rows: ResultRows
        let canonicalDigest: UInt64
        /// Tells results apart in the page cache.
        let serial: Int
        let start: Date
        let end: Date
        let fails: Bool
        /// When the answer was first fetched, if a cached one served this query.
        let cachedAt: Date?
        var waiters = 0
        var requestIDs: [String]

        var runSeconds: Double { end.timeIntervalSince(start) }
    }

    enum Stage: Sendable, Equatable {
        case queued
        /// The share of the query's time that has passed.
        case running(Double)
        case success
        case failure
    }

    /// What a query needs to be entered.
    struct Submission {
        var scheduleID: String
        var requestID: String
        var canonicalText: String
        var rows: ResultRows
        var duration: TimeInterval
        var slots: Int?
        var lifetime: TimeInterval
        var acceptedCacheAge: TimeInterval
        var fails: Bool
    }

    private var entries: [String: Entry] = [:]
    private var lifetimes: [String: TimeInterval] = [:]
    private var scheduleIDs: [String: String] = [:]
    /// When each slot is free again.
    private var slots: [Date] = []
    /// When a query of this text last ended with rows.
    private var fetched: [String: Date] = [:]
    private var serial = 0

    /// The query known under a schedule id or under the request id that submitted it; nil when expired.
    mutating func entry(_ id: String, now: Date) -> Entry? {
        let id = scheduleIDs[id] ?? id
        guard let entry = entries[id] else { return nil }
        guard now < entry.end.addingTimeInterval(lifetimes[id, default: 0]) else {
            remove(entry)
            return nil
        }
        return entry
    }

    /// Lets a further request be the handle of a query, as in the dialect without schedule ids.
    mutating func alias(_ requestID: String, to scheduleID: String) {
        guard entries[scheduleID] != nil else { return }
        entries[scheduleID]?.requestIDs.append(requestID)
        scheduleIDs[requestID] = scheduleID
    }

    /// Enters a query whose id is not known; it starts when a slot is free.
    mutating func submit(_ submission: Submission, now: Date) -> Entry {
        removeExpired(now: now)
        serial += 1
        var cachedAt: Date?
        if let earlier = fetched[submission.canonicalText], earlier <= now,
            now.timeIntervalSince(earlier) < submission.acceptedCacheAge
        {
            cachedAt = earlier
        }
        let duration = cachedAt == nil ? submission.duration : 0
        let start = takeSlot(submission.slots, duration: duration, now: now)
        let entry = Entry(
            scheduleID: submission.scheduleID,
            rows: submission.rows,
            canonicalDigest: digest(submission.canonicalText),
            serial: serial,
            start: start,
            end: start.addingTimeInterval(duration),
            fails: submission.fails,
            cachedAt: cachedAt,
            requestIDs: [submission.requestID]
        )
        entries[entry.scheduleID] = entry
        lifetimes[entry.scheduleID] = submission.lifetime
        scheduleIDs[submission.requestID] = entry.scheduleID
        if cachedAt == nil, !submission.fails { fetched[submission.canonicalText] = entry.end }
        return entry
    }

    func stage(of entry: Entry, now: Date) -> Stage {
        if now < entry.start { return .queued }
        if now < entry.end { return .running(now.timeIntervalSince(entry.start) / max(entry.runSeconds, .ulpOfOne)) }
        return entry.fails ? .failure : .success
    }

    /// Counts one more request held on a query; false when `limit` already are.
    mutating func beginWaiting(_ scheduleID: String, limit: Int) -> Bool {
        guard let entry = entries[scheduleID], entry.waiters < limit else { return false }
        entries[scheduleID]?.waiters += 1
        return true
    }

    mutating func endWaiting(_ scheduleID: String) { entries[scheduleID]?.waiters -= 1 }

    private mutating func takeSlot(_ count: Int?, duration: TimeInterval, now: Date) -> Date {
        guard let count, count > 0 else { return now }
        slots.removeAll { $0 <= now }
        slots.sort()
        // With all slots taken, the query starts when enough of the earlier ones have ended.
        let start = slots.count < count ? now : slots[slots.count - count]
        slots.append(start.addingTimeInterval(duration))
        return start
    }

    private mutating func removeExpired(now: Date) {
        for entry in entries.values where now >= entry.end.addingTimeInterval(lifetimes[entry.scheduleID, default: 0]) {
            remove(entry)
        }
        // Older than any cache age a query may accept.
        fetched = fetched.filter { now.timeIntervalSince($0.value) < 10_080 * 60 }
    }

    private mutating func remove(_ entry: Entry) {
        entries[entry.scheduleID] = nil
        lifetimes[entry.scheduleID] = nil
        for requestID in entry.requestIDs { scheduleIDs[requestID] = nil }
    }
}
