import ByteCodecs
import PipelineCore
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite("RowReader: what a body holds")
struct RowReaderContentTests {
    static let cells: [(json: String, kind: Cell.Kind, value: String)] = [
        ("null", .null, ""),
        (#""""#, .text, ""),
        (#""2024-02-29""#, .text, "2024-02-29"),
        (#""käyttö 🎉""#, .text, "käyttö 🎉"),
        (#""a\"b""#, .escaped, #"a\"b"#),
        (#""\u00e4""#, .escaped, #"\u00e4"#),
        (#""\ud83c\udf89""#, .escaped, #"\ud83c\udf89"#),
        (#""\u0000""#, .escaped, #"\u0000"#),
        ("0", .number, "0"),
        ("-0", .number, "-0"),
        ("12.50", .number, "12.50"),
        ("11473971231.00000000000000001", .number, "11473971231.00000000000000001"),
        ("9007199254740993", .number, "9007199254740993"),
        ("-1.5E+400", .number, "-1.5E+400"),
        ("true", .bool, "true"),
        ("false", .bool, "false"),
        ("[]", .json, "[]"),
        (#"{"a": [1, "]"]}"#, .json, #"{"a": [1, "]"]}"#),
    ]

    @Test("tells cells apart and keeps them as written", arguments: cells)
    func cell(json: String, kind: Cell.Kind, value: String) throws {
        let content = try ReaderDriver.content(of: bytes(#"{"data":[[ \#(json) ]]}"#), columns: 1)
        #expect(content.rows == [[PlainCell(kind, bytes(value))]])
    }

    @Test("takes members in any order and form, and leaves unknown ones")
    func members() throws {
        let body = """
             { "other" : {"data": [[1]]}, "d\\u0061ta" : [ [ 1 , "a" ] ,
             [2,null]] , "more": "x", "meta" : { "request_id" : "r" } , "error" : null }\t\r\n
            """
        let content = try ReaderDriver.content(of: bytes(body), columns: 2)
        #expect(content.meta.map(text) == #"{ "request_id" : "r" }"#)
        #expect(content.error == nil)
        #expect(content.rowsAfterMeta == false)
        #expect(
            content.rows == [
                [PlainCell(.number, bytes("1")), PlainCell(.text, bytes("a"))],
                [PlainCell(.number, bytes("2")), PlainCell(.null)],
            ]
        )
    }

    @Test("hands on an error, with data null or absent")
    func error() throws {
        for body in [#"{"meta":{},"error":{"code":"QUOTA"},"data":null}"#, #"{"error":{"code":"QUOTA"}}"#] {
            var driver = ReaderDriver(columns: 1)
            try driver.read(bytes(body))
            #expect(driver.content.error.map(text) == #"{"code":"QUOTA"}"#)
            let facts = try #require(driver.facts.first)
            #expect(facts.hasError && !facts.hasData && facts.rowCount == 0)
            #expect(facts.byteCount == body.utf8.count)
        }
    }

    @Test("leaves out rows that hold text that is none, and says why")
    func badText() throws {
        var body = bytes(#"{"data":[["a",1],["#)
        body += [0x22, 0x61, 0xFF, 0x22] + bytes(#",2],["b",3],["c","\ud800"],["d",{"k":"\udc00"}]]}"#)
        let content = try ReaderDriver.content(of: body, columns: 2)
        #expect(content.rows.map { text($0[0].bytes) } == ["a", "b"])
        #expect(
            content.bad == [
                .init(row: 1, column: 0, fault: .invalidUTF8), .init(row: 3, column: 1, fault: .loneSurrogate),
                .init(row: 4, column: 1, fault: .loneSurrogate),
            ]
        )
        #expect(content.rowCount == 5)
    }
}

@Suite("RowReader: what it refuses")
struct RowReaderErrorTests {
    static let badBodies: [(body: String, problem: ReadError.Problem, offset: Int)] = [
        ("", .truncated, 0),
        ("<html>", .notAnObject, 0),
        ("[1]", .notAnObject, 0),
        ("{", .truncated, 1),
        (#"{"data":[[1,2],[3,4]]"#, .truncated, 21),
        (#"{"data":[[1,2],"#, .truncated, 15),
        (#"{"data":[]}x"#, .syntax, 11),
        (#"{"data":[]}{"data":[]}"#, .syntax, 11),
        (#"{"data":[],}"#, .syntax, 11),
        (#"{"data":{}}"#, .dataNotAnArray, 8),
        (#"{"data":"x"}"#, .dataNotAnArray, 8),
        (#"{"data":[],"data":[]}"#, .repeatedMember, 11),
        (#"{"meta":1,"m\u0065ta":2}"#, .repeatedMember, 10),
        (#"{"meta":"\#u{1}"}"#, .syntax, 9),
        (#"{"meta":"\ud800"}"#, .badText(.loneSurrogate), 9),
        (#"{"meta":tru}"#, .syntax, 11),
        (#"{"meta":01}"#, .syntax, 9),
    ]

    @Test("names the fault and its place", arguments: badBodies)
    func outsideRows(body: String, problem: ReadError.Problem, offset: Int) {
        #expect(throws: ReadError(problem, offset: offset)) {
            try ReaderDriver.content(of: bytes(body), columns: 2)
        }
    }

    /// A row that should be `[…,…]`, what is wrong with it, and where: the byte and the column.
    static let badRows: [(row: String, problem: ReadError.Problem, offset: Int, column: Int?)] = [
        ("[1]", .cellCount(expected: 2), 2, 1),
        ("[1,2,3]", .cellCount(expected: 2), 4, 2),
        ("[]", .cellCount(expected: 2), 1, 0),
        (#"{"a":1}"#, .rowNotAnArray, 0, nil),
        ("7", .rowNotAnArray, 0, nil),
        ("[1,]", .syntax, 3, 1),
        ("[1 2]", .syntax, 3, 1),
        ("[.5,2]", .syntax, 1, 0),
        ("[1.,2]", .syntax, 3, 0),
        ("[+1,2]", .syntax, 1, 0),
        ("[1\u{D2},2]", .syntax, 2, 1),
        ("[1,NaN]", .syntax, 3, 1),
        (#"["\x",2]"#, .syntax, 3, 0),
        ("[\"a\nb\",2]", .syntax, 3, 0),
        (#"["\u12g4",2]"#, .syntax, 6, 0),
        ("['a',2]", .syntax, 1, 0),
        ("[1,\u{0}]", .syntax, 3, 1),
        ("[1,[[[[[1]]]]]]", .tooDeep(limit: 4), 7, 1),
    ]

    @Test("names row and column", arguments: badRows)
    func insideRows(row: String, problem: ReadError.Problem, offset: Int, column: Int?) {
        let body = #"{"meta":{},"data":[[1,2],\#(row)]}"#
        #expect(throws: ReadError(problem, offset: 25 + offset, row: 1, column: column)) {
            try ReaderDriver.content(of: bytes(body), columns: 2, limits: ReadLimits(depth: 4))
        }
    }

    @Test("refuses a row or a value that is too long as soon as its bytes show it")
    func tooLong() {
        let limits = ReadLimits(rowBytes: 100, valueBytes: 50)
        for (begin, limit) in [(#"{"data":[[""#, 100), (#"{"meta":{"a":""#, 50), (#"{""#, 50)] {
            var driver = ReaderDriver(columns: 1, limits: limits)
            driver.reader.beginBody()
            let error = #expect(throws: ReadError.self) {
                try driver.feed(bytes(begin) + [UInt8](repeating: 0x61, count: 300)) { 64 }
            }
            #expect(error?.problem == .tooLong(limit: limit))
        }
    }

    @Test("holds no byte of the body in its text")
    func description() {
        let error = #expect(throws: ReadError.self) {
            try ReaderDriver.content(of: bytes(#"{"meta":{},"data":[["secret" "secret"]]}"#), columns: 2)
        }
        let expected = "cannot read the answer's body at byte 29, row 1, column 2: it is not valid JSON; fetch it again"
        #expect(error?.description == expected)
    }

    @Test("does not read rows before it knows the columns")
    func columnsUnknown() throws {
        var reader = RowReader()
        reader.beginBody()
        let body = bytes(#"{"data":[[1]]}"#)
        var offset = 0
        guard case .rowsBegin(afterMeta: false) = try reader.next(from: body.span, at: &offset) else {
            Issue.record("rows did not begin")
            return
        }
        let error = #expect(throws: ReadError.self) { try reader.next(from: body.span, at: &offset) }
        #expect(error?.problem == .columnsUnknown)
    }
}

@Suite("RowReader: batches and bodies")
struct RowReaderBatchTests {
    /// A body of rows `[<first>,"x"]` and so on.
    private func body(_ numbers: Range<Int>) -> [UInt8] {
        bytes(#"{"meta":{"p":1},"data":["#) + bytes(numbers.map { "[\($0),\"x\"]" }.joined(separator: " ,\n"))
            + bytes("]}")
    }

    private func numbers(_ content: BodyContent) -> [String] { content.rows.map { text($0[0].bytes) } }

    @Test("ends a batch after the row at which the bytes of rows alone reach the size")
    func cut() throws {
        // Rows 0 to 9 have 7 bytes, later ones 8: 3 × 7 = 21 is the first sum from 20 on, and 3 × 8 = 24.
        var driver = ReaderDriver(columns: 2, batchSize: 20)
        try driver.read(body(0..<20))
        driver.flush()
        #expect(driver.batchSizes == [3, 3, 3, 3, 3, 3, 2])
        #expect(numbers(driver.content) == (0..<20).map(String.init))
    }

    @Test("cuts the same however rows are paged and bytes arrive", arguments: [1, 2, 5, 64, 10_000])
    func paging(chunkSize: Int) throws {
        var whole = ReaderDriver(columns: 2, batchSize: 100)
        try whole.read(body(0..<500))
        whole.flush()
        var paged = ReaderDriver(columns: 2, batchSize: 100)
        var start = 0
        for count in [1, 0, 13, 200, 99, 187] {
            try paged.read(body(start..<start + count)) { chunkSize }
            start += count
        }
        paged.flush()
        #expect(paged.batchSizes == whole.batchSizes)
        #expect(paged.content.rows == whole.content.rows)
        #expect(paged.facts.map(\.rowCount) == [1, 0, 13, 200, 99, 187])
    }

    @Test("goes on where a body broke off, checking the row that is repeated")
    func resume() throws {
        var driver = ReaderDriver(columns: 2, batchSize: 30)
        driver.reader.beginBody()
        let first = body(0..<50)
        try driver.feed(Array(first.prefix(300))) { 7 }
        let facts = driver.reader.abandonBody()
        #expect(facts.rowCount > 5 && facts.rowCount < 50)
        #expect(facts.rowCount == driver.reader.rowCount)
        #expect(text(driver.reader.lastRow) == "[\(facts.rowCount - 1),\"x\"]")
        try driver.read(body(facts.rowCount - 1..<50), expecting: driver.reader.lastRow)
        driver.flush()
        #expect(numbers(driver.content) == (0..<50).map(String.init))
        #expect(driver.facts.last?.rowCount == 50 - facts.rowCount)

        var unbroken = ReaderDriver(columns: 2, batchSize: 30)
        try unbroken.read(first)
        unbroken.flush()
        #expect(driver.batchSizes == unbroken.batchSizes)
    }

    @Test("refuses a body that does not begin with the expected row")
    func expectation() throws {
        for next in [body(6..<9), body(0..<0)] {
            var driver = ReaderDriver(columns: 2)
            try driver.read(body(0..<6))
            let error = #expect(throws: ReadError.self) {
                try driver.read(next, expecting: driver.reader.lastRow)
            }
            #expect(error?.problem == .firstRowDiffers)
            driver.reader.abandonBody()
            try driver.read(body(5..<9), expecting: driver.reader.lastRow)
            driver.flush()
            #expect(numbers(driver.content) == (0..<9).map(String.init))
        }
    }

    @Test("drops what stands between rows, so that space and large members cost no memory")
    func gaps() throws {
        var driver = ReaderDriver(columns: 1)
        for _ in 0..<3 {
            let space = String(repeating: " ", count: 100_000)
            try driver.read(bytes(#"{"data":[[1],\#(space)[2]\#(space)]}"#)) { 1000 }
            let other = String(repeating: "x", count: 100_000)
            try driver.read(bytes(#"{"a":"\#(other)"}"#)) { 1000 }
        }
        let last = driver.reader.flush()
        let batch = try #require(last).batch
        #expect(batch.plainRows.map { text($0[0].bytes) } == ["1", "2", "1", "2", "1", "2"])
        #expect(batch.bytes.count < 20_000)
    }

    @Test("reads a long value that comes byte by byte in time that grows with its length", .timeLimit(.minutes(10)))
    func slowly() throws {
        let value = String(repeating: "ab\\n", count: 15_000)
        let content = try ReaderDriver.content(of: bytes(#"{"meta":["\#(value)"],"data":[["\#(value)"]]}"#), columns: 1)
        {
            1
        }
        #expect(content.rows.first?.first?.bytes.count == 60_000)
    }

    @Test("A header row is told before the schema is known, and is no row, however its bytes are cut")
    func headers() throws {
        let header = #"[ "Date","sm\u00f6r, \"x\"" ,""]"#
        let rows = #"["2024-01-01",1,null],["2024-01-02",2,true]"#
        for space in ["", " ", "\n\t"] {
            for size in [1, 2, 7, .max] {
                for (data, count) in [("\(header)\(space),\(space)\(rows)", 2), (header, 0), ("", 0)] {
                    var driver = ReaderDriver(columns: 3)
                    let body = #"{"meta":{},"data":[\#(space)\#(data)\#(space)]}"#
                    try driver.read(Array(body.utf8), hasHeader: true, chunkSize: { size })
                    driver.flush()
                    #expect(driver.content.header == (data.isEmpty ? nil : Array(header.utf8)))
                    #expect(driver.content.rowCount == count && driver.facts.last?.rowCount == count)
                    let plain = try ReaderDriver.content(of: Array(#"{"meta":{},"data":[\#(rows)]}"#.utf8), columns: 3)
                    #expect(driver.content.rows == (count > 0 ? plain.rows : []))
                    #expect(driver.batchSizes.allSatisfy { $0 == 2 })
                }
            }
        }
        for data in ["\(header),", "\(header) \(header)", ",", "\(header)", "[1"] {
            var driver = ReaderDriver(columns: 3)
            let end = data == header ? "}" : "]}"
            #expect(throws: ReadError.self) {
                try driver.read(Array((#"{"meta":{},"data":["# + data + end).utf8), hasHeader: true)
            }
        }
    }
}
