/// Something that happens to the runs of certain days of backfills.
///
/// As text: `KIND@[TRANSFER/]DAYS[:COUNTx]`. `KIND` is `fail`, `stuck`, `cancel` or `remove`. `DAYS` is one day
/// (`2024-01-05`), a range with both ends (`2024-01-05..2024-01-09`), or a share of all days from 0 to 1 (`0.02`).
/// With `COUNTx` it happens the first so many times a day's turn comes, so that a later attempt succeeds; without it
/// every time. `fail@2024-01-05:1x`, `stuck@101/2024-02-01`, `fail@0.02:2x`.
public struct DayEvent: Sendable, Hashable {
    /// What happens.
    public var kind: Kind
    /// The days it happens to.
    public var days: Days
    /// The transfer it is limited to; nil for all.
    public var transferID: Int?
    /// How many times a day's turn must come before it is spared; nil for never.
    public var count: Int?

    /// Creates an event.
    public init(_ kind: Kind, on days: Days, transferID: Int? = nil, count: Int? = nil) {
        self.kind = kind
        self.days = days
        self.transferID = transferID
        self.count = count
    }

    /// What can happen when the turn of a day comes.
    public enum Kind: String, Sendable, CaseIterable {
        /// The run fails.
        case fail
        /// The run starts and never ends.
        case stuck
        /// Somebody else cancels the backfill before this run starts.
        case cancel
        /// Somebody else removes the backfill before this run starts: it is known no longer.
        case remove
    }

    /// Which days are meant.
    public enum Days: Sendable, Hashable {
        /// From the first to the last, both included, as `YYYY-MM-DD`.
        case range(first: String, last: String)
        /// This share of the days, drawn from the seed, the transfer and the day.
        case share(Double)
    }

    /// Whether the event happens when the turn of `day` comes after `earlier` turns.
    func happens(to day: CivilDay, ofTransfer transfer: Int, earlier: Int, seed: UInt64) -> Bool {
        if let transferID, transferID != transfer { return false }
        if let count, earlier >= count { return false }
        switch days {
        case .range(let first, let last):
            let iso = day.iso
            return first <= iso && iso <= last
        case .share(let share):
            let draw = mix(seed, mix(UInt64(bitPattern: Int64(transfer)), UInt64(bitPattern: Int64(day.number))))
            return Double(draw >> 11) / Double(1 << 53) < share
        }
    }
}

extension DayEvent {
    /// Reads the text form.
    ///
    /// - Parameter text: One event such as `fail@2024-01-05:1x`.
    /// - Throws: `SandboxError.invalidDayEvent` with the part that cannot be read.
    public init(parsing text: String) throws(SandboxError) {
        func invalid(_ reason: String) -> SandboxError { .invalidDayEvent(text: text, reason: reason) }
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(rawValue: String(halves[0])) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("'\(halves[0])' is not one of \(known)")
        }
        guard halves.count == 2 else { throw invalid("the days are missing") }
        let parts = halves[1].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var (days, transfer) = (parts[0], nil as Int?)
        if let slash = days.firstIndex(of: "/") {
            guard let number = Int(days[..<slash]) else { throw invalid("'\(days[..<slash])' is not a transfer id") }
            (days, transfer) = (days[days.index(after: slash)...], number)
        }
        guard let days = Days(text: days) else {
            throw invalid("'\(days)' is neither a day, a range of days nor a share from 0 to 1")
        }
        var count: Int?
        if parts.count == 2 {
            count = parts[1].hasSuffix("x") ? Int(parts[1].dropLast()) : nil
            guard let count, count > 0 else { throw invalid("'\(parts[1])' is not a count such as 2x") }
        }
        self.init(kind, on: days, transferID: transfer, count: count)
    }
}

extension DayEvent.Days {
    init?(text: Substring) {
        if let share = Double(text) {
            guard (0...1).contains(share) else { return nil }
            self = .share(share)
            return
        }
        let ends = text.split(separator: "..", omittingEmptySubsequences: false)
        guard ends.count <= 2, let first = CivilDay(iso: ends[0]), let last = CivilDay(iso: ends[ends.count - 1]),
            first <= last
        else { return nil }
        self = .range(first: first.iso, last: last.iso)
    }
}
