/// A query that passed validation: everything is resolved and within the documented limits.
struct DataQuery: Sendable {
    struct Column: Sendable {
        /// The id as the request spelled it.
        var requestedID: String
        var field: SourceField
        /// Whether its values become columns.
        var isSplit = false
    }

    /// What the metrics are compared with.
    struct Comparison: Sendable {
        /// `custom`, `prev_range`, `prev_year` or `prev_year_weekday`.
        var type: String
        /// `perc_change`, `abs_change` or `value`.
        var show: String
        var days: DaySpan
    }

    struct Order: Sendable {
        var field: SourceField
        var isDescending: Bool
    }

    struct Settings: Sendable {
        var noHeaders = false
        var decodesJSON = false
        /// As sent, for `meta.query.settings`.
        var sent: [String: JSONValue] = [:]
    }

    var source: DataSource
    var accounts: [DataSource.Account]
    var segments: [String]
    var columns: [Column]
    var days: DaySpan?
    var comparison: Comparison?
    var filter: String?
    var order: [Order]
    var maxRows: Int
    var settings: Settings
    var cacheMinutes: Int?
    /// Nil when the request leaves it to the default.
    var syncTimeout: Int?
    var scheduleID: String?

    /// What decides the rows, as text: the same for every spelling of the same query.
    var canonicalText: String {
        var json = JSONWriter(style: .plain)
        json.object { json in
            json.string("ds_id", source.id)
            json.array("ds_accounts") { for account in accounts { $0.string(nil, account.id) } }
            json.array("ds_segments") { for segment in segments { $0.string(nil, segment) } }
            json.array("fields") { for column in columns { $0.string(nil, column.field.id) } }
            json.array("split") { for column in columns where column.isSplit { $0.string(nil, column.field.id) } }
            json.string("compare", comparison.map { "\($0.type) \($0.show) \($0.days.first.iso)" } ?? "")
            json.string("start_date", days?.first.iso ?? "")
            json.string("end_date", days?.last.iso ?? "")
            json.string("filter", filter ?? "")
            json.array("order_rows") { for key in order { $0.string(nil, "\(key.field.id) \(key.isDescending)") } }
            json.integer("max_rows", maxRows)
            json.value("settings", .object(settings.sent))
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

extension DataQuery {
    /// Whether its columns are named in the header row alone.
    var isWide: Bool { comparison != nil || columns.contains(where: \.isSplit) }
}

/// The rows of a page: which one is first, and how many at most (nil for all).
struct PageRange: Hashable, Sendable {
    var start: Int
    var limit: Int?
}

extension DataSource {
    /// Finds a field by id, whatever its case, as upstream does.
    func field(_ id: String) -> SourceField? {
        fields.first { $0.id == id } ?? fields.first { $0.id.lowercased() == id.lowercased() }
    }
}

/// The data sources as the options leave them: accounts added and withheld.
struct Catalog: Sendable {
    let sources: [DataSource]

    init(_ options: SandboxOptions) {
        sources = DataSource.all.map { source in
            var source = source
            let added = options.additionalAccounts[source.id, default: []]
            if !source.logins.isEmpty {
                source.logins[0].accounts += added.map { DataSource.Account(id: $0, name: "Account \($0)") }
            }
            for index in source.logins.indices {
                source.logins[index].accounts.removeAll { options.withheldAccounts.contains($0.id) }
            }
            return source
        }
    }

    func source(_ id: String) -> DataSource? { sources.first { $0.id == id } }
}
