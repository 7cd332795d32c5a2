import NIOCore
import NIOHTTP1

/// How an endpoint names the rows of a page.
enum Paging {
    /// `offset_start` and the inclusive `offset_end`.
    case offsets
    /// `offset` and `limit`.
    case results
}

/// The bodies of query answers (Supermetrics API: json response, async lifecycle).
extension Exchange {
    /// A query that has not ended.
    func pendingAnswer(for entry: QueryTable.Entry, stage: QueryTable.Stage) -> Answer {
        var json = JSONWriter(style: style)
        guard options.dialect == .scheduled else {
            json.object { json in
                json.object("meta") { json in
                    json.string("request_id", requestID)
                    json.string("status_code", "pending")
                }
            }
            return Answer(status: .ok, body: json.bytes)
        }
        let share: Double? = if case .running(let share) = stage { share } else { nil }
        // The total is known only once the query runs: it grows between polls, as upstream.
        let total = share == nil ? 1 : max(1, entry.rows.query.accounts.count)
        json.object { json in
            json.object("meta") { json in
                json.string("request_id", requestID)
                json.string("schedule_id", entry.scheduleID)
                json.string("status_code", share == nil ? "QUEUED" : "RUNNING")
                json.object("progress") { json in
                    json.integer("queries_ready", Int((share ?? 0) * Double(total)))
                    json.integer("queries_total", total)
                }
                json.object("workflow") { json in
                    json.integer("tasks_scheduled", share == nil ? 1 : 0)
                    json.integer("tasks_running", share == nil ? 0 : 1)
                }
            }
            json.array("data") { _ in }
        }
        return Answer(status: .accepted, body: json.bytes)
    }

    /// A query that ended as FAILURE: HTTP 200 with its status and an error object.
    func failureAnswer(for entry: QueryTable.Entry) -> Answer {
        var meta: [(StaticString, String)] = []
        if options.dialect == .scheduled { meta.append(("schedule_id", entry.scheduleID)) }
        meta.append(("status_code", options.dialect == .scheduled ? "FAILURE" : "failure"))
        return APIFailure(500, "QUERY_ERROR", "The query failed.")
            .answer(shape: .ok, requestID: requestID, style: style, meta: meta)
    }

    /// A page of a finished query.
    func pageAnswer(for entry: QueryTable.Entry, page: PageRange, paging: Paging) -> Answer {
        let asked = entry.rows.existing(page)
        var (rows, total) = (asked, entry.rows.count)
        if !asked.isEmpty, let fault = drawFault(carriesRows: true, where: \.needsRows) {
            switch fault.kind {
            case .named(.shortPage): rows = asked.dropLast()
            case .named(.repeatPage):
                let start = max(0, asked.lowerBound - (page.limit ?? asked.count))
                rows = start..<min(start + asked.count, entry.rows.count)
            default: total += 1
            }
        }
        let meta = meta(
            for: entry,
            total: total,
            links: links(page, asked: asked, count: entry.rows.count, paging: paging)
        )
        let data = service.page(rows, of: entry)
        func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
        let pieces =
            options.dataFirst
            ? [text("{\"data\":")] + data + [text(",\"meta\":"), meta, text("}")]
            : [text("{\"meta\":"), meta, text(",\"data\":")] + data + [text("}")]
        var answer = Answer(status: .ok, pieces: pieces)
        answer.carriesRows = !asked.isEmpty
        service.amend(request.number) {
            $0.rows = rows.count
            $0.scheduleID = entry.scheduleID
        }
        return answer
    }

    private func meta(
        for entry: QueryTable.Entry,
        total: Int,
        links: (previous: String?, next: String?)
    ) -> ByteBuffer {
        let query = entry.rows.query
        let countsHeader =
            switch options.headerCount {
            case .whenPresent: !query.settings.noHeaders
            case .always: true
            case .never: false
            }
        var json = JSONWriter(style: style)
        json.object { json in
            json.string("request_id", requestID)
            if options.dialect == .scheduled { json.string("schedule_id", entry.scheduleID) }
            json.string("status_code", options.dialect == .scheduled ? "SUCCESS" : "success")
            json.object("query") { json in write(entry, to: &json) }
            json.object("result") { json in
                json.integer("total_columns", entry.rows.labels.count)
                json.integer("total_rows", total + (countsHeader ? 1 : 0))
                json.token("run_seconds", String(entry.runSeconds))
                if let sampled = options.dataSampled {
                    json.bool("data_sampled", sampled)
                } else {
                    null("data_sampled", &json)
                }
                json.bool("cache_used", entry.cachedAt != nil)
                string("cache_time", entry.cachedAt.map(DateText.iso), &json)
            }
            json.object("paginate") { json in
                string("prev", links.previous, &json)
                string("next", links.next, &json)
            }
        }
        return ByteBuffer(bytes: json.bytes)
    }

    private func write(_ entry: QueryTable.Entry, to json: inout JSONWriter) {
        let query = entry.rows.query
        string("start_date", query.days?.first.iso, &json)
        string("end_date", query.days?.last.iso, &json)
        json.array("ds_accounts") { json in for account in query.accounts { json.string(nil, account.id) } }
        json.array("ds_segments") { json in for segment in query.segments { json.string(nil, segment) } }
        json.array("fields") { json in
            for (column, place) in zip(query.columns, entry.rows.places) where !options.omitsFields {
                json.object { json in
                    json.string("id", column.requestedID)
                    json.string("field_id", column.field.id)
                    json.string("field_name", column.field.name)
                    json.string("field_type", column.field.role.rawValue)
                    json.string("field_split", column.isSplit ? "column" : "row")
                    json.string("data_type", column.field.dataType)
                    if let place { json.integer("data_column", place) }
                    json.bool("visible", true)
                }
            }
        }
        string("compare_type", query.comparison?.type, &json)
        string("compare_show", query.comparison?.show, &json)
        string("compare_start_date", query.comparison?.days.first.iso, &json)
        string("compare_end_date", query.comparison?.days.last.iso, &json)
        json.value("settings", .object(query.settings.sent))
        if let minutes = query.cacheMinutes {
            json.integer("cache_minutes", minutes)
        } else {
            null("cache_minutes", &json)
        }
    }

    private func null(_ key: StaticString, _ json: inout JSONWriter) {
        if !options.omitsNulls { json.null(key) }
    }

    private func string(_ key: StaticString, _ value: String?, _ json: inout JSONWriter) {
        if let value { json.string(key, value) } else { null(key, &json) }
    }

    // MARK: Links

    private func links(
        _ page: PageRange,
        asked: Range<Int>,
        count: Int,
        paging: Paging
    ) -> (previous: String?, next: String?) {
        guard let limit = page.limit, request.method == "GET" || options.linksForPOST else { return (nil, nil) }
        let previous = page.start > 0 ? link(max(0, page.start - limit), limit: limit, paging: paging) : nil
        let next = asked.upperBound < count ? link(page.start + limit, limit: limit, paging: paging) : nil
        return (previous, next)
    }

    private func link(_ start: Int, limit: Int, paging: Paging) -> String {
        var members = parameters.values
        switch paging {
        case .offsets:
            members["offset_start"] = .integer(start)
            members["offset_end"] = .integer(start + limit - 1)
        case .results:
            members["offset"] = .integer(start)
            members["limit"] = .integer(limit)
        }
        members["api_key"] = options.linksCarryKey ? credential.map(JSONValue.string) : nil
        var json = JSONWriter(style: .plain)
        json.value(nil, .object(members))
        let text = RequestParameters.percentEncode(String(decoding: json.bytes, as: UTF8.self))
        return (options.linkOrigin ?? service.baseURL) + request.path + "?json=" + text
    }
}
