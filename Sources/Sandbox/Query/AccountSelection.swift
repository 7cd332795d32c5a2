/// Resolves `ds_accounts`: ids, `list.all_accounts`, or a filter object (Supermetrics API: get data).
extension DataQueryReader {
    func accounts(_ source: DataSource) throws(APIFailure) -> [DataSource.Account] {
        let available = try reachableAccounts(source)
        guard let value = parameters["ds_accounts"], value != .string(""), value != .array([]) else {
            throw APIFailure(400, "ACCOUNT_REQUIRED", "ds_accounts: an account is required.")
        }
        if let filter = value.object { return try filtered(available, by: filter) }
        var chosen: [DataSource.Account] = []
        for id in try list("ds_accounts", limit: 100) {
            let matching: [DataSource.Account]
            if id == "list.all_accounts" {
                matching = available
            } else if id.hasPrefix("list.") {
                throw APIFailure(404, "LIST_NOT_FOUND", "ds_accounts: team list '\(id)' does not exist.")
            } else {
                matching = available.filter { $0.id == id }
                guard !matching.isEmpty else {
                    throw APIFailure(
                        400,
                        "ACCOUNT_ID_INVALID",
                        "ds_accounts: account '\(id)' is not available in \(source.id)."
                    )
                }
            }
            for account in matching where !chosen.contains(account) { chosen.append(account) }
        }
        guard !chosen.isEmpty else {
            throw APIFailure(400, "ACCOUNT_REQUIRED", "ds_accounts: no account is available.")
        }
        return chosen
    }

    private func reachableAccounts(_ source: DataSource) throws(APIFailure) -> [DataSource.Account] {
        let users = try list("ds_users", limit: 100) + list("ds_user", limit: 100)
        let wanted = Set(users.map { $0.lowercased() })
        var accounts: [DataSource.Account] = []
        for login in source.logins where wanted.isEmpty || wanted.contains(login.user.lowercased()) {
            for account in login.accounts where !accounts.contains(account) { accounts.append(account) }
        }
        return accounts
    }

    private func filtered(
        _ accounts: [DataSource.Account],
        by filter: [String: JSONValue]
    ) throws(APIFailure) -> [DataSource.Account] {
        guard filter.count == 1, let (key, value) = filter.first, ["filter_id", "filter_name"].contains(key) else {
            throw APIFailure(
                400,
                "ACCOUNT_FILTER_INVALID",
                "ds_accounts: a filter object has filter_id or filter_name."
            )
        }
        guard let text = value.scalarText, let pattern = PCREPattern(text) else {
            throw APIFailure(
                400,
                "ACCOUNT_FILTER_PATTERN_INVALID",
                "ds_accounts: \(key) is not a pattern the server can use."
            )
        }
        let chosen = accounts.filter { pattern.matches(key == "filter_id" ? $0.id : $0.name) }
        guard !chosen.isEmpty else {
            throw APIFailure(400, "ACCOUNTS_INVALID", "ds_accounts: \(key) matches no account.")
        }
        return chosen
    }
}
