import Jobs
import SupermetricsAPI
import Testing

@Suite struct YAMLWriterTests {
    private func text(_ text: String) -> JobNode { JobNode(text: text, at: JobLocation("")) }

    /// What a text looks like; what it means is the round trip's matter.
    @Test(arguments: [
        ("Date", "Date"), ("lake", "lake"), ("30 days ago", "30 days ago"), ("2024-01-31", "2024-01-31"),
        ("first day of last month", "first day of last month"), ("list.all_accounts", "list.all_accounts"),
        ("2024-02-30", #""2024-02-30""#), ("123-456-7890", #""123-456-7890""#), ("12", #""12""#), ("1e5", #""1e5""#),
        ("0x1F", #""0x1F""#), ("1_000", #""1_000""#), ("12:30", #""12:30""#), (".5", #"".5""#), ("-0", #""-0""#),
        ("no", #""no""#), ("Null", #""Null""#), ("TRUE", #""TRUE""#), ("~", #""~""#), ("", #""""#), (" a", #"" a""#),
        ("a ", #""a ""#), ("a  b", #""a  b""#), ("a: b", #""a: b""#), ("a #b", #""a #b""#), ("- a", #""- a""#),
        ("a - b", #""a - b""#), ("a\nb", #""a\nb""#), ("a\tb", #""a\tb""#), (#"a"\b"#, #""a\"\\b""#),
        ("decimal(18,6)", #""decimal(18,6)""#),
        ("<<", #""<<""#), ("*a", #""*a""#), ("&a", #""&a""#), ("!a", #""!a""#), ("%a", #""%a""#), ("@a", #""@a""#),
        ("äö", #""äö""#), ("\u{0}\u{7F}\u{85}\u{2028}\u{FEFF}\u{FFFE}\u{1F600}", #""\x00\x7F\x85\u2028\uFEFF\uFFFE😀""#),
    ])
    func `A text is bare only where nobody can misread it`(_ value: String, _ written: String) {
        #expect(YAMLWriter.flow(text(value)) == written)
    }

    @Test func `Lists and maps stand on one line, or one line for each part`() throws {
        let value = try JSONValue(parsing: Array(#"{"a":[1,-0,1.50,1e400,true,null,"x"],"no":{},"c":[]}"#.utf8))
        let node = JobNode(value, at: JobLocation(""))
        #expect(YAMLWriter.flow(node) == #"{a: [1, -0, 1.50, 1e400, true, null, x], "no": {}, c: []}"#)
        #expect(YAMLWriter.block(node) == ["a: [1, -0, 1.50, 1e400, true, null, x]", #""no": {}"#, "c: []"])
        #expect(
            YAMLWriter.block(JobNode(["x", ["b": 1], ["b": 1, "c": 2]], at: JobLocation(""))) == [
                "- x", "- b: 1", "- {b: 1, c: 2}",
            ]
        )
    }

    /// Any JSON, as a setting of a query, is read back as the same JSON.
    @Test func `Whatever is written is read back`() throws {
        var random = HostileText(seed: 7)
        for _ in 0..<400 {
            let value = random.json(depth: 3)
            let node = JobNode(["x": value, "y": .array([value])], at: JobLocation(""))
            var lines = ["ds_id: AW", "fields: [Date]", "start_date: today", "end_date: today"]
            lines += ["settings: " + YAMLWriter.flow(node)]
            let flow = try JobFixtures.parse(JobFixtures.export("query:\n  " + lines.joined(separator: "\n  ")))
            #expect(flow.exports.first?.query.object["settings"] == node.json)
            lines.removeLast()
            lines += ["settings:"] + YAMLWriter.block(node).map { "  " + $0 }
            let block = try JobFixtures.parse(JobFixtures.export("query:\n  " + lines.joined(separator: "\n  ")))
            #expect(block.exports.first?.query.object["settings"] == node.json)
        }
    }
}

/// Texts and JSON made to break a careless writer; the same in every run.
struct HostileText {
    private static let marks = Array(
        "{}[]:,#&*!|>'\"%@`-? \n\r\t$~<=/\\.\u{7}\u{0}\u{85}\u{A0}\u{2028}\u{FEFF}\u{200D}\u{301}\u{FFFF}\u{E000}é😀日0a1eyn_"
            .unicodeScalars
    )
    private static let words = [
        "", "null", "true", "no", "12", "-0", "1e400", "0x1F", "2024-01-01", "decimal(18,6)", "${PEPPER}", "$$", "${",
        "<<", "---", "...", "- a", "a: b", "a #b", "? x", "key: [", "%TAG", " ", "decimal(1",
    ]
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func number(_ range: Range<Int>) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return range.lowerBound + Int(state % UInt64(range.count))
    }

    /// A text without what `isLeftOut` names.
    mutating func text(without isLeftOut: (Unicode.Scalar) -> Bool = { _ in false }) -> String {
        var view = String.UnicodeScalarView()
        for _ in 0..<number(0..<4) {
            switch number(0..<5) {
            case 0: view.append(contentsOf: Self.words[number(0..<Self.words.count)].unicodeScalars)
            case 1 where number(0..<40) == 0:
                view.append(contentsOf: String(repeating: "x", count: 1200).unicodeScalars)
            default: for _ in 0..<number(0..<6) { view.append(Self.marks[number(0..<Self.marks.count)]) }
            }
        }
        view.removeAll(where: isLeftOut)
        // Readers drop a byte order mark in front; drafts refuse it.
        while view.first == "\u{FEFF}" { view.removeFirst() }
        return String(view)
    }

    mutating func json(depth: Int) -> JSONValue {
        switch number(0..<(depth > 0 ? 8 : 6)) {
        case 0: return .null
        case 1: return .bool(number(0..<2) == 0)
        case 2:
            let numbers = ["1", "-0", "1.50", "1e400", "123456789012345678901"]
            return JSONNumber(numbers[number(0..<numbers.count)]).map(JSONValue.number) ?? .null
        case 6: return .array((0..<number(0..<4)).map { _ in json(depth: depth - 1) })
        case 7:
            var object = JSONObject()
            for _ in 0..<number(0..<4) { object[key()] = json(depth: depth - 1) }
            return .object(object)
        default: return .string(text(without: Self.isReference))
        }
    }

    private mutating func key() -> String { text() }

    /// What would be a reference in a job file.
    private static func isReference(_ scalar: Unicode.Scalar) -> Bool { scalar == "$" }
}
