import PipelineCore

extension SinkConformance {
    func theLedgerReturnsWhatWasCommitted() async throws {
        let windows = [Self.week(0), Self.week(1)]
        try await commit(windows.map { ($0, Self.sampleRows($0)) })
        let wanted = Dictionary(uniqueKeysWithValues: windows.map { ($0.id, checkpoint($0, 3)) })
        let commitsWindows = try await commitsWindows()
        try await open { sink in
            let ledger = try await sink.ledger(of: export)
            // A sink that shows only whole runs may keep no checkpoint of a run that is over.
            if commitsWindows || !ledger.checkpoints.isEmpty {
                try expect(ledger.checkpoints == wanted, "the ledger holds \(ledger.checkpoints), not \(wanted)")
            }
            try expect(ledger.gone.isEmpty, "rows that are there are reported as gone")
            try expect(ledger.attempts.isEmpty && ledger.reload.isEmpty, "notes are left after every window committed")
            try expect(ledger.staged == nil, "something is staged after a run that finished")
            try await sink.withRun(request("run-2")) { run in
                let held = try await run.ledger()
                try expect(held == ledger, "the ledger under lease differs from the one read without")
                return false
            }
        }
    }

    func attemptsLastUntilTheCommit() async throws {
        let (first, second) = (Self.week(0), Self.week(1))
        let attempts = [(first, "s-1", 1), (second, "s-2", 2), (first, "s/3 ü", 3)].map { window, id, time in
            Attempt(
                window: window,
                scheduleID: id,
                days: DateRange(Day(number: 19_723)),
                accounts: ["1", "2"],
                fingerprint: "f1",
                startedAt: Timestamp(milliseconds: 1_718_000_000_000 + Int64(time)),
                runID: "run-1"
            )
        }
        try await open { sink in
            try await sink.withRun(request()) { run in
                try await run.begin(Self.plan([first, second]))
                for attempt in [attempts[1], attempts[0], attempts[2]] { try await run.record(attempt) }
                return false
            }
        }
        var failed = attempts[1]
        failed.failure = "the API said no"
        try await open { sink in
            try await sink.withRun(request("run-2")) { run in
                let found = try await run.ledger().attempts
                try expect(found == attempts, "a later run finds the attempts \(found), not \(attempts), oldest first")
                try await run.begin(Self.plan([first, second]))
                try await run.record(failed)
                let noted = try await run.ledger().attempts
                try expect(
                    noted == [attempts[0], failed, attempts[2]],
                    "a failure does not take the place of its attempt"
                )
                try await load(run, first, Self.sampleRows(first))
                let left = try await run.ledger().attempts
                try expect(left == [failed], "after the commit of a window the attempts are \(left), not \([failed])")
                return false
            }
        }
    }

    func aReloadPlanLastsUntilTheCommit() async throws {
        let (first, second) = (Self.week(0), Self.week(1))
        let contents = [first, second].map { (window: $0, rows: Self.sampleRows($0)) }
        try await commit(contents)
        try await open { sink in
            try await sink.withRun(request("run-2")) { run in
                try await run.begin(Self.plan([first, second], reload: [first.id, second.id]))
                try await load(run, second, Self.sampleRows(second, note: "second"))
                return false
            }
        }
        try await open { sink in
            let left = try await sink.ledger(of: export).reload
            try expect(left == [first.id], "after a reload that was cut short \(left) are left, not \([first.id])")
            try await sink.withRun(request("run-3")) { run in
                try await run.begin(Self.plan([first, second]))
                try await load(run, first, Self.sampleRows(first, note: "second"))
                return true
            }
            let rest = try await sink.ledger(of: export).reload
            try expect(rest.isEmpty, "after the reload \(rest) are left")
        }
        try await expectRows([first, second].flatMap { Self.sampleRows($0, note: "second") }, "after the reload")
    }

    func anAcceptedFingerprintIsKept() async throws {
        guard try await commitsWindows() else { return }
        let (first, second) = (Self.week(0), Self.week(1))
        try await commit([first, second].map { ($0, Self.sampleRows($0)) })
        try await open { sink in
            try await sink.withRun(request("run-2")) { run in
                try await run.begin(Self.plan([first, second], fingerprint: "f2", accepted: [first.id]))
                return true
            }
            let ledger = try await sink.ledger(of: export)
            var accepted = checkpoint(first, 3)
            accepted.acceptedFingerprint = "f2"
            try expect(
                ledger.checkpoints == [first.id: accepted, second.id: checkpoint(second, 3)],
                "accepting a fingerprint left the checkpoints \(ledger.checkpoints)"
            )
            try expect(ledger.gone.isEmpty, "accepting a fingerprint made rows gone")
        }
        try await expectRows([first, second].flatMap { Self.sampleRows($0) }, "after a fingerprint was accepted")
    }

    func rowsThatAreGoneAreReported() async throws {
        guard let removeRows, try await commitsWindows() else { return }
        let (first, second) = (Self.week(0), Self.week(1))
        try await commit([first, second].map { ($0, Self.sampleRows($0)) })
        try await removeRows(first)
        try await open { sink in
            let ledger = try await sink.ledger(of: export)
            try expect(ledger.gone == [first.id], "of two windows one has lost its rows, but \(ledger.gone) are gone")
            try expect(ledger.checkpoints[first.id] != nil, "the checkpoint of a window without its rows is not told")
        }
        try await commit([(first, Self.sampleRows(first))])
        try await open { sink in
            let gone = try await sink.ledger(of: export).gone
            try expect(gone.isEmpty, "a window that was loaded again is still gone")
        }
        try await expectRows([first, second].flatMap { Self.sampleRows($0) }, "after the window was loaded again")
    }

    func theCheckPasses() async throws {
        try await open { try await $0.check(landing: Self.schema) }
        try await expectRows([], "after a check of an empty destination")
        let window = Self.week(0)
        try await commit([(window, Self.sampleRows(window))])
        let before = try await visibleLedger()
        try await open { try await $0.check(landing: Self.schema) }
        try await expectRows(Self.sampleRows(window), "after a check")
        let after = try await visibleLedger()
        try expect(before == after, "a check changed the checkpoints")
    }
}
