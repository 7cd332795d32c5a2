import ArgumentParser
import Foundation
import Jobs

/// A query as flags, under the API's own names; a flag that takes a list may be repeated.
struct QueryOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Data source, such as AW, GAWA or FA.", valueName: "id"))
    var dsID: String?

    @Option(
        help: ArgumentHelp("Accounts, separated by commas, or list.all_accounts; may be repeated.", valueName: "ids")
    )
    var dsAccounts: [String] = []

    @Option(help: ArgumentHelp("Segments, separated by commas; may be repeated.", valueName: "ids"))
    var dsSegments: [String] = []

    @Option(help: ArgumentHelp("Login whose access is used.", valueName: "username"))
    var dsUser: String?

    @Option(
        help: ArgumentHelp("Logins whose access is used, separated by commas; may be repeated.", valueName: "usernames")
    )
    var dsUsers: [String] = []

    @Option(help: ArgumentHelp("Fields, separated by commas; may be repeated.", valueName: "ids"))
    var fields: [String] = []

    @Option(help: ArgumentHelp("First day: 2024-01-31, yesterday, 30 days ago, ….", valueName: "date"))
    var startDate: String?

    @Option(help: ArgumentHelp("Last day, included.", valueName: "date"))
    var endDate: String?

    @Option(help: ArgumentHelp("A range by name, such as last_30_days, instead of the two dates.", valueName: "name"))
    var dateRangeType: String?

    @Option(
        help: ArgumentHelp("Compare with prev_range, prev_year, prev_year_weekday or custom.", valueName: "name")
    )
    var compareType: String?

    @Option(help: ArgumentHelp("Show perc_change, abs_change or value.", valueName: "name"))
    var compareShow: String?

    @Option(help: ArgumentHelp("First day to compare with, where that is custom.", valueName: "date"))
    var compareStartDate: String?

    @Option(help: ArgumentHelp("Last day to compare with.", valueName: "date"))
    var compareEndDate: String?

    @Option(help: ArgumentHelp("Filter, such as 'Impressions > 0'.", valueName: "expression"))
    var filter: String?

    @Option(help: ArgumentHelp("Order, such as 'Date asc'.", valueName: "columns"))
    var orderRows: String?

    @Option(help: ArgumentHelp("Order of the columns a field is split into.", valueName: "columns"))
    var orderColumns: String?

    @Option(help: ArgumentHelp("Most rows the query may return.", valueName: "n"))
    var maxRows: Int?

    @Option(help: ArgumentHelp("Most columns a field may be split into.", valueName: "n"))
    var maxColumns: Int?

    @Option(help: ArgumentHelp("Oldest cached result that will do.", valueName: "n"))
    var cacheMinutes: Int?

    @Option(help: ArgumentHelp("A setting of the query, key=value; may be repeated.", valueName: "k=v"))
    var setting: [String] = []

    @Option(
        name: .customLong("query"),
        help: ArgumentHelp(
            "The API's query object as JSON: a file, or - for standard input; flags win over it.",
            valueName: "file"
        ),
        completion: .file()
    )
    var file: String?

    /// The members of the query that have a flag.
    var members: [(name: String, text: String?, flag: String)] {
        [
            ("ds_id", dsID, "--ds-id"),
            ("ds_accounts", dsAccounts.isEmpty ? nil : dsAccounts.joined(separator: ","), "--ds-accounts"),
            ("ds_user", dsUser, "--ds-user"), ("start_date", startDate, "--start-date"),
            ("end_date", endDate, "--end-date"), ("date_range_type", dateRangeType, "--date-range-type"),
            ("compare_type", compareType, "--compare-type"), ("compare_show", compareShow, "--compare-show"),
            ("compare_start_date", compareStartDate, "--compare-start-date"),
            ("compare_end_date", compareEndDate, "--compare-end-date"), ("filter", filter, "--filter"),
            ("order_rows", orderRows, "--order-rows"), ("order_columns", orderColumns, "--order-columns"),
            ("max_rows", maxRows.map(String.init), "--max-rows"),
            ("max_columns", maxColumns.map(String.init), "--max-columns"),
            ("cache_minutes", cacheMinutes.map(String.init), "--cache-minutes"),
        ]
    }

    /// The members of the query that are lists and have a flag; a text with commas would be bound to fewer characters.
    var lists: [(name: String, elements: [String], flag: String)] {
        [
            ("ds_segments", dsSegments, "--ds-segments"), ("ds_users", dsUsers, "--ds-users"),
            ("fields", fields, "--fields"),
        ].filter { !$0.1.isEmpty }.map { name, texts, flag in
            (name, DiscoveryOptions.split(texts), flag)
        }
    }

    /// Adds the query to `flags`, the file first so that flags win.
    func add(to flags: inout ExportFlags) throws {
        if let file { flags.addQuery(json: try Self.read(file), source: file == "-" ? "standard input" : file) }
        for (name, text, flag) in members {
            if let text { flags.setQuery(name, text, flag: flag) }
        }
        for (name, elements, flag) in lists { flags.setQuery(name, elements, flag: flag) }
        for setting in setting { flags.addSetting(setting, flag: "--setting") }
    }

    static func read(_ path: String) throws -> String {
        // A handle reads pipes too, such as the shell's <(…).
        let file = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
        guard let file, let data = try? file.readToEnd() ?? Data(), let text = String(data: data, encoding: .utf8)
        else {
            let isThere = path == "-" || FileManager.default.fileExists(atPath: path)
            throw CommandFailure(
                .usage,
                isThere
                    ? "--query: \(path) cannot be read as UTF-8 text"
                    : "--query: there is no file \(path); check the path"
            )
        }
        return text
    }
}
