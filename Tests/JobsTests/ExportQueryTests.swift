import Jobs
import SupermetricsAPI
import Testing

@Suite struct ExportQueryTests {
    private func query(_ yaml: String) throws -> ExportQuery {
        let job = try JobFixtures.parse(JobFixtures.export("query:\n" + yaml + "\nwindow: {size: all}"))
        return try #require(job.exports.first).query
    }

    @Test func `The query is passed through with its own names, order, types and digits`() throws {
        let query = try query(
            """
              fields:
                - Date
                - {id: Cost, split: {by: column}}
                - [a, b]
              ds_id: "AW"
              ds_accounts: [1234567890123456789, 007, "list.x"]
              settings:
                no_headers: true
                ratio: 0.10
                big: 12345678901234567890123
                exponent: 1e3
                text: "0.10"
                date: 2024-01-01
                yes: yes
                nothing: null
                empty: ""
                list: [1, [2, {a: b}], []]
                object: {}
              order_rows: Cost desc
              max_rows: 10
            """
        )
        #expect(
            JSONValue.object(query.object).description
                == #"{"fields":["Date",{"id":"Cost","split":{"by":"column"}},["a","b"]],"ds_id":"AW","#
                + #""ds_accounts":["1234567890123456789","007","list.x"],"#
                + #""settings":{"no_headers":true,"ratio":0.10,"big":12345678901234567890123,"exponent":1e3,"#
                + #""text":"0.10","date":"2024-01-01","yes":"yes","nothing":null,"empty":"","#
                + #""list":[1,[2,{"a":"b"}],[]],"object":{}},"order_rows":"Cost desc","max_rows":10}"#
        )
        #expect(query.fieldIDs == ["Date", "Cost", "a", "b"])
        #expect(query.accounts == .named(["1234567890123456789", "007", "list.x"]))
        #expect(query.accounts.needsResolving)
        #expect(query.maxRows == 10)
        #expect(query.isOrdered)
    }

    @Test func `Lists may be written with commas, accounts as a pattern`() throws {
        let query = try query("  {ds_id: AW, fields: \"Date, Cost\", ds_accounts: \"1,2 , 3\"}")
        #expect(query.fieldIDs == ["Date", "Cost"])
        #expect(query.accounts == .named(["1", "2", "3"]))
        #expect(!query.accounts.needsResolving)
        let pattern = try self.query("  {ds_id: AW, fields: [Cost], ds_accounts: {filter_name: /^x$/}}")
        #expect(pattern.accounts == .matching(["filter_name": "/^x$/"]))
        #expect(pattern.accounts.needsResolving)
        #expect(try self.query("  {ds_id: AW, fields: [Cost]}").accounts == .none)
    }

    @Test func `Anchors and merge keys share what exports have in common`() throws {
        let job = try JobFixtures.parse(
            """
            name: job
            exports:
              - &base
                name: one
                query: &query {ds_id: AW, fields: [Date, Cost], start_date: 2024-01-01, end_date: today}
                into: [{csv: {path: "{export}.csv"}}]
              - <<: *base
                name: two
                query: {<<: *query, ds_id: GA}
            """
        )
        #expect(job.exports.map(\.name) == ["one", "two"])
        #expect(job.exports[1].query.dsID == "GA")
        #expect(job.exports[1].query.fieldIDs == ["Date", "Cost"])
        #expect(job.exports[1].into.first?.options["path"]?.text == "{export}.csv")
    }

    @Test func `The canonical form does not know the order of keys`() throws {
        let one = try JSONValue(parsing: Array(#"{"b":[{"z":1.0,"a":"x"}],"a":1e2,"é":"\u00e9\n"}"#.utf8))
        let other = try JSONValue(parsing: Array(#" { "é" : "é\n", "a" : 1e2 , "b":[{"a":"x","z":1.0}] } "#.utf8))
        #expect(one != other)
        #expect(one.canonical.serialized == other.canonical.serialized)
        #expect(one.canonical.description == #"{"a":1e2,"b":[{"a":"x","z":1.0}],"é":"é\n"}"#)
        let third = try JSONValue(parsing: Array(#"{"a":1e2,"b":[{"a":"x","z":1.00}],"é":"é\n"}"#.utf8))
        #expect(third.canonical.serialized != one.canonical.serialized)
    }

    @Test func `The fingerprint covers what decides the rows`() throws {
        let query = "  {ds_id: AW, ds_accounts: [a], fields: [Date, Cost], START, end_date: today}"
        func fingerprint(_ lines: String, start: String = "start_date: 2024-01-01", key: String = "k") throws -> String
        {
            let text = JobFixtures.export("query:\n" + query.replacing("START", with: start) + "\n" + lines)
            let job = try JobFixtures.parse(text, environment: ["KEY": key])
            return try #require(job.exports.first).fingerprint.text
        }
        let plain = try fingerprint("")
        #expect(try fingerprint("on_empty: fail\nwindow: {lookback: 3 days}") == plain)
        #expect(try fingerprint("", start: "start_date: 30 days ago") == plain)
        #expect(try fingerprint("columns: keep") != plain)
        #expect(try fingerprint("", start: "cache_minutes: 5, start_date: today") != plain)
        #expect(try fingerprint("window: {per_account: true}") != plain)
        let staged = try fingerprint("stages: [{rename: {date: b, cost: d}}]")
        #expect(staged != plain)
        #expect(try fingerprint("stages: [{rename: {cost: d, date: b}}]") == staged)
        let derived = try fingerprint("stages: [{derive: {a: cost, b: date}}]")
        #expect(try fingerprint("stages: [{derive: {b: date, a: cost}}]") != derived)
        let hash = "stages: [{hash: {columns: [cost], key: \"${KEY}\"}}]"
        #expect(try fingerprint(hash) != fingerprint(hash, key: "other"))
        #expect(try fingerprint(hash, key: "secret-pepper") == fingerprint(hash, key: "secret-pepper"))
    }
}
