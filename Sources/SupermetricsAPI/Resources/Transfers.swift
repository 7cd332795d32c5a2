extension APIClient {
    /// Transfers: what Supermetrics loads into a warehouse, from which source and how often.
    public var transfers: Transfers<Self> { Transfers(runner: runner) }
}

/// A team's transfers (`/teams/{team_id}/transfers` of the DTS API).
///
/// They need a key of scope `dwh_transfers_read`.
public struct Transfers<Client: APIClient>: APIResource {
    let runner: CallRunner

    /// Lists a team's transfers, the deleted ones apart: `GET /teams/{team_id}/transfers`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func list(teamID: Int, options: RequestOptions = RequestOptions()) -> Call<[Transfer], Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            return .get("/teams/\(teamID)/transfers", options: options)
        } decode: { raw throws(ModelError) in
            try raw.models()
        }
    }

    /// Gets a transfer with its configuration: `GET /teams/{team_id}/transfers/{transfer_id}`.
    ///
    /// - Parameters:
    ///   - teamID: the team, from 1.
    ///   - transferID: the transfer, from 1.
    ///   - options: what this call does differently from the client.
    /// - Returns: the call.
    public func get(
        teamID: Int,
        transferID: Int,
        options: RequestOptions = RequestOptions()
    ) -> Call<TransferConfiguration, Client> {
        call { () throws(SupermetricsError) in
            try Check.id(teamID, "team_id")
            try Check.id(transferID, "transfer_id")
            return .get("/teams/\(teamID)/transfers/\(transferID)", options: options)
        } decode: { raw throws(ModelError) in
            try raw.model()
        }
    }
}

/// A transfer as lists show it.
public struct Transfer: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// `dwh_transfer_id`, the same as `transfer_id` elsewhere.
    public let id: Int

    /// Reads a transfer of the API.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("dwh_transfer_id", "transfer_id")
    }

    /// The name for people.
    public var displayName: String? { json.text("display_name") }
    /// The id outside Supermetrics.
    public var externalTransferID: String? { json.text("external_transfer_id") }
    /// How its last run went.
    public var status: String? { json.text("status") }
    /// Whether it runs or is paused.
    public var state: TransferState? { json.word("state") }
    /// How often it runs, for example `daily`.
    public var schedule: String? { json.text("schedule") }
    /// When it ran last.
    public var runDate: APITime? { json.time("run_date") }
    /// The data source it reads.
    public var dataSource: JSONValue? { json["data_source"] }
    /// Where it writes.
    public var destination: JSONValue? { json["destination"] }
    /// The accounts it reads.
    public var accounts: [String] { json.texts("accounts") }
    /// A backfill of it that the list mentions.
    public var backfill: JSONValue? { json["backfill"].flatMap { $0.isNull ? nil : $0 } }
}

/// Whether a transfer runs.
public struct TransferState: OpenWord {
    /// The word as the API wrote it.
    public let rawValue: String

    /// A state by its word.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// It runs by its schedule.
    public static let active = TransferState(rawValue: "ACTIVE")
    /// It does not run.
    public static let paused = TransferState(rawValue: "PAUSED")
}

/// All that is set about a transfer.
public struct TransferConfiguration: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject
    /// The transfer.
    public let id: Int
    /// When it runs.
    public let schedule: [TransferSchedule]
    /// The accounts it reads.
    public let accounts: [TransferAccount]

    /// Reads a transfer's configuration.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
        id = try json.requiredInt("transfer_id", "dwh_transfer_id")
        schedule = try json.list("schedule")
        accounts = try json.list("accounts")
    }

    /// The name for people.
    public var displayName: String? { json.text("display_name") }
    /// The table group it fills.
    public var schemaID: Int? { json.int("schema_id") }
    /// Where it writes.
    public var destinationID: Int? { json.int("destination_id") }
    /// The data source, for example `AW`.
    public var dataSourceID: String? { json["data_source"]?["data_source_id"]?.textValue }
    /// The data source's settings and names.
    public var dataSource: JSONValue? { json["data_source"] }
    /// The segments it reads.
    public var segments: JSONValue? { json["segments"] }
    /// The licence it runs under.
    public var license: JSONValue? { json["license"] }
    /// Who is told about its runs.
    public var notificationRecipients: JSONValue? { json["notification_recipients"] }
    /// Its page at Supermetrics.
    public var externalURL: String? { json.text("external_url") }
}

/// One line of a transfer's schedule; hours are UTC.
public struct TransferSchedule: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject

    /// Reads a line of a schedule.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
    }

    /// `hourly`, `daily`, `weekly` or `monthly`.
    public var runInterval: String? { json.text("run_interval") }
    /// The hour, 0 to 23.
    public var runHour: Int? { json.int("run_hour") }
    /// How many past days a run loads again.
    public var refreshWindow: Int? { json.int("refresh_window") }
    /// The day of the week, 1 for Monday.
    public var runWeekday: Int? { json.int("run_weekday") }
    /// The day of the month.
    public var runDay: Int? { json.int("run_day") }
}

/// One account a transfer reads.
public struct TransferAccount: APIModel {
    /// The object as the API wrote it.
    public let json: JSONObject

    /// Reads an account of a transfer.
    public init(json: JSONObject) throws(ModelError) {
        self.json = json
    }

    /// The account's id.
    public var accountID: String? { json.text("account_id") }
    /// The login's number; elsewhere logins have ids such as `dsl_…`.
    public var loginID: Int? { json.int("login_id") }
    /// The login's user name.
    public var dataSourceUsername: String? { json.text("data_source_username") }
}
