import SupermetricsAPI

/// How a range is cut into backfills.
public enum ChunkSize: Sendable, Hashable, LosslessStringConvertible {
    /// Calendar months.
    case month
    /// Weeks that begin on Monday.
    case week
    /// So many days each, counted from the first day of the range.
    case days(Int)

    /// Reads `month`, `week`, `day` or `10 days`; the space is optional.
    public init?(_ text: String) {
        switch text {
        case "month": self = .month
        case "week": self = .week
        case "day": self = .days(1)
        default:
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            let unit = text.dropFirst(digits.count).drop { $0 == " " }
            guard ["day", "days"].contains(unit), let count = Int(digits), (1...100_000).contains(count) else {
                return nil
            }
            self = .days(count)
        }
    }

    /// As ``init(_:)`` reads it.
    public var description: String {
        switch self {
        case .month: "month"
        case .week: "week"
        case .days(let count): count == 1 ? "day" : "\(count) days"
        }
    }

    /// The most days a chunk of this size has.
    public var longest: Int {
        switch self {
        case .month: 31
        case .week: 7
        case .days(let count): count
        }
    }

    /// The range in chunks, oldest first.
    func chunks(of range: DayRange) -> [DayRange] {
        var chunks: [DayRange] = []
        var start = range.first
        while start <= range.last, let chunk = DayRange(start, min(end(ofChunkFrom: start), range.last)) {
            chunks.append(chunk)
            start = chunk.last.advanced(by: 1)
        }
        return chunks
    }

    private func end(ofChunkFrom start: CalendarDay) -> CalendarDay {
        switch self {
        case .month:
            let (year, month, _) = start.parts
            let next = CalendarDay(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1)
            return next?.advanced(by: -1) ?? start
        // 1970-01-01, day 0, was a Thursday.
        case .week: return start.advanced(by: 6 - ((start.number + 3) % 7 + 7) % 7)
        case .days(let count): return start.advanced(by: max(1, count) - 1)
        }
    }
}

/// Which days are loaded first.
public enum ChunkOrder: String, Sendable, CaseIterable {
    /// From the last chunk back, as the API itself works within a backfill.
    case newest
    /// From the first chunk on.
    case oldest
}

/// The days one transfer is to load again.
public struct BackfillGoal: Sendable, Hashable {
    /// The transfer.
    public var transferID: Int
    /// The days.
    public var range: DayRange

    /// A goal.
    public init(transferID: Int, range: DayRange) {
        self.transferID = transferID
        self.range = range
    }
}

/// How a team's backfills are coordinated.
public struct BackfillSettings: Sendable {
    /// The team whose transfers they are.
    public var teamID: Int
    /// How a range is cut into backfills.
    public var chunk = ChunkSize.month
    /// Which chunks come first.
    public var order = ChunkOrder.newest
    /// The most transfers with a backfill of this run at a time; each has one at most.
    public var active = 4
    /// How many times a day whose run failed is loaded again.
    public var retries = 3
    /// The most days asked for in one UTC day, over all transfers, to which chunks are cut; nil for no limit.
    public var maxRunsPerDay: Int?
    /// The first pause between two looks at a backfill; it grows to six times this.
    public var pollInterval = Duration.seconds(5)
    /// When no further backfill is created and watching ends; nil for never.
    public var longestRun: Duration?
    /// How long a backfill may stay without any change before it is given up; it goes on at Supermetrics.
    public var longestStandstill = Duration.seconds(24 * 60 * 60)
    /// Whether backfills that this run did not create itself may be cancelled where they are in the way.
    public var mayCancelOthers = false
    /// Whether an interrupted run cancels the backfills it created.
    public var cancelsOnInterrupt = false

    /// The defaults.
    ///
    /// - Parameter teamID: the team, from 1.
    public init(teamID: Int) {
        self.teamID = teamID
    }

    /// The most days of one backfill.
    var longestChunk: Int { min(chunk.longest, maxRunsPerDay ?? .max) }
    /// How long the status of a backfill may stay behind counters that say every run has ended.
    var longestLag: Duration { pollInterval * 60 }
    /// The longest pause between two looks at a backfill.
    var longestPollInterval: Duration { pollInterval * 6 }
}
