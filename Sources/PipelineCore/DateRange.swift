/// A run of whole days, both ends included: one day is a range whose ends are equal.
public struct DateRange: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The first day.
    public let start: Day
    /// The last day, included.
    public let end: Day

    /// The days from `start` to `end`, both included; nil where `end` is before `start`.
    public init?(_ start: Day, _ end: Day) {
        guard start <= end else { return nil }
        self.start = start
        self.end = end
    }

    /// The single day `day`.
    public init(_ day: Day) {
        start = day
        end = day
    }

    private init(ordered start: Day, _ end: Day) {
        self.start = start
        self.end = end
    }

    /// How many days the range holds, at least 1.
    public var dayCount: Int { start.distance(to: end) + 1 }

    /// Every day in order.
    public var days: ClosedRange<Day> { start...end }

    /// Whether `day` lies in the range.
    public func contains(_ day: Day) -> Bool { start <= day && day <= end }

    /// Whether every day of `other` lies in the range.
    public func contains(_ other: DateRange) -> Bool { start <= other.start && other.end <= end }

    /// The smallest range that holds both.
    public func hull(_ other: DateRange) -> DateRange {
        DateRange(ordered: min(start, other.start), max(end, other.end))
    }

    /// The days both hold; nil where they share none.
    public func intersection(_ other: DateRange) -> DateRange? {
        DateRange(max(start, other.start), min(end, other.end))
    }

    /// The earlier and the later half, the earlier being longer by a day where the count is odd; nil for one day.
    public var halves: (DateRange, DateRange)? {
        guard dayCount > 1 else { return nil }
        let middle = start.advanced(by: (dayCount - 1) / 2)
        return (DateRange(ordered: start, middle), DateRange(ordered: middle.advanced(by: 1), end))
    }

    /// `2024-01-01..2024-01-07`.
    public var description: String { "\(start)..\(end)" }
}
