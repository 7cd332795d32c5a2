package import PipelineCore

/// Why an export cannot be planned; each stops it before its first request, and each is the user's to settle (exit 2).
package enum PlanError: Error, Hashable, Sendable {
    /// Settled windows were loaded under another fingerprint, and the user has not said what to do with them.
    ///
    /// `reloadable` is false where only `append` holds them, which cannot load them again.
    case stale(ExportID, [Window], reloadable: Bool)
    /// The destination holds windows that were cut or loaded in another way.
    ///
    /// `reloadable` is false for `append`, which cannot load them again.
    case layoutChanged(ExportID, destination: String, from: Layout, to: Layout, reloadable: Bool)
    /// A reload was asked for where `append` is the mode of every destination.
    case appendReload(ExportID)
    /// `append` with a query that has no days: no window of it would ever settle.
    case appendWithoutDays(ExportID, destination: String)
    /// Only a part of the windows was asked for where all must be loaded together.
    case partOfWhole(ExportID, destination: String, option: String)
    /// Each account is to be a window of its own, and there is none.
    case noAccounts(ExportID)
}

extension PlanError: CustomStringConvertible {
    /// How many windows a text names before it says how many more there are.
    private static let named = 20

    /// What cannot be planned, why, and what to do.
    package var description: String {
        switch self {
        case .stale(let export, let windows, let reloadable):
            let one = windows.count == 1
            let list = windows.prefix(Self.named).map(\.description).joined(separator: ", ")
            let more = windows.count > Self.named ? " and \(windows.count - Self.named) more" : ""
            let keep = "keep \(one ? "it as it is" : "them as they are") with --accept-stale"
            let cure = reloadable ? "load \(one ? "it" : "them") again with --reload=stale, or \(keep)" : keep
            return "\(export): \(windows.count) settled window\(one ? " was" : "s were") loaded with another query, "
                + "stages, columns or contract: \(list)\(more); \(cure)"
        case .layoutChanged(let export, let destination, let from, let to, let reloadable):
            let cure =
                reloadable
                ? "load everything again in one step with --reload=all, or restore the old setting"
                : "append never loads a window again: restore the old setting, or load into a new destination"
            return "\(export): \(destination) was loaded with \(Self.differences(from, to)); \(cure)"
        case .appendReload(let export):
            return "\(export): --reload is refused, because append inserts a window once and never touches it again; "
                + "use mode replace_window or merge to load windows again"
        case .appendWithoutDays(let export, let destination):
            return "\(export): append into \(destination) inserts a window once, when its days have settled, and this "
                + "query has no days; use mode replace_window, merge or replace"
        case .partOfWhole(let export, let destination, let option):
            return "\(export): \(option) does not go with \(destination), where all windows become visible together; "
                + "run it without \(option)"
        case .noAccounts(let export):
            return "\(export): per_account makes each account a window of its own, and ds_accounts gives none; "
                + "name at least one account"
        }
    }

    private static func differences(_ from: Layout, _ to: Layout) -> String {
        var found: [String] = []
        if from.size != to.size { found.append("size \(from.size) (now \(to.size))") }
        if from.perAccount != to.perAccount {
            found.append("per_account \(from.perAccount) (now \(to.perAccount))")
        }
        if from.mode != to.mode { found.append("mode \(from.mode.rawValue) (now \(to.mode.rawValue))") }
        if from.key != to.key {
            let (old, new) = (from.key.joined(separator: ", "), to.key.joined(separator: ", "))
            found.append("key [\(old)] (now [\(new)])")
        }
        return found.joined(separator: ", ")
    }
}
