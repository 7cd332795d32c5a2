import FoundationEssentials

/// The request limits: a token bucket of one second and an hourly counter.
struct RateLimits {
    private var tokens = 0.0
    private var refilled: Date?
    private var hour = Int.min
    private var hourCount = 0

    /// Takes one request out of the bucket; gives the seconds to wait when there is none.
    mutating func take(perSecond rate: Double?, now: Date) -> Double? {
        guard let rate, rate > 0 else { return nil }
        let capacity = max(1, rate)
        let elapsed = refilled.map { max(0, now.timeIntervalSince($0)) }
        tokens = min(capacity, elapsed.map { tokens + $0 * rate } ?? capacity)
        refilled = now
        guard tokens >= 1 else { return (1 - tokens) / rate }
        tokens -= 1
        return nil
    }

    /// Counts a request of this hour; gives how many are left, negative past the limit, and the seconds to its end.
    mutating func countHourly(limit: Int, now: Date) -> (remaining: Int, secondsLeft: Int) {
        let seconds = Int(now.timeIntervalSince1970.rounded(.down))
        if seconds / 3600 != hour { (hour, hourCount) = (seconds / 3600, 0) }
        hourCount += 1
        return (limit - hourCount, 3600 - seconds % 3600)
    }
}
