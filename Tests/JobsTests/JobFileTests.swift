import Conversion
import Foundation
import Jobs
import PipelineCore
import SupermetricsAPI
import TestSupport
import Testing

@Suite struct JobFileTests {
    @Test func `The documented example parses, and says what this version cannot do`() throws {
        let text = try String(
            contentsOf: JobFixtures.folder.appendingPathComponent("good/product.yaml"),
            encoding: .utf8
        )
        let job = try JobFixtures.parse(text)
        #expect(job.name == "nightly-ads")
        #expect(job.timeZone.identifier == "Europe/Helsinki")
        #expect(job.api == APISettings())
        let export = try #require(job.exports.first)
        #expect(job.identity(of: export) == ExportID(job: "nightly-ads", export: "google_ads"))
        #expect(
            String(decoding: JSONValue.object(export.query.object).serialized, as: UTF8.self)
                == #"{"ds_id":"AW","ds_accounts":["123-456-7890","987-654-3210"],"#
                + #""fields":["Date","Campaign","Impressions","Clicks","Cost"],"filter":"Impressions > 0","#
                + #""start_date":"2024-01-01","end_date":"yesterday"}"#
        )
        #expect(export.window.size == .week)
        #expect(export.window.isSizeChosen)
        #expect(export.window.lookback == 7)
        #expect(!export.window.perAccount)
        #expect(export.stages.map(\.name) == ["rename", "cast"])
        #expect(export.stages[1].argument["cost"]?.text == "decimal(18,6)")
        #expect(export.stages[1].location.description == "job.yaml:16:9")
        #expect(export.onBadRow == .quarantine(max: RowLimit("0.1%")))
        #expect(export.onSampled == .warn)
        #expect(export.onEmpty == .allow)
        #expect(export.onShrink == Percentage("50%"))
        #expect(export.onSchemaChange == .evolve)
        #expect(export.contract?["cost"]?["type"] == "decimal")
        #expect(export.expected.rows == RowRule(">= 1") && !export.expected.isUnique)
        #expect(export.into.map(\.kind) == ["postgres", "csv"])
        #expect(export.into[0].options["url"]?.text == JobFixtures.environment["DATABASE_URL"])
        #expect(
            job.unsupported.map(\.description) == [
                "job.yaml:25:9: this build of sluice has no 'postgres' destination"
            ]
        )
    }

    @Test func `A renamed job or export keeps the identity of its windows`() throws {
        let job = try JobFixtures.parse(
            """
            name: new
            renamed_from: old
            exports:
              - name: spend
                renamed_from: cost
                query: {ds_id: AW, fields: [Date, Cost], start_date: 2024-01-01, end_date: today}
                into: [{csv: {path: out/}}]
            """
        )
        #expect(job.unsupported.isEmpty)
        #expect(job.identity(of: job.exports[0]) == ExportID(job: "old", export: "cost"))
    }

    @Test func `Every documented stage parses`() throws {
        let job = try JobFixtures.parse(
            JobFixtures.export(
                """
                query:
                  ds_id: AW
                  fields: [Date, Day, AccountID, Campaign, Device, Email, Note, X, Clicks, Impressions, Cost, Desktop, Mobile]
                  start_date: 2024-01-01
                  end_date: today
                stages:
                - select: [day, date, account_id, campaign, device, email, note, x, clicks, impressions, cost, desktop, mobile]
                - drop: [x]
                - rename: {campaign: campaign_name}
                - cast: {cost: "decimal(18,6)", day: {type: date, format: "%d.%m.%Y"}}
                - default: {clicks: 0}                                # where null or empty
                - map: {device: {m: mobile, d: desktop}}              # other values stay
                - hash: {columns: [email], key: "${PEPPER}"}          # HMAC-SHA-256
                - derive: {ctr: "clicks / impressions"}               # SQL spelling and null rules
                - filter: "impressions > 0 AND note IS NOT NULL"
                - dedupe: {key: [date, account_id]}                   # within a window
                - unpivot: {columns: [desktop, mobile], name: screen, value: sessions}
                """
            )
        )
        let export = try #require(job.exports.first)
        #expect(
            export.stages.map(\.name) == [
                "select", "drop", "rename", "cast", "default", "map", "hash", "derive", "filter", "dedupe", "unpivot",
            ]
        )
        #expect(job.unsupported.isEmpty)
        #expect(export.stages[4].argument.json == ["clicks": 0])
    }

    @Test func `What is left out has its documented default`() throws {
        let job = try JobFixtures.parse(
            JobFixtures.export("query: {ds_id: AW, fields: [Date, Cost], start_date: 2024-01-01, end_date: today}")
        )
        let export = try #require(job.exports.first)
        #expect(job.timeZone.secondsFromGMT() == 0)
        #expect(job.api.connectTimeout == .seconds(10))
        #expect(job.api.idleTimeout == .seconds(60))
        #expect(job.api.requestTimeout == .seconds(1800))
        #expect(job.api.queryTimeout == .seconds(14_400))
        #expect(job.api.pollInterval == .seconds(1))
        #expect(job.api.maxAttempts == 8)
        #expect(job.api.pageRows == 100_000)
        #expect(job.api.rowLimit == 1_000_000)
        #expect(export.window.size == .week)
        #expect(!export.window.isSizeChosen)
        #expect(export.onBadRow == .fail)
        #expect(export.onEmpty == nil)
        #expect(export.onShrink == Percentage("50%"))
        #expect(export.columns == .snakeCase)
        #expect(job.unsupported.isEmpty)
    }

    @Test func `Every key of api is read`() throws {
        let job = try JobFixtures.parse(
            """
            api:
              base_url: http://127.0.0.1:8080
              dts_base_url: https://dts.example.com/v1
              path_prefix: /enterprise/v2/
              requests_per_second: 0.5
              concurrent_queries: "${NUMBER}"
              page_rows: 10
              row_limit: 20
              connect_timeout: 500ms
              idle_timeout: 5s
              request_timeout: 5 min
              query_timeout: 2 hours
              poll_interval: 1.5 s
              max_attempts: 3
              custom_headers: {X-Team: ads, X-Number: 7}
              user_agent: mine/1
              allow_insecure_http: true
            """ + "\n"
                + JobFixtures.export("query: {ds_id: AW, fields: [Date], start_date: 2024-01-01, end_date: today}")
        )
        let api = job.api
        #expect(api.baseURL == "http://127.0.0.1:8080")
        #expect(api.dtsBaseURL == "https://dts.example.com/v1")
        #expect(api.pathPrefix == "/enterprise/v2")
        #expect(api.requestsPerSecond == 0.5)
        #expect(api.concurrentQueries == 7)
        #expect(api.pageRows == 10)
        #expect(api.rowLimit == 20)
        #expect(api.connectTimeout == .milliseconds(500))
        #expect(api.idleTimeout == .seconds(5))
        #expect(api.requestTimeout == .seconds(300))
        #expect(api.queryTimeout == .seconds(7200))
        #expect(api.pollInterval == .milliseconds(1500))
        #expect(api.maxAttempts == 3)
        #expect(api.customHeaders == ["X-Team": "ads", "X-Number": "7"])
        #expect(api.userAgent == "mine/1")
        #expect(api.allowInsecureHTTP)
    }

    @Test func `A file on disk is read, its secrets relative to it`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("job-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("topsecret\n".utf8).write(to: folder.appendingPathComponent("key"))
        let text = JobFixtures.export(
            """
            query: {ds_id: "${file:key}", fields: [Date], start_date: 2024-01-01, end_date: today}
            """
        )
        let path = folder.appendingPathComponent("nightly.yaml").path
        try Data(("\u{FEFF}" + text).utf8).write(to: URL(fileURLWithPath: path))
        let job = try JobFile.read(path, JobFixtures.context())
        #expect(job.exports.first?.query.dsID == "topsecret")
        #expect(job.exports.first?.location.description == "\(path):3:11")

        #expect(throws: JobFileError("there is no such file", at: JobLocation(path + "x"))) {
            try JobFile.read(path + "x", JobFixtures.context())
        }
        #expect(throws: JobFileError.self) { try JobFile.read(folder.path, JobFixtures.context()) }
        try Data([0x6E, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: path))
        #expect(throws: JobFileError("the file is not UTF-8 text", at: JobLocation(path))) {
            try JobFile.read(path, JobFixtures.context())
        }
    }
}
