import PipelineCore

/// What a window's load must satisfy before it commits; a refused load leaves what was there before.
package struct LoadRules: Hashable, Sendable {
    /// A result without rows; nil refuses it where the window held rows before.
    package var onEmpty: EmptyRule?
    /// The share of at least 100 rows that a reload may lose; nil allows any.
    package var shrinkLimit: Percentage?
    /// Sampled rows.
    package var onSampled: SampledRule
    /// Columns other than those the window landed with before.
    package var onSchemaChange: SchemaChangeRule
    /// Rows that could not be converted.
    package var onBadRow: BadRowRule
    /// What is expected of the rows of every window.
    package var expected: Expectation

    /// The rules of an export that says nothing about them, or others.
    package init(
        onEmpty: EmptyRule? = nil,
        shrinkLimit: Percentage? = Percentage("50%"),
        onSampled: SampledRule = .warn,
        onSchemaChange: SchemaChangeRule = .fail,
        onBadRow: BadRowRule = .fail,
        expected: Expectation = Expectation()
    ) {
        self.onEmpty = onEmpty
        self.shrinkLimit = shrinkLimit
        self.onSampled = onSampled
        self.onSchemaChange = onSchemaChange
        self.onBadRow = onBadRow
        self.expected = expected
    }

    /// Judges a finished load against what one destination held before.
    ///
    /// - Parameters:
    ///   - loaded: Rows about to be committed.
    ///   - before: Rows they replace.
    ///   - allowShrink: Whether the user accepts fewer or no rows in this run.
    /// - Returns: What a person should know although the load goes on.
    /// - Throws: `Refusal` where the old rows must stay.
    func judge(loaded: Int, replacing before: Int, allowShrink: Bool) throws(Refusal) -> [String] {
        guard !allowShrink else { return [] }
        if loaded == 0 {
            let reaction = onEmpty ?? (before > 0 ? .fail : .allow)
            let text = before > 0 ? "no rows came where \(before) were loaded before" : "no rows came"
            switch reaction {
            case .allow: return []
            case .warn: return [text]
            case .fail:
                throw Refusal(
                    "\(text); the old data stay: check the account and its login, then allow it with --allow-shrink"
                        + " or on_empty: allow"
                )
            }
        }
        if let shrinkLimit, before >= 100, shrinkLimit.isExceeded(by: before - loaded, of: before) {
            throw Refusal(
                "\(loaded) rows came where \(before) were loaded before, a loss of more than \(shrinkLimit); the old data"
                    + " stay: check the account, then allow it with --allow-shrink or on_shrink"
            )
        }
        return []
    }

    /// Judges the columns of a load against those the same window landed with under the same fingerprint.
    ///
    /// - Parameters:
    ///   - schema: The columns of the load.
    ///   - previous: What the window holds; a window without rows has no columns to keep.
    ///   - fingerprint: The export as it is now.
    ///   - isNamedByHeader: Whether the rows make the columns, so that new ones and another order are no change of the
    ///     export's.
    /// - Throws: `Refusal` where they differ and the job does not allow it.
    func judge(
        _ schema: Schema,
        replacing previous: Checkpoint?,
        fingerprint: String,
        isNamedByHeader: Bool = false
    ) throws(Refusal) {
        guard onSchemaChange == .fail, let previous, previous.counts.loaded > 0,
            previous.schema.columns != schema.columns, previous.fingerprint == fingerprint
        else { return }
        let (old, new) = (Set(previous.schema.columns), Set(schema.columns))
        if isNamedByHeader, old.isSubset(of: new) { return }
        func list(_ columns: Set<Column>) -> String {
            columns.map { "\($0.name) \($0.type)" }.sorted().joined(separator: ", ")
        }
        let changes = [("gone", old.subtracting(new)), ("new", new.subtracting(old))].filter { !$0.1.isEmpty }
        let text = changes.map { "\($0.0): \(list($0.1))" }.joined(separator: "; ")
        throw Refusal(
            "the columns changed (\(text.isEmpty ? "their order" : text)) although the export did not; the old data stay:"
                + " allow it with on_schema_change: evolve"
        )
    }
}

extension WindowFetch {
    /// The rows that a load into `target` takes the place of: none where they are of days that are not fetched, because
    /// a range moved on.
    func rowsReplaced(in target: Target) -> Int {
        guard let previous = target.previous else { return 0 }
        if let covers = previous.covers, let days, !days.contains(covers) { return 0 }
        return previous.counts.loaded
    }

    /// A word on accounts whose rows go with a load into `target`, because they are not asked for any more.
    func accountsLost(from target: Target) -> String? {
        guard let previous = target.previous, previous.counts.loaded > 0 else { return nil }
        let wanted = Set(accounts)
        let lost = previous.accounts.filter { !wanted.contains($0) }
        return lost.isEmpty ? nil : "account \(Self.list(lost)) is no longer asked for: its rows went"
    }
}
