import Jobs
import PipelineCore

/// What a plan must be, told rule by rule from the state of a toy world and without the planner's own parts, except for
/// the grid, which has tests of its own.
struct PlannerOracle {
    let world: ToyWorld
    let options: PlanOptions

    /// Why a plan may be refused.
    enum Stop: Hashable {
        case stale
        case layout
        case appendReload
        case partOfWhole
    }

    /// One window of the grid as days and account.
    struct Place: Hashable {
        let cell: GridCell
        let account: String?
        let id: WindowID

        init(cell: GridCell, account: String?) {
            (self.cell, self.account) = (cell, account)
            id = WindowID(export: ToyWorld.export, cell: cell, account: account)
        }
    }

    /// The windows of the range, each with the days wanted of it.
    let grid: [Place: ClosedRange<Int>]
    init(world: ToyWorld, options: PlanOptions) {
        (self.world, self.options) = (world, options)
        let wanted = world.wantedDays
        var days: [GridCell: ClosedRange<Int>] = [:]
        for day in wanted {
            let cell = world.size.cell(holding: Day(number: day))
            days[cell] = (days[cell]?.lowerBound ?? day)...day
        }
        var grid: [Place: ClosedRange<Int>] = [:]
        for (cell, days) in days {
            for account in world.perAccount ? world.accounts.map(Optional.some) : [nil] {
                grid[Place(cell: cell, account: account)] = days
            }
        }
        self.grid = grid
    }

    /// The windows this run is about in a sink.
    func chosen(_ sink: ToySink) -> [Place: ClosedRange<Int>] {
        let failed = Set(sink.attempts.filter { $0.failure != nil }.map(\.window.id))
        let fails = sink.isWhole && (sink.plan != nil || grid.keys.contains { failed.contains($0.id) })
        return grid.filter { place, _ in
            isChosen(place) && (!options.onlyFailed || fails || !sink.isWhole && failed.contains(place.id))
        }
    }

    private func isChosen(_ place: Place) -> Bool {
        if let shard = options.shard, !shard.contains(place.id) { return false }
        guard let dates = options.chosen, case .days(let days) = place.cell else { return true }
        return days.days.contains { dates.contains($0) }
    }

    func layout(_ sink: ToySink) -> Layout {
        Layout(size: world.size.description, perAccount: world.perAccount, mode: sink.mode)
    }

    /// Whether what the sink shows was cut or loaded in another way.
    func layoutChanged(_ sink: ToySink) -> Bool {
        sink.visible.values.contains { loaded in
            sink.isWhole ? loaded.checkpoint.layout.mode != sink.mode : loaded.checkpoint.layout != layout(sink)
        }
    }

    /// Whether everything in the sink is replaced in one step because the layout changed.
    func replacesAll(_ sink: ToySink) -> Bool {
        let resumes =
            sink.plan.map { $0.replacesAll && $0.layout == layout(sink) && $0.fingerprint == world.fingerprint }
            ?? false
        return !sink.isWhole && sink.mode != .append && layoutChanged(sink) && (options.reload == .all || resumes)
    }

    private func isFixed(_ sink: ToySink, _ held: ToySink.Loaded) -> Bool {
        held.checkpoint.fingerprint == world.fingerprint
            || held.checkpoint.acceptedFingerprint == world.fingerprint
    }

    /// Whether the window must be loaded whatever its fingerprint.
    func isDue(_ sink: ToySink, _ place: Place, _ days: ClosedRange<Int>) -> Bool {
        let held = sink.visible[place.id]
        if sink.mode == .append {
            var last = days.upperBound
            if case .days(let cell) = place.cell { last = cell.end.number }
            return held == nil && ToyWorld.settles(last, world.lookback) <= world.now
        }
        guard let held, let covers = held.checkpoint.covers else { return true }
        let accounts = place.account.map { [$0] } ?? world.accounts
        let isResumed = sink.reload.contains(place.id) && (!options.acceptStale || isFixed(sink, held))
        return options.reload == .all || isResumed
            || !days.allSatisfy { covers.contains(Day(number: $0)) }
            || !accounts.allSatisfy(held.checkpoint.accounts.contains)
            || held.rows.isEmpty || !held.checkpoint.settled
            || ToyWorld.settles(covers.end.number, world.lookback) > world.now
    }

    /// Whether the window is settled under another fingerprint.
    func isStale(_ sink: ToySink, _ place: Place, _ days: ClosedRange<Int>) -> Bool {
        guard let held = sink.visible[place.id], !isFixed(sink, held) else { return false }
        return sink.mode == .append || !isDue(sink, place, days)
    }

    /// Every reason to refuse the plan; none where it must be made.
    var stops: Set<Stop> {
        var stops: Set<Stop> = []
        if options.reload != .none, world.sinks.allSatisfy({ $0.mode == .append }) { stops.insert(.appendReload) }
        for sink in world.sinks {
            let isTable = sink.isWhole && sink.mode == .replace
            if sink.isWhole, options.shard != nil || isTable && options.chosen != nil { stops.insert(.partOfWhole) }
            if replacesAll(sink) {
                if options.shard != nil || options.chosen != nil || options.onlyFailed { stops.insert(.partOfWhole) }
                continue
            }
            if layoutChanged(sink), !sink.isWhole { stops.insert(.layout) }
            let asks = options.acceptStale || sink.mode != .append && options.reload == .stale
            if !sink.isWhole, !asks, chosen(sink).contains(where: { isStale(sink, $0.key, $0.value) }) {
                stops.insert(.stale)
            }
        }
        return stops
    }

    /// The windows that a sink which takes them one by one is to load.
    func due(_ sink: ToySink) -> Set<WindowID> {
        Set(
            chosen(sink).filter { place, days in
                isDue(sink, place, days)
                    || sink.mode != .append && options.reload == .stale && isStale(sink, place, days)
            }.keys.map(\.id)
        )
    }

    /// Whether the days asked for are those wanted and, for sinks that take windows one by one, those any of them covers.
    func mayAsk(for fetch: WindowFetch) -> Bool {
        guard let days = fetch.days else { return false }
        let place = Place(cell: fetch.window.cell, account: fetch.window.account)
        return fetch.targets.allSatisfy { target in
            let sink = world.sinks[target.sink]
            let replaces = replacesAll(sink)
            var expected = grid[place].map { [$0.lowerBound, $0.upperBound] } ?? []
            if replaces {
                // Its old windows are cut otherwise: what counts is the days it shows within the new cell.
                let shown = sink.visible.values.filter { held in
                    !world.perAccount || held.checkpoint.accounts.contains(place.account ?? "")
                }
                for covers in shown.compactMap(\.checkpoint.covers) {
                    expected += covers.days.filter { world.size.cell(holding: $0) == place.cell }.map(\.number)
                }
            } else if !sink.isWhole, sink.mode != .append {
                for other in world.sinks where !other.isWhole && other.mode != .append && !replacesAll(other) {
                    guard let covers = other.visible[place.id]?.checkpoint.covers else { continue }
                    expected += [covers.start.number, covers.end.number]
                }
            }
            return days.start.number == expected.min() && days.end.number == expected.max()
        }
    }

    /// The windows of which nothing tells that they are settled now.
    func unsettled(_ sink: ToySink) -> Set<WindowID> {
        Set(
            sink.visible.filter { _, loaded in
                guard let covers = loaded.checkpoint.covers, loaded.checkpoint.settled else { return true }
                return ToyWorld.settles(covers.end.number, world.lookback) > world.now
            }.keys
        )
    }
}

extension PlannerOracle.Stop {
    init?(_ error: PlanError) {
        switch error {
        case .stale: self = .stale
        case .layoutChanged: self = .layout
        case .appendReload: self = .appendReload
        case .partOfWhole: self = .partOfWhole
        case .noAccounts, .appendWithoutDays: return nil
        }
    }
}
