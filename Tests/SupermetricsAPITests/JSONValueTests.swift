import Testing

@testable import SupermetricsAPI

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "what is read is written back, digit by digit and in order",
        arguments: [
            #"{"b":1,"a":{"z":[],"y":{}},"unknown":null}"#,
            #"[0,-0,1.50,12345678901234567890123,1e5,1E+5,-2.0e-7]"#,
            #"["","ä€😀","\"\\\n\r\t\u0001"]"#,
            #"{"same":1,"same":2}"#,
            "true", "false", "null", "\"x\"", "7",
        ]
    )
    func roundTrip(text: String) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).description == text)
    }

    @Test("white space and escapes are read")
    func escapes() throws {
        let value = try JSONValue(parsing: Array(" { \"a\\/b\" : [ \"\\u00e4\\ud83d\\ude00\\b\\f\" ] } \n".utf8))
        #expect(value == ["a/b": ["ä😀\u{8}\u{c}"]])
    }

    @Test(
        "everything else is refused",
        arguments: [
            "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "+1", "1e", "-", "nul", "tru", "\"a",
            "\"\\x\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "1 2", "{} x", "[1 2]", "\"\\u12g4\"",
            "\"\\u+123\"",
            "NaN",
        ]
    )
    func malformed(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("bytes that are not UTF-8 are refused rather than repaired")
    func invalidUTF8() {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
    }

    @Test("nesting has a limit that hostile text cannot pass")
    func depth() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONValue(parsing: nested(128))
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: nested(129)) }
        #expect(throws: JSONSyntaxError.self) {
            try JSONValue(parsing: Array(repeating: UInt8(ascii: "["), count: 1_000_000))
        }
    }

    @Test("setting a member keeps its place, nil removes it, the last of a repeated name counts")
    func members() throws {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = "x"
        object["c"] = nil
        object["d"] = .null
        #expect(JSONValue.object(object).description == #"{"a":"x","b":2,"d":null}"#)
        object["b"] = nil
        #expect(JSONValue.object(object).description == #"{"a":"x","d":null}"#)
        #expect(try JSONValue(parsing: Array(#"{"s":1,"s":2}"#.utf8))["s"] == 2)
        #expect(JSONNumber("1.50")?.text == "1.50")
        #expect(JSONNumber("1.50 ") == nil || JSONNumber("abc") == nil)
        #expect(JSONNumber("abc") == nil)
    }
}
