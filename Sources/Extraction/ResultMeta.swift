import FoundationEssentials
import PipelineCore
import SupermetricsAPI

/// One column of a result, as `meta.query.fields` describes it.
package struct ResultField: Hashable, Sendable {
    /// The field's id as the query spelled it.
    package var id: String
    /// The display name; may repeat.
    package var name: String
    /// The API's hint of what it holds, such as `string.time.date`; empty where it gave none.
    package var dataType: String
    /// Whether it is a metric; dimensions are not.
    package var isMetric: Bool

    /// A column with these properties.
    package init(id: String, name: String, dataType: String, isMetric: Bool) {
        self.id = id
        self.name = name
        self.dataType = dataType
        self.isMetric = isMetric
    }
}

/// What the `meta` object of a data answer says (Supermetrics API: query data).
///
/// Every key may be missing, null or of another type than documented; PHP, which the API is written in, also writes an
/// empty object as `[]`, and a number or truth value may come as its text.
struct ResultMeta: Sendable {
    var requestID: String?
    var scheduleID: String?
    var status: String?
    var totalRows: Int?
    var isSampled = false
    /// When the cache that answered was filled; nil where none answered.
    var cacheTime: Timestamp?
    var hasNextPage = false
    /// The columns in the order of the rows' cells.
    var fields: [ResultField] = []
    /// Why the columns cannot be told from the metadata, where they cannot.
    var fieldsProblem: String?
    /// The fields that are not split into columns, each with the first column its metadata claim for it.
    private(set) var described: [(field: ResultField, column: Int?)] = []
    /// The header row, where the columns are named by it.
    var labels: [String] = []

    /// An answer that said nothing.
    init() {}

    /// Reads the bytes of `meta`; nil where they are neither an object nor nothing.
    init?(json bytes: [UInt8]) {
        guard let value = try? JSONValue(parsing: bytes) else { return nil }
        self.init(value)
    }

    init?(_ meta: JSONValue) {
        switch meta {
        case .object, .null, .array([]): break
        case .array, .bool, .number, .string: return nil
        }
        requestID = meta["request_id"]?.textValue
        scheduleID = meta["schedule_id"]?.textValue
        status = meta["status_code"]?.textValue
        let result = meta["result"]
        totalRows = result?["total_rows"]?.count
        isSampled = result?["data_sampled"]?.isOn ?? false
        if result?["cache_used"]?.isOn == true {
            cacheTime = result?["cache_time"]?.textValue.flatMap(ResultMeta.time)
        }
        hasNextPage = meta["paginate"]?["next"]?.textValue?.isEmpty == false
        readFields(meta["query"]?["fields"]?.arrayValue ?? [], totalColumns: result?["total_columns"]?.count)
    }

    /// Whether there is a word on the columns, be it that they cannot be told.
    var describesColumns: Bool { !fields.isEmpty || fieldsProblem != nil }

    private mutating func readFields(_ described: [JSONValue], totalColumns: Int?) {
        let whole = described.filter { $0["field_split"]?.textValue?.lowercased() != "column" }
        for field in whole where field["visible"]?.isOn != false || field["data_column"]?.count != nil {
            guard let id = field["id"]?.textValue ?? field["field_id"]?.textValue else {
                fieldsProblem = "a field has no id"
                return
            }
            let known = ResultField(
                id: id,
                name: field["field_name"]?.textValue ?? id,
                dataType: field["data_type"]?.textValue ?? "",
                isMetric: field["field_type"]?.textValue?.lowercased() == "met"
            )
            self.described.append((known, field["data_column"]?.count))
        }
        guard whole.count == described.count else {
            fieldsProblem = "a field is split into columns, whose names only a header row can tell"
            return
        }
        var columns: [Int: ResultField] = [:]
        for (position, (known, place)) in self.described.enumerated() {
            let column = place ?? position
            guard columns.updateValue(known, forKey: column) == nil else {
                fieldsProblem = "two fields stand in column \(column)"
                return
            }
        }
        fields = columns.keys.sorted().compactMap { columns[$0] }
        guard columns.keys.max().map({ $0 == columns.count - 1 }) ?? true else {
            fieldsProblem = "some columns have no field"
            return
        }
        if let totalColumns, totalColumns > fields.count, !fields.isEmpty {
            fieldsProblem = "\(totalColumns) columns but \(fields.count) fields, as in a comparison or a pivot"
        }
    }

    /// Reads the times the API writes: RFC 3339 with `Z` or an offset, or `YYYY-MM-DD HH:MM:SS` in UTC.
    static func time(_ text: String) -> Timestamp? {
        if let exact = Timestamp(text) { return exact }
        let joined = text.replacing(" ", with: "T", maxReplacements: 1)
        let zoned = joined.utf8.count == 19 ? joined + "Z" : joined
        guard let date = try? Date(zoned, strategy: .iso8601) else { return nil }
        return Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    }
}

extension JSONValue {
    /// The whole number from 0 on that a number or a text of one stands for.
    fileprivate var count: Int? {
        guard let text = textValue, let number = Int(text) ?? Double(text).flatMap({ Int(exactly: $0) }), number >= 0
        else { return nil }
        return number
    }

    /// The truth value that a boolean, 0, 1, or the text of one stands for.
    fileprivate var isOn: Bool? {
        if let boolValue { return boolValue }
        return switch textValue?.lowercased() {
        case "true", "1": true
        case "false", "0", "": false
        default: nil
        }
    }
}
