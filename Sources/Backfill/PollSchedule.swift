/// When to look at which of many backfills, with as few requests as serve; pure, so that a test is its clock.
///
/// Each backfill is looked at after a pause that grows to six times the first, with jitter. Where several are due, one
/// request for the team's list serves all it shows; the others are asked for one by one, at most ten a second, and more
/// slowly once the API says that the hour's requests run short.
struct PollSchedule {
    /// A request to make now.
    enum Poll: Hashable {
        case list
        case get(Int)
    }

    private struct Entry {
        var due: Duration
        var interval: Duration
        var isAsked = false
        /// Whether a list was just asked for in its place.
        var awaitsList = false
        /// Whether the list did not show it, so that it is asked for by itself.
        var isUnlisted = false
    }

    private static let shortestSpacing = Duration.milliseconds(100)
    private static let asksAtOnce = 8

    private let first: Duration
    private let longest: Duration
    private var entries: [Int: Entry] = [:]
    private var asked = 0
    private var listIsAsked = false
    private var nextList = Duration.zero
    private var nextRequest = Duration.zero
    private var spacing = shortestSpacing

    /// - Parameters:
    ///   - first: The first pause.
    ///   - longest: The longest pause.
    init(first: Duration, longest: Duration) {
        (self.first, self.longest) = (first, longest)
    }

    /// How many backfills are watched.
    var count: Int { entries.count }

    /// Begins to watch a backfill; it is looked at after the first pause, or at once.
    mutating func add(_ id: Int, now: Duration, random: Double, atOnce: Bool = false) {
        entries[id] = Entry(due: atOnce ? now : now + first * (0.8 + 0.4 * random), interval: first)
    }

    /// Ends the watch.
    mutating func remove(_ id: Int) {
        guard let entry = entries.removeValue(forKey: id), entry.isAsked else { return }
        asked -= 1
    }

    /// The requests to make at `now`; each is to be answered with ``answered(_:now:random:)`` or
    /// ``listed(_:now:)``.
    mutating func polls(now: Duration) -> [Poll] {
        let due = entries.filter { $0.value.due <= now && !$0.value.isAsked && !$0.value.awaitsList }
            .sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        var polls: [Poll] = []
        let unlisted = due.filter { !$0.value.isUnlisted }
        if unlisted.count >= 2, !listIsAsked, nextList <= now, nextRequest <= now {
            for (id, _) in unlisted { entries[id]?.awaitsList = true }
            listIsAsked = true
            nextRequest = now + spacing
            polls.append(.list)
        }
        for (id, _) in due where asked < Self.asksAtOnce && nextRequest <= now {
            guard let entry = entries[id], !entry.awaitsList else { continue }
            entries[id]?.isAsked = true
            asked += 1
            nextRequest = max(now, nextRequest) + spacing
            polls.append(.get(id))
        }
        return polls
    }

    /// Takes note that a backfill was looked at.
    mutating func answered(_ id: Int, now: Duration, random: Double) {
        guard var entry = entries[id] else { return }
        if entry.isAsked { asked -= 1 }
        entry.interval = min(longest, entry.interval * 1.5)
        entries[id] = Entry(due: now + entry.interval * (0.8 + 0.4 * random), interval: entry.interval)
    }

    /// Takes note that a look at a backfill failed and has to wait.
    mutating func failed(_ id: Int, until due: Duration) {
        guard var entry = entries[id] else { return }
        if entry.isAsked { asked -= 1 }
        (entry.isAsked, entry.due) = (false, due)
        entries[id] = entry
    }

    /// Takes note that the list was answered, or that it could not be had: what waited for it and is not in it is asked
    /// for by itself.
    mutating func listed(_ ids: Set<Int>, now: Duration) {
        listIsAsked = false
        nextList = now + first
        for (id, entry) in entries where entry.awaitsList {
            entries[id]?.awaitsList = false
            entries[id]?.isUnlisted = !ids.contains(id)
        }
    }

    /// Slows down when less than a quarter of the hour's requests is left.
    mutating func pace(limit: Int, remaining: Int) {
        let isShort = limit > 0 && remaining * 4 < limit
        spacing = isShort ? max(Self.shortestSpacing, .seconds(3600.0 / Double(limit))) : Self.shortestSpacing
    }

    /// When there is something to ask for next; nil while only answers can change that.
    var next: Duration? {
        guard asked < Self.asksAtOnce else { return nil }
        let due = entries.values.lazy.filter { !$0.isAsked && !$0.awaitsList }.map(\.due).min()
        return due.map { max($0, nextRequest) }
    }
}
