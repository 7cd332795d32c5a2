import Conversion
import PipelineCore

extension Expectation {
    /// Ids, in lower case and without separators, of fields that hold the ids by which queries name accounts.
    private static let accountFields: Set = ["accountid", "profileid", "customerid", "adaccountid"]

    /// What must be looked at in the rows of a window.
    ///
    /// - Parameters:
    ///   - fields: The fields of the rows.
    ///   - schema: The columns they land as, in the same order.
    ///   - hasDays: Whether the window is one of days.
    ///   - count: How many accounts it asks for.
    ///   - isOneAccount: Whether each account is a window of its own.
    /// - Returns: The columns to look at.
    /// - Throws: `StageError` with the code `.schema` where no field shows what is expected of the rows.
    func interest(
        in fields: [LandedField],
        _ schema: Schema,
        hasDays: Bool,
        accounts count: Int,
        isOneAccount: Bool
    ) throws(StageError) -> RowAudit.Interest {
        var interest = RowAudit.Interest()
        let columns = zip(fields, schema.columns)
        let dates = columns.first { $0.0.dataType.lowercased() == "string.time.date" }?.1.name
        if hasAllDays, hasDays {
            guard let dates else {
                throw StageError(
                    .schema,
                    "expect: days: all: no field of the query holds the date; add one, or leave it out"
                )
            }
            interest.days = dates
        }
        let accounts = columns.first { field, _ in
            !field.isMetric && Self.accountFields.contains(field.id.lowercased().filter { $0.isLetter || $0.isNumber })
        }?.1.name
        if hasAllAccounts, !isOneAccount {
            guard accounts != nil else {
                throw StageError(
                    .schema,
                    "expect: accounts: all: no field of the query holds the account's id; add one, such as AccountID"
                )
            }
        }
        interest.accounts = count > 1 || hasAllAccounts ? accounts : nil
        if isUnique {
            interest.key = key.isEmpty ? columns.filter { !$0.0.isMetric }.map(\.1.name) : key
        }
        return interest
    }

    /// Judges what came.
    ///
    /// - Throws: `Refusal` where it is not what is expected, with the numbers.
    func judge(loaded: Int, _ findings: RowAudit.Findings, of fetch: WindowFetch) throws(Refusal) {
        let stays = "the old data stay"
        if let rows, !rows.allows(loaded) {
            throw Refusal("\(loaded) rows came where expect: rows wants \(rows); \(stays)")
        }
        if hasAllDays, let days = fetch.days {
            let missing = days.days.filter { !findings.days.contains($0) }
            if let first = missing.first {
                let rest = missing.count - 1
                let others = rest > 0 ? " and \(rest) other \(rest == 1 ? "day" : "days")" : ""
                throw Refusal(
                    "\(first)\(others) of \(days.dayCount) \(rest > 0 ? "have" : "has") no rows where expect: days wants all; \(stays): load again"
                        + " later, or leave the rule out",
                    cause: "some days have no rows where expect: days wants all"
                )
            }
        }
        if hasAllAccounts {
            let missing =
                fetch.window.account == nil ? fetch.missingAccounts(findings) : loaded == 0 ? fetch.accounts : []
            if !missing.isEmpty {
                throw Refusal(
                    "\(missing.count) of \(fetch.accounts.count) accounts have no rows where expect: accounts wants all:"
                        + " \(missing.prefix(5).joined(separator: ", ")); \(stays): check their logins"
                )
            }
        }
        if findings.repeatedKeys > 0 {
            throw Refusal(
                "\(findings.repeatedKeys) \(findings.repeatedKeys == 1 ? "row has" : "rows have") the key of another row where expect: unique wants none; \(stays): the"
                    + " key is \(key.isEmpty ? "the query's dimensions" : key.joined(separator: ", "))"
            )
        }
    }
}

extension WindowFetch {
    /// The accounts asked for of which no row came; dashes and case count for nothing in an id.
    fileprivate func missingAccounts(_ findings: RowAudit.Findings) -> [String] {
        let seen = Set(findings.accounts.map(\.plainID))
        return accounts.filter { !$0.hasPrefix("list.") && !seen.contains($0.plainID) }
    }

    /// A word on accounts of which no row came although others have some; nil where that is not so.
    func accountsWithoutRows(_ findings: RowAudit.Findings) -> String? {
        let missing = missingAccounts(findings)
        // Where none is found the rows name accounts in another way than queries do.
        guard !findings.accounts.isEmpty, !missing.isEmpty, missing.count < accounts.count else { return nil }
        return "no rows of account \(Self.list(missing))"
    }

    /// The first accounts, and how many more there are.
    static func list(_ accounts: [String]) -> String {
        let more = accounts.count > 5 ? " and \(accounts.count - 5) more" : ""
        return accounts.prefix(5).joined(separator: ", ") + more
    }
}

extension String {
    fileprivate var plainID: String { lowercased().filter { $0.isLetter || $0.isNumber } }
}

extension LoadRules {
    /// The stages that bring columns back to those that are frozen.
    ///
    /// - Throws: `Refusal` where there are columns more or fewer.
    func stages(from schema: Schema, to frozen: Schema) throws(Refusal) -> [any Stage] {
        let (gone, new) = (Set(frozen.names).subtracting(schema.names), Set(schema.names).subtracting(frozen.names))
        guard gone.isEmpty, new.isEmpty else {
            let changes = [("gone", gone), ("new", new)].filter { !$0.1.isEmpty }
                .map { "\($0.0): \($0.1.sorted().joined(separator: ", "))" }
            throw Refusal(
                "the columns changed (\(changes.joined(separator: "; "))) where on_schema_change: freeze keeps them; the old"
                    + " data stay: select the columns that were there, or allow it with on_schema_change: evolve"
            )
        }
        let casts = frozen.columns.filter { column in
            schema.index(of: column.name).map { schema.columns[$0].type != column.type } ?? false
        }
        let order = schema.names == frozen.names ? [] : [SelectStage(frozen.names)] as [any Stage]
        return (casts.isEmpty ? [] : [CastStage(casts.map { CastStage.Cast($0.name, to: $0.type) })]) + order
    }
}
