/// What a sandbox's backfills really did, as opposed to what the API told about them.
///
/// Outside the process it is `GET /sandbox/backfills`, as JSON with the keys given here. Times are in ISO 8601 with
/// milliseconds, so that they sort as text.
public struct BackfillHistory: Sendable, Codable, Hashable {
    /// Every create that reached the rules of the API, in the order of arrival; one that a fault answered instead did
    /// not.
    public var creates: [Create]
    /// Every backfill ever created, oldest first, removed ones too.
    public var backfills: [Backfill]
    /// Every run that has started, in the order in which they did within a backfill.
    public var runs: [Run]

    /// One request to create a backfill.
    public struct Create: Sendable, Codable, Hashable {
        /// The number of the request in the log.
        public var requestNumber: Int
        /// When it arrived.
        public var time: String
        /// The transfer.
        public var transferID: Int
        /// The first day asked for, as sent.
        public var rangeStart: String
        /// The last day asked for, as sent.
        public var rangeEnd: String
        /// The backfill it created; nil when it was refused.
        public var backfillID: Int?
        /// The HTTP status the rules gave it, whatever then became of the answer.
        public var status: Int
        /// What was done to the answer, such as `reset@create:1x`.
        public var fault: String?

        enum CodingKeys: String, CodingKey {
            case requestNumber = "request_number"
            case time
            case transferID = "transfer_id"
            case rangeStart = "range_start"
            case rangeEnd = "range_end"
            case backfillID = "backfill_id"
            case status
            case fault
        }
    }

    /// One backfill as it stands.
    public struct Backfill: Sendable, Codable, Hashable {
        /// The API's `transfer_backfill_id`.
        public var backfillID: Int
        /// The transfer.
        public var transferID: Int
        /// The first day, `YYYY-MM-DD`.
        public var rangeStart: String
        /// The last day, `YYYY-MM-DD`.
        public var rangeEnd: String
        /// When it was created.
        public var createdTime: String
        /// When it ended or was cancelled; nil when it has not.
        public var endTime: String?
        /// The status in the API's own words, whatever `BackfillOptions.statusNames` says.
        public var status: String
        /// When it was removed, so that the API knows it no longer; nil when it was not.
        public var removedTime: String?

        enum CodingKeys: String, CodingKey {
            case backfillID = "backfill_id"
            case transferID = "transfer_id"
            case rangeStart = "range_start"
            case rangeEnd = "range_end"
            case createdTime = "created_time"
            case endTime = "end_time"
            case status
            case removedTime = "removed_time"
        }
    }

    /// The run of one day by one backfill.
    public struct Run: Sendable, Codable, Hashable {
        /// The API's transfer run id.
        public var runID: Int
        /// The backfill it belongs to.
        public var backfillID: Int
        /// The transfer.
        public var transferID: Int
        /// The day, `YYYY-MM-DD`.
        public var date: String
        /// Counts the turns of this day and transfer from 1, over all backfills.
        public var attempt: Int
        /// When it started.
        public var startTime: String
        /// When it ended; nil when it has not.
        public var endTime: String?
        /// How it ended.
        public var outcome: Outcome

        enum CodingKeys: String, CodingKey {
            case runID = "run_id"
            case backfillID = "backfill_id"
            case transferID = "transfer_id"
            case date
            case attempt
            case startTime = "start_time"
            case endTime = "end_time"
            case outcome
        }
    }

    /// How a run ended.
    public enum Outcome: String, Sendable, Codable {
        /// It has not.
        case running
        /// The day is done.
        case completed
        /// The day is not done.
        case failed
    }

    /// How many times each day of a transfer was completed; days that never were are not in it.
    ///
    /// - Parameter id: The transfer.
    /// - Returns: Days as `YYYY-MM-DD`, with how many runs completed each.
    public func completions(ofTransfer id: Int) -> [String: Int] {
        runs.reduce(into: [:]) { counts, run in
            if run.transferID == id, run.outcome == .completed { counts[run.date, default: 0] += 1 }
        }
    }

    /// The most backfills that were active at one time: from creation to end, cancellation or removal.
    ///
    /// - Parameter id: The transfer they belong to; nil for all.
    /// - Returns: How many; one that ended in the millisecond in which another began does not count with it.
    public func mostActive(ofTransfer id: Int? = nil) -> Int {
        let chosen = backfills.filter { id == nil || $0.transferID == id }
        let begins = chosen.map(\.createdTime).sorted()
        let ends = chosen.compactMap { [$0.endTime, $0.removedTime].compactMap(\.self).min() }.sorted()
        var (most, ended) = (0, 0)
        for (begun, time) in begins.enumerated() {
            while ended < ends.count, ends[ended] <= time { ended += 1 }
            most = max(most, begun + 1 - ended)
        }
        return most
    }
}
