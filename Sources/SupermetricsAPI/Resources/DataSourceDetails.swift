extension APIClient {
    /// What data sources are and need.
    public var dataSourceDetails: DataSourceDetails<Self> { DataSourceDetails(runner: runner) }
}

/// Data source details (`/teams/{team_id}/datasource/{data_source_id}`).
public struct DataSourceDetails<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Gets what a data source is and needs: `GET /teams/{team_id}/datasource/{data_source_id}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - dataSourceID: the data source, for example `AW`.
    ///   - smAppID: the product to describe it for (header `Sm-App-Id`), for example `XPLD`; nil for none.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call; an error of kind `notFound` where there is no such source.
    public func get(
        teamID: Int,
        dataSourceID: String,
        smAppID: String? = nil,
        options: RequestOptions = RequestOptions()
    ) -> Call<DataSource, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.text(dataSourceID, "data_source_id", atMost: 100)
            try Check.length(smAppID, "Sm-App-Id", atMost: 100)
            var request = APIRequest.get("/teams/\(teamID)/datasource/\(dataSourceID)", options: options)
            request.headers["Sm-App-Id"] = smAppID
            guard request.headers.firstUnusableName() == nil else {
                throw Check.refusal("Sm-App-Id holds control characters", nil)
            }
            return request
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }
}

/// What a data source is and needs.
public struct DataSource: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as `ds_id` takes it.
    public let id: String
    /// Its kinds of report.
    public let reportTypes: [DataSourceReportType]
    /// Settings all reports have.
    public let commonSettings: [DataSourceSetting]

    /// Reads details of a data source.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("id", "data_source_id", "ds_id")
        reportTypes = try json.list("report_types")
        commonSettings = try json.list("common_settings")
    }

    /// The name for people.
    public var name: String? { json.text("name", "ds_name") }
    /// What it is: `description`.
    public var summary: String? { json.text("description") }
    /// Its name in marketing.
    public var marketingName: String? { json.text("marketing_name") }
    /// The address of its logo.
    public var logoURL: String? { json.text("logo_url") }
    /// Its categories, for example `Paid Media`.
    public var categories: [String] { json.texts("categories") }
    /// The products that have it.
    public var products: [String] { json.texts("products") }
    /// How mature it is.
    public var status: DataSourceStatus? { json.word("status") }
    /// Whether it costs extra.
    public var isPremium: Bool? { json.bool("is_premium") }
    /// Words to find it by.
    public var tags: [String] { json.texts("tags") }
    /// Whether somebody must log in.
    public var isAuthenticationRequired: Bool? { json.bool("is_authentication_required") }
    /// Whether it has accounts to choose from.
    public var hasAccountList: Bool? { json.bool("has_account_list") }
    /// Whether it has fields.
    public var hasFields: Bool? { json.bool("has_fields") }
    /// Whether it has segments.
    public var hasSegments: Bool? { json.bool("has_segments") }
    /// Whether a kind of report must be chosen.
    public var hasReportTypeSelection: Bool? { json.bool("has_report_type_selection") }
    /// Whether queries need dates.
    public var isDateRangeRequired: Bool? { json.bool("is_date_range_required") }
    /// Whether it takes files of one's own.
    public var isCustomDataImport: Bool? { json.bool("is_custom_data_import") }
    /// The fewest metrics of a query.
    public var minMetrics: Int? { json.int("min_metrics") }
    /// The most metrics of a query.
    public var maxMetrics: Int? { json.int("max_metrics") }
    /// The fewest dimensions of a query.
    public var minDimensions: Int? { json.int("min_dimensions") }
    /// The most dimensions of a query.
    public var maxDimensions: Int? { json.int("max_dimensions") }
    /// What kinds of report are called.
    public var reportTypeHeaderLabel: String? { json.text("report_type_header_label") }
    /// What one account is called.
    public var accountLabelSingular: String? { json["account_labels"]?["singular"]?.textValue }
    /// What several accounts are called.
    public var accountLabelPlural: String? { json["account_labels"]?["plural"]?.textValue }
}

/// How mature a data source is.
public struct DataSourceStatus: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A status by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// For those who were invited.
    public static let earlyAccess = DataSourceStatus(rawValue: "Early access")
    /// For all, not finished.
    public static let beta = DataSourceStatus(rawValue: "Beta")
    /// For all.
    public static let released = DataSourceStatus(rawValue: "Released")
    /// About to go.
    public static let deprecated = DataSourceStatus(rawValue: "Deprecated")
}

/// A kind of report of a data source.
public struct DataSourceReportType: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as a query's settings take it.
    public let id: String
    /// Settings reports of this kind have.
    public let settings: [DataSourceSetting]

    /// Reads a kind of report.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("id", "report_type_id")
        settings = try json.list("settings")
    }

    /// The name for people: `label`, or `name` as older answers have it.
    public var label: String? { json.text("label", "name") }
    /// The same as ``label``.
    public var name: String? { label }
    /// Whether queries of this kind need dates.
    public var isDateRangeRequired: Bool? { json.bool("is_date_range_required") }
    /// Whether accounts are typed in rather than chosen.
    public var isFreeTextAccountRequired: Bool? { json.bool("is_free_text_account_required") }
}

/// A setting of a data source.
public struct DataSourceSetting: APIModel {
    /// One of the values a setting may have.
    public struct Option: APIModel {
        /// The object as the API wrote it.
        public let json: JSONObject
        /// The value.
        public let id: String

        /// Reads an option.
        public init(json: JSONObject) throws(ModelError) {
            self.json = json
            id = try json.requiredText("option_id", "id")
        }

        /// The name for people.
        public var label: String? { json.text("label", "name") }
    }

    /// The object as the API wrote it.
    public let json: JSONObject
    /// The id, as a query's `settings` take it.
    public let id: String
    /// The values it may have; empty where any will do.
    public let options: [Option]

    /// Reads a setting.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredText("setting_id", "id")
        options = try json.list("options")
    }

    /// Where it is set: `options` or `reportConfiguration`.
    public var context: String? { json.text("context") }
    /// How it is set: `checkbox`, `combobox`, `none`, `select`, `text`, `textarea` or `radio`.
    public var type: String? { json.text("type") }
    /// The name for people.
    public var label: String? { json.text("label", "name") }
    /// What it does.
    public var helpText: String? { json.text("help_text") }
    /// What it is unless it is set.
    public var defaultValue: JSONValue? { json["default_value"].flatMap { $0.isNull ? nil : $0 } }
    /// Whether it must be set.
    public var isValueRequired: Bool? { json.bool("is_value_required") }
}
