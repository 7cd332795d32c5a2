import Foundation
package import PipelineCore

/// What reading a job needs from outside the file.
package struct JobContext: Sendable {
    /// What `${NAME}` reads.
    package var environment: [String: String]
    /// What relative dates are counted from.
    package var now: Timestamp
    /// The kinds of destinations there are.
    package var sinks: [any Sink.Type]
    /// The stages there are.
    package var stages: StageCatalog
    /// The name of the column a field lands in, where `columns: keep` is not set; nil where it would have none.
    package var columnName: @Sendable (_ fieldID: String) -> String?

    package init(
        environment: [String: String],
        now: Timestamp,
        sinks: [any Sink.Type],
        stages: StageCatalog,
        columnName: @escaping @Sendable (_ fieldID: String) -> String?
    ) {
        self.environment = environment
        self.now = now
        self.sinks = sinks
        self.stages = stages
        self.columnName = columnName
    }
}

/// The stages a job can use.
package struct StageCatalog: Sendable {
    /// The names of the stages this version can run.
    package var names: [String]
    /// Makes the stage an entry asks for; called only for `names`.
    package var make: @Sendable (StageEntry) throws(StageError) -> any Stage

    package init(names: [String], make: @escaping @Sendable (StageEntry) throws(StageError) -> any Stage) {
        self.names = names
        self.make = make
    }
}
