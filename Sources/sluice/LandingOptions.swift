import ArgumentParser
import Foundation
import Jobs

/// Flags that say how the rows of one query are cut, converted and landed.
struct LandingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("csv or ndjson, where the destination's name does not tell.", valueName: "format"))
    var format: FileFormat?

    @Option(help: ArgumentHelp("The table, where rows land in PostgreSQL.", valueName: "schema.name"))
    var table: String?

    @Option(
        help: ArgumentHelp(
            "How rows meet those in the table: replace_window (default), append, merge or replace.",
            valueName: "mode"
        )
    )
    var mode: String?

    @Option(help: ArgumentHelp("Columns that identify a row in merge, with commas.", valueName: "columns"))
    var key: String?

    @Option(help: ArgumentHelp("Cut into windows: day, week, month, 'N days' or all.", valueName: "size"))
    var window: String?

    @Flag(help: "Make each account a window of its own.")
    var perAccount = false

    @Option(
        help: ArgumentHelp(
            "A stage as in a job file, such as 'cast: {cost: decimal(18,6)}'; may be repeated.",
            valueName: "yaml"
        )
    )
    var stage: [String] = []

    enum FileFormat: String, ExpressibleByArgument, CaseIterable { case csv, ndjson }

    /// Whether rows land in a table at `destination`.
    static func isTable(_ destination: String) -> Bool {
        destination.hasPrefix("postgresql://") || destination.hasPrefix("postgres://")
    }

    /// Adds windows, stages and the destination to `flags`.
    ///
    /// - Throws: `CommandFailure` where flags and destination do not go together.
    func add(to flags: inout ExportFlags, into destination: String) throws {
        if let window { flags.setWindow("size", window, flag: "--window") }
        if perAccount { flags.setWindow("per_account", "true", flag: "--per-account") }
        for yaml in stage { flags.addStage(yaml, flag: "--stage") }
        let tableOptions = [("table", table), ("mode", mode), ("key", key)]
        guard Self.isTable(destination) else {
            if let (name, _) = tableOptions.first(where: { $0.1 != nil }) {
                throw CommandFailure(.usage, "--\(name) is for PostgreSQL: give --into postgresql://…")
            }
            let format = try format(of: destination)
            return flags.addDestination(format.rawValue, [("path", destination)], flag: "--into")
        }
        guard table != nil else {
            throw CommandFailure(.usage, "--into postgresql://… needs --table schema.name")
        }
        if format != nil { throw CommandFailure(.usage, "--format is for files; leave it out") }
        let given = tableOptions.compactMap { name, value in value.map { (name, $0) } }
        flags.addDestination("postgres", [("url", destination)] + given, flag: "--into")
    }

    /// The format by `--format`, else by the destination's name; standard output and folders default to CSV.
    func format(of path: String) throws -> FileFormat {
        if let format { return format }
        let name = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
        if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") { return .ndjson }
        if name.hasSuffix(".csv") || path == "-" || path.hasSuffix("/") { return .csv }
        var isFolder: ObjCBool = false
        if unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            return .csv
        }
        throw CommandFailure(
            .usage,
            "--into \(path): the name does not tell the format; end it in .csv, .csv.gz, .ndjson or .ndjson.gz,"
                + " or give --format"
        )
    }
}
