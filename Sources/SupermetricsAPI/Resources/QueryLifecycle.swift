/// What one answer says about a query, in either dialect of the API.
package struct QueryAnswer: Sendable, Hashable {
    /// The HTTP status.
    package var httpStatus: Int
    /// `meta.status_code`, in any case and vocabulary.
    package var statusWord: String?
    /// `meta.schedule_id`.
    package var scheduleID: String?
    /// `meta.request_id`.
    package var requestID: String?
    /// Whether the body has a `data` member, empty or not.
    package var hasData: Bool
    /// The wait that `Retry-After` asks for.
    package var retryAfter: Duration?

    package init(
        httpStatus: Int,
        statusWord: String? = nil,
        scheduleID: String? = nil,
        requestID: String? = nil,
        hasData: Bool = false,
        retryAfter: Duration? = nil
    ) {
        self.httpStatus = httpStatus
        self.statusWord = statusWord
        self.scheduleID = scheduleID
        self.requestID = requestID
        self.hasData = hasData
        self.retryAfter = retryAfter
    }
}

/// The life of one asynchronous query, from submission to result ("Supermetrics API: asynchronous queries").
///
/// Pure: it is told answers, failures and the time since submission, and says what to do next. Two dialects are
/// understood: REST (HTTP 202 or 200, `QUEUED`, `SUCCESS`, handle `schedule_id`) and the Python SDK's (HTTP 200,
/// `pending`, `success`, handle `request_id`).
package struct QueryLifecycle: Sendable {
    /// What to do next.
    package enum Step: Sendable {
        /// Look again after this long, by ``QueryLifecycle/handle``.
        case wait(Duration)
        /// The result is there: in this answer where it has data, else to be fetched by ``QueryLifecycle/handle``.
        case ready
        /// The API no longer knows the query: submit it again under a fresh schedule id.
        case lost(SupermetricsError)
        /// The query has failed for good.
        case fail(SupermetricsError)
    }

    /// How a query is looked at.
    package enum Handle: Sendable, Hashable {
        /// By `GET /query/status`.
        case scheduleID(String)
        /// By `GET /query/data/json` with an empty `ds_id`.
        case requestID(String)
    }

    /// The longest pause between two looks.
    package static let longestPause: Duration = .seconds(15)
    /// How long a query just accepted may still be unknown to the status endpoint.
    package static let settling: Duration = .seconds(5)

    private let pollInterval: Duration
    private let deadline: Duration
    private let ownID: String?
    private var scheduleID: String?
    private var requestID: String?
    private var lastWord: String?
    private var wasSeen = false

    /// A query about to be submitted, or submitted by an earlier run.
    ///
    /// - Parameters:
    ///   - pollInterval: the first pause between two looks.
    ///   - deadline: the longest the query may take, from submission to result.
    ///   - scheduleID: the id it is submitted under, if the caller chose one; with it a query can be looked for
    ///     although no answer to its submission came.
    package init(pollInterval: Duration, deadline: Duration, scheduleID: String? = nil) {
        self.pollInterval = pollInterval
        self.deadline = deadline
        ownID = scheduleID
    }

    /// How to look at the query: by the id the API gave it, else by the caller's; nil while there is none.
    package var handle: Handle? {
        scheduleID.map(Handle.scheduleID) ?? requestID.map(Handle.requestID) ?? ownID.map(Handle.scheduleID)
    }

    /// Takes in an answer of HTTP status 2xx.
    ///
    /// - Parameters:
    ///   - answer: what it says.
    ///   - elapsed: the time since submission.
    ///   - random: a number in 0..<1, for jitter.
    /// - Returns: what to do next.
    package mutating func receive(_ answer: QueryAnswer, elapsed: Duration, random: Double) -> Step {
        scheduleID = answer.scheduleID ?? scheduleID
        // The first answer's id is the handle; those of later exchanges name only themselves.
        requestID = requestID ?? answer.requestID
        switch Self.meaning(of: answer) {
        case .success: return .ready
        case .failure(let word):
            var error = SupermetricsError(.query, "the query ended as \(word)", advice: "see its history at the API")
            error.requestID = answer.requestID
            return .fail(error)
        case .pending:
            wasSeen = true
            lastWord = answer.statusWord ?? lastWord
            guard handle != nil else {
                return .fail(SupermetricsError(.protocolViolation, "the query is pending, and no answer gave its id"))
            }
            return pause(atLeast: answer.retryAfter, elapsed: elapsed, random: random)
        }
    }

    /// Takes in a failure to look; failures that pass are no failures of the query.
    ///
    /// - Parameters:
    ///   - error: the failure, after the client's own retries.
    ///   - elapsed: the time since submission.
    ///   - random: a number in 0..<1, for jitter.
    /// - Returns: what to do next.
    package mutating func receive(_ error: SupermetricsError, elapsed: Duration, random: Double) -> Step {
        if error.isResultGone {
            let mayStillAppear = handle != nil && !wasSeen && elapsed < Self.settling
            return mayStillAppear ? pause(atLeast: nil, elapsed: elapsed, random: random) : .lost(error)
        }
        guard error.isTransient, handle != nil else { return .fail(error) }
        return elapsed < deadline
            ? pause(atLeast: error.retryAfter, elapsed: elapsed, random: random) : .fail(error)
    }

    private func pause(atLeast minimum: Duration?, elapsed: Duration, random: Double) -> Step {
        guard elapsed < deadline else { return .fail(timeout) }
        let pause = max(Self.pause(elapsed: elapsed, interval: pollInterval, random: random), minimum ?? .zero)
        return .wait(min(pause, deadline - elapsed))
    }

    private var timeout: SupermetricsError {
        let state = lastWord.map { ", last seen as \(String($0.prefix(40)))" } ?? ""
        var error = SupermetricsError(
            .timeout,
            "the query took longer than \(deadline.seconds)\(state)",
            advice: "ask for fewer days at once, or allow it more time"
        )
        error.requestID = requestID
        return error
    }

    /// One interval for 5 s, two until 20 s, then a seventh of the time already waited; ±10 %.
    package static func pause(elapsed: Duration, interval: Duration, random: Double) -> Duration {
        let pause: Duration =
            switch elapsed {
            case ..<Duration.seconds(5): interval
            case ..<Duration.seconds(20): interval * 2
            default: max(interval * 2, elapsed / 7)
            }
        return min(pause, max(longestPause, interval)) * (0.9 + 0.2 * random)
    }

    private enum Meaning {
        case pending
        case success
        case failure(String)
    }

    private static func meaning(of answer: QueryAnswer) -> Meaning {
        switch answer.statusWord?.trimmingSpaces.lowercased() {
        case nil, "": answer.httpStatus == 202 || !answer.hasData ? .pending : .success
        case "success": .success
        case let word? where ["failure", "failed", "stopped", "process_exited", "error"].contains(word):
            .failure(word.uppercased())
        default: .pending
        }
    }
}
