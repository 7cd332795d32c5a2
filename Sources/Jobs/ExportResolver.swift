import Conversion
import Foundation
import PipelineCore
import SupermetricsAPI

/// Turns an export of a job into what one run of it asks: dates, accounts and grid are settled here, before the first
/// query.
struct ExportResolver {
    let job: Job
    let client: SupermetricsClient
    let now: @Sendable () -> Timestamp

    /// An export ready to be planned.
    struct Resolved: Sendable {
        var spec: ExportSpec
        /// The accounts wanted; empty where the source has none.
        var accounts: [String]
    }

    /// Settles an export.
    ///
    /// - Throws: `JobFileError` where the export cannot run as it is written, `SupermetricsError` where the API must be
    ///   asked and fails.
    func resolve(_ export: Export) async throws -> Resolved {
        let range: DateRange?
        do throws(QueryDatesError) {
            range = try export.query.days(now: now(), zone: job.timeZone)
        } catch {
            throw JobFileError(error.message, at: export.location)
        }
        let size = try await size(of: export, range: range)
        let accounts = try await accounts(of: export)
        guard !export.window.perAccount || !accounts.isEmpty else {
            let problem =
                export.query.accounts.needsResolving
                ? "the API lists no account for ds_accounts: check that a login still reaches one"
                : "per_account needs the accounts named, and the query names none"
            throw JobFileError("export '\(export.name)': \(problem)", at: export.location)
        }
        var made: [any Stage] = []
        for entry in export.stages { made.append(try entry.stage()) }
        let spec = ExportSpec(
            id: job.identity(of: export),
            current: ExportID(job: job.name, export: export.name),
            name: export.name,
            query: export.query.withoutDates,
            range: range,
            size: size,
            perAccount: export.window.perAccount,
            lookback: export.window.lookback,
            stages: made,
            contract: export.contractStage,
            naming: export.columns,
            dayColumns: dayColumns(of: export),
            fingerprint: export.fingerprint.text,
            rules: rules(of: export),
            rowLimit: job.api.rowLimit
        )
        return Resolved(spec: spec, accounts: accounts)
    }

    // MARK: Grid

    /// The grid: as written, or `all` where nothing was written and the fields do not allow a cut.
    private func size(of export: Export, range: DateRange?) async throws -> WindowSize {
        let (size, ids) = (export.window.size, export.query.rowFieldIDs)
        guard size != .all, range != nil else { return .all }
        var cut = TimeCut.judge(fieldIDs: ids, size: size)
        if cut == .undecided {
            let listed = try await client.fields.list(dsID: export.query.dsID).value
            let types = Dictionary(listed.map { ($0.id.lowercased(), $0.dataType ?? "") }) { first, _ in first }
            cut = TimeCut.judge(dataTypes: ids.map { types[$0.lowercased()] ?? "" }, size: size)
        }
        if cut == .allowed { return size }
        guard export.window.isSizeChosen else { return .all }
        throw JobFileError(
            "export '\(export.name)': windows of a \(size) would cut the rows, because no field holds the date;"
                + " add a date field, or set window: {size: all}",
            at: export.location
        )
    }

    /// The columns, under the names they land by, whose fields surely hold a day.
    private func dayColumns(of export: Export) -> Set<String> {
        let days = export.query.rowFieldIDs.filter(TimeCut.holdsDay)
        var columns = Set(days.compactMap { export.columns == .keep ? $0 : ColumnName.normalized($0) })
        for stage in export.stages where stage.name == "rename" {
            let renamed = stage.argument.members.filter { columns.contains($0.name) }
            columns.subtract(renamed.map(\.name))
            columns.formUnion(renamed.compactMap(\.value.text))
        }
        return columns
    }

    // MARK: Accounts

    private func accounts(of export: Export) async throws -> [String] {
        let selection = export.query.accounts
        switch selection {
        case .none: return []
        case .named(let ids) where !selection.needsResolving: return ids
        case .named(let ids):
            if export.window.perAccount,
                let list = ids.first(where: { $0.hasPrefix("list.") && $0 != Self.allAccounts })
            {
                throw JobFileError(
                    "export '\(export.name)': per_account makes each account a window of its own, and only the API knows"
                        + " those of '\(list)'; name the accounts, or use \(Self.allAccounts) or a pattern",
                    at: export.location
                )
            }
            guard ids.contains(Self.allAccounts) else { return ids }
            return unique(ids.filter { $0 != Self.allAccounts } + (try await listed(for: export).map(\.id)))
        case .matching(let patterns): return try await matching(patterns, export)
        }
    }

    /// The API's own list of every account of a source; other lists are a team's, and only the API knows them.
    private static let allAccounts = "list.all_accounts"

    private func listed(for export: Export) async throws -> [Account] {
        let users = ["ds_user", "ds_users"].flatMap { key -> [String] in
            switch export.query.object[key] {
            case .string(let text)?: text.split(separator: ",").map(String.init)
            case .array(let list)?: list.compactMap(\.textValue)
            default: []
            }
        }
        return try await client.accounts.list(dsID: export.query.dsID, loginUsernames: users).value.accounts
    }

    private func matching(_ patterns: JSONObject, _ export: Export) async throws -> [String] {
        var accounts = try await listed(for: export)
        for (key, value) in [("filter_id", \Account.id), ("filter_name", \Account.nameOrEmpty)] {
            guard let pattern = patterns[key]?.textValue else { continue }
            guard let regex = Self.regex(pattern) else {
                throw JobFileError(
                    "export '\(export.name)': ds_accounts.\(key) is not a regular expression",
                    at: export.location
                )
            }
            accounts = accounts.filter { $0[keyPath: value].firstMatch(of: regex) != nil }
        }
        guard !accounts.isEmpty else {
            throw JobFileError("export '\(export.name)': no account matches ds_accounts", at: export.location)
        }
        return unique(accounts.map(\.id))
    }

    /// A PCRE as the API takes it, with or without delimiters; `i` behind them ignores case.
    private static func regex(_ pattern: String) -> Regex<AnyRegexOutput>? {
        guard let delimiter = pattern.first, "/#~@".contains(delimiter),
            let end = pattern.dropFirst().lastIndex(of: delimiter)
        else { return try? Regex(pattern) }
        let flags = pattern[pattern.index(after: end)...]
        let regex = try? Regex(String(pattern[pattern.index(after: pattern.startIndex)..<end]))
        return flags.contains("i") ? regex?.ignoresCase() : regex
    }

    private func unique(_ ids: [String]) -> [String] {
        var seen: Set<String> = []
        return ids.filter { seen.insert($0).inserted }
    }

    // MARK: Rules

    private func rules(of export: Export) -> LoadRules {
        LoadRules(
            onEmpty: export.onEmpty,
            shrinkLimit: export.onShrink,
            onSampled: export.onSampled,
            onSchemaChange: export.onSchemaChange,
            onBadRow: export.onBadRow,
            expected: export.expected
        )
    }
}

extension Account {
    fileprivate var nameOrEmpty: String { name ?? "" }
}
