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
}
