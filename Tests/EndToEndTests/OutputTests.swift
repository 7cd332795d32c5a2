import Foundation
import FoundationNetworking
import Sandbox
import TestSupport
import Testing

/// What lands: every value as the API gave it, in each format, wherever it lands.
@Suite struct OutputTests {
    /// All kinds of fields of the sandbox, by source.
    struct Source: Sendable, CustomTestStringConvertible {
        var id: String
        var account: String
        var fields: [String]
        /// The fields that land as decimals; the others are text or dates.
        var numbers: Set<String>
        var testDescription: String { id }
    }

    static let sources = [
        Source(
            id: "AW",
            account: "123-456-7890",
            fields: [
                "Date", "Yearmonth", "AccountID", "CampaignID", "Campaign", "AdID", "Headline", "Device", "FinalURL",
                "Impressions", "Clicks", "Cost", "Ctr", "Conversions",
            ],
            numbers: ["Impressions", "Clicks", "Cost", "Ctr", "Conversions"]
        ),
        Source(
            id: "FA",
            account: "10152000000000002",
            fields: [
                "Date", "profile", "adcampaign_id", "campaign_name", "ad_body", "adset_budget_optimised", "targeting",
                "impressions", "cost", "cpm", "frequency", "video_watch_time",
            ],
            numbers: ["impressions", "cost", "cpm", "frequency", "video_watch_time"]
        ),
        Source(
            id: "GAWA",
            account: "properties/301234567",
            fields: [
                "date", "dateHour", "property", "sessionCampaign", "country", "pageTitle", "landingPage", "sessions",
                "engagementRate", "purchaseRevenue",
            ],
            numbers: ["sessions", "engagementRate", "purchaseRevenue"]
        ),
    ]

    @Test(arguments: sources) func hostileValuesLandAsTheyCame(_ source: Source) async throws {
        try await withWorld(
            .small.with {
                $0.hostileRate = 0.4; $0.rowsPerDay = 40
            }
        ) { world in
            let job = JobText.one(api: "{poll_interval: 20ms, page_rows: 33}") {
                ($0.source, $0.accounts) = (source.id, "[\"\(source.account)\"]")
                $0.fields = "[" + source.fields.joined(separator: ", ") + "]"
                $0.end = "2024-01-10"
                $0.into = ["csv: {path: csv/}", "ndjson: {path: out.ndjson.gz}", "csv: {path: out.csv}"]
            }
            try await world.run(job)
            let api = try await values(world, source).map { row in
                zip(source.fields, row).map { source.numbers.contains($0) ? number($1) : text($1) }
            }
            #expect(api.count == 400)
            #expect(api.joined().contains { $0 == .null })
            let objects = try JSONText.lines(try world.folder.landed("out.ndjson.gz"))
            expectSame(objects.map { $0.map(\.value) }, api, source)
            let names = source.fields.map { Self.snakeCase($0) }
            #expect(objects.allSatisfy { $0.map(\.name) == names }, "keys in column order")
            // CSV tells null from an empty text by its quotes, and numbers by nothing.
            let rows = api.map { $0.map { cell in untyped(cell) } }
            #expect(try world.folder.csvHeader("csv/") == names)
            #expect(try world.folder.csvRows("csv/") == rows)
            #expect(try world.folder.csvRows("out.csv") == rows)
        }
    }

    private func expectSame(_ landed: [[Cell]], _ api: [[Cell]], _ source: Source) {
        #expect(landed.count == api.count)
        for (index, pair) in zip(landed, api).enumerated() where pair.0 != pair.1 {
            for (column, cells) in zip(pair.0, pair.1).enumerated() where cells.0 != cells.1 {
                Issue.record("row \(index), \(source.fields[column]): landed \(cells.0), the API gave \(cells.1)")
            }
        }
    }

    /// The sandbox's own values, asked for without any code of the product.
    private func values(_ world: World, _ source: Source) async throws -> [[Cell]] {
        let query: [String: Any] = [
            "ds_id": source.id, "ds_accounts": [source.account], "fields": source.fields, "start_date": "2024-01-01",
            "end_date": "2024-01-10", "settings": ["no_headers": true], "max_rows": 100_000,
        ]
        let url = try #require(URL(string: world.sandbox.baseURL + "/query/data/json"))
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = try JSONSerialization.data(withJSONObject: query)
        request.setValue("Bearer \(world.sandbox.apiKey)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let (data, _) = try await URLSession.shared.data(for: request)
        return try JSONText.apiRows(Array(data))
    }

    /// A value of a number's column: its digits, whatever it was wrapped in; an empty text is no number.
    private func number(_ cell: Cell) -> Cell {
        switch cell {
        case .null, .text(""): .null
        case .text(let digits), .bare(let digits): .bare(digits)
        }
    }

    /// A value of a text column: numbers and truth values as they were written.
    private func text(_ cell: Cell) -> Cell {
        if case .bare(let written) = cell { .text(written) } else { cell }
    }

    private func untyped(_ cell: Cell) -> String? {
        switch cell {
        case .null: nil
        case .text(let text), .bare(let text): text
        }
    }

    static func snakeCase(_ name: String) -> String {
        name.replacing(/([a-z])([A-Z])/) { "\($0.output.1)_\($0.output.2)" }.replacing(/([A-Z])([A-Z][a-z])/) {
            "\($0.output.1)_\($0.output.2)"
        }.lowercased()
    }

    // MARK: Stages

    @Test func stagesChangeWhatLands() async throws {
        try await withWorld(.small.with { $0.hostileRate = 0 }) { world in
            let plain = JobText.one { $0.into = ["ndjson: {path: plain/}"] }
            try await world.run(plain)
            let staged = JobText.one {
                $0.into = ["ndjson: {path: staged/}"]
                $0.more = [
                    "stages:", "  - drop: [campaign]", "  - rename: {clicks: taps}",
                    "  - cast: {taps: int64, cost: \"decimal(18,6)\"}", "  - select: [cost, taps, date]",
                ]
            }
            try await world.run(staged)
            let before = try JSONText.lines(try world.folder.landed("plain/"))
            let after = try JSONText.lines(try world.folder.landed("staged/"))
            #expect(before.first?.map(\.name) == ["date", "campaign", "clicks", "cost"])
            #expect(after.allSatisfy { $0.map(\.name) == ["cost", "taps", "date"] })
            #expect(after.map { $0[1].value } == before.map { $0[2].value })
            #expect(after.map { $0[2].value } == before.map { $0[0].value })
        }
    }

    @Test func aValueThatDoesNotFitFailsItsWindow() async throws {
        try await withWorld(.small.with { $0.hostileRate = 0 }) { world in
            let job = JobText.one { $0.more = ["stages:", "  - cast: {campaign: int64}"] }
            let outcome = try await world.run(job, expecting: 8)
            #expect(outcome.everything.contains("row 1, column campaign"), "\(outcome.everything)")
            #expect(outcome.everything.contains(": in the first, window 2024-"), "\(outcome.everything)")
            #expect(!outcome.everything.contains("Brand"), "a value is in the message")
            #expect(world.folder.visible("out") == [])
        }
    }

    // MARK: One-shot export

    @Test func standardOutputHoldsRowsAndNothingElse() async throws {
        try await withWorld { world in
            let toFile = try await world.run(MistakeTests.export(into: "out.csv"))
            #expect(toFile.exitCode == 0)
            let toOutput = try await world.run(MistakeTests.export(into: "-"))
            #expect(toOutput.exitCode == 0)
            #expect(toOutput.output == (try world.folder.bytes("out.csv")))
            #expect(toOutput.errors.contains("done"), "the table is on standard error")
            let asJSON = try await world.run(
                MistakeTests.export(into: "-") + ["--format", "ndjson", "--window", "day"]
            )
            #expect(try JSONText.lines(asJSON.output).count == 21)
        }
    }

    @Test func theQueryMayComeAsJSON() async throws {
        try await withWorld { world in
            let query =
                #"{"ds_id": "AW", "ds_accounts": ["123-456-7890"], "fields": ["Date", "Campaign", "Cost"],"#
                + #" "start_date": "2024-01-01", "end_date": "2024-01-07"}"#
            try world.folder.write(query, to: "query.json")
            _ = try await world.run(MistakeTests.export(into: "flags.csv"))
            let file = try await world.sluice("export", "--query", "query.json", "--into", "file.csv")
            let input = try await world.sluice("export", "--query", "-", "--into", "input.csv.gz", input: query)
            #expect([file.exitCode, input.exitCode] == [0, 0], "\(file.everything)\(input.everything)")
            #expect(try world.folder.bytes("flags.csv") == world.folder.bytes("file.csv"))
            #expect(try world.folder.bytes("flags.csv") == world.folder.plain("input.csv.gz"))
            let flagWins = try await world.sluice(
                "export",
                "--query",
                "query.json",
                "--end-date",
                "2024-01-02",
                "--into",
                "-"
            )
            #expect(CSV.rows(flagWins.output).count == 1 + 6)
            let broken = try await world.sluice("export", "--query", "-", "--into", "x.csv", input: "{\"ds_id\": ")
            #expect(broken.exitCode == 2)
            #expect(broken.errors.contains("standard input:1:"), "\(broken.errors)")
        }
    }

    @Test func limitAndRowsBeforeStages() async throws {
        try await withWorld { world in
            let limited = try await world.run(MistakeTests.export(into: "-") + ["--limit", "5"])
            #expect(CSV.rows(limited.output).count == 6)
            let stage = ["--stage", "rename: {campaign: title}", "--stage", "drop: [cost]"]
            let staged = try await world.run(MistakeTests.export(into: "-") + stage)
            #expect(CSV.rows(staged.output).first == ["date", "title"])
            let before = try await world.run(MistakeTests.export(into: "-") + stage + ["--before-stages"])
            #expect(CSV.rows(before.output).first == ["date", "campaign", "cost"])
            // Nor do windows with stages pass for windows without.
            let filter = ["--stage", "filter: cost < 0"]
            _ = try await world.run(MistakeTests.export(into: "lake/") + filter)
            let whole = try await world.run(MistakeTests.export(into: "lake/") + filter + ["--before-stages"])
            #expect(whole.exitCode == 2 && whole.errors.contains("another query, stages"), "\(whole.everything)")
        }
    }

    @Test func formatCompressionAndClobbering() async throws {
        try await withWorld { world in
            _ = try await world.run(MistakeTests.export(into: "out.txt") + ["--format", "ndjson"])
            #expect(try JSONText.lines(world.folder.bytes("out.txt")).count == 21)
            _ = try await world.run(MistakeTests.export(into: "out.ndjson.gz"))
            #expect(try world.folder.bytes("out.ndjson.gz").starts(with: [0x1F, 0x8B, 8]))
            #expect(try world.folder.plain("out.ndjson.gz") == world.folder.bytes("out.txt"))
            let refused = try await world.run(
                MistakeTests.export(into: "out.txt") + ["--format", "csv", "--no-clobber"]
            )
            #expect(refused.exitCode == 6)
            #expect(refused.errors.contains("out.txt exists"))
            #expect(try JSONText.lines(world.folder.bytes("out.txt")).count == 21)
            // Into a folder, and again: each format keeps to its own.
            let folder = try await world.run(MistakeTests.export(into: "lake/") + ["--window", "week"])
            #expect(folder.exitCode == 0)
            #expect(world.folder.visible("lake") == ["_manifest.json", "window=2024-01-01..2024-01-07"])
        }
    }

    @Test func levelsGiveTheSameRows() async throws {
        try await withWorld(.small.with { $0.rowsPerDay = 200 }) { world in
            let job = JobText.one {
                $0.into =
                    [1, 6, 9].map { "csv: {path: level\($0)/, level: \($0)}" }
                    + ["csv: {path: plain/, compression: none}"]
            }
            try await world.run(job)
            let rows = try world.folder.landed("plain/")
            #expect(world.folder.visible("plain/window=2024-01-01..2024-01-07") == ["_checkpoint.json", "part-0.csv"])
            var sizes: [Int] = []
            for level in [1, 6, 9] {
                #expect(try world.folder.landed("level\(level)/") == rows)
                sizes.append(try world.folder.windows("level\(level)").reduce(0) { $0 + $1.note.parts[0].bytes })
            }
            #expect(sizes[0] > sizes[1] && sizes[1] >= sizes[2], "\(sizes)")
            #expect(world.submissions.count == 4, "four destinations, one read")
        }
    }

    @Test func namesOfFilesHoldTheRange() async throws {
        try await withWorld { world in
            try await world.run(.one { $0.into = ["csv: {path: \"{export}_{start_date}_{end_date}.csv.gz\"}"] })
            #expect(world.folder.visible() == ["ads_2024-01-01_2024-01-28.csv.gz", "job.yaml"])
        }
    }

    @Test func namesOfFilesHoldTheWholeWindowsThatWereChosen() async throws {
        try await withWorld { world in
            let job = JobText.one { $0.into = ["csv: {path: \"{start_date}_{end_date}.csv\"}"] }
            try await world.run(job, "--start-date", "2024-01-10", "--end-date", "2024-01-11")
            #expect(world.folder.visible() == ["2024-01-08_2024-01-14.csv", "job.yaml"])
            #expect(Set(try world.folder.csvRows("2024-01-08_2024-01-14.csv").map { $0[0] }).count == 7)
        }
    }

    @Test func theOptionsOfCSV() async throws {
        try await withWorld(.small.with { $0.hostileRate = 0 }) { world in
            let options = "delimiter: ';', quote: all, line_ending: crlf, bom: true, header: false"
            try await world.run(.one { $0.into = ["csv: {path: out.csv, \(options)}"] })
            let bytes = try world.folder.bytes("out.csv")
            #expect(bytes.starts(with: [0xEF, 0xBB, 0xBF]))
            let lines = String(decoding: bytes.dropFirst(3), as: UTF8.self).split(separator: "\r\n")
            #expect(lines.count == 84)
            #expect(lines.allSatisfy { $0.hasPrefix("\"2024-01-") && $0.filter { $0 == ";" }.count == 3 })
        }
    }

    @Test func keysFromFilesAndCommands() async throws {
        try await withWorld { world in
            // The secrets live outside of the folder that is searched for them.
            let secrets = try TemporaryFolder()
            try secrets.write(world.sandbox.apiKey + "\n", to: "key.txt")
            for flags in [
                ["--api-key-file", secrets.path + "/key.txt"], ["--api-key-command", "cat \(secrets.path)/key.txt"],
            ] {
                let outcome = try await world.run(
                    MistakeTests.export(into: "-") + flags,
                    environment: ["SUPERMETRICS_API_KEY": ""]
                )
                #expect(outcome.exitCode == 0, "\(outcome.everything)")
            }
            // A key that was refused is asked for once more.
            let line = "if [ -e once ]; then cat \(secrets.path)/key.txt; else touch once; echo api_old; fi"
            let renewed = try await world.run(
                MistakeTests.export(into: "-") + ["--api-key-command", line],
                environment: ["SUPERMETRICS_API_KEY": ""]
            )
            #expect(renewed.exitCode == 0, "\(renewed.everything)")
        }
    }
}
