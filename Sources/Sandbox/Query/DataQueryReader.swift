import FoundationEssentials

/// Reads and checks the parameters of `/query/data`, as strictly as the API documents them.
struct DataQueryReader {
    let parameters: RequestParameters
    let catalog: Catalog
    let options: SandboxOptions

    /// The parameters the API documents for a query (Supermetrics API: get data).
    static let knownParameters: Set<String> = [
        "ds_id", "ds_accounts", "ds_segments", "ds_user", "ds_users", "fields", "date_range_type", "start_date",
        "end_date",
        "compare_type", "compare_show", "compare_start_date", "compare_end_date", "filter", "order_rows",
        "order_columns",
        "max_rows", "max_columns", "offset_start", "offset_end", "cache_minutes", "sync_timeout", "schedule_id",
        "settings",
        "api_key", "pretty",
    ]

    func query() throws(APIFailure) -> DataQuery {
        guard let sourceID = try text("ds_id", limit: 50) else {
            throw .invalid("ds_id", "a data source is required.")
        }
        guard let source = catalog.source(sourceID) else {
            throw .invalid("ds_id", "data source '\(sourceID)' does not exist.")
        }
        _ = try number("max_columns", 1...1000)
        _ = try text("order_columns", limit: 1000)
        let settings = try settings()
        let columns = try columns(source)
        let accounts = try accounts(source)
        let days = try days(source, settings: settings)
        let filter = try text("filter", limit: 5000)
        if let filter { _ = try RowFilter(parsing: filter, source: source) }
        return DataQuery(
            source: source,
            accounts: accounts,
            segments: try list("ds_segments", limit: 1000),
            columns: columns,
            days: days,
            comparison: try comparison(days, settings: settings, columns: columns),
            filter: filter,
            order: try order(source),
            maxRows: try number("max_rows", 1...1_000_000) ?? options.rowCap,
            settings: settings,
            cacheMinutes: try number("cache_minutes", 0...10_080),
            syncTimeout: try number("sync_timeout", 0...3600),
            scheduleID: try scheduleID()
        )
    }

    /// The id a request gives; server-made ids are longer than the documented limit and accepted too.
    func scheduleID() throws(APIFailure) -> String? {
        guard let id = try text("schedule_id", limit: 64) else { return nil }
        let isWord = id.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
                || $0 == 0x2D
        }
        guard isWord else { throw .invalid("schedule_id", "only letters, digits, '_' and '-' are allowed.") }
        return id
    }

    /// The rows asked for by `offset_start` and the inclusive `offset_end`.
    func offsets() throws(APIFailure) -> PageRange {
        let start = try number("offset_start", 0...1_000_000) ?? 0
        guard let end = try number("offset_end", 0...1_000_000) else {
            return PageRange(start: start, limit: options.defaultPageRows)
        }
        guard end >= start else { throw .invalid("offset_end", "\(end) is before offset_start \(start).") }
        return PageRange(start: start, limit: end - start + 1)
    }

    /// The rows asked for by `offset` and `limit` of `/query/results`.
    func resultsRange() throws(APIFailure) -> PageRange {
        PageRange(start: try number("offset", 0...1_000_000) ?? 0, limit: try number("limit", 1...100_000) ?? 100_000)
    }

    // MARK: Scalars and lists

    func text(_ name: String, limit: Int) throws(APIFailure) -> String? {
        guard let value = parameters[name] else { return nil }
        guard let text = value.scalarText else { throw .outOfBounds(name, "must be a string.") }
        guard text.count <= limit else { throw .outOfBounds(name, "must not be longer than \(limit) characters.") }
        return text.isEmpty ? nil : text
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws(APIFailure) -> Int? {
        guard let value = parameters[name], value != .string("") else { return nil }
        guard let number = value.wholeNumber, range.contains(number) else {
            throw .outOfBounds(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func list(_ name: String, limit: Int) throws(APIFailure) -> [String] {
        guard let value = parameters[name] else { return [] }
        guard let elements = value.list else { throw .outOfBounds(name, "must be a string or an array of strings.") }
        guard elements.count <= limit else { throw .outOfBounds(name, "must not have more than \(limit) elements.") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.scalarText else { throw .outOfBounds(name, "must be an array of strings.") }
            texts.append(text)
        }
        return texts
    }

    // MARK: Parts of a query

    private func comparison(
        _ days: DaySpan?,
        settings: DataQuery.Settings,
        columns: [DataQuery.Column]
    ) throws(APIFailure) -> DataQuery.Comparison? {
        let show = try text("compare_show", limit: 50) ?? "perc_change"
        let (start, end) = (try text("compare_start_date", limit: 100), try text("compare_end_date", limit: 100))
        guard let type = try text("compare_type", limit: 50), type != "none" else { return nil }
        guard ["perc_change", "abs_change", "value"].contains(show) else {
            throw .invalid("compare_show", "'\(show)' is not known.")
        }
        guard let days else { throw .invalid("compare_type", "a comparison needs dates.") }
        guard !columns.contains(where: \.isSplit) else {
            throw .invalid("compare_type", "the sandbox does not serve comparisons of split fields.")
        }
        func compared(_ first: CivilDay, _ last: CivilDay) -> DataQuery.Comparison {
            DataQuery.Comparison(type: type, show: show, days: DaySpan(first: first, last: last))
        }
        switch type {
        case "prev_range": return compared(days.first.addingDays(-days.dayCount), days.last.addingDays(-days.dayCount))
        case "prev_year": return compared(days.first.addingMonths(-12), days.last.addingMonths(-12))
        case "prev_year_weekday": return compared(days.first.addingDays(-364), days.last.addingDays(-364))
        case "custom":
            guard let start else {
                throw APIFailure(400, "COMPARE_START_DATE_REQUIRED", "compare_start_date is required.")
            }
            guard let end else { throw APIFailure(400, "COMPARE_END_DATE_REQUIRED", "compare_end_date is required.") }
            let today = try today(settings)
            guard let first = DateExpression.day(start, today: today) else {
                throw APIFailure(400, "COMPARE_START_DATE_INVALID", "'\(start)' is not a date.")
            }
            guard let last = DateExpression.day(end, today: today), first <= last else {
                throw APIFailure(400, "COMPARE_END_DATE_INVALID", "'\(end)' is not a date, or before the start.")
            }
            return compared(first, last)
        default: throw .invalid("compare_type", "'\(type)' is not known.")
        }
    }

    private func settings() throws(APIFailure) -> DataQuery.Settings {
        guard let value = parameters["settings"] else { return DataQuery.Settings() }
        guard let sent = value.object ?? Self.assignments(value) else {
            throw .outOfBounds("settings", "must be an object.")
        }
        return DataQuery.Settings(
            noHeaders: !options.ignoresNoHeaders && sent["no_headers"]?.isOn ?? false,
            decodesJSON: sent["decode_json_fields"]?.isOn ?? false,
            sent: sent
        )
    }

    /// `a=1,b=2`, or an empty array as PHP writes an empty object.
    private static func assignments(_ value: JSONValue) -> [String: JSONValue]? {
        guard let elements = value.list else { return nil }
        var settings: [String: JSONValue] = [:]
        for element in elements {
            guard let parts = element.scalarText?.split(separator: "=", maxSplits: 1), parts.count == 2 else {
                return nil
            }
            settings[String(parts[0])] = .string(String(parts[1]))
        }
        return settings
    }

    private func columns(_ source: DataSource) throws(APIFailure) -> [DataQuery.Column] {
        guard let value = parameters["fields"], value != .string("") else {
            throw .invalid("fields", "at least one field is required.")
        }
        if case .string(let text) = value, text.count > 1000 {
            throw .outOfBounds("fields", "must not be longer than 1000 characters.")
        }
        guard let elements = value.list, !elements.isEmpty else {
            throw .outOfBounds("fields", "must be a string or an array, and not be empty.")
        }
        guard elements.count <= 100 else { throw .outOfBounds("fields", "must not have more than 100 elements.") }
        var columns: [DataQuery.Column] = []
        for element in elements {
            if case .array(let split) = element {
                for each in split { columns.append(try column(each, source, isSplit: true)) }
            } else {
                columns.append(try column(element, source, isSplit: false))
            }
        }
        guard columns.contains(where: { $0.field.role == .metric }) || !columns.contains(where: \.isSplit) else {
            throw .invalid("fields", "a split needs a metric.")
        }
        return columns
    }

    /// One field, as an id or an object; in a nested array it is split into columns.
    private func column(_ element: JSONValue, _ source: DataSource, isSplit: Bool) throws(APIFailure)
        -> DataQuery.Column
    {
        var (id, isSplit) = ("", isSplit)
        if let object = element.object {
            guard let named = (object["id"] ?? object["field_id"])?.scalarText else {
                throw .outOfBounds("fields", "an object needs an id.")
            }
            if let split = (object["split"] ?? object["field_split"])?.scalarText {
                guard ["row", "column"].contains(split) else {
                    throw .invalid("fields", "field '\(named)' cannot be split by '\(split)'.")
                }
                isSplit = isSplit || split == "column"
            }
            id = named
        } else if let text = element.scalarText {
            id = text
        } else {
            throw .outOfBounds("fields", "must be an array of ids and objects.")
        }
        guard let field = source.field(id) else {
            throw .invalid("fields", "field '\(id)' does not exist in \(source.id).")
        }
        guard !isSplit || field.role == .dimension else {
            throw .invalid("fields", "'\(id)' is a metric, which cannot be split into columns.")
        }
        return DataQuery.Column(requestedID: id, field: field, isSplit: isSplit)
    }

    private func order(_ source: DataSource) throws(APIFailure) -> [DataQuery.Order] {
        var keys: [DataQuery.Order] = []
        for text in try list("order_rows", limit: 50) {
            let words = text.split(separator: " ")
            guard let id = words.first, words.count <= 2, let field = source.field(String(id)) else {
                throw .invalid("order_rows", "'\(text)' is not a field of \(source.id) with asc or desc.")
            }
            let direction = words.count == 2 ? words[1].lowercased() : "asc"
            guard ["asc", "desc"].contains(direction) else {
                throw .invalid("order_rows", "'\(words[1])' is neither asc nor desc.")
            }
            keys.append(DataQuery.Order(field: field, isDescending: direction == "desc"))
        }
        return keys
    }

    private func days(_ source: DataSource, settings: DataQuery.Settings) throws(APIFailure) -> DaySpan? {
        let start = try text("start_date", limit: 100)
        let end = try text("end_date", limit: 100)
        let type = try text("date_range_type", limit: 50)
        let today = try today(settings)
        if start == nil, end == nil, let type, type != "custom" {
            guard let days = DateExpression.range(type, today: today) else {
                throw .invalid("date_range_type", "'\(type)' is not known.")
            }
            return days
        }
        guard let start else { throw .invalid("start_date", "a start date is required.") }
        guard let end else { throw .invalid("end_date", "an end date is required.") }
        guard let first = DateExpression.day(start, today: today) else {
            throw .invalid("start_date", "'\(start)' is not a date.")
        }
        guard let last = DateExpression.day(end, today: today) else {
            throw .invalid("end_date", "'\(end)' is not a date.")
        }
        guard first <= last else {
            throw .invalid("start_date", "\(first.iso) is after end_date \(last.iso).")
        }
        let days = DaySpan(first: first, last: last)
        guard days.dayCount <= 20_000 else {
            throw APIFailure(
                403,
                "LICENSE_HISTORICAL_RANGE_EXCEEDED",
                "The date range is longer than the licence allows."
            )
        }
        return days
    }

    private func today(_ settings: DataQuery.Settings) throws(APIFailure) -> CivilDay {
        let name = settings.sent["timezone"]?.scalarText ?? options.timeZone
        guard let zone = TimeZone(identifier: name) else {
            throw .invalid("settings", "timezone '\(name)' is not known.")
        }
        let now = options.now()
        let local = now.timeIntervalSince1970 + Double(zone.secondsFromGMT(for: now))
        return CivilDay(number: Int((local / 86_400).rounded(.down)))
    }
}
