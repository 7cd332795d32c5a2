/// One thing that goes wrong: what, in which phase, how often.
///
/// As text: `KIND[@PHASE][:AMOUNT]`. `KIND` is a `Name` or an HTTP status from 400 to 599. `PHASE` is `submit`,
/// `poll`, `page`, `create`, `change`, `watch` or `discovery`; without it every phase. `AMOUNT` is a probability from 0
/// to 1 (`0.05`), a count (`2x`: the first two matching requests), a count after some that pass (`2x+3`: three pass, two
/// fail, the rest pass), or absent: always.
/// `429:0.05`, `503`, `cut@page:2x`, `not_found@page:1x+2`.
public struct Fault: Sendable, Hashable {
    /// What goes wrong.
    public var kind: Kind
    /// The phase it is limited to; nil for all.
    public var phase: Phase?
    /// How often.
    public var amount: Amount

    /// Creates a fault that happens in `phase`, or in every phase when that is nil.
    public init(_ kind: Kind, phase: Phase? = nil, amount: Amount = .always) {
        self.kind = kind
        self.phase = phase
        self.amount = amount
    }

    /// How often a fault happens among the requests it matches.
    public enum Amount: Sendable, Hashable {
        /// Every time.
        case always
        /// With this probability, decided by the seed and by what is asked, not by the order of requests.
        case probability(Double)
        /// `count` times, after the first `skipping` matching requests have passed.
        case times(_ count: Int, skipping: Int = 0)
    }

    /// What a request is for.
    public enum Phase: String, Sendable, CaseIterable {
        /// `/query/data` with a query.
        case submit
        /// `/query/status`, or `/query/data` with an empty `ds_id` and a `schedule_id`.
        case poll
        /// `/query/results`, or a non-zero `offset_start`.
        ///
        /// Faults limited to it also take any other answer that carries rows when they damage the answer rather than
        /// replace it.
        case page
        /// Making something: a backfill, a login link, a connector, a connection.
        case create
        /// Changing something: cancelling, closing, revoking.
        case change
        /// Reading transfers, their runs and their backfills.
        case watch
        /// Everything else, such as accounts and fields.
        case discovery
    }

    /// What goes wrong.
    public enum Kind: Sendable, Hashable {
        /// This HTTP status with the error body the API gives it; the request has no effect.
        case status(Int)
        /// Any of the faults with a name.
        case named(Name)
    }

    /// The faults that have a name; those up to `problem` replace the answer and the request has no effect, the others
    /// damage the answer to a request that was carried out.
    public enum Name: String, Sendable, CaseIterable {
        /// HTTP 502 with an HTML page.
        case html502
        /// HTTP 200 with an error object.
        case error200
        /// 400 `STATUS_NOT_FOUND`.
        case notFound = "not_found"
        /// 429 `API_ROW_QUOTA_EXCEEDED`, the monthly quota.
        case quota
        /// 429 `LICENSE_DAILY_QUERY_LIMIT_EXCEEDED`.
        case daily
        /// The connection is reset instead of an answer, and the request had no effect; with `reset` it had.
        case drop
        /// 302 to another origin.
        case redirect
        /// HTTP 500 whose `error` is a string.
        case stringError = "string_error"
        /// HTTP 400 as RFC 9457 problem details.
        case problem
        /// The query is accepted and ends as FAILURE.
        case failure
        /// A pending answer, a backfill or a run with a status word nobody has heard of.
        case unknownStatus = "unknown_status"
        /// The connection is reset instead of an answer.
        case reset
        /// HTTP 504 with an HTML page, although the request was carried out.
        case late504
        /// No answer on an open connection.
        case hang
        /// Half the body, then the connection closes although Content-Length promised more.
        case cut
        /// Half the body without Content-Length: its end looks like the end of the answer.
        case cutEndOfFile = "cut_eof"
        /// The body in 64 small pieces, 20 ms apart.
        case drip
        /// A well-framed body whose JSON breaks off.
        case badJSON = "bad_json"
        /// A body nested 100,000 levels deep.
        case deep
        /// A body that inflates to 64 MiB from next to nothing, for requests that accept compression.
        case bomb
        /// A page without its last row.
        case shortPage = "short_page"
        /// The rows of the page before.
        case repeatPage = "repeat_page"
        /// A `total_rows` one higher than before.
        case changedTotal = "changed_total"
    }
}

extension Fault {
    /// Reads the text form.
    ///
    /// - Parameter text: One fault such as `429@poll:0.3`.
    /// - Throws: `SandboxError.invalidFault` with the part that cannot be read.
    public init(parsing text: String) throws(SandboxError) {
        func invalid(_ reason: String) -> SandboxError { .invalidFault(text: text, reason: reason) }
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let names = halves[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(text: String(names[0])) else {
            let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("'\(names[0])' is neither a status from 400 to 599 nor one of \(known)")
        }
        var phase: Phase?
        if names.count > 1 {
            phase = Phase(rawValue: String(names[1]))
            guard phase != nil else {
                let known = Phase.allCases.map(\.rawValue).joined(separator: ", ")
                throw invalid("'\(names[1])' is not one of the phases \(known)")
            }
        }
        guard halves.count > 1 else {
            self.init(kind, phase: phase)
            return
        }
        guard let amount = Amount(text: String(halves[1])) else {
            throw invalid("'\(halves[1])' is neither a probability from 0 to 1 nor a count such as 2x or 2x+3")
        }
        self.init(kind, phase: phase, amount: amount)
    }

    /// Reads a list of faults separated by commas or spaces.
    ///
    /// - Parameter text: Faults such as `429:0.05,cut@page:2x`.
    /// - Returns: The faults in their order.
    /// - Throws: `SandboxError.invalidFault` for the first that cannot be read.
    public static func list(parsing text: String) throws(SandboxError) -> [Fault] {
        var faults: [Fault] = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            faults.append(try Fault(parsing: String(part)))
        }
        return faults
    }
}

extension Fault.Kind {
    init?(text: String) {
        if let status = Int(text) {
            guard (400...599).contains(status) else { return nil }
            self = .status(status)
        } else {
            guard let name = Fault.Name(rawValue: text) else { return nil }
            self = .named(name)
        }
    }

    /// Whether the request has no effect: the answer is made without looking at it.
    var replacesAnswer: Bool {
        guard case .named(let name) = self else { return true }
        switch name {
        case .html502, .error200, .notFound, .quota, .daily, .drop, .redirect, .stringError, .problem:
            return true
        case .failure, .unknownStatus, .reset, .late504, .hang, .cut, .cutEndOfFile, .drip, .badJSON, .deep, .bomb,
            .shortPage,
            .repeatPage, .changedTotal:
            return false
        }
    }

    /// Whether only an answer with rows can suffer it.
    var needsRows: Bool { [.named(.shortPage), .named(.repeatPage), .named(.changedTotal)].contains(self) }
}

extension Fault.Amount {
    init?(text: String) {
        guard let mark = text.firstIndex(of: "x") else {
            guard let probability = Double(text), (0...1).contains(probability) else { return nil }
            self = .probability(probability)
            return
        }
        let rest = text[text.index(after: mark)...]
        guard let count = Int(text[..<mark]), count >= 0 else { return nil }
        guard !rest.isEmpty else {
            self = .times(count)
            return
        }
        guard rest.first == "+", let skipping = Int(rest.dropFirst()), skipping >= 0 else { return nil }
        self = .times(count, skipping: skipping)
    }
}

extension Fault: CustomStringConvertible {
    /// The text form.
    public var description: String {
        var text =
            switch kind {
            case .status(let status): String(status)
            case .named(let name): name.rawValue
            }
        if let phase { text += "@\(phase.rawValue)" }
        switch amount {
        case .always: break
        case .probability(let probability): text += ":\(probability)"
        case .times(let count, let skipping): text += skipping == 0 ? ":\(count)x" : ":\(count)x+\(skipping)"
        }
        return text
    }
}
