/// The places at which a test may stop the process, by the name they pass to `FaultPoint`.
public enum FaultPoints {
    /// Of a query, once its handle is noted and before it is sent.
    public static let query = ["query.recorded"]

    /// Of a window written into a folder, in the order in which one load passes them.
    public static let folderWindow = [
        "file.part.before-sync", "file.part.after-sync", "file.window.before-rename", "file.window.after-rename",
    ]

    /// Of a folder whose windows are all replaced at once, in the order in which one run passes them.
    public static let folderReplace = [
        "file.replace.before-journal", "file.replace.after-journal", "file.replace.mid-swap", "file.replace.after-swap",
    ]

    /// Of a single file, in the order in which one run passes them after its windows.
    public static let singleFile = [
        "file.join.before", "file.join.middle", "file.join.before-rename", "file.join.after-rename",
    ]

    /// Of a table that is made or changed, in the order in which one load passes them before its window.
    public static let postgresTable = ["postgres.table.before-commit", "postgres.table.after-commit"]

    /// Of a window written into a table, in the order in which one load passes them.
    public static let postgresWindow = [
        "postgres.window.before-begin", "postgres.window.after-begin", "postgres.copy.after-first-block",
        "postgres.copy.after-end", "postgres.ledger.after-write", "postgres.window.before-commit",
        "postgres.window.after-commit",
    ]

    /// Of a window merged into a table, between the end of its COPY and the ledger.
    public static let postgresMerge = ["postgres.merge.after-upsert"]

    /// Of windows that become visible together, in the order in which one run passes them after its windows.
    public static let postgresReplace = [
        "postgres.replace.before-begin", "postgres.replace.after-delete", "postgres.replace.before-commit",
        "postgres.replace.after-commit",
    ]
}
