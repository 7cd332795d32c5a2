import PipelineCore

/// What a plan will cost, guessed from the windows already loaded.
package struct PlanEstimate: Hashable, Sendable {
    /// Fetches to make.
    package var fetches: Int
    /// Requests that is at the least: one for each page, at least one for each fetch.
    package var requests: Int
    /// Rows the API will return; nil where nothing was loaded before that says how many a day has.
    package var rows: Int?

    /// Guesses what `plan` will cost.
    ///
    /// A window that is held is taken to have as many rows a day as before, another one as many as those held have on
    /// average.
    /// - Parameters:
    ///   - plan: The plan.
    ///   - input: What it was made from.
    ///   - pageRows: Rows the API is asked for in one page, at least 1.
    package init(of plan: Plan, from input: PlannerInput, pageRows: Int) {
        var known: [WindowID: Checkpoint] = [:]
        for sink in input.sinks { known.merge(sink.ledger.checkpoints) { first, _ in first } }
        let days = known.values.reduce(0) { $0 + ($1.covers?.dayCount ?? 1) }
        let total = known.values.reduce(0) { $0 + $1.counts.api }
        let average = days == 0 ? nil : Double(total) / Double(days)

        let fetches = plan.fetches
        var rows = 0.0
        requests = 0
        for fetch in fetches {
            let held = fetch.targets.lazy.compactMap(\.previous).first
            let rate = held.map { Double($0.counts.api) / Double($0.covers?.dayCount ?? 1) } ?? average ?? 0
            let expected = rate * Double(fetch.days?.dayCount ?? 1)
            rows += expected
            requests += max(1, Int((expected / Double(pageRows)).rounded(.up)))
        }
        self.fetches = fetches.count
        self.rows = average == nil && !fetches.isEmpty ? nil : Int(rows.rounded())
    }
}
