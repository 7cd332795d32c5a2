import Jobs
import PipelineCore

/// A sink that is a dictionary: what the destination shows, day by day, and the notes a sink keeps.
struct ToySink: Equatable {
    /// One account's row of one day.
    struct Spot: Hashable {
        var day: Int
        var account: String
    }

    /// Where a row came from.
    struct Row: Equatable {
        /// When the platform gave it.
        var fetchedAt: Int64
        /// When the run was that loaded it.
        var loadedAt: Int64
        var fingerprint: String
        /// The lookback in force when it was loaded.
        var lookback: Int
    }

    struct Loaded: Equatable {
        var checkpoint: Checkpoint
        var rows: [Spot: Row]
    }

    let scope: CommitScope
    let mode: LoadMode
    var visible: [WindowID: Loaded] = [:]
    var staged: [WindowID: Loaded] = [:]
    var plan: RunPlan?
    var attempts: [Attempt] = []
    var reload: Set<WindowID> = []

    var isWhole: Bool { scope == .run || mode == .replace }

    var state: SinkState {
        SinkState(
            destination: "toy",
            scope: scope,
            mode: mode,
            ledger: Ledger(
                checkpoints: visible.mapValues(\.checkpoint),
                gone: Set(visible.filter { $0.value.rows.isEmpty }.keys),
                attempts: attempts,
                reload: reload,
                staged: plan.map { Ledger.Staged(plan: $0, checkpoints: staged.mapValues(\.checkpoint)) }
            )
        )
    }

    /// Notes what a run is about to do, as the protocol of sinks asks for.
    mutating func begin(_ plan: RunPlan) {
        for id in plan.accepted { visible[id]?.checkpoint.acceptedFingerprint = plan.fingerprint }
        var plan = plan
        let together = scope == .run || plan.replacesAll
        if together, let earlier = self.plan, earlier.range == plan.range, earlier.layout == plan.layout,
            earlier.fingerprint == plan.fingerprint, plan.createdAt.seconds(since: earlier.createdAt) < 86_400
        {
            let kept = Set(plan.windows.map(\.id)).subtracting(plan.reload)
            staged = staged.filter { kept.contains($0.key) }
            if !staged.isEmpty { plan.createdAt = earlier.createdAt }
        } else {
            staged = [:]
        }
        self.plan = together ? plan : nil
        reload.formUnion(plan.reload)
    }

    mutating func load(_ loaded: Loaded) {
        let id = loaded.checkpoint.window.id
        if plan == nil { visible[id] = loaded } else { staged[id] = loaded }
        attempts.removeAll { $0.window.id == id }
        reload.remove(id)
    }

    /// Ends a run that has every window it wants.
    mutating func finish() {
        guard plan != nil else { return }
        (visible, staged, plan, reload) = (staged, [:], nil, [])
    }

    /// Every row shown, with how often it is shown.
    var shown: [Spot: Int] {
        visible.values.reduce(into: [:]) { shown, loaded in
            for spot in loaded.rows.keys { shown[spot, default: 0] += 1 }
        }
    }
}

/// A job, its destinations and a platform, with a clock.
struct ToyWorld {
    static let export = ExportID(job: "toy", export: "toy")
    static let day: Int64 = 86_400_000

    var now: Int64
    var size: WindowSize = .week
    var perAccount = false
    /// Days wanted, counted back from today where `moves`, else fixed.
    var range: ClosedRange<Int>
    var moves = true
    var accounts: [String]
    var lookback: Int
    var fingerprint: String
    var sinks: [ToySink]
    /// When the platform answered a query, by its schedule id.
    var answers: [String: Int64] = [:]
    var queries = 0

    var wantedDays: ClosedRange<Int> {
        let today = Int(now / ToyWorld.day)
        return moves ? today - range.upperBound...today - range.lowerBound : range
    }

    func input(_ options: PlanOptions) -> PlannerInput {
        PlannerInput(
            export: ToyWorld.export,
            size: size,
            perAccount: perAccount,
            range: DateRange(Day(number: wantedDays.lowerBound), Day(number: wantedDays.upperBound)),
            accounts: accounts,
            lookback: lookback,
            fingerprint: fingerprint,
            now: Timestamp(milliseconds: now),
            options: options,
            sinks: sinks.map(\.state)
        )
    }

    /// How a run ends.
    enum Fate: Equatable {
        /// Every window it fetches is loaded.
        case whole
        /// Windows whose id gives this remainder by three fail.
        case failures(Int64)
        /// It dies before this step; the plan is noted by then.
        case killed(Int)
    }

    /// Runs a plan; whether it reached its end with everything loaded.
    mutating func run(_ plan: Plan, _ fate: Fate) -> Bool {
        for (index, run) in plan.runs.enumerated() {
            if let run { sinks[index].begin(run) }
        }
        var step = 0
        func dies() -> Bool {
            step += 1
            if case .killed(let last) = fate { return step > last }
            return false
        }
        var complete = true
        for fetch in plan.fetches {
            let attempt = fetch.attach ?? send(fetch)
            for target in fetch.targets where fetch.attach == nil { sinks[target.sink].attempts.append(attempt) }
            if dies() { return false }
            if case .failures(let remainder) = fate, abs(fetch.window.id.value % 3) == remainder {
                complete = false
                var failed = attempt
                failed.failure = "failed"
                for target in fetch.targets { sinks[target.sink].attempts.append(failed) }
                continue
            }
            for target in fetch.targets {
                if dies() { return false }
                guard let layout = plan.runs[target.sink]?.layout else { continue }
                sinks[target.sink].load(rows(of: fetch, answers[attempt.scheduleID] ?? now, layout))
            }
        }
        guard complete, !dies() else { return false }
        for (index, run) in plan.runs.enumerated() where run != nil { sinks[index].finish() }
        return true
    }

    /// Sends a query: it is answered with the rows of now or, where that will do, out of a cache of up to 18 hours.
    private mutating func send(_ fetch: WindowFetch) -> Attempt {
        queries += 1
        let age = fetch.fresh ? 0 : Int64(bitPattern: UInt64(bitPattern: fetch.window.id.value) % 4) * 6 * 3_600_000
        answers["q\(queries)"] = now - age
        return Attempt(
            window: fetch.window,
            scheduleID: "q\(queries)",
            days: fetch.days,
            accounts: fetch.accounts,
            fingerprint: fingerprint,
            startedAt: Timestamp(milliseconds: now),
            runID: "run"
        )
    }

    private func rows(of fetch: WindowFetch, _ fetchedAt: Int64, _ layout: Layout) -> ToySink.Loaded {
        let row = ToySink.Row(fetchedAt: fetchedAt, loadedAt: now, fingerprint: fingerprint, lookback: lookback)
        var rows: [ToySink.Spot: ToySink.Row] = [:]
        for day in fetch.days.map({ Array($0.days) }) ?? [] {
            for account in fetch.accounts { rows[ToySink.Spot(day: day.number, account: account)] = row }
        }
        let settles = fetch.days.map { ToyWorld.settles($0.end.number, lookback) }
        let checkpoint = Checkpoint(
            window: fetch.window,
            export: ToyWorld.export,
            covers: fetch.days,
            accounts: fetch.accounts,
            counts: RowCounts(api: rows.count, received: rows.count, loaded: rows.count),
            fetchedAt: Timestamp(milliseconds: fetchedAt),
            settled: settles.map { $0 <= fetchedAt } ?? false,
            fingerprint: fingerprint,
            layout: layout,
            runID: "run",
            scheduleIDs: [],
            requestIDs: [],
            requests: 1,
            sampled: false,
            schema: Schema([])
        )
        return ToySink.Loaded(checkpoint: checkpoint, rows: rows)
    }

    /// When a day is no longer restated, in plain numbers: noon of the day after, and the lookback.
    static func settles(_ number: Int, _ lookback: Int) -> Int64 { Int64(number + 1 + lookback) * day + day / 2 }
}
