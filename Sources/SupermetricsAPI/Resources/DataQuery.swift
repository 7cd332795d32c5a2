/// A query as the API takes it: every parameter by its own name, the known ones typed.
///
/// ```swift
/// var query = DataQuery(
///     dsID: "AW",
///     dsAccounts: ["123-456-7890"],
///     fields: ["Date", "Cost"],
///     startDate: "2024-01-01",
///     endDate: "2024-01-31"
/// )
/// query.filter = "Impressions > 0"
/// query.parameters["some_new_parameter"] = true
/// ```
///
/// The API ignores parameters it does not know, so that a misspelt one gives other data and no error.
public struct DataQuery: Sendable, Hashable {
    /// All parameters, known or not, as they are sent.
    public var parameters: JSONObject

    /// A query of these parameters.
    ///
    /// - Parameter parameters: the API's query object.
    public init(_ parameters: JSONObject) {
        self.parameters = parameters
    }

    /// A query.
    ///
    /// - Parameters:
    ///   - dsID: the data source, for example `AW`.
    ///   - dsAccounts: the accounts; none for a source without accounts.
    ///   - fields: the fields, by id.
    ///   - startDate: the first day: `2024-01-31`, or an expression such as `7 days ago`.
    ///   - endDate: the last day, included.
    public init(
        dsID: String,
        dsAccounts: [String] = [],
        fields: [String],
        startDate: String? = nil,
        endDate: String? = nil
    ) {
        parameters = ["ds_id": .string(dsID)]
        if !dsAccounts.isEmpty { self.dsAccounts = dsAccounts }
        self.fields = fields
        (self.startDate, self.endDate) = (startDate, endDate)
    }

    /// The data source.
    public var dsID: String? {
        get { self["ds_id"] }
        set { self["ds_id"] = newValue }
    }
    /// The accounts, by id.
    public var dsAccounts: [String] {
        get { list("ds_accounts") }
        set { set("ds_accounts", newValue) }
    }
    /// The segments, by id.
    public var dsSegments: [String] {
        get { list("ds_segments") }
        set { set("ds_segments", newValue) }
    }
    /// The logins whose access is used, by user name.
    public var dsUsers: [String] {
        get { list("ds_users") }
        set { set("ds_users", newValue) }
    }
    /// The fields, by id.
    public var fields: [String] {
        get { list("fields") }
        set { set("fields", newValue) }
    }
    /// A range by name, such as `last_30_days`, instead of the two days.
    public var dateRangeType: String? {
        get { self["date_range_type"] }
        set { self["date_range_type"] = newValue }
    }
    /// The first day.
    public var startDate: String? {
        get { self["start_date"] }
        set { self["start_date"] = newValue }
    }
    /// The last day, included.
    public var endDate: String? {
        get { self["end_date"] }
        set { self["end_date"] = newValue }
    }
    /// Which range to compare with: `prev_range`, `prev_year`, `prev_year_weekday` or `custom`.
    public var compareType: String? {
        get { self["compare_type"] }
        set { self["compare_type"] = newValue }
    }
    /// How to show the comparison: `perc_change`, `abs_change` or `value`.
    public var compareShow: String? {
        get { self["compare_show"] }
        set { self["compare_show"] = newValue }
    }
    /// The first day to compare with.
    public var compareStartDate: String? {
        get { self["compare_start_date"] }
        set { self["compare_start_date"] = newValue }
    }
    /// The last day to compare with.
    public var compareEndDate: String? {
        get { self["compare_end_date"] }
        set { self["compare_end_date"] = newValue }
    }
    /// Which rows are wanted, for example `Impressions > 0`.
    public var filter: String? {
        get { self["filter"] }
        set { self["filter"] = newValue }
    }
    /// How rows are ordered, for example `Cost desc`.
    public var orderRows: [String] {
        get { list("order_rows") }
        set { set("order_rows", newValue) }
    }
    /// How pivoted columns are ordered.
    public var orderColumns: String? {
        get { self["order_columns"] }
        set { self["order_columns"] = newValue }
    }
    /// The most rows the query may return, 1 to 1 000 000.
    public var maxRows: Int? {
        get { parameters.int("max_rows") }
        set { set("max_rows", newValue) }
    }
    /// The most columns it may return, 1 to 1000.
    public var maxColumns: Int? {
        get { parameters.int("max_columns") }
        set { set("max_columns", newValue) }
    }
    /// The first row wanted in the answer, counted from 0.
    public var offsetStart: Int? {
        get { parameters.int("offset_start") }
        set { set("offset_start", newValue) }
    }
    /// The last row wanted in the answer, included.
    public var offsetEnd: Int? {
        get { parameters.int("offset_end") }
        set { set("offset_end", newValue) }
    }
    /// The oldest cached result that will do, in minutes, 0 to 10 080.
    public var cacheMinutes: Int? {
        get { parameters.int("cache_minutes") }
        set { set("cache_minutes", newValue) }
    }
    /// Seconds the server may wait for the result before it answers with a handle, 0 to 3600; 0 answers at once.
    public var syncTimeout: Int? {
        get { parameters.int("sync_timeout") }
        set { set("sync_timeout", newValue) }
    }
    /// A handle of the caller's choosing; without one, identical queries share a run.
    public var scheduleID: String? {
        get { self["schedule_id"] }
        set { self["schedule_id"] = newValue }
    }
    /// Settings of the query and its source, such as `no_headers`.
    public var settings: JSONObject {
        get { parameters["settings"]?.objectValue ?? JSONObject() }
        set { parameters["settings"] = newValue.members.isEmpty ? nil : .object(newValue) }
    }

    private subscript(name: String) -> String? {
        get { parameters.text(name) }
        set { parameters[name] = newValue.map(JSONValue.string) }
    }

    /// A list, also where it is written as one text with commas.
    private func list(_ name: String) -> [String] {
        if case .string(let text) = parameters[name] {
            return text.split(separator: ",").map { String($0).trimmingSpaces }
        }
        return parameters.texts(name)
    }

    private mutating func set(_ name: String, _ list: [String]) {
        parameters[name] = list.isEmpty ? nil : .array(list.map(JSONValue.string))
    }

    private mutating func set(_ name: String, _ number: Int?) {
        parameters[name] = number.map { .number(JSONNumber($0)) }
    }
}

extension DataQuery: ExpressibleByDictionaryLiteral {
    /// A query of these parameters, in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(JSONObject(elements.map { JSONObject.Member(name: $0.0, value: $0.1) }))
    }
}

extension DataQuery {
    /// The same with a submission that does not wait, unless the query says otherwise.
    var inBackground: DataQuery {
        var query = self
        query.syncTimeout = syncTimeout ?? 0
        return query
    }

    /// Refuses what the API's reference says it would ("Query data: parameters").
    func check() throws(SupermetricsError) {
        try Check.text(dsID ?? "", "ds_id", atMost: 50)
        for (name, limit) in [
            ("date_range_type", 50), ("start_date", 100), ("end_date", 100), ("compare_type", 50),
            ("compare_show", 50), ("compare_start_date", 100), ("compare_end_date", 100), ("filter", 5000),
            ("order_columns", 1000),
        ] {
            try Check.length(self[name], name, atMost: limit)
        }
        for (name, limit) in [
            ("ds_accounts", 100), ("ds_segments", 1000), ("ds_users", 100), ("fields", 100), ("order_rows", 50),
        ] {
            guard let count = parameters[name]?.arrayValue?.count, count > limit else { continue }
            throw Check.refusal("\(name) has \(count) entries", "\(limit) are allowed")
        }
        if let scheduleID, !QueryControl.isScheduleID(scheduleID) {
            throw Check.refusal("schedule_id is \"\(scheduleID)\"", "it is 1 to 50 of A-Z, a-z, 0-9, _ and -")
        }
        try Check.range(maxRows, "max_rows", 1...1_000_000)
        try Check.range(maxColumns, "max_columns", 1...1000)
        try Check.range(offsetStart, "offset_start", 0...1_000_000)
        try Check.range(offsetEnd, "offset_end", 0...1_000_000)
        try Check.range(cacheMinutes, "cache_minutes", 0...10_080)
        try Check.range(syncTimeout, "sync_timeout", 0...3600)
        if let start = startDate.flatMap({ CalendarDay($0) }), let end = endDate.flatMap({ CalendarDay($0) }) {
            guard start <= end else {
                throw Check.refusal("end_date \(end) is before start_date \(start)", "swap them")
            }
        }
    }
}
