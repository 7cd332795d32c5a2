import PipelineCore
import Testing

@testable import Extraction

@Suite("Metadata of results")
struct ResultMetaTests {
    static func meta(_ json: String) -> ResultMeta? { ResultMeta(json: Array(json.utf8)) }

    /// Metadata of a result with these fields.
    static func fields(_ fields: String, result: String = "{}") throws -> ResultMeta {
        try #require(meta(#"{"query":{"fields":[\#(fields)]},"result":\#(result)}"#))
    }

    @Test("A whole answer, as the API documents it")
    func documented() throws {
        let meta = try #require(
            Self.meta(
                #"""
                {"request_id":"r1","schedule_id":"s1","status_code":"SUCCESS",
                 "query":{"start_date":"2024-02-01","end_date":"2024-02-05","ds_accounts":["1"],"ds_segments":[],
                  "fields":[{"id":"date","field_id":"Date","field_name":"Date","field_type":"dim","field_split":"row",
                    "data_type":"string.time.date","data_column":0,"visible":true},
                   {"id":"sessions","field_id":"sessions","field_name":"Sessions","field_type":"met",
                    "field_split":"row","data_type":"int.number.value","data_column":1,"visible":true}],
                  "compare_type":null,"settings":{"no_json_keys":true},"cache_minutes":null},
                 "result":{"total_columns":2,"total_rows":6,"run_seconds":3.21,"data_sampled":true,"cache_used":true,
                  "cache_time":"2024-02-06T10:00:00+02:00"},
                 "paginate":{"prev":null,"next":"https://api.example/query/data/json?json=x"}}
                """#
            )
        )
        #expect(meta.requestID == "r1")
        #expect(meta.scheduleID == "s1")
        #expect(meta.status == "SUCCESS")
        #expect(meta.totalRows == 6)
        #expect(meta.isSampled)
        #expect(meta.cacheTime == Timestamp("2024-02-06T08:00:00Z"))
        #expect(meta.hasNextPage)
        #expect(meta.fieldsProblem == nil)
        #expect(
            meta.fields == [
                Extraction.ResultField(id: "date", name: "Date", dataType: "string.time.date", isMetric: false),
                Extraction.ResultField(id: "sessions", name: "Sessions", dataType: "int.number.value", isMetric: true),
            ]
        )
    }

    @Test(
        "Nulls, absent keys, other types and PHP's empty arrays say nothing",
        arguments: [
            "{}", "[]", "null", #"{"query":null,"result":null,"paginate":null}"#,
            #"{"query":[],"result":[],"paginate":[]}"#, #"{"query":{"fields":null},"result":{},"paginate":{}}"#,
            #"{"query":{"fields":{}},"result":{"total_rows":null,"data_sampled":null,"cache_used":null}}"#,
            #"{"result":{"total_rows":-1,"data_sampled":"perhaps","cache_used":{},"cache_time":7},"paginate":{"next":""}}"#,
            #"{"request_id":null,"schedule_id":[],"status_code":false,"paginate":{"next":false}}"#,
        ]
    )
    func nothing(json: String) throws {
        let meta = try #require(Self.meta(json))
        #expect(meta.requestID == nil && meta.scheduleID == nil && meta.status == nil)
        #expect(meta.totalRows == nil && !meta.isSampled && meta.cacheTime == nil && !meta.hasNextPage)
        #expect(meta.fields.isEmpty && meta.fieldsProblem == nil)
        #expect(!meta.describesColumns)
    }

    @Test("What is no metadata at all is refused", arguments: ["7", "\"x\"", "true", "[1]", "{", "{\"a\":1}x"])
    func refused(json: String) { #expect(Self.meta(json) == nil) }

    @Test("Numbers and truth values may come as their text")
    func texts() throws {
        let meta = try Self.fields(
            #"{"id":"b","data_column":"1","visible":"1"},{"id":"a","data_column":"0"},{"id":"c","visible":0}"#,
            result: #"{"total_rows":"12","total_columns":"2","data_sampled":"true","cache_used":1,"#
                + #""cache_time":"2024-02-06 08:00:00"}"#
        )
        #expect(meta.fields.map(\.id) == ["a", "b"])
        #expect(meta.totalRows == 12)
        #expect(meta.isSampled)
        #expect(meta.cacheTime == Timestamp("2024-02-06T08:00:00Z"))
        #expect(try Self.fields("", result: #"{"total_rows":12.0}"#).totalRows == 12)
        #expect(try Self.fields("", result: #"{"total_rows":12.5}"#).totalRows == nil)
        #expect(try Self.fields("", result: #"{"request_id":123}"#).totalRows == nil)
        #expect(Self.meta(#"{"request_id":123}"#)?.requestID == "123")
    }

    @Test("Columns stand where data_column says, or in their order where it does not")
    func columns() throws {
        let moved = try Self.fields(#"{"id":"b","data_column":1},{"id":"a","data_column":0}"#)
        #expect(moved.fields.map(\.id) == ["a", "b"])
        let plain = try Self.fields(#"{"id":"a"},{"field_id":"b"},{"id":"c","field_name":"C","data_type":"x"}"#)
        #expect(plain.fields.map(\.id) == ["a", "b", "c"])
        #expect(plain.fields[1] == Extraction.ResultField(id: "b", name: "b", dataType: "", isMetric: false))
        #expect(try Self.fields(#"{"id":"a","field_type":"MET"}"#).fields[0].isMetric)
    }

    @Test("An invisible field takes no column, unless it says which")
    func invisible() throws {
        let hidden = try Self.fields(#"{"id":"a"},{"id":"b","visible":false},{"id":"c"}"#)
        #expect(hidden.fields.map(\.id) == ["a", "c"])
        let placed = try Self.fields(
            #"{"id":"a","data_column":0},{"id":"b","visible":false,"data_column":1},{"id":"c","data_column":2}"#
        )
        #expect(placed.fields.map(\.id) == ["a", "b", "c"])
    }

    @Test(
        "Columns that cannot be told from the metadata",
        arguments: [
            (#"{"id":"a"},{"id":"b","field_split":"Column"}"#, "{}", "split into columns"),
            (#"{"id":"a"},{"field_name":"b"}"#, "{}", "no id"),
            (#"{"id":"a","data_column":0},{"id":"b","data_column":0}"#, "{}", "two fields stand in column 0"),
            (#"{"id":"a","data_column":0},{"id":"b","data_column":2}"#, "{}", "some columns have no field"),
            (#"{"id":"a"},{"id":"b"}"#, #"{"total_columns":3}"#, "3 columns but 2 fields"),
        ]
    )
    func problems(fields: String, result: String, problem: String) throws {
        let meta = try Self.fields(fields, result: result)
        #expect(meta.fieldsProblem?.contains(problem) == true)
        #expect(meta.describesColumns)
    }

    @Test(
        "Times as the API writes them",
        arguments: [
            ("2024-02-06T08:00:00Z", "2024-02-06T08:00:00Z"), ("2024-02-06T08:00:00.250Z", "2024-02-06T08:00:00.250Z"),
            ("2024-02-06T10:00:00+02:00", "2024-02-06T08:00:00Z"), ("2024-02-06 08:00:00", "2024-02-06T08:00:00Z"),
            ("2024-02-06T10:00:00+0200", "2024-02-06T08:00:00Z"), ("yesterday", nil), ("", nil),
        ] as [(String, String?)]
    )
    func times(text: String, time: String?) { #expect(ResultMeta.time(text) == time.flatMap { Timestamp($0) }) }
}
