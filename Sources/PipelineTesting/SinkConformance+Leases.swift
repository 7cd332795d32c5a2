import PipelineCore

extension SinkConformance {
    func aSecondRunIsRefused() async throws {
        try await whileHeld(by: request("run-1")) {
            try await expectRefusal(.locked, "a second run") { try await runOnce(request("run-2")) }
            try await open { sink in _ = try await sink.ledger(of: export) }
        }
        try await runOnce(request("run-3"))
    }

    func aWaitingRunGetsTheLease() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await whileHeld(by: request("run-1")) {
                group.addTask { try await runOnce(request("run-2", waits: true)) }
                // The waiting run must find the lease taken at least once, or there would be nothing to wait for.
                try await Task.sleep(for: .milliseconds(5))
            }
            try await group.waitForAll()
        }
    }

    func aWaitingRunCanBeCancelled() async throws {
        try await whileHeld(by: request("run-1")) {
            let waiting = Task { try await runOnce(request("run-2", waits: true)) }
            waiting.cancel()
            let result = await waiting.result
            try expect((try? result.get()) == nil, "a run that was cancelled while it waited for the lease ran")
        }
    }

    func shardsExcludeByNumberAndCount() async throws {
        guard try await commitsWindows() else {
            try await expectRefusal(.configuration, "a shard of a sink that shows only whole runs") {
                try await runOnce(request(shard: "1/2"))
            }
            return
        }
        try await whileHeld(by: request("run-1", shard: "1/3")) {
            try await expectRefusal(.locked, "the same shard") { try await runOnce(request("run-2", shard: "1/3")) }
            try await expectRefusal(.locked, "a shard of another count") {
                try await runOnce(request("run-3", shard: "2/4"))
            }
            try await whileHeld(by: request("run-4", shard: "2/3")) {
                try await runOnce(request("run-5", shard: "3/3"))
            }
        }
        try await runOnce(request("run-6", shard: "2/4"))
    }

    func aWholeRunExcludesShards() async throws {
        guard try await commitsWindows() else { return }
        try await whileHeld(by: request("run-1")) {
            try await expectRefusal(.locked, "a shard beside a whole run") {
                try await runOnce(request("run-2", shard: "1/2"))
            }
        }
        try await whileHeld(by: request("run-3", shard: "2/2")) {
            try await expectRefusal(.locked, "a whole run beside a shard") { try await runOnce(request("run-4")) }
        }
        let windows = [Self.week(0), Self.week(1)]
        for (number, window) in windows.enumerated() {
            try await open { sink in
                try await sink.withRun(request(shard: "\(number + 1)/2")) { run in
                    try await run.begin(Self.plan([window]))
                    try await load(run, window, Self.sampleRows(window))
                    return true
                }
            }
        }
        try await expectRows(windows.flatMap { Self.sampleRows($0) }, "after two shards loaded a window each")
    }

    func aLostLeaseStopsTheCommit() async throws {
        guard let breakLease else { return }
        let window = Self.week(0)
        try await expectRefusal(.leaseLost, "a commit without the lease") {
            try await open { sink in
                try await sink.withRun(request()) { run in
                    try await run.begin(Self.plan([window]))
                    _ = try await run.load(Load(window: window, schema: Self.schema)) { session in
                        try await write(Self.sampleRows(window), to: session)
                        try await breakLease()
                        return checkpoint(window, 3)
                    }
                    return true
                }
            }
        }
        try await expectRows([], "after a commit without the lease was refused")
        try await commit([(window, Self.sampleRows(window, note: "second"))])
        try await expectRows(Self.sampleRows(window, note: "second"), "after the next run")
    }

    /// Runs `body` while another run holds the lease.
    private func whileHeld(by request: RunRequest, _ body: () async throws -> Void) async throws {
        try await open { sink in
            try await sink.withRun(request) { _ in
                try await body()
                return false
            }
        }
    }

    private func runOnce(_ request: RunRequest) async throws {
        try await open { sink in try await sink.withRun(request) { _ in false } }
    }
}
