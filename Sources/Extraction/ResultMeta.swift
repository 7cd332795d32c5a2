import Foundation
import PipelineCore

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

    package init(id: String, name: String, dataType: String, isMetric: Bool) {
        self.id = id
        self.name = name
        self.dataType = dataType
        self.isMetric = isMetric
    }
}

/// What the `meta` object of a data answer says; every key may be missing or null (Supermetrics API: query data).
struct ResultMeta: Sendable {
    var requestID: String?
    var scheduleID: String?
    var status: String?
    var totalRows: Int?
    var isSampled = false
    var cacheTime: Timestamp?
    var hasNextPage = false
    /// The columns in the order of the rows' cells.
    var fields: [ResultField] = []
    /// Why the columns cannot be told from the metadata, where they cannot.
    var fieldsProblem: String?

    /// An answer that said nothing.
    init() {}

    /// Reads the bytes of the `meta` object; throws where they are not the object the API documents.
    init(json bytes: [UInt8]) throws {
        let wire = try JSONDecoder().decode(Wire.self, from: Data(bytes))
        requestID = wire.request_id
        scheduleID = wire.schedule_id
        status = wire.status_code
        totalRows = wire.result?.total_rows?.value
        isSampled = wire.result?.data_sampled?.value ?? false
        if wire.result?.cache_used?.value == true { cacheTime = wire.result?.cache_time.flatMap(ResultMeta.time) }
        hasNextPage = wire.paginate?.next != nil
        readFields(wire.query?.fields ?? [], totalColumns: wire.result?.total_columns?.value)
    }

    private mutating func readFields(_ described: [Wire.Field], totalColumns: Int?) {
        guard !described.contains(where: { $0.field_split == "column" }) else {
            fieldsProblem = "a field is split into columns, whose names only a header row can tell"
            return
        }
        let visible = described.filter { $0.visible?.value != false || $0.data_column?.value != nil }
        var columns: [Int: ResultField] = [:]
        for (position, field) in visible.enumerated() {
            guard let id = field.id ?? field.field_id else {
                fieldsProblem = "a field has no id"
                return
            }
            let column = field.data_column?.value ?? position
            let known = ResultField(
                id: id, name: field.field_name ?? id, dataType: field.data_type ?? "", isMetric: field.field_type == "met")
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
        let zoned = joined.count == 19 ? joined + "Z" : joined
        guard let date = try? Date(zoned, strategy: .iso8601) else { return nil }
        return Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    }

    /// The JSON as it comes; named as it is on the wire.
    private struct Wire: Decodable {
        var request_id: String?
        var schedule_id: String?
        var status_code: String?
        var query: Query?
        var result: Result?
        var paginate: Paginate?

        struct Query: Decodable { var fields: [Field]? }
        struct Result: Decodable {
            var total_columns: Lenient<Int>?
            var total_rows: Lenient<Int>?
            var data_sampled: Lenient<Bool>?
            var cache_used: Lenient<Bool>?
            var cache_time: String?
        }
        struct Paginate: Decodable { var next: String? }
        struct Field: Decodable {
            var id: String?
            var field_id: String?
            var field_name: String?
            var field_type: String?
            var field_split: String?
            var data_type: String?
            var data_column: Lenient<Int>?
            var visible: Lenient<Bool>?
        }
    }

    /// A value that may also come as its text.
    private struct Lenient<Value: Decodable & LosslessStringConvertible>: Decodable {
        var value: Value?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = (try? container.decode(Value.self)) ?? (try? container.decode(String.self)).flatMap { Value($0) }
        }
    }
}
