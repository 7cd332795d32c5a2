import PipelineCore
import Testing

@testable import Jobs

@Suite("Loads into several sinks", .timeLimit(.minutes(10)))
struct FanOutTests {
    private static let failure = SinkError(.destination, "the disk is full")

    /// Fans ten batches out into the runs.
    private func fanOut(
        _ runs: [ScriptedRun],
        rows: Int = 10,
        _ finish: () throws -> Void = {}
    ) async throws -> (outcome: FanOut.Outcome, read: Int, bodies: Int) {
        let window = Window(export: Question.export, cell: .all, account: nil)
        let checkpoint = try held("2024-01-01..2024-01-07", rows: rows)
        var (read, bodies) = (0, 0)
        let fanOut = FanOut(sinks: runs.map { LeasedSink($0) }, load: Load(window: window, schema: Schema([])))
        let outcome = try await fanOut { lanes in
            bodies += 1
            var source = Rows(rows)
            _ = try await Pump(
                process: { $3(&$0, &$1) },
                lanes: lanes,
                slots: BatchSlots(0),
                recycle: { _ in },
                wrote: { _ in }
            ).run {
                let next = source.next()
                read = source.given
                return next
            }
            try finish()
            return checkpoint
        }
        return (outcome, read, bodies)
    }

    private func isCommitted(_ outcome: FanOut.Outcome) -> [Bool] {
        outcome.map { if case .success = $0 { true } else { false } }
    }

    @Test("One read feeds every sink, and each commits", arguments: 1...4)
    func all(count: Int) async throws {
        let runs = (0..<count).map { _ in ScriptedRun() }
        let (outcome, read, bodies) = try await fanOut(runs)
        #expect(isCommitted(outcome) == Array(repeating: true, count: count))
        #expect(read == 10 && bodies == 1)
        for run in runs {
            #expect(run.loads == [Array(0..<10)])
            #expect(run.committed.count == 1 && run.aborted == 0)
        }
    }

    @Test(
        "A sink that fails anywhere fails alone; the others commit",
        arguments: ScriptedRun.Place.allCases,
        0..<3
    )
    func oneFails(place: ScriptedRun.Place, index: Int) async throws {
        var runs = (0..<3).map { _ in ScriptedRun() }
        runs[index] = ScriptedRun([place: Self.failure], patience: 2)
        let (outcome, read, bodies) = try await fanOut(runs)
        #expect(isCommitted(outcome) == (0..<3).map { $0 != index })
        #expect(throws: Self.failure) { try outcome[index].get() }
        #expect(read == 10 && bodies == 1)
        for (other, run) in runs.enumerated() where other != index {
            #expect(run.loads == [Array(0..<10)])
            #expect(run.committed.count == 1)
        }
        #expect(runs[index].committed.isEmpty)
    }

    @Test("Any two may fail, each in its own way", arguments: ScriptedRun.Place.allCases, ScriptedRun.Place.allCases)
    func twoFail(first: ScriptedRun.Place, second: ScriptedRun.Place) async throws {
        let other = SinkError(.value, "no such date")
        for good in 0..<3 {
            var runs = [ScriptedRun([first: Self.failure]), ScriptedRun([second: other])]
            runs.insert(ScriptedRun(), at: good)
            let (outcome, _, _) = try await fanOut(runs)
            #expect(isCommitted(outcome) == (0..<3).map { $0 == good })
            var errors: [SinkError] = []
            for result in outcome { if case .failure(let error as SinkError) = result { errors.append(error) } }
            #expect(errors == [Self.failure, other])
            #expect(runs[good].loads == [Array(0..<10)])
        }
    }

    @Test(
        "Where all fail, each has its own failure, and no more is read than needed",
        arguments: ScriptedRun.Place.allCases
    )
    func allFail(place: ScriptedRun.Place) async throws {
        let other = SinkError(.destination, "the server is gone", isTransient: true)
        let runs = [ScriptedRun([place: Self.failure]), ScriptedRun([place: other])]
        let (outcome, read, bodies) = try await fanOut(runs, rows: 1000)
        #expect(throws: Self.failure) { try outcome[0].get() }
        #expect(throws: other) { try outcome[1].get() }
        switch place {
        case .open: #expect(read == 0 && bodies == 0)
        case .encode, .write: #expect(read < 10)
        case .commit: #expect(read == 1000)
        }
        #expect(runs.allSatisfy { $0.committed.isEmpty })
    }

    @Test("An error of the reading aborts all, and comes out as it was", arguments: ScriptedRun.Place.allCases)
    func bodyFails(place: ScriptedRun.Place) async throws {
        let runs = [ScriptedRun(), ScriptedRun([place: Self.failure], patience: 100), ScriptedRun()]
        let cause = ScriptedRun.Broken(text: "the page broke off")
        await #expect(throws: cause) { try await fanOut(runs) { throw cause } }
        #expect(runs.allSatisfy { $0.committed.isEmpty })
        #expect(runs[0].aborted == 1 && runs[2].aborted == 1)
    }

    @Test("Every sink's checkpoint has the layout of its own plan")
    func layouts() async throws {
        let window = Window(export: Question.export, cell: .all, account: nil)
        let layouts = [
            Layout(size: "all", perAccount: false, mode: .append),
            Layout(size: "all", perAccount: false, mode: .merge, key: ["date"]),
        ]
        let runs = [ScriptedRun(), ScriptedRun()]
        let sinks = runs.map { LeasedSink($0) }
        for (sink, layout) in zip(sinks, layouts) {
            try await sink.begin(
                RunPlan(
                    windows: [window],
                    range: nil,
                    fingerprint: "F1",
                    layout: layout,
                    createdAt: Timestamp(milliseconds: 0)
                )
            )
        }
        let checkpoint = try held("2024-01-01..2024-01-07")
        let fanOut = FanOut(sinks: sinks, load: Load(window: window, schema: Schema([])))
        _ = try await fanOut { _ in checkpoint }
        #expect(runs.map { $0.committed.map(\.layout) } == layouts.map { [$0] })
    }

    @Test("A cancelled load commits nowhere")
    func cancelled() async throws {
        let runs = [ScriptedRun(), ScriptedRun()]
        let task = Task {
            try await fanOut(runs) { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
        }
        let outcome = try await task.value.outcome
        #expect(outcome.allSatisfy { if case .failure(let error) = $0 { error is CancellationError } else { false } })
        #expect(runs.allSatisfy { $0.committed.isEmpty && $0.aborted == 1 })
    }
}

@Suite("A sink under lease")
struct LeasedSinkTests {
    private static let plan = RunPlan(
        windows: [],
        range: nil,
        fingerprint: "F1",
        layout: Layout(size: "all", perAccount: false),
        createdAt: Timestamp(milliseconds: 0)
    )

    @Test("A destination that fails three times in a row is left alone; a commit between them starts the count anew")
    func detaching() {
        let sink = LeasedSink(ScriptedRun())
        for _ in 0..<4 {
            sink.note(SinkError(.destination, "full"))
            sink.note(SinkError(.destination, "full"))
            #expect(!sink.isDetached)
            sink.noteCommit()
        }
        for _ in 0..<9 { sink.note(SinkError(.value, "no such date")) }
        #expect(!sink.isDetached)
        for _ in 0..<3 { sink.note(SinkError(.destination, "full")) }
        #expect(sink.isDetached)
    }

    @Test("A lost lease ends the run's part in a sink at once")
    func leaseLost() {
        let sink = LeasedSink(ScriptedRun())
        sink.note(SinkError(.leaseLost, "gone"))
        #expect(sink.isDetached)
    }

    @Test("Complete is a sink that has its plan and every window wanted")
    func complete() async throws {
        let sink = LeasedSink(ScriptedRun())
        sink.conclude(wanted: 0)
        #expect(!sink.isComplete)
        try await sink.begin(Self.plan)
        sink.conclude(wanted: 1)
        #expect(!sink.isComplete && !sink.showsLoads)
        sink.noteCommit()
        sink.conclude(wanted: 1)
        #expect(sink.isComplete && sink.showsLoads)
        sink.detach()
        sink.conclude(wanted: 1)
        #expect(!sink.isComplete)
    }

    @Test("Where all windows become visible together, none shows before the run ended well")
    func together() async throws {
        var plan = Self.plan
        plan.replacesAll = true
        let sink = LeasedSink(ScriptedRun())
        try await sink.begin(plan)
        sink.noteCommit()
        sink.conclude(wanted: 1)
        #expect(!sink.showsLoads)
        sink.noteEnd()
        #expect(sink.showsLoads)
    }
}
