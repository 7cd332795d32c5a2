import FoundationEssentials
import SupermetricsAPI

/// One line of the journal of a run: what was about to be done, or what became of it.
enum JournalRecord: Sendable, Hashable {
    /// A backfill is about to be created; written before the request leaves.
    case intent(BackfillIntent)
    /// The intent led to a backfill.
    case created(intent: Int, backfillID: Int, isAdopted: Bool)
    /// The intent led to nothing.
    case void(intent: Int)
    /// This run cancelled a backfill.
    case cancelled(backfillID: Int)
    /// A backfill is over: the wanted days it loaded, and those whose run failed, with the API's words.
    case settled(backfillID: Int, transferID: Int, done: [DayRange], failed: [DayFailure])
    /// A run came to its end: failures before this line no longer count as attempts.
    case ended
}

/// A backfill about to be created, and what tells it apart from others should its answer be lost.
struct BackfillIntent: Sendable, Hashable, Codable {
    /// Counts intents, from 1.
    var number: Int
    var transferID: Int
    var range: DayRange
    /// The API's clock just before, in seconds since 1970.
    var serverTime: Int
    /// The backfills of the transfer known by then.
    var seen: [Int]

    enum CodingKeys: String, CodingKey {
        case number = "intent"
        case transferID = "transfer_id"
        case range = "days"
        case serverTime = "server_time"
        case seen
    }

    /// Whether a backfill is the one this intent created: one not seen before, of equal range, created no earlier.
    func mayHaveCreated(_ backfill: BackfillSnapshot) -> Bool {
        backfill.transferID == transferID && backfill.range == range && !seen.contains(backfill.id)
            && backfill.createdTime.map { $0.timeIntervalSince1970 >= Double(serverTime) } ?? true
    }
}

/// A day whose run failed.
struct DayFailure: Sendable, Hashable, Codable {
    var day: DayRange
    /// Why, in the API's words.
    var words: String

    enum CodingKeys: String, CodingKey {
        case day
        case words = "error"
    }
}

extension JournalRecord: Codable {
    private enum Kind: String, Codable { case intent, created, void, cancelled, settled, ended }

    private enum CodingKeys: String, CodingKey {
        case kind, intent, done, failed
        case backfillID = "backfill_id"
        case transferID = "transfer_id"
        case isAdopted = "adopted"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Int { try container.decode(Int.self, forKey: key) }
        switch try container.decode(Kind.self, forKey: .kind) {
        case .intent: self = .intent(try BackfillIntent(from: decoder))
        case .created:
            self = .created(
                intent: try number(.intent),
                backfillID: try number(.backfillID),
                isAdopted: try container.decode(Bool.self, forKey: .isAdopted)
            )
        case .void: self = .void(intent: try number(.intent))
        case .cancelled: self = .cancelled(backfillID: try number(.backfillID))
        case .settled:
            self = .settled(
                backfillID: try number(.backfillID),
                transferID: try number(.transferID),
                done: try container.decode([DayRange].self, forKey: .done),
                failed: try container.decode([DayFailure].self, forKey: .failed)
            )
        case .ended: self = .ended
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        func kind(_ kind: Kind) throws { try container.encode(kind, forKey: .kind) }
        switch self {
        case .intent(let intent):
            try intent.encode(to: encoder)
            try kind(.intent)
        case .created(let intent, let backfillID, let isAdopted):
            try kind(.created)
            try container.encode(intent, forKey: .intent)
            try container.encode(backfillID, forKey: .backfillID)
            try container.encode(isAdopted, forKey: .isAdopted)
        case .void(let intent):
            try kind(.void)
            try container.encode(intent, forKey: .intent)
        case .cancelled(let backfillID):
            try kind(.cancelled)
            try container.encode(backfillID, forKey: .backfillID)
        case .settled(let backfillID, let transferID, let done, let failed):
            try kind(.settled)
            try container.encode(backfillID, forKey: .backfillID)
            try container.encode(transferID, forKey: .transferID)
            try container.encode(done, forKey: .done)
            try container.encode(failed, forKey: .failed)
        case .ended: try kind(.ended)
        }
    }
}

/// What a journal says of the runs before this one.
struct JournalState: Sendable {
    /// A backfill these runs created or adopted.
    struct Own: Sendable, Hashable {
        var transferID: Int
        var range: DayRange
        var isAdopted: Bool
        var isSettled = false
        var isCancelledByUs = false
    }

    private(set) var own: [Int: Own] = [:]
    /// Intents of which nothing more is known.
    private(set) var open: [Int: BackfillIntent] = [:]
    private(set) var done: [Int: DaySet] = [:]
    /// Failures of a day since the last run that came to its end, and the latest words.
    private(set) var failures: [Int: [CalendarDay: (count: Int, words: String)]] = [:]
    /// Days asked for by the UTC day they were asked on.
    private(set) var asked: [Int: Int] = [:]
    private(set) var lastIntent = 0

    init(_ records: some Sequence<JournalRecord>) {
        for record in records { take(record) }
    }

    private mutating func take(_ record: JournalRecord) {
        switch record {
        case .intent(let intent):
            open[intent.number] = intent
            lastIntent = max(lastIntent, intent.number)
            asked[intent.serverTime / 86_400, default: 0] += intent.range.dayCount
        case .created(let number, let id, let isAdopted):
            guard let intent = open.removeValue(forKey: number) else { return }
            own[id] = Own(transferID: intent.transferID, range: intent.range, isAdopted: isAdopted)
        case .void(let number):
            guard let intent = open.removeValue(forKey: number) else { return }
            asked[intent.serverTime / 86_400, default: 0] -= intent.range.dayCount
        case .cancelled(let id): own[id]?.isCancelledByUs = true
        case .settled(let id, let transferID, let done, let failed):
            own[id]?.isSettled = true
            self.done[transferID] = DaySet(done).union(self.done[transferID] ?? DaySet())
            for failure in failed {
                for day in failure.day.first...failure.day.last {
                    let count = failures[transferID]?[day]?.count ?? 0
                    failures[transferID, default: [:]][day] = (count + 1, failure.words)
                }
            }
        case .ended: failures = [:]
        }
    }
}
