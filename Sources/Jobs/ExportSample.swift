package import Conversion
import Extraction
package import PipelineCore
import SupermetricsAPI

/// What a few rows of an export show of the columns that land.
package struct ExportSample: Sendable {
    /// The columns that land.
    package var schema: Schema
    /// The days asked for; nil where the query has none.
    package var days: DateRange?
    /// Rows that went through the stages.
    package var rows = 0
    /// Of each column, how many of these rows have a null in it.
    package var nulls: [Int]
    /// Rows that a stage could not convert, by column and rule.
    package var rejects: [Rule: Int] = [:]
    /// The columns that hold the day the query asked for.
    var dayFields: Set<String> = []
    /// Columns that the header row alone names, which come and go with the rows; no contract can promise them.
    package var passing: [String] = []

    /// A rule that rows broke.
    package struct Rule: Hashable, Sendable, Comparable {
        /// The column whose value did not fit.
        package var column: String
        /// What it is not.
        package var rule: String

        package static func < (left: Rule, right: Rule) -> Bool {
            (left.column, left.rule) < (right.column, right.rule)
        }
    }

    /// What can be agreed on for every column: its name and the type it lands with.
    ///
    /// The type is the one the API's metadata and the stages give, for a few rows decide no type. A sample without nulls
    /// is no promise either: a column is pinned as never null only where that follows from the query. That is the day of
    /// the row, for a row belongs to the days asked for by its day, and only where the sample has rows and none of them
    /// contradicts. Allowed values are never pinned.
    package var contract: [ContractStage.Term] {
        let left = Set(passing + [AccountColumn.name])
        return zip(schema.columns, nulls).filter { !left.contains($0.0.name) }.map { column, nulls in
            let isDay = column.type == .date && column.field.map(dayFields.contains) ?? false
            return ContractStage.Term(column.name, type: column.type, isNullable: !isDay || rows == 0 || nulls > 0)
        }
    }
}

extension JobRun {
    /// The most rows of a sample, and the days it is taken from: the last of those the export asks for.
    private static let sampleRows = 1000
    private static let sampleDays = 7

    /// Runs the query of an export over a few days and takes a few rows through its stages; nothing is loaded.
    ///
    /// - Throws: `JobFileError`, `SupermetricsError`, `ExtractionError` or `StageError`, as a run would.
    package func sample(_ export: Export) async throws -> ExportSample {
        try await withSupermetricsClient(configuration) { client in
            let resolved = try await ExportResolver(job: job, client: client, now: now).resolve(export)
            let spec = resolved.spec
            let days = spec.range.flatMap { DateRange(max($0.start, $0.end.advanced(by: 1 - Self.sampleDays)), $0.end) }
            var query = spec.query
            query["max_rows"] = .number(JSONNumber(min(export.query.maxRows ?? .max, Self.sampleRows)))
            let request = WindowRequest(
                query: query,
                part: QueryPart(days: days, accounts: resolved.accounts),
                isFresh: false
            )
            // Nobody takes up the query of a sample again.
            return try await resources(client).extractor.withRows(
                of: request,
                tally: RequestTally(retries: job.api.maxAttempts),
                record: { _, _ in }
            ) { rows in
                let base = try Schema(landing: rows.fields, naming: spec.naming)
                let account: [any Stage] = spec.perAccount ? [AccountColumn(account: "")] : []
                let pipeline = try BoundPipeline(reading: base, through: account + spec.stages)
                rows.schema = base
                let schema = pipeline.output
                var sample = ExportSample(schema: schema, days: days, nulls: schema.columns.map { _ in 0 })
                // Whatever else a stage computes, these two may put null where there was a day.
                if !export.stages.contains(where: { ["map", "derive"].contains($0.name) }) {
                    sample.dayFields = Set(export.query.fieldIDs.filter(TimeCut.holdsDay))
                }
                if export.query.isNamedByHeader {
                    let asked = Set(export.query.fieldIDs.map { $0.lowercased() })
                    sample.passing = schema.columns.filter { column in
                        column.field.map { !asked.contains($0.lowercased()) } ?? false
                    }.map(\.name)
                }
                while var (batch, rejects) = try await rows.next() {
                    try pipeline.process(&batch, rejecting: &rejects)
                    sample.add(batch, rejects)
                }
                return sample
            }
        }
    }
}

extension ExportSample {
    fileprivate mutating func add(_ batch: Batch, _ rejects: Rejects) {
        rows += batch.rowCount
        let width = batch.columnCount
        for (index, cell) in batch.cells.enumerated() where cell.isNull { nulls[index % width] += 1 }
        for reject in rejects.rows { self.rejects[Rule(column: reject.column, rule: reject.rule), default: 0] += 1 }
    }
}
