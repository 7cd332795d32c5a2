import FoundationEssentials

/// One transfer: everything about it follows from its id and its place among the team's.
struct Transfer {
    static let destinationTypes = ["SQL_BQ", "DWH_SNOWFLAKE"]
    /// How many days back the runs of the schedule are kept.
    private static let recurringDays = 90
    private static let (firstRecurringID, recurringIDsPerTransfer) = (1_000_000_000_000, 1_000_000)

    let id: Int
    private let place: Int
    private let source: DataSource
    private let seed: UInt64

    init(id: Int, options: SandboxOptions) {
        self.id = id
        let place = options.transferIDs.firstIndex(of: id) ?? 0
        self.place = place
        let sources = Catalog(options).sources
        source = sources[place % sources.count]
        seed = mix(options.seed, UInt64(bitPattern: Int64(id)))
    }

    private var name: String { "\(source.name) to \(destination.title)" }
    private var destination: (id: Int, type: String, title: String) {
        place.isMultiple(of: 2) ? (8, "SQL_BQ", "BigQuery") : (9, "DWH_SNOWFLAKE", "Snowflake")
    }

    /// What the list tells of it.
    func summary(backfill: JSONValue?, now: Date) -> JSONValue {
        [
            "dwh_transfer_id": .integer(id),
            "display_name": .string(name),
            "external_transfer_id": "ext-\(id)",
            "status": "active",
            "state": "active",
            "schedule": "daily",
            "run_date": .string(CivilDay(now).iso),
            "data_source": ["data_source_id": .string(source.id), "name": .string(source.name)],
            "destination": [
                "id": .integer(destination.id), "type": .string(destination.type),
                "display_name": .string(destination.title),
            ],
            "accounts": .array(source.logins.flatMap(\.accounts).map { .string($0.id) }),
            "backfill": backfill ?? .null,
        ]
    }

    /// Its whole configuration.
    func configuration(now: Date) -> JSONValue {
        let accounts = source.logins.flatMap { login in
            login.accounts.map { account -> JSONValue in
                [
                    "data_source_username": .string(login.user),
                    "login_id": .integer(Int(digest(login.user) % 10_000_000)),
                    "account_id": .string(account.id),
                ]
            }
        }
        return [
            "transfer_id": .integer(id),
            "display_name": .string(name),
            "schema_id": 2,
            "destination_id": .integer(destination.id),
            "accounts": .array(accounts),
            "segments": [],
            "license": [
                "id": 77, "product_title": "Data Warehouse", "license_title": "Sandbox", "is_expired": false,
                "is_trial": false, "end_date": .string(DateText.zulu(now.addingTimeInterval(365 * 86_400))),
                "features": [:],
            ],
            "schedule": [["run_interval": "daily", "run_hour": 3, "refresh_window": 1]],
            "data_source": [
                "data_source_id": .string(source.id), "service_name": .string(source.name),
                "service_provider": .string(source.name), "settings": [],
            ],
            "notification_recipients": [],
            "external_url": .null,
        ]
    }

    /// The runs of its schedule: every night at three the day before, one in sixteen of them failing.
    func recurringRuns(now: Date) -> [TransferRun] {
        let today = CivilDay(now)
        return (1...Self.recurringDays).compactMap { age in
            let day = today.addingDays(-age)
            let start = day.addingDays(1).midnight.addingTimeInterval(3 * 3600)
            guard start <= now else { return nil }
            let draw = mix(seed, UInt64(bitPattern: Int64(day.number)))
            return TransferRun(
                id: Self.firstRecurringID + place * Self.recurringIDsPerTransfer + day.number,
                type: "Recurring",
                dataDate: day,
                createdTime: start,
                endedTime: min(now, start.addingTimeInterval(60)),
                error: draw.isMultiple(of: 16) ? "The data source did not answer." : nil,
                rows: Int(draw % 10_000)
            )
        }
    }
}

/// A run of a transfer as the API tells of it, whatever started it.
struct TransferRun {
    var id: Int
    var type: String
    var dataDate: CivilDay
    var createdTime: Date
    /// Nil while it runs.
    var endedTime: Date?
    /// Nil when it succeeds, or has not ended.
    var error: String?
    var rows: Int

    /// What the list tells of it.
    var item: JSONValue {
        [
            "id": .integer(id),
            "status": .string(status),
            "type": .string(type),
            "created_time": .string(DateText.zulu(createdTime)),
            "ended_time": .text(endedTime.map(DateText.zulu)),
            "total_duration": duration,
            "total_rows": .count(endedTime == nil || error != nil ? nil : rows),
            "data_date": .string(dataDate.iso),
            "message": .string(error ?? ""),
        ]
    }

    /// What its own page tells of it, where the type is missing.
    var detail: JSONValue {
        guard case .object(var members) = item else { return item }
        members["type"] = nil
        let isFailed = error != nil
        members["started_time"] = members["created_time"]
        members["queued_time"] = members["created_time"]
        members["external_id"] = "ext-\(id)"
        members["query_amount"] = 1
        members["failed_query_amount"] = isFailed ? 1 : 0
        members["query_details"] = [
            [
                "duration": duration, "status": .string(status), "rows": .integer(isFailed ? 0 : rows),
                "error_description": .text(error),
            ]
        ]
        return .object(members)
    }

    private var status: String { endedTime == nil ? "RUNNING" : error == nil ? "COMPLETED" : "FAILED" }

    private var duration: JSONValue { endedTime.map { .number($0.timeIntervalSince(createdTime)) } ?? .null }
}

extension TransferRun {
    init(_ run: Backfill.Run, of backfill: Backfill, now: Date) {
        let hasEnded = run.hasEnded(now)
        self.init(
            id: run.id,
            type: "Backfill",
            dataDate: run.day,
            createdTime: run.startTime,
            endedTime: hasEnded ? run.endTime : nil,
            error: hasEnded ? run.error : nil,
            rows: Int(mix(UInt64(run.id), 0) % 10_000)
        )
    }
}

extension CivilDay {
    /// The day of a point in time in UTC.
    init(_ date: Date) { self.init(number: Int((date.timeIntervalSince1970 / 86_400).rounded(.down))) }
}
