import PipelineCore

extension SinkConformance {
    func runScopeShowsNothingUntilTheEnd() async throws {
        guard try await !commitsWindows() else { return }
        let windows = [Self.week(0), Self.week(1)]
        let wanted = windows.flatMap { Self.sampleRows($0) }
        try await open { sink in
            try await sink.withRun(request()) { run in
                try await run.begin(Self.plan(windows))
                for window in windows.reversed() {
                    try await load(run, window, Self.sampleRows(window))
                    try await expectRows([], "before the run is over")
                }
                return true
            }
        }
        let found = try await rows()
        try expect(found == wanted, "windows do not stand in the order of the plan: \(found)")
        try await open { sink in
            try await sink.withRun(request("run-2")) { run in
                try await run.begin(Self.plan(windows, fingerprint: "f2"))
                try await load(run, windows[0], Self.sampleRows(windows[0], note: "never seen"))
                return false
            }
        }
        try await expectRows(wanted, "after a run that was not complete")
    }

    func anUnfinishedRunCanBeResumed() async throws {
        guard try await !commitsWindows() else { return }
        try await resume(replacesAll: false)
    }

    /// A first run loads one of two windows, a second one finds it staged and loads only the other.
    private func resume(replacesAll: Bool) async throws {
        let windows = [Self.week(0), Self.week(1)]
        let before = try await rows()
        let plan = Self.plan(windows, replacesAll: replacesAll)
        let staged = Ledger.Staged(plan: plan, checkpoints: [windows[1].id: checkpoint(windows[1], 3)])
        do {
            try await open { sink in
                try await sink.withRun(request()) { run in
                    try await run.begin(plan)
                    try await load(run, windows[1], Self.sampleRows(windows[1]))
                    throw Injected()
                }
            }
        } catch is Injected {}
        try await expectRows(before, "after a run that was cut short")
        try await open { sink in
            let seen = try await sink.ledger(of: export).staged
            try expect(seen == staged, "the unfinished run is told as \(seen as Any), not \(staged)")
            try await sink.withRun(request("run-2")) { run in
                let held = try await run.ledger().staged
                try expect(held == staged, "under lease the unfinished run is told as \(held as Any), not \(staged)")
                try await run.begin(plan)
                let kept = try await run.ledger().staged?.checkpoints
                try expect(kept == staged.checkpoints, "beginning the same plan dropped the windows it could use")
                try await load(run, windows[0], Self.sampleRows(windows[0], note: "resumed"), runID: "run-2")
                return true
            }
            let after = try await sink.ledger(of: export).staged
            try expect(after == nil, "something is staged after the run finished")
        }
        try await expectRows(
            Self.sampleRows(windows[0], note: "resumed") + Self.sampleRows(windows[1]),
            "after the run was resumed"
        )
    }

    func anotherPlanDropsWhatWasStaged() async throws {
        let replacesAll = try await commitsWindows()
        let windows = [Self.week(0), Self.week(1)]
        for (number, plan) in [
            Self.plan(windows, fingerprint: "f2", replacesAll: replacesAll),
            Self.plan(windows, reload: windows.map(\.id), replacesAll: replacesAll),
        ].enumerated() {
            try await open { sink in
                try await sink.withRun(request("run-\(number)")) { run in
                    try await run.begin(Self.plan(windows, replacesAll: replacesAll))
                    try await load(run, windows[0], Self.sampleRows(windows[0]))
                    return false
                }
                try await sink.withRun(request("run-\(number)-again")) { run in
                    try await run.begin(plan)
                    let kept = try await run.ledger().staged?.checkpoints ?? [:]
                    try expect(kept.isEmpty, "windows of another plan are still staged")
                    return false
                }
            }
        }
    }

    func aReplaceChangesNothingUntilTheEnd() async throws {
        guard try await commitsWindows() else { return }
        let (removed, kept) = (Self.week(5), Self.week(0))
        try await commit([removed, kept].map { ($0, Self.sampleRows($0, note: "old")) })
        try await resume(replacesAll: true)
        let windows = [Self.week(0), Self.week(1)]
        let checkpoints = try await visibleLedger()
        try expect(
            checkpoints == [
                windows[0].id: checkpoint(windows[0], 3, runID: "run-2"), windows[1].id: checkpoint(windows[1], 3),
            ],
            "after everything was replaced the checkpoints are \(checkpoints)"
        )
    }
}
