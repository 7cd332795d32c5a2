/// A data source of the sandbox: its fields, and the logins with the accounts they reach.
struct DataSource: Sendable {
    var id: String
    var name: String
    var logins: [Login]
    var fields: [SourceField]
    /// Parts of the data a query can be limited to, by id and name.
    var segments: [(id: String, name: String)] = []

    struct Login: Sendable {
        var user: String
        var displayName: String
        var accounts: [Account]
    }

    struct Account: Sendable, Hashable {
        var id: String
        var name: String
        var group = ""
    }

    /// Every data source the sandbox serves.
    ///
    /// A further one is a file beside this and an entry here.
    static let all: [DataSource] = [.googleAnalytics, .googleAds, .facebookAds]
}

/// One field of a data source.
struct SourceField: Sendable {
    enum Role: String, Sendable {
        case dimension = "dim"
        case metric = "met"
    }

    var id: String
    /// The display name, which several fields may share.
    var name: String
    var role: Role
    /// The API's `data_type` (Supermetrics API: field data types); not a promise about the values.
    var dataType: String
    var group: String
    var content: CellContent
    /// A metric that cannot be summed, such as users.
    var isNonAggregatable = false

    static func dimension(
        _ id: String,
        _ name: String,
        _ dataType: String,
        _ content: CellContent,
        group: String = "DIMENSIONS"
    ) -> SourceField {
        SourceField(id: id, name: name, role: .dimension, dataType: dataType, group: group, content: content)
    }

    static func time(_ id: String, _ name: String, _ format: CellContent.TimeFormat) -> SourceField {
        SourceField(
            id: id,
            name: name,
            role: .dimension,
            dataType: "string.time.\(format.rawValue)",
            group: "TIME",
            content: .time(format)
        )
    }

    static func metric(
        _ id: String,
        _ name: String,
        _ dataType: String,
        _ content: CellContent,
        isNonAggregatable: Bool = false
    ) -> SourceField {
        SourceField(
            id: id,
            name: name,
            role: .metric,
            dataType: dataType,
            group: "METRICS",
            content: content,
            isNonAggregatable: isNonAggregatable
        )
    }
}

/// What the cells of a field hold.
enum CellContent: Sendable {
    /// Formats of time, named as in `string.time.…` (Supermetrics API: field data types).
    enum TimeFormat: String, Sendable {
        case date, datetime, year, yearmonth, yearweekiso, yearweek, month, weekiso, dayofweekiso
    }

    case time(TimeFormat)
    case accountID
    case accountName
    /// An ISO 4217 code that belongs to the account.
    case currency
    /// A name no two rows of an account share; the same on every day.
    case uniqueName([String])
    /// A 19-digit id beyond 2^53, unique like the name; as a JSON number when not quoted.
    case bigID(quoted: Bool)
    /// One of a few words, by row.
    case choice([String])
    /// Free text, different on every day.
    case text([String])
    case url
    /// true or false; as JSON booleans when not quoted.
    case flag(quoted: Bool)
    /// An object: as JSON text by default, as JSON itself with `settings.decode_json_fields`.
    case nested
    case integer(below: UInt64)
    /// A number with up to `places` decimals; trailing zeros are not written, as PHP does not.
    case decimal(below: UInt64, places: Int)

    /// How long a time a row stands for when this field is in the query.
    var grain: Grain {
        guard case .time(let format) = self else { return .range }
        switch format {
        case .date, .datetime, .dayofweekiso: return .day
        case .yearweekiso, .yearweek, .weekiso: return .week
        case .yearmonth, .month: return .month
        case .year: return .year
        }
    }
}
