import Testing

@testable import Backfill

@Suite struct PollScheduleTests {
    private static let first = Duration.seconds(5)

    /// The pauses of one backfill: 5 s, growing to 30 s, each within a fifth.
    @Test func pausesGrow() throws {
        var polls = PollSchedule(first: Self.first, longest: Self.first * 6)
        polls.add(1, now: .zero, random: 0.5)
        var (now, pauses) = (Duration.zero, [Double]())
        for _ in 0..<8 {
            let next = try #require(polls.next)
            pauses.append((next - now) / .seconds(1))
            now = next
            #expect(polls.polls(now: now) == [.get(1)])
            #expect(polls.polls(now: now) == [])
            polls.answered(1, now: now, random: 0.5)
        }
        #expect(pauses == [5, 7.5, 11.25, 16.875, 25.3125, 30, 30, 30])
        polls.answered(1, now: now, random: 0)
        #expect(polls.next == now + .seconds(24))
    }

    /// Two or more cost one request where the list shows them, one more for each it does not.
    @Test func oneListServesMany() {
        var polls = PollSchedule(first: Self.first, longest: Self.first * 6)
        for id in 1...50 { polls.add(id, now: .zero, random: 0) }
        let now = Duration.seconds(6)
        #expect(polls.polls(now: now) == [.list])
        #expect(polls.polls(now: now + .seconds(1)) == [])
        polls.listed(Set(1...49), now: now)
        for id in 1...49 { polls.answered(id, now: now, random: 0) }
        #expect(polls.polls(now: now + .seconds(1)) == [.get(50)])
    }

    /// Nobody is forgotten where the list fails, and at most ten requests leave per second.
    @Test func aThousandAreLookedAtSlowly() throws {
        var polls = PollSchedule(first: Self.first, longest: Self.first * 6)
        for id in 0..<1000 { polls.add(id, now: .zero, random: 0, atOnce: true) }
        var (now, times, looked) = (Duration.zero, [Duration](), Set<Int>())
        while looked.count < 1000, now < .seconds(600) {
            for poll in polls.polls(now: now) {
                times.append(now)
                switch poll {
                case .list: polls.listed([], now: now)
                case .get(let id):
                    looked.insert(id)
                    polls.answered(id, now: now, random: 0.5)
                }
            }
            now = try #require(polls.next)
        }
        #expect(looked.count == 1000)
        for (start, end) in zip(times, times.dropFirst(11)) { #expect(end - start >= .seconds(1)) }
    }

    @Test func slowsDownWhenTheHourRunsShort() throws {
        var polls = PollSchedule(first: .milliseconds(10), longest: .milliseconds(60))
        polls.pace(limit: 100, remaining: 20)
        polls.add(1, now: .zero, random: 0, atOnce: true)
        #expect(polls.polls(now: .zero) == [.get(1)])
        polls.answered(1, now: .zero, random: 0)
        #expect(polls.next == .seconds(36))
        polls.pace(limit: 100, remaining: 90)
        #expect(polls.polls(now: .seconds(36)) == [.get(1)])
        polls.answered(1, now: .seconds(36), random: 0)
        #expect(try #require(polls.next) < .seconds(37))
    }

    @Test func whatIsRemovedIsNotAskedFor() {
        var polls = PollSchedule(first: Self.first, longest: Self.first * 6)
        polls.add(1, now: .zero, random: 0, atOnce: true)
        #expect(polls.polls(now: .zero) == [.get(1)])
        polls.remove(1)
        polls.answered(1, now: .zero, random: 0)
        #expect(polls.count == 0)
        #expect(polls.next == nil)
        polls.add(2, now: .zero, random: 0, atOnce: true)
        polls.failed(2, until: .seconds(60))
        #expect(polls.polls(now: .seconds(59)) == [])
        #expect(polls.polls(now: .seconds(60)) == [.get(2)])
    }
}
