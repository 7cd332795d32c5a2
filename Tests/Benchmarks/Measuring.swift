import Glibc

/// How long something took, once per round.
struct Timings {
    var seconds: [Double] = []

    var best: Double { seconds.min() ?? .infinity }

    var median: Double {
        let sorted = seconds.sorted()
        guard let last = sorted.last else { return .infinity }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : min(sorted[middle], last)
    }
}

/// Measures in turns, A B C A B C …, so that whatever else the machine does meets all of them alike.
///
/// - Parameters:
///   - rounds: How often each is measured.
///   - contestants: Each does its work once and returns the seconds it took.
/// - Returns: The timings, in the order of the contestants.
/// - Throws: What a contestant throws.
func inTurns(_ rounds: Int, _ contestants: [() async throws -> Double]) async throws -> [Timings] {
    var timings = Array(repeating: Timings(), count: contestants.count)
    for _ in 0..<rounds {
        for (index, contestant) in contestants.enumerated() { timings[index].seconds.append(try await contestant()) }
    }
    return timings
}

/// The processor seconds that `work` takes on this thread: time in which other programs have the core does not count.
///
/// Its result is used, so that it cannot be optimised away.
func processorSeconds(of work: () throws -> Int) rethrows -> Double {
    let start = threadSeconds
    let result = try work()
    let duration = threadSeconds - start
    precondition(result != .min)
    return duration
}

private var threadSeconds: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
