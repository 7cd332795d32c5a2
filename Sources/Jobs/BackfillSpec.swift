import Foundation
import PipelineCore

/// The file of `sluice backfill run`: which transfers load which days again, and how.
package struct BackfillSpec: Sendable {
    /// One transfer; what it leaves open is the file's.
    package struct Transfer: Sendable, Hashable {
        /// The transfer.
        package var id: Int
        /// The first day.
        package var from: RelativeDate?
        /// The last day, included.
        package var to: RelativeDate?

        package init(id: Int, from: RelativeDate? = nil, to: RelativeDate? = nil) {
            (self.id, self.from, self.to) = (id, from, to)
        }
    }

    /// The team.
    package var team: Int?
    /// The transfers, in the order in which they begin.
    package var transfers: [Transfer]
    /// The first day, where a transfer gives none.
    package var from: RelativeDate?
    /// The last day, where a transfer gives none.
    package var to: RelativeDate?
    /// `month`, `week` or a number of days.
    package var chunk: String?
    /// `newest` or `oldest`.
    package var order: String?
    /// The most transfers at work at a time.
    package var active: Int?
    /// How many times a failed day is loaded again.
    package var retries: Int?
    /// The most days asked for per UTC day.
    package var maxRunsPerDay: Int?
    /// The first pause between two looks at a backfill.
    package var pollInterval: Duration?

    private static let sizeLimit = 4 << 20

    private static let transferIDs = 1...Int.max
    private static let from = Field("from", .notation(.date), "the first day")
    private static let to = Field("to", .notation(.date), "the last day, included")

    /// Every key of the file.
    static let shape = ObjectShape(
        name: "the file",
        fields: [
            Field("team", .whole(1...Int.max), "the team; default --team or SUPERMETRICS_TEAM_ID"),
            from, to,
            Field(
                "transfers",
                .list(
                    of: .either([
                        .whole(transferIDs),
                        .object(
                            ObjectShape(
                                name: "the transfer",
                                fields: [
                                    Field("id", .whole(transferIDs), required: true, "the transfer's id"), from, to,
                                ]
                            )
                        ),
                    ]),
                    nonEmpty: true
                ),
                required: true,
                "the transfers, as ids or as maps of id, from and to"
            ),
            Field("chunk", .notation(.chunkSize), "the days of one backfill; default month"),
            Field("order", .word(["newest", "oldest"]), "which chunks come first; default newest"),
            Field("active", .whole(1...10_000), "most transfers at work at a time; default 4"),
            Field("retries", .whole(0...1000), "how many times a failed day is loaded again; default 3"),
            Field("max_runs_per_day", .whole(1...1_000_000), "most days asked for per UTC day; default no limit"),
            Field("poll_interval", .notation(.duration), "first wait between looks at a backfill; default 5s"),
        ]
    )

    /// Reads the file at `path`.
    ///
    /// - Parameters:
    ///   - path: The file; secret files it names are relative to its folder.
    ///   - environment: What `${NAME}` reads.
    /// - Returns: What it says.
    /// - Throws: `JobFileError` with every mistake of the file.
    package static func read(_ path: String, environment: [String: String]) throws(JobFileError) -> BackfillSpec {
        let text: String
        do throws(SecretFileError) {
            text = try TextFile.contents(of: path, limit: sizeLimit)
        } catch {
            throw JobFileError(error.reason, at: JobLocation(path))
        }
        let start = JobLocation(path, line: 1, column: 1)
        guard let root = try YAMLReader.read(text, source: path), !root.isNull else {
            throw JobFileError("the file is empty; it has at least a list of transfers", at: start)
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        var mistakes: [JobMistake] = []
        let interpolation = Interpolation(environment: environment) { path throws(SecretFileError) in
            try TextFile.contents(of: path, relativeTo: folder)
        }
        let node = interpolation.resolve(root, &mistakes)
        var check = ShapeCheck()
        check.check(node, .object(shape), named: "the file")
        mistakes += check.mistakes
        let spec = BackfillSpec(node)
        var seen: Set<Int> = []
        for (element, transfer) in zip(node["transfers"]?.elements ?? [], spec.transfers)
        where !seen.insert(transfer.id).inserted {
            mistakes.append(JobMistake("transfer \(transfer.id) is listed twice", at: element.location))
        }
        guard mistakes.isEmpty else { throw JobFileError(mistakes) }
        return spec
    }

    /// Reads leniently what the shape check reports on.
    private init(_ node: JobNode) {
        func date(_ node: JobNode?, _ name: String) -> RelativeDate? { node?[name]?.text.flatMap { RelativeDate($0) } }
        func number(_ name: String) -> Int? { node[name]?.text.flatMap { Int($0) } }
        transfers = (node["transfers"]?.elements ?? []).map { element in
            Transfer(
                id: (element["id"] ?? element).text.flatMap { Int($0) } ?? 0,
                from: date(element, "from"),
                to: date(element, "to")
            )
        }
        team = number("team")
        from = date(node, "from")
        to = date(node, "to")
        chunk = node["chunk"]?.text
        order = node["order"]?.text
        active = number("active")
        retries = number("retries")
        maxRunsPerDay = number("max_runs_per_day")
        pollInterval = node["poll_interval"]?.text.flatMap { Duration(jobText: $0) }
    }
}
