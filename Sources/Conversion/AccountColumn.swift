public import PipelineCore

/// Adds the account of the window as a text column at the end of every row.
///
/// Where each account is a window of its own, the rows do not say whose they are: the query named one account alone.
public struct AccountColumn: Stage {
    /// The name of the column.
    public static let name = "_sluice_account"
    private let account: String

    /// A column that holds `account` in every row.
    public init(account: String) { self.account = account }

    /// Ties the column to the end of `input`.
    public func bind(to input: Schema) throws(StageError) -> any BoundStage {
        guard input.index(of: AccountColumn.name) == nil else {
            throw StageError(.schema, "there is a column '\(AccountColumn.name)' already, which is sluice's own name")
        }
        let column = Column(name: AccountColumn.name, type: .text)
        return Bound(account: Array(account.utf8), output: Schema(input.columns + [column]))
    }

    private struct Bound: TracedStage {
        let account: [UInt8]
        let output: Schema

        func sources(of place: Int) -> [Int] { place < output.columns.count - 1 ? [place] : [] }

        func process(_ batch: inout Batch, rejecting rejects: inout Rejects) {
            let cell = Cell(.raw, offset: batch.bytes.count, length: account.count)
            batch.bytes += account
            let width = output.columns.count
            batch.appendColumn(output.columns[width - 1])
            for row in 0..<batch.rowCount { batch.cells[row * width + width - 1] = cell }
        }
    }
}
