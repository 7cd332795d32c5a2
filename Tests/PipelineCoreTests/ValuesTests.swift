import PipelineCore
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "reads and writes RFC 3339 in UTC",
        arguments: [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"),
            ("2024-02-29T12:34:56.789Z", 1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
            ("2024-02-29T12:34:56.7Z", 1_709_210_096_700, "2024-02-29T12:34:56.700Z"),
            ("2024-02-29T12:34:56.07Z", 1_709_210_096_070, "2024-02-29T12:34:56.070Z"),
            ("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        ]
    )
    func text(text: String, milliseconds: Int64, written: String) throws {
        let timestamp = try #require(Timestamp(text))
        #expect(timestamp.milliseconds == milliseconds)
        #expect(timestamp.description == written)
        #expect(timestamp.day.description == String(text.prefix(10)))
        #expect(try codedText(timestamp) == written)
        #expect(try decoded(Timestamp.self, text) == timestamp)
    }

    @Test(
        "refuses other times",
        arguments: [
            "", "2024-02-29", "2024-02-29T12:34:56", "2024-02-29 12:34:56Z", "2024-02-29T24:00:00Z",
            "2024-02-29T12:60:00Z", "2024-02-29T12:34:56.Z", "2024-02-29T12:34:56.1234Z", "2024-02-30T00:00:00Z",
            "2024-02-29T12:34:56+00:00", "2024-02-29T12-34-56Z",
        ]
    )
    func refuses(text: String) { #expect(Timestamp(text) == nil) }

    @Test("counts seconds")
    func seconds() throws {
        let midnight = Timestamp(try #require(Day("2024-02-29")))
        let later = midnight.adding(seconds: 90)
        #expect(midnight < later)
        #expect(later.seconds(since: midnight) == 90)
        #expect(later == Timestamp(midnight.day, plusSeconds: 90))
        #expect(midnight.adding(seconds: -1).day.description == "2024-02-28")
    }
}

@Suite("ColumnType")
struct ColumnTypeTests {
    @Test(
        "reads what it writes",
        arguments: [
            "text", "decimal", "decimal(18,6)", "decimal(1,0)", "decimal(1000,1000)", "int64", "double", "bool", "date",
            "timestamp", "json",
        ]
    )
    func text(text: String) throws {
        let type = try #require(ColumnType(text))
        #expect(type.description == text)
        #expect(try decoded(ColumnType.self, try codedText(type)) == type)
    }

    @Test("takes space behind the comma") func space() {
        #expect(ColumnType("decimal(18, 6)") == ColumnType("decimal(18,6)"))
    }

    @Test(
        "refuses others",
        arguments: [
            "", "TEXT", "int", "decimal()", "decimal(18)", "decimal(18,6", "decimal(0,0)", "decimal(1001,0)",
            "decimal(5,6)", "decimal(5,-1)", "decimal(a,b)", "decimal(1,2,3)", " text",
        ]
    )
    func refuses(text: String) {
        #expect(ColumnType(text) == nil)
        #expect(throws: DecodingError.self) { try decoded(ColumnType.self, text) }
    }
}

@Suite("Windows and their cells")
struct WindowTests {
    @Test("a cell reads what it writes", arguments: ["all", "2024-01-01..2024-01-07", "2024-01-01..2024-01-01"])
    func text(text: String) throws {
        let cell = try #require(GridCell(text))
        #expect(cell.description == text)
        #expect(try decoded(GridCell.self, try codedText(cell)) == cell)
    }

    @Test(
        "a cell refuses other text",
        arguments: [
            "", "ALL", "2024-01-07..2024-01-01", "2024-01-01", "2024-01-01...2024-01-07", "2024-01-01..2024-01-32",
        ]
    )
    func refuses(text: String) { #expect(GridCell(text) == nil) }

    @Test("windows stand in order of day, then of account")
    func order() throws {
        let cells = try ["all", "2023-12-31..2024-01-09", "2024-01-01..2024-01-01", "2024-01-01..2024-01-07"]
            .map { try #require(GridCell($0)) }
        let windows = cells.flatMap { cell in
            [nil, "1", "2"].map { Window(id: WindowID(0), cell: cell, account: $0) }
        }
        #expect(windows.reversed().sorted() == windows)
        #expect(windows[1].description == "all account 1")
    }

    @Test("an id reads as sixteen digits and survives coding", arguments: [0, 1, -1, Int64.max, Int64.min])
    func id(value: Int64) throws {
        let id = WindowID(value)
        #expect(id.description.count == 16)
        #expect(try decoded(WindowID.self, id.description) == id)
        #expect(try codedText(id) == id.description)
        #expect(throws: DecodingError.self) { try decoded(WindowID.self, "12") }
    }
}

@Suite("Cell")
struct CellTests {
    @Test("keeps kind, place and length in eight bytes")
    func packing() {
        #expect(MemoryLayout<Cell>.size == 8)
        let kinds: [Cell.Kind] = [.null, .text, .escaped, .raw, .number, .bool, .json]
        for kind in kinds {
            for offset in [0, 1, 0xFFFF, 0x1_0000, 0xFFFF_FFFF] {
                for length in [0, 1, 15, 16, 0xFFFF, Cell.maximumLength] {
                    let cell = Cell(kind, offset: offset, length: length)
                    #expect(cell.kind == kind && cell.offset == offset && cell.length == length)
                    #expect(cell.range == offset..<offset + length)
                    #expect(cell.isNull == (kind == .null))
                }
            }
        }
        #expect(Cell.null.isNull && Cell.null.length == 0)
        #expect(Set(kinds.map(\.rawValue)).count == kinds.count)
    }
}
