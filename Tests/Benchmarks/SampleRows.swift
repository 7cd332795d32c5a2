import PipelineCore

/// Invented rows of an advertising report: 12 columns, about 185 bytes as JSON, the same on every machine.
struct SampleRows {
    /// How the JSON spells what lies beyond ASCII, and `/`.
    enum Spelling {
        /// As they are.
        case plain
        /// `\u00e4` and `\/`, the API's default.
        case escaped
    }

    /// A column: its id, the API's type, and whether it is a metric.
    struct Column {
        var id: String
        var dataType: String
        var isMetric = false
        var type = ColumnType.text
    }

    static let columns = [
        Column(id: "Date", dataType: "string.time.date", type: .date),
        Column(id: "AccountID", dataType: "string.text.value"),
        Column(id: "CampaignID", dataType: "string.text.value"),
        Column(id: "Campaign", dataType: "string.text.value"),
        Column(id: "AdGroup", dataType: "string.text.value"),
        Column(id: "Device", dataType: "string.text.value"),
        Column(id: "FinalURL", dataType: "string.text.url"),
        Column(id: "Impressions", dataType: "int.number.value", isMetric: true, type: .decimal(nil)),
        Column(id: "Clicks", dataType: "int.number.value", isMetric: true, type: .decimal(nil)),
        Column(id: "Cost", dataType: "float.currency.value", isMetric: true, type: .decimal(nil)),
        Column(id: "Ctr", dataType: "float.number.percentage", isMetric: true, type: .decimal(nil)),
        Column(id: "Conversions", dataType: "float.number.value", isMetric: true, type: .decimal(nil)),
    ]

    static var schema: Schema { Schema(columns.map { PipelineCore.Column(name: $0.id.lowercased(), type: $0.type) }) }

    private let campaigns: [[UInt8]]
    private let groups: [[UInt8]]
    private let devices: [[UInt8]]
    private let url: [UInt8]

    init(_ spelling: Spelling) {
        let slash = spelling == .escaped ? "\\/" : "/"
        func token(_ text: String) -> [UInt8] {
            var result = ""
            for scalar in text.unicodeScalars {
                if spelling == .escaped, scalar.value >= 0x80 {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else if scalar == "/" {
                    result += slash
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
            return Array(result.utf8)
        }
        campaigns = ["Brand Suomi ", "Generic / search ", "Shopping – äö ", "Remarketing all "].map(token)
        let usual = ["Exact match ", "Broad match ", "Phrase match "].map(token)
        groups = usual + usual + usual + usual + [token("Phrase, \\\"new\\\" ")]
        devices = ["Computers", "Mobile devices", "Tablets"].map(token)
        url = token("https://www.example.com/shop/products/item-")
    }

    /// Appends row `index` as a JSON array.
    func append(_ index: Int, to bytes: inout [UInt8]) {
        var draw = Draw(index)
        bytes.append(contentsOf: #"["2024-03-"#.utf8)
        bytes.appendDigits(UInt64(10 + index / 5000 % 20))
        bytes.append(contentsOf: #"","123-456-7890","18446"#.utf8)
        bytes.appendDigits(1_000_000_000 + draw.next(below: 900) * 1_000_003)
        bytes.append(contentsOf: #"",""#.utf8)
        bytes.append(contentsOf: campaigns[Int(draw.next(below: 4))])
        bytes.appendDigits(draw.next(below: 900))
        bytes.append(contentsOf: #"",""#.utf8)
        bytes.append(contentsOf: groups[Int(draw.next(below: UInt64(groups.count)))])
        bytes.appendDigits(draw.next(below: 9000))
        bytes.append(contentsOf: #"",""#.utf8)
        bytes.append(contentsOf: devices[Int(draw.next(below: 3))])
        if draw.next(below: 10) == 0 {
            bytes.append(contentsOf: #"",null"#.utf8)
        } else {
            bytes.append(contentsOf: #"",""#.utf8)
            bytes.append(contentsOf: url)
            bytes.appendDigits(draw.next(below: 100_000))
            bytes.append(UInt8(ascii: "\""))
        }
        let impressions = draw.next(below: 100_000)
        bytes.append(UInt8(ascii: ","))
        bytes.appendDigits(impressions)
        bytes.append(UInt8(ascii: ","))
        bytes.appendDigits(draw.next(below: 1 + impressions / 20))
        bytes.append(UInt8(ascii: ","))
        bytes.appendDigits(draw.next(below: 1000))
        bytes.append(UInt8(ascii: "."))
        bytes.appendDigits(100_000 + draw.next(below: 900_000))
        bytes.append(contentsOf: ",0.0".utf8)
        bytes.appendDigits(1000 + draw.next(below: 9000))
        bytes.append(UInt8(ascii: ","))
        bytes.appendDigits(draw.next(below: 50))
        bytes.append(UInt8(ascii: "]"))
    }

    /// `meta` of an answer with so many rows in its result, as it stands before `data`.
    static func meta(totalRows: Int) -> String {
        let fields = columns.enumerated().map { index, column in
            #"{"id":"\#(column.id)","field_id":"\#(column.id)","field_name":"\#(column.id)","#
                + #""field_type":"\#(column.isMetric ? "met" : "dim")","field_split":"row","#
                + #""data_type":"\#(column.dataType)","data_column":\#(index),"visible":true}"#
        }
        return
            #"{"request_id":"benchmark","status_code":"SUCCESS","query":{"fields":[\#(fields.joined(separator: ","))]},"#
            + #""result":{"total_columns":\#(columns.count),"total_rows":\#(totalRows),"data_sampled":false,"#
            + #""cache_used":false}}"#
    }

    /// A whole answer of `count` rows.
    func body(rows count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 200 + 4096)
        bytes.append(contentsOf: #"{"meta":\#(Self.meta(totalRows: count)),"data":["#.utf8)
        for index in 0..<count {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(index, to: &bytes)
        }
        bytes.append(contentsOf: "]}".utf8)
        return bytes
    }
}

/// Numbers that look random and are the same everywhere (SplitMix64).
private struct Draw {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0xD1B5_4A32_D192_ED03 }

    mutating func next(below limit: UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return (word ^ (word >> 31)) % limit
    }
}

extension [UInt8] {
    fileprivate mutating func appendDigits(_ number: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var (rest, first) = (number, 20)
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        for index in first..<20 { append(digits[index]) }
    }
}
