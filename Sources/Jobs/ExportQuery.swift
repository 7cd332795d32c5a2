import Extraction
package import Foundation
package import PipelineCore
package import SupermetricsAPI

/// The API's query object as the user wrote it, and the few of its members that sluice reads itself.
package struct ExportQuery: Hashable, Sendable {
    /// The object, its members in the order written.
    package var object: JSONObject

    package init(_ object: JSONObject) { self.object = object }

    /// The members that say which days are asked for.
    package static let dateMembers = ["start_date", "end_date", "date_range_type"]

    /// The object without its dates: what a fingerprint covers.
    package var withoutDates: JSONObject {
        JSONObject(object.members.filter { !Self.dateMembers.contains($0.name) })
    }

    /// The data source.
    package var dsID: String { object["ds_id"]?.textValue ?? "" }

    /// The ids of the fields asked for, in order, as far as they can be told from the query alone.
    package var fieldIDs: [String] { object["fields"].map(Self.ids(of:)) ?? [] }

    /// Those of them that stand in the rows: what is split into columns does not tell one row from another.
    package var rowFieldIDs: [String] {
        guard case .array(let elements)? = object["fields"] else { return fieldIDs }
        return elements.filter { !HeaderRow.isSplit($0) }.flatMap(Self.ids(ofElement:))
    }

    /// Whether the header row alone names the columns of the result, so that they are known once it is there.
    package var isNamedByHeader: Bool { HeaderRow.names(columnsOf: object) }

    /// The most rows the user wants; nil for all.
    package var maxRows: Int? { object["max_rows"]?.intValue }

    /// Whether the user asked for an order of rows.
    package var isOrdered: Bool { object["order_rows"] != nil }

    /// The cache's age the user accepts, in minutes; nil where that is left to sluice.
    package var cacheMinutes: Int? { object["cache_minutes"]?.intValue }

    /// Which accounts are asked for.
    package var accounts: AccountSelection {
        switch object["ds_accounts"] {
        case nil, .null: return .none
        case .object(let patterns): return .matching(patterns)
        case let value?:
            let ids = Self.ids(of: value)
            return ids.isEmpty ? .none : .named(ids)
        }
    }

    /// Texts of a list, or of a text with commas, where the API takes either.
    static func ids(of value: JSONValue) -> [String] {
        guard case .string(let text) = value else { return ids(ofElement: value) }
        return text.split(separator: ",").map { part in
            let trimmed = part.drop { $0 == " " }.reversed().drop { $0 == " " }
            return String(trimmed.reversed())
        }.filter { !$0.isEmpty }
    }

    /// The ids in one element of a list; a field may be an object with its id, or a list of fields that are split.
    private static func ids(ofElement value: JSONValue) -> [String] {
        switch value {
        case .string(let text): return [text]
        case .number(let number): return [number.text]
        case .array(let elements): return elements.flatMap(ids(ofElement:))
        case .object(let object):
            let names = ["id", "field_id", "field", "name"]
            return names.lazy.compactMap { object[$0]?.textValue }.first.map { [$0] } ?? []
        case .null, .bool: return []
        }
    }
}

/// Which accounts a query asks for.
package enum AccountSelection: Hashable, Sendable {
    /// None: the source has no accounts.
    case none
    /// These ids, among which may be lists such as `list.all_accounts`.
    case named([String])
    /// Those that match a pattern, by `filter_id` or `filter_name`.
    case matching(JSONObject)

    /// Whether the accounts are known only to the API.
    package var needsResolving: Bool {
        switch self {
        case .none: false
        case .named(let ids): ids.contains { $0.hasPrefix("list.") }
        case .matching: true
        }
    }
}

/// Why a query's dates make no range.
package struct QueryDatesError: Error, Hashable, Sendable {
    /// The member at fault.
    package var member: String
    /// What is wrong and what to do.
    package var message: String
}

extension ExportQuery {
    /// The days the query asks for; nil where it names none.
    ///
    /// - Parameters:
    ///   - now: What "today" is counted from.
    ///   - zone: The time zone whose calendar counts.
    /// - Returns: The days from the first to the last.
    /// - Throws: `QueryDatesError` where a date is missing, not understood, or the end is before the start.
    package func days(now: Timestamp, zone: TimeZone) throws(QueryDatesError) -> DateRange? {
        let today = Day(now, in: zone)
        let (start, end) = (object["start_date"]?.textValue, object["end_date"]?.textValue)
        if start == nil, end == nil {
            guard let name = object["date_range_type"]?.textValue else { return nil }
            guard let days = DateRangeType.days(name, today: today) else {
                throw QueryDatesError(
                    member: "date_range_type",
                    message: """
                        'date_range_type' has a value whose days are not known here; write start_date and end_date, or \
                        one of \(DateRangeType.expected)
                        """
                )
            }
            return days
        }
        if let name = object["date_range_type"]?.textValue, name != "custom" {
            throw QueryDatesError(
                member: "date_range_type",
                message: "'date_range_type' counts for nothing beside start_date and end_date; leave one of them out"
            )
        }
        let first = try day(start, "start_date", today: today)
        let last = try day(end, "end_date", today: today)
        guard let range = DateRange(first, last) else {
            throw QueryDatesError(
                member: "start_date",
                message: "start_date \(first) is after end_date \(last); no day is left"
            )
        }
        return range
    }

    private func day(_ text: String?, _ member: String, today: Day) throws(QueryDatesError) -> Day {
        guard let text else {
            throw QueryDatesError(member: "query", message: "query has no '\(member)': \(RelativeDate.expected)")
        }
        guard let day = RelativeDate(text)?.day(today: today) else {
            throw QueryDatesError(member: member, message: "'\(member)' must be \(RelativeDate.expected)")
        }
        return day
    }
}

extension JSONValue {
    /// The same value with the members of every object in the order of their names.
    package var canonical: JSONValue {
        switch self {
        case .array(let elements): .array(elements.map(\.canonical))
        case .object(let object): .object(object.canonical)
        default: self
        }
    }
}

extension JSONObject {
    /// The same members in the order of their names, likewise inside: what a fingerprint is taken of.
    package var canonical: JSONObject {
        let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return JSONObject(sorted.map { Member(name: $0.name, value: $0.value.canonical) })
    }
}
