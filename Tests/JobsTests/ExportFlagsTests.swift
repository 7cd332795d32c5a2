import Jobs
import SupermetricsAPI
import Testing

@Suite struct ExportFlagsTests {
    private func flags(start: String = "2024-01-01", fields: String = "Date,Cost") -> ExportFlags {
        var flags = ExportFlags()
        flags.setQuery("ds_id", "AW", flag: "--ds-id")
        flags.setQuery("ds_accounts", "123,456", flag: "--ds-accounts")
        flags.setQuery("fields", fields.split(separator: ",").map(String.init), flag: "--fields")
        flags.setQuery("start_date", start, flag: "--start-date")
        flags.setQuery("end_date", "yesterday", flag: "--end-date")
        flags.addDestination("csv", [("path", "spend.csv.gz"), ("level", "6")], flag: "--into")
        return flags
    }

    private func mistakes(_ flags: ExportFlags) -> [String] {
        do throws(JobFileError) {
            _ = try flags.job(JobFixtures.context())
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test func `Flags make a job of one export that is not cut`() throws {
        var flags = flags(fields: "Date,Cost,n,day")
        flags.setQuery("max_rows", "10", flag: "--max-rows")
        flags.addSetting("no_headers=true", flag: "--setting")
        flags.addSetting("report_type=a=b", flag: "--setting")
        flags.addStage(
            "cast: {cost: decimal(18,6), n: decimal(5, 2), day: {type: date, format: '%d.%m.%Y'}}",
            flag: "--stage"
        )
        flags.addStage("select: [date, cost]", flag: "--stage")
        let job = try flags.job(named: "spend", JobFixtures.context())
        let export = try #require(job.exports.first)
        #expect(job.name == "export")
        #expect(export.name == "spend")
        #expect(export.window.size == .all)
        #expect(
            JSONValue.object(export.query.object).description
                == #"{"ds_id":"AW","ds_accounts":"123,456","fields":["Date","Cost","n","day"],"#
                + #""start_date":"2024-01-01","end_date":"yesterday","max_rows":10,"#
                + #""settings":{"no_headers":true,"report_type":"a=b"}}"#
        )
        #expect(export.query.fieldIDs == ["Date", "Cost", "n", "day"])
        #expect(export.stages.map(\.name) == ["cast", "select"])
        #expect(export.stages.first?.argument.members.map(\.name) == ["cost", "n", "day"])
        #expect(export.stages.first?.argument["cost"]?.text == "decimal(18,6)")
        #expect(export.into.first?.options["level"]?.text == "6")
        #expect(job.unsupported.isEmpty)
    }

    @Test func `The default name is made of the query without its dates`() throws {
        let context = JobFixtures.context()
        let name = try #require(try flags().job(context).exports.first?.name)
        #expect(name.hasPrefix("export-"))
        #expect(name.count == 19)
        #expect(try flags(start: "30 days ago").job(context).exports.first?.name == name)
        #expect(try flags(fields: "Date").job(context).exports.first?.name != name)
    }

    @Test func `A query object is taken as it is, flags win`() throws {
        var flags = ExportFlags()
        flags.addQuery(
            json:
                #"{"ds_id":"GA","fields":["Date",{"id":"x"}],"start_date":"2024-01-01","end_date":"today","settings":{"n":1.50}}"#,
            source: "query.json"
        )
        flags.setQuery("ds_id", "AW", flag: "--ds-id")
        flags.addSetting("m=2", flag: "--setting")
        flags.addDestination("csv", [("path", "-")], flag: "--into")
        let job = try flags.job(JobFixtures.context())
        let query = try #require(job.exports.first).query
        #expect(query.dsID == "AW")
        #expect(query.object["settings"] == ["n": .number(try #require(JSONNumber("1.50"))), "m": 2])
        #expect(query.fieldIDs == ["Date", "x"])
    }

    @Test func `References in a stage are read as in a job file`() throws {
        var flags = flags()
        flags.addStage("hash: {columns: [cost], key: \"${PEPPER}\"}", flag: "--stage")
        let stage = try #require(try flags.job(JobFixtures.context()).exports.first?.stages.first)
        #expect(stage.argument["key"]?.text == "s3cr3t")
        #expect("\(stage)".contains("s3cr3t") == false)
        flags.addStage("hash: {columns: [cost], key: \"${NONE}\"}", flag: "--stage")
        #expect(
            mistakes(flags) == [
                "--stage:1:30: the environment variable NONE is not set; set it, or write ${NONE:-default}"
            ]
        )
    }

    @Test func `Mistakes name the flag or the file`() {
        var flags = ExportFlags()
        flags.addQuery(json: "{\"fields\": [\"Date\"],\n  \"feilds\": 1, }", source: "broken.json")
        flags.addQuery(json: "[]", source: "list.json")
        flags.addQuery(json: #"{"feilds":["Date"],"max_rows":"x","ds_id":"a","ds_id":"b"}"#, source: "query.json")
        flags.setQuery("start_date", "someday", flag: "--start-date")
        flags.addSetting("=x", flag: "--setting")
        flags.setWindow("size", "fortnight", flag: "--window")
        flags.setExport("on_empty", "alow", flag: "--on-empty")
        flags.addStage("cast: {cost: decmal}", flag: "--stage")
        flags.addStage("cats: {cost: text}", flag: "--stage")
        flags.addStage("cast: {cost", flag: "--stage")
        flags.addStage("", flag: "--stage")
        flags.addDestination("csv", [("paht", "x")], flag: "--into")
        let found = Set(mistakes(flags))
        let expected: Set = [
            "broken.json:2:16: not JSON: expected a member name", "list.json: a query must be one JSON object",
            "query.json: the key 'ds_id' is written twice",
            "query.json: unknown key 'feilds' in query; did you mean 'fields'?",
            "query.json: 'max_rows' must be a whole number from 1 to 1000000, not 'x'",
            "export: query has no 'fields': the fields to ask for, such as [Date, Cost]",
            "--setting: a setting is written key=value",
            "--window: 'size' must be day, week, month, all, or a number of days such as 10 days, not 'fortnight'",
            "--on-empty: 'on_empty' must be 'fail', 'warn' or 'allow', not 'alow'; did you mean 'allow'?",
            "--stage:1:14: 'cost' must be text, decimal, decimal(18,6), int64, double, bool, date, timestamp or json, "
                + "not 'decmal'", "--stage:1:1: unknown stage 'cats'; did you mean 'cast'?",
            "--stage: a stage is written as in a job file: 'drop: [note]'",
            "--into: unknown key 'paht' in csv; did you mean 'path'?",
        ]
        #expect(expected.isSubset(of: found), "\(expected.subtracting(found))")
        #expect(found.contains { $0.hasPrefix("--start-date: 'start_date' must be a date") })
        #expect(found.contains { $0.hasPrefix("--stage:1:") && $0.contains("is never closed") })
    }
}
