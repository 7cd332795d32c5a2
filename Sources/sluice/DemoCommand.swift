import ArgumentParser
import Foundation
import Jobs
import PipelineCore
import Sandbox
import SupermetricsAPI

/// Shows sluice at work without a key: `sluice demo`.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Runs a three-export job against a sandbox inside this process; needs no key and no network.",
        discussion: """
            Writes the job file and everything it loads into one folder. Run it again and see that settled windows \
            are not fetched twice.

            Example:
              sluice demo --into ./sluice-demo
            """
    )

    @Option(help: ArgumentHelp("The folder to write into.", valueName: "folder"), completion: .directory)
    var into = "./sluice-demo"

    @OptionGroup var reports: ReportOptions
    @OptionGroup(title: "Display") var display: DisplayOptions

    @concurrent func run() async throws {
        let folder = URL(fileURLWithPath: into, isDirectory: true)
        let jobFile = folder.appending(path: "job.yaml")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Self.job.write(to: jobFile, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(.destination, "the folder \(into) cannot be written; choose another with --into")
        }
        var options = SandboxOptions()
        options.rowsPerDay = 40
        options.pageCacheBytes = 32 << 20
        let setup = JobSetup()
        let code = try await withSandbox(options) { sandbox in
            try await setup.run(display, reports, ofJob: "demo") {
                var context = setup.context
                context.environment["SLUICE_DEMO"] = folder.path
                var job = try JobFile.read(jobFile.path, context)
                job.api.baseURL = sandbox.baseURL
                return JobRun(
                    job: job,
                    installed: installedSinks,
                    options: RunOptions(),
                    credential: try .apiKey(sandbox.apiKey)
                )
            }
        }
        guard code == 0 else { throw ExitCode(code) }
        let file = into + (into.hasSuffix("/") ? "" : "/") + "facebook_ads.csv.gz"
        Terminal.writeRemark(
            """

            The job is job.yaml in \(into); its paths count from there. Try:
              zcat \(Self.shellWord(file)) | head
              (cd \(Self.shellWord(into)) && \(Self.shellWord(Self.program)) status job.yaml)

            """
        )
    }

    /// This program as it was called, from whatever folder.
    private static var program: String {
        let name = CommandLine.arguments.first ?? "sluice"
        return name.contains("/") ? URL(fileURLWithPath: name).path : name
    }

    /// A text as one word of the shell.
    private static func shellWord(_ text: String) -> String {
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+=:,@%".contains($0)) }
        return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }

    /// The job of the demo: two folders with a window each week, one single file.
    static let job = """
        # Written by `sluice demo`. The key and the API's address come from the command line or the environment.
        name: demo
        exports:
          - name: google_ads
            query:
              ds_id: AW
              ds_accounts: ["123-456-7890", "987-654-3210"]
              fields: [Date, Campaign, Impressions, Clicks, Cost]
              start_date: 4 weeks ago
              end_date: yesterday
            stages:
              - rename: {campaign: campaign_name}
              - cast: {impressions: int64, clicks: int64}
            into:
              - csv: {path: "${SLUICE_DEMO:-.}/google_ads/"}

          - name: google_analytics
            query:
              ds_id: GAWA
              ds_accounts: list.all_accounts
              fields: [date, sessions, users]
              start_date: 4 weeks ago
              end_date: yesterday
            into:
              - ndjson: {path: "${SLUICE_DEMO:-.}/google_analytics/"}

          - name: facebook_ads
            query:
              ds_id: FA
              ds_accounts: list.all_accounts
              fields: [Date, campaign_name, impressions, clicks, cost]
              start_date: 4 weeks ago
              end_date: yesterday
            into:
              - csv: {path: "${SLUICE_DEMO:-.}/facebook_ads.csv.gz"}

        """
}
