import ByteCodecs
import PipelineCore
import Testing

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The key of one row.
private func key(_ cells: [PlainCell], _ types: [ColumnType], start: String = "") -> [UInt8] {
    let schema = Schema(types.enumerated().map { Column(name: "c\($0.offset)", type: $0.element) })
    var (output, ends) = ([UInt8](), [Int]())
    KeyRenderer(schema: schema, columns: Array(types.indices), start: start)
        .render(Batch(schema: schema, rows: [cells]), into: &output, ends: &ends)
    #expect(ends == [output.count])
    return output
}

private func number(_ text: String) -> PlainCell { PlainCell(.number, bytes(text)) }
private func text(_ text: String) -> PlainCell { PlainCell(.raw, bytes(text)) }

@Suite("Keys")
struct KeyTests {
    static let equal: [(ColumnType, [PlainCell])] = [
        (.text, [text("a\"b"), PlainCell(.escaped, bytes(#"a\"b"#)), PlainCell(.escaped, bytes(#"\u0061\u0022b"#))]),
        (.decimal(nil), ["12.5", "12.50", "1.25e1", "125e-1", "0.0125E+3"].map(number)),
        (.decimal(nil), ["0", "-0", "0.00", "0e7"].map(number)),
        (.decimal(nil), ["-1000", "-1e3", "-1000.0"].map(number)),
        (.int64, [number("9007199254740993"), number("9007199254740993.0")]),
        (.double, ["0.1", "0.10", "1e-1", "0.1000000000000000055511151231257827"].map(number)),
        (.double, [number("0"), number("-0.0")]),
        (.timestamp, ["2024-02-29 12:00:00", "2024-02-29T12:00:00", "2024-02-29 12:00:00.000"].map(text)),
        (.bool, [PlainCell(.bool, bytes("true")), text("yes")]),
        (.date, [PlainCell(.text, bytes("2024-02-29")), text("2024-02-29")]),
    ]

    @Test("are equal for values that are equal, and differ from all others", arguments: equal.indices)
    func equality(index: Int) {
        let (type, cells) = Self.equal[index]
        let keys = Set(cells.map { key([$0], [type]) })
        #expect(keys.count == 1)
        for (other, (_, cells)) in Self.equal.enumerated() where other != index {
            #expect(keys.isDisjoint(with: cells.map { key([$0], [Self.equal[other].0]) }))
        }
    }

    @Test("tell null from empty, and one cell's end from the next one's begin")
    func boundaries() {
        let rows: [[PlainCell]] = [
            [PlainCell(.null), text("")], [text(""), PlainCell(.null)], [text(""), text("")],
            [PlainCell(.null), PlainCell(.null)], [text("a"), text("bc")], [text("ab"), text("c")],
            [text("\u{1}\u{0}\u{0}\u{0}\u{0}"), text("")], [text("abc"), PlainCell(.null)],
        ]
        #expect(Set(rows.map { key($0, [.text, .text]) }).count == rows.count)
        #expect(key([text("a")], [.text], start: "x") != key([text("a")], [.text], start: "y"))
    }

    @Test("have a form that lasts: rows in a table are found by it")
    func form() {
        let row = [text("ä"), number("-12.50"), PlainCell(.null), text("2024-02-29"), text("1969-12-31 23:59:59.5")]
        var expected: [UInt8] = bytes("job/export\n") + [1, 0, 0, 0, 2, 0xC3, 0xA4]
        expected += [2, 0, 0, 0, 7] + bytes("-125e-1") + [0] + [5, 0, 0, 0, 4, 0, 0, 0x4D, 0x46]
        expected += [6, 0, 0, 0, 12] + [UInt8](repeating: 0xFF, count: 8) + [0x1D, 0xCD, 0x65, 0x00]
        #expect(key(row, [.text, .decimal(nil), .int64, .date, .timestamp], start: "job/export\n") == expected)
    }

    @Test("take the columns they are made of alone, row by row")
    func columns() {
        let schema = Schema.numbered(3)
        let rows = [
            [text("a"), text("b"), text("c")], [text("a"), text("x"), text("c")], [text("c"), text("b"), text("a")],
        ]
        var (output, ends) = ([UInt8](), [Int]())
        KeyRenderer(schema: schema, columns: [2, 0], start: "s")
            .render(Batch(schema: schema, rows: rows), into: &output, ends: &ends)
        let keys = zip([0] + ends, ends).map { Array(output[$0..<$1]) }
        #expect(keys[0] == keys[1])
        #expect(keys[0] == bytes("s") + [1, 0, 0, 0, 1] + bytes("c") + [1, 0, 0, 0, 1] + bytes("a"))
        #expect(keys[2] != keys[0])
    }
}
