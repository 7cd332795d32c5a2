public import SupermetricsAPI

/// Consecutive days, both ends included, as the ranges of the API's backfills are.
public struct DayRange: Sendable, Hashable {
    /// The first day.
    public let first: CalendarDay
    /// The last day, included.
    public let last: CalendarDay

    /// The days from `first` to `last`; nil where the last is before the first.
    public init?(_ first: CalendarDay, _ last: CalendarDay) {
        guard first <= last else { return nil }
        (self.first, self.last) = (first, last)
    }

    /// One day.
    public init(_ day: CalendarDay) {
        (first, last) = (day, day)
    }

    /// How many days there are, at least 1.
    public var dayCount: Int { first.distance(to: last) + 1 }

    /// Whether the day is one of them.
    public func contains(_ day: CalendarDay) -> Bool { first <= day && day <= last }

    /// Whether the two share a day.
    public func overlaps(_ other: DayRange) -> Bool { first <= other.last && other.first <= last }

    /// The same days in pieces of at most `longest` days, oldest first.
    func pieces(atMost longest: Int) -> [DayRange] {
        stride(from: first, through: last, by: max(1, longest)).compactMap { start in
            DayRange(start, min(start.advanced(by: max(1, longest) - 1), last))
        }
    }
}

extension DayRange: LosslessStringConvertible {
    /// `2024-01-01..2024-01-31`; one day stands alone.
    public var description: String { first == last ? "\(first)" : "\(first)..\(last)" }

    /// Reads what ``description`` writes.
    public init?(_ text: String) {
        let ends = text.split(separator: "..", omittingEmptySubsequences: false).map { CalendarDay(String($0)) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
        self.init(first, last)
    }
}

extension DayRange: Codable {
    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let range = DayRange(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no range of days")
        }
        self = range
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Any number of days, kept as ranges that neither overlap nor touch.
public struct DaySet: Sendable, Hashable {
    /// The days as the fewest ranges, oldest first.
    public private(set) var ranges: [DayRange] = []

    /// No day.
    public init() {}

    /// The days of all ranges.
    public init(_ ranges: some Sequence<DayRange>) {
        for range in ranges.sorted(by: { $0.first < $1.first }) { append(range) }
    }

    /// These days.
    public init(days: some Sequence<CalendarDay>) {
        self.init(days.map { DayRange($0) })
    }

    /// How many days there are.
    public var count: Int { ranges.reduce(0) { $0 + $1.dayCount } }

    /// Whether there is no day.
    public var isEmpty: Bool { ranges.isEmpty }

    /// The days one by one, oldest first.
    public var days: some Sequence<CalendarDay> { ranges.lazy.flatMap { $0.first...$0.last } }

    /// Whether the day is one of them.
    public func contains(_ day: CalendarDay) -> Bool { ranges.contains { $0.contains(day) } }

    /// The days that are in either.
    public func union(_ other: DaySet) -> DaySet { DaySet(ranges + other.ranges) }

    /// The days that are not in `other`.
    public func subtracting(_ other: DaySet) -> DaySet {
        var left = ranges
        for cut in other.ranges {
            left = left.flatMap { range -> [DayRange] in
                guard range.overlaps(cut) else { return [range] }
                let before = DayRange(range.first, cut.first.advanced(by: -1))
                let after = DayRange(cut.last.advanced(by: 1), range.last)
                return [before, after].compactMap(\.self)
            }
        }
        return DaySet(left)
    }

    /// The days that are in both.
    public func intersection(_ other: DaySet) -> DaySet { subtracting(subtracting(other)) }

    /// Adds a range that begins no earlier than the last one.
    private mutating func append(_ range: DayRange) {
        guard let last = ranges.last, range.first <= last.last.advanced(by: 1) else { return ranges.append(range) }
        guard range.last > last.last, let joined = DayRange(last.first, range.last) else { return }
        ranges[ranges.count - 1] = joined
    }
}
