/// Decides which fault, if any, a request gets; deterministic from the seed and from what is asked.
struct FaultDeck {
    /// What a decision is made about.
    struct Subject {
        var phase: Fault.Phase
        /// What is asked, without anything that differs from run to run: endpoint, query, page.
        var identity: UInt64
        var carriesRows = false
    }

    private var matches: [Fault: Int] = [:]
    /// How often each thing was asked, per fault, so that a retry draws anew.
    private var draws: [UInt64: Int] = [:]

    /// Forgets what was counted for `times`, so that a new list of faults starts from zero.
    mutating func reset() {
        matches = [:]
        draws = [:]
    }

    /// The first of `faults` that is eligible and fires.
    mutating func draw(
        from faults: [Fault],
        for subject: Subject,
        seed: UInt64,
        where isEligible: (Fault.Kind) -> Bool
    ) -> Fault? {
        for (index, fault) in faults.enumerated()
        where isEligible(fault.kind) && matches(fault, subject) && fires(fault, index: index, for: subject, seed: seed)
        {
            return fault
        }
        return nil
    }

    private func matches(_ fault: Fault, _ subject: Subject) -> Bool {
        if fault.kind.needsRows && !subject.carriesRows { return false }
        guard let phase = fault.phase, phase != subject.phase else { return true }
        return phase == .page && subject.carriesRows
    }

    private mutating func fires(_ fault: Fault, index: Int, for subject: Subject, seed: UInt64) -> Bool {
        switch fault.amount {
        case .always: return true
        case .times(let count, let skipping):
            let earlier = matches[fault, default: 0]
            matches[fault] = earlier + 1
            return earlier >= skipping && earlier < skipping + count
        case .probability(let probability):
            let key = mix(subject.identity, UInt64(index))
            let earlier = draws[key, default: 0]
            draws[key] = earlier + 1
            let draw = mix(seed, mix(key, UInt64(earlier)))
            return Double(draw >> 11) / Double(1 << 53) < probability
        }
    }
}
