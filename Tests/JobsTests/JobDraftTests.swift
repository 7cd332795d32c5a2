import Conversion
import Jobs
import PipelineCore
import SupermetricsAPI
import Testing

@Suite struct JobDraftTests {
    private static let sinks: [any Sink.Type] = [CSVStub.self, NDJSONStub.self, TableStub.self]

    private func context(_ environment: [String: String] = [:]) -> JobContext {
        JobFixtures.context(
            environment: JobFixtures.environment.merging(environment) { $1 },
            sinks: Self.sinks
        )
    }

    private func parse(_ text: String, _ environment: [String: String] = [:]) throws -> Job {
        try JobFile.parse(text, source: "job.yaml", context(environment)) { _ throws(SecretFileError) in "" }
    }

    private func flags(_ more: [String: String] = [:], path: String? = "out/") -> ExportFlags {
        var flags = ExportFlags()
        let query = ["ds_id": "AW", "ds_accounts": "123, 456", "fields": "Date,Cost"].merging(more) { $1 }
        for (name, text) in query.sorted(by: { $0.key < $1.key }) { flags.setQuery(name, text, flag: "--" + name) }
        if let path { flags.addDestination("csv", [("path", path)], flag: "--into") }
        return flags
    }

    private static let dates = ["start_date": "30 days ago", "end_date": "yesterday"]

    @Test func `A draft is a job file with every key explained`() throws {
        var flags = flags(Self.dates)
        flags.setWindow("per_account", "true", flag: "--per-account")
        flags.addStage("cast: {cost: decimal(18,6)}", flag: "--stage")
        flags.setContract([
            ContractStage.Term("date", type: .date, isNullable: false), ContractStage.Term("cost", type: .decimal(nil)),
        ])
        let text = try flags.draft(of: "nightly", named: "aw", context()).text(file: "jobs/nightly.yaml")
        let keys = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
        #expect(
            keys.map { $0.split(separator: " #")[0].reversed().drop { $0 == " " }.reversed() }.map { String($0) } == [
                "name: nightly", "exports:", "  - name: aw", "    query:", "      ds_accounts: [\"123\", \"456\"]",
                "      ds_id: AW", "      end_date: yesterday", "      fields: [Date, Cost]",
                "      start_date: 30 days ago", "    window: {per_account: true}", "    stages:",
                "      - cast: {cost: \"decimal(18,6)\"}", "    contract:",
                "      date: {type: date, nullable: false}", "      cost: {type: decimal}", "    into:",
                "      - csv: {path: \"out/\"}",
            ]
        )
        for line in keys where line.contains(":") && !line.drop(while: { $0 == " " }).hasPrefix("-") {
            #expect(line.contains(" # ") || line.hasPrefix("      "), "not explained: \(line)")
        }
        for command in ["check", "plan", "run"] { #expect(text.contains("#   sluice \(command) jobs/nightly.yaml ")) }
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
        #expect(try parse(text).exports.first?.window.size == .week)
    }

    @Test func `What is commented out means what leaving it out means`() throws {
        let text = try flags(Self.dates).draft(of: "job", named: "aw", context()).text(file: "job.yaml")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.replacing(/^( *)# ([a-z_]+: )/, maxReplacements: 1) { "\($0.output.1)\($0.output.2)" }
        }
        let (plain, full) = (try parse(text), try parse(lines.joined(separator: "\n")))
        #expect(lines.filter { $0.hasPrefix("    window: ") || $0.hasPrefix("    expect: ") }.count == 2)
        #expect(full.api == plain.api && full.timeZone == plain.timeZone)
        let (one, other) = (try #require(plain.exports.first), try #require(full.exports.first))
        #expect(other.window.size == one.window.size && other.window.lookback == one.window.lookback)
        #expect(
            other.window.perAccount == one.window.perAccount && other.stages.isEmpty && other.contract?.members == []
        )
        #expect(other.onBadRow == one.onBadRow && other.onSampled == one.onSampled && other.onShrink == one.onShrink)
        #expect(other.onSchemaChange == one.onSchemaChange && other.expected == one.expected)
    }

    /// Flags that do not go with windows make a job without them, as they do in a one-shot export.
    @Test(arguments: [[:], ["max_rows": "10"], ["order_rows": "Cost desc"]])
    func `What cannot be cut is not cut`(_ more: [String: String]) throws {
        let dates = more.isEmpty ? [:] : Self.dates
        let text = try flags(dates.merging(more) { $1 }).draft(of: "job", named: "aw", context()).text(file: "job.yaml")
        #expect(text.contains("\n    window: {size: all}"))
        #expect(try parse(text).exports.first?.window.size == .all)
    }

    @Test func `Mistakes are those of the flags`() {
        #expect {
            try flags(["start_date": "someday", "end_date": "today"]).draft(of: "job", named: "aw", context())
        } throws: {
            "\($0)".hasPrefix("--start_date: 'start_date' must be a date")
        }
        #expect {
            try flags(Self.dates, path: nil).draft(of: "job", named: "aw", context())
        } throws: {
            "\($0)".contains("'into' is an empty list")
        }
        #expect {
            try flags(Self.dates).draft(of: String(repeating: "n", count: 201), named: "aw", context())
        } throws: {
            "\($0)".contains("'name' must be a name of 1 to 200 characters")
        }
    }

    @Test func `A byte order mark that every reader would drop is refused`() {
        for flags in [
            flags(Self.dates.merging(["filter": "\u{FEFF}a > 0"]) { $1 }), flags(Self.dates, path: "\u{FEFF}x/"),
        ] {
            #expect {
                try flags.draft(of: "job", named: "aw", context())
            } throws: {
                "\($0)".hasPrefix("--") && "\($0)".contains("U+FEFF")
            }
        }
    }

    @Test func `Secrets are read from the environment`() throws {
        var flags = flags(Self.dates, path: nil)
        flags.addDestination("table", [("url", "postgresql://u:pa$$w@h/db"), ("table", "a.b")], flag: "--into")
        flags.addDestination("table", [("url", "postgresql://u:other@h/db"), ("table", "a.c")], flag: "--into")
        flags.addStage("hash: {columns: [cost], key: geheim}", flag: "--stage")
        flags.addStage("hash: {columns: [cost], key: \"${PEPPER}\"}", flag: "--stage")
        flags.addStage("hash: {columns: [cost], key: \"${EMPTY:-stille}\"}", flag: "--stage")
        let draft = try flags.draft(of: "job", named: "aw", context())
        let text = draft.text(file: "job.yaml")
        for secret in ["pa$", "other", "geheim", "stille"] { #expect(!text.contains(secret), "\(secret)") }
        #expect(draft.variables == ["DATABASE_URL", "DATABASE_URL_2", "HASH_KEY", "HASH_KEY_2"])
        for variable in draft.variables { #expect(text.contains("# \(variable) must be set")) }
        let values = ["postgresql://u:pa$$w@h/db", "postgresql://u:other@h/db", "geheim", "stille"]
        let export = try #require(
            try parse(text, Dictionary(uniqueKeysWithValues: zip(draft.variables, values))).exports.first
        )
        #expect(export.into.map { $0.options["url"]?.text } == Array(values.prefix(2)))
        #expect(export.stages.map { $0.argument["key"]?.text } == ["geheim", "s3cr3t", "stille"])
    }

    @Test func `A name that would end the comment is not shown`() throws {
        let draft = try flags(Self.dates).draft(of: "job", named: "aw", context())
        for name in ["a\nb: c", "", "a b"] {
            #expect(draft.text(file: name).contains("#   sluice run JOB.yaml "))
            #expect(try parse(draft.text(file: name)).name == "job")
        }
    }

    @Test func `Many fields stand below their key`() throws {
        let fields = (0..<40).map { "Field\($0)" }.joined(separator: ",")
        let text = try flags(Self.dates.merging(["fields": "Date," + fields]) { $1 })
            .draft(of: "job", named: "aw", context()).text(file: "job.yaml")
        #expect(text.contains("\n        - Field39\n"))
        #expect(try parse(text).exports.first?.query.fieldIDs.count == 41)
    }

    /// Whatever flags say, the file says the same.
    @Test func `A written job is the job of its flags`() throws {
        var random = HostileText(seed: 11)
        for round in 0..<400 {
            var flags = ExportFlags()
            let (job, name) = (random.name(), random.name())
            let fields = (0...random.number(0..<4)).map { index in
                "f\(index)-" + random.text { $0 == "," || $0 == "\u{301}" }
            }
            if round % 3 == 0 {
                flags.addQuery(
                    json: JSONValue.object([
                        "ds_id": "AW", "fields": ["Date"], "settings": ["a": random.json(depth: 2)],
                    ])
                    .description,
                    source: "query.json"
                )
            }
            flags.setQuery("ds_id", "s" + random.text(), flag: "--ds-id")
            flags.setQuery("ds_accounts", random.text { $0 == "\u{FEFF}" }, flag: "--ds-accounts")
            flags.setQuery("fields", "Date," + fields.joined(separator: ","), flag: "--fields")
            flags.setQuery("filter", random.text(), flag: "--filter")
            flags.setQuery(
                "start_date",
                ["2024-01-01", "30 days ago", "today"][random.number(0..<3)],
                flag: "--start-date"
            )
            flags.setQuery("end_date", "today", flag: "--end-date")
            if random.number(0..<3) == 0 { flags.setQuery("max_rows", "\(random.number(1..<99))", flag: "--max-rows") }
            flags.addSetting("k" + random.text { $0 == "=" } + "=" + random.text(), flag: "--setting")
            if random.number(0..<2) == 0 {
                flags.setWindow("size", ["day", "3 days", "all"][random.number(0..<3)], flag: "--window")
            }
            let map = JobNode(
                ["map": ["f0": .object(["a" + random.text(): .string(random.text { $0 == "$" })])]],
                at: JobLocation("")
            )
            if random.number(0..<2) == 0 { flags.addStage(YAMLWriter.flow(map), flag: "--stage") }
            let path = "p" + random.text()
            flags.addDestination(["csv", "ndjson"][random.number(0..<2)], [("path", path)], flag: "--into")
            if random.number(0..<2) == 0 {
                flags.setContract([ContractStage.Term("date", type: .date, isNullable: random.number(0..<2) == 0)])
            }

            let said: Job
            do throws(JobFileError) { said = try flags.job(named: name, context()) } catch {
                // What flags may not say, such as max_rows with windows, no file says either.
                #expect(throws: JobFileError.self) { try flags.draft(of: job, named: name, context()) }
                continue
            }
            let text = try flags.draft(of: job, named: name, context()).text(file: "job.yaml")
            let written = try parse(text)
            #expect(written.name == job)
            let (one, other) = (try #require(said.exports.first), try #require(written.exports.first))
            #expect(other.name == one.name && other.name == name)
            #expect(Self.comparable(other.query) == Self.comparable(one.query), "\(text)")
            #expect(other.query.accounts == one.query.accounts && other.query.fieldIDs == one.query.fieldIDs)
            #expect(other.window.size == one.window.size || other.window.size == .week)
            #expect(other.window.perAccount == one.window.perAccount)
            #expect(other.stages.map(\.name) == one.stages.map(\.name))
            #expect(other.stages.map(\.argument.stageArgument) == one.stages.map(\.argument.stageArgument))
            #expect(other.into.map(\.kind) == one.into.map(\.kind))
            #expect(other.into.map(\.options.json) == one.into.map(\.options.json))
            #expect(other.contract == one.contract)
        }
    }

    /// The query with its lists of ids left out, which are compared as lists.
    private static func comparable(_ query: ExportQuery) -> JSONObject {
        JSONObject(query.object.members.filter { !["ds_accounts", "fields"].contains($0.name) })
    }
}

extension HostileText {
    /// A name of a job or an export.
    fileprivate mutating func name() -> String {
        "n" + text { $0 == "/" || $0.properties.generalCategory == .control }.prefix(100)
    }
}

/// A destination with an address that is a secret.
struct TableStub: Sink {
    struct Options: SinkOptions {
        enum CodingKeys: String, CodingKey, CaseIterable { case url, table }
        var url: String
        var table: String
    }
    static let kind = "table"
    let options: Options
    static func withSink<R>(_ options: Options, _ body: (TableStub) async throws -> R) async throws -> R {
        try await body(TableStub(options: options))
    }
}

extension TableStub: StubSink {}
