import Foundation
import Sandbox
import TestSupport
import Testing

/// A destination a run may be killed on.
struct Destination: CustomTestStringConvertible, Sendable {
    var sink: String
    var path: String

    static let all = [
        Destination(sink: "csv", path: "out/"), Destination(sink: "csv", path: "out.csv.gz"),
        Destination(sink: "ndjson", path: "out/"), Destination(sink: "ndjson", path: "out.ndjson.gz"),
    ]

    var isFolder: Bool { path.hasSuffix("/") }
    var testDescription: String { "\(sink) \(path)" }
    var entry: String { "\(sink): {path: \(path)}" }

    /// The same in another place.
    var reference: Destination { Destination(sink: sink, path: "unbroken-" + path) }
}

/// kill -9 at any moment, run again: the destination holds the rows of an unbroken run.
@Suite struct KillTests {
    static let kills = 20

    /// Slow enough that a kill finds queries waiting, running and being read; little enough to be quick.
    static var options: SandboxOptions {
        .small.with { options in
            options.rowsPerDay = 8
            options.latency = .milliseconds(8)
            options.queryTime = .milliseconds(60)
        }
    }

    static func job(_ destination: Destination) -> JobText {
        .one(api: "{poll_interval: 20ms, page_rows: 20}") { export in
            export.end = "2024-02-25"
            export.into = [destination.entry]
        }
    }

    @Test(arguments: Destination.all) func resumesAfterKillsAtAnyMoment(_ destination: Destination) async throws {
        try await withWorld(Self.options) { world in
            let unbroken = try await world.run(Self.job(destination.reference))
            let whole = try world.folder.landed(destination.reference.path)
            try world.folder.write(Self.job(destination).yaml, to: "job.yaml")

            var random = SeededRandom(seed: 20)
            // Spread over the whole run: one moment in each twentieth of it.
            var moments = (0..<Self.kills).map { part in
                (Double(part) + .random(in: 0..<1, using: &random)) / Double(Self.kills) * unbroken.seconds
            }
            moments.shuffle(using: &random)
            var (kills, killsHere, spared) = (0, 0, 0)
            world.sandbox.clearRequests()
            var history = QueryHistory()
            while let moment = moments.popLast() {
                let running = try world.start(["run", "job.yaml"])
                try await Task.sleep(for: .seconds(moment))
                running.send(SIGKILL)
                let outcome = await running.outcome
                world.note(outcome)
                try history.check(world, destination, whole: whole)
                if outcome.signal == SIGKILL {
                    kills += 1
                    killsHere += 1
                } else {
                    // It was over before: another moment takes this one's place, on an empty destination.
                    #expect(outcome.exitCode == 0, "\(outcome.everything)")
                    spared += 1
                    if spared < 40 { moments.insert(.random(in: 0..<1, using: &random) * unbroken.seconds, at: 0) }
                }
                // A single file that is there is whole: the run was over, and another would begin anew.
                let isOver = outcome.signal == nil || !destination.isFolder && world.folder.exists(destination.path)
                if isOver || killsHere == 4 || moments.isEmpty {
                    if !isOver { try await finish(world, destination, &history, whole: whole) }
                    try startAnew(world, destination, &history)
                    killsHere = 0
                }
            }
            #expect(kills >= Self.kills)
        }
    }

    /// Runs to the end and compares with the unbroken run.
    private func finish(
        _ world: World,
        _ destination: Destination,
        _ history: inout QueryHistory,
        whole: [UInt8]
    ) async throws {
        let resumed = try await world.sluice("run", "job.yaml")
        #expect(resumed.exitCode == 0, "\(resumed.everything)")
        try history.check(world, destination, whole: whole)
        #expect(try world.folder.landed(destination.path) == whole)
        #expect(world.folder.listing().filter { $0.contains("staging") || $0.contains(".sluice") } == [])
    }

    /// Takes the destination away, with all that a run noted beside it.
    private func startAnew(_ world: World, _ destination: Destination, _ history: inout QueryHistory) throws {
        for name in ["out", destination.path, ".\(destination.path).sluice"] where world.folder.exists(name) {
            try world.folder.remove(name)
        }
        world.sandbox.clearRequests()
        history = QueryHistory()
    }

    @Test func whatReachedStandardOutputIsTheBeginningOfTheWhole() async throws {
        try await withWorld(Self.options) { world in
            var job = Self.job(Destination(sink: "csv", path: "\"-\""))
            job.exports[0].more = []
            let unbroken = try await world.run(job)
            let whole = unbroken.output.prefix { $0 != 0 }
            var random = SeededRandom(seed: 7)
            for part in 0..<8 {
                let running = try world.start(["run", "job.yaml"])
                let moment = (Double(part) + .random(in: 0..<1, using: &random)) / 8 * unbroken.seconds
                try await Task.sleep(for: .seconds(moment))
                running.send(SIGKILL)
                let outcome = await running.outcome
                world.note(outcome)
                #expect(whole.starts(with: outcome.output))
                #expect(outcome.output.isEmpty || outcome.output.last == UInt8(ascii: "\n"))
            }
        }
    }
}

/// What is known of the windows of one destination through several runs.
struct QueryHistory {
    /// The windows that were committed when the run before ended, and how many requests had been made by then.
    private var committed: Set<String> = []
    private var requestsBefore = 0

    /// Proves that nothing partial is visible, that no committed window was queried again, and that a window's query was
    /// sent again only where it had been lost.
    mutating func check(_ world: World, _ destination: Destination, whole: [UInt8]) throws {
        let submissions = world.submissions
        for (days, queries) in Dictionary(grouping: submissions, by: { $0.parameters["start_date"] ?? "" }) {
            // A query that is there is found again. Only one that the sandbox says it does not know, because its
            // connection broke before it was entered, is sent anew.
            for (query, next) in zip(queries, queries.dropFirst()) {
                let wasAskedFor = world.sandbox.requests.contains { request in
                    request.phase == .poll && request.scheduleID == query.scheduleID && request.status == 400
                        && (query.number..<next.number).contains(request.number)
                }
                #expect(wasAskedFor, "the window from \(days) was submitted again:\n\(story(of: days, world))")
            }
        }
        for query in submissions where query.number > requestsBefore {
            #expect(!committed.contains(query.parameters["start_date"] ?? ""), "a committed window was queried again")
        }
        requestsBefore = world.sandbox.requests.last?.number ?? requestsBefore
        if destination.isFolder {
            committed = Set(try world.folder.windows().compactMap(\.note.covers?.start))
        } else if world.folder.exists(destination.path) {
            #expect(try world.folder.landed(destination.path) == whole)
        }
    }

    /// Every request about a window, for whoever has to find out why.
    private func story(of days: String, _ world: World) -> String {
        let requests = world.sandbox.requests
        let ids = Set(requests.filter { $0.parameters["start_date"] == days }.compactMap(\.scheduleID))
        return requests.filter { $0.scheduleID.map(ids.contains) ?? false }.map { request in
            "\(request.number) \(request.date.timeIntervalSince1970) \(request.phase) \(request.scheduleID ?? "-")"
                + " status \(request.status.map(String.init) ?? "-") rows \(request.rows ?? -1)"
        }.joined(separator: "\n")
    }
}
