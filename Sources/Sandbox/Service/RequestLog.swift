public import FoundationEssentials

/// One request the sandbox received, as it understood it.
public struct RecordedRequest: Sendable {
    /// Counts the requests of this sandbox from 1.
    public var number: Int
    /// When it arrived, by the sandbox's `now`.
    public var date: Date
    /// The HTTP method.
    public var method: String
    /// The path as sent, with its prefix and without the query string.
    public var path: String
    /// The path without its prefix, such as `/query/data/json`.
    public var endpoint: String
    /// Header names and values as sent.
    public var headers: [(name: String, value: String)]
    /// The decoded parameters whatever their encoding: lists joined by commas, objects as JSON with sorted keys.
    public var parameters: [String: String]
    /// What the request was for.
    public var phase: Fault.Phase
    /// The `request_id` of the answer.
    public var requestID: String
    /// The schedule id the request led to, when it concerned a query.
    public var scheduleID: String?
    /// The HTTP status of the answer; nil until there is one.
    public var status: Int?
    /// The rows the answer carried.
    public var rows: Int?
    /// The fault it got.
    public var fault: Fault?

    /// The values of a header, whatever its case.
    ///
    /// - Parameter name: The header's name.
    /// - Returns: All values in the order sent.
    public func header(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}

/// The latest requests, oldest first.
struct RequestLog {
    private(set) var requests: [RecordedRequest] = []
    private var count = 0

    /// Adds a request unless `limit` is 0, and gives it its number.
    mutating func append(_ request: RecordedRequest, limit: Int) -> Int {
        count += 1
        guard limit > 0 else { return count }
        var request = request
        request.number = count
        requests.append(request)
        // Dropping half at a time keeps the cost per request constant.
        if requests.count >= 2 * limit { requests.removeFirst(requests.count - limit) }
        return count
    }

    mutating func update(_ number: Int, _ change: (inout RecordedRequest) -> Void) {
        guard let last = requests.last, number <= last.number else { return }
        let index = requests.count - 1 - (last.number - number)
        guard requests.indices.contains(index) else { return }
        change(&requests[index])
    }

    func latest(_ limit: Int) -> [RecordedRequest] { requests.suffix(limit) }

    mutating func removeAll() { requests = [] }
}
