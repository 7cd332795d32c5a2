/// How a window's rows meet the rows that are already there.
public enum LoadMode: String, Hashable, Sendable, Codable, CaseIterable {
    /// The window's rows are replaced as a whole; the default.
    case replaceWindow = "replace_window"
    /// A settled window is inserted once and never touched again.
    case append
    /// Rows are matched by key.
    case merge
    /// Every run replaces all rows of the export.
    case replace
}
