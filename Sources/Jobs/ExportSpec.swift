package import Conversion
package import PipelineCore
package import SupermetricsAPI

/// One export, resolved for one run: what to ask, how to cut it, what to do with the rows.
package struct ExportSpec: Sendable {
    /// The identity of its windows.
    package var id: ExportID
    /// The names that its job and it have now.
    package var current: ExportID
    /// The name a user knows it by.
    package var name: String
    /// The query as the API takes it, without dates.
    package var query: JSONObject
    /// The days wanted; nil where the query has none.
    package var range: DateRange?
    /// How its days are cut.
    package var size: WindowSize
    /// Whether each account is a window of its own.
    package var perAccount: Bool
    /// Days that stay unsettled.
    package var lookback: Int
    /// What happens to the rows, in order.
    package var stages: [any Stage]
    /// What the columns that land are held to, after the stages; nil where nothing was agreed on.
    package var contract: ContractStage?
    /// How columns are named.
    package var naming: ColumnNaming
    /// The columns that surely hold the day of a row.
    package var dayColumns: Set<String>
    /// What decides the rows; where it differs, settled windows are stale.
    package var fingerprint: String
    /// What a load must satisfy before it commits.
    package var rules: LoadRules
    /// The most rows a query asks for.
    package var rowLimit: Int

    /// An export with these settings; what is left out has the job file's defaults.
    package init(
        id: ExportID,
        current: ExportID? = nil,
        name: String,
        query: JSONObject,
        range: DateRange?,
        size: WindowSize,
        perAccount: Bool = false,
        lookback: Int,
        stages: [any Stage] = [],
        contract: ContractStage? = nil,
        naming: ColumnNaming = .snakeCase,
        dayColumns: Set<String> = [],
        fingerprint: String,
        rules: LoadRules = LoadRules(),
        rowLimit: Int = 1_000_000
    ) {
        self.id = id
        self.current = current ?? id
        self.name = name
        self.query = query
        self.range = range
        self.size = size
        self.perAccount = perAccount
        self.lookback = lookback
        self.stages = stages
        self.contract = contract
        self.naming = naming
        self.dayColumns = dayColumns
        self.fingerprint = fingerprint
        self.rules = rules
        self.rowLimit = rowLimit
    }
}

extension ExportSpec {
    /// Whether rows of two windows surely differ in this key, so that it does not matter which is loaded first.
    func isSeparated(by key: [String]) -> Bool {
        let cutsDays = size != .all && range != nil
        return (!cutsDays || !dayColumns.isDisjoint(with: key)) && (!perAccount || key.contains(AccountColumn.name))
    }
}
