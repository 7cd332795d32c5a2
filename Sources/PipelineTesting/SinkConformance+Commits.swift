import PipelineCore

extension SinkConformance {
    func nothingIsVisibleBeforeTheCommit() async throws {
        let window = Self.week(0)
        try await open { sink in
            try await sink.withRun(request()) { run in
                try await run.begin(Self.plan([window]))
                _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                    try await write(Self.sampleRows(window), to: session)
                    try await expectRows([], "while a window is being written")
                    let ledger = try await sink.ledger(of: export)
                    try expect(ledger.checkpoints.isEmpty, "a checkpoint is visible before the commit")
                    return checkpoint(window, 3)
                }
                return true
            }
        }
        try await expectRows(Self.sampleRows(window), "after the commit")
    }

    func aFailedLoadLeavesNothing() async throws {
        try await failLoad(of: Self.week(0))
        try await expectRows([], "after a load that threw")
        try await open { sink in
            let ledger = try await sink.ledger(of: export)
            try expect(ledger.checkpoints.isEmpty, "a checkpoint is there after a load that threw")
            try expect(ledger.staged?.checkpoints.isEmpty ?? true, "a window is staged after a load that threw")
        }
    }

    func aFailedReloadKeepsTheOldRows() async throws {
        let window = Self.week(0)
        let old = Self.sampleRows(window)
        try await commit([(window, old)])
        let before = try await visibleLedger()
        try await failLoad(of: window)
        try await expectRows(old, "after a reload that threw")
        let after = try await visibleLedger()
        try expect(after == before, "a reload that threw changed the checkpoints")
        let new = Self.sampleRows(window, count: 5, note: "second")
        try await commit([(window, new)])
        try await expectRows(new, "after the reload succeeded")
    }

    /// A run whose body throws in the middle of a window's rows; the error must reach the caller as it is.
    private func failLoad(of window: Window) async throws {
        do {
            try await open { sink in
                try await sink.withRun(request("run-that-fails")) { run in
                    try await run.begin(Self.plan([window]))
                    _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                        try await write(Self.sampleRows(window, count: 9, note: "never seen"), to: session)
                        throw Injected()
                    }
                    return true
                }
            }
        } catch is Injected {
            return
        }
        throw Failure(description: "the error of a load's body did not reach the caller")
    }

    func aCancelledLoadKeepsTheOldRows() async throws {
        let window = Self.week(0)
        let old = Self.sampleRows(window)
        try await commit([(window, old)])
        let task = Task {
            try await open { sink in
                try await sink.withRun(request("run-that-is-cancelled")) { run in
                    try await run.begin(Self.plan([window]))
                    _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                        try await write(Self.sampleRows(window, count: 9, note: "never seen"), to: session)
                        unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
                        return checkpoint(window, 9)
                    }
                    return true
                }
            }
        }
        let result = await task.result
        try expect((try? result.get()) == nil, "a cancelled load was reported as committed")
        try await expectRows(old, "after a load that was cancelled")
        try await commit([(window, old)])
    }

    func aReloadReplacesTheRows() async throws {
        let (first, second) = (Self.week(0), Self.week(1))
        let kept = Self.sampleRows(second)
        try await commit([(first, Self.sampleRows(first, count: 6)), (second, kept)])
        let new = Self.sampleRows(first, count: 2, note: "second")
        let reloaded = try await commitsWindows() ? [(first, new)] : [(first, new), (second, kept)]
        try await commit(reloaded, runID: "run-2")
        try await expectRows(new + kept, "after one of two windows was loaded again")
    }

    func anEmptyWindowCommits() async throws {
        let (empty, full) = (Self.week(0), Self.week(1))
        try await commit([(empty, []), (full, Self.sampleRows(full))])
        try await expectRows(Self.sampleRows(full), "after an empty and a full window")
        guard try await commitsWindows() else { return }
        try await open { sink in
            let ledger = try await sink.ledger(of: export)
            try expect(ledger.checkpoints[empty.id] == checkpoint(empty, 0), "an empty window has no checkpoint")
            try expect(ledger.gone.isEmpty, "an empty window is reported as gone")
        }
        try await commit([(full, [])])
        try await expectRows([], "after the full window was loaded again without rows")
    }

    func hostileValuesSurvive() async throws {
        let rows: Rows = Self.hostileTexts.enumerated().map { number, text in
            ["\(number)", text, number.isMultiple(of: 2) ? "12345678901234567890.123456789012345678" : nil]
        }
        let window = Self.week(0)
        for escaping in [false, true] {
            try await open { sink in
                try await sink.withRun(request()) { run in
                    try await run.begin(Self.plan([window], reload: [window.id]))
                    try await load(run, window, rows, escaping: escaping)
                    return true
                }
            }
            try await expectRows(rows, "hostile values, \(escaping ? "escaped" : "raw")")
        }
    }

    /// Values that break readers and writers that are careless; the empty text and null are two of them.
    static let hostileTexts: [String?] = [
        nil, "", " ", "null", "NULL", "\\N", "\\.", "\"", "\"\"", "a\"b", "a,b", "a;b", "a\tb", "a\nb", "a\r\nb", "\r",
        "\n", "\\", "\\\\n", "\\u0041", "'", "--", "=1+1", "+1", "-1", "@x", "$1", "%s%n", "ünïcödé", "日本語", "👩‍👩‍👧‍👦",
        "\u{202E}abc",
        "\u{FEFF}bom", "\u{2028}\u{2029}", "\u{1}\u{1F}\u{7F}", "e\u{301}", "{\"a\":1}", "[1]", "true", "0x1F", " lead",
        "trail ", String(repeating: "long ", count: 40_000), String(repeating: "\"", count: 5000),
    ]

    func rowsKeepTheirOrder() async throws {
        let window = Self.week(0)
        let rows = Self.sampleRows(window, count: 5000)
        try await open { sink in
            try await sink.withRun(request()) { run in
                try await run.begin(Self.plan([window]))
                _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                    for start in stride(from: 0, to: rows.count, by: 37) {
                        let part = Array(rows[start..<min(start + 37, rows.count)])
                        try await session.write(session.encode(Batch(Self.schema, rows: part, firstRow: start)))
                    }
                    return checkpoint(window, rows.count)
                }
                return true
            }
        }
        let found = try await self.rows()
        try expect(found == rows, "rows of one window do not stand in the order in which they were written")
    }

    func rejectedRowsCommitWithTheirWindow() async throws {
        let (window, other) = (Self.week(0), Self.week(1))
        guard let rejected else {
            return try await expectRefusal(.configuration, "rejected rows without a place for them") {
                try await load(window, rejecting: Self.sampleRejects, runID: "run-1")
            }
        }
        func expectRejects(_ wanted: [Reject], _ moment: String) async throws {
            let found = try await rejected().sorted { $0.row < $1.row }
            try expect(found == wanted, "\(moment): the rejected rows are \(found), not \(wanted)")
        }
        do {
            try await load(window, rejecting: Self.sampleRejects, runID: "run-that-fails") { throw Injected() }
            throw Failure(description: "the error of a load's body did not reach the caller")
        } catch is Injected {}
        try await expectRejects([], "after a load that threw")
        try await load(window, rejecting: Self.sampleRejects, runID: "run-1") {
            try await expectRejects([], "while a window is being written")
        }
        try await expectRejects(Self.sampleRejects, "after the commit")
        try await expectRows(Self.sampleRows(window), "after a load with rejected rows")
        if try await commitsWindows() {
            try await commit([(other, Self.sampleRows(other))])
            try await expectRejects(Self.sampleRejects, "after another window was loaded")
        }
        try await load(window, rejecting: [], runID: "run-2")
        try await expectRejects([], "after the window was loaded again without them")
    }

    /// Loads one window with rejected rows in two calls, `check` running before it commits.
    private func load(
        _ window: Window,
        rejecting rejects: [Reject],
        runID: String,
        _ check: () async throws -> Void = {}
    ) async throws {
        try await open { sink in
            try await sink.withRun(request(runID)) { run in
                try await run.begin(Self.plan([window], reload: [window.id]))
                _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                    for reject in rejects { try await session.quarantine(Rejects([reject])) }
                    try await write(Self.sampleRows(window), to: session)
                    try await check()
                    return checkpoint(window, 3, runID: runID)
                }
                return true
            }
        }
    }

    private static let sampleRejects: [Reject] = [
        Reject(
            row: 3,
            column: "amount",
            stage: "cast",
            rule: "not a number",
            cells: Array(#"{"id":"a\"b","amount":"n/a"}"#.utf8)
        ),
        Reject(
            row: 70_000,
            column: "nöte",
            rule: "invalid UTF-8",
            cells: Array(#"{"id":null,"nöte":"\ud800 é"}"#.utf8)
        ),
    ].enumerated().map { number, reject in
        var reject = reject
        reject.page = number + 1
        if number == 0 { reject.requestID = "request-7" }
        return reject
    }

    func concurrentWindowsStayApart() async throws {
        let windows = (0..<12).map { Self.week($0) }
        try await open { sink in
            try await sink.withRun(request()) { run in
                try await run.begin(Self.plan(windows))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, window) in windows.enumerated() {
                        if number >= sink.concurrentLoads { try await group.next() }
                        group.addTask {
                            try await load(run, window, Self.sampleRows(window, count: 40 + number))
                        }
                    }
                    try await group.waitForAll()
                }
                return true
            }
        }
        let wanted = windows.enumerated().flatMap { Self.sampleRows($1, count: 40 + $0) }
        try await expectRows(wanted, "after windows were loaded side by side")
    }

    /// What the destination shows, which staging and notes are no part of.
    func visibleLedger() async throws -> [WindowID: Checkpoint] {
        var result: [WindowID: Checkpoint] = [:]
        try await open { result = try await $0.ledger(of: export).checkpoints }
        return result
    }
}
