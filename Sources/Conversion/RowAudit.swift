import ByteCodecs
public import PipelineCore
import Synchronization

/// Takes note of what the rows of one window hold, without changing them: days, accounts, keys that come twice.
///
/// It is a stage before all others, so that it sees what came, not what is left.
/// - Cost per row: a few nanoseconds for days and accounts, some tens for a key; 16 bytes per key, as in `dedupe`.
public final class RowAudit: Stage {
    /// What is to be looked at; columns by name.
    public struct Interest: Hashable, Sendable {
        /// The column of days; nil where nobody asks.
        public var days: String?
        /// The column of account ids; nil where nobody asks.
        public var accounts: String?
        /// The columns that are to tell rows apart; empty where nobody asks.
        public var key: [String]

        /// Interest in these columns.
        public init(days: String? = nil, accounts: String? = nil, key: [String] = []) {
            self.days = days
            self.accounts = accounts
            self.key = key
        }
    }

    /// What was seen.
    public struct Findings: Hashable, Sendable {
        /// The days that rows have.
        public var days: Set<Day> = []
        /// The account ids that rows have.
        public var accounts: Set<String> = []
        /// Rows whose key an earlier row has.
        public var repeatedKeys = 0
    }

    private struct State {
        var findings = Findings()
        var keys = KeySet()
    }

    private let interest: Interest
    private let state = Mutex(State())

    /// An audit of one window.
    public init(_ interest: Interest) { self.interest = interest }

    /// What was seen so far.
    public var findings: Findings { state.withLock { $0.findings } }

    /// Ties the audit to columns; those it is interested in must be there.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        let days = try interest.days.map { name throws(StageError) in try input.position(of: name, for: "expect") }
        let accounts = try interest.accounts.map { name throws(StageError) in
            try input.position(of: name, for: "expect")
        }
        let key = try input.positions(of: interest.key, for: "expect")
        var random = SystemRandomNumberGenerator()
        return Bound(
            output: input,
            audit: self,
            days: days,
            accounts: accounts,
            key: key.isEmpty ? nil : RowKey(key, of: input, using: &random)
        )
    }

    private struct Bound: TracedStage {
        let output: Schema
        let audit: RowAudit
        let days: Int?
        let accounts: Int?
        let key: RowKey?

        func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
            let seenDays = days.map { texts(batch, $0) } ?? []
            let seenAccounts = accounts.map { texts(batch, $0) } ?? []
            let keys = key?.keys(of: batch) ?? []
            let count = audit.state.withLock { state in
                for text in seenDays { if let day = Day(text) { state.findings.days.insert(day) } }
                state.findings.accounts.formUnion(seenAccounts)
                for key in keys where !state.keys.insert(key) { state.findings.repeatedKeys += 1 }
                return state.keys.count
            }
            guard count <= DedupeStage.keyLimit else {
                throw StageError(
                    .data,
                    "expect: a window has more than \(DedupeStage.keyLimit) different keys; make its windows smaller"
                )
            }
        }

        /// The different texts of a column; neighbours are mostly alike, and then are looked at only once.
        private func texts(_ batch: borrowing Batch, _ column: Int) -> Set<String> {
            var found: Set<String> = []
            var last = Cell.null
            let bytes = batch.bytes.span
            for row in 0..<batch.rowCount {
                let cell = batch.cells[row * batch.columnCount + column]
                guard !cell.isNull, bytes.order(of: cell.range, last.range) != 0 || last.isNull else { continue }
                last = cell
                var text: [UInt8] = []
                cell.appendText(in: bytes, to: &text)
                found.insert(String(decoding: text, as: UTF8.self))
            }
            return found
        }
    }
}
