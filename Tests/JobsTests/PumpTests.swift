import PipelineCore
import Synchronization
import Testing

@testable import Jobs

@Suite("Pump", .timeLimit(.minutes(10)))
struct PumpTests {
    /// Counts batches that were read and not yet written.
    final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }
        var now: Int { state.withLock { $0.now } }
        func add() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func remove() { state.withLock { $0.now -= 1 } }
    }

    private func pump(
        _ lanes: [Lane],
        slots: BatchSlots = BatchSlots(0),
        process: @escaping @Sendable (inout Batch, inout Rejects) throws -> Void = { _, _ in },
        badRows: Pump.BadRows = Pump.BadRows(),
        wrote: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> Pump {
        Pump(
            process: { batch, rejects, _, land in
                try process(&batch, &rejects)
                land(&batch, &rejects)
            },
            lanes: lanes,
            badRows: badRows,
            slots: slots,
            recycle: { _ in },
            wrote: wrote
        )
    }

    /// Runs `body` with the lane of a load into `run`.
    private func withLane(_ run: ScriptedRun, _ body: (Lane) async throws -> Void) async throws {
        let window = Window(export: Question.export, cell: .all, account: nil)
        let checkpoint = try held("2024-01-01..2024-01-07")
        _ = try await run.load(Load(window: window, schema: Schema([]))) { session in
            try await body(Lane(session))
            return checkpoint
        }
    }

    @Test("Batches are written in row order, however long each takes", arguments: [0, 1, 5])
    func order(slots: Int) async throws {
        let run = ScriptedRun()
        try await withLane(run) { lane in
            var rows = Rows(60)
            let wrote = Mutex(0)
            let pumped = try await pump(
                [lane],
                slots: BatchSlots(slots),
                process: { batch, _ in
                    // The first of each five takes longest.
                    for _ in 0..<(5 - batch.firstRow % 5) * 2000 { batch.rowCount = 1 }
                },
                wrote: { rows in wrote.withLock { $0 += rows } }
            ).run { rows.next() }
            #expect(pumped.loaded == 60)
            #expect(wrote.withLock { $0 } == 60)
        }
        #expect(run.loads == [Array(0..<60)])
    }

    @Test("No rows are no blocks")
    func empty() async throws {
        let run = ScriptedRun()
        try await withLane(run) { lane in
            let pumped = try await pump([lane]).run { nil }
            #expect(pumped.loaded == 0 && pumped.rejected == 0 && pumped.firstReject == nil)
        }
        #expect(run.loads == [[]])
    }

    @Test(
        "A window holds two batches, and more while slots are free, however slow the writer",
        arguments: [0, 1, 2, 5]
    )
    func memory(slots: Int) async throws {
        let gauge = Gauge()
        let run = ScriptedRun(onWrite: { _ in
            for _ in 0..<50 { await Task.yield() }
            gauge.remove()
        })
        let pool = BatchSlots(slots)
        try await withLane(run) { lane in
            var rows = Rows(40)
            _ = try await pump([lane], slots: pool).run {
                let next = rows.next()
                if next != nil { gauge.add() }
                return next
            }
        }
        #expect(gauge.most == max(2, slots))
        #expect(gauge.now == 0)
        #expect(pool.left == slots)
    }

    @Test("Windows that share the pool hold no more than it has, but always get on with two")
    func sharedPool() async throws {
        let gauge = Gauge()
        let pool = BatchSlots(2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let run = ScriptedRun(onWrite: { _ in
                        await Task.yield()
                        gauge.remove()
                    })
                    try await withLane(run) { lane in
                        var rows = Rows(50)
                        _ = try await pump([lane], slots: pool).run {
                            let next = rows.next()
                            if next != nil { gauge.add() }
                            return next
                        }
                    }
                    #expect(run.loads == [Array(0..<50)])
                }
            }
            try await group.waitForAll()
        }
        #expect(gauge.most <= 4 * 2)
        #expect(pool.left == 2)
    }

    @Test("A failed read, stage or destination gives the slots back", arguments: 0..<3)
    func slotsReturned(kind: Int) async throws {
        let pool = BatchSlots(3)
        let failure = SinkError(.destination, "full")
        let run = ScriptedRun(kind == 2 ? [.write: failure] : [:], patience: 4)
        try await withLane(run) { lane in
            var rows = Rows(30)
            let error = await #expect(throws: (any Error).self) {
                try await pump(
                    [lane],
                    slots: pool,
                    process: { batch, _ in
                        if kind == 1, batch.firstRow == 7 { throw ScriptedRun.Broken(text: "stage") }
                    }
                ).run {
                    if kind == 0, rows.given == 9 { throw ScriptedRun.Broken(text: "read") }
                    return rows.next()
                }
            }
            switch kind {
            case 0: #expect(error as? ScriptedRun.Broken == ScriptedRun.Broken(text: "read"))
            case 1: #expect(error as? ScriptedRun.Broken == ScriptedRun.Broken(text: "stage"))
            default: #expect(error is NoLaneLeft)
            }
        }
        #expect(pool.left == 3)
    }

    @Test("A lane that failed takes no more, the others take all; nothing is read once all have failed")
    func lanes() async throws {
        let (good, bad) = (ScriptedRun(), ScriptedRun([.write: SinkError(.destination, "full")], patience: 2))
        try await withLane(good) { first in
            try await withLane(bad) { second in
                var rows = Rows(10)
                let pumped = try await pump([first, second]).run { rows.next() }
                #expect(pumped.loaded == 10)
                #expect(first.failure == nil)
                #expect(second.failure as? SinkError == SinkError(.destination, "full"))
            }
        }
        #expect(good.loads == [Array(0..<10)])
        #expect(bad.loads == [[0, 1, 2]])

        let worse = ScriptedRun([.encode: SinkError(.value, "no such date")], patience: 3)
        try await withLane(worse) { lane in
            var rows = Rows(1000)
            await #expect(throws: NoLaneLeft.self) { try await pump([lane]).run { rows.next() } }
            #expect(rows.given < 10)
            #expect(lane.failure as? SinkError == SinkError(.value, "no such date"))
        }
        #expect([0, 1, 2].starts(with: worse.loads[0]))
    }

    @Test("Of rejected rows the first is kept and the others are counted")
    func rejects() async throws {
        try await withLane(ScriptedRun()) { lane in
            var rows = Rows(500)
            let pumped = try await pump(
                [lane],
                process: { batch, rejects in
                    // What the reader left out comes first.
                    #expect(rejects.rows.count == (batch.firstRow == 0 ? 1 : 0))
                    guard batch.firstRow % 5 == 4 else { return }
                    rejects.append(Reject(row: batch.firstRow, column: "cost", rule: "not a number"))
                    batch.rowCount = 0
                }
            ).run {
                guard var next = rows.next() else { return nil }
                if next.batch.firstRow == 0 {
                    next.rejects.append(Reject(row: 1, column: "name", rule: "invalid UTF-8"))
                }
                return next
            }
            #expect(pumped.loaded == 400)
            #expect(pumped.rejected == 101)
            #expect(pumped.firstReject == Reject(row: 1, column: "name", rule: "invalid UTF-8"))
        }
    }

    /// Batches of `size` rows.
    private func batches(_ count: Int, of size: Int) -> [(batch: Batch, rejects: Rejects)] {
        (0..<count).map { index in
            (Batch(schema: Schema([]), bytes: [], cells: [], rowCount: size, firstRow: index * size), Rejects())
        }
    }

    @Test("A row that one destination has no form for is a bad row in all of them, in row order with the others")
    func misfits() async throws {
        let (narrow, narrower, wide) = (
            ScriptedRun(misfits: [3, 4, 17]), ScriptedRun(misfits: [4, 5, 39]), ScriptedRun()
        )
        try await withLane(narrow) { first in
            try await withLane(wide) { second in
                try await withLane(narrower) { third in
                    var rest = batches(4, of: 10)[...]
                    let pumped = try await pump(
                        [first, second, third],
                        badRows: Pump.BadRows(areKept: true, origin: { ($0 / 10 + 1, "request") })
                    ).run { rest.popFirst() }
                    #expect(pumped.loaded == 35 && pumped.rejected == 5)
                    #expect(pumped.firstReject?.row == 3)
                    #expect([first, second, third].allSatisfy { $0.failure == nil })
                }
            }
        }
        for run in [narrow, narrower, wide] {
            #expect(run.loads == [[0, 10, 20, 30]])
            #expect(run.rejects.map(\.row) == [3, 4, 5, 17, 39])
            #expect(run.rejects.map(\.page) == [1, 1, 1, 2, 4])
            #expect(run.rejects.allSatisfy { $0.column == "cost" && $0.rule == "too long" && $0.stage == "load" })
        }
    }

    @Test("A destination that refuses a value and cannot tell where it is fails alone")
    func untoldMisfits() async throws {
        let (narrow, wide) = (ScriptedRun(misfits: [7], tellsMisfits: false), ScriptedRun())
        try await withLane(narrow) { first in
            try await withLane(wide) { second in
                var rest = batches(2, of: 10)[...]
                let pumped = try await pump([first, second]).run { rest.popFirst() }
                #expect(pumped.loaded == 20 && pumped.rejected == 0)
                #expect(first.failure as? SinkError == SinkError(.value, "no form for a row"))
                #expect(second.failure == nil)
            }
        }
        #expect(wide.loads == [[0, 10]] && wide.rejects.isEmpty)
    }

    @Test("Cancellation ends it, and nothing is left running")
    func cancellation() async throws {
        let pool = BatchSlots(2)
        let reached = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await withLane(ScriptedRun()) { lane in
                var rows = Rows(100)
                _ = try await pump([lane], slots: pool).run {
                    if rows.given == 20 {
                        reached.continuation.finish()
                        try await Task.sleep(for: .seconds(3600))
                    }
                    return rows.next()
                }
            }
        }
        for await _ in reached.stream {}
        task.cancel()
        let result = await task.result
        #expect(throws: CancellationError.self) { try result.get() }
        #expect(pool.left == 2)
    }
}
