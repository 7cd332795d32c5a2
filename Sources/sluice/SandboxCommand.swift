import ArgumentParser
import Foundation
import Jobs
import Sandbox

/// Serves the API sandbox: `sluice sandbox`.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Serves the API sandbox on the loopback interface until interrupted.",
        discussion: """
            Prints the base URL, a working key, the team and transfer ids, then serves until Ctrl-C: queries, logins \
            and login links, teams, connectors, and the warehouse with its transfers, runs and backfills.

            What backfills really did is at /sandbox/backfills (JSON, no key): every create seen, every backfill, \
            every run of a day. POST to /sandbox/backfills/ID/cancel or /remove does what another user would; opening \
            a link's login_url completes its login.

            Example:
              sluice sandbox --port 8080 --latency 200ms --fail 429:0.05 --fail cut@page:2x
              SUPERMETRICS_BASE_URL=http://127.0.0.1:8080 SUPERMETRICS_API_KEY=... \\
                  sluice run nightly.yaml

              sluice sandbox --transfers 3 --backfill-day-time 50ms \\
                  --backfill-day fail@0.02:1x --fail reset@create:0.1
            """
    )

    @Option(help: ArgumentHelp("Port to listen on; 0 takes a free one.", valueName: "port"))
    var port = 0

    @Option(help: ArgumentHelp("Wait before every answer, such as 200ms.", valueName: "time"))
    var latency: String?

    @Option(help: ArgumentHelp("How long every query runs, such as 5s.", valueName: "time"))
    var queryTime: String?

    @Option(help: ArgumentHelp("Queries that run at once; the others queue.", valueName: "n"))
    var concurrentQueries: Int?

    @Option(
        help: ArgumentHelp(
            "A fault, KIND[@PHASE][:AMOUNT], such as 429:0.05 or cut@page:2x; may be repeated. Kinds: a status from "
                + "400 to 599, " + Fault.Name.allCases.map(\.rawValue).joined(separator: ", ") + ". Phases: "
                + Fault.Phase.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "fault"
        )
    )
    var fail: [String] = []

    @Option(help: ArgumentHelp("Rows per account and day.", valueName: "n"))
    var rowsPerDay: Int?

    @Option(help: ArgumentHelp("Seed of the invented data.", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "Share of cells that hold values meant to break a careless reader, 0 to 1.",
            valueName: "share"
        )
    )
    var hostileRate: Double?

    @Option(help: ArgumentHelp("Most rows a query returns; longer results are cut without a word.", valueName: "n"))
    var rowCap: Int?

    @Option(help: ArgumentHelp("Requests per second before 429.", valueName: "n"))
    var requestsPerSecond: Double?

    @Option(help: ArgumentHelp("How unfinished queries are answered: scheduled or pending.", valueName: "dialect"))
    var dialect: Dialect?

    @Option(help: ArgumentHelp("Seconds in Retry-After of injected 429 and 503; 0 for no header.", valueName: "n"))
    var retryAfter: Int?

    @Option(help: "The body shape of errors.")
    var errorShape: ErrorShape?

    @Flag(help: "Leave optional keys out instead of writing null.")
    var omitNulls = false

    @Flag(help: "Take a repeated query parameter for a list, as the official Python client means it.")
    var collectRepeatedParameters = false

    @Flag(help: "Refuse query parameters the API does not know; all other endpoints refuse them anyway.")
    var rejectUnknownParameters = false

    @OptionGroup(title: "Backfill options")
    var backfills: SandboxBackfillFlags

    @Option(help: ArgumentHelp("table or json: one line of JSON.", valueName: "format"))
    var output: OutputFormat = .table

    enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

    enum Dialect: String, ExpressibleByArgument, CaseIterable { case scheduled, pending }

    @concurrent func run() async throws {
        let options = try sandboxOptions()
        do {
            _ = try await Interrupts.watch {
                try await withSandbox(options, port: port) { sandbox in
                    try announce(sandbox)
                    await sandbox.serveUntilCancelled()
                }
            }
        } catch let error as SandboxError {
            throw CommandFailure(.usage, "\(error)")
        }
    }

    private func sandboxOptions() throws -> SandboxOptions {
        var options = SandboxOptions()
        if let latency { options.latency = try Self.duration(latency, "--latency") }
        if let queryTime { options.queryTime = try Self.duration(queryTime, "--query-time") }
        if let concurrentQueries { options.concurrentQueries = concurrentQueries }
        if let rowsPerDay { options.rowsPerDay = rowsPerDay }
        if let seed { options.seed = seed }
        if let hostileRate { options.hostileRate = hostileRate }
        if let rowCap { options.rowCap = rowCap }
        options.requestsPerSecond = requestsPerSecond
        if let retryAfter { options.retryAfter = retryAfter > 0 ? retryAfter : nil }
        if let errorShape { options.errorShape = errorShape }
        options.omitsNulls = omitNulls
        options.collectsRepeatedParameters = collectRepeatedParameters
        options.rejectsUnknownParameters = rejectUnknownParameters
        try backfills.apply(to: &options)
        if let dialect { options.dialect = dialect == .scheduled ? .scheduled : .pending }
        options.faults = try fail.map { text in
            do { return try Fault(parsing: text) } catch { throw CommandFailure(.usage, "--fail: \(error)") }
        }
        return options
    }

    /// Reads a duration, or fails with exit code 2 and the flag's name.
    static func duration(_ text: String, _ flag: String) throws -> Duration {
        guard let duration = Duration(jobText: text) else {
            throw CommandFailure(.usage, "\(flag) '\(text)' is not a duration; write 500ms, 30s, 5 min or 4 h")
        }
        return duration
    }

    private func announce(_ sandbox: Sandbox) throws {
        switch output {
        case .table:
            Terminal.write(
                """
                base URL   \(sandbox.baseURL)
                key        \(sandbox.apiKey)
                team       \(sandbox.teamID)
                transfers  \(sandbox.transferIDs.map(String.init).joined(separator: ", "))

                """
            )
        case .json:
            let facts = Facts(
                baseURL: sandbox.baseURL,
                key: sandbox.apiKey,
                team: sandbox.teamID,
                transfers: sandbox.transferIDs
            )
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            Terminal.write(String(decoding: try encoder.encode(facts), as: UTF8.self) + "\n")
        }
    }

    private struct Facts: Encodable {
        var baseURL: String
        var key: String
        var team: Int
        var transfers: [Int]

        enum CodingKeys: String, CodingKey {
            case baseURL = "base_url"
            case key = "api_key"
            case team = "team_id"
            case transfers = "transfer_ids"
        }
    }
}
