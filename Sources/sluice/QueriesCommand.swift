import ArgumentParser
import Foundation
import Jobs
import SupermetricsAPI

/// Queries by hand: `sluice queries`.
struct QueriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queries",
        abstract: "Queries by hand, without a job: run one, look at it, read its rows.",
        discussion: """
            Rows land nowhere but on standard output, and nothing is resumed or checked; `sluice export` does that.

            Example:
              sluice queries execute --ds-id AW --ds-accounts 123 --fields Date,Cost \\
                  --start-date yesterday --end-date yesterday
            """,
        subcommands: [Execute.self, Status.self, Results.self]
    )

    struct Execute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "execute",
            abstract: "Runs a query, waits for it and writes its rows.",
            discussion: """
                Dates are sent as they are written: the API understands 2024-01-31, yesterday, 7 days ago and the like.

                Examples:
                  sluice queries execute --ds-id AW --ds-accounts 123 --fields Date,Cost \\
                      --start-date 2024-01-01 --end-date 2024-01-31 --output csv
                  sluice queries execute --query query.json --no-wait
                """
        )

        @OptionGroup(title: "Query") var query: QueryOptions

        @Option(help: ArgumentHelp("A handle of your choosing for the query.", valueName: "id"))
        var scheduleID: String?

        @Option(help: ArgumentHelp("Seconds the API may wait before it answers, 0 to 3600.", valueName: "n"))
        var syncTimeout: Int?

        @Flag(help: "Show the query's handle and status instead of waiting for its rows.")
        var noWait = false

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            var query = try query.dataQuery()
            if let scheduleID { query.scheduleID = scheduleID }
            if let syncTimeout { query.syncTimeout = syncTimeout }
            guard noWait else { return try await rows(of: query) }
            if query.syncTimeout == nil { query.syncTimeout = 0 }
            query.settings["no_headers"] = true
            try await options.run { client in
                client.queries.execute(query)
            } shown: {
                .one(QueryRows.state(of: $0))
            }
        }

        private func rows(of query: DataQuery) async throws {
            try await options.withClient { client in
                let pages = client.queries.pages(query)
                guard !options.dryRun else { return Terminal.write("\(try pages.preview)") }
                try await QueryRows.write(pages, options.format)
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Shows how far a query is.",
            discussion: """
                Example:
                  sluice queries status SCHEDULE_ID
                """
        )

        @Argument(help: ArgumentHelp("The query's handle.", valueName: "schedule-id"))
        var id: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.run { client in
                client.queries.getStatus(scheduleID: id)
            } shown: {
                .one(QueryRows.state(of: $0))
            }
        }
    }

    struct Results: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "results",
            abstract: "Writes the rows of a query that was run before, waiting for it where it still runs.",
            discussion: """
                The API keeps results for an hour.

                Example:
                  sluice queries results SCHEDULE_ID --output ndjson
                """
        )

        @Argument(help: ArgumentHelp("The query's handle.", valueName: "schedule-id"))
        var id: String

        @OptionGroup var options: CallOptions

        @concurrent func run() async throws {
            try await options.withClient { client in
                let pages = client.queries.pages(scheduleID: id)
                guard !options.dryRun else { return Terminal.write("\(try pages.preview)") }
                try await QueryRows.write(pages, options.format)
            }
        }
    }
}

/// Writes the rows of a query, page by page where the form allows it.
enum QueryRows {
    static func write(_ pages: QueryPages<SupermetricsClient>, _ format: OutputFormat) async throws {
        var columns: [String] = []
        var table = Table(header: [])
        var isFirst = true
        for try await page in pages {
            if isFirst {
                columns = names(of: page)
                table.header = columns
                if format == .csv { Terminal.write(Output.csvLine(columns)) }
            }
            switch format {
            case .table:
                let output = Output(format: .table)
                table.rows += page.rows.map { row in cells(row, columns).map(output.cell) }
            case .csv:
                Terminal.write(page.rows.map { Output.csvLine(cells($0, columns).map(Output.text)) }.joined())
            case .json:
                let rows = page.rows.map { "\(object($0, columns))" }.joined(separator: ",")
                Terminal.write((isFirst ? "[" : ",") + rows)
            case .ndjson:
                Terminal.write(page.rows.map { "\(object($0, columns))\n" }.joined())
            }
            isFirst = false
        }
        switch format {
        case .json: Terminal.write(isFirst ? "[]\n" : "]\n")
        case .table where isFirst: Terminal.writeError("the query has no rows\n")
        case .table: Terminal.write(table.text)
        case .csv, .ndjson: break
        }
    }

    /// What an answer says of a query, apart from its rows.
    static func state(of response: DataResponse) -> JSONObject {
        var state = response.meta.objectValue ?? JSONObject()
        state["query"] = nil
        state["paginate"] = nil
        return state
    }

    /// The names of the columns: field ids as requested; columns the API does not name are numbered.
    private static func names(of page: QueryPage) -> [String] {
        let width = page.rows.map(\.count).max() ?? 0
        var names = (0..<width).map { "column_\($0)" }
        for field in page.response.fields {
            if let column = field.dataColumn, names.indices.contains(column) {
                names[column] = field.id ?? field.fieldID ?? names[column]
            }
        }
        return names
    }

    /// As many cells as there are columns.
    private static func cells(_ row: [JSONValue], _ columns: [String]) -> [JSONValue] {
        columns.indices.map { row.indices.contains($0) ? row[$0] : .null }
    }

    private static func object(_ row: [JSONValue], _ columns: [String]) -> JSONValue {
        .object(JSONObject(zip(columns, row).map { JSONObject.Member(name: $0, value: $1) }))
    }
}

extension QueryOptions {
    /// The query the flags describe, sent to the API as it is.
    func dataQuery() throws -> DataQuery {
        var query = try file.map { try Self.object(in: Self.read($0), of: $0) } ?? JSONObject()
        for (name, text, _) in members {
            if let text { query[name] = .string(text) }
        }
        for (name, elements, _) in lists { query[name] = .array(elements.map(JSONValue.string)) }
        for (name, number) in [("max_rows", maxRows), ("max_columns", maxColumns), ("cache_minutes", cacheMinutes)] {
            if let number { query[name] = .number(JSONNumber(number)) }
        }
        var settings = query["settings"]?.objectValue ?? JSONObject()
        for setting in setting {
            guard let separator = setting.firstIndex(of: "="), separator != setting.startIndex else {
                throw CommandFailure(.usage, "--setting '\(setting)': a setting is written key=value")
            }
            let text = String(setting[setting.index(after: separator)...])
            // Numbers, true and false are such; everything else is text.
            let value = try? JSONValue(parsing: Array(text.utf8))
            let isPlain = value?.boolValue != nil || value?.intValue != nil
            settings[String(setting[..<separator])] = isPlain ? value : .string(text)
        }
        if !settings.members.isEmpty { query["settings"] = .object(settings) }
        return DataQuery(query)
    }

    private static func object(in text: String, of file: String) throws -> JSONObject {
        do throws(JSONSyntaxError) {
            if let object = try JSONValue(parsing: Array(text.utf8)).objectValue { return object }
        } catch {
            throw CommandFailure(.usage, "--query \(file): not JSON: \(error)")
        }
        throw CommandFailure(.usage, "--query \(file): a query must be one JSON object")
    }
}
