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

    private struct Bound: BoundStage {
        let account: [UInt8]
        let output: Schema

        func process(_ batch: inout Batch, rejecting rejects: inout Rejects) throws(StageError) {
            let cell = Cell(.raw, offset: batch.bytes.count, length: account.count)
            batch.bytes += account
            let (cells, width) = (batch.cells, batch.columnCount)
            batch.cells = [Cell](capacity: cells.count + batch.rowCount) { output in
                for row in 0..<batch.rowCount {
                    for place in row * width..<(row + 1) * width { output.append(cells[place]) }
                    output.append(cell)
                }
            }
            batch.schema = self.output
        }
    }
}
