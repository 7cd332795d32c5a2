package import Conversion
package import Foundation
package import PipelineCore
package import SupermetricsAPI

/// A job as its file says it, every mistake already found.
package struct Job: Sendable {
    /// Part of the identity of every window.
    package var name: String
    /// The name it had before, whose windows are carried over.
    package var renamedFrom: String?
    /// How the API is spoken to.
    package var api: APISettings
    /// What "yesterday" means.
    package var timeZone: TimeZone
    /// The exports, in the order of the file.
    package var exports: [Export]
    /// What the file asks for and this version cannot do: such a job can be checked, not run.
    package var unsupported: [JobMistake]

    package init(
        name: String,
        renamedFrom: String? = nil,
        api: APISettings = APISettings(),
        timeZone: TimeZone = .gmt,
        exports: [Export],
        unsupported: [JobMistake] = []
    ) {
        self.name = name
        self.renamedFrom = renamedFrom
        self.api = api
        self.timeZone = timeZone
        self.exports = exports
        self.unsupported = unsupported
    }

    /// The identity of the windows of one of its exports: the names they were first loaded under.
    package func identity(of export: Export) -> ExportID {
        ExportID(job: renamedFrom ?? name, export: export.renamedFrom ?? export.name)
    }
}

/// The keys of `api:`, with their defaults.
package struct APISettings: Hashable, Sendable {
    /// Where queries are sent; nil for the production host.
    package var baseURL: String?
    /// Where warehouse requests are sent; nil for what follows from `baseURL`.
    package var dtsBaseURL: String?
    /// Put before the paths of queries.
    package var pathPrefix = ""
    package var requestsPerSecond = 20.0
    package var concurrentQueries = 4
    package var pageRows = 100_000
    /// A result of so many rows counts as cut.
    package var rowLimit = 1_000_000
    package var connectTimeout = Duration.seconds(10)
    /// Longest wait for the next byte.
    package var idleTimeout = Duration.seconds(60)
    package var requestTimeout = Duration.seconds(30 * 60)
    package var queryTimeout = Duration.seconds(4 * 3600)
    /// First wait between status requests; it grows to 15 s.
    package var pollInterval = Duration.seconds(1)
    package var maxAttempts = 8
    package var customHeaders: [String: String] = [:]
    package var userAgent: String?
    package var allowInsecureHTTP = false

    package init() {}
}

/// One query, its stages, its destinations.
package struct Export: Sendable {
    /// Unique in the job.
    package var name: String
    /// The name it had before, whose windows are carried over.
    package var renamedFrom: String?
    /// Where it was written.
    package var location: JobLocation
    package var query: ExportQuery
    package var window: WindowRule
    /// The converter steps, in order.
    package var stages: [StageEntry]
    package var onBadRow: BadRowRule
    package var onSampled: SampledRule
    /// Nil: fail if the window held rows before, else allow.
    package var onEmpty: EmptyRule?
    /// A reload that would lose more than this of 100 or more rows is refused; nil allows every loss.
    package var onShrink: Percentage?
    package var onSchemaChange: SchemaChangeRule
    /// How columns are named after their fields.
    package var columns: ColumnNaming
    /// Pinned types, nullability and values per column.
    package var contract: JSONObject?
    /// What is expected of the rows of every window.
    package var expected: Expectation
    package var into: [SinkEntry]

    package init(
        name: String,
        renamedFrom: String? = nil,
        location: JobLocation,
        query: ExportQuery,
        window: WindowRule = WindowRule(),
        stages: [StageEntry] = [],
        onBadRow: BadRowRule = .fail,
        onSampled: SampledRule = .warn,
        onEmpty: EmptyRule? = nil,
        onShrink: Percentage? = Percentage("50%"),
        onSchemaChange: SchemaChangeRule = .fail,
        columns: ColumnNaming = .snakeCase,
        contract: JSONObject? = nil,
        expected: Expectation = Expectation(),
        into: [SinkEntry]
    ) {
        self.name = name
        self.renamedFrom = renamedFrom
        self.location = location
        self.query = query
        self.window = window
        self.stages = stages
        self.onBadRow = onBadRow
        self.onSampled = onSampled
        self.onEmpty = onEmpty
        self.onShrink = onShrink
        self.onSchemaChange = onSchemaChange
        self.columns = columns
        self.contract = contract
        self.expected = expected
        self.into = into
    }

    /// The export with its rows as they are before stages and contract.
    package var withoutStages: Export {
        var export = self
        (export.stages, export.contract) = ([], nil)
        return export
    }
}

/// How an export's dates and accounts are cut into windows.
package struct WindowRule: Hashable, Sendable {
    package var size = WindowSize.week
    /// Whether the user chose the size; a default gives way to `all` where the fields do not allow a cut.
    package var isSizeChosen = false
    package var perAccount = false
    /// Days that platforms restate.
    package var lookback = 7

    package init() {}
}

/// What is expected of the rows of every window; a window that is otherwise is refused.
package struct Expectation: Hashable, Sendable {
    /// The rule on the number of rows.
    package var rows: RowRule?
    /// Whether every day of the window has rows.
    package var hasAllDays = false
    /// Whether every account asked for has rows.
    package var hasAllAccounts = false
    /// Whether no two rows have the same values in all columns of the key.
    package var isUnique = false
    /// The key; empty for the query's dimensions.
    package var key: [String] = []

    package init() {}
}

/// What happens to a row that cannot be converted.
package enum BadRowRule: Hashable, Sendable {
    case fail
    /// It is kept aside with the reason; more than `max` of them fail the window, nil is no limit.
    case quarantine(max: RowLimit?)
}

/// What happens when the platform sampled the data.
package enum SampledRule: String, Hashable, Sendable { case fail, warn }

/// What happens when a window has no rows.
package enum EmptyRule: String, Hashable, Sendable { case fail, warn, allow }

/// What happens when columns change between runs.
package enum SchemaChangeRule: String, Hashable, Sendable { case fail, evolve, freeze }

/// One entry of `into:` as it was written.
package struct SinkEntry: Hashable, Sendable {
    /// Which sink.
    package var kind: String
    /// Its options.
    package var options: JobNode
    /// Where it was written.
    package var location: JobLocation

    package init(kind: String, options: JobNode, location: JobLocation) {
        self.kind = kind
        self.options = options
        self.location = location
    }
}
