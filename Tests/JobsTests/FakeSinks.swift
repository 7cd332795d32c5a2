import PipelineCore
import Synchronization

@testable import Jobs

/// A sink's run that fails where it is told to and remembers what it was asked.
final class ScriptedRun: SinkRun {
    enum Place: Hashable, CaseIterable { case open, encode, write, commit }

    struct Broken: Error, Hashable { var text: String }

    private struct State {
        var rows: [[Int]] = []
        var committed: [Checkpoint] = []
        var aborted = 0
        var attempts: [Attempt] = []
        var rejects: [Reject] = []
    }

    private let state = Mutex(State())
    private let failures: [Place: SinkError]
    /// Called with the first row of each block about to be written.
    private let onWrite: @Sendable (Int) async -> Void
    /// Blocks after which `write` fails.
    private let patience: Int
    /// Rows that `encode` has no form for, and whether it can tell which they are.
    private let misfits: (rows: Set<Int>, areTold: Bool)

    init(
        _ failures: [Place: SinkError] = [:],
        patience: Int = 0,
        misfits: Set<Int> = [],
        tellsMisfits: Bool = true,
        onWrite: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.failures = failures
        self.patience = patience
        self.misfits = (misfits, tellsMisfits)
        self.onWrite = onWrite
    }

    /// The first rows of the blocks of each load, committed or not.
    var loads: [[Int]] { state.withLock { $0.rows } }
    var rejects: [Reject] { state.withLock { $0.rejects } }
    var committed: [Checkpoint] { state.withLock { $0.committed } }
    var aborted: Int { state.withLock { $0.aborted } }
    var attempts: [Attempt] { state.withLock { $0.attempts } }

    func ledger() async throws(SinkError) -> Ledger { Ledger() }
    func begin(_ plan: RunPlan) async throws(SinkError) {}
    func record(_ attempt: Attempt) async throws(SinkError) { state.withLock { $0.attempts.append(attempt) } }

    func load(_ load: Load, _ body: (any LoadSession) async throws -> Checkpoint) async throws -> Checkpoint {
        if let failure = failures[.open] { throw failure }
        let index = state.withLock { state in
            state.rows.append([])
            return state.rows.count - 1
        }
        do {
            let checkpoint = try await body(Session(run: self, index: index))
            try Task.checkCancellation()
            if let failure = failures[.commit] { throw failure }
            state.withLock { $0.committed.append(checkpoint) }
            return checkpoint
        } catch {
            state.withLock { $0.aborted += 1 }
            throw error
        }
    }

    private struct Session: LoadSession {
        let run: ScriptedRun
        let index: Int

        func encode(_ batch: Batch) throws(SinkError) -> Block {
            if let failure = run.failures[.encode], batch.firstRow >= run.patience { throw failure }
            guard places(in: batch).isEmpty else { throw SinkError(.value, "no form for a row") }
            return Block(bytes: [UInt8(batch.firstRow & 0xFF)], rowCount: batch.rowCount, plainCount: batch.firstRow)
        }

        func misfits(in batch: Batch) -> [Misfit] {
            guard run.misfits.areTold else { return [] }
            return places(in: batch).map { Misfit(place: $0, column: "cost", reason: "too long") }
        }

        private func places(in batch: Batch) -> [Int] {
            (0..<batch.rowCount).filter { run.misfits.rows.contains(batch.rowNumber(at: $0)) }
        }

        func quarantine(_ rejects: Rejects) async throws(SinkError) {
            run.state.withLock { $0.rejects += rejects.rows }
        }

        func write(_ block: Block) async throws(SinkError) {
            await run.onWrite(block.plainCount)
            let written = run.state.withLock { state in
                state.rows[index].append(block.plainCount)
                return state.rows[index].count
            }
            if let failure = run.failures[.write], written > run.patience { throw failure }
        }
    }
}

extension LeasedSink {
    /// A leased sink around a scripted run.
    convenience init(_ run: ScriptedRun) {
        self.init(CSVStub(options: CSVStub.Options(path: "out/")), run)
    }
}

/// Batches of one row each, numbered from 0.
struct Rows {
    private(set) var given = 0
    var count: Int

    init(_ count: Int) { self.count = count }

    mutating func next() -> (batch: Batch, rejects: Rejects)? {
        guard given < count else { return nil }
        defer { given += 1 }
        return (Batch(schema: Schema([]), bytes: [], cells: [], rowCount: 1, firstRow: given), Rejects())
    }
}
