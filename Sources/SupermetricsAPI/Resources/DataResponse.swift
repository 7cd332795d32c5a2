/// The answer to a query, read whole: for small results; large ones come in pages.
public struct DataResponse: Sendable, Hashable {
    /// The HTTP status: 202, and sometimes 200, while the query is running.
    public let httpStatus: Int
    /// The API's id of the exchange.
    public let requestID: String?
    /// The fields of the result, in the API's order.
    public let fields: [ResultField]
    /// All of `meta`, unknown keys included.
    public let meta: JSONValue
    /// The rows, the row of display names first unless the query left it out; nil when the answer has no `data`.
    public let data: [JSONValue]?
    let retryAfter: Duration?

    init(_ raw: RawResponse) throws(ModelError) {
        guard let object = raw.json.objectValue else { throw ModelError(reason: "it is no object") }
        httpStatus = raw.status
        requestID = raw.requestID
        retryAfter = raw.retryAfter
        meta = object["meta"] ?? .null
        fields = try meta["query"]?.objectValue?.list("fields") ?? []
        switch object["data"] {
        case nil, .null: data = nil
        case .array(let rows): data = rows
        default: throw ModelError(reason: "data is no list")
        }
    }

    /// The handle of the query; where it is nil, ``requestID`` of the first answer is the handle.
    public var scheduleID: String? { meta["schedule_id"]?.textValue }
    /// `status_code` as the API writes it.
    public var statusCode: String? { meta["status_code"]?.textValue }
    /// The query as the API understood it.
    public var query: JSONValue? { meta["query"] }
    /// What the API says about the result as a whole, such as `total_rows` and `data_sampled`.
    public var result: JSONValue? { meta["result"] }
    /// Rows of the whole result; the API may count the row of display names.
    public var totalRows: Int? { result?["total_rows"]?.intValue }
    /// Whether the source answered from a sample; nil where the API does not say.
    public var isSampled: Bool? { result?["data_sampled"]?.boolValue }
    /// The rows whose cells are a list, as the `json` format has them.
    public var rows: [[JSONValue]] { (data ?? []).compactMap(\.arrayValue) }
    /// Whether the API says there is another page.
    public var hasMore: Bool {
        meta["paginate"]?["next"]?.textValue.map { !$0.isEmpty } ?? false
    }

    /// Whether, by the number of rows it announces, a result may leave out `data`: a row of display names may count.
    var mayBeEmpty: Bool { totalRows.map { $0 <= 1 } ?? false }

    var queryAnswer: QueryAnswer {
        QueryAnswer(
            httpStatus: httpStatus,
            statusWord: statusCode,
            scheduleID: scheduleID,
            requestID: requestID,
            hasData: data != nil,
            retryAfter: retryAfter
        )
    }
}

/// One field of a result.
public struct ResultField: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject

    /// Reads a field of `meta.query.fields`.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
    }

    /// The id as it was requested.
    public var id: String? { json.text("id") }
    /// The id the API uses.
    public var fieldID: String? { json.text("field_id") }
    /// The display name; names may repeat.
    public var name: String? { json.text("field_name") }
    /// `dim` for a dimension, `met` for a metric.
    public var fieldType: FieldType? { json.word("field_type") }
    /// `row`, or `column` for a field whose values became columns.
    public var fieldSplit: String? { json.text("field_split") }
    /// The API's type, for example `string.time.date`; a hint only.
    public var dataType: String? { json.text("data_type") }
    /// The column in each row, counted from 0; nil for a field without one.
    public var dataColumn: Int? { json.int("data_column") }
    /// Whether the field shows.
    public var isVisible: Bool? { json.bool("visible") }
}
